//! Identifiers, each with its own type, checked where they enter.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::limits::ID_CHARS_MAX;
use crate::time::Millis;
use crate::token::TokenHash;

/// The reason why a text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    #[error("must be 1 to {ID_CHARS_MAX} letters, digits, `-` or `_`")]
    NotAName,
    #[error("must be 24 hexadecimal characters")]
    NotHex24,
}

/// The tenant that owns webhooks and events. Chosen by the platform; part of every key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompanyId(String);

impl CompanyId {
    /// Accepts 1 to 64 ASCII letters, digits, `-` and `_`: safe in a key, a queue group and a URL.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if is_name(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId::NotAName) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An id of the platform's own that a trigger context compares with (a workflow, a survey, a group).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextId(String);

impl ContextId {
    /// Accepts 1 to 64 ASCII letters, digits, `-` and `_`.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if is_name(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId::NotAName) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A kapp's name in URLs and keys.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KappSlug(String);

impl KappSlug {
    /// Accepts 1 to 64 ASCII letters, digits, `-` and `_`.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if is_name(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId::NotAName) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(text: &str) -> bool {
    (1..=ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Twelve bytes, written as 24 lower-case hexadecimal characters, as the reference system's ids are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Hex24([u8; 12]);

impl Hex24 {
    fn parse(text: &str) -> Result<Self, InvalidId> {
        unhex(text).map(Self).ok_or(InvalidId::NotHex24)
    }

    /// Returns the first twelve bytes of a SHA-256 over the parts, each preceded by its length so that no two
    /// lists collide.
    fn derive(parts: &[&[u8]]) -> Self {
        let mut bytes = [0; 12];
        for (byte, hashed) in bytes.iter_mut().zip(hash_parts(parts)) {
            *byte = hashed;
        }
        Self(bytes)
    }
}

/// Returns the SHA-256 over the parts, each preceded by its length so that no two lists collide.
#[must_use]
pub fn hash_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Returns the index among `count` queues that carries everything of this key: always the same one, so that
/// order holds.
///
/// Changing `count` moves keys; the queues must be empty then. A count of 0 is read as 1.
#[must_use]
pub fn shard(key: &str, count: usize) -> usize {
    let [a, b, c, d, ..] = hash_parts(&[b"shard", key.as_bytes()]);
    let hash = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(0);
    hash.checked_rem(count).unwrap_or(0)
}

/// Returns bytes as lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// Returns the bytes that exactly fill `N`, from hexadecimal of either case.
#[must_use]
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = hex_digit(*high)? << 4 | hex_digit(*low)?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Hex24);

        impl $name {
            /// Accepts 24 hexadecimal characters.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                Hex24::parse(text).map(Self)
            }

            /// Returns the id made of these twelve bytes.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 12]) -> Self {
                Self(Hex24(bytes))
            }

            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 12] {
                &self.0.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&hex(self.as_bytes()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&hex(self.as_bytes()))
            }
        }
    };
}

hex_id!(
    /// A webhook. Also its queue group.
    WebhookId
);
hex_id!(
    /// An accepted event, derived from the id that the ingest queue gave its message.
    EventId
);
hex_id!(
    /// One event owed to one webhook. Derived from both: fan-out may run twice and gives it the same id.
    DeliveryId
);
hex_id!(
    /// One log row: webhook, sequence and attempt, so that the row can be found from its id alone.
    RowId
);

hex_id!(
    /// A rejected event: its time and its message.
    RejectedId
);
hex_id!(
    /// A token, derived from its hash: the id by which people revoke it.
    TokenId
);

impl WebhookId {
    /// Returns the id of a webhook made at this time.
    /// Seconds in four bytes, as in the reference system's ids, then the fraction of the second in two, then
    /// random bytes.
    #[must_use]
    pub fn made_at(at: Millis, chance: [u8; 6]) -> Self {
        let seconds = u32::try_from(at.unix_seconds()).unwrap_or(u32::MAX);
        // Sixteen bits of a second; a thousandth is 65 of them.
        let part = u16::try_from(at.0 % 1000 * 65).unwrap_or(u16::MAX);
        let ([a, b, c, d], [e, f]) = (seconds.to_be_bytes(), part.to_be_bytes());
        let [g, h, i, j, k, l] = chance;
        Self::from_bytes([a, b, c, d, e, f, g, h, i, j, k, l])
    }
}

impl WebhookId {
    /// Returns the id of the queue of jobs without a webhook, of a company's space or of one of its kapps.
    #[must_use]
    pub fn of_implicit(company: &CompanyId, kapp: Option<&KappSlug>) -> Self {
        let kapp = kapp.map_or("", KappSlug::as_str);
        Self(Hex24::derive(&[b"implicit", company.as_str().as_bytes(), kapp.as_bytes()]))
    }
}

impl TokenId {
    /// Returns the id of the token of this hash.
    #[must_use]
    pub fn of(hash: TokenHash) -> Self {
        Self(Hex24::derive(&[b"token", hash.as_bytes()]))
    }
}

impl EventId {
    /// Returns the id of the event that the ingest queue accepted under this message id.
    #[must_use]
    pub fn of_message(message_id: &str) -> Self {
        Self(Hex24::derive(&[b"event", message_id.as_bytes()]))
    }
}

impl DeliveryId {
    /// Returns the id of the delivery of `event` to `webhook`.
    #[must_use]
    pub fn of(event: EventId, webhook: WebhookId) -> Self {
        Self(Hex24::derive(&[b"delivery", event.as_bytes(), webhook.as_bytes()]))
    }
}

macro_rules! show_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }
    };
}

show_text!(CompanyId);
show_text!(ContextId);
show_text!(KappSlug);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hex_ids_round_trip_and_reject_other_texts() {
        let id = WebhookId::parse("62685990d918fb5557f9f992").unwrap();
        assert_eq!(id.to_string(), "62685990d918fb5557f9f992");
        for bad in ["", "62685990d918fb5557f9f99", "62685990d918fb5557f9f9922", "6268599zd918fb5557f9f992"] {
            assert_eq!(WebhookId::parse(bad), Err(InvalidId::NotHex24), "{bad}");
        }
    }

    #[test]
    fn company_ids_are_safe_in_keys_and_groups() {
        for good in ["625be93a286ef83c1c0e845f", "acme", "a-b_C9"] {
            assert_eq!(CompanyId::parse(good).unwrap().as_str(), good);
            assert_eq!(ContextId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a#b", "a b", "é", &"x".repeat(65)] {
            assert_eq!(CompanyId::parse(bad), Err(InvalidId::NotAName), "{bad}");
            assert_eq!(ContextId::parse(bad), Err(InvalidId::NotAName), "{bad}");
        }
    }

    #[test]
    fn a_delivery_id_depends_on_event_and_webhook() {
        let event = EventId::of_message("m1");
        let (one, two) = (WebhookId::from_bytes([1; 12]), WebhookId::from_bytes([2; 12]));
        assert_eq!(DeliveryId::of(event, one), DeliveryId::of(event, one));
        assert_ne!(DeliveryId::of(event, one), DeliveryId::of(event, two));
        assert_ne!(DeliveryId::of(event, one), DeliveryId::of(EventId::of_message("m2"), one));
    }

    #[test]
    fn a_key_keeps_its_shard_and_keys_use_all_shards() {
        let shards: Vec<_> = (0..64).map(|key| shard(&key.to_string(), 4)).collect();
        assert_eq!(shards, (0..64).map(|key| shard(&key.to_string(), 4)).collect::<Vec<_>>());
        assert!((0..4).all(|number| shards.contains(&number)));
        assert!(shards.iter().all(|number| *number < 4));
        assert_eq!((shard("acme", 1), shard("acme", 0)), (0, 0));
        // The queue of a key is fixed for ever: another one would let a later event overtake an earlier one.
        assert_eq!([shard("acme", 16), shard("625be93a286ef83c1c0e845f", 16)], [14, 1]);
    }

    #[test]
    fn webhook_ids_sort_by_creation_time() {
        let made = |at, chance| WebhookId::made_at(Millis(at), [chance; 6]);
        let ids = [made(0, 9), made(1, 0), made(999, 9), made(1_000, 0), made(1_651_780_480_001, 9)];
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
        // The reference system's ids begin with the seconds since 1970.
        assert_eq!(made(1_651_780_480_000, 7).to_string(), "62742b800000070707070707");
        assert_eq!(made(u64::MAX, 255).to_string().get(..8), Some("ffffffff"));
    }

    #[test]
    fn hashes_depend_on_where_parts_are_split() {
        assert_ne!(hash_parts(&[b"ab", b"c"]), hash_parts(&[b"a", b"bc"]));
    }

    proptest! {
        #[test]
        fn ids_in_either_case_decode_to_their_bytes(bytes: [u8; 12]) {
            let id = RowId::from_bytes(bytes);
            prop_assert_eq!(RowId::parse(&id.to_string()), Ok(id));
            prop_assert_eq!(RowId::parse(&id.to_string().to_uppercase()), Ok(id));
            prop_assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        }

        #[test]
        fn only_hexadecimal_text_parses_as_an_id(text in "[0-9a-fA-F]{23}\\PC") {
            let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
            prop_assert_eq!(RowId::parse(&text).is_ok(), is_hex);
        }
    }
}
