//! Standard Webhooks signatures: the secret of an endpoint and the header that proves the sender of a
//! request.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use standardwebhooks::Webhook;

use crate::time::Millis;

/// Bytes of a generated secret.
pub const SECRET_BYTES: usize = 32;
/// Fewest and most bytes of a secret, as Standard Webhooks recommends.
pub const SECRET_BYTES_RANGE: std::ops::RangeInclusive<usize> = 24..=64;
const PREFIX: &str = "whsec_";
/// Other systems write base64 with or without padding, in either alphabet.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// An endpoint's signing key.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

/// A text is not a signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `whsec_` and the base64 of 24 to 64 bytes")]
pub struct InvalidSecret;

/// A text that a webhook's owner provided is not a signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be `whsec_` and the base64 of 24 to 64 bytes, or another text of 24 to 64 bytes")]
pub struct InvalidBroughtSecret;

impl SigningSecret {
    /// Returns the secret of these random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes.to_vec())
    }

    /// Reads `whsec_` and base64, padded or not, in the standard or the URL-safe alphabet.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidSecret)?;
        match ANY_PADDING.decode(encoded).or_else(|_other_alphabet| URL_SAFE.decode(encoded)) {
            Ok(bytes) if SECRET_BYTES_RANGE.contains(&bytes.len()) => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err(InvalidSecret),
        }
    }

    /// Reads a secret of another system: `whsec_` and base64, or a text whose own bytes are the key.
    pub fn brought(text: &str) -> Result<Self, InvalidBroughtSecret> {
        if text.starts_with(PREFIX) {
            return Self::parse(text).map_err(|InvalidSecret| InvalidBroughtSecret);
        }
        let is_long_enough = SECRET_BYTES_RANGE.contains(&text.len());
        if is_long_enough { Ok(Self(text.as_bytes().to_vec())) } else { Err(InvalidBroughtSecret) }
    }

    /// Returns `whsec_` and base64: for the receiver's eyes only.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// Returns the value of `webhook-signature` for this message.
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
    fn matches_the_published_vector_of_standard_webhooks() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secret
            .sign("msg_p5jXN8AQM9LWM0D4loKWxJek", Millis(1_614_265_330_000), r#"{"test": 2432232314}"#)
            .unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn debug_output_redacts_the_signing_secret() {
        assert_eq!(format!("{:?}", SigningSecret::from_random([7; 32])), "[REDACTED]");
    }

    #[test]
    fn signing_secrets_round_trip_and_reject_other_texts() {
        let secret = SigningSecret::from_random([7; 32]);
        assert_eq!(SigningSecret::parse(&secret.reveal()).unwrap(), secret);
        let (bytes, other) = ([0xfb; 32], SigningSecret::from_random([0xfb; 32]));
        let written = [ANY_PADDING.encode(bytes), URL_SAFE.encode(bytes)];
        for text in written.iter().flat_map(|text| [text.as_str(), text.trim_end_matches('=')]) {
            assert_eq!(SigningSecret::parse(&format!("whsec_{text}")).unwrap(), other, "{text}");
        }
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_%%%"] {
            assert_eq!(SigningSecret::parse(bad), Err(InvalidSecret), "{bad}");
        }
    }

    #[test]
    fn an_imported_secret_is_decoded_or_used_as_the_key() {
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
        fn accepts_secrets_of_24_to_64_bytes_only(bytes in vec(any::<u8>(), 20..70)) {
            let text = format!("{PREFIX}{}", STANDARD.encode(&bytes));
            let read = SigningSecret::parse(&text);
            prop_assert_eq!(read.is_ok(), (24..=64).contains(&bytes.len()));
            prop_assert!(read.is_err() || read.unwrap().reveal() == text);
        }
    }
}
