//! The demonstration: a receiver, a webhook from the published sample, three events of which the second fails once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Incoming;
use serde::Deserialize;
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
/// Time limit of the demonstration, without the delay of the retry.
const PATIENCE: Duration = Duration::from_secs(30);

/// A demonstration that failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("the receiver could not be started")]
    Receiver(#[from] std::io::Error),
    #[error("a call to the API failed")]
    Call(#[from] reqwest::Error),
    #[error("the API responded {status}: {text}")]
    Answer { status: u16, text: String },
    #[error("a response of the API cannot be read")]
    Json(#[from] serde_json::Error),
    #[error("the log is not as expected; it contains {0}")]
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

/// Responds 500 to the second request and 200 to all others.
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
        "the second event fails once and is retried after {} s; the third waits for it",
        options.retry_delay
    ));
    let patience = PATIENCE + Duration::from_secs(options.retry_delay);
    let rows = tokio::time::timeout(patience, api.rows(&id)).await;
    let rows = rows.map_err(|_elapsed| DemoError::Log("no four attempts in time".to_owned()))??;
    say("");
    say("  event  attempt  status  result   response");
    let first = rows.first().map_or(0, |row| row.sequence);
    for Row { sequence, retry, status, result, response, .. } in &rows {
        let event = sequence + 1 - first;
        say(&format!("  {event:<5}  {retry:<7}  {status:<6}  {result:<7}  {response}"));
    }
    let seen: Vec<_> = rows.iter().map(|row| (row.retry, row.status)).collect();
    if seen == [(1, 200), (1, 500), (2, 200), (1, 200)] {
        Ok(())
    } else {
        Err(DemoError::Log(format!("{seen:?}")))
    }
}

/// The fields of a row that the demonstration shows. The event, which may be any JSON, is not decoded.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    sequence: u64,
    retry: u32,
    status: u16,
    result: String,
    response: String,
    next_attempt_at: Option<String>,
}

/// The fields of a webhook that identify it.
#[derive(Debug, Deserialize)]
struct Webhook {
    #[serde(rename = "_id")]
    id: String,
    code: String,
}

/// A client of the API with a company's token.
struct Api<'a> {
    client: reqwest::Client,
    ready: &'a Ready,
}

impl Api<'_> {
    async fn call(&self, method: reqwest::Method, path: &str, body: String) -> Result<String, DemoError> {
        let answer = self
            .client
            .request(method, format!("{}{path}", self.ready.api))
            .bearer_auth(&self.ready.token)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if status.is_success() { Ok(text) } else { Err(DemoError::Answer { status: status.as_u16(), text }) }
    }

    /// Creates the published webhook with the receiver's URL, or points that of an earlier run to the new receiver.
    async fn webhook(&self, receiver: &str) -> Result<String, DemoError> {
        const PATH: &str = "/api/v3/webhook/subscription";
        let mut webhook: Value = serde_json::from_str(WEBHOOK)?;
        if let Some(fields) = webhook.as_object_mut() {
            fields.insert("url".to_owned(), receiver.into());
        }
        let made = match self.call(reqwest::Method::POST, PATH, webhook.to_string()).await {
            Err(DemoError::Answer { status: 409, text }) => {
                let all: Vec<Webhook> =
                    serde_json::from_str(&self.call(reqwest::Method::GET, PATH, String::new()).await?)?;
                let found =
                    all.into_iter().find(|one| webhook.get("code") == Some(&one.code.as_str().into()));
                let found = found.ok_or(DemoError::Answer { status: 409, text })?;
                let change = serde_json::json!({ "url": receiver, "isActive": true }).to_string();
                self.call(reqwest::Method::PATCH, &format!("{PATH}/{}", found.id), change).await?
            }
            other => other?,
        };
        Ok(serde_json::from_str::<Webhook>(&made)?.id)
    }

    /// Waits for the expected number of attempts, and returns them, oldest first.
    async fn rows(&self, id: &str) -> Result<Vec<Row>, DemoError> {
        let path = format!("/api/v3/webhook/subscription/logs/{id}?limit={ATTEMPTS}");
        loop {
            let mut rows: Vec<Row> =
                serde_json::from_str(&self.call(reqwest::Method::GET, &path, String::new()).await?)?;
            rows.reverse();
            let ends = rows.first().zip(rows.last());
            let span = ends.and_then(|(first, last)| last.sequence.checked_sub(first.sequence));
            let ended = rows.last().is_some_and(|row| row.next_attempt_at.is_none());
            if rows.len() == ATTEMPTS && span == Some(EVENTS as u64 - 1) && ended {
                return Ok(rows);
            }
            tokio::time::sleep(POLL).await;
        }
    }
}
