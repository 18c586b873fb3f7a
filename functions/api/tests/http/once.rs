//! Webhooks made once for each idempotency key.

use hookrail_api::{AUDIT_PATH, WEBHOOKS_PATH};
use serde_json::json;

use crate::world::{Call, NOW, OTHER, World, event, webhook};

fn make(code: &str) -> Call {
    Call::post(WEBHOOKS_PATH, webhook(code))
}

#[tokio::test]
async fn a_repeated_call_returns_the_first_response_and_creates_nothing() {
    let world = World::new().await;
    let first = world.send(make("a").key("k1")).await;
    assert_eq!((first.status, first.header("idempotency-key")), (201, Some("k1")));
    assert_eq!(first.header("idempotent-replayed"), None);
    world.clock.set(NOW.plus_seconds(60));
    let again = world.send(make("a").key("k1")).await;
    assert_eq!((again.status, again.json()), (201, first.json()));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.json(), json!([first.json()]));
    let entries = world.send(Call::get(AUDIT_PATH)).await.json();
    assert_eq!(entries.as_array().unwrap().len(), 1, "{entries}");
}

#[tokio::test]
async fn a_key_with_another_body_and_a_malformed_key_are_rejected() {
    let world = World::new().await;
    world.send(make("a").key("k1")).await;
    world.send(make("b").key("k1")).await.refuses(422, &["Idempotency-Key"]);
    world.send(make("b").key("two words")).await.refuses(400, &["Idempotency-Key"]);
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.json().as_array().unwrap().len(), 1);
    world.clock.set(NOW.plus_seconds(24 * 60 * 60));
    assert_eq!(world.send(make("b").key("k1")).await.status, 201, "a day later the key is free");
}

#[tokio::test]
async fn keys_of_webhooks_events_and_companies_are_separate() {
    let world = World::new().await;
    assert_eq!(world.send(Call::push(event("acme")).key("k1")).await.status, 202);
    let first = world.send(make("a").key("k1")).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, None));
    let pushed = world.send(Call::push(event("acme")).key("k1")).await;
    assert_eq!((pushed.status, pushed.header("idempotent-replayed")), (202, Some("true")));
    let other = world.send(make("a").key("k1").by(OTHER)).await;
    assert_eq!((other.status, other.header("idempotent-replayed")), (201, None));
}

#[tokio::test]
async fn rejected_calls_are_not_stored_and_a_lost_response_is_harmless() {
    let world = World::new().await;
    world
        .send(Call::post(WEBHOOKS_PATH, "{}").key("k1"))
        .await
        .refuses(400, &["name", "code", "url", "trigger"]);
    world.tables.fail_at("keep_answer");
    assert_eq!(world.send(make("a").key("k1")).await.status, 201);
    world.send(make("a").key("k1")).await.refuses(409, &["code"]);
    world.tables.fail_at("find_answer");
    world.send(make("b").key("k2")).await.refuses(503, &[]);
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    world.tables.fail_at("nothing");
    world.send(Call::post(WEBHOOKS_PATH, large).key("k3")).await.refuses(413, &[""]);
}
