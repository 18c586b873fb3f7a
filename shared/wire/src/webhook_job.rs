//! Webhook jobs as the platform's API writes them, and the calls that list and steer them.

use hookrail_domain::attempt::Outcome;
use hookrail_domain::id::{DeliveryId, KappSlug, SubscriptionId};
use hookrail_domain::job::{Job, JobStatus, Parent};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::platform::{EventType, Scope};
use hookrail_domain::target::{TargetPolicy, TargetUrl};
use hookrail_domain::time::Millis;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::FieldProblem;
use crate::query::{self, Pairs, QueryReader};
use crate::reader::{Reader, parse_object};
use crate::timestamp;

/// Jobs of a page, unless the call says how many.
pub const PAGE_DEFAULT: usize = 25;
/// Jobs of a page at most.
pub const PAGE_MAX: usize = 1000;

/// Which of the two kinds of jobs that a list can be narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    Failed,
    Queued,
}

/// What a list of jobs is narrowed to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFilter {
    pub status: Option<Listed>,
    /// The name of its webhook.
    pub webhook: Option<String>,
    pub parent: Option<Parent>,
    /// Scheduled at this time or later, and before that one.
    pub start: Option<Millis>,
    pub end: Option<Millis>,
    /// In the space's list: jobs of kapps too.
    pub is_all: bool,
}

/// A page of jobs that a query asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobListing {
    pub filter: JobFilter,
    pub limit: usize,
    pub page_token: Option<String>,
    pub has_details: bool,
}

/// The types of records that jobs of such a place are found by.
#[must_use]
pub const fn parent_kinds(scope: Scope) -> &'static [EventType] {
    match scope {
        Scope::Space => &[EventType::Space, EventType::User, EventType::Team],
        Scope::Kapp => &[EventType::Form, EventType::Submission],
    }
}

impl JobListing {
    /// Reads the query of a list of this scope.
    pub fn parse(query: &Pairs, scope: &WebhookScope) -> Result<Self, Vec<FieldProblem>> {
        let mut reader = QueryReader::of(query);
        let text = |text: &str| Ok::<_, FieldProblem>(text.to_owned());
        let status = reader.read("status", |text| match text.to_ascii_lowercase().as_str() {
            "failed" => Ok(Listed::Failed),
            "queued" => Ok(Listed::Queued),
            _ => Err("must be failed or queued"),
        });
        let webhook = reader.read("webhook", |text| {
            if text.is_empty() { Err("must not be empty") } else { Ok(text.to_owned()) }
        });
        let kinds = parent_kinds(scope.kind());
        let kind = reader.read("parentType", |text| {
            let names = || kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
            let found = kinds.iter().copied().find(|kind| kind.name() == text);
            found.ok_or_else(|| format!("must be one of {}", names()))
        });
        let key = reader.read("parentKey", text);
        let says = |name: &str| query.iter().any(|(other, _)| other == name);
        if says("parentType") != says("parentKey") {
            let missing = if says("parentType") { "parentKey" } else { "parentType" };
            reader.refuse(missing, "is missing: parentType and parentKey go together");
        }
        let at = |text: &str| timestamp::parse(text).ok_or("must be a time like 2026-04-21T10:00:00Z");
        let (start, end) = (reader.read("start", at), reader.read("end", at));
        let flag = |text: &str| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("must be true or false"),
        };
        let is_all = reader.read("all", flag);
        let limit = reader.read("limit", |text| {
            let limit = text.parse().ok().filter(|limit| *limit <= PAGE_MAX);
            limit.ok_or_else(|| format!("must be a whole number from 0 to {PAGE_MAX}"))
        });
        let page_token = reader.read("pageToken", text).filter(|token| !token.is_empty());
        let include = reader.read("include", text).unwrap_or_default();
        if !reader.problems.is_empty() {
            return Err(reader.problems);
        }
        Ok(Self {
            filter: JobFilter {
                status,
                webhook,
                parent: kind.zip(key).map(|(kind, key)| Parent { kind, key }),
                start,
                end,
                is_all: is_all.unwrap_or(false),
            },
            limit: limit.unwrap_or(PAGE_DEFAULT),
            page_token,
            has_details: include.split(',').any(|part| part.trim() == "details"),
        })
    }

    /// The list apart from others: a page token is good for one list only.
    #[must_use]
    pub fn list(&self, scope: &WebhookScope) -> String {
        let JobFilter { status, webhook, parent, start, end, is_all } = &self.filter;
        let status = status.map(|status| match status {
            Listed::Failed => "failed".to_owned(),
            Listed::Queued => "queued".to_owned(),
        });
        let time = |at: &Option<Millis>| at.map(|at| at.0.to_string());
        query::render(&[
            ("kapp", Some(scope.to_string())),
            ("status", status),
            ("webhook", webhook.clone()),
            ("parentType", parent.as_ref().map(|parent| parent.kind.name().to_owned())),
            ("parentKey", parent.as_ref().map(|parent| parent.key.clone())),
            ("start", time(start)),
            ("end", time(end)),
            ("all", is_all.then(|| "true".to_owned())),
        ])
    }
}

impl JobFilter {
    /// Whether a job is listed as far as it tells itself: its status is not looked at.
    #[must_use]
    pub fn takes(&self, job: &Job, scope: &WebhookScope) -> bool {
        let is_here = match scope {
            WebhookScope::Space => self.is_all || job.scope == WebhookScope::Space,
            WebhookScope::Kapp(_) => job.scope == *scope,
        };
        is_here
            && self.webhook.as_ref().is_none_or(|name| *name == job.name)
            && self.parent.as_ref().is_none_or(|parent| job.parents.contains(parent))
            && self.start.is_none_or(|start| start <= job.scheduled_at)
            && self.end.is_none_or(|end| job.scheduled_at < end)
    }

    /// Whether a job of this status is listed.
    #[must_use]
    pub fn takes_status(&self, status: JobStatus) -> bool {
        match self.status {
            None => true,
            Some(Listed::Failed) => status == JobStatus::Failed,
            Some(Listed::Queued) => status == JobStatus::Queued,
        }
    }
}

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

/// What a person does with a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobChange {
    pub status: Option<NewStatus>,
    pub url: Option<TargetUrl>,
}

/// The two states that a person can put a job into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewStatus {
    Queued,
    Cancelled,
}

/// Reads the body of a change. Fields that cannot be changed may be sent along as they were read.
pub fn parse_change(bytes: &[u8], policy: &TargetPolicy) -> Result<JobChange, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let status = reader.optional("status", |text| match JobStatus::find(text) {
        Some(JobStatus::Queued) => Ok(NewStatus::Queued),
        Some(JobStatus::Cancelled) => Ok(NewStatus::Cancelled),
        Some(_) | None => Err("can only be set to Queued or Cancelled"),
    });
    let change = JobChange { status, url: reader.optional("url", |text| TargetUrl::parse(text, policy)) };
    if reader.problems.is_empty() { Ok(change) } else { Err(reader.problems) }
}

/// A job with what its rows tell.
#[derive(Debug)]
pub struct JobView<'a> {
    pub job: &'a Job,
    /// The first row of its event, which has the body, and the newest one.
    pub first: Option<&'a LogRow>,
    pub newest: Option<&'a LogRow>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookJob)]
pub(crate) struct Document<'a> {
    id: String,
    name: &'a str,
    webhook_id: String,
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
    /// What was sent, byte for byte; null before that.
    request_content: Option<&'a str>,
    /// What came back.
    response_content: Option<&'a str>,
    /// The `runId` of an answer that is JSON and has one.
    run_id: Option<String>,
    #[serde(flatten)]
    details: Option<Details>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookJobDetails)]
pub(crate) struct Details {
    created_at: String,
    created_by: &'static str,
    updated_at: String,
    updated_by: &'static str,
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
    let JobView { job, first, newest } = *view;
    let (scope_type, scope_id) = match &job.scope {
        WebhookScope::Space => ("Space", job.company.as_str()),
        WebhookScope::Kapp(slug) => ("Kapp", KappSlug::as_str(slug)),
    };
    let answered = newest.filter(|row| matches!(row.attempt.outcome, Outcome::Answered { .. }));
    let response = answered.map(|row| row.attempt.outcome.response());
    let was_sent = newest.is_some_and(|row| !matches!(row.attempt.outcome, Outcome::Unsent { .. }));
    let sent_to = newest.map(|row| row.url.as_str()).filter(|url| !url.is_empty());
    let url = job.url.as_ref().map(TargetUrl::as_str);
    Document {
        id: render_id(job),
        name: &job.name,
        webhook_id: job.subscription.to_string(),
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
        scheduled_at: timestamp::render(job.due_at(newest)),
        request_content: first.filter(|_| was_sent).and_then(|row| Some(row.body.as_ref()?.as_str())),
        response_content: response,
        run_id: response.and_then(run_id),
        details: has_details.then(|| details(job, newest)),
    }
}

fn details(job: &Job, newest: Option<&LogRow>) -> Details {
    let ended = newest.map(|row| Millis(row.attempt.started_at.0 + row.attempt.duration_ms));
    Details {
        created_at: timestamp::render(job.scheduled_at),
        created_by: "hookrail",
        updated_at: timestamp::render(ended.unwrap_or(job.scheduled_at)),
        updated_by: "hookrail",
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
