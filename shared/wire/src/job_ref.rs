//! Messages of the ingest queue that carry a due job instead of an event.

use hookrail_domain::id::{DeliveryId, WebhookId, hash_parts, hex};
use hookrail_domain::job::Job;
use hookrail_domain::time::Millis;

/// The message attribute that names the job. The message's body is what the job sends.
pub const JOB_ATTRIBUTE: &str = "hookrail-job";

/// The job of a message, and the time that it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobRef {
    pub webhook: WebhookId,
    pub delivery: DeliveryId,
    /// A job that was put off since is not taken from this message.
    pub scheduled_at: Millis,
}

impl JobRef {
    /// The address of a job as it is now.
    #[must_use]
    pub fn of(job: &Job) -> Self {
        Self { webhook: job.webhook, delivery: job.delivery, scheduled_at: job.scheduled_at }
    }

    /// The attribute's text.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("{}.{}.{}", self.webhook, self.delivery, self.scheduled_at.0)
    }

    /// The address of such a text.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (webhook, delivery, at) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            webhook: WebhookId::parse(webhook).ok()?,
            delivery: DeliveryId::parse(delivery).ok()?,
            scheduled_at: Millis(at.parse().ok()?),
        })
    }

    /// The deduplication id: of two messages for the same job and time the queue takes one.
    #[must_use]
    pub fn deduplication_id(&self) -> String {
        hex(&hash_parts(&[b"job", self.encode().as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_references_round_trip_and_reject_other_texts() {
        let address = JobRef {
            webhook: WebhookId::from_bytes([1; 12]),
            delivery: DeliveryId::from_bytes([2; 12]),
            scheduled_at: Millis(1_795_000_000_123),
        };
        let text = address.encode();
        assert_eq!(JobRef::decode(&text), Some(address));
        for bad in ["", "a.b.1", text.split_at(1).1, &format!("{text}.1"), &text.replace(".1795", ".-1795")] {
            assert_eq!(JobRef::decode(bad), None, "{bad}");
        }
        let later = JobRef { scheduled_at: Millis(1_795_000_000_124), ..address };
        assert_ne!(later.deduplication_id(), address.deduplication_id());
    }
}
