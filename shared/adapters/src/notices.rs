//! Telling about webhooks themselves: to the company's own operational webhook, and to the operator's event bus.

use hookrail_domain::id::shard;
use hookrail_domain::notice::Notice;
use hookrail_domain::subscription::Subscription;
use hookrail_wire::notice;

use crate::config::NoticeConfig;
use crate::queue::{Outgoing, Queue, SendResult};
use crate::telemetry::Chain;

/// Tells it. Returns whether everybody who should was told; what was not may be told again, and is then taken once.
///
/// Nothing is sent to webhooks about an operational webhook itself: one that fails would tell itself so for ever.
pub async fn tell(
    queue: &impl Queue,
    config: &NoticeConfig,
    (webhook, notice): (&Subscription, &Notice),
) -> bool {
    let company = webhook.company.as_str();
    tracing::info!(
        company.id = company,
        subscription.id = %webhook.id,
        event = notice.name(),
        "webhook.noticed"
    );
    let events = config.events_queue_urls.get(shard(company, config.events_queue_urls.len()));
    let to_webhooks = events.filter(|_| !webhook.is_operational());
    let message = Outgoing {
        group: company.to_owned(),
        deduplication_id: notice.deduplication_id(webhook.id),
        body: notice::render(notice, &webhook.company, webhook.id),
        attributes: Vec::new(),
    };
    let mut is_told = true;
    for queue_url in to_webhooks.into_iter().chain(&config.operational_queue_url) {
        is_told &= match queue.send(queue_url, std::slice::from_ref(&message)).await {
            Ok(results) => results.iter().all(SendResult::is_sent),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "a notice could not be sent");
                false
            }
        };
    }
    is_told
}
