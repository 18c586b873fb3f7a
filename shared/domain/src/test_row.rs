//! A test send as it is kept: apart from the log and from the order.

use crate::attempt::Outcome;
use crate::event::Body;
use crate::id::DeliveryId;
use crate::time::Millis;

/// Retention of a test send, in seconds: 30 days.
pub const TEST_SECONDS: u64 = 30 * 24 * 60 * 60;

/// The position of a test send among those of its webhook: by time, and random inside a millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TestPosition {
    pub at: Millis,
    pub chance: u32,
}

/// One test send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRow {
    pub place: TestPosition,
    /// Random for this test: there is no event.
    pub delivery: DeliveryId,
    pub outcome: Outcome,
    pub duration_ms: u64,
    pub url: String,
    pub body: Body,
}

impl TestRow {
    /// Returns the `webhook-id` that the receiver got.
    #[must_use]
    pub fn webhook_id(&self) -> String {
        format!("{}_test", self.delivery)
    }

    /// Returns the time at which it is deleted.
    #[must_use]
    pub fn expires_at(&self) -> Millis {
        self.place.at.plus_seconds(TEST_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::ResponseText;

    #[test]
    fn a_test_send_is_kept_for_30_days() {
        let place = TestPosition { at: Millis(5), chance: 1 };
        let row = TestRow {
            place,
            delivery: DeliveryId::from_bytes([1; 12]),
            outcome: Outcome::Responded {
                status: 200,
                response: ResponseText::default(),
                retry_after_seconds: None,
            },
            duration_ms: 1,
            url: "https://a.io/".into(),
            body: Body::new("{}").unwrap(),
        };
        assert_eq!(row.expires_at(), Millis(5 + 30 * 24 * 3_600_000));
        assert_eq!(row.webhook_id(), "010101010101010101010101_test");
    }
}
