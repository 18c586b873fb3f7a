//! The secrets of a webhook, shown only on request: its signing keys, and the credentials that its receiver
//! asks for.

use crate::header::{BasicAuth, HeaderName, Headers};
use crate::limits::{RETIRED_SECRETS_MAX, SECRET_OVERLAP_SECONDS_MAX};
use crate::signature::{SigningFailed, SigningSecret};
use crate::time::Millis;

/// Time that a replaced key continues to sign by default, in seconds.
pub const SECRET_OVERLAP_SECONDS: u64 = 24 * 60 * 60;

/// The secrets of one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secrets {
    pub signing: SigningSecret,
    /// Keys that were replaced and still sign in addition to the new one, the newest first.
    pub retired: Vec<RetiredSecret>,
    pub headers: Headers,
    pub basic_auth: Option<BasicAuth>,
}

/// A key that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetiredSecret {
    pub secret: SigningSecret,
    /// The time from which it no longer signs.
    pub until: Millis,
}

/// A replaced key cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRotation {
    #[error("must be a whole number from 0 to {SECRET_OVERLAP_SECONDS_MAX}")]
    Overlap,
    #[error("{RETIRED_SECRETS_MAX} replaced secrets still sign; expire them first, or wait")]
    TooMany,
    #[error("is already the signing secret")]
    Same,
}

/// The part of a webhook's secrets that may be known without reading them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    pub headers: Vec<HeaderName>,
    pub username: Option<String>,
    /// The webhook's version when its secrets were last written: secrets of another version do not belong to
    /// this webhook.
    pub version: u64,
}

impl Credentials {
    /// Returns whether requests carry nothing that only the receiver should see.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.username.is_none()
    }
}

impl Secrets {
    /// Returns the secrets of a webhook that has its key and nothing else.
    #[must_use]
    pub fn new(signing: SigningSecret) -> Self {
        Self { signing, retired: Vec::new(), headers: Headers::new(), basic_auth: None }
    }

    /// Returns the part of them that may be known, written with the webhook's `version`.
    #[must_use]
    pub fn credentials(&self, version: u64) -> Credentials {
        Credentials {
            headers: self.headers.keys().cloned().collect(),
            username: self.basic_auth.as_ref().map(|auth| auth.username().to_owned()),
            version,
        }
    }

    /// Returns keys that were replaced and still sign at `now`.
    pub fn still_signing(&self, now: Millis) -> impl Iterator<Item = &RetiredSecret> {
        self.retired.iter().filter(move |retired| now < retired.until)
    }

    /// Returns the secrets with a new key that signs from now on; the one before it signs for
    /// `overlap_seconds` more.
    pub fn rotated(
        &self,
        signing: SigningSecret,
        overlap_seconds: u64,
        now: Millis,
    ) -> Result<Self, InvalidRotation> {
        if SECRET_OVERLAP_SECONDS_MAX < overlap_seconds {
            return Err(InvalidRotation::Overlap);
        }
        if signing == self.signing {
            return Err(InvalidRotation::Same);
        }
        let until = now.plus_seconds(overlap_seconds);
        let replaced = RetiredSecret { secret: self.signing.clone(), until };
        let retired: Vec<_> = std::iter::once(&replaced)
            .chain(&self.retired)
            .filter(|retired| now < retired.until)
            // A key that signs again must not also be listed as a replaced one.
            .filter(|retired| retired.secret != signing)
            .cloned()
            .collect();
        if RETIRED_SECRETS_MAX < retired.len() {
            return Err(InvalidRotation::TooMany);
        }
        Ok(Self { signing, retired, ..self.clone() })
    }

    /// Returns the secrets with which only the newest key signs from now on.
    #[must_use]
    pub fn without_retired(&self) -> Self {
        Self { retired: Vec::new(), ..self.clone() }
    }

    /// Returns the value of `webhook-signature`: the newest key's signature first, each replaced one's behind
    /// it.
    pub fn sign(&self, webhook_id: &str, at: Millis, body: &str) -> Result<String, SigningFailed> {
        let mut signatures = self.signing.sign(webhook_id, at, body)?;
        for retired in self.still_signing(at) {
            signatures.push(' ');
            signatures.push_str(&retired.secret.sign(webhook_id, at, body)?);
        }
        Ok(signatures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::HeaderValue;

    fn key(number: u8) -> SigningSecret {
        SigningSecret::from_random([number; 32])
    }

    fn signed_by(secrets: &Secrets, at: Millis) -> Vec<u8> {
        let header = secrets.sign("id", at, "{}").unwrap();
        let by = |signature: &str| (0..9).find(|one| key(*one).sign("id", at, "{}").unwrap() == signature);
        header.split(' ').map(|signature| by(signature).unwrap()).collect()
    }

    #[test]
    fn a_replaced_secret_signs_second_until_its_overlap_ends() {
        let secrets = Secrets::new(key(1)).rotated(key(2), 60, Millis(0)).unwrap();
        assert_eq!(signed_by(&secrets, Millis(59_999)), [2, 1]);
        assert_eq!(signed_by(&secrets, Millis(60_000)), [2]);
        let twice = secrets.rotated(key(3), 10, Millis(1_000)).unwrap();
        assert_eq!(signed_by(&twice, Millis(1_000)), [3, 2, 1]);
        assert_eq!(signed_by(&twice, Millis(11_000)), [3, 1]);
    }

    #[test]
    fn a_replaced_secret_without_overlap_stops_signing() {
        let secrets = Secrets::new(key(1)).rotated(key(2), 0, Millis(5)).unwrap();
        assert_eq!(signed_by(&secrets, Millis(5)), [2]);
        assert_eq!(secrets.retired, []);
    }

    #[test]
    fn replaced_secrets_can_be_removed_at_once() {
        let secrets = Secrets::new(key(1)).rotated(key(2), 60, Millis(0)).unwrap();
        assert_eq!(signed_by(&secrets.without_retired(), Millis(0)), [2]);
    }

    #[test]
    fn rejects_the_current_secret_and_promotes_a_replaced_one() {
        let secrets = Secrets::new(key(1)).rotated(key(2), 60, Millis(0)).unwrap();
        assert_eq!(secrets.rotated(key(2), 60, Millis(0)), Err(InvalidRotation::Same));
        assert_eq!(signed_by(&secrets.rotated(key(1), 60, Millis(0)).unwrap(), Millis(0)), [1, 2]);
    }

    #[test]
    fn limits_the_overlap_to_seven_days_and_the_replaced_secrets_to_three() {
        let first = Secrets::new(key(0));
        let week = 7 * 24 * 60 * 60;
        assert_eq!(first.rotated(key(1), week + 1, Millis(0)), Err(InvalidRotation::Overlap));
        let mut secrets = first;
        for number in 1..=3 {
            secrets = secrets.rotated(key(number), week, Millis(0)).unwrap();
        }
        assert_eq!(secrets.rotated(key(4), week, Millis(0)), Err(InvalidRotation::TooMany));
        assert_eq!(signed_by(&secrets.rotated(key(4), 0, Millis(0)).unwrap(), Millis(0)), [4, 2, 1, 0]);
        let after = Millis(0).plus_seconds(week);
        assert_eq!(signed_by(&secrets.rotated(key(4), 1, after).unwrap(), after), [4, 3]);
    }

    #[test]
    fn credentials_show_names_and_usernames_without_values() {
        let mut secrets = Secrets::new(key(1));
        assert!(secrets.credentials(0).is_empty());
        secrets.headers.insert(HeaderName::parse("X-Key").unwrap(), HeaderValue::parse("k-secret").unwrap());
        secrets.basic_auth = Some(BasicAuth::new("user", "p-secret").unwrap());
        let credentials = secrets.credentials(3);
        assert_eq!((credentials.username.as_deref(), credentials.version), (Some("user"), 3));
        for shown in [format!("{credentials:?}"), format!("{secrets:?}")] {
            assert!(shown.contains("x-key") && !shown.contains("-secret"), "{shown}");
        }
    }
}
