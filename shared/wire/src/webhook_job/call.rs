//! The calls that post and change a job.

use hookrail_domain::event::{Body, Subject};
use hookrail_domain::id::{CompanyId, EventId, WebhookId};
use hookrail_domain::job::JobStatus;
use hookrail_domain::platform::webhook::Occurrence;
use hookrail_domain::target::{TargetPolicy, TargetUrl};
use hookrail_domain::time::Millis;

use super::parse_time;
use crate::cot_event;
use crate::problem::FieldProblem;
use crate::reader::{Reader, parse_object};

/// Fields of a job as it is shown that clients send back. They have no effect.
pub(crate) const ECHOED: &[&str] = &[
    "id",
    "name",
    "webhookId",
    "type",
    "event",
    "status",
    "summary",
    "scopeType",
    "scopeId",
    "parentType",
    "parentId",
    "retryCount",
    "requestContent",
    "responseContent",
    "runId",
    "createdAt",
    "createdBy",
    "updatedAt",
    "updatedBy",
];

/// A change of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobChange {
    pub status: Option<NewStatus>,
    pub url: Option<TargetUrl>,
    pub scheduled_at: Option<Millis>,
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
        Some(_) | None => Err("must be Queued or Cancelled"),
    });
    let url = reader.optional("url", |text| TargetUrl::parse(text, policy));
    let change = JobChange { status, url, scheduled_at: reader.optional("scheduledAt", parse_time) };
    let problems = reader.close(ECHOED);
    if problems.is_empty() { Ok(change) } else { Err(problems) }
}

/// A job that a person posts.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The webhook that it is of; none for an implicit job.
    pub webhook: Option<NamedBy>,
    /// The URL instead of the webhook's template.
    pub url: Option<String>,
    /// The body to send, and its occurrence.
    pub content: Body,
    pub occurrence: Occurrence,
    /// Now by default.
    pub scheduled_at: Option<Millis>,
}

/// The reference of a posted job to its webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedBy {
    Name(String),
    Id(WebhookId),
}

/// Reads the body of a job that is posted.
pub fn parse_new(bytes: &[u8], company: &CompanyId) -> Result<NewJob, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let name = reader.optional("webhook", |text| Ok::<_, FieldProblem>(NamedBy::Name(text.to_owned())));
    let id = reader.optional_or_null("webhookId", |text| WebhookId::parse(text).map(NamedBy::Id));
    if name.is_some() && id.is_some() {
        reader.refuse("webhookId", "cannot be sent together with webhook; send one of them");
    }
    let url = reader.optional_or_null("url", |text| Ok::<_, FieldProblem>(text.to_owned()));
    let webhook = name.or(id);
    if webhook.is_none() && url.is_none() {
        reader.refuse("url", "is missing: a job without a webhook needs it");
    }
    let content = reader.required("requestContent", |text| parse_content(text, company));
    let scheduled_at = reader.optional_or_null("scheduledAt", parse_time);
    let problems = reader.close(ECHOED);
    match content {
        Some((content, occurrence)) if problems.is_empty() => {
            Ok(NewJob { webhook, url, content, occurrence, scheduled_at })
        }
        _ => Err(problems),
    }
}

/// The content must be what every job sends: a platform event.
fn parse_content(text: &str, company: &CompanyId) -> Result<(Body, Occurrence), String> {
    let body = Body::new(text).map_err(|too_large| too_large.to_string())?;
    // The id is the job's own to give.
    let unnamed = EventId::from_bytes([0; 12]);
    let event = cot_event::parse(&body, unnamed, Some(company)).map_err(|invalid| invalid.to_string())?;
    match event.subject {
        _ if event.company != *company => Err("names another company".to_owned()),
        Subject::Platform(occurrence) => Ok((body, occurrence)),
        Subject::Cot { .. } => Err("must be a platform event, whose event is {type, action}".to_owned()),
    }
}
