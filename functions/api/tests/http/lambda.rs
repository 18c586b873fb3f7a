//! What API Gateway hands over and gets back: the sample events of `events/`, read by the real adapter.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookrail_domain::token::Grant;
use lambda_http::{Body, IntoResponse};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::world::{Answer, Call, World, company};

const CREATE: &str = include_str!("../../../../events/api-create-webhook.json");
const PUSH: &str = include_str!("../../../../events/api-push-event.json");
const TOKEN: &str = "sample-token-for-local-invocations-only";
const COMPANY: &str = "625bcbdcc9a8e3a86dbf041c";

async fn world() -> World {
    let world = World::new().await;
    world.grant(TOKEN, &Grant::company(company(COMPANY)), COMPANY).await;
    world
}

async fn invoke(world: &World, invocation: &Value) -> Answer {
    world.request(lambda_http::request::from_str(&invocation.to_string()).unwrap()).await
}

#[tokio::test]
async fn the_sample_event_is_pushed_byte_for_byte() {
    let invocation: Value = serde_json::from_str(PUSH).unwrap();
    let world = world().await;
    let answer = invoke(&world, &invocation).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(world.sent_bodies(), [invocation["body"].as_str().unwrap()]);
    assert_eq!(answer.header("idempotency-key"), invocation["headers"]["idempotency-key"].as_str());
}

#[tokio::test]
async fn a_body_that_came_as_base64_is_pushed_as_it_was_sent() {
    let mut invocation: Value = serde_json::from_str(PUSH).unwrap();
    let body = invocation["body"].as_str().unwrap().to_owned();
    invocation["body"] = json!(STANDARD.encode(&body));
    invocation["isBase64Encoded"] = json!(true);
    let world = world().await;
    assert_eq!(invoke(&world, &invocation).await.status, 202);
    assert_eq!(world.sent_bodies(), [body]);
}

#[tokio::test]
async fn the_sample_webhook_is_made() {
    let answer = invoke(&world().await, &serde_json::from_str(CREATE).unwrap()).await;
    assert_eq!((answer.status, &answer.json()["company"]), (201, &json!(COMPANY)), "{answer:?}");
}

#[tokio::test]
async fn the_query_of_an_invocation_is_read() {
    let mut invocation: Value = serde_json::from_str(CREATE).unwrap();
    invocation["requestContext"]["http"]["method"] = json!("GET");
    invocation["rawQueryString"] = json!("limit=0");
    invocation["body"] = Value::Null;
    invoke(&world().await, &invocation).await.refuses(400, &["limit"]);
}

#[tokio::test]
async fn every_answer_goes_back_as_text() {
    let world = World::new().await;
    for call in [Call::get("/panel"), Call::get("/nowhere"), Call::get("/api/v3/webhook/subscription")] {
        let response = world.router.clone().oneshot(call.into_request()).await.unwrap();
        let converted = response.into_response().await;
        assert!(matches!(converted.body(), Body::Text(_)), "{converted:?}");
    }
}
