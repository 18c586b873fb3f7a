//! Operational events: changes of a webhook itself, for its owner. No payload, no URL, no secret.

use crate::attempt::AttemptNumber;
use crate::id::{DeliveryId, WebhookId, hash_parts, hex};
use crate::time::Millis;

/// A change of a webhook's queue, kept in the queue's item until it is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingEvent {
    pub kind: StateChange,
    pub at: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateChange {
    /// The endpoint fails: events are parked.
    Suspended,
    /// The endpoint responds again: the backlog is being sent.
    Resumed,
    /// The endpoint is gone.
    Deactivated,
}

/// An operational event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationalEvent {
    State(PendingEvent),
    /// A delivery was exhausted.
    Exhausted {
        delivery: DeliveryId,
        number: AttemptNumber,
        at: Millis,
        /// Status of the last attempt, as the log shows it.
        status: u16,
    },
}

impl OperationalEvent {
    #[must_use]
    pub fn at(&self) -> Millis {
        match self {
            Self::State(PendingEvent { at, .. }) | Self::Exhausted { at, .. } => *at,
        }
    }

    /// Returns its kind: the `event` of its JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::State(notice) => match notice.kind {
                StateChange::Suspended => "webhook.suspended",
                StateChange::Resumed => "webhook.resumed",
                StateChange::Deactivated => "webhook.deactivated",
            },
            Self::Exhausted { .. } => "delivery.exhausted",
        }
    }

    /// Returns an id that is the same each time it is published, so that a queue accepts it once.
    #[must_use]
    pub fn deduplication_id(&self, webhook: WebhookId) -> String {
        let (at, number) = match self {
            Self::State(notice) => (notice.at.0, 0),
            Self::Exhausted { number, .. } => (number.sequence, number.attempt),
        };
        let parts: [&[u8]; 5] =
            [b"notice", webhook.as_bytes(), self.name().as_bytes(), &at.to_be_bytes(), &number.to_be_bytes()];
        hex(&hash_parts(&parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn operational_event_ids_are_stable_and_distinct() {
        let (one, other) = (WebhookId::from_bytes([1; 12]), WebhookId::from_bytes([2; 12]));
        let exhausted = |sequence, attempt, at| OperationalEvent::Exhausted {
            delivery: DeliveryId::from_bytes([1; 12]),
            number: AttemptNumber { sequence, attempt },
            at: Millis(at),
            status: 500,
        };
        let state = |kind, at| OperationalEvent::State(PendingEvent { kind, at: Millis(at) });
        assert_eq!(exhausted(1, 3, 5).deduplication_id(one), exhausted(1, 3, 9).deduplication_id(one));
        let operational_events = [
            exhausted(1, 3, 5),
            exhausted(1, 4, 5),
            exhausted(2, 3, 5),
            state(StateChange::Suspended, 5),
            state(StateChange::Suspended, 6),
            state(StateChange::Resumed, 5),
            state(StateChange::Deactivated, 5),
        ];
        let mut ids: Vec<_> = operational_events
            .iter()
            .flat_map(|notice| [notice.deduplication_id(one), notice.deduplication_id(other)])
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 2 * operational_events.len());
        assert_eq!((operational_events[0].at(), operational_events[4].at()), (Millis(5), Millis(6)));
    }
}
