//! The auth strategy: a key that its owner brings signs, and is never shown.

use hookrail_api::NAMED_PATH;
use hookrail_domain::id::WebhookId;
use hookrail_domain::signature::SigningSecret;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::store::ConfigStore;
use serde_json::{Value, json};

use super::{named_webhook, webhook_of};
use crate::world::{Answer, Call, World, company};

const OWN: &str = "my-very-own-shared-secret";
const OTHER_OWN: &str = "another-secret-of-24-bytes-or-more";

fn strategy(properties: &Value) -> Value {
    json!({"type": "Signature", "properties": properties})
}

fn keyed(secret: &str) -> Value {
    strategy(&json!([{"name": "Key", "value": "k1"}, {"name": "Secret", "value": secret, "sensitive": true}]))
}

async fn create(world: &World, strategy: Value) -> Answer {
    let mut body: Value = serde_json::from_str(&named_webhook("A")).unwrap();
    body["authStrategy"] = strategy;
    world.send(Call::post(NAMED_PATH, body.to_string())).await
}

async fn put(world: &World, body: Value) -> Answer {
    world.send(Call::put(&format!("{NAMED_PATH}/A"), body.to_string())).await
}

/// The keys that sign: the newest, and how many it replaced.
async fn signing(world: &World, webhook: &Value) -> (SigningSecret, usize) {
    let id = WebhookId::parse(webhook["id"].as_str().unwrap()).unwrap();
    let acme = company("acme");
    let secrets = world.tables.find_secrets(&acme, id).await.unwrap().unwrap();
    let stored = world.tables.find_webhook(&acme, id).await.unwrap().unwrap();
    // Deliver takes secrets of another version for another webhook's.
    assert!(stored.credentials.version <= stored.version);
    let retired = secrets.still_signing(world.clock.now()).count();
    (secrets.signing, retired)
}

#[tokio::test]
async fn an_imported_key_signs_and_its_secret_is_never_shown() {
    let world = World::new().await;
    let answer = create(&world, keyed(OWN)).await;
    let made = webhook_of(&answer);
    let shown = strategy(&json!([{"name": "Key", "value": "k1"}, {"name": "Secret", "sensitive": true}]));
    assert_eq!(made["authStrategy"], shown);
    assert_eq!(signing(&world, &made).await, (SigningSecret::brought(OWN).unwrap(), 0));
    let one = format!("{NAMED_PATH}/A?include=details");
    for call in [
        Call::get(&one),
        Call::get(NAMED_PATH),
        Call::put(&one, json!({"authStrategy": keyed(OTHER_OWN)}).to_string()),
        Call::delete(&one),
    ] {
        let answer = world.send(call).await;
        let text = String::from_utf8(answer.body).unwrap();
        assert_eq!(answer.status, 200);
        assert!(!text.contains(OWN) && !text.contains(OTHER_OWN) && !text.contains("whsec_"), "{text}");
    }
}

#[tokio::test]
async fn a_whsec_secret_is_decoded_as_a_signing_secret() {
    let world = World::new().await;
    let ours = SigningSecret::from_random([7; 32]);
    let made = webhook_of(&create(&world, keyed(&ours.reveal())).await);
    assert_eq!(signing(&world, &made).await.0, ours);
}

#[tokio::test]
async fn an_omitted_secret_is_kept_and_a_given_one_replaces_it_at_once() {
    let world = World::new().await;
    let made = webhook_of(&create(&world, keyed(OWN)).await);
    let own = SigningSecret::brought(OWN).unwrap();
    for kept in [
        json!({}),
        json!({"authStrategy": made["authStrategy"]}),
        json!({"authStrategy": strategy(&json!([{"name": "Key", "value": "k1"}]))}),
        json!({"authStrategy": strategy(&json!([{"name": "Secret", "value": null}]))}),
        json!({"authStrategy": {"type": "Signature"}}),
        json!({"authStrategy": keyed(OWN)}),
    ] {
        let changed = webhook_of(&put(&world, kept.clone()).await);
        assert_eq!(changed["authStrategy"], made["authStrategy"], "{kept}");
        assert_eq!(signing(&world, &made).await, (own.clone(), 0), "{kept}");
    }
    let renamed = json!({"authStrategy": strategy(&json!([{"name": "Key", "value": "k2"}]))});
    assert_eq!(webhook_of(&put(&world, renamed).await)["authStrategy"]["properties"][0]["value"], "k2");
    assert_eq!(signing(&world, &made).await, (own, 0));
    webhook_of(&put(&world, json!({"authStrategy": keyed(OTHER_OWN)})).await);
    assert_eq!(signing(&world, &made).await, (SigningSecret::brought(OTHER_OWN).unwrap(), 0));
}

#[tokio::test]
async fn an_empty_auth_strategy_replaces_the_key_with_a_new_one() {
    let world = World::new().await;
    for empty in [json!({}), Value::Null] {
        let made = webhook_of(&create(&world, keyed(OWN)).await);
        let cleared = webhook_of(&put(&world, json!({"authStrategy": empty})).await);
        assert_eq!(cleared["authStrategy"], Value::Null);
        let (fresh, retired) = signing(&world, &made).await;
        assert!(fresh != SigningSecret::brought(OWN).unwrap() && retired == 0);
        // What is not there cannot be cleared: what is shown, sent back, changes no key.
        webhook_of(&put(&world, json!({"authStrategy": empty})).await);
        assert_eq!(signing(&world, &made).await.0, fresh);
        world.send(Call::delete(&format!("{NAMED_PATH}/A"))).await;
    }
}

#[tokio::test]
async fn rejects_an_invalid_auth_strategy_by_field() {
    let world = World::new().await;
    let key = json!({"name": "Key", "value": "k1"});
    let secret = json!({"name": "Secret", "value": OWN});
    for (bad, field) in [
        (json!("Signature"), "authStrategy must be an object"),
        (json!({"properties": [key, secret]}), "authStrategy.type is missing"),
        (json!({"type": "Basic", "properties": [key, secret]}), "authStrategy.type must be Signature"),
        (json!({"type": "Signature", "properties": {}}), "authStrategy.properties must be an array"),
        (strategy(&json!([key])), "authStrategy.properties.Secret is missing"),
        (strategy(&json!([secret])), "authStrategy.properties.Key is missing"),
        (
            strategy(&json!([key, {"name": "Secret", "value": "short"}])),
            "authStrategy.properties.Secret must be",
        ),
        (
            strategy(&json!([key, {"name": "Secret", "value": "x".repeat(65)}])),
            "authStrategy.properties.Secret must be",
        ),
        (
            strategy(&json!([key, {"name": "Secret", "value": "whsec_nonsense-of-some-length"}])),
            "authStrategy.properties.Secret",
        ),
        (
            strategy(&json!([{"name": "Key", "value": " "}, secret])),
            "authStrategy.properties.Key must not be empty",
        ),
        (
            strategy(&json!([{"name": "Key", "value": 1}, secret])),
            "authStrategy.properties.Key must be a string",
        ),
    ] {
        let answer = create(&world, bad).await;
        answer.errs(400, field);
        assert!(!String::from_utf8_lossy(&answer.body).contains(OWN));
    }
}
