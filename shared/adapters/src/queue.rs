//! The FIFO queues as the functions use them. A port with an AWS side and a model side.

use std::error::Error;
use std::future::Future;

use hookrail_domain::event::Body;
use hookrail_domain::job::Job;
use hookrail_domain::limits::{QUEUE_ENVELOPE_BYTES_MAX, QUEUE_MESSAGE_BYTES_MAX};
use hookrail_wire::job_address::{JOB_ATTRIBUTE, JobAddress};
use hookrail_wire::wake_up::WakeUp;

use crate::records::Record;

pub mod sqs;

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
    /// Text attributes beside the body, none for most messages.
    pub attributes: Vec<(&'static str, String)>,
}

impl Outgoing {
    /// A call to recover to look at a line.
    #[must_use]
    pub fn wake_up(wake_up: &WakeUp) -> Self {
        let name = wake_up.name();
        Self { group: name.clone(), deduplication_id: name, body: wake_up.encode(), attributes: Vec::new() }
    }

    /// A job that is due, with what it sends, for its company's group of the ingest queue.
    #[must_use]
    pub fn job(job: &Job, content: &Body) -> Self {
        let address = JobAddress::of(job);
        Self {
            group: job.company.to_string(),
            deduplication_id: address.deduplication_id(),
            body: content.as_str().to_owned(),
            attributes: vec![(JOB_ATTRIBUTE, address.encode())],
        }
    }

    /// A copy of a record for a dead-letter queue, with the reason why it is there.
    ///
    /// A body of the largest size leaves no room for attributes; the code is in the deduplication id as well.
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

/// What the queue answered to one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendResult {
    Sent {
        message_id: String,
    },
    /// The queue took the call but not this message; a later try may succeed.
    Failed,
    /// The queue will never take this message as it is.
    Refused,
}

impl SendResult {
    #[must_use]
    pub fn is_sent(&self) -> bool {
        matches!(self, Self::Sent { .. })
    }
}

/// What the queue answered to a change of visibility.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldResult {
    Held,
    /// The handle is no longer good: the message is visible again or another run has it.
    Expired,
    /// The queue took the call but not this entry.
    Failed,
}

/// Queues are named by their URLs. Batch calls take at most ten entries.
pub trait Queue: Send + Sync {
    /// Sends messages, at most one of each group, and tells of each in the same order.
    ///
    /// One of each group because a batch can fail in part: a second message of a group would overtake a failed first.
    fn send(
        &self,
        queue_url: &str,
        messages: &[Outgoing],
    ) -> impl Future<Output = Result<Vec<SendResult>, QueueError>> + Send;

    /// Hides messages for so many seconds from now, and tells of each in the same order.
    fn hold(
        &self,
        queue_url: &str,
        holds: &[(String, u64)],
    ) -> impl Future<Output = Result<Vec<HoldResult>, QueueError>> + Send;

    /// Deletes finished messages early. What cannot be deleted is deleted when the invocation ends.
    fn delete(
        &self,
        queue_url: &str,
        handles: &[String],
    ) -> impl Future<Output = Result<(), QueueError>> + Send;
}
