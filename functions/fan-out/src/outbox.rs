//! Messages of one round on their way into the queues.

use hookrail_adapters::telemetry::Chain;
use std::collections::HashSet;

use futures_util::future::join_all;
use hookrail_adapters::config::FanOutConfig;
use hookrail_adapters::queue::{Outgoing, Queue, SendResult};
use hookrail_adapters::records::Record;
use hookrail_domain::delivery::Delivery;
use hookrail_domain::id::shard;
use hookrail_domain::limits::{QUEUE_BATCH_MAX, QUEUE_ENVELOPE_BYTES_MAX, QUEUE_MESSAGE_BYTES_MAX};
use hookrail_wire::queue_message;

/// Tries of a message before its company is stopped.
const TRIES_MAX: usize = 3;

/// A message and the company it belongs to.
#[derive(Debug)]
struct Entry {
    owner: usize,
    queue_url: String,
    message: Outgoing,
}

/// The messages of one round, each of another group.
#[derive(Debug)]
pub struct Outbox<'a> {
    config: &'a FanOutConfig,
    entries: Vec<Entry>,
}

impl<'a> Outbox<'a> {
    #[must_use]
    pub fn new(config: &'a FanOutConfig) -> Self {
        Self { config, entries: Vec::new() }
    }

    /// Adds a delivery's message to its webhook's queue.
    pub fn deliver(&mut self, owner: usize, delivery: &Delivery) {
        let group = delivery.subscription.to_string();
        let urls = &self.config.deliveries_queue_urls;
        let queue_url = urls.get(shard(&group, urls.len())).cloned().unwrap_or_default();
        let message = Outgoing {
            group,
            // Delivery ids are derived from event and webhook. A redelivery adds its round.
            deduplication_id: delivery.id.to_string(),
            body: queue_message::encode(delivery),
            attributes: Vec::new(),
        };
        self.entries.push(Entry { owner, queue_url, message });
    }

    /// Adds a copy of a record that is no event to the dead-letter queue.
    pub fn reject(&mut self, owner: usize, record: &Record, reason: &'static str) {
        tracing::warn!(message.id = %record.message_id, reason, "an event was rejected");
        let message = Outgoing::dead_letter(record, reason, reason);
        self.entries.push(Entry { owner, queue_url: self.config.events_dlq_url.clone(), message });
    }

    /// Sends everything and returns the owners of what could not be sent.
    pub async fn send(self, queue: &impl Queue) -> HashSet<usize> {
        let batches = into_batches(self.entries);
        let refused = join_all(batches.into_iter().map(|batch| send_batch(queue, batch))).await;
        refused.into_iter().flatten().collect()
    }
}

/// Batches of one queue, within the limits of a batch call.
fn into_batches(mut entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    // Stable: the order of the round is kept inside a queue.
    entries.sort_by(|one, two| one.queue_url.cmp(&two.queue_url));
    let mut batches: Vec<Vec<Entry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let size = entry.message.body.len() + QUEUE_ENVELOPE_BYTES_MAX;
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

/// Sends a batch, then what failed of it again. Every entry is of another group, so none can overtake.
async fn send_batch(queue: &impl Queue, mut batch: Vec<Entry>) -> Vec<usize> {
    for _ in 0..TRIES_MAX {
        let Some(queue_url) = batch.first().map(|entry| entry.queue_url.clone()) else { break };
        let messages: Vec<_> = batch.iter().map(|entry| entry.message.clone()).collect();
        match queue.send(&queue_url, &messages).await {
            Ok(results) => {
                let mut sent = results.iter().map(SendResult::is_sent);
                batch.retain(|_| !sent.next().unwrap_or(false));
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "a batch could not be sent");
            }
        }
    }
    batch.into_iter().map(|entry| entry.owner).collect()
}
