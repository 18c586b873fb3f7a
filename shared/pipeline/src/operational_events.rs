//! Publishing of operational events: to the company's own operational webhook, and to the operator's
//! event bus.

use hookrail_domain::id::shard;
use hookrail_domain::operational_event::OperationalEvent;
use hookrail_domain::webhook::Webhook;
use hookrail_wire::operational_event;

use crate::fault::ErrorChain;
use crate::queue::{Outgoing, Queue, SendResult};

/// The queues that operational events are published to.
#[derive(Debug, Clone, Default)]
pub struct OperationalEventConfig {
    /// Queues from which a company's operational webhook receives them.
    pub events_queue_urls: Vec<String>,
    /// Queue from which the operator's event bus receives them, if there is one.
    pub operational_queue_url: Option<String>,
}

/// Publishes the event. Returns whether every destination has it; otherwise it may be published again,
/// and is then accepted once.
///
/// An event about an operational webhook is not sent to webhooks: a failing one would publish events
/// about itself without end.
pub async fn publish(
    queue: &impl Queue,
    config: &OperationalEventConfig,
    webhook: &Webhook,
    event: &OperationalEvent,
) -> bool {
    let company = webhook.company.as_str();
    tracing::info!(
        company.id = company,
        webhook.id = %webhook.id,
        event = event.name(),
        "operational_event.published"
    );
    let events = config.events_queue_urls.get(shard(company, config.events_queue_urls.len()));
    let to_webhooks = events.filter(|_| !webhook.is_operational());
    let message = Outgoing {
        group: company.to_owned(),
        deduplication_id: event.deduplication_id(webhook.id),
        body: operational_event::render(event, &webhook.company, webhook.id),
        attributes: Vec::new(),
    };
    let mut is_published = true;
    for queue_url in to_webhooks.into_iter().chain(&config.operational_queue_url) {
        is_published &= match queue.send(queue_url, std::slice::from_ref(&message)).await {
            Ok(results) => results.iter().all(SendResult::is_sent),
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "an operational event could not be published");
                false
            }
        };
    }
    is_published
}
