//! Writes that meet a transaction of another function, at the table's wire format.

#![expect(clippy::expect_used, reason = "a test's set-up fails loudly")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hookrail_adapters::aws::Clients;
use hookrail_adapters::config::AwsConfig;
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::{SECRET_BYTES, SigningSecret};
use hookrail_domain::suspension::QueueState;
use hookrail_domain::time::Millis;
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::store::{
    Change, ConfigStore as _, LogStore as _, StoreError, WebhookCreation, WebhookKey,
};
use hookrail_testkit::contract::sample_webhook;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const CONFLICT: &str =
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"ongoing"}"#;
const CANCELLED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
    "message":"cancelled","CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict"}]}"#;

/// A store over tables that refuse the first `conflicts` writes, and the number of writes that they saw.
async fn busy(conflicts: u32) -> (DynamoDbStore, Arc<AtomicU32>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let endpoint = Some(format!("http://{}", listener.local_addr().expect("an address")));
    let writes = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&writes);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            let respond = service_fn(move |request: Request<Incoming>| {
                let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
                let is_transaction = target.is_some_and(|target| target.ends_with("TransactWriteItems"));
                let is_refused = seen.fetch_add(1, Ordering::SeqCst) < conflicts;
                let refusal = if is_transaction { CANCELLED } else { CONFLICT };
                let (status, body) = if is_refused { (400, refusal) } else { (200, "{}") };
                let response =
                    Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
                async move { Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).expect("valid")) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), respond));
        }
    });
    let config = AwsConfig {
        region: "us-east-1".to_owned(),
        access_key_id: "local".to_owned(),
        secret_access_key: "local".to_owned(),
        session_token: None,
        dynamodb_endpoint: endpoint.clone(),
        sqs_endpoint: endpoint,
    };
    (DynamoDbStore::new(Clients::new(config).dynamodb(), "config".to_owned(), "log".to_owned()), writes)
}

fn secrets() -> Secrets {
    Secrets::new(SigningSecret::from_random([7; SECRET_BYTES]))
}

#[tokio::test]
async fn a_transaction_that_meets_seven_others_is_made_at_the_eighth_try() {
    let (store, writes) = busy(7).await;
    let made = store.create_webhook(&sample_webhook("acme", 1), &secrets()).await;
    assert_eq!(made.expect("written"), WebhookCreation::Made);
    assert_eq!(writes.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn a_write_of_a_queue_that_meets_seven_transactions_is_made_at_the_eighth_try() {
    let (store, writes) = busy(7).await;
    let Webhook { company, id, .. } = sample_webhook("acme", 1);
    let from = QueueState::default();
    let to = from.lagging(1, Millis(1));
    let changed = store.change_state(&WebhookKey { company, webhook: id }, &from, &to).await;
    assert_eq!(changed.expect("written"), Change::Done);
    assert_eq!(writes.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn conflicts_without_end_are_a_fault() {
    let (store, writes) = busy(u32::MAX).await;
    let made = store.create_webhook(&sample_webhook("acme", 1), &secrets()).await;
    assert!(matches!(made, Err(StoreError::Unavailable(_))), "{made:?}");
    assert_eq!(writes.load(Ordering::SeqCst), 8);
}
