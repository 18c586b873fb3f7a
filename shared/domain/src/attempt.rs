//! One try at a delivery, and what the world did.

use crate::id::{RowId, SubscriptionId, hash_parts};
use crate::limits::RESPONSE_BYTES_MAX;
use crate::time::Millis;

/// The status that stands for "no HTTP answer" in the log, as the reference system writes it.
pub const STATUS_NO_ANSWER: u16 = 409;

/// The answer that deactivates a webhook.
pub const STATUS_GONE: u16 = 410;

/// Why an attempt failed, as programs read it. Never names an internal address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// The name did not resolve.
    Dns,
    /// No connection could be made.
    Connect,
    /// The TLS handshake failed, or the certificate is not valid for the name.
    Tls,
    /// The attempt's time ran out, reading the answer included.
    Timeout,
    /// Answered with a status outside 200 to 209.
    HttpStatus,
    /// The URL points where webhooks may not go.
    ForbiddenTarget,
    /// The connection broke, or what came back was no HTTP.
    Protocol,
    /// The answer was larger than is taken before its status counts: its head. A long body is only cut.
    BodyTooLarge,
    /// The webhook was deactivated while the event waited.
    Disabled,
    /// Set aside until the endpoint answers again.
    Parked,
    /// A person skipped it.
    Skipped,
    /// Set aside for longer than parked events are kept.
    Expired,
    /// The queue gave up on it before any attempt was recorded.
    DeadLettered,
    /// The webhook's filter failed for the event.
    Filter,
    /// The webhook's URL template gave no URL for the event.
    Template,
    /// A person cancelled it before its first attempt.
    Cancelled,
}

impl ErrorClass {
    const ALL: [Self; 16] = [
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::HttpStatus,
        Self::ForbiddenTarget,
        Self::Protocol,
        Self::BodyTooLarge,
        Self::Disabled,
        Self::Parked,
        Self::Skipped,
        Self::Expired,
        Self::DeadLettered,
        Self::Filter,
        Self::Template,
        Self::Cancelled,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::HttpStatus => "http_status",
            Self::ForbiddenTarget => "forbidden_target",
            Self::Protocol => "protocol",
            Self::BodyTooLarge => "body_too_large",
            Self::Disabled => "disabled",
            Self::Parked => "parked",
            Self::Skipped => "skipped",
            Self::Expired => "expired",
            Self::DeadLettered => "dead_lettered",
            Self::Filter => "filter",
            Self::Template => "template",
            Self::Cancelled => "cancelled",
        }
    }

    /// The class of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// The part of a receiver's answer that is kept, as text. Bytes that are no UTF-8 are replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseText {
    pub text: String,
    pub truncated: bool,
}

impl ResponseText {
    /// Keeps the first `RESPONSE_BYTES_MAX` bytes. Replacement characters may not make the text longer than that.
    #[must_use]
    pub fn keep(bytes: &[u8]) -> Self {
        let kept = bytes.get(..RESPONSE_BYTES_MAX).unwrap_or(bytes);
        let mut text = String::from_utf8_lossy(kept).into_owned();
        let mut truncated = kept.len() < bytes.len();
        if RESPONSE_BYTES_MAX < text.len() {
            text.truncate(text.floor_char_boundary(RESPONSE_BYTES_MAX));
            truncated = true;
        }
        Self { text, truncated }
    }
}

/// What happened to a request. All of these are values: none is an error of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered, with any status.
    Answered { status: u16, response: ResponseText, retry_after_seconds: Option<u64> },
    /// No request left this machine.
    NotSent { error: ErrorClass, reason: String },
    /// The request may have left; whether the receiver acted on it is unknown.
    NoAnswer { error: ErrorClass, reason: String },
    /// Nothing was sent: not any more, or not yet.
    Unsent { error: ErrorClass, reason: String },
}

impl Outcome {
    /// 200 to 209, as promised (SEMANTICS: Success).
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Answered { status: 200..=209, .. })
    }

    /// Whether the receiver says that nobody will ever be there again.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Answered { status: STATUS_GONE, .. })
    }

    /// The status that the log shows.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Answered { status, .. } => *status,
            Self::NotSent { .. } | Self::NoAnswer { .. } | Self::Unsent { .. } => STATUS_NO_ANSWER,
        }
    }

    /// The answer's text, or the reason why there is none.
    #[must_use]
    pub fn response(&self) -> &str {
        match self {
            Self::Answered { response, .. } => &response.text,
            Self::NotSent { reason, .. } | Self::NoAnswer { reason, .. } | Self::Unsent { reason, .. } => {
                reason
            }
        }
    }

    /// The class of the failure; none for a success.
    #[must_use]
    pub fn error(&self) -> Option<ErrorClass> {
        match self {
            Self::Answered { .. } if self.is_success() => None,
            Self::Answered { .. } => Some(ErrorClass::HttpStatus),
            Self::NotSent { error, .. } | Self::NoAnswer { error, .. } | Self::Unsent { error, .. } => {
                Some(*error)
            }
        }
    }
}

/// A delivery's number in its webhook's line (from 1, without gaps) and the number of the try (from 1).
///
/// Being set aside takes the number of the try that was due, so that whoever is about to make it finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptNumber {
    pub sequence: u64,
    pub attempt: u32,
}

impl AttemptNumber {
    /// The log row's id: 4 bytes of the webhook's hash, 6 of the sequence, 2 of the attempt.
    #[must_use]
    pub fn row_id(self, subscription: SubscriptionId) -> RowId {
        let [a, b, c, d, ..] = hash_parts(&[b"row", subscription.as_bytes()]);
        let [_, _, s1, s2, s3, s4, s5, s6] = self.sequence.to_be_bytes();
        let [_, _, n1, n2] = self.attempt.to_be_bytes();
        RowId::from_bytes([a, b, c, d, s1, s2, s3, s4, s5, s6, n1, n2])
    }

    /// Which row of `subscription` the id names; none when it is a row of another webhook.
    #[must_use]
    pub fn of_row_id(id: RowId, subscription: SubscriptionId) -> Option<Self> {
        let [_, _, _, _, s1, s2, s3, s4, s5, s6, n1, n2] = *id.as_bytes();
        let number = Self {
            sequence: u64::from_be_bytes([0, 0, s1, s2, s3, s4, s5, s6]),
            attempt: u32::from_be_bytes([0, 0, n1, n2]),
        };
        (number.row_id(subscription) == id).then_some(number)
    }
}

/// One try at a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub number: AttemptNumber,
    pub started_at: Millis,
    pub duration_ms: u64,
    pub outcome: Outcome,
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn answered(status: u16) -> Outcome {
        Outcome::Answered { status, response: ResponseText::default(), retry_after_seconds: None }
    }

    #[test]
    fn statuses_200_to_209_are_success() {
        for status in [200, 204, 209] {
            assert!(answered(status).is_success(), "{status}");
            assert_eq!(answered(status).error(), None);
        }
    }

    #[test]
    fn status_210_is_a_failure() {
        for status in [100, 199, 210, 226, 299, 301, 404, 500, 599] {
            assert!(!answered(status).is_success(), "{status}");
            assert_eq!(answered(status).error(), Some(ErrorClass::HttpStatus));
        }
    }

    #[test]
    fn no_answer_is_logged_as_409_with_its_class() {
        let outcome =
            Outcome::NoAnswer { error: ErrorClass::Timeout, reason: "no answer within 10 s".into() };
        assert_eq!((outcome.status(), outcome.error()), (409, Some(ErrorClass::Timeout)));
        assert_eq!(outcome.response(), "no answer within 10 s");
    }

    #[test]
    fn a_long_answer_is_cut_and_says_so() {
        let exact = ResponseText::keep(&vec![b'x'; RESPONSE_BYTES_MAX]);
        assert_eq!((exact.text.len(), exact.truncated), (RESPONSE_BYTES_MAX, false));
        let over = ResponseText::keep(&vec![b'x'; RESPONSE_BYTES_MAX + 1]);
        assert_eq!((over.text.len(), over.truncated), (RESPONSE_BYTES_MAX, true));
        let replaced = ResponseText::keep(&vec![0xff; RESPONSE_BYTES_MAX]);
        assert!(replaced.text.len() <= RESPONSE_BYTES_MAX && replaced.truncated);
    }

    #[test]
    fn a_row_id_names_its_webhook_sequence_and_attempt() {
        let (one, two) = (SubscriptionId::from_bytes([1; 12]), SubscriptionId::from_bytes([2; 12]));
        for number in [
            AttemptNumber { sequence: 1, attempt: 1 },
            AttemptNumber { sequence: (1 << 48) - 1, attempt: 65_535 },
        ] {
            let id = number.row_id(one);
            assert_eq!(AttemptNumber::of_row_id(id, one), Some(number));
            assert_eq!(AttemptNumber::of_row_id(id, two), None);
        }
    }

    #[test]
    fn class_names_round_trip() {
        for class in ErrorClass::ALL {
            assert_eq!(ErrorClass::find(class.name()), Some(class));
        }
    }

    proptest! {
        #[test]
        fn a_row_id_comes_back_as_its_number_and_ids_sort_as_numbers(
            one in (0..1_u64 << 48, 0..1_u32 << 16),
            other in (0..1_u64 << 48, 0..1_u32 << 16),
            webhook: [u8; 12],
        ) {
            let webhook = SubscriptionId::from_bytes(webhook);
            let [one, other] =
                [one, other].map(|(sequence, attempt)| AttemptNumber { sequence, attempt });
            prop_assert_eq!(AttemptNumber::of_row_id(one.row_id(webhook), webhook), Some(one));
            prop_assert_eq!(one.row_id(webhook).cmp(&other.row_id(webhook)), one.cmp(&other));
        }

        #[test]
        fn what_is_kept_of_an_answer_is_its_beginning(
            piece in vec(any::<u8>(), 1..9),
            bytes in RESPONSE_BYTES_MAX - 9..RESPONSE_BYTES_MAX + 9,
        ) {
            let answer: Vec<u8> = piece.into_iter().cycle().take(bytes).collect();
            let kept = ResponseText::keep(&answer);
            prop_assert!(kept.text.len() <= RESPONSE_BYTES_MAX);
            // What the cut made of half a character is no part of the answer.
            let whole = kept.text.trim_end_matches(char::REPLACEMENT_CHARACTER);
            prop_assert!(String::from_utf8_lossy(&answer).starts_with(whole));
            prop_assert!(kept.truncated || kept.text == String::from_utf8_lossy(&answer));
        }
    }
}
