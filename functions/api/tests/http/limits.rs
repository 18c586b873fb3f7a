//! Every limit of what a caller can send, at its edge and one beyond it.

use hookrail_api::{EVENTS_PATH, TOKENS_PATH, WEBHOOKS_PATH};
use serde_json::{Value, json};

use crate::world::{Call, World, event, webhook};

/// Acme's webhook with one field of this value.
fn with(field: &str, value: Value) -> String {
    let mut body: Value = serde_json::from_str(&webhook("a")).unwrap();
    body[field] = value;
    body.to_string()
}

/// Asserts that the longest text is taken and the next refused, naming the field.
async fn check(status: u16, field: &str, call: impl Fn(usize) -> Call, most: usize) {
    let largest = World::new().await.send(call(most)).await;
    assert!(largest.status < 300, "{field}: {largest:?}");
    World::new().await.send(call(most + 1)).await.refuses(status, &[field]);
}

#[tokio::test]
async fn limits_webhook_texts() {
    let text = |field: &'static str| {
        move |chars: usize| Call::post(WEBHOOKS_PATH, with(field, json!("a".repeat(chars))))
    };
    check(400, "name", text("name"), 200).await;
    check(400, "code", text("code"), 100).await;
    check(400, "description", text("description"), 2000).await;
    let url = |chars: usize| {
        let base = "https://a.io/";
        Call::post(WEBHOOKS_PATH, with("url", json!(format!("{base}{}", "u".repeat(chars - base.len())))))
    };
    check(400, "url", url, 2048).await;
    let slot =
        |chars: usize| Call::post(WEBHOOKS_PATH, with("context", json!({"taskGroup": "t".repeat(chars)})));
    check(400, "context.taskGroup", slot, 64).await;
}

#[tokio::test]
async fn limits_webhook_headers() {
    let headers = |headers: Value| Call::post(WEBHOOKS_PATH, with("headers", headers));
    let many = |count: usize| {
        headers(
            (0..count)
                .map(|number| (format!("x-{number}"), json!("v")))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        )
    };
    check(400, "headers", many, 20).await;
    check(400, "headers.x", |bytes| headers(json!({"x": "v".repeat(bytes)})), 4096).await;
    let name = |bytes: usize| headers(json!({ "n".repeat(bytes): "v" }));
    let world = World::new().await;
    assert_eq!(world.send(name(100)).await.status, 201);
    world.send(name(101)).await.refuses(400, &[&format!("headers.{}", "n".repeat(101))]);
    // Two names of one byte.
    let all = |bytes: usize| headers(json!({"a": "v".repeat(4096), "b": "v".repeat(bytes - 4098)}));
    check(400, "headers", all, 8192).await;
    let auth = |user: usize, password: usize| {
        Call::post(
            WEBHOOKS_PATH,
            with("basicAuth", json!({"username": "u".repeat(user), "password": "p".repeat(password)})),
        )
    };
    check(400, "basicAuth", |chars| auth(chars, 1), 512).await;
    check(400, "basicAuth", |chars| auth(1, chars), 512).await;
}

#[tokio::test]
async fn limits_request_bodies() {
    let padded = |body: &str, bytes: usize| format!("{body}{}", " ".repeat(bytes - body.len()));
    check(413, "", |bytes| Call::post(WEBHOOKS_PATH, padded(&webhook("a"), bytes)), 64 * 1024).await;
    let token = r#"{"name":"n","scopes":["logs:read"]}"#;
    check(413, "", |bytes| Call::post(TOKENS_PATH, padded(token, bytes)), 64 * 1024).await;
    let events = |bytes: usize| Call::post(EVENTS_PATH, padded(&format!("[{}]", event("acme")), bytes));
    check(413, "", events, 1_000_000).await;
}

#[tokio::test]
async fn limits_events_and_idempotency_keys() {
    let call = |count: usize| Call::push(format!("[{}]", vec![event("acme"); count].join(",")));
    check(400, "", call, 100).await;
    let large = |bytes: usize| {
        let rest = r#"{"company":"acme","type":"COTTask","event":"create","x":""}"#.len();
        Call::push(format!(
            r#"{{"company":"acme","type":"COTTask","event":"create","x":"{}"}}"#,
            "x".repeat(bytes - rest)
        ))
    };
    check(413, "", large, 256 * 1024).await;
    check(400, "Idempotency-Key", |chars| Call::push(event("acme")).key(&"k".repeat(chars)), 255).await;
}

#[tokio::test]
async fn limits_page_sizes() {
    let page = |limit: usize| Call::get(&format!("{WEBHOOKS_PATH}?limit={limit}"));
    check(400, "limit", page, 100).await;
    World::new().await.send(page(0)).await.refuses(400, &["limit"]);
}

#[tokio::test]
async fn limits_request_headers_and_query() {
    let world = World::new().await;
    let call = |bytes: usize| Call::get(WEBHOOKS_PATH).header("x-padding", "p".repeat(bytes));
    assert_eq!(world.send(call(9 * 1024)).await.status, 200);
    world.send(call(10 * 1024)).await.refuses(431, &[]);
    let query = format!("{WEBHOOKS_PATH}?cursor={}", "c".repeat(10 * 1024));
    world.send(Call::get(&query)).await.refuses(431, &[]);
}
