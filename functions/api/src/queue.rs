//! What waits for a webhook, and what a person can do about it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hookrail_adapters::clock::Clock;
use hookrail_adapters::recovery::{self, NotWoken};
use hookrail_adapters::store::{Change, LineKey, LineSettings, LogStore};
use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome};
use hookrail_domain::id::SubscriptionId;
use hookrail_domain::line::{LastRow, Progress};
use hookrail_domain::log_row::{LogRow, RunId};
use hookrail_domain::suspension::Line;
use hookrail_domain::time::Millis;
use hookrail_wire::problem::Problem;
use hookrail_wire::queue_view::{Head, QueueView};
use http::StatusCode;

use crate::auth::Tenant;
use crate::error::{ApiError, Bug};
use crate::request::{WebhookId, no_such_webhook};
use crate::{App, Ports, answer};

/// What the log says of an event that a person skipped.
const SKIPPED: &str = "skipped by hand";

const NOTHING_ASIDE: &str = "the webhook's events are not set aside: they are sent as they come";
const NOTHING_WAITS: &str = "no event waits";
const MOVED: &str = "the line has moved meanwhile; look at the queue again";
const BUSY: &str = "the oldest event is being sent just now; try again in a few seconds";

impl From<NotWoken> for ApiError {
    fn from(error: NotWoken) -> Self {
        Self::unavailable("the line cannot be woken just now").caused_by(error)
    }
}

pub(crate) fn conflict(detail: &str) -> ApiError {
    Problem::new(409, "Conflict", detail).into()
}

/// `GET /api/v3/webhook/subscription/{id}/queue`
pub async fn view<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
) -> Result<Response, ApiError> {
    let key = tenant.line(id);
    show(&app, &key, StatusCode::OK).await
}

/// `POST /api/v3/webhook/subscription/{id}/queue/resume`: the oldest event that is set aside is tried now.
pub async fn resume<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
) -> Result<Response, ApiError> {
    let (key, settings) = set_aside(&app, &tenant, id).await?;
    sent_to(&settings)?;
    wake(&app, &key, &settings.line).await?;
    show(&app, &key, StatusCode::ACCEPTED).await
}

/// `POST /api/v3/webhook/subscription/{id}/queue/retry`: the event that everything else waits for is tried now.
pub async fn retry<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
) -> Result<Response, ApiError> {
    let key = tenant.line(id);
    sent_to(&line_of(&app, &key).await?)?;
    let now = app.clock.now();
    match recovery::retry((&app.store, &app.queue), (recovery_queue(&app), &app.config.suspension), &key, now)
        .await?
    {
        Change::Done => show(&app, &key, StatusCode::ACCEPTED).await,
        Change::Lost => Err(conflict("no event waits for its next attempt")),
    }
}

/// `POST /api/v3/webhook/subscription/{id}/queue/skip`: the event that everything else waits for ends unsent.
pub async fn skip<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookId(id): WebhookId,
) -> Result<Response, ApiError> {
    let key = tenant.line(id);
    let mut settings = line_of(&app, &key).await?;
    let now = app.clock.now();
    if settings.line.aside.is_none() {
        // An event between two attempts is deliver's: it is set aside first.
        sent_to(&settings)?;
        let last = app.store.last_row(&key).await?;
        let is_due = matches!(last, Some(LastRow { progress: Progress::Waiting { .. }, .. }));
        let seized = settings.line.seized(last.as_ref(), now);
        let seized = seized.ok_or_else(|| conflict(if is_due { BUSY } else { NOTHING_WAITS }))?;
        match app.store.change_line(&key, &settings.line, &seized).await? {
            Change::Done => settings.line = seized,
            Change::Lost => return Err(conflict(MOVED)),
        }
    }
    let Some(aside) = &settings.line.aside else { return Err(conflict(NOTHING_WAITS)) };
    if settings.line.is_replaying() {
        return Err(conflict("a replay is running; wait for its end, or cancel it"));
    }
    if aside.waiting() == 0 {
        return Err(conflict(NOTHING_WAITS));
    }
    if aside.lease.as_ref().is_some_and(|lease| now < lease.until) {
        return Err(conflict(BUSY));
    }
    let Head { first, attempts, .. } = head(&app, &key, aside.next, aside.due_at)
        .await?
        .ok_or_else(|| ApiError::failed(Bug("a parked event has no row")))?;
    let outcome = Outcome::Unsent { error: ErrorClass::Skipped, reason: SKIPPED.to_owned() };
    let number = AttemptNumber { attempt: attempts + 1, ..first.attempt.number };
    let attempt = Attempt { number, started_at: now, duration_ms: 0, outcome };
    // A name of its own for every call: a repeat is told that the line has moved.
    let run = RunId(format!("skip-{}-{}", now.0, number.attempt));
    let row = LogRow { attempt, progress: Progress::Ended, given_up: 0, run, body: None, ..first };
    let after = settings.line.after_skip(now).ok_or_else(|| conflict(NOTHING_WAITS))?;
    match app.store.advance(&row, &settings.line, &after).await? {
        Change::Lost => return Err(conflict(MOVED)),
        Change::Done => {}
    }
    // The next event takes its turn; if nobody can be called just now, the schedule does it within two minutes.
    let line = line_of(&app, &key).await?.line;
    if let Err(error) =
        recovery::wake((&app.store, &app.queue), recovery_queue(&app), (&key, &line), now).await
    {
        tracing::warn!(error = %hookrail_adapters::telemetry::Chain(&error), "recover was not called");
    }
    show(&app, &key, StatusCode::ACCEPTED).await
}

/// Refuses to act for a webhook that nothing is sent to.
pub(crate) fn sent_to(settings: &LineSettings) -> Result<(), ApiError> {
    if settings.subscription.as_ref().is_some_and(|webhook| webhook.is_active) {
        return Ok(());
    }
    Err(conflict("the webhook is not active: activate it, and its events follow by themselves"))
}

/// Refuses to activate a webhook while what waited for it is being dropped.
pub(crate) async fn may_activate<P: Ports>(app: &App<P>, key: &LineKey) -> Result<(), ApiError> {
    match line_of(app, key).await?.line.aside {
        Some(aside) if aside.is_dropped => {
            Err(conflict("the events that waited are being dropped; try again in a few seconds"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Calls recover for a webhook that was activated with events set aside. Returns without a word when there are none.
pub(crate) async fn wake_activated<P: Ports>(app: &App<P>, key: &LineKey) -> Result<(), ApiError> {
    let line = line_of(app, key).await?.line;
    if line.aside.is_some() { wake(app, key, &line).await } else { Ok(()) }
}

async fn wake<P: Ports>(app: &App<P>, key: &LineKey, line: &Line) -> Result<(), ApiError> {
    let now = app.clock.now();
    match recovery::wake((&app.store, &app.queue), recovery_queue(app), (key, line), now).await? {
        Change::Done => Ok(()),
        Change::Lost => Err(conflict(MOVED)),
    }
}

pub(crate) fn recovery_queue<P: Ports>(app: &App<P>) -> &str {
    &app.config.recovery_queue_url
}

pub(crate) async fn line_of<P: Ports>(app: &App<P>, key: &LineKey) -> Result<LineSettings, ApiError> {
    let settings = app.store.settings(std::slice::from_ref(key)).await?.into_iter().next();
    settings.filter(|settings| settings.subscription.is_some()).ok_or_else(no_such_webhook)
}

/// The line, if anything of it is set aside and the caller may act on it.
async fn set_aside<P: Ports>(
    app: &App<P>,
    tenant: &Tenant,
    id: SubscriptionId,
) -> Result<(LineKey, LineSettings), ApiError> {
    let key = tenant.line(id);
    let settings = line_of(app, &key).await?;
    if settings.line.aside.is_none() { Err(conflict(NOTHING_ASIDE)) } else { Ok((key, settings)) }
}

async fn head<P: Ports>(
    app: &App<P>,
    key: &LineKey,
    sequence: u64,
    next_attempt_at: Millis,
) -> Result<Option<Head>, ApiError> {
    let first = app.store.rows_from(key, sequence, 1).await?.into_iter().next();
    let Some(first) = first.filter(|row| row.attempt.number.sequence == sequence) else { return Ok(None) };
    let last = app.store.last_row_of(key, sequence).await?;
    Ok(Some(Head { first, attempts: last.map_or(0, |row| row.attempt.number.attempt), next_attempt_at }))
}

async fn show<P: Ports>(app: &App<P>, key: &LineKey, status: StatusCode) -> Result<Response, ApiError> {
    let settings = line_of(app, key).await?;
    let aside = settings.line.aside.as_ref();
    let head = match aside {
        Some(aside) => head(app, key, aside.next, aside.due_at).await?,
        None => match app.store.last_row(key).await?.map(|last| (last.number.sequence, last.progress)) {
            Some((sequence, Progress::Waiting { until })) => head(app, key, sequence, until).await?,
            Some(_) | None => None,
        },
    };
    let is_active = settings.subscription.as_ref().is_some_and(|webhook| webhook.is_active);
    let view = QueueView { is_active, aside, head, attempts_max: app.config.attempts_max };
    Ok(answer::json(status, view.render()))
}
