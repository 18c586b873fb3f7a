//! Tokens of an identity provider.

use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use hookrail_adapters::config::JwtConfig;
use hookrail_adapters::issuer::{Fetched, IssuerError, KeySource};
use hookrail_adapters::scripts::InProcessScripts;
use hookrail_api::jwt::Jwts;
use hookrail_api::{App, TOKENS_PATH, WEBHOOKS_PATH, router};
use hookrail_domain::time::Millis;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::world::{Call, NOW, World, config};

const ISSUER: &str = "https://id.example/";

/// A provider's published keys, and how often they were asked for.
#[derive(Debug, Clone, Default)]
struct Provider(Arc<Mutex<Published>>);

#[derive(Debug, Default)]
struct Published {
    keys: Vec<Jwk>,
    asked: usize,
    is_away: bool,
}

impl KeySource for Provider {
    fn keys(&self) -> Fetched<'_> {
        Box::pin(async {
            let mut published = self.0.lock().unwrap();
            published.asked += 1;
            if published.is_away {
                return Err(IssuerError::Refused(503));
            }
            Ok(serde_json::to_vec(&JwkSet { keys: published.keys.clone() }).unwrap())
        })
    }
}

/// A key pair of the provider's.
struct Signer {
    kid: &'static str,
    key: EncodingKey,
}

impl Signer {
    fn new(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self { kid, key: EncodingKey::from_ec_der(pair.as_ref()) }
    }

    fn published(&self) -> Jwk {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(self.kid.to_owned());
        jwk
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.to_owned()), ..Header::new(Algorithm::ES256) };
        encode(&header, claims, &self.key).unwrap()
    }
}

struct Idp {
    world: World,
    router: Router,
    provider: Provider,
    signer: Signer,
}

impl Idp {
    async fn new() -> Self {
        let (world, provider, signer) = (World::new().await, Provider::default(), Signer::new("one"));
        provider.0.lock().unwrap().keys.push(signer.published());
        Self { router: sandbox(&world, &provider), world, provider, signer }
    }

    async fn status(&self, token: &str) -> u16 {
        let call = Call::get(WEBHOOKS_PATH).by(token).into_request();
        World::answer(&self.router, call).await.status
    }

    fn asked(&self) -> usize {
        self.provider.0.lock().unwrap().asked
    }
}

/// A sandbox that believes the provider and knows no key of it yet.
fn sandbox(world: &World, provider: &Provider) -> Router {
    let ports = (
        world.tables.clone(),
        world.queue.clone(),
        world.sender.clone(),
        InProcessScripts,
        world.clock.clone(),
    );
    let jwt =
        JwtConfig { issuer: ISSUER.into(), audience: "hookrail".into(), company_claim: "tenant".into() };
    let jwts = Jwts::new(jwt, Box::new(provider.clone()));
    router(&Arc::new(App::new(ports, config(&["http://sqs/events.fifo"])).with_jwts(Some(jwts))))
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "hookrail", "sub": "maria", "tenant": "acme",
        "exp": NOW.unix_seconds() + 60, "scope": "openid webhooks:read operator"
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[field] = value;
    claims
}

#[tokio::test]
async fn a_provider_token_has_its_company_and_its_scopes() {
    let idp = Idp::new().await;
    let token = idp.signer.sign(&claims());
    assert_eq!(idp.status(&token).await, 200);
    let own = Call::get(&format!("{TOKENS_PATH}/self")).by(&token).into_request();
    let own = World::answer(&idp.router, own).await.json();
    assert_eq!((&own["company"], &own["name"]), (&json!("acme"), &json!("jwt maria")));
    assert_eq!(own["scopes"], json!(["webhooks:read"]), "and none makes an operator");
    let company = Call::post("/api/v3/company", "{}").by(&token).into_request();
    assert_eq!(World::answer(&idp.router, company).await.status, 403);
}

#[tokio::test]
async fn accepts_the_scope_and_audience_formats_of_each_provider() {
    let idp = Idp::new().await;
    let read = json!(["webhooks:read"]);
    for (field, value) in [("scp", read.clone()), ("scp", json!("webhooks:read")), ("permissions", read)] {
        let mut claims = with(field, value);
        claims.as_object_mut().unwrap().remove("scope");
        assert_eq!(idp.status(&idp.signer.sign(&claims)).await, 200, "{claims}");
    }
    assert_eq!(idp.status(&idp.signer.sign(&with("aud", json!(["x", "hookrail"])))).await, 200);
    let mut of_client = with("client_id", json!("hookrail"));
    of_client.as_object_mut().unwrap().remove("aud");
    assert_eq!(idp.status(&idp.signer.sign(&of_client)).await, 200);
}

#[tokio::test]
async fn rejects_tokens_of_other_issuers_audiences_and_times() {
    let idp = Idp::new().await;
    let now = NOW.unix_seconds();
    for (field, value) in [
        ("iss", json!("https://id.example")),
        ("aud", json!("other")),
        ("aud", json!(["other"])),
        ("exp", json!(now)),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("nbf", json!(now + 61)),
        ("tenant", json!("")),
        ("tenant", json!("a b")),
        ("tenant", json!(7)),
    ] {
        let token = idp.signer.sign(&with(field, value.clone()));
        assert_eq!(idp.status(&token).await, 401, "{field} {value}");
    }
    for field in ["iss", "aud", "exp", "tenant"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(field);
        assert_eq!(idp.status(&idp.signer.sign(&claims)).await, 401, "without {field}");
    }
    assert_eq!(idp.status(&idp.signer.sign(&with("nbf", json!(now + 60)))).await, 200, "clocks differ");
    idp.world.clock.set(NOW.plus_seconds(60));
    assert_eq!(idp.status(&idp.signer.sign(&claims())).await, 401, "expired");
}

#[tokio::test]
async fn accepts_published_keys_with_their_own_algorithm_only() {
    let idp = Idp::new().await;
    let good = idp.signer.sign(&claims());
    let (head, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let other = Signer::new("one").sign(&claims());
    let unknown = Signer::new("two").sign(&claims());
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let hmac = {
        let header = Header { kid: Some("one".into()), ..Header::new(Algorithm::HS256) };
        let public = serde_json::to_vec(&idp.signer.published()).unwrap();
        encode(&header, &claims(), &EncodingKey::from_secret(&public)).unwrap()
    };
    let forged = [
        other,
        unknown,
        hmac,
        format!("{none}.{body}."),
        format!("{none}.{body}.{signature}"),
        format!("{head}.{body}."),
        format!("{head}.{body}.AAAA"),
        format!(
            "{head}.{}.{signature}",
            idp.signer.sign(&with("tenant", json!("other"))).split('.').nth(1).unwrap()
        ),
        "a.b.c".to_owned(),
        "..".to_owned(),
    ];
    for token in forged {
        assert_eq!(idp.status(&token).await, 401, "{token}");
    }
    assert_eq!(idp.status(&good).await, 200);
    idp.provider.0.lock().unwrap().keys[0].common.public_key_use = Some(PublicKeyUse::Encryption);
    idp.world.clock.set(Millis(NOW.0 + 59_000));
    let renewed = Idp { router: sandbox(&idp.world, &idp.provider), ..idp };
    assert_eq!(renewed.status(&good).await, 401, "a key for encryption signs nothing");
}

#[tokio::test]
async fn fetches_keys_again_for_a_new_key_id_at_a_limited_rate() {
    let idp = Idp::new().await;
    assert_eq!(idp.status(&idp.signer.sign(&claims())).await, 200);
    let second = Signer::new("two");
    let token = second.sign(&with("exp", json!(NOW.unix_seconds() + 3600)));
    assert_eq!((idp.status(&token).await, idp.asked()), (401, 1), "not again so soon");
    idp.provider.0.lock().unwrap().keys.push(second.published());
    idp.world.clock.set(NOW.plus_seconds(30));
    assert_eq!((idp.status(&token).await, idp.asked()), (200, 2));
    idp.world.clock.set(NOW.plus_seconds(30 + 599));
    assert_eq!((idp.status(&token).await, idp.asked()), (200, 2));
    idp.world.clock.set(NOW.plus_seconds(30 + 600));
    assert_eq!((idp.status(&token).await, idp.asked()), (200, 3));
}

#[tokio::test]
async fn cached_keys_survive_a_provider_outage_of_a_day() {
    let idp = Idp::new().await;
    let token = idp.signer.sign(&with("exp", json!(NOW.unix_seconds() + 1_000_000)));
    idp.provider.0.lock().unwrap().is_away = true;
    assert_eq!(idp.status(&token).await, 503, "none was ever read");
    idp.provider.0.lock().unwrap().is_away = false;
    assert_eq!(idp.status(&token).await, 200);
    idp.provider.0.lock().unwrap().is_away = true;
    idp.world.clock.set(NOW.plus_seconds(24 * 3600 - 1));
    assert_eq!(idp.status(&token).await, 200);
    idp.world.clock.set(NOW.plus_seconds(24 * 3600 + 60));
    assert_eq!(idp.status(&token).await, 503);
}

#[tokio::test]
async fn without_a_provider_a_jwt_is_an_unknown_token() {
    let idp = Idp::new().await;
    let call = Call::get(WEBHOOKS_PATH).by(&idp.signer.sign(&claims()));
    idp.world.send(call).await.refuses(401, &[]);
}
