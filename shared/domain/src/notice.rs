//! What is told about a webhook itself, to whoever looks after it. No payload, no URL, no secret.

use crate::attempt::AttemptNumber;
use crate::id::{DeliveryId, SubscriptionId, hash_parts, hex};
use crate::time::Millis;

/// A change of a webhook's line, kept on the line until it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineNotice {
    pub kind: LineChange,
    pub at: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineChange {
    /// The endpoint fails: events are set aside.
    Suspended,
    /// The endpoint answers again: what was set aside is being sent.
    Resumed,
    /// The endpoint is gone.
    Deactivated,
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    Line(LineNotice),
    /// An event was given up.
    Exhausted {
        delivery: DeliveryId,
        number: AttemptNumber,
        at: Millis,
        /// Of the last attempt, as the log shows it.
        status: u16,
    },
}

impl Notice {
    #[must_use]
    pub fn at(&self) -> Millis {
        match self {
            Self::Line(LineNotice { at, .. }) | Self::Exhausted { at, .. } => *at,
        }
    }

    /// What kind of event it is: the `event` of its JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Line(notice) => match notice.kind {
                LineChange::Suspended => "webhook.suspended",
                LineChange::Resumed => "webhook.resumed",
                LineChange::Deactivated => "webhook.deactivated",
            },
            Self::Exhausted { .. } => "delivery.exhausted",
        }
    }

    /// The same whenever it is told, so that a queue takes it once.
    #[must_use]
    pub fn deduplication_id(&self, subscription: SubscriptionId) -> String {
        let (at, number) = match self {
            Self::Line(notice) => (notice.at.0, 0),
            Self::Exhausted { number, .. } => (number.sequence, number.attempt),
        };
        let parts: [&[u8]; 5] = [
            b"notice",
            subscription.as_bytes(),
            self.name().as_bytes(),
            &at.to_be_bytes(),
            &number.to_be_bytes(),
        ];
        hex(&hash_parts(&parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_notice_is_the_same_however_often_it_is_told_and_unlike_every_other() {
        let (one, other) = (SubscriptionId::from_bytes([1; 12]), SubscriptionId::from_bytes([2; 12]));
        let exhausted = |sequence, attempt, at| Notice::Exhausted {
            delivery: DeliveryId::from_bytes([1; 12]),
            number: AttemptNumber { sequence, attempt },
            at: Millis(at),
            status: 500,
        };
        let line = |kind, at| Notice::Line(LineNotice { kind, at: Millis(at) });
        assert_eq!(exhausted(1, 3, 5).deduplication_id(one), exhausted(1, 3, 9).deduplication_id(one));
        let notices = [
            exhausted(1, 3, 5),
            exhausted(1, 4, 5),
            exhausted(2, 3, 5),
            line(LineChange::Suspended, 5),
            line(LineChange::Suspended, 6),
            line(LineChange::Resumed, 5),
            line(LineChange::Deactivated, 5),
        ];
        let mut ids: Vec<_> = notices
            .iter()
            .flat_map(|notice| [notice.deduplication_id(one), notice.deduplication_id(other)])
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 2 * notices.len());
        assert_eq!((notices[0].at(), notices[4].at()), (Millis(5), Millis(6)));
    }
}
