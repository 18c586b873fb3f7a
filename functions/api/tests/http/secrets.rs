//! Signing secrets, headers and basic auth of webhooks.

use hookrail_api::WEBHOOKS_PATH;
use hookrail_domain::id::WebhookId;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_pipeline::store::{LogStore, WebhookKey};
use serde_json::{Value, json};

use crate::world::{Call, NOW, OTHER, World, company};

const HEADERS: &str =
    r#"{"headers":{"X-Key":"k-secret"},"basicAuth":{"username":"u","password":"p-secret"}}"#;

fn path(id: &str) -> String {
    format!("{WEBHOOKS_PATH}/{id}")
}

async fn secrets(world: &World, id: &str) -> Secrets {
    let webhook = WebhookId::parse(id).unwrap();
    let key = WebhookKey { company: company("acme"), webhook };
    world.tables.snapshots(&[key]).await.unwrap().remove(0).secrets.unwrap()
}

async fn revealed(world: &World, id: &str) -> Value {
    world.send(Call::get(&format!("{}/secret", path(id)))).await.json()
}

#[tokio::test]
async fn a_secret_is_shown_rotated_and_expired() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let first = revealed(&world, &id).await;
    assert!(first["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(first["retired"], json!([]));
    let rotate = |body: &str| Call::post(&format!("{}/secret/rotate", path(&id)), body);
    let answer = world.send(rotate("")).await;
    assert_eq!(answer.json(), json!({"retiredUntil": ["2022-05-06T19:54:40.000Z"]}));
    let second = revealed(&world, &id).await;
    assert_ne!(second["secret"], first["secret"]);
    assert_eq!(second["retired"], json!([{"secret": first["secret"], "until": "2022-05-06T19:54:40.000Z"}]));
    let signed = secrets(&world, &id).await.sign("id", NOW, "{}").unwrap();
    assert_eq!(signed.split(' ').count(), 2, "both sign");
    world.send(Call::post(&format!("{}/secret/expire", path(&id)), "{}")).await;
    assert_eq!(revealed(&world, &id).await, json!({"secret": second["secret"], "retired": []}));
    let webhook = world.send(Call::get(&path(&id))).await.json();
    assert_eq!(webhook["__v"], 2, "each change is a version");
}

#[tokio::test]
async fn a_receiver_can_keep_its_known_secret() {
    let world = World::new().await;
    let own = SigningSecret::from_random([9; 32]).reveal();
    let body = json!({"name": "n", "code": "a", "url": "https://a.io/", "trigger": "create-edit-delete-task", "secret": own});
    let made = world.send(Call::post(WEBHOOKS_PATH, body.to_string())).await;
    assert!(!String::from_utf8_lossy(&made.body).contains("whsec_"));
    let id = made.json()["_id"].as_str().unwrap().to_owned();
    assert_eq!(revealed(&world, &id).await["secret"], own.as_str());
    let other = SigningSecret::from_random([8; 32]).reveal();
    let call = json!({"secret": other, "overlapSeconds": 0});
    world.send(Call::post(&format!("{}/secret/rotate", path(&id)), call.to_string())).await;
    assert_eq!(revealed(&world, &id).await, json!({"secret": other, "retired": []}));
    let again = world.send(Call::post(&format!("{}/secret/rotate", path(&id)), call.to_string())).await;
    again.refuses(400, &["secret"]);
}

#[tokio::test]
async fn allows_at_most_three_replaced_secrets() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let rotate = || Call::post(&format!("{}/secret/rotate", path(&id)), "{}");
    for _ in 0..3 {
        assert_eq!(world.send(rotate()).await.status, 200);
    }
    world.send(rotate()).await.refuses(409, &[]);
}

#[tokio::test]
async fn names_the_bad_field_of_a_rotation() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    for (body, field) in
        [(r#"{"overlapSeconds":604801}"#, "overlapSeconds"), (r#"{"secret":"x"}"#, "secret"), ("[]", "")]
    {
        world.send(Call::post(&format!("{}/secret/rotate", path(&id)), body)).await.refuses(400, &[field]);
    }
    assert_eq!(world.send(Call::get(&path(&id))).await.json()["__v"], 0);
}

#[tokio::test]
async fn headers_and_basic_auth_are_sent_and_shown_by_name_only() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let answer = world.send(Call::patch(&path(&id), HEADERS)).await;
    let shown = answer.json();
    assert_eq!((&shown["headers"], &shown["basicAuth"]), (&json!(["x-key"]), &json!({"username": "u"})));
    for call in [Call::get(&path(&id)), Call::get(WEBHOOKS_PATH)] {
        let text = String::from_utf8(world.send(call).await.body).unwrap();
        assert!(text.contains("x-key") && !text.contains("-secret"), "{text}");
    }
    let stored = secrets(&world, &id).await;
    assert_eq!(stored.headers.values().next().unwrap().as_str(), "k-secret");
    assert_eq!(stored.basic_auth.unwrap().header(), "Basic dTpwLXNlY3JldA==");
    let dropped = world.send(Call::patch(&path(&id), r#"{"headers":null,"basicAuth":null}"#)).await.json();
    assert_eq!((dropped.get("headers"), dropped.get("basicAuth")), (None, None));
}

#[tokio::test]
async fn headers_and_basic_auth_are_not_moved_to_another_host() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    world.send(Call::patch(&path(&id), HEADERS)).await;
    let patch = |body: &str| world.send(Call::patch(&path(&id), body));
    patch(r#"{"url":"https://evil.example/"}"#).await.refuses(400, &["headers.x-key", "basicAuth"]);
    patch(r#"{"url":"https://www.server.com:8443/x"}"#).await.refuses(400, &["url"]);
    assert_eq!(patch(r#"{"url":"https://www.server.com/other?a=1"}"#).await.status, 200, "the same host");
    assert_eq!(secrets(&world, &id).await.headers.len(), 1);
    let again = r#"{"url":"https://new.example/","headers":{"x-key":"n"},"basicAuth":null}"#;
    assert_eq!(patch(again).await.status, 200);
}

#[tokio::test]
async fn one_change_deactivates_a_webhook_and_removes_its_headers() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    world.send(Call::patch(&path(&id), HEADERS)).await;
    let both = world.send(Call::patch(&path(&id), r#"{"isActive":false,"headers":null}"#)).await;
    assert_eq!(both.json()["isActive"], false);
    assert_eq!(secrets(&world, &id).await.headers.len(), 0);
}

#[tokio::test]
async fn names_every_bad_header_of_a_webhook() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let body = r#"{"headers":{"Host":"a","webhook-id":"b","x":"c\nd"}}"#;
    let answer = world.send(Call::patch(&path(&id), body)).await;
    answer.refuses(400, &["headers.Host", "headers.webhook-id", "headers.x"]);
    let many: serde_json::Map<_, _> = (0..21).map(|n| (format!("x-{n}"), json!("v"))).collect();
    world
        .send(Call::patch(&path(&id), json!({ "headers": many }).to_string()))
        .await
        .refuses(400, &["headers"]);
}

#[tokio::test]
async fn another_company_cannot_read_a_secret() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    world.send(Call::get(&format!("{}/secret", path(&id))).by(OTHER)).await.refuses(404, &[]);
}
