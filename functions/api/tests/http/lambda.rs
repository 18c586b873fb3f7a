//! The events of API Gateway and their responses: the sample events of `events/`, read by the real adapter.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookrail_api::{LOGS_PATH, REJECTED_PATH};
use hookrail_domain::event::Body;
use hookrail_domain::id::WebhookId;
use hookrail_domain::limits::{
    CALL_ENVELOPE_BYTES_MAX, CALL_HEAD_BYTES_MAX, EVENT_BYTES_MAX, INGEST_BYTES_MAX, INVOKE_BYTES_MAX,
    QUEUE_MESSAGE_BYTES_MAX,
};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::progress::Progress;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::token::{Grant, Owner};
use hookrail_pipeline::store::rejected::RejectedStore;
use hookrail_pipeline::store::{LogStore, WebhookKey};
use lambda_http::IntoResponse;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::queue::row;
use crate::world::{Answer, Call, NOW, World, company};

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
async fn a_base64_body_is_pushed_as_it_was_sent() {
    let mut invocation: Value = serde_json::from_str(PUSH).unwrap();
    let body = invocation["body"].as_str().unwrap().to_owned();
    invocation["body"] = json!(STANDARD.encode(&body));
    invocation["isBase64Encoded"] = json!(true);
    let world = world().await;
    assert_eq!(invoke(&world, &invocation).await.status, 202);
    assert_eq!(world.sent_bodies(), [body]);
}

#[tokio::test]
async fn the_sample_webhook_is_created() {
    let answer = invoke(&world().await, &serde_json::from_str(CREATE).unwrap()).await;
    assert_eq!((answer.status, &answer.json()["company"]), (201, &json!(COMPANY)), "{answer:?}");
}

#[tokio::test]
async fn reads_the_query_of_an_invocation() {
    let mut invocation: Value = serde_json::from_str(CREATE).unwrap();
    invocation["requestContext"]["http"]["method"] = json!("GET");
    invocation["rawQueryString"] = json!("limit=0");
    invocation["body"] = Value::Null;
    invoke(&world().await, &invocation).await.refuses(400, &["limit"]);
}

/// The bytes of a response's body as Lambda gets it: a string in JSON.
async fn bytes_at_lambda(world: &World, path: &str) -> usize {
    let answer = world.send(Call::get(path)).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    serde_json::to_vec(std::str::from_utf8(&answer.body).unwrap()).unwrap().len()
}

#[tokio::test]
async fn pages_of_events_full_of_quotes_fit_a_response_of_lambda() {
    let world = World::new().await;
    let webhook = world.make_webhook("orders").await;
    let key = WebhookKey { company: company("acme"), webhook: WebhookId::parse(&webhook).unwrap() };
    let quotes = |bytes: usize| r#"\""#.repeat((bytes - 100) / 2);
    let event =
        format!(r#"{{"company":"acme","type":"COTTask","event":"edit","x":"{}"}}"#, quotes(EVENT_BYTES_MAX));
    let body = Body::new(event).unwrap();
    for sequence in 1..=30 {
        let row = LogRow { body: Some(body.clone()), ..row(&key, (sequence, 1), Progress::Ended, 0) };
        world.tables.put_row(&row).await.unwrap();
    }
    // As large as SQS lets one be.
    let large = "\"".repeat(QUEUE_MESSAGE_BYTES_MAX);
    let owner = Owner::Company(company("acme"));
    let mut rejected = Vec::new();
    for id in ["a", "b"] {
        let event = RejectedEvent::new(NOW, id, &large);
        world.tables.keep_rejected(&owner, &event).await.unwrap();
        rejected.push(format!("{REJECTED_PATH}/{}", event.id));
    }
    let lists = [format!("{LOGS_PATH}/{webhook}?limit=100"), REJECTED_PATH.to_owned()];
    for path in lists.iter().chain(&rejected) {
        let bytes = bytes_at_lambda(&world, path).await;
        assert!(bytes + CALL_ENVELOPE_BYTES_MAX <= INVOKE_BYTES_MAX, "{path}: {bytes}");
        assert!(1_000_000 < bytes, "{path}: {bytes}");
    }
}

#[tokio::test]
async fn a_call_as_large_as_it_may_be_fits_an_event_of_lambda_whatever_its_bytes() {
    let body = format!("[{}", "\u{1}".repeat(INGEST_BYTES_MAX - 1));
    let mut invocation: Value = serde_json::from_str(PUSH).unwrap();
    invocation["body"] = json!(body);
    invocation["headers"]["x"] = json!("\"".repeat(CALL_HEAD_BYTES_MAX / 2));
    assert!(invocation.to_string().len() <= INVOKE_BYTES_MAX);
    let answer = invoke(&world().await, &invocation).await;
    answer.refuses(400, &[""]);
    invocation["body"] = json!(format!("{body}x"));
    let answer = invoke(&world().await, &invocation).await;
    answer.refuses(413, &[""]);
    assert!(answer.json()["detail"].as_str().unwrap().contains("1000000 bytes"), "{answer:?}");
}

#[tokio::test]
async fn responses_are_returned_as_text() {
    let world = World::new().await;
    for call in [Call::get("/panel"), Call::get("/nowhere"), Call::get("/api/v3/webhook/subscription")] {
        let response = world.router.clone().oneshot(call.into_request()).await.unwrap();
        let converted = response.into_response().await;
        assert!(matches!(converted.body(), lambda_http::Body::Text(_)), "{converted:?}");
    }
}
