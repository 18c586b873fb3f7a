//! What people do with jobs: post one, change one.

use hookrail_domain::event::{Body, Subject};
use hookrail_domain::id::{CompanyId, EventId, SubscriptionId};
use hookrail_domain::job::JobStatus;
use hookrail_domain::platform::webhook::Occurrence;
use hookrail_domain::target::{TargetPolicy, TargetUrl};
use hookrail_domain::time::Millis;
use serde_json::Value;

use super::parse_time;
use crate::cot_event;
use crate::problem::FieldProblem;
use crate::reader::{Reader, parse_object};

/// What a person does with a job.
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
        Some(_) | None => Err("can only be set to Queued or Cancelled"),
    });
    let url = reader.optional("url", |text| TargetUrl::parse(text, policy));
    let change = JobChange { status, url, scheduled_at: reader.optional("scheduledAt", parse_time) };
    if reader.problems.is_empty() { Ok(change) } else { Err(reader.problems) }
}

/// A job that a person posts.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The webhook that it is of; none for an implicit job.
    pub webhook: Option<NamedBy>,
    /// Where it goes, if not where the webhook's template says.
    pub url: Option<String>,
    /// What it sends, and what that tells of.
    pub content: Body,
    pub occurrence: Occurrence,
    /// Now, if nothing is said.
    pub scheduled_at: Option<Millis>,
}

/// How a posted job names its webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedBy {
    Name(String),
    Id(SubscriptionId),
}

/// Reads the body of a job that is posted.
pub fn parse_new(bytes: &[u8], company: &CompanyId) -> Result<NewJob, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let name = reader.optional("webhook", |text| Ok::<_, FieldProblem>(NamedBy::Name(text.to_owned())));
    let id = match fields.get("webhookId") {
        Some(Value::Null) => None,
        _ => reader.optional("webhookId", |text| SubscriptionId::parse(text).map(NamedBy::Id)),
    };
    if name.is_some() && id.is_some() {
        reader.refuse("webhookId", "names the webhook again: give it or webhook");
    }
    let url = match fields.get("url") {
        Some(Value::Null) => None,
        _ => reader.optional("url", |text| Ok::<_, FieldProblem>(text.to_owned())),
    };
    let webhook = name.or(id);
    if webhook.is_none() && url.is_none() {
        reader.refuse("url", "is missing: a job without a webhook has no other");
    }
    let content = reader.required("requestContent", |text| parse_content(text, company));
    let scheduled_at = match fields.get("scheduledAt") {
        Some(Value::Null) => None,
        _ => reader.optional("scheduledAt", parse_time),
    };
    match content {
        Some((content, occurrence)) if reader.problems.is_empty() => {
            Ok(NewJob { webhook, url, content, occurrence, scheduled_at })
        }
        _ => Err(reader.problems),
    }
}

/// What is sent must be what every job sends: the event of a record.
fn parse_content(text: &str, company: &CompanyId) -> Result<(Body, Occurrence), String> {
    let body = Body::new(text).map_err(|too_large| too_large.to_string())?;
    // The id is the job's own to give.
    let unnamed = EventId::from_bytes([0; 12]);
    let event = cot_event::parse(&body, unnamed, Some(company)).map_err(|invalid| invalid.to_string())?;
    match event.subject {
        _ if event.company != *company => Err("names another company".to_owned()),
        Subject::Platform(occurrence) => Ok((body, occurrence)),
        Subject::Cot { .. } => Err("must be the event of a record: event is {type, action}".to_owned()),
    }
}
