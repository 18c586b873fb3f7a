//! The messages of a queue: as sent, as kept, and as received.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::millis::Millis;
use crate::receipt_handle::ReceiptHandle;

/// The `SenderId` every message carries; locally there are no identities to tell apart.
pub const SENDER_ID: &str = "AIDAHOOKRAILLOCALDEV0";

/// A message to be sent, before the queue has checked it.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    pub body: Arc<str>,
    pub group: Option<Arc<str>>,
    pub deduplication_id: Option<Arc<str>>,
    /// Only a standard queue accepts a delay other than 0.
    pub delay_s: Option<u32>,
    pub attributes: MessageAttributes,
    pub trace_header: Option<Arc<str>>,
}

/// User attributes by name, in the order their MD5 is taken.
pub type MessageAttributes = BTreeMap<Arc<str>, MessageAttribute>;

/// One user attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, with an optional `.label`.
    pub data_type: Arc<str>,
    pub value: AttributeValue,
}

/// The value of a user attribute, by its transport type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeValue {
    Text(Arc<str>),
    Binary(Arc<[u8]>),
}

/// The part of a message that never changes once a queue has accepted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    pub body: Arc<str>,
    pub group: Option<Arc<str>>,
    pub deduplication_id: Option<Arc<str>>,
    pub sent_at: Millis,
    pub attributes: MessageAttributes,
    pub trace_header: Option<Arc<str>>,
    /// ARN of the queue that moved the message away, once it is in a dead-letter queue.
    pub dead_letter_source: Option<Arc<str>>,
}

/// A message as one receive returned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub message: Arc<Message>,
    pub sequence: SequenceNumber,
    pub handle: ReceiptHandle,
    /// `ApproximateReceiveCount`, this receive included.
    pub receive_count: u32,
    pub first_received_at: Millis,
}

/// The result of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub id: MessageId,
    pub sequence: SequenceNumber,
    /// The queue remembered this deduplication id: nothing was added, and the ids are those of the original.
    pub is_duplicate: bool,
}

/// A message id in the shape of a UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId([u8; 16]);

impl MessageId {
    /// Returns the id of the message that a queue with this seed numbers `sequence`.
    #[must_use]
    pub fn derive(seed: u64, sequence: SequenceNumber) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_be_bytes());
        hash.update(sequence.0.to_be_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest).for_each(|(byte, drawn)| *byte = drawn);
        let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
        *version = (*version & 0x0f) | 0x40;
        *variant = (*variant & 0x3f) | 0x80;
        Self(bytes)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; 36];
        // Hex digits go everywhere but to the four dashes.
        let mut slots = text.iter_mut().enumerate().filter(|(at, _)| !matches!(at, 8 | 13 | 18 | 23));
        for nibble in self.0.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]) {
            if let (Some((_, slot)), Some(digit)) = (slots.next(), DIGITS.get(usize::from(nibble))) {
                *slot = *digit;
            }
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a message id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a message id")]
pub struct InvalidMessageId;

impl FromStr for MessageId {
    type Err = InvalidMessageId;

    fn from_str(text: &str) -> Result<Self, InvalidMessageId> {
        let mut bytes = [0; 16];
        let mut digits = text.chars().filter(|c| *c != '-').map(|c| c.to_digit(16));
        for byte in &mut bytes {
            let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else {
                return Err(InvalidMessageId);
            };
            *byte = u8::try_from(high * 16 + low).unwrap_or(u8::MAX);
        }
        let id = Self(bytes);
        // Only one spelling names a message: Lambda compares identifiers as text.
        if digits.next().is_none() && id.to_string() == text { Ok(id) } else { Err(InvalidMessageId) }
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A message's position in its queue; shown with 20 digits, so that text and number sort alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SequenceNumber(pub u64);

/// Numbers that one millisecond can hold before the next one's are borrowed; leaves room until the year 2527.
const SEQUENCE_BITS_PER_MILLI: u32 = 20;

impl SequenceNumber {
    /// Returns the number after this one at `now`.
    /// It starts from the clock, so that it grows across restarts, and never goes back even if the clock
    /// does.
    #[must_use]
    pub fn next(self, now: Millis) -> Self {
        Self(self.0.saturating_add(1).max(now.0.saturating_mul(1 << SEQUENCE_BITS_PER_MILLI)))
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_look_like_uuids_and_parse_back() {
        let id = MessageId::derive(7, SequenceNumber(1));
        let text = id.to_string();
        assert_eq!(text.len(), 36);
        assert_eq!((text.get(14..15), text.matches('-').count()), (Some("4"), 4));
        assert_eq!(text.parse(), Ok(id));
        assert_ne!(id, MessageId::derive(8, SequenceNumber(1)));
        assert_ne!(id, MessageId::derive(7, SequenceNumber(2)));
    }

    #[test]
    fn rejects_other_spellings_of_message_ids() {
        let text = MessageId::derive(7, SequenceNumber(1)).to_string();
        for bad in [
            "",
            "x",
            text.trim_end_matches(char::is_alphanumeric),
            &format!("{text}0"),
            &text.replace('-', ""),
            &text.to_uppercase(),
        ] {
            assert_eq!(bad.parse::<MessageId>(), Err(InvalidMessageId), "{bad}");
        }
    }

    #[test]
    fn sequence_numbers_grow_when_the_clock_goes_back() {
        let first = SequenceNumber::default().next(Millis(1_800_000_000_000));
        let second = first.next(Millis(5));
        assert!(first < second);
        assert_eq!(second.to_string().len(), 20);
        assert!(second.to_string() < second.next(Millis(1_900_000_000_000)).to_string());
    }
}
