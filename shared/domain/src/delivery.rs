//! One event owed to one webhook, and its positions in the queues that carry it.

use std::fmt;
use std::sync::Arc;

use crate::attempt::ErrorClass;
use crate::event::Body;
use crate::id::{CompanyId, DeliveryId, EventId, WebhookId};
use crate::target::TargetUrl;
use crate::time::Millis;

/// A queue's own name: sequence numbers of two queues are never compared.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct QueueName(Arc<str>);

impl QueueName {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Returns the last segment of a queue's URL.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        Self::last_segment(url, '/')
    }

    /// Returns the last segment of a queue's ARN.
    #[must_use]
    pub fn of_arn(arn: &str) -> Self {
        Self::last_segment(arn, ':')
    }

    fn last_segment(text: &str, separator: char) -> Self {
        Self::new(text.rsplit(separator).next().unwrap_or(text))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for QueueName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A message's position in a queue: the sequence number that SQS FIFO gave it, growing within a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePosition {
    pub queue: QueueName,
    pub number: u128,
}

impl QueuePosition {
    /// Returns whether this message came before `other` in the same queue. Unknown across queues, hence
    /// false.
    #[must_use]
    pub fn is_before(&self, other: &Self) -> bool {
        self.queue == other.queue && self.number < other.number
    }
}

/// One event owed to one webhook, until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub event: EventId,
    pub company: CompanyId,
    pub webhook: WebhookId,
    /// The event's position in the ingest queue: the order in which the platform pushed the company's events.
    pub accepted: QueuePosition,
    pub accepted_at: Millis,
    pub destination: Destination,
    pub body: Body,
}

/// A delivery and its message in the delivery queue.
#[derive(Debug, Clone, Copy)]
pub struct QueuedDelivery<'a> {
    pub delivery: &'a Delivery,
    pub position: &'a QueuePosition,
    pub sent_at: Millis,
}

/// The destination of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The webhook's URL, as it is at each attempt.
    Webhook,
    /// The URL that the webhook's template gave for the event.
    Resolved(TargetUrl),
    /// Nowhere: the webhook's filter or template failed for the event.
    Nowhere(Unsendable),
}

/// The reason why nothing is sent, for the webhook's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsendable {
    pub class: ErrorClass,
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_name_is_the_last_part_of_its_url_or_arn() {
        for name in [
            QueueName::of_url("https://sqs.eu-west-1.amazonaws.com/000000000000/events.fifo"),
            QueueName::of_arn("arn:aws:sqs:eu-west-1:000000000000:events.fifo"),
            QueueName::of_url("events.fifo"),
        ] {
            assert_eq!((name.as_str(), format!("{name:?}")), ("events.fifo", "events.fifo".to_owned()));
        }
    }

    #[test]
    fn positions_compare_within_one_queue_only() {
        let at = |queue, number| QueuePosition { queue: QueueName::new(queue), number };
        assert!(at("a", 1).is_before(&at("a", 2)));
        assert!(!at("a", 2).is_before(&at("a", 2)));
        assert!(!at("a", 3).is_before(&at("a", 2)));
        assert!(!at("a", 1).is_before(&at("b", 2)));
    }
}
