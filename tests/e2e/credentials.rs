//! Tests of headers and basic auth, and of secrets that are replaced while events are sent.

use reqwest::Method;
use serde_json::{Value, json};

use crate::company::{Company, WEBHOOKS};
use crate::receiver::Receiver;
use crate::stack::COMMON;
use crate::wait::PATIENCE;

#[tokio::test]
async fn headers_and_basic_auth_arrive_and_both_secrets_sign_during_a_rotation() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    let webhook = company.webhook(&receiver.url("/")).await;
    let change = json!({
        "headers": { "X-Api-Key": "k-1", "x-tenant": "t 1" },
        "basicAuth": { "username": "user", "password": "pass" }
    });
    company.change(&webhook, change).await;
    company.push_tasks([0]).await;
    receiver.wait_for("/", 1, PATIENCE).await;
    let [hit] = receiver.hits_at("/").try_into().unwrap();
    assert_eq!((hit.header("x-api-key"), hit.header("x-tenant")), ("k-1", "t 1"));
    assert_eq!(hit.header("authorization"), "Basic dXNlcjpwYXNz");
    assert_eq!(hit.header("webhook-signature").split(' ').count(), 1);

    let path = format!("{WEBHOOKS}/{webhook}/secret/rotate");
    let (status, _) = company.ask(Method::POST, &path, json!({ "overlapSeconds": 600 })).await;
    assert_eq!(status, 200);
    company.push_tasks([1]).await;
    receiver.wait_for("/", 2, PATIENCE).await;
    let hits = receiver.hits_at("/");
    assert_eq!(hits[1].header("webhook-signature").split(' ').count(), 2);

    let shown = company.find(&webhook).await;
    assert_eq!(shown["headers"], json!(["x-api-key", "x-tenant"]));
    let (status, refused) = company
        .ask(Method::PATCH, &format!("{WEBHOOKS}/{webhook}"), json!({ "url": "http://127.0.0.1:1/" }))
        .await;
    let fields: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(status, 400);
    assert_eq!(fields, [&Value::from("headers.x-api-key"), &"headers.x-tenant".into(), &"basicAuth".into()]);
}
