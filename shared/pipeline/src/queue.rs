//! The FIFO queues as the functions use them. A port with an AWS side and a model side.

use std::error::Error;
use std::future::Future;

use hookrail_domain::event::Body;
use hookrail_domain::job::Job;
use hookrail_domain::limits::{QUEUE_ENVELOPE_BYTES_MAX, QUEUE_MESSAGE_BYTES_MAX};
use hookrail_wire::job_ref::{JOB_ATTRIBUTE, JobRef};
use hookrail_wire::wake_up::WakeUp;

use crate::batch::Record;

/// A whole call to the queue failed.
#[derive(Debug, thiserror::Error)]
#[error("the queue is not available")]
pub struct QueueError(#[source] pub Box<dyn Error + Send + Sync>);

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub group: String,
    pub deduplication_id: String,
    pub body: String,
    /// Text attributes in addition to the body, none for most messages.
    pub attributes: Vec<(&'static str, String)>,
}

impl Outgoing {
    /// Returns the message that asks recover to look at a queue.
    #[must_use]
    pub fn wake_up(wake_up: &WakeUp) -> Self {
        let name = wake_up.name();
        Self { group: name.clone(), deduplication_id: name, body: wake_up.encode(), attributes: Vec::new() }
    }

    /// Returns a due job with its content, as a message for its company's group of the ingest queue.
    #[must_use]
    pub fn job(job: &Job, content: &Body) -> Self {
        let address = JobRef::of(job);
        Self {
            group: job.company.to_string(),
            deduplication_id: address.deduplication_id(),
            body: content.as_str().to_owned(),
            attributes: vec![(JOB_ATTRIBUTE, address.encode())],
        }
    }

    /// Returns a copy of a record for a dead-letter queue, with the reason why it is there.
    ///
    /// A body of the largest size leaves no room for attributes; the code is in the deduplication id as
    /// well.
    #[must_use]
    pub fn dead_letter(record: &Record, code: &str, reason: &str) -> Self {
        let room = record.body.len() + QUEUE_ENVELOPE_BYTES_MAX <= QUEUE_MESSAGE_BYTES_MAX;
        let attributes = if room {
            vec![("reason", reason.to_owned()), ("messageId", record.message_id.clone())]
        } else {
            Vec::new()
        };
        Self {
            group: record.group.clone(),
            deduplication_id: format!("{code}-{}", record.message_id),
            body: record.body.clone(),
            attributes,
        }
    }
}

/// The result of sending one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendResult {
    Sent {
        message_id: String,
    },
    /// The queue accepted the call but not this message; a later try may succeed.
    Failed,
    /// The queue will never accept this message as it is.
    Refused,
}

impl SendResult {
    #[must_use]
    pub fn is_sent(&self) -> bool {
        matches!(self, Self::Sent { .. })
    }
}

/// The result of changing the visibility of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldResult {
    Held,
    /// The handle is no longer valid: the message is visible again or another run has it.
    Expired,
    /// The queue accepted the call but not this entry.
    Failed,
}

/// Queues are named by their URLs. Batch calls take at most ten entries.
pub trait Queue: Send + Sync {
    /// Sends messages, at most one of each group, and returns their results in the same order.
    ///
    /// One of each group because a batch can fail in part: a second message of a group would overtake a
    /// failed first.
    fn send(
        &self,
        queue_url: &str,
        messages: &[Outgoing],
    ) -> impl Future<Output = Result<Vec<SendResult>, QueueError>> + Send;

    /// Hides messages for this many seconds from now, and returns the results in the same order.
    fn hold(
        &self,
        queue_url: &str,
        holds: &[(String, u64)],
    ) -> impl Future<Output = Result<Vec<HoldResult>, QueueError>> + Send;

    /// Deletes finished messages early. A message that cannot be deleted now is deleted when the
    /// invocation ends.
    fn delete(
        &self,
        queue_url: &str,
        handles: &[String],
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Returns about how many messages wait in a queue, without those that are being handled.
    fn length(&self, queue_url: &str) -> impl Future<Output = Result<u64, QueueError>> + Send;
}
