//! Tokens of the operator's identity provider: checked here, by the keys that it publishes.

use std::sync::{Arc, Mutex, PoisonError};

use hookrail_adapters::config::JwtConfig;
use hookrail_adapters::issuer::{IssuerError, KeySource};
use hookrail_domain::id::CompanyId;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Owner, Scope, TokenKind};
use hookrail_domain::webhook::Name;
use hookrail_pipeline::fault::ErrorChain;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::auth::Caller;

/// The age at which keys are read again, in milliseconds.
const KEYS_MS: u64 = 10 * 60 * 1000;
/// The time for which keys are used while the provider is unreachable, in milliseconds.
const STALE_KEYS_MS: u64 = 24 * 60 * 60 * 1000;
/// The shortest time between two reads of keys, in milliseconds.
const FETCH_EVERY_MS: u64 = 30 * 1000;
/// By how much the provider's clock may be ahead of ours, in milliseconds.
const LEEWAY_MS: u64 = 60 * 1000;
/// Signatures that a published key checks. A shared secret is none.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Tokens of one issuer for one audience.
#[derive(Debug)]
pub struct Jwts {
    config: JwtConfig,
    source: Box<dyn KeySource>,
    known: Mutex<Option<Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    keys: Arc<JwkSet>,
    /// When they were read.
    read_at: Millis,
    /// The time of the last read, successful or not.
    asked_at: Millis,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    aud: Option<Audience>,
    /// The client of the token, for providers whose access tokens have no audience.
    #[serde(default)]
    client_id: Option<String>,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    /// Scopes between spaces; some providers write them as a list under one of the other names.
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    scp: Option<Value>,
    #[serde(default)]
    permissions: Option<Vec<String>>,
    /// Everything else, of which one names the company.
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Returns true if a text has the form of a JWT. Hookrail's tokens contain no dot.
#[must_use]
pub fn is_jwt(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl Jwts {
    #[must_use]
    pub fn new(config: JwtConfig, source: Box<dyn KeySource>) -> Self {
        Self { config, source, known: Mutex::new(None) }
    }

    /// The caller of the token; none if it is not valid now.
    pub async fn caller(&self, text: &str, now: Millis) -> Result<Option<Caller>, IssuerError> {
        let Some(header) = decode_header(text).ok().filter(|header| ALGORITHMS.contains(&header.alg)) else {
            return Ok(None);
        };
        let Some(key) = self.key(&header, now).await? else { return Ok(None) };
        Ok(verified(text, &header, &key).and_then(|claims| self.judged(&claims, now)))
    }

    /// The key that signed the token, asked for again if it is not among those known.
    async fn key(&self, header: &Header, now: Millis) -> Result<Option<Jwk>, IssuerError> {
        let known = self.known();
        let found = known.as_ref().and_then(|known| find(&known.keys, header));
        if let Some(known) = &known {
            let may_ask = FETCH_EVERY_MS <= now.since(known.asked_at);
            if !may_ask || (found.is_some() && now.since(known.read_at) < KEYS_MS) {
                return Ok(found);
            }
        }
        match self.read(now).await {
            Ok(keys) => Ok(find(&keys, header)),
            Err(error) => match known.filter(|known| now.since(known.read_at) < STALE_KEYS_MS) {
                Some(known) => {
                    tracing::warn!(cause = %ErrorChain(&error), "issuer.keys_not_read");
                    self.remember(Known { asked_at: now, ..known });
                    Ok(found)
                }
                None => Err(error),
            },
        }
    }

    async fn read(&self, now: Millis) -> Result<Arc<JwkSet>, IssuerError> {
        let document = self.source.keys().await?;
        let keys: JwkSet = serde_json::from_slice(&document).map_err(IssuerError::Unreadable)?;
        let keys = Arc::new(keys);
        self.remember(Known { keys: Arc::clone(&keys), read_at: now, asked_at: now });
        Ok(keys)
    }

    fn known(&self) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    fn judged(&self, claims: &Claims, now: Millis) -> Option<Caller> {
        let JwtConfig { issuer, audience, company_claim } = &self.config;
        let is_for_us = match (&claims.aud, &claims.client_id) {
            (Some(Audience::One(one)), _) => one == audience,
            (Some(Audience::Several(several)), _) => several.contains(audience),
            (None, client) => client.as_ref() == Some(audience),
        };
        let ends_at = millis(claims.exp)?;
        let begins_at = claims.nbf.map_or(Some(Millis(0)), millis)?;
        if claims.iss != *issuer || !is_for_us || ends_at <= now || now.0 + LEEWAY_MS < begins_at.0 {
            return None;
        }
        let company = CompanyId::parse(claims.others.get(company_claim)?.as_str()?).ok()?;
        let name = format!("jwt {}", claims.sub.chars().take(100).collect::<String>());
        Some(Caller {
            grant: Grant {
                owner: Owner::Company(company),
                scopes: scopes(claims),
                expires_at: Some(ends_at),
            },
            token: None,
            name: Name::parse(&name).ok()?,
            kind: TokenKind::Api,
            entry: None,
        })
    }
}

/// The company scopes that the claims name. Other scopes are ignored, and a JWT never makes an operator.
fn scopes(claims: &Claims) -> Vec<Scope> {
    let listed = |value: &Value| match value {
        Value::String(text) => text.split(' ').map(str::to_owned).collect(),
        Value::Array(values) => values.iter().filter_map(|value| Some(value.as_str()?.to_owned())).collect(),
        _ => Vec::new(),
    };
    let names: Vec<String> = [
        claims.scope.as_deref().map(|text| text.split(' ').map(str::to_owned).collect()),
        claims.scp.as_ref().map(listed),
        claims.permissions.clone(),
    ]
    .into_iter()
    .flatten()
    .flatten()
    .collect();
    Scope::COMPANY.into_iter().filter(|scope| names.iter().any(|name| name == scope.name())).collect()
}

/// Seconds of a claim as our time. A time before 1970 or beyond our calendar is none.
fn millis(seconds: f64) -> Option<Millis> {
    const SECONDS_MAX: f64 = 253_402_300_800.0;
    if !(0.0..SECONDS_MAX).contains(&seconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
    let whole = seconds as u64;
    Some(Millis(whole * 1000))
}

fn find(keys: &JwkSet, header: &Header) -> Option<Jwk> {
    let found = match (&header.kid, keys.keys.as_slice()) {
        (Some(kid), _) => keys.find(kid),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let is_for_signatures = |key: &&Jwk| {
        key.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
    };
    found.filter(is_for_signatures).cloned()
}

/// The claims, if this key signed them by the header's algorithm. Times are judged by our own clock.
fn verified(text: &str, header: &Header, key: &Jwk) -> Option<Claims> {
    let own = key.common.key_algorithm.map(|algorithm| algorithm.to_string());
    if own.is_some_and(|own| own != format!("{:?}", header.alg)) {
        return None;
    }
    let key = DecodingKey::from_jwk(key).ok()?;
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    decode::<Claims>(text, &key, &validation).ok().map(|token| token.claims)
}
