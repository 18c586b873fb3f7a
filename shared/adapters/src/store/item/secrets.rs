//! The item of a webhook's secrets. Only the functions `api`, `deliver` and `recover` read it.

use std::collections::BTreeMap;

use hookrail_domain::header::{BasicAuth, HeaderName, HeaderValue, Headers};
use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::secrets::{RetiredSecret, Secrets};
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::StoreError;
use serde::{Deserialize, Serialize};

use super::{Item, Key, SCHEMA, decode, encode};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretsAttributes {
    schema: u32,
    /// The webhook's version that these were written with.
    version: u64,
    secret: String,
    /// Absent for none, as everything below.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<RetiredAttributes>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    basic_auth: Option<BasicAuthAttributes>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RetiredAttributes {
    secret: String,
    /// Milliseconds.
    until: u64,
}

#[derive(Serialize, Deserialize)]
struct BasicAuthAttributes {
    username: String,
    password: String,
}

/// Returns the item of a webhook's secrets, written with its `version`.
pub fn encode_secrets(
    company: &CompanyId,
    id: WebhookId,
    secrets: &Secrets,
    version: u64,
) -> Result<Item, StoreError> {
    let retired = secrets
        .retired
        .iter()
        .map(|retired| RetiredAttributes { secret: retired.secret.reveal(), until: retired.until.0 });
    let header =
        |(name, value): (&HeaderName, &HeaderValue)| (name.as_str().to_owned(), value.as_str().to_owned());
    encode(
        Key::secret(company, id),
        &SecretsAttributes {
            schema: SCHEMA,
            version,
            secret: secrets.signing.reveal(),
            retired: retired.collect(),
            headers: secrets.headers.iter().map(header).collect(),
            basic_auth: secrets.basic_auth.as_ref().map(|auth| BasicAuthAttributes {
                username: auth.username().to_owned(),
                password: auth.password().to_owned(),
            }),
        },
    )
}

/// Returns the secrets of an item, and the webhook's version that they were written with.
pub fn decode_secrets(item: Item) -> Result<(Secrets, u64), StoreError> {
    const WHAT: StoreError = StoreError::Corrupt { what: "secret" };
    let SecretsAttributes { version, secret, retired, headers, basic_auth, .. } = decode(item, "secret")?;
    let signing = |text: &str| SigningSecret::parse(text).map_err(|_refused| WHAT);
    let retired: Result<Vec<_>, StoreError> = retired
        .iter()
        .map(|one| Ok(RetiredSecret { secret: signing(&one.secret)?, until: Millis(one.until) }))
        .collect();
    let headers: Option<Headers> = headers
        .iter()
        .map(|(name, value)| Some((HeaderName::parse(name).ok()?, HeaderValue::parse(value).ok()?)))
        .collect();
    let basic_auth = basic_auth.map(|auth| BasicAuth::new(&auth.username, &auth.password)).transpose();
    let secrets = Secrets {
        signing: signing(&secret)?,
        retired: retired?,
        headers: headers.ok_or(WHAT)?,
        basic_auth: basic_auth.map_err(|_refused| WHAT)?,
    };
    Ok((secrets, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_round_trip_with_their_version() {
        let (company, id) = (CompanyId::parse("acme").unwrap(), WebhookId::from_bytes([1; 12]));
        let key = |number| SigningSecret::from_random([number; 32]);
        let plain = Secrets::new(key(1));
        let mut full = plain.rotated(key(2), 60, Millis(5)).unwrap();
        full.headers.insert(HeaderName::parse("X-A").unwrap(), HeaderValue::parse("1").unwrap());
        full.basic_auth = Some(BasicAuth::new("u", "p").unwrap());
        for secrets in [plain, full] {
            let item = encode_secrets(&company, id, &secrets, 7).unwrap();
            assert_eq!(decode_secrets(item).unwrap(), (secrets, 7));
        }
    }
}
