//! Webhook jobs as the platform's API writes them, and the calls that list and steer them.

use hookrail_domain::attempt::Outcome;
use hookrail_domain::event::Body;
use hookrail_domain::id::{DeliveryId, SubscriptionId};
use hookrail_domain::job::Job;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::platform_webhook::scope_of;
use crate::timestamp;

pub mod call;
pub mod listing;

/// Who makes the jobs that nobody posted.
const MAKER: &str = "hookrail";

/// A job's id: those of its webhook and its delivery.
#[must_use]
pub fn render_id(job: &Job) -> String {
    format!("{}{}", job.subscription, job.delivery)
}

/// The webhook and the delivery of a job's id.
#[must_use]
pub fn parse_id(text: &str) -> Option<(SubscriptionId, DeliveryId)> {
    let (subscription, delivery) = text.split_at_checked(24)?;
    Some((SubscriptionId::parse(subscription).ok()?, DeliveryId::parse(delivery).ok()?))
}

/// A job with what its rows tell.
#[derive(Debug)]
pub struct JobView<'a> {
    pub job: &'a Job,
    /// The first row of its event, which has the body, and the newest one.
    pub first: Option<&'a LogRow>,
    /// What it is to send when its time comes, if that was read.
    pub content: Option<&'a Body>,
    pub newest: Option<&'a LogRow>,
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
    /// The status and its text that the receiver answered with, or why there is none.
    summary: Option<String>,
    /// Where it goes; null if filter or template failed.
    url: Option<&'a str>,
    scope_type: &'static str,
    /// The company, or the slug of the kapp.
    scope_id: &'a str,
    parent_type: Option<&'static str>,
    /// The record that it is about.
    parent_id: Option<&'a str>,
    /// Attempts after the first one.
    retry_count: u32,
    scheduled_at: String,
    /// What was sent, byte for byte; null before that. A job that waits for its time shows what it is to send where it
    /// is read by itself.
    request_content: Option<&'a str>,
    /// What came back.
    response_content: Option<&'a str>,
    /// The `runId` of an answer that is JSON and has one.
    run_id: Option<String>,
    /// With `include=details` only, as all that follows.
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
    /// Where the next page begins; null at the end.
    next_page_token: Option<String>,
}

/// One job.
#[must_use]
pub fn render(view: &JobView<'_>, has_details: bool) -> Vec<u8> {
    serde_json::to_vec(&One { webhook_job: document(view, has_details) }).unwrap_or_default()
}

/// A page of jobs.
#[must_use]
pub fn render_list(views: &[JobView<'_>], has_details: bool, next: Option<String>) -> Vec<u8> {
    let webhook_jobs = views.iter().map(|view| document(view, has_details)).collect();
    serde_json::to_vec(&List { webhook_jobs, next_page_token: next }).unwrap_or_default()
}

fn document<'a>(view: &JobView<'a>, has_details: bool) -> Document<'a> {
    let JobView { job, first, content, newest } = *view;
    let (scope_type, scope_id) = scope_of(&job.scope, &job.company);
    let answered = newest.filter(|row| matches!(row.attempt.outcome, Outcome::Answered { .. }));
    let response = answered.map(|row| row.attempt.outcome.response());
    let was_sent = newest.is_some_and(|row| !matches!(row.attempt.outcome, Outcome::Unsent { .. }));
    let sent_to = newest.map(|row| row.url.as_str()).filter(|url| !url.is_empty());
    let url = job.url.as_ref().map(TargetUrl::as_str);
    let ended_at = newest.map(|row| Millis(row.attempt.started_at.0 + row.attempt.duration_ms));
    Document {
        id: render_id(job),
        name: &job.name,
        webhook_id: (!job.is_implicit()).then(|| job.subscription.to_string()),
        kind: job.kind.name(),
        event: job.action,
        status: job.status(newest).name(),
        summary: newest.map(summary),
        url: if job.is_corrected { url } else { sent_to.or(url) },
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
            .map(Body::as_str),
        response_content: response,
        run_id: response.and_then(run_id),
        created_at: has_details.then(|| timestamp::render(job.created_at)),
        created_by: has_details.then(|| job.created_by.as_deref().unwrap_or(MAKER)),
        updated_at: has_details.then(|| timestamp::render(ended_at.unwrap_or(job.created_at))),
        updated_by: has_details.then_some(MAKER),
    }
}

/// `200 OK`, or the reason why nothing was answered.
fn summary(row: &LogRow) -> String {
    let outcome = &row.attempt.outcome;
    let Outcome::Answered { status, .. } = outcome else { return outcome.response().to_owned() };
    let reason = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

/// What a workflow engine calls the run that it began: a text or a number.
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
