//! A company of a test: its webhooks, events and logs, over the API.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hookrail_api::REJECTED_PATH;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::event;
use crate::stack::{Answer, Stack};
use crate::wait::{PATIENCE, eventually};

pub(crate) const WEBHOOKS: &str = "/api/v3/webhook/subscription";
pub(crate) const LOGS: &str = "/api/v3/webhook/subscription/logs";
pub(crate) const EVENTS: &str = "/api/v3/event";
pub(crate) const PLATFORM: &str = "/app/api/v1";
pub(crate) const COMPANIES: &str = "/api/v3/company";
pub(crate) const TASK_TRIGGER: &str = "create-edit-delete-task";
pub(crate) const USER_TRIGGER: &str = "create-edit-delete-user";

/// A company of the stack and its token.
#[derive(Debug, Clone)]
pub(crate) struct Company<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) id: String,
    pub(crate) token: String,
}

/// One attempt in the log.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    pub(crate) sequence: u64,
    pub(crate) retry: u32,
    pub(crate) status: u16,
    pub(crate) result: String,
    pub(crate) error: Option<String>,
    pub(crate) response: String,
    pub(crate) response_truncated: bool,
    pub(crate) duration_ms: u64,
    pub(crate) next_attempt_at: Option<String>,
    pub(crate) delivery: String,
    pub(crate) created_at: String,
    pub(crate) event: Box<RawValue>,
}

impl Row {
    /// Returns sequence, attempt and status, which most tests check.
    pub(crate) fn brief(&self) -> (u64, u32, u16) {
        (self.sequence, self.retry, self.status)
    }

    pub(crate) fn is_final(&self) -> bool {
        self.next_attempt_at.is_none()
    }
}

impl<'a> Company<'a> {
    /// Creates a company as the operator.
    pub(crate) async fn new(stack: &'a Stack) -> Self {
        let made = stack.post(COMPANIES, &stack.ready.operator_token, "{}").await.expect(201).json();
        let text = |field: &str| made.get(field).and_then(Value::as_str).unwrap().to_owned();
        Self { stack, id: text("company"), token: text("token") }
    }

    /// Returns the first company of the stack.
    pub(crate) fn first(stack: &'a Stack) -> Self {
        Self { stack, id: stack.ready.company.clone(), token: stack.ready.token.clone() }
    }

    /// Creates a webhook for all tasks, and returns its id.
    pub(crate) async fn webhook(&self, url: &str) -> String {
        self.webhook_of(url, TASK_TRIGGER, json!({})).await
    }

    /// Creates a webhook, and returns its id.
    pub(crate) async fn webhook_of(&self, url: &str, trigger: &str, context: Value) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let code = format!("w{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let webhook =
            json!({ "name": code, "code": code, "url": url, "trigger": trigger, "context": context });
        let made = self.stack.post(WEBHOOKS, &self.token, webhook.to_string()).await.expect(201).json();
        made.get("_id").and_then(Value::as_str).unwrap().to_owned()
    }

    /// Changes a webhook.
    pub(crate) async fn change(&self, webhook: &str, change: Value) {
        let call = self.stack.request(Method::PATCH, &format!("{WEBHOOKS}/{webhook}"), Some(&self.token));
        Answer::to(call.header(CONTENT_TYPE, "application/json").body(change.to_string())).await.expect(200);
    }

    /// Returns the webhook as the API renders it.
    pub(crate) async fn find(&self, webhook: &str) -> Value {
        let call = self.stack.request(Method::GET, &format!("{WEBHOOKS}/{webhook}"), Some(&self.token));
        Answer::to(call).await.expect(200).json()
    }

    /// Calls a path below the path of a webhook. Returns status and document.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let call = self.stack.request(method, path, Some(&self.token));
        let answer = Answer::to(call.header(CONTENT_TYPE, "application/json").body(body.to_string())).await;
        (answer.status, answer.json())
    }

    /// Pushes one event, or a JSON array of them.
    pub(crate) async fn push(&self, body: impl Into<String>) {
        self.stack.post(EVENTS, &self.token, body).await.expect(202);
    }

    /// Pushes task events with these numbers, at most a hundred per call.
    pub(crate) async fn push_tasks(&self, numbers: impl IntoIterator<Item = u64>) {
        let events: Vec<_> = numbers.into_iter().map(|number| event::task(&self.id, number)).collect();
        for call in events.chunks(100) {
            self.push(format!("[{}]", call.join(","))).await;
        }
    }

    /// Waits for this number of rejected events, and returns them whole, oldest first.
    pub(crate) async fn rejected(&self, count: usize) -> Vec<Value> {
        let listed = eventually("the rejected events are listed", PATIENCE, async || {
            let (_, listed) = self.ask(Method::GET, REJECTED_PATH, Value::Null).await;
            let listed = listed.as_array().cloned().unwrap_or_default();
            if listed.len() == count { Ok(listed) } else { Err(format!("{} are listed", listed.len())) }
        });
        let mut rejected = Vec::new();
        for one in listed.await.iter().rev() {
            let path = format!("{REJECTED_PATH}/{}", one["_id"].as_str().unwrap());
            rejected.push(self.ask(Method::GET, &path, Value::Null).await.1);
        }
        rejected
    }

    /// Reads all rows of a webhook's log, oldest first, in pages of this size.
    pub(crate) async fn rows_by(&self, webhook: &str, page: usize) -> Vec<Row> {
        let mut path = format!("{LOGS}/{webhook}?limit={page}");
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let answer =
                Answer::to(self.stack.request(Method::GET, &path, Some(&self.token))).await.expect(200);
            let found: Vec<Row> = serde_json::from_str(&answer.text).unwrap();
            assert!(found.len() <= page, "{} rows in a page of {page}", found.len());
            rows.extend(found);
            match answer.next_page() {
                Some(next) => path = next,
                None => break,
            }
        }
        rows.reverse();
        rows
    }

    /// Reads all rows of a webhook's log, oldest first.
    pub(crate) async fn rows(&self, webhook: &str) -> Vec<Row> {
        self.rows_by(webhook, 100).await
    }

    /// Waits for the end of the event with this sequence, and so of all before it, and returns the rows.
    pub(crate) async fn rows_to(&self, webhook: &str, sequence: u64, within: Duration) -> Vec<Row> {
        let what = format!("event {sequence} has its final row");
        eventually(&what, within, async || {
            let rows = self.rows(webhook).await;
            let last = rows.last().is_some_and(|row| sequence <= row.sequence && row.is_final());
            if last { Ok(rows) } else { Err(format!("{:?}", brief(&rows))) }
        })
        .await
    }

    /// Calls a path of the platform API.
    pub(crate) async fn platform(&self, method: Method, path: &str, body: Value) -> Value {
        let call = self.stack.request(method, &format!("{PLATFORM}{path}"), Some(&self.token));
        let call = match body {
            Value::Null => call,
            body => call.header(CONTENT_TYPE, "application/json").body(body.to_string()),
        };
        let answer = Answer::to(call).await;
        answer.expect(200).json()
    }

    /// Waits until the jobs of this query have these statuses, and returns them, oldest first.
    pub(crate) async fn jobs(&self, query: &str, expected: &[&str]) -> Vec<Value> {
        eventually(&format!("jobs that are {expected:?}"), PATIENCE, async || {
            let listed = self.platform(Method::GET, &format!("/webhookJobs?{query}"), Value::Null).await;
            let mut jobs = listed.get("webhookJobs").and_then(Value::as_array).unwrap().clone();
            jobs.reverse();
            let status = |job: &'_ Value| job.get("status").and_then(Value::as_str).unwrap().to_owned();
            let statuses: Vec<_> = jobs.iter().map(status).collect();
            if statuses == expected { Ok(jobs.clone()) } else { Err(listed.to_string()) }
        })
        .await
    }
}

/// Returns sequence, attempt and status of each row.
pub(crate) fn brief(rows: &[Row]) -> Vec<(u64, u32, u16)> {
    rows.iter().map(Row::brief).collect()
}
