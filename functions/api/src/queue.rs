//! The queue view of a webhook, and its manual actions.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome};
use hookrail_domain::audit::AuditAction;
use hookrail_domain::id::WebhookId;
use hookrail_domain::log_row::{LogRow, RunId};
use hookrail_domain::progress::{LastRow, Progress};
use hookrail_domain::suspension::QueueState;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Scope;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::queue_commands::{NotWoken, QueueCommands};
use hookrail_pipeline::store::{Change, LogStore, WebhookKey, WebhookSnapshot};
use hookrail_wire::problem::Problem;
use hookrail_wire::queue_view::{Head, QueueView};
use http::StatusCode;

use crate::auth::{Access, Tenant};
use crate::error::{ApiError, Bug};
use crate::request::{NoFields, WebhookPath, no_such_webhook};
use crate::route::{Served, Shape, Tag, get, post, refusal};
use crate::{App, Ports, WEBHOOKS_PATH, answer};

/// The reason of an event that a person skipped, in the log.
const SKIPPED: &str = "skipped by hand";

const NO_BACKLOG: &str = "the webhook has no parked events: its queue is active";
const NOTHING_WAITS: &str = "the queue of the webhook is empty";
const MOVED: &str = "the queue has changed meanwhile; read it again";
const BUSY: &str = "the oldest event is being sent now; try again in a few seconds";

impl From<NotWoken> for ApiError {
    fn from(error: NotWoken) -> Self {
        Self::unavailable("the queue cannot be resumed now; try again").caused_by(error)
    }
}

pub(crate) fn conflict(detail: &str) -> ApiError {
    Problem::new(409, "Conflict", detail).into()
}

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    let queue = format!("{WEBHOOKS_PATH}/{{id}}/queue");
    let act = Access::Company(Scope::DeliveriesWrite);
    let refusals = [refusal::NO_WEBHOOK, refusal::MOVED];
    vec![
        get(&queue, Access::Company(Scope::LogsRead))
            .titled(Tag::Queue, "viewQueue", "Show the queue of a webhook")
            .responds(200, "The queue of the webhook.", Shape::One("Queue"))
            .refuses([refusal::NO_WEBHOOK])
            .to(view::<P>),
        post(format!("{queue}/resume"), act)
            .titled(Tag::Queue, "resumeQueue", "Send the oldest parked event now")
            .responds(202, "It is tried.", Shape::One("Queue"))
            .refuses(refusals)
            .audited(AuditAction::QueueResume)
            .to(resume::<P>),
        post(format!("{queue}/retry"), act)
            .titled(Tag::Queue, "retryHead", "Retry the event at the head of the queue now")
            .responds(202, "It is tried.", Shape::One("Queue"))
            .refuses(refusals)
            .audited(AuditAction::QueueRetry)
            .to(retry::<P>),
        post(format!("{queue}/skip"), act)
            .titled(Tag::Queue, "skipHead", "Skip the event at the head of the queue without sending it")
            .responds(202, "It has ended.", Shape::One("Queue"))
            .refuses(refusals)
            .audited(AuditAction::QueueSkip)
            .to(skip::<P>),
    ]
}

/// `GET /api/v3/webhook/subscription/{id}/queue`
pub async fn view<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
) -> Result<Response, ApiError> {
    let key = tenant.key(id);
    show(&app, &key, StatusCode::OK).await
}

/// `POST /api/v3/webhook/subscription/{id}/queue/resume`: sends the oldest parked event now.
pub async fn resume<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
    _: NoFields,
) -> Result<Response, ApiError> {
    let (key, snapshot) = open_backlog(&app, &tenant, id).await?;
    require_active(&snapshot)?;
    wake(&app, &key, &snapshot.state).await?;
    show(&app, &key, StatusCode::ACCEPTED).await
}

/// `POST /api/v3/webhook/subscription/{id}/queue/retry`: sends the event at the head of the queue now.
pub async fn retry<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
    _: NoFields,
) -> Result<Response, ApiError> {
    let key = tenant.key(id);
    require_active(&snapshot_of(&app, &key).await?)?;
    let now = app.clock.now();
    match app.queue_commands().retry(&key, now).await? {
        Change::Done => show(&app, &key, StatusCode::ACCEPTED).await,
        Change::Lost => Err(conflict("the queue of the webhook has no event between two attempts")),
    }
}

/// `POST /api/v3/webhook/subscription/{id}/queue/skip`: ends the event at the head of the queue unsent.
pub async fn skip<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
    _: NoFields,
) -> Result<Response, ApiError> {
    let key = tenant.key(id);
    let mut snapshot = snapshot_of(&app, &key).await?;
    let now = app.clock.now();
    if snapshot.state.backlog.is_none() {
        // An event between two attempts belongs to deliver. It is parked first.
        require_active(&snapshot)?;
        let last = app.store.last_row(&key).await?;
        let is_due = matches!(last, Some(LastRow { progress: Progress::Waiting { .. }, .. }));
        let taken_over = snapshot.state.taken_over(last.as_ref(), now);
        let taken_over = taken_over.ok_or_else(|| conflict(if is_due { BUSY } else { NOTHING_WAITS }))?;
        match app.store.change_state(&key, &snapshot.state, &taken_over).await? {
            Change::Done => snapshot.state = taken_over,
            Change::Lost => return Err(conflict(MOVED)),
        }
    }
    let Some(backlog) = &snapshot.state.backlog else { return Err(conflict(NOTHING_WAITS)) };
    if snapshot.state.is_replaying() {
        return Err(conflict("a replay is running; wait for its end, or cancel it"));
    }
    if backlog.waiting() == 0 {
        return Err(conflict(NOTHING_WAITS));
    }
    if backlog.lease.as_ref().is_some_and(|lease| now < lease.until) {
        return Err(conflict(BUSY));
    }
    let Head { first, attempts, .. } = head(&app, &key, backlog.next, backlog.due_at)
        .await?
        .ok_or_else(|| ApiError::failed(Bug("a parked event has no row")))?;
    let outcome = Outcome::Unsent { error: ErrorClass::Skipped, reason: SKIPPED.to_owned() };
    let number = AttemptNumber { attempt: attempts + 1, ..first.attempt.number };
    let attempt = Attempt { number, started_at: now, duration_ms: 0, outcome };
    // Each call has its own run name: a repeat gets the error that the queue has changed.
    let run = RunId(format!("skip-{}-{}", now.0, number.attempt));
    let row = LogRow { attempt, progress: Progress::Ended, given_up: 0, run, body: None, ..first };
    let after = snapshot.state.after_skip(now).ok_or_else(|| conflict(NOTHING_WAITS))?;
    match app.store.advance(&row, &snapshot.state, &after).await? {
        Change::Lost => return Err(conflict(MOVED)),
        Change::Done => {}
    }
    // The next event is due. If recover cannot be called now, the schedule calls it within two minutes.
    let state = snapshot_of(&app, &key).await?.state;
    if let Err(error) = app.queue_commands().wake(&key, &state, now).await {
        tracing::warn!(error = %hookrail_pipeline::fault::ErrorChain(&error), "recover was not called");
    }
    show(&app, &key, StatusCode::ACCEPTED).await
}

/// Refuses to act for a webhook that nothing is sent to.
pub(crate) fn require_active(snapshot: &WebhookSnapshot) -> Result<(), ApiError> {
    if snapshot.webhook.as_ref().is_some_and(|webhook| webhook.is_active) {
        return Ok(());
    }
    Err(conflict("the webhook is not active: activate it, and its events follow by themselves"))
}

/// Refuses to activate a webhook while what waited for it is being dropped.
pub(crate) async fn check_activatable<P: Ports>(app: &App<P>, key: &WebhookKey) -> Result<(), ApiError> {
    match snapshot_of(app, key).await?.state.backlog {
        Some(backlog) if backlog.is_dropped => {
            Err(conflict("the events that waited are being dropped; try again in a few seconds"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Calls recover for a webhook that was activated with a backlog. Does nothing without a backlog.
pub(crate) async fn wake_activated<P: Ports>(app: &App<P>, key: &WebhookKey) -> Result<(), ApiError> {
    let state = snapshot_of(app, key).await?.state;
    if state.backlog.is_some() { wake(app, key, &state).await } else { Ok(()) }
}

async fn wake<P: Ports>(app: &App<P>, key: &WebhookKey, state: &QueueState) -> Result<(), ApiError> {
    let now = app.clock.now();
    match app.queue_commands().wake(key, state, now).await? {
        Change::Done => Ok(()),
        Change::Lost => Err(conflict(MOVED)),
    }
}

impl<P: Ports> App<P> {
    pub(crate) fn queue_commands(&self) -> QueueCommands<'_, P::Store, P::Queue> {
        QueueCommands {
            store: &self.store,
            queue: &self.queue,
            recovery_queue_url: &self.config.recovery_queue_url,
            suspension: self.config.suspension,
        }
    }
}

pub(crate) async fn snapshot_of<P: Ports>(
    app: &App<P>,
    key: &WebhookKey,
) -> Result<WebhookSnapshot, ApiError> {
    let snapshot = app.store.snapshots(std::slice::from_ref(key)).await?.into_iter().next();
    snapshot.filter(|snapshot| snapshot.webhook.is_some()).ok_or_else(no_such_webhook)
}

/// The queue, if it has a backlog and the caller may act on it.
async fn open_backlog<P: Ports>(
    app: &App<P>,
    tenant: &Tenant,
    id: WebhookId,
) -> Result<(WebhookKey, WebhookSnapshot), ApiError> {
    let key = tenant.key(id);
    let snapshot = snapshot_of(app, &key).await?;
    if snapshot.state.backlog.is_none() { Err(conflict(NO_BACKLOG)) } else { Ok((key, snapshot)) }
}

async fn head<P: Ports>(
    app: &App<P>,
    key: &WebhookKey,
    sequence: u64,
    next_attempt_at: Millis,
) -> Result<Option<Head>, ApiError> {
    let first = app.store.rows_from(key, sequence, 1).await?.into_iter().next();
    let Some(first) = first.filter(|row| row.attempt.number.sequence == sequence) else { return Ok(None) };
    let last = app.store.last_row_of(key, sequence).await?;
    Ok(Some(Head { first, attempts: last.map_or(0, |row| row.attempt.number.attempt), next_attempt_at }))
}

async fn show<P: Ports>(app: &App<P>, key: &WebhookKey, status: StatusCode) -> Result<Response, ApiError> {
    let snapshot = snapshot_of(app, key).await?;
    let backlog = snapshot.state.backlog.as_ref();
    let head = match backlog {
        Some(backlog) => head(app, key, backlog.next, backlog.due_at).await?,
        None => match app.store.last_row(key).await?.map(|last| (last.number.sequence, last.progress)) {
            Some((sequence, Progress::Waiting { until })) => head(app, key, sequence, until).await?,
            Some(_) | None => None,
        },
    };
    let is_active = snapshot.webhook.as_ref().is_some_and(|webhook| webhook.is_active);
    let view = QueueView { is_active, backlog, head, attempts_max: app.config.attempts_max };
    Ok(answer::json(status, view.render()))
}
