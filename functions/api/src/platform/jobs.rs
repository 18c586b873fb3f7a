//! Webhook jobs: the deliveries of platform webhooks, and their manual actions.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use futures_util::future::try_join_all;
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::audit::{AuditAction, AuditFinding};
use hookrail_domain::event::Body;
use hookrail_domain::job::{CONTENT_SECONDS_KEPT, Job, JobState, JobStatus};
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::platform::Scope as Parent;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Scope;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::store::jobs::JobStore;
use hookrail_pipeline::store::{Change, LogStore, StoreError, WebhookKey};
use hookrail_wire::cursor::List;
use hookrail_wire::problem::FieldProblem;
use hookrail_wire::webhook_job::call::{self, JobChange, NewStatus};
use hookrail_wire::webhook_job::listing::JobListing;
use hookrail_wire::webhook_job::{self, JobView};
use http::StatusCode;

use super::KAPPS_PATH;
use super::scope_path::ScopePath;
use crate::audit::{AuditDetail, with_audit};
use crate::auth::{Access, Caller, Tenant};
use crate::error::ApiError;
use crate::logs::fitting_page;
use crate::openapi::input::Input;
use crate::page_builder::PageBuilder;
use crate::queue::conflict;
use crate::replays;
use crate::request::JsonBody;
use crate::route::{self, Refusal, Route, Served, Shape, Tag, get, put, refusal};
use crate::{App, Ports, answer};

/// Jobs of one read of a list, and reads of one page: a page looks at 1,000 jobs at most.
const SEARCHED_AT_ONCE: usize = 100;
const SEARCHES_MAX: usize = 10;
/// Rows that are read at the same time.
const READ_AT_ONCE: usize = 25;

const BEGUN: &str =
    "the job has started and cannot be cancelled; skip its event in the queue if it is being retried";
const IN_LINE: &str =
    "scheduledAt can be changed only for a job that waits for its time or that is queued again";
const NOT_FAILED: &str = "only a failed job can be queued again";
const MOVED: &str = "the job was changed meanwhile; read it again";
const GOING_ON: &str = "the job is in progress";

/// A job with its newest row.
type Followed = (Job, Option<LogRow>);

/// The path of the jobs of a space; those of a kapp have the same place below it.
pub const JOBS_PATH: &str = "/app/api/v1/webhookJobs";
const NO_JOB: Refusal = (404, "There is no such webhook job.");
const SHOWN: Shape = Shape::One("WebhookJobEnvelope");

/// The routes of a space's jobs, and those of a kapp's.
pub fn routes<P: Ports>() -> Vec<Served<P>> {
    let read = Access::Company(Scope::LogsRead);
    let of_space = get(JOBS_PATH, read)
        .titled(Tag::Platform, "listSpaceJobs", "List the webhook jobs of the space")
        .takes(listing_of(Parent::Space))
        .takes([Input::All, Input::Include]);
    let of_kapp = get(kapp_path(), read)
        .titled(Tag::Platform, "listKappJobs", "List the webhook jobs of a kapp")
        .takes(listing_of(Parent::Kapp))
        .takes([Input::Include])
        .refuses([refusal::NO_KAPP]);
    let space = routes_of(
        (of_space, "Space"),
        ["a webhook job of the space or of one of its kapps", "a webhook job"],
    );
    let kapp = routes_of((of_kapp, "Kapp"), ["a webhook job of a kapp"; 2]);
    space.into_iter().chain(kapp).collect()
}

/// The path of the jobs of a kapp.
pub(super) fn kapp_path() -> String {
    format!("{KAPPS_PATH}/{{kappSlug}}/webhookJobs")
}

fn listing_of(scope: Parent) -> [Input; 8] {
    [
        Input::JobLimit,
        Input::PageToken,
        Input::JobStatus,
        Input::JobWebhook,
        Input::ParentType(scope),
        Input::ParentKey,
        Input::Start,
        Input::End,
    ]
}

fn routes_of<P: Ports>((all, id): (Route, &str), [read, act]: [&str; 2]) -> [Served<P>; 4] {
    let write = Access::Company(Scope::DeliveriesWrite);
    let (one, access) = (format!("{}/{{id}}", all.path), all.access);
    [
        all.described(
            "The latest first. A list that is narrowed may have a page that is not full: it ends where \
             `nextPageToken` is null.",
        )
        .responds(200, "A page of jobs.", Shape::One("WebhookJobs"))
        .to(list::<P>),
        get(&one, access)
            .titled(Tag::Platform, format!("find{id}Job"), format!("Read {read}"))
            .takes([Input::Include])
            .responds(200, "The job.", SHOWN)
            .refuses([NO_JOB])
            .to(find::<P>),
        put(&one, write)
            .titled(Tag::Platform, format!("change{id}Job"), format!("Queue {act} again, or cancel it"))
            .described(
                "`status` `Queued` sends a failed job again, at `url` if one is given; `Cancelled` stops one that has \
                 not begun; `scheduledAt` puts off one that waits for its time, or says when a failed one is sent \
                 again. Another `url` needs the scope `webhooks:write` as well. The other fields of a job may be \
                 sent back as they were read; they have no effect.",
            )
            .takes([Input::Include])
            .needs_body("WebhookJobChange")
            .responds(200, "The job as it is now.", SHOWN)
            .refuses([NO_JOB, (409, "The job cannot go there from where it is.")])
            .audited(AuditAction::JobChange)
            .to(change::<P>),
        route::delete(&one, write)
            .titled(Tag::Platform, format!("delete{id}Job"), format!("Delete {act}"))
            .described(
                "It is no longer listed, and never sent if it had not begun. The log keeps what was sent.",
            )
            .takes([Input::Include])
            .responds(200, "The job as it was.", SHOWN)
            .refuses([NO_JOB, (409, "The job is in progress, or is tried again.")])
            .audited(AuditAction::JobDelete)
            .to(delete::<P>),
    ]
}

/// `GET …/webhookJobs`: the latest first.
pub async fn list<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    place: ScopePath,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let company = tenant.company();
    let listing = JobListing::parse(&query, &place.scope)?;
    let narrowed = listing.list(&place.scope);
    let list = List::jobs(company, &narrowed);
    let token = listing.page_token.as_deref().map(|text| list.parse(text)).transpose();
    let before = token.map_err(|invalid| FieldProblem::new("pageToken", invalid))?;
    let reads = if listing.limit == 0 { 0 } else { SEARCHES_MAX };
    let mut page_builder = PageBuilder::new(listing.limit, before, reads);
    while let Some(before) = page_builder.next_read() {
        let jobs = app.store.page_jobs(company, before, SEARCHED_AT_ONCE).await?;
        let is_end = jobs.len() < SEARCHED_AT_ONCE;
        let looked_at = followed(&app.store, jobs, |job| listing.filter.takes(job, &place.scope)).await?;
        page_builder.take(looked_at, is_end, |(job, newest)| {
            let is_taken = listing.filter.takes(job, &place.scope)
                && listing.filter.takes_status(job.status(newest.as_ref()));
            (job.place(), is_taken)
        });
    }
    let (mut found, mut behind) = page_builder.finish();
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
    let next = behind.filter(|_| 0 < listing.limit).map(|last| list.cursor(&last));
    Ok(answer::json(StatusCode::OK, webhook_job::render_list(&views, listing.has_details, next)))
}

/// `GET …/webhookJobs/{id}`
pub async fn find<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    place: ScopePath,
    Path(names): Path<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let (job, newest) = app.find_job(&tenant, &place, &names).await?;
    app.show_job((job, newest), (place.has_details(), true)).await
}

/// `PUT …/webhookJobs/{id}`: queues a failed job again, cancels one that waits, or corrects where it goes.
pub async fn change<P: Ports>(
    State(app): State<Arc<App<P>>>,
    (tenant, caller): (Tenant, Caller),
    place: ScopePath,
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
    let document = app.show_job(changed, (place.has_details(), caller.may_read_bodies())).await?;
    Ok(with_audit(document, AuditDetail { finding: AuditFinding::default(), log: None }))
}

/// `DELETE …/webhookJobs/{id}`: it is no longer listed, and not sent if it was not. What was sent stays in the log.
pub async fn delete<P: Ports>(
    State(app): State<Arc<App<P>>>,
    (tenant, caller): (Tenant, Caller),
    place: ScopePath,
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
    app.show_job((deleted, newest), (place.has_details(), caller.may_read_bodies())).await
}

impl<P: Ports> App<P> {
    async fn find_job(
        &self,
        tenant: &Tenant,
        place: &ScopePath,
        names: &[(String, String)],
    ) -> Result<Followed, ApiError> {
        let no_such_job = || ApiError::not_found("there is no such webhook job");
        let id = names.iter().find(|(name, _)| name == "id").map(|(_, id)| id.as_str());
        let (webhook, delivery) = id.and_then(webhook_job::parse_id).ok_or_else(no_such_job)?;
        let job = self.store.find_job(&tenant.key(webhook), delivery).await?;
        let job = job.filter(|job| !job.is_deleted && place.holds(&job.scope)).ok_or_else(no_such_job)?;
        let newest = newest_row(&self.store, &job).await?;
        Ok((job, newest))
    }

    pub(super) async fn show_job(
        &self,
        followed: Followed,
        (has_details, shows_bodies): (bool, bool),
    ) -> Result<Response, ApiError> {
        let first = first_row(&self.store, &followed.0).await?;
        let content = self.waiting_content(&followed.0).await?;
        let view = JobView { content: content.as_ref(), shows_bodies, ..view(&followed, &first) };
        let document = webhook_job::render(&view, has_details);
        Ok(answer::json(StatusCode::OK, document))
    }

    /// The content of a job that waits for its time.
    async fn waiting_content(&self, job: &Job) -> Result<Option<Body>, StoreError> {
        match (job.state, job.due_at) {
            (JobState::Queued { .. }, Some(_)) => {
                self.store.find_content(&WebhookKey::of_job(job), job.delivery).await
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

    /// The URL is written first, so that a later attempt uses it. The requeue is written last: if the call is
    /// interrupted, the next log row shows it.
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
            (None | Some(NewStatus::Queued), JobStatus::Queued, _, Some(at)) => {
                self.postponed(job, at).await?
            }
            (Some(NewStatus::Queued), JobStatus::Failed, Some(row), _) => {
                self.requeue(tenant, job, row.attempt.number, asked).await?
            }
            (None, _, _, Some(_)) => return Err(conflict(IN_LINE)),
            (Some(_), _, _, _) => return Err(conflict(NOT_FAILED)),
        };
        Ok((job, newest))
    }

    /// Gives a job another time that waits for its own.
    async fn postponed(&self, job: Job, at: Millis) -> Result<Job, ApiError> {
        let at = at.max(self.clock.now());
        let later = job.postponed(at).ok_or_else(|| conflict(IN_LINE))?;
        // First what it sends, which must be there at that time.
        if let Some(content) = self.waiting_content(&job).await? {
            let expires_at = at.plus_seconds(CONTENT_SECONDS_KEPT);
            self.store.put_content(&WebhookKey::of_job(&job), job.delivery, &content, expires_at).await?;
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
        replays::again(self, &tenant.key(job.webhook), sequence).await?;
        // The attempt may be in progress and have written the job. Its row shows the same then.
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
        Some(sequence) => store.last_row_of(&WebhookKey::of_job(job), sequence).await,
        None => Ok(None),
    }
}

async fn first_row(store: &impl LogStore, job: &Job) -> Result<Option<LogRow>, StoreError> {
    let Some(sequence) = job.sequence() else { return Ok(None) };
    let row = store.rows_from(&WebhookKey::of_job(job), sequence, 1).await?.into_iter().next();
    Ok(row.filter(|row| row.attempt.number.sequence == sequence))
}

fn view<'a>((job, newest): &'a Followed, first: &'a Option<LogRow>) -> JobView<'a> {
    JobView { job, first: first.as_ref(), content: None, newest: newest.as_ref(), shows_bodies: true }
}
