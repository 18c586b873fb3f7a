//! The demonstration: a receiver, a webhook from the published sample, three events of which the second fails once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::net::TcpListener;

use super::front::{self, Reply};
use super::options::DevOptions;
use super::ready::Ready;
use super::say;

const WEBHOOK: &str = include_str!("../../../events/samples/cot_webhook.json");
const EVENT: &str = include_str!("../../../events/samples/cot_event_task_create.json");
const EVENTS: usize = 3;
/// Attempts for three events of which one fails once.
const ATTEMPTS: usize = 4;
const RECEIVED_BYTES_MAX: usize = 1024 * 1024;
const POLL: Duration = Duration::from_millis(100);
/// What the demonstration may take beside the retry's delay.
const PATIENCE: Duration = Duration::from_secs(30);

/// The demonstration did not go as it should.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("the receiver could not be started")]
    Receiver(#[from] std::io::Error),
    #[error("a call to the API failed")]
    Call(#[from] reqwest::Error),
    #[error("the API answered {status}: {text}")]
    Answer { status: u16, text: String },
    #[error("an answer of the API cannot be read")]
    Json(#[from] serde_json::Error),
    #[error("the log is not as expected; last seen: {0}")]
    Log(String),
}

/// Runs the demonstration against the stack.
pub async fn run(ready: &Ready, options: &DevOptions) -> Result<(), DemoError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let receiver = format!("http://{}/webhook", listener.local_addr()?);
    let received = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&received);
    let serving = tokio::spawn(front::serve(listener, move |request| receive(Arc::clone(&count), request)));
    let result = show(ready, options, &receiver).await;
    serving.abort();
    result
}

/// Answers 500 to the second request and 200 to all others.
async fn receive(received: Arc<AtomicU32>, request: hyper::Request<Incoming>) -> Reply {
    if front::body_of(request.into_body(), RECEIVED_BYTES_MAX).await.is_none() {
        return front::plain(StatusCode::PAYLOAD_TOO_LARGE, "too large");
    }
    match received.fetch_add(1, Ordering::Relaxed) {
        1 => front::plain(StatusCode::INTERNAL_SERVER_ERROR, "not now, please"),
        _ => front::plain(StatusCode::OK, "thank you"),
    }
}

async fn show(ready: &Ready, options: &DevOptions, receiver: &str) -> Result<(), DemoError> {
    let api = Api { client: reqwest::Client::new(), ready };
    let id = api.webhook(receiver).await?;
    say(&format!("webhook {id} -> {receiver}"));
    for number in 1..=EVENTS {
        api.call(reqwest::Method::POST, "/api/v3/event", EVENT.to_owned()).await?;
        say(&format!("event {number} pushed"));
    }
    say(&format!(
        "the second event fails once and is tried again after {} s; the third waits",
        options.retry_delay
    ));
    let patience = PATIENCE + Duration::from_secs(options.retry_delay);
    let rows = tokio::time::timeout(patience, api.rows(&id)).await;
    let rows = rows.map_err(|_elapsed| DemoError::Log("no four attempts in time".to_owned()))??;
    say("");
    say("  event  attempt  status  result   response");
    for row in &rows {
        let text = |field: &str| row.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
        let number = |field: &str| row.get(field).and_then(Value::as_u64).unwrap_or(0);
        let event =
            number("sequence") + 1 - rows.first().and_then(|row| row.get("sequence")?.as_u64()).unwrap_or(0);
        say(&format!(
            "  {event:<5}  {:<7}  {:<6}  {:<7}  {}",
            number("retry"),
            number("status"),
            text("result"),
            text("response")
        ));
    }
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.get("retry").and_then(Value::as_u64), row.get("status").and_then(Value::as_u64)))
        .collect();
    let expected =
        [(1, 200), (1, 500), (2, 200), (1, 200)].map(|(attempt, status)| (Some(attempt), Some(status)));
    if seen == expected { Ok(()) } else { Err(DemoError::Log(format!("{seen:?}"))) }
}

/// The API, called as any customer would.
struct Api<'a> {
    client: reqwest::Client,
    ready: &'a Ready,
}

impl Api<'_> {
    async fn call(&self, method: reqwest::Method, path: &str, body: String) -> Result<Value, DemoError> {
        let answer = self
            .client
            .request(method, format!("{}{path}", self.ready.api))
            .bearer_auth(&self.ready.token)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if status.is_success() {
            Ok(serde_json::from_str(&text)?)
        } else {
            Err(DemoError::Answer { status: status.as_u16(), text })
        }
    }

    /// The published webhook with the receiver's URL; the one of an earlier run is pointed to the new receiver.
    async fn webhook(&self, receiver: &str) -> Result<String, DemoError> {
        const PATH: &str = "/api/v3/webhook/subscription";
        let mut webhook: Value = serde_json::from_str(WEBHOOK)?;
        if let Some(fields) = webhook.as_object_mut() {
            fields.insert("url".to_owned(), receiver.into());
        }
        let made = match self.call(reqwest::Method::POST, PATH, webhook.to_string()).await {
            Err(DemoError::Answer { status: 409, .. }) => {
                let all = self.call(reqwest::Method::GET, PATH, String::new()).await?;
                let same = |one: &&Value| one.get("code") == webhook.get("code");
                let found = all.as_array().and_then(|all| all.iter().find(same)).cloned().unwrap_or_default();
                let change = serde_json::json!({ "url": receiver, "isActive": true }).to_string();
                self.call(reqwest::Method::PATCH, &format!("{PATH}/{}", id_of(&found)), change).await?
            }
            other => other?,
        };
        Ok(id_of(&made))
    }

    /// The newest attempts, oldest first, once there are as many as there should be.
    async fn rows(&self, id: &str) -> Result<Vec<Value>, DemoError> {
        let path = format!("/api/v3/webhook/subscription/logs/{id}?limit={ATTEMPTS}");
        loop {
            let rows = self.call(reqwest::Method::GET, &path, String::new()).await?;
            let mut rows = rows.as_array().cloned().unwrap_or_default();
            rows.reverse();
            let sequence = |row: Option<&Value>| row.and_then(|row| row.get("sequence")?.as_u64());
            let span = sequence(rows.last()).zip(sequence(rows.first())).map(|(last, first)| last - first);
            let ended = rows.last().is_some_and(|row| row.get("nextAttemptAt").is_none_or(Value::is_null));
            if rows.len() == ATTEMPTS && span == Some(EVENTS as u64 - 1) && ended {
                return Ok(rows);
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

fn id_of(webhook: &Value) -> String {
    webhook.get("_id").and_then(Value::as_str).unwrap_or_default().to_owned()
}
