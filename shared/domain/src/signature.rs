//! Standard Webhooks signatures: the secret of an endpoint and the header that proves who sent a request.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use standardwebhooks::Webhook;

use crate::time::Millis;

/// Bytes of a secret that we make.
pub const SECRET_BYTES: usize = 32;
/// Fewest and most bytes of a secret, as Standard Webhooks recommends.
pub const SECRET_BYTES_RANGE: std::ops::RangeInclusive<usize> = 24..=64;
const PREFIX: &str = "whsec_";

/// An endpoint's signing key.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

/// A text is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `whsec_` and the base64 of 24 to 64 bytes")]
pub struct InvalidSecret;

/// A text that a webhook's owner brought is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `whsec_` and the base64 of 24 to 64 bytes, or another text of 24 to 64 bytes")]
pub struct InvalidBroughtSecret;

impl SigningSecret {
    /// The secret of these random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes.to_vec())
    }

    /// Reads `whsec_` and base64.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidSecret)?;
        match STANDARD.decode(encoded) {
            Ok(bytes) if SECRET_BYTES_RANGE.contains(&bytes.len()) => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err(InvalidSecret),
        }
    }

    /// Reads what another system called a secret: `whsec_` and base64, or a text whose own bytes are the key.
    pub fn brought(text: &str) -> Result<Self, InvalidBroughtSecret> {
        if text.starts_with(PREFIX) {
            return Self::parse(text).map_err(|InvalidSecret| InvalidBroughtSecret);
        }
        let is_long_enough = SECRET_BYTES_RANGE.contains(&text.len());
        if is_long_enough { Ok(Self(text.as_bytes().to_vec())) } else { Err(InvalidBroughtSecret) }
    }

    /// `whsec_` and base64: for the receiver's eyes only.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// The value of `webhook-signature` for this message.
    pub fn sign(&self, webhook_id: &str, at: Millis, body: &str) -> Result<String, SigningFailed> {
        let seconds = i64::try_from(at.unix_seconds())?;
        Ok(Webhook::from_bytes(self.0.clone())?.sign(webhook_id, seconds, body.as_bytes())?)
    }
}

/// The signature could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum SigningFailed {
    #[error("the time of the attempt does not fit a signature")]
    Time(#[from] std::num::TryFromIntError),
    #[error("the signing library refused the message")]
    Library(#[from] standardwebhooks::WebhookError),
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[REDACTED]")
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_vector_of_standard_webhooks_is_met() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secret
            .sign("msg_p5jXN8AQM9LWM0D4loKWxJek", Millis(1_614_265_330_000), r#"{"test": 2432232314}"#)
            .unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_never_shown_by_debug() {
        assert_eq!(format!("{:?}", SigningSecret::from_random([7; 32])), "[REDACTED]");
    }

    #[test]
    fn secrets_round_trip_and_refuse_other_texts() {
        let secret = SigningSecret::from_random([7; 32]);
        assert_eq!(SigningSecret::parse(&secret.reveal()).unwrap(), secret);
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%"] {
            assert_eq!(SigningSecret::parse(bad), Err(InvalidSecret), "{bad}");
        }
    }

    #[test]
    fn a_brought_secret_is_read_as_ours_or_is_the_key_itself() {
        let ours = SigningSecret::from_random([7; 32]);
        assert_eq!(SigningSecret::brought(&ours.reveal()), Ok(ours));
        for text in ["an-api-secret-of-24-bytes", &"é".repeat(32)] {
            assert_eq!(SigningSecret::brought(text).unwrap().0, text.as_bytes());
        }
        for bad in ["", "short", &"x".repeat(23), &"x".repeat(65), "whsec_is-not-base64-of-anything"] {
            assert_eq!(SigningSecret::brought(bad), Err(InvalidBroughtSecret), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_secret_of_a_right_size_comes_back_and_no_other_is_read(bytes in vec(any::<u8>(), 20..70)) {
            let text = format!("{PREFIX}{}", STANDARD.encode(&bytes));
            let read = SigningSecret::parse(&text);
            prop_assert_eq!(read.is_ok(), (24..=64).contains(&bytes.len()));
            prop_assert!(read.is_err() || read.unwrap().reveal() == text);
        }
    }
}
