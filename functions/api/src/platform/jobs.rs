//! Webhook jobs: what became of each event of the webhooks on the platform's records, and what a person does about it.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use futures_util::future::try_join_all;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::store::jobs::JobStore;
use hookrail_adapters::store::{Change, LineKey, LogStore, StoreError};
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::audit::Finding;
use hookrail_domain::event::Body;
use hookrail_domain::job::{CONTENT_SECONDS_KEPT, Job, JobState, JobStatus};
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Scope;
use hookrail_wire::cursor;
use hookrail_wire::problem::FieldProblem;
use hookrail_wire::webhook_job::call::{self, JobChange, NewStatus};
use hookrail_wire::webhook_job::listing::JobListing;
use hookrail_wire::webhook_job::{self, JobView};
use http::StatusCode;

use super::place::Place;
use crate::audit::{Told, telling};
use crate::auth::{Caller, Tenant};
use crate::error::ApiError;
use crate::filling::Filling;
use crate::logs::fitting_page;
use crate::queue::conflict;
use crate::replays;
use crate::request::JsonBody;
use crate::{App, Ports, answer};

/// Jobs of one read of a list, and reads of one page: a page looks at 1,000 jobs at most.
const SEARCHED_AT_ONCE: usize = 100;
const SEARCHES_MAX: usize = 10;
/// Rows that are read at the same time.
const READ_AT_ONCE: usize = 25;

const BEGUN: &str =
    "the job has begun: it can no longer be cancelled; what is being tried again can be skipped";
const IN_LINE: &str =
    "only a job that waits for its time, or a failed one that is queued again, can be put off";
const NOT_FAILED: &str = "only a failed job can be queued again";
const MOVED: &str = "the job has moved on; read it again";
const GOING_ON: &str = "the job is in progress";

/// A job with its newest row.
type Followed = (Job, Option<LogRow>);

/// `GET …/webhookJobs`: the latest first.
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    place: Place,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let company = tenant.company();
    let listing = JobListing::parse(&query, &place.scope)?;
    let narrowed = listing.list(&place.scope);
    let list = (company, narrowed.as_str());
    let token = listing.page_token.as_deref().map(|text| cursor::parse_job(list, text)).transpose();
    let before = token.map_err(|invalid| FieldProblem::new("pageToken", invalid))?;
    let reads = if listing.limit == 0 { 0 } else { SEARCHES_MAX };
    let mut filling = Filling::new(listing.limit, before, reads);
    while let Some(before) = filling.next_read() {
        let jobs = app.store.page_jobs(company, before, SEARCHED_AT_ONCE).await?;
        let is_end = jobs.len() < SEARCHED_AT_ONCE;
        let looked_at = followed(&app.store, jobs, |job| listing.filter.takes(job, &place.scope)).await?;
        filling.take(looked_at, is_end, |(job, newest)| {
            let is_taken = listing.filter.takes(job, &place.scope)
                && listing.filter.takes_status(job.status(newest.as_ref()));
            (job.place(), is_taken)
        });
    }
    let (mut found, mut behind) = filling.finish();
    let firsts = try_join_all(found.iter().map(|(job, _)| first_row(&app.store, job))).await?;
    let sizes = found.iter().zip(&firsts).map(|((_, newest), first)| {
        let body = first.as_ref().and_then(|first| first.body.as_ref());
        let response = newest.as_ref().map_or(0, |row| row.attempt.outcome.response().len() + row.url.len());
        // The body is a text inside the JSON.
        (0, body.map_or(0, |body| body.as_str().len()) + response)
    });
    let shown = fitting_page(sizes, listing.limit);
    if shown < found.len() {
        found.truncate(shown);
        behind = found.last().map(|(job, _)| job.place());
    }
    let views: Vec<_> = found.iter().zip(&firsts).map(|(followed, first)| view(followed, first)).collect();
    let next = behind.filter(|_| 0 < listing.limit).map(|last| cursor::render_job(list, &last));
    Ok(answer::json(StatusCode::OK, webhook_job::render_list(&views, listing.has_details, next)))
}

/// `GET …/webhookJobs/{id}`
pub async fn find<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    place: Place,
    Path(names): Path<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let (job, newest) = app.find_job(&tenant, &place, &names).await?;
    app.show_job((job, newest), place.has_details()).await
}

/// `PUT …/webhookJobs/{id}`: queues a failed job again, cancels one that waits, or corrects where it goes.
pub async fn change<P: Ports>(
    State(app): State<Arc<App<P>>>,
    (tenant, caller): (Tenant, Caller),
    place: Place,
    Path(names): Path<Vec<(String, String)>>,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let found = app.find_job(&tenant, &place, &names).await?;
    let change = call::parse_change(&body, &app.config.targets)?;
    // Who says where events go may as well write webhooks.
    if change.url.is_some() && change.url != found.0.url {
        caller.needs(Scope::WebhooksWrite)?;
    }
    let changed = app.change_job(&tenant, found, change).await?;
    let document = app.show_job(changed, place.has_details()).await?;
    Ok(telling(document, Told { finding: Finding::default(), log: None }))
}

/// `DELETE …/webhookJobs/{id}`: it is no longer listed, and not sent if it was not. What was sent stays in the log.
pub async fn delete<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    place: Place,
    Path(names): Path<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let (job, newest) = app.find_job(&tenant, &place, &names).await?;
    let status = job.status(newest.as_ref());
    let job = match (status, job.cancelled()) {
        (JobStatus::InProgress, _) => return Err(conflict(GOING_ON)),
        (JobStatus::Queued, None) => return Err(conflict(BEGUN)),
        (JobStatus::Queued, Some(cancelled)) => app.write_job(cancelled).await?,
        (JobStatus::Complete | JobStatus::Failed | JobStatus::Cancelled, _) => job,
    };
    let deleted = app.write_job(job.deleted()).await?;
    app.show_job((deleted, newest), place.has_details()).await
}

impl<P: Ports> App<P> {
    async fn find_job(
        &self,
        tenant: &Tenant,
        place: &Place,
        names: &[(String, String)],
    ) -> Result<Followed, ApiError> {
        let no_such_job = || ApiError::not_found("there is no such webhook job");
        let id = names.iter().find(|(name, _)| name == "id").map(|(_, id)| id.as_str());
        let (subscription, delivery) = id.and_then(webhook_job::parse_id).ok_or_else(no_such_job)?;
        let job = self.store.find_job(&tenant.line(subscription), delivery).await?;
        let job = job.filter(|job| !job.is_deleted && place.holds(&job.scope)).ok_or_else(no_such_job)?;
        let newest = newest_row(&self.store, &job).await?;
        Ok((job, newest))
    }

    pub(super) async fn show_job(&self, followed: Followed, has_details: bool) -> Result<Response, ApiError> {
        let first = first_row(&self.store, &followed.0).await?;
        let content = self.waiting_content(&followed.0).await?;
        let view = JobView { content: content.as_ref(), ..view(&followed, &first) };
        let document = webhook_job::render(&view, has_details);
        Ok(answer::json(StatusCode::OK, document))
    }

    /// What a job is to send that waits for its time.
    async fn waiting_content(&self, job: &Job) -> Result<Option<Body>, StoreError> {
        match (job.state, job.due_at) {
            (JobState::Queued { .. }, Some(_)) => {
                self.store.find_content(&LineKey::of_job(job), job.delivery).await
            }
            _ => Ok(None),
        }
    }

    async fn write_job(&self, job: Job) -> Result<Job, ApiError> {
        match self.store.change_job(&job).await? {
            Change::Done => Ok(job),
            Change::Lost => Err(conflict(MOVED)),
        }
    }

    /// The URL first: whoever sends it from then on sends it there. That it is queued again is told last: if nobody
    /// gets so far, its next row tells it.
    async fn change_job(
        &self,
        tenant: &Tenant,
        (job, newest): Followed,
        change: JobChange,
    ) -> Result<Followed, ApiError> {
        let status = job.status(newest.as_ref());
        if change.status == Some(NewStatus::Cancelled) {
            let job = match job.cancelled() {
                Some(cancelled) => self.write_job(cancelled).await?,
                None if status == JobStatus::Cancelled => job,
                None => return Err(conflict(BEGUN)),
            };
            return Ok((job, newest));
        }
        let mut job = job;
        if let Some(url) = change.url.filter(|url| job.url.as_ref() != Some(url)) {
            if !matches!(status, JobStatus::Queued | JobStatus::Failed) {
                return Err(conflict("only a job that waits or has failed can go elsewhere"));
            }
            self.vet(&url).await?;
            job = self.write_job(job.corrected(url)).await?;
        }
        // As it was read it asks for nothing.
        let asked = change.scheduled_at;
        let at = asked.filter(|at| *at != job.next_at(newest.as_ref()));
        let job = match (change.status, status, &newest, at) {
            (None, _, _, None) | (Some(NewStatus::Queued), JobStatus::Queued, _, None) => job,
            (None | Some(NewStatus::Queued), JobStatus::Queued, _, Some(at)) => self.put_off(job, at).await?,
            (Some(NewStatus::Queued), JobStatus::Failed, Some(row), _) => {
                self.requeue(tenant, job, row.attempt.number, asked).await?
            }
            (None, _, _, Some(_)) => return Err(conflict(IN_LINE)),
            (Some(_), _, _, _) => return Err(conflict(NOT_FAILED)),
        };
        Ok((job, newest))
    }

    /// Gives a job another time that waits for its own.
    async fn put_off(&self, job: Job, at: Millis) -> Result<Job, ApiError> {
        let at = at.max(self.clock.now());
        let later = job.postponed(at).ok_or_else(|| conflict(IN_LINE))?;
        // First what it sends, which must be there at that time.
        if let Some(content) = self.waiting_content(&job).await? {
            let expires_at = at.plus_seconds(CONTENT_SECONDS_KEPT);
            self.store.put_content((&LineKey::of_job(&job), job.delivery), &content, expires_at).await?;
        }
        let job = self.write_job(later).await?;
        self.put_if_due(&job).await;
        Ok(job)
    }

    /// Queues a failed job again: now, or for a later time.
    async fn requeue(
        &self,
        tenant: &Tenant,
        job: Job,
        AttemptNumber { sequence, attempt }: AttemptNumber,
        at: Option<Millis>,
    ) -> Result<Job, ApiError> {
        if job.url.is_none() {
            return Err(FieldProblem::new("url", "is needed: filter or template gave none").into());
        }
        if let Some(at) = at.filter(|at| self.clock.now() < *at) {
            return self.write_job(job.requeued(attempt, Some(at))).await;
        }
        replays::again(self, &tenant.line(job.subscription), sequence).await?;
        // The attempt may be under way, and have written to the job: its row tells the same then.
        let requeued = job.requeued(attempt, None);
        Ok(self.write_job(requeued).await.unwrap_or(job))
    }
}

/// The newest row of each job that is wanted, some at a time.
async fn followed(
    store: &impl LogStore,
    jobs: Vec<Job>,
    is_wanted: impl Fn(&Job) -> bool + Send + Sync,
) -> Result<Vec<Followed>, StoreError> {
    let mut all = Vec::with_capacity(jobs.len());
    let mut jobs = jobs.into_iter().peekable();
    while jobs.peek().is_some() {
        let some: Vec<_> = jobs.by_ref().take(READ_AT_ONCE).collect();
        let rows = some
            .iter()
            .map(|job| async { if is_wanted(job) { newest_row(store, job).await } else { Ok(None) } });
        let rows = try_join_all(rows).await?;
        all.extend(some.into_iter().zip(rows));
    }
    Ok(all)
}

pub(super) async fn newest_row(store: &impl LogStore, job: &Job) -> Result<Option<LogRow>, StoreError> {
    match job.sequence() {
        Some(sequence) => store.last_row_of(&LineKey::of_job(job), sequence).await,
        None => Ok(None),
    }
}

async fn first_row(store: &impl LogStore, job: &Job) -> Result<Option<LogRow>, StoreError> {
    let Some(sequence) = job.sequence() else { return Ok(None) };
    let row = store.rows_from(&LineKey::of_job(job), sequence, 1).await?.into_iter().next();
    Ok(row.filter(|row| row.attempt.number.sequence == sequence))
}

fn view<'a>((job, newest): &'a Followed, first: &'a Option<LogRow>) -> JobView<'a> {
    JobView { job, first: first.as_ref(), content: None, newest: newest.as_ref() }
}
