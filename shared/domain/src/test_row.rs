//! A test send as it is kept: beside the log, and no part of the order.

use crate::attempt::Outcome;
use crate::event::Body;
use crate::id::DeliveryId;
use crate::time::Millis;

/// How long a test send is kept, in seconds: 30 days.
pub const TEST_SECONDS: u64 = 30 * 24 * 60 * 60;

/// Where a test send stands among those of its webhook: by time, and by chance inside a millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TestPlace {
    pub at: Millis,
    pub chance: u32,
}

/// One test send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRow {
    pub place: TestPlace,
    /// Drawn for this test: no event is behind it.
    pub delivery: DeliveryId,
    pub outcome: Outcome,
    pub duration_ms: u64,
    pub url: String,
    pub body: Body,
}

impl TestRow {
    /// What the receiver was told as `webhook-id`.
    #[must_use]
    pub fn webhook_id(&self) -> String {
        format!("{}_test", self.delivery)
    }

    /// When it is forgotten.
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
    fn a_test_is_kept_for_thirty_days() {
        let place = TestPlace { at: Millis(5), chance: 1 };
        let row = TestRow {
            place,
            delivery: DeliveryId::from_bytes([1; 12]),
            outcome: Outcome::Answered {
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
