//! Rejected events: kept to be looked at, corrected and pushed again.

use crate::event::Body;
use crate::id::{EventId, RejectedId, hash_parts};
use crate::time::Millis;

/// Retention of a rejected event, in seconds: 14 days, as long as a queue would keep it.
pub const REJECTED_SECONDS: u64 = 14 * 24 * 60 * 60;

/// A rejected event. Its text may be larger than an event may be: it is kept in parts, of which a list shows
/// the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedEvent {
    pub id: RejectedId,
    /// Parts in their order; at least the first.
    pub parts: Vec<Body>,
    /// The number of all parts.
    pub parts_count: usize,
    /// Set once it was pushed again.
    pub pushed: Option<Pushed>,
}

/// The time at which it was pushed again, and the new event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    pub at: Millis,
    pub event: EventId,
}

impl RejectedId {
    /// Returns the id of the message that came at this time: two repeats of it are one event.
    #[must_use]
    pub fn made_at(at: Millis, message_id: &str) -> Self {
        let [a, b, c, d, ..] = hash_parts(&[b"rejected", message_id.as_bytes()]);
        let mut bytes = [a; 12];
        for (byte, part) in bytes.iter_mut().zip(at.0.to_be_bytes().into_iter().chain([a, b, c, d])) {
            *byte = part;
        }
        Self::from_bytes(bytes)
    }

    /// Returns the time at which it came.
    #[must_use]
    pub fn at(&self) -> Millis {
        let [a, b, c, d, e, f, g, h, ..] = *self.as_bytes();
        Millis(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

impl RejectedEvent {
    /// Makes the rejected event of this message.
    #[must_use]
    pub fn new(at: Millis, message_id: &str, text: &str) -> Self {
        let parts = Body::parts_of(text);
        Self { id: RejectedId::made_at(at, message_id), parts_count: parts.len(), parts, pushed: None }
    }

    /// Returns its text, as far as its parts are here.
    #[must_use]
    pub fn text(&self) -> String {
        self.parts.iter().map(Body::as_str).collect()
    }

    /// Returns whether some of its text is not here.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.parts.len() < self.parts_count
    }

    /// Returns the event as a list shows it.
    #[must_use]
    pub fn begin(&self) -> Self {
        Self { parts: self.parts.iter().take(1).cloned().collect(), ..self.clone() }
    }

    /// Returns the event after it was pushed again.
    #[must_use]
    pub fn after_push(&self, pushed: Pushed) -> Self {
        Self { pushed: Some(pushed), ..self.clone() }
    }

    /// Returns the time at which it is deleted.
    #[must_use]
    pub fn expires_at(&self) -> Millis {
        self.id.at().plus_seconds(REJECTED_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::EVENT_BYTES_MAX;

    #[test]
    fn a_rejected_event_has_an_id_by_time_and_expires_after_two_weeks() {
        let event = RejectedEvent::new(Millis(1_651_781_080_084), "m", "not json");
        assert_eq!(event, RejectedEvent::new(Millis(1_651_781_080_084), "m", "not json"));
        assert_ne!(event.id, RejectedEvent::new(Millis(1_651_781_080_084), "n", "not json").id);
        assert!(event.id < RejectedEvent::new(Millis(1_651_781_080_085), "a", "").id, "ids follow time");
        assert_eq!(event.id.at(), Millis(1_651_781_080_084));
        assert_eq!(event.expires_at(), Millis(1_651_781_080_084 + 14 * 24 * 3_600_000));
    }

    #[test]
    fn an_oversized_rejected_event_is_stored_in_parts() {
        let long = format!("{}é{}", "x".repeat(EVENT_BYTES_MAX - 1), "y".repeat(EVENT_BYTES_MAX));
        let event = RejectedEvent::new(Millis(0), "m", &long);
        let sizes: Vec<_> = event.parts.iter().map(|part| part.as_str().len()).collect();
        assert_eq!(sizes, [EVENT_BYTES_MAX - 1, EVENT_BYTES_MAX, 2], "no character is cut");
        assert_eq!((event.text(), event.is_cut()), (long, false));
        assert_eq!((event.begin().parts.len(), event.begin().is_cut()), (1, true));
        for (text, count) in [("", 1), ("a", 1), (&*"x".repeat(EVENT_BYTES_MAX), 1)] {
            assert_eq!(RejectedEvent::new(Millis(0), "m", text).parts_count, count);
        }
    }
}
