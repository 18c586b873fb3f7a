//! An accepted event: its company, its subject, and its body as bytes.

use std::fmt;
use std::sync::Arc;

use crate::id::{CompanyId, EventId};
use crate::limits::EVENT_BYTES_MAX;
use crate::platform::webhook::Occurrence;
use crate::trigger::{Context, TriggerType};

/// An event's body, exactly as accepted: UTF-8 JSON text, signed and sent byte for byte, never rendered again.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(Arc<str>);

/// The body is larger than `EVENT_BYTES_MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is larger than {EVENT_BYTES_MAX} bytes")]
pub struct TooLarge;

impl Body {
    /// Keeps the text as it is and checks only its size.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, TooLarge> {
        let text = text.into();
        if text.len() <= EVENT_BYTES_MAX { Ok(Self(text)) } else { Err(TooLarge) }
    }

    /// Cuts the text into as few bodies as hold it: one, unless it is larger than an event may be.
    #[must_use]
    pub fn parts_of(text: &str) -> Vec<Self> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while parts.is_empty() || !rest.is_empty() {
            let mut end = rest.len().min(EVENT_BYTES_MAX);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let (part, behind) = rest.split_at(end);
            parts.push(Self(part.into()));
            rest = behind;
        }
        parts
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows the length only: bodies hold personal data and must not reach a log.
impl fmt::Debug for Body {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Body({} bytes)", self.0.len())
    }
}

/// An event of a company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub company: CompanyId,
    pub subject: Subject,
    pub body: Body,
}

impl Event {
    /// Returns the trigger that selects it, and the ids its contexts are compared with, if it has one.
    #[must_use]
    pub fn cot(&self) -> Option<(&'static TriggerType, &Context)> {
        match &self.subject {
            Subject::Cot { kind, ids } => Some((kind, ids)),
            Subject::Platform(_) => None,
        }
    }
}

/// The subject of an event, in the terms of the system it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Cot {
        /// The catalogue entry that selects it.
        kind: &'static TriggerType,
        /// The ids that contexts are compared with.
        ids: Context,
    },
    Platform(Occurrence),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_a_body_shows_its_length_only() {
        assert_eq!(format!("{:?}", Body::new("{\"password\":1}").unwrap()), "Body(14 bytes)");
    }

    #[test]
    fn the_size_limit_is_inclusive() {
        assert_eq!(Body::new("x".repeat(EVENT_BYTES_MAX)).unwrap().as_str().len(), EVENT_BYTES_MAX);
        assert_eq!(Body::new("x".repeat(EVENT_BYTES_MAX + 1)), Err(TooLarge));
    }
}
