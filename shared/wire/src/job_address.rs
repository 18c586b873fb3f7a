//! A message of the ingest queue that is no event for whoever wants it, but one job that is due.

use hookrail_domain::id::{DeliveryId, SubscriptionId, hash_parts, hex};
use hookrail_domain::job::Job;
use hookrail_domain::time::Millis;

/// The message attribute that names the job. The message's body is what the job sends.
pub const JOB_ATTRIBUTE: &str = "hookrail-job";

/// Which job a message is for, and for which of its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobAddress {
    pub subscription: SubscriptionId,
    pub delivery: DeliveryId,
    /// A job that was put off since is not taken from this message.
    pub scheduled_at: Millis,
}

impl JobAddress {
    /// The address of a job as it is now.
    #[must_use]
    pub fn of(job: &Job) -> Self {
        Self { subscription: job.subscription, delivery: job.delivery, scheduled_at: job.scheduled_at }
    }

    /// The attribute's text.
    #[must_use]
    pub fn encode(&self) -> String {
        format!("{}.{}.{}", self.subscription, self.delivery, self.scheduled_at.0)
    }

    /// The address of such a text.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (subscription, delivery, at) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            subscription: SubscriptionId::parse(subscription).ok()?,
            delivery: DeliveryId::parse(delivery).ok()?,
            scheduled_at: Millis(at.parse().ok()?),
        })
    }

    /// What tells two messages for the same job and time from others: the queue takes one of them.
    #[must_use]
    pub fn deduplication_id(&self) -> String {
        hex(&hash_parts(&[b"job", self.encode().as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_was_written_and_nothing_else_is_one() {
        let address = JobAddress {
            subscription: SubscriptionId::from_bytes([1; 12]),
            delivery: DeliveryId::from_bytes([2; 12]),
            scheduled_at: Millis(1_795_000_000_123),
        };
        let text = address.encode();
        assert_eq!(JobAddress::decode(&text), Some(address));
        for bad in ["", "a.b.1", text.split_at(1).1, &format!("{text}.1"), &text.replace(".1795", ".-1795")] {
            assert_eq!(JobAddress::decode(bad), None, "{bad}");
        }
        let later = JobAddress { scheduled_at: Millis(1_795_000_000_124), ..address };
        assert_ne!(later.deduplication_id(), address.deduplication_id());
    }
}
