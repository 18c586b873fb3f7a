//! Webhook jobs as the platform's API writes them, and the calls that list and steer them.

use hookrail_domain::attempt::Outcome;
use hookrail_domain::event::Body;
use hookrail_domain::id::{DeliveryId, WebhookId};
use hookrail_domain::job::Job;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::json;
use crate::platform_webhook::scope_of;
use crate::timestamp;

pub mod call;
pub mod listing;

/// The creator of jobs that an event made.
const MAKER: &str = "hookrail";

/// A job's id: those of its webhook and its delivery.
#[must_use]
pub fn render_id(job: &Job) -> String {
    format!("{}{}", job.webhook, job.delivery)
}

/// The webhook and the delivery of a job's id.
#[must_use]
pub fn parse_id(text: &str) -> Option<(WebhookId, DeliveryId)> {
    let (webhook, delivery) = text.split_at_checked(24)?;
    Some((WebhookId::parse(webhook).ok()?, DeliveryId::parse(delivery).ok()?))
}

/// A job with its log rows.
#[derive(Debug)]
pub struct JobView<'a> {
    pub job: &'a Job,
    /// The first row of its event, which has the body, and the newest one.
    pub first: Option<&'a LogRow>,
    /// The content of a job that waits for its time, if it was read.
    pub content: Option<&'a Body>,
    pub newest: Option<&'a LogRow>,
    /// False hides the request and the response.
    pub shows_bodies: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookJob)]
pub(crate) struct Document<'a> {
    id: String,
    name: &'a str,
    /// Null for a job that was posted without one.
    webhook_id: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    event: &'static str,
    /// `Queued`, `In Progress`, `Complete`, `Failed` or `Cancelled`.
    status: &'static str,
    /// The status of the response and its text, or the reason why it is missing.
    summary: Option<String>,
    /// The URL. Null if filter or template failed.
    url: Option<&'a str>,
    scope_type: &'static str,
    /// The company, or the slug of the kapp.
    scope_id: &'a str,
    parent_type: Option<&'static str>,
    /// The record of the event.
    parent_id: Option<&'a str>,
    /// Attempts after the first one.
    retry_count: u32,
    scheduled_at: String,
    /// The request body, byte for byte. Null before the first attempt, except that `GET` of one job shows the content
    /// that waits for its time. The response to a write has null here without the scope `logs:read`, as in
    /// `responseContent` and `runId`.
    request_content: Option<&'a str>,
    /// The response body.
    response_content: Option<&'a str>,
    /// The `runId` of a JSON response, if it has one.
    run_id: Option<String>,
    /// Shown with `include=details` only, as are the fields below.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    /// The token that posted it; `hookrail` for a job that an event made.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_by: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookJobEnvelope)]
pub(crate) struct One<'a> {
    webhook_job: Document<'a>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookJobs)]
pub(crate) struct List<'a> {
    webhook_jobs: Vec<Document<'a>>,
    /// The position of the next page. Null on the last page.
    next_page_token: Option<String>,
}

/// One job.
#[must_use]
pub fn render(view: &JobView<'_>, has_details: bool) -> Vec<u8> {
    json::render(&One { webhook_job: document(view, has_details) })
}

/// A page of jobs.
#[must_use]
pub fn render_list(views: &[JobView<'_>], has_details: bool, next: Option<String>) -> Vec<u8> {
    let webhook_jobs = views.iter().map(|view| document(view, has_details)).collect();
    json::render(&List { webhook_jobs, next_page_token: next })
}

fn document<'a>(view: &JobView<'a>, has_details: bool) -> Document<'a> {
    let JobView { job, first, content, newest, shows_bodies } = *view;
    let (scope_type, scope_id) = scope_of(&job.scope, &job.company);
    let answered = newest.filter(|row| matches!(row.attempt.outcome, Outcome::Responded { .. }));
    let response = answered.filter(|_| shows_bodies).map(|row| row.attempt.outcome.response());
    let was_sent = newest.is_some_and(|row| !matches!(row.attempt.outcome, Outcome::Unsent { .. }));
    let require_active = newest.map(|row| row.url.as_str()).filter(|url| !url.is_empty());
    let url = job.url.as_ref().map(TargetUrl::as_str);
    let ended_at = newest.map(|row| Millis(row.attempt.started_at.0 + row.attempt.duration_ms));
    Document {
        id: render_id(job),
        name: &job.name,
        webhook_id: (!job.is_implicit()).then(|| job.webhook.to_string()),
        kind: job.kind.name(),
        event: job.action,
        status: job.status(newest).name(),
        summary: newest.map(summary),
        url: if job.is_corrected { url } else { require_active.or(url) },
        scope_type,
        scope_id,
        parent_type: job.parents.first().map(|parent| parent.kind.name()),
        parent_id: job.parents.first().map(|parent| parent.key.as_str()),
        retry_count: newest.map_or(0, |row| row.attempt.number.attempt.saturating_sub(1)),
        scheduled_at: timestamp::render(job.next_at(newest)),
        request_content: first
            .filter(|_| was_sent)
            .and_then(|row| row.body.as_ref())
            .or(content)
            .filter(|_| shows_bodies)
            .map(Body::as_str),
        response_content: response,
        run_id: response.and_then(run_id),
        created_at: has_details.then(|| timestamp::render(job.created_at)),
        created_by: has_details.then(|| job.created_by.as_deref().unwrap_or(MAKER)),
        updated_at: has_details.then(|| timestamp::render(ended_at.unwrap_or(job.created_at))),
        updated_by: has_details.then_some(MAKER),
    }
}

/// `200 OK`, or the reason why the response is missing.
fn summary(row: &LogRow) -> String {
    let outcome = &row.attempt.outcome;
    let Outcome::Responded { status, .. } = outcome else { return outcome.response().to_owned() };
    let reason = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

/// The run id of a workflow engine: a string or a number.
fn run_id(response: &str) -> Option<String> {
    match serde_json::from_str::<Value>(response).ok()?.get("runId")? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn parse_time(text: &str) -> Result<Millis, &'static str> {
    timestamp::parse(text).ok_or("must be a time like 2026-04-21T10:00:00Z")
}
