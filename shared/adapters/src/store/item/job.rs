//! Webhook jobs.

use hookrail_domain::id::{CompanyId, EventId, KappSlug};
use hookrail_domain::job::{Job, JobPosition, JobState, Parent};
use hookrail_domain::platform::EventType;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::{StoreError, WebhookKey};
use serde::{Deserialize, Serialize};

use super::state::DUE_JOBS;
use super::{Item, Key, SCHEMA, decode, encode};

/// The index of the Log table that lists a company's jobs, its partition key and its sort key.
pub const JOBS_INDEX: &str = "jobs";
pub const JOBS_PARTITION: &str = "jobsKey";
pub const JOBS_SORT: &str = "jobsPlace";

pub(crate) const QUEUED: &str = "queued";
pub(crate) const STARTED: &str = "started";
pub(crate) const CANCELLED: &str = "cancelled";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobAttributes {
    schema: u32,
    /// Absent once it is deleted: it is in no list then, and still stops the delivery that it was cancelled
    /// for.
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs_place: Option<String>,
    event: String,
    name: String,
    /// Absent for the space.
    #[serde(skip_serializing_if = "Option::is_none")]
    kapp: Option<String>,
    kind: String,
    action: String,
    parents: Vec<ParentAttributes>,
    created_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    scheduled_at: u64,
    /// Absent once it is queued: it is not in the index of due items then.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_probe_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    corrected: bool,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    requeued_after: u32,
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct ParentAttributes {
    kind: String,
    key: String,
}

/// Returns the partition of a company's jobs in the index.
#[must_use]
pub fn jobs_partition(company: &CompanyId) -> String {
    format!("jobs#{company}")
}

/// Returns the sort key of a job in the index.
#[must_use]
pub fn jobs_place(place: &JobPosition) -> String {
    let JobPosition { scheduled_at, delivery, webhook } = place;
    format!("{:020}#{delivery}#{webhook}", scheduled_at.0)
}

/// Returns the item of a job.
pub fn encode_job(job: &Job) -> Result<Item, StoreError> {
    let (state, sequence) = match job.state {
        JobState::Queued { sequence } => (QUEUED, sequence),
        JobState::Started { sequence } => (STARTED, Some(sequence)),
        JobState::Cancelled => (CANCELLED, None),
    };
    let parents = job.parents.iter();
    encode(
        Key::job(&WebhookKey::of_job(job), job.delivery),
        &JobAttributes {
            schema: SCHEMA,
            jobs_key: (!job.is_deleted).then(|| jobs_partition(&job.company)),
            jobs_place: (!job.is_deleted).then(|| jobs_place(&job.place())),
            event: job.event.to_string(),
            name: job.name.clone(),
            kapp: match &job.scope {
                WebhookScope::Space => None,
                WebhookScope::Kapp(slug) => Some(slug.to_string()),
            },
            kind: job.kind.name().to_owned(),
            action: job.action.to_owned(),
            parents: parents
                .map(|Parent { kind, key }| ParentAttributes {
                    kind: kind.name().to_owned(),
                    key: key.clone(),
                })
                .collect(),
            created_at: job.created_at.0,
            created_by: job.created_by.clone(),
            scheduled_at: job.scheduled_at.0,
            due: job.due_at.map(|_| DUE_JOBS.to_owned()),
            next_probe_at: job.due_at.map(|at| at.0),
            taken: job.taken.map(|message| message.to_string()),
            url: job.url.as_ref().map(|url| url.as_str().to_owned()),
            corrected: job.is_corrected,
            state: state.to_owned(),
            sequence,
            requeued_after: job.requeued_after,
            version: job.version,
        },
    )
}

/// Returns the job of an item.
pub fn decode_job(item: Item) -> Result<Job, StoreError> {
    const WHAT: StoreError = StoreError::Corrupt { what: "job" };
    let key = Key::of(&item)?;
    let delivery = key.delivery()?;
    let WebhookKey { company, webhook } = key.into_key()?;
    let read: JobAttributes = decode(item, "job")?;
    let kind = EventType::parse(&read.kind).ok_or(WHAT)?;
    let parents = read.parents.into_iter();
    Ok(Job {
        company,
        webhook,
        delivery,
        event: EventId::parse(&read.event).map_err(|_refused| WHAT)?,
        name: read.name,
        scope: match read.kapp {
            None => WebhookScope::Space,
            Some(slug) => WebhookScope::Kapp(KappSlug::parse(&slug).map_err(|_refused| WHAT)?),
        },
        kind,
        action: kind.events().iter().find(|event| **event == read.action).ok_or(WHAT)?,
        parents: parents
            .map(|one| Some(Parent { kind: EventType::parse(&one.kind)?, key: one.key }))
            .collect::<Option<_>>()
            .ok_or(WHAT)?,
        created_at: Millis(read.created_at),
        created_by: read.created_by,
        scheduled_at: Millis(read.scheduled_at),
        due_at: read.next_probe_at.map(Millis),
        taken: read.taken.map(|id| EventId::parse(&id)).transpose().map_err(|_refused| WHAT)?,
        url: read.url.map(|url| TargetUrl::parse_unchecked(&url)).transpose().map_err(|_refused| WHAT)?,
        is_corrected: read.corrected,
        state: match (read.state.as_str(), read.sequence) {
            (QUEUED, sequence) => JobState::Queued { sequence },
            (STARTED, Some(sequence)) => JobState::Started { sequence },
            (CANCELLED, _) => JobState::Cancelled,
            _ => return Err(WHAT),
        },
        requeued_after: read.requeued_after,
        is_deleted: read.jobs_key.is_none(),
        version: read.version,
    })
}
