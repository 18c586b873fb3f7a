//! A whole call of the API: a line of method and path, headers, an empty line, a body.
//!
//! Not guided by coverage: it needs the AWS SDK, and an hour of compiling.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use futures_util::FutureExt as _;
use hookrail_adapters::config::ApiConfig;
use hookrail_adapters::scripts::InProcessScripts;
use hookrail_api::{App, router};
use hookrail_domain::id::CompanyId;
use hookrail_domain::ingest::IngestLimit;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::suspension::SuspensionPolicy;
use hookrail_domain::target::TargetPolicy;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Token, TokenHash};
use hookrail_pipeline::store::ConfigStore as _;
use hookrail_testkit::clock::ManualClock;
use hookrail_testkit::contract::sample_webhook;
use hookrail_testkit::memory::MemoryTables;
use hookrail_testkit::queue::MemoryQueue;
use hookrail_testkit::script::ScriptedSender;
use http::header::AUTHORIZATION;
use http::{Method, Request};
use serde_json::Value;
use tower::ServiceExt as _;

const TOKEN: &str = "acme-token";

pub(crate) fn run(bytes: &[u8]) {
    let Some(request) = read(bytes) else { return };
    let is_ours = request.uri().path().starts_with("/api/");
    let is_head = request.method() == Method::HEAD;
    let token = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes().to_owned());
    let queue = MemoryQueue::default();
    let call = async {
        let response = api(queue.clone()).await.oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        (parts, to_bytes(body, usize::MAX).await.expect("a body in memory"))
    };
    let (parts, body) = call.now_or_never().expect("nothing in memory waits");

    let status = parts.status.as_u16();
    assert!((200..500).contains(&status), "status {status}: no caller can make us fail");
    assert_eq!(parts.headers["cache-control"], "no-store");
    if 400 <= status && !is_head {
        let problem: Value = serde_json::from_slice(&body).expect("a problem document");
        assert_eq!(problem["status"], status);
    }
    if status < 400 && is_ours {
        let token = token.expect("no call succeeds without a token");
        assert!(token.trim_ascii_end().ends_with(TOKEN.as_bytes()), "nor with another");
    }
    assert!(
        queue.sent().iter().all(|(_, event)| event.group == "acme"),
        "a token pushes for its own company only"
    );
}

/// Returns the request that the bytes spell, if there is one.
fn read(bytes: &[u8]) -> Option<Request<Body>> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, body) = bytes.split_at(end);
    let mut lines = head.split(|byte| *byte == b'\n');
    let line = std::str::from_utf8(lines.next()?).ok()?;
    let (method, path) = line.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(path);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        request = request.header(name, value.get(1..)?.trim_ascii());
    }
    request.body(Body::from(body.get(2..)?.to_vec())).ok()
}

/// Makes an API with two companies, each with a webhook; the token is acme's.
async fn api(queue: MemoryQueue) -> Router {
    let tables = MemoryTables::default();
    for (name, token) in [("acme", TOKEN), ("other", "other-company")] {
        let grant = Grant::company(CompanyId::parse(name).expect("a company id"));
        let webhook = sample_webhook(name, 1);
        let token = Token::first(TokenHash::of(token), grant, Millis(0));
        tables.create_company(&webhook.company, &token).await.expect("in memory");
        let secrets = Secrets::new(SigningSecret::from_random([7; 32]));
        tables.create_webhook(&webhook, &secrets).await.expect("in memory");
    }
    let config = ApiConfig {
        config_table: String::new(),
        log_table: String::new(),
        events_queue_urls: vec!["http://queues/0/events.fifo".to_owned()],
        recovery_queue_url: "http://sqs/recovery.fifo".to_owned(),
        attempts_max: 3,
        timeout_seconds: 10,
        suspension: SuspensionPolicy::default(),
        ingest: IngestLimit::default(),
        workflow: None,
        targets: TargetPolicy::default(),
        operator: None,
        jwt: None,
    };
    let clock = ManualClock::at(Millis(1_651_780_480_000));
    router(&Arc::new(App::new((tables, queue, ScriptedSender::default(), InProcessScripts, clock), config)))
}
