//! A whole API in memory: two companies, an operator, and calls that read like what they are.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use hookrail_adapters::config::ApiConfig;
use hookrail_adapters::scripts::InProcessScripts;
use hookrail_api::route::Route;
use hookrail_api::{App, EVENTS_PATH, WEBHOOKS_PATH, router, routes};
use hookrail_domain::id::CompanyId;
use hookrail_domain::ingest::IngestLimit;
use hookrail_domain::suspension::SuspensionPolicy;
use hookrail_domain::target::TargetPolicy;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Token, TokenHash};
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::queue::Queue;
use hookrail_pipeline::store::ConfigStore;
use hookrail_pipeline::store::access::{AccessStore, TokenCreation};
use hookrail_testkit::clock::ManualClock;
use hookrail_testkit::memory::MemoryTables;
use hookrail_testkit::queue::MemoryQueue;
use hookrail_testkit::script::ScriptedSender;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::failing::FailingTables;

pub(crate) const NOW: Millis = Millis(1_651_780_480_000);
pub(crate) const RECOVERY: &str = "http://sqs/recovery.fifo";
/// Tokens of the companies `acme` and `other`, and of the operator.
pub(crate) const ACME: &str = "acme-token";
pub(crate) const OTHER: &str = "other-token";
pub(crate) const OPERATOR: &str = "operator-token";

type Ports = (FailingTables, MemoryQueue, ScriptedSender, InProcessScripts, ManualClock);

pub(crate) struct World {
    pub(crate) tables: FailingTables,
    pub(crate) queue: MemoryQueue,
    pub(crate) clock: ManualClock,
    pub(crate) router: Router,
    pub(crate) routes: Vec<Route>,
    pub(crate) sender: ScriptedSender,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_queues(&["http://sqs/events.fifo"]).await
    }

    pub(crate) async fn with_queues(queues: &[&str]) -> Self {
        Self::with(config(queues)).await
    }

    pub(crate) async fn with(config: ApiConfig) -> Self {
        let tables = FailingTables::over(MemoryTables::default());
        let (queue, clock) = (MemoryQueue::default(), ManualClock::at(NOW));
        let sender = ScriptedSender::default();
        let ports = (tables.clone(), queue.clone(), sender.clone(), InProcessScripts, clock.clone());
        let app = Arc::new(App::new(ports, config));
        let world =
            Self { router: router(&app), routes: routes::list::<Ports>(), tables, queue, sender, clock };
        world.grant(ACME, &Grant::company(company("acme")), "acme").await;
        world.grant(OTHER, &Grant::company(company("other")), "other").await;
        world
    }

    /// Makes the company with a token that carries this grant.
    pub(crate) async fn grant(&self, token: &str, grant: &Grant, name: &str) {
        let token = Token::first(TokenHash::of(token), grant.clone(), NOW);
        self.tables.create_company(&company(name), &token).await.unwrap();
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        self.request(call.into_request()).await
    }

    /// Makes a token of a company, or of the operator, that is there already.
    pub(crate) async fn token(&self, token: &str, grant: &Grant) {
        let token = Token::first(TokenHash::of(token), grant.clone(), NOW);
        assert_eq!(self.tables.make_token(&token).await.unwrap(), TokenCreation::Made);
    }

    /// Another sandbox over the same tables, with a memory of its own.
    pub(crate) fn sandbox(&self) -> Router {
        let ports = (
            self.tables.clone(),
            self.queue.clone(),
            self.sender.clone(),
            InProcessScripts,
            self.clock.clone(),
        );
        router(&Arc::new(App::new(ports, config(&["http://sqs/events.fifo"]))))
    }

    pub(crate) async fn request<B>(&self, request: Request<B>) -> Answer
    where
        B: axum::body::HttpBody<Data = axum::body::Bytes, Error: Into<axum::BoxError>> + Send + 'static,
    {
        Self::answer(&self.router, request).await
    }

    pub(crate) async fn answer<B>(router: &Router, request: Request<B>) -> Answer
    where
        B: axum::body::HttpBody<Data = axum::body::Bytes, Error: Into<axum::BoxError>> + Send + 'static,
    {
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// The same tables behind another queue and clock.
    pub(crate) fn over<Q: Queue + 'static, C: Clock + 'static>(self, queue: Q, clock: C) -> Self {
        let ports = (self.tables.clone(), queue, self.sender.clone(), InProcessScripts, clock);
        let app = Arc::new(App::new(ports, config(&["http://sqs/events.fifo"])));
        Self { router: router(&app), ..self }
    }

    /// Makes a webhook of acme's and tells its id.
    pub(crate) async fn make_webhook(&self, code: &str) -> String {
        let answer = self.send(Call::post(WEBHOOKS_PATH, webhook(code))).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["_id"].as_str().unwrap().to_owned()
    }

    /// The body of every message sent, in order.
    pub(crate) fn sent_bodies(&self) -> Vec<String> {
        self.queue.sent().into_iter().map(|(_, message)| message.body).collect()
    }
}

pub(crate) fn config(queues: &[&str]) -> ApiConfig {
    ApiConfig {
        config_table: "config".into(),
        log_table: "log".into(),
        events_queue_urls: queues.iter().map(|&url| url.to_owned()).collect(),
        recovery_queue_url: RECOVERY.into(),
        attempts_max: 3,
        timeout_seconds: 10,
        suspension: SuspensionPolicy::default(),
        ingest: IngestLimit::default(),
        workflow: None,
        targets: TargetPolicy::default(),
        operator: Some(TokenHash::of(OPERATOR)),
        jwt: None,
    }
}

pub(crate) fn company(name: &str) -> CompanyId {
    CompanyId::parse(name).unwrap()
}

pub(crate) fn webhook(code: &str) -> String {
    format!(
        r#"{{"name":"Work Orders","code":"{code}","url":"https://www.server.com","trigger":"create-edit-delete-task"}}"#
    )
}

pub(crate) fn event(company: &str) -> String {
    format!(r#"{{"company":"{company}","type":"COTTask","event":"create"}}"#)
}

/// A call, by default acme's own and of JSON.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn new(method: Method, path: &str, body: Vec<u8>) -> Self {
        let headers = vec![("authorization", format!("Bearer {ACME}")), ("host", "api.example.com".into())];
        Self { method, path: path.into(), headers, body }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path, Vec::new())
    }

    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Method::POST, path, body.into()).header("content-type", "application/json")
    }

    pub(crate) fn patch(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: Method::PATCH, ..Self::post(path, body) }
    }

    pub(crate) fn put(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: Method::PUT, ..Self::post(path, body) }
    }

    pub(crate) fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path, Vec::new())
    }

    pub(crate) fn push(body: impl Into<Vec<u8>>) -> Self {
        Self::post(EVENTS_PATH, body)
    }

    pub(crate) fn by(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self = self.without(name);
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    pub(crate) fn into_request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body)).unwrap()
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The ids of the events that the answer tells of.
    pub(crate) fn event_ids(&self) -> Vec<String> {
        let events = self.json()["events"].as_array().unwrap().clone();
        events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    }

    /// The path and query of the next page.
    pub(crate) fn next(&self) -> Option<String> {
        let link = self.header("link")?;
        Some(link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned())
    }

    /// Asserts a problem document of this status that names these fields.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, fields: &[&str]) {
        let problem = self.json();
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let named: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert_eq!((self.status, named), (status, fields.to_vec()), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
    }
}
