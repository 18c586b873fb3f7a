//! Messages of one round on their way into the queues.

use std::collections::BTreeSet;
use std::iter::Peekable;

use futures_util::future::join_all;
use hookrail_adapters::config::FanOutConfig;
use hookrail_domain::attempt::ErrorClass;
use hookrail_domain::delivery::{Delivery, Destination, Unsendable};
use hookrail_domain::id::shard;
use hookrail_domain::limits::{QUEUE_BATCH_MAX, QUEUE_ENVELOPE_BYTES_MAX, QUEUE_MESSAGE_BYTES_MAX};
use hookrail_domain::time::Millis;
use hookrail_pipeline::batch::Record;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::queue::{Outgoing, Queue, SendResult};
use hookrail_wire::queue_message;

/// Tries of a message before its company is stopped.
const TRIES_MAX: usize = 3;

/// Bytes of messages that are encoded and in flight at the same time.
/// A message is in memory about four times on its way: as text, in the entry of the call, and escaped and
/// buffered for the connection.
pub const WINDOW_BYTES_MAX: usize = 8 * QUEUE_MESSAGE_BYTES_MAX;

/// Least time left to send another window, in milliseconds: a call to the queue with its retries.
const WINDOW_MS_MIN: u64 = 2_500;

/// Reason in the log row of a delivery that the queue refuses.
const REFUSED: &str = "the queue refused the message of this delivery";

/// A message, its queue and its company.
#[derive(Debug)]
struct Entry<'a> {
    owner: usize,
    queue_url: &'a str,
    content: Content,
}

/// The source of a message, which is encoded in its turn.
#[derive(Debug)]
enum Content {
    Delivery(Delivery),
    Message(Outgoing),
}

/// The messages of one round, each of another group.
#[derive(Debug)]
pub struct Outbox<'a> {
    config: &'a FanOutConfig,
    entries: Vec<Entry<'a>>,
}

/// The owners of messages that are not in their queues.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unsent {
    /// A later try may succeed.
    pub failed: BTreeSet<usize>,
    /// The queue will never accept it, nor the message that ends it visibly.
    pub refused: BTreeSet<usize>,
}

impl Unsent {
    fn has(&self, owner: usize) -> bool {
        self.failed.contains(&owner) || self.refused.contains(&owner)
    }
}

impl<'a> Outbox<'a> {
    #[must_use]
    pub fn new(config: &'a FanOutConfig) -> Self {
        Self { config, entries: Vec::new() }
    }

    /// Adds a delivery's message to its webhook's queue.
    pub fn deliver(&mut self, owner: usize, delivery: Delivery) {
        let urls = &self.config.deliveries_queue_urls;
        let queue_url = urls.get(shard(&delivery.webhook.to_string(), urls.len()));
        let queue_url = queue_url.map(String::as_str).unwrap_or_default();
        self.entries.push(Entry { owner, queue_url, content: Content::Delivery(delivery) });
    }

    /// Adds a copy of a rejected event to the dead-letter queue.
    pub fn reject(&mut self, owner: usize, record: &Record, reason: &'static str) {
        tracing::warn!(message.id = %record.message_id, reason, "an event was rejected");
        let content = Content::Message(Outgoing::dead_letter(record, reason, reason));
        self.entries.push(Entry { owner, queue_url: &self.config.events_dlq_url, content });
    }

    /// Sends everything, window by window, until `deadline` is near.
    pub async fn send(self, queue: &impl Queue, clock: &impl Clock, deadline: Millis) -> Unsent {
        let mut unsent = Unsent::default();
        let mut batches = into_batches(self.entries).into_iter().peekable();
        while batches.peek().is_some() {
            let mut window = next_window(&mut batches);
            if deadline.since(clock.now()) < WINDOW_MS_MIN {
                unsent.failed.extend(window.iter().flatten().map(|entry| entry.owner));
                continue;
            }
            // Later messages of a company that must begin its event again are sent then.
            window.iter_mut().for_each(|batch| batch.retain(|entry| !unsent.has(entry.owner)));
            for result in join_all(window.into_iter().map(|batch| send_batch(queue, batch))).await {
                unsent.failed.extend(result.failed);
                unsent.refused.extend(result.refused);
            }
        }
        unsent
    }
}

impl Entry<'_> {
    /// Returns the largest length of a message.
    fn bytes_max(&self) -> usize {
        QUEUE_ENVELOPE_BYTES_MAX
            + match &self.content {
                Content::Delivery(delivery) => delivery.body.as_str().len(),
                Content::Message(message) => message.body.len(),
            }
    }

    fn message(&self) -> Outgoing {
        match &self.content {
            Content::Delivery(delivery) => Outgoing {
                group: delivery.webhook.to_string(),
                // Delivery ids are derived from event and webhook. A redelivery adds its round.
                deduplication_id: delivery.id.to_string(),
                body: queue_message::encode(delivery),
                attributes: Vec::new(),
            },
            Content::Message(message) => message.clone(),
        }
    }

    /// Returns the replacement of a refused delivery: the same delivery, which ends unsent with a reason.
    fn ended(self) -> Option<Self> {
        let Content::Delivery(delivery) = self.content else { return None };
        tracing::error!(
            delivery.id = %delivery.id,
            company.id = %delivery.company,
            webhook.id = %delivery.webhook,
            "the queue refused a delivery, which ends unsent"
        );
        let reason = REFUSED.to_owned();
        let destination = Destination::Nowhere(Unsendable { class: ErrorClass::DeadLettered, reason });
        Some(Self { content: Content::Delivery(Delivery { destination, ..delivery }), ..self })
    }
}

/// Returns the batches of one queue, within the limits of a batch call.
fn into_batches(mut entries: Vec<Entry<'_>>) -> Vec<Vec<Entry<'_>>> {
    // Stable: the order of the round is kept inside a queue.
    entries.sort_by(|one, two| one.queue_url.cmp(two.queue_url));
    let mut batches: Vec<Vec<Entry<'_>>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let size = entry.bytes_max();
        let fits = batches.last().is_some_and(|batch| {
            batch.len() < QUEUE_BATCH_MAX
                && bytes + size <= QUEUE_MESSAGE_BYTES_MAX
                && batch.first().is_some_and(|first| first.queue_url == entry.queue_url)
        });
        match batches.last_mut() {
            Some(batch) if fits => {
                bytes += size;
                batch.push(entry);
            }
            _ => {
                bytes = size;
                batches.push(vec![entry]);
            }
        }
    }
    batches
}

/// Returns as many of the next batches as may be in flight together.
fn next_window<'a>(batches: &mut Peekable<impl Iterator<Item = Vec<Entry<'a>>>>) -> Vec<Vec<Entry<'a>>> {
    let size = |batch: &Vec<Entry<'_>>| batch.iter().map(Entry::bytes_max).sum::<usize>();
    let mut window: Vec<_> = batches.next().into_iter().collect();
    let mut bytes: usize = window.iter().map(size).sum();
    while let Some(batch) = batches.next_if(|batch| bytes + size(batch) <= WINDOW_BYTES_MAX) {
        bytes += size(&batch);
        window.push(batch);
    }
    window
}

/// Sends a batch, then its failed entries again. Every entry is of another group, so none can overtake.
async fn send_batch(queue: &impl Queue, mut batch: Vec<Entry<'_>>) -> Unsent {
    let mut refused = Vec::new();
    for _ in 0..TRIES_MAX {
        if batch.is_empty() {
            break;
        }
        let Some(results) = send_once(queue, &batch).await else { continue };
        let mut results = results.into_iter();
        let mut failed = Vec::new();
        for entry in batch {
            match results.next() {
                Some(SendResult::Sent { .. }) => {}
                Some(SendResult::Refused) => refused.push(entry),
                Some(SendResult::Failed) | None => failed.push(entry),
            }
        }
        batch = failed;
    }
    let failed = batch.into_iter().map(|entry| entry.owner).collect();
    let mut unsent = Unsent { failed, refused: BTreeSet::new() };
    for entry in refused {
        end_refused(queue, entry, &mut unsent).await;
    }
    unsent
}

/// Sends a batch once. None if the call failed as a whole.
async fn send_once(queue: &impl Queue, batch: &[Entry<'_>]) -> Option<Vec<SendResult>> {
    let queue_url = batch.first()?.queue_url;
    let messages: Vec<_> = batch.iter().map(Entry::message).collect();
    match queue.send(queue_url, &messages).await {
        Ok(results) => Some(results),
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "a batch could not be sent");
            None
        }
    }
}

/// Ends a delivery that the queue refuses at its position, so that everything else continues.
async fn end_refused(queue: &impl Queue, entry: Entry<'_>, unsent: &mut Unsent) {
    let owner = entry.owner;
    let Some(ended) = entry.ended() else {
        unsent.refused.insert(owner);
        return;
    };
    for _ in 0..TRIES_MAX {
        match send_once(queue, std::slice::from_ref(&ended)).await.as_deref() {
            Some([SendResult::Sent { .. }]) => return,
            Some([SendResult::Refused]) => {
                unsent.refused.insert(owner);
                return;
            }
            _ => {}
        }
    }
    unsent.failed.insert(owner);
}

#[cfg(test)]
mod tests {
    use hookrail_domain::delivery::{QueueName, QueuePosition};
    use hookrail_domain::event::Body;
    use hookrail_domain::id::{CompanyId, DeliveryId, EventId, WebhookId};
    use hookrail_domain::limits::{EVENT_BYTES_MAX, WEBHOOKS_PER_COMPANY_MAX};

    use super::*;

    fn entry(number: usize, body: &Body) -> Entry<'static> {
        let [.., high, low] = number.to_be_bytes();
        let webhook = WebhookId::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, high, low]);
        let event = EventId::of_message("m");
        let delivery = Delivery {
            id: DeliveryId::of(event, webhook),
            event,
            company: CompanyId::parse("acme").unwrap(),
            webhook,
            accepted: QueuePosition { queue: QueueName::new("events.fifo"), number: 1 },
            accepted_at: Millis(1),
            destination: Destination::Webhook,
            body: body.clone(),
        };
        Entry { owner: 0, queue_url: "deliveries.fifo", content: Content::Delivery(delivery) }
    }

    #[track_caller]
    fn check_windows(body_bytes: usize, windows_expected: usize) {
        let body = Body::new("x".repeat(body_bytes)).unwrap();
        let entries = (0..WEBHOOKS_PER_COMPANY_MAX).map(|number| entry(number, &body)).collect();
        let mut batches = into_batches(entries).into_iter().peekable();
        let (mut sent, mut windows) = (Vec::new(), 0);
        while batches.peek().is_some() {
            let window = next_window(&mut batches);
            let bytes: usize = window.iter().flatten().map(|entry| entry.message().body.len()).sum();
            assert!(bytes <= WINDOW_BYTES_MAX, "{bytes}");
            windows += 1;
            sent.extend(window.into_iter().flatten().map(|entry| entry.message().group));
        }
        let all: Vec<_> =
            (0..WEBHOOKS_PER_COMPANY_MAX).map(|number| entry(number, &body).message().group).collect();
        assert_eq!((sent, windows), (all, windows_expected));
    }

    #[test]
    fn a_thousand_of_the_largest_events_are_in_flight_by_the_window() {
        // Three messages a batch, ten batches a window.
        check_windows(EVENT_BYTES_MAX, 34);
    }

    #[test]
    fn small_events_share_a_window() {
        check_windows(100, 2);
    }
}
