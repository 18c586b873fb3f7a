//! A webhook's signing secret: shown to those who may see it, replaced, and what was replaced ended.

use hookrail_domain::limits::SECRET_OVERLAP_SECONDS_MAX;
use hookrail_domain::secrets::{SECRET_OVERLAP_SECONDS, Secrets};
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::time::Millis;
use serde::Serialize;
use utoipa::ToSchema;

use crate::json;
use crate::problem::FieldProblem;
use crate::reader::{Reader, parse_optional_object};
use crate::timestamp;

/// A call that replaces the signing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The new one, if the caller brings it.
    pub secret: Option<SigningSecret>,
    pub overlap_seconds: u64,
}

/// Reads the body of a rotation, which may be left out.
pub fn parse_rotation(bytes: &[u8]) -> Result<Rotation, Vec<FieldProblem>> {
    let fields = parse_optional_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let secret = reader.optional("secret", SigningSecret::parse);
    let overlap = reader.number("overlapSeconds", 0..=SECRET_OVERLAP_SECONDS_MAX);
    let problems = reader.close(&[]);
    if problems.is_empty() {
        Ok(Rotation { secret, overlap_seconds: overlap.unwrap_or(SECRET_OVERLAP_SECONDS) })
    } else {
        Err(problems)
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = SigningSecrets)]
pub(crate) struct Revealed {
    secret: String,
    retired: Vec<RevealedRetired>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RetiredSecret)]
pub(crate) struct RevealedRetired {
    secret: String,
    until: String,
}

/// The secrets that sign at `now`, for the eyes of the receiver.
#[must_use]
pub fn reveal(secrets: &Secrets, now: Millis) -> Vec<u8> {
    let retired = secrets.still_signing(now).map(|retired| RevealedRetired {
        secret: retired.secret.reveal(),
        until: timestamp::render(retired.until),
    });
    let document = Revealed { secret: secrets.signing.reveal(), retired: retired.collect() };
    json::render(&document)
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SecretState)]
pub(crate) struct State {
    /// The end of each replaced secret that still signs.
    retired_until: Vec<String>,
}

/// Renders the state of the secrets, for callers who may not see them.
#[must_use]
pub fn render_state(secrets: &Secrets, now: Millis) -> Vec<u8> {
    let retired_until = secrets.still_signing(now).map(|retired| timestamp::render(retired.until)).collect();
    json::render(&State { retired_until })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_options_of_a_rotation_and_rejects_others() {
        assert_eq!(parse_rotation(b"").unwrap(), Rotation { secret: None, overlap_seconds: 86_400 });
        assert_eq!(parse_rotation(br#"{"overlapSeconds":0}"#).unwrap().overlap_seconds, 0);
        let own = SigningSecret::from_random([9; 32]);
        let text = format!(r#"{{"secret":"{}"}}"#, own.reveal());
        assert_eq!(parse_rotation(text.as_bytes()).unwrap().secret, Some(own));
        for (bad, field) in [
            (r#"{"overlapSeconds":604801}"#, "overlapSeconds"),
            (r#"{"overlapSeconds":-1}"#, "overlapSeconds"),
            (r#"{"overlap":1}"#, "overlap"),
            (r#"{"secret":"whsec_short"}"#, "secret"),
            ("[]", ""),
        ] {
            assert_eq!(parse_rotation(bad.as_bytes()).unwrap_err()[0].field, field, "{bad}");
        }
    }

    #[test]
    fn secrets_show_the_end_of_replaced_ones() {
        let key = |number| SigningSecret::from_random([number; 32]);
        let secrets = Secrets::new(key(1)).rotated(key(2), 60, Millis(0)).unwrap();
        let shown: serde_json::Value = serde_json::from_slice(&reveal(&secrets, Millis(1))).unwrap();
        assert_eq!(shown["secret"], key(2).reveal());
        assert_eq!(shown["retired"][0]["secret"], key(1).reveal());
        assert_eq!(shown["retired"][0]["until"], "1970-01-01T00:01:00.000Z");
        let state = String::from_utf8(render_state(&secrets, Millis(1))).unwrap();
        assert_eq!(state, r#"{"retiredUntil":["1970-01-01T00:01:00.000Z"]}"#);
        assert!(String::from_utf8(reveal(&secrets, Millis(60_000))).unwrap().ends_with(r#""retired":[]}"#));
    }
}
