//! One attempt at a delivery, and its outcome.

use crate::id::{RowId, WebhookId, hash_parts};
use crate::limits::RESPONSE_BYTES_MAX;
use crate::time::Millis;

/// The status that the log shows if there is no HTTP response, as the reference system writes it.
pub const STATUS_NO_RESPONSE: u16 = 409;

/// The response status that deactivates a webhook.
pub const STATUS_GONE: u16 = 410;

/// The class of a failure, for programs. Never names an internal address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// The name did not resolve.
    Dns,
    /// No connection could be made.
    Connect,
    /// The TLS handshake failed, or the certificate is not valid for the name.
    Tls,
    /// The attempt's time ran out before the head of the response was complete.
    Timeout,
    /// Responded with a status outside 200 to 209.
    HttpStatus,
    /// The URL points to a target that webhooks may not reach.
    ForbiddenTarget,
    /// The connection broke, or the response was not HTTP.
    Protocol,
    /// The head of the response was larger than is read before its status counts. A long body is only cut.
    BodyTooLarge,
    /// The webhook was deactivated while the event waited.
    Disabled,
    /// Parked until the endpoint responds again.
    Parked,
    /// A person skipped it.
    Skipped,
    /// Parked for longer than parked events are kept.
    Expired,
    /// SQS moved it away before an attempt was recorded.
    DeadLettered,
    /// The webhook's filter failed for the event.
    Filter,
    /// The webhook's URL template did not give a URL for the event.
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

    /// Returns the class of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// The part of a receiver's response that is kept, as text. Bytes that are not UTF-8 are replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseText {
    pub text: String,
    pub truncated: bool,
}

impl ResponseText {
    /// Keeps the first `RESPONSE_BYTES_MAX` bytes. Replacement characters may not make the text longer than
    /// that.
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

/// The outcome of a request. All of these are values: none is an error of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver responded, with any status.
    Responded { status: u16, response: ResponseText, retry_after_seconds: Option<u64> },
    /// No request left this machine.
    NotSent { error: ErrorClass, reason: String },
    /// The request may have left; whether the receiver acted on it is unknown.
    NoResponse { error: ErrorClass, reason: String },
    /// Nothing was sent: no longer due, or not yet.
    Unsent { error: ErrorClass, reason: String },
}

impl Outcome {
    /// Returns whether the status is 200 to 209, as promised (SEMANTICS: Success).
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Responded { status: 200..=209, .. })
    }

    /// Returns whether the receiver says that the endpoint is gone for good.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Responded { status: STATUS_GONE, .. })
    }

    /// Returns the status that the log shows.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Responded { status, .. } => *status,
            Self::NotSent { .. } | Self::NoResponse { .. } | Self::Unsent { .. } => STATUS_NO_RESPONSE,
        }
    }

    /// Returns the response's text, or the reason why there is none.
    #[must_use]
    pub fn response(&self) -> &str {
        match self {
            Self::Responded { response, .. } => &response.text,
            Self::NotSent { reason, .. } | Self::NoResponse { reason, .. } | Self::Unsent { reason, .. } => {
                reason
            }
        }
    }

    /// Returns the class of the failure; none for a success.
    #[must_use]
    pub fn error(&self) -> Option<ErrorClass> {
        match self {
            Self::Responded { .. } if self.is_success() => None,
            Self::Responded { .. } => Some(ErrorClass::HttpStatus),
            Self::NotSent { error, .. } | Self::NoResponse { error, .. } | Self::Unsent { error, .. } => {
                Some(*error)
            }
        }
    }
}

/// A delivery's sequence in its webhook's queue (from 1, without gaps) and the number of the attempt (from
/// 1).
///
/// A row of parking uses the number of the attempt that was due, so that a run that is about to make the
/// attempt finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptNumber {
    pub sequence: u64,
    pub attempt: u32,
}

impl AttemptNumber {
    /// Returns the log row's id: 4 bytes of the webhook's hash, 6 of the sequence, 2 of the attempt.
    #[must_use]
    pub fn row_id(self, webhook: WebhookId) -> RowId {
        let [a, b, c, d, ..] = hash_parts(&[b"row", webhook.as_bytes()]);
        let [_, _, s1, s2, s3, s4, s5, s6] = self.sequence.to_be_bytes();
        let [_, _, n1, n2] = self.attempt.to_be_bytes();
        RowId::from_bytes([a, b, c, d, s1, s2, s3, s4, s5, s6, n1, n2])
    }

    /// Returns the number that the id names; none if it is a row of another webhook.
    #[must_use]
    pub fn of_row_id(id: RowId, webhook: WebhookId) -> Option<Self> {
        let [_, _, _, _, s1, s2, s3, s4, s5, s6, n1, n2] = *id.as_bytes();
        let number = Self {
            sequence: u64::from_be_bytes([0, 0, s1, s2, s3, s4, s5, s6]),
            attempt: u32::from_be_bytes([0, 0, n1, n2]),
        };
        (number.row_id(webhook) == id).then_some(number)
    }
}

/// One attempt at a delivery.
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
        Outcome::Responded { status, response: ResponseText::default(), retry_after_seconds: None }
    }

    #[test]
    fn statuses_200_to_209_are_success() {
        for status in [200, 204, 209] {
            assert!(answered(status).is_success(), "{status}");
            assert_eq!(answered(status).error(), None);
        }
    }

    #[test]
    fn status_210_and_other_statuses_are_failures() {
        for status in [100, 199, 210, 226, 299, 301, 404, 500, 599] {
            assert!(!answered(status).is_success(), "{status}");
            assert_eq!(answered(status).error(), Some(ErrorClass::HttpStatus));
        }
    }

    #[test]
    fn no_response_is_logged_as_409_with_its_error_class() {
        let outcome =
            Outcome::NoResponse { error: ErrorClass::Timeout, reason: "no response within 10 s".into() };
        assert_eq!((outcome.status(), outcome.error()), (409, Some(ErrorClass::Timeout)));
        assert_eq!(outcome.response(), "no response within 10 s");
    }

    #[test]
    fn a_long_response_is_truncated_and_marked() {
        let exact = ResponseText::keep(&vec![b'x'; RESPONSE_BYTES_MAX]);
        assert_eq!((exact.text.len(), exact.truncated), (RESPONSE_BYTES_MAX, false));
        let over = ResponseText::keep(&vec![b'x'; RESPONSE_BYTES_MAX + 1]);
        assert_eq!((over.text.len(), over.truncated), (RESPONSE_BYTES_MAX, true));
        let replaced = ResponseText::keep(&vec![0xff; RESPONSE_BYTES_MAX]);
        assert!(replaced.text.len() <= RESPONSE_BYTES_MAX && replaced.truncated);
    }

    #[test]
    fn a_row_id_encodes_its_webhook_sequence_and_attempt() {
        let (one, two) = (WebhookId::from_bytes([1; 12]), WebhookId::from_bytes([2; 12]));
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
    fn error_class_names_round_trip() {
        for class in ErrorClass::ALL {
            assert_eq!(ErrorClass::find(class.name()), Some(class));
        }
    }

    proptest! {
        #[test]
        fn row_ids_round_trip_and_sort_as_their_numbers(
            one in (0..1_u64 << 48, 0..1_u32 << 16),
            other in (0..1_u64 << 48, 0..1_u32 << 16),
            webhook: [u8; 12],
        ) {
            let webhook = WebhookId::from_bytes(webhook);
            let [one, other] =
                [one, other].map(|(sequence, attempt)| AttemptNumber { sequence, attempt });
            prop_assert_eq!(AttemptNumber::of_row_id(one.row_id(webhook), webhook), Some(one));
            prop_assert_eq!(one.row_id(webhook).cmp(&other.row_id(webhook)), one.cmp(&other));
        }

        #[test]
        fn keeps_the_beginning_of_a_response(
            piece in vec(any::<u8>(), 1..9),
            bytes in RESPONSE_BYTES_MAX - 9..RESPONSE_BYTES_MAX + 9,
        ) {
            let answer: Vec<u8> = piece.into_iter().cycle().take(bytes).collect();
            let kept = ResponseText::keep(&answer);
            prop_assert!(kept.text.len() <= RESPONSE_BYTES_MAX);
            // A character that the cut split is not part of the response.
            let whole = kept.text.trim_end_matches(char::REPLACEMENT_CHARACTER);
            prop_assert!(String::from_utf8_lossy(&answer).starts_with(whole));
            prop_assert!(kept.truncated || kept.text == String::from_utf8_lossy(&answer));
        }
    }
}
