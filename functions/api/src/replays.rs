//! Sending ended events again: one of them, or a range.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::audit::AuditAction;
use hookrail_domain::id::{RowId, WebhookId};
use hookrail_domain::limits::CONFIG_BYTES_MAX;
use hookrail_domain::replay::ReplayRange;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Scope;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::store::{Change, LogStore, StoreError, WebhookKey};
use hookrail_wire::replay::{self, ReplayCall};
use http::StatusCode;

use crate::auth::{Access, Tenant};
use crate::error::ApiError;
use crate::queue::{conflict, require_active, snapshot_of};
use crate::request::{JsonBody, NoFields, WebhookPath, no_such_webhook};
use crate::route::{Served, Shape, Tag, delete, get, post, refusal};
use crate::{App, LOGS_PATH, Ports, WEBHOOKS_PATH, answer};

pub(crate) const NO_ROW: &str = "the webhook's log has no such row";
const NO_REPLAY: &str = "nothing was ever replayed to this webhook";
const NOTHING: &str = "the webhook's log has no event of this time";
const OPEN: &str = "the event has not ended: it is sent by itself";
const RUNNING: &str = "a replay is running; wait for its end, or cancel it";
const NOT_RUNNING: &str = "no replay is running";

pub fn routes<P: Ports>() -> Vec<Served<P>> {
    let replay = format!("{WEBHOOKS_PATH}/{{id}}/replay");
    let act = Access::Company(Scope::DeliveriesWrite);
    vec![
        post(format!("{LOGS_PATH}/{{id}}/{{row}}/redeliver"), act)
            .titled(Tag::Logs, "redeliver", "Send the event of an attempt again")
            .described("The event is sent in the order of the queue: before its backlog and newer events.")
            .responds(202, "The event is sent again.", Shape::One("Replay"))
            .refuses([refusal::NO_ROW, refusal::MOVED])
            .audited(AuditAction::EventRedeliver)
            .to(redeliver::<P>),
        post(&replay, act)
            .titled(Tag::Queue, "startReplay", "Send a range of ended events again, oldest first")
            .needs_body("NewReplay")
            .responds(202, "The replay has begun.", Shape::One("Replay"))
            .refuses([
                (404, "The company has no such webhook, or its log has no event of this range."),
                refusal::MOVED,
            ])
            .audited(AuditAction::ReplayStart)
            .to(start_range::<P>),
        get(&replay, Access::Company(Scope::LogsRead))
            .titled(Tag::Queue, "viewReplay", "Show the progress of the newest replay")
            .responds(200, "The newest replay.", Shape::One("Replay"))
            .refuses([(404, "The company has no such webhook, or the webhook has no replay.")])
            .to(view::<P>),
        delete(&replay, act)
            .titled(Tag::Queue, "cancelReplay", "Cancel the replay")
            .responds(200, "The replay as it ended.", Shape::One("Replay"))
            .refuses([refusal::NO_WEBHOOK, refusal::MOVED])
            .audited(AuditAction::ReplayCancel)
            .to(cancel::<P>),
    ]
}

/// `POST /api/v3/webhook/subscription/logs/{id}/{row}/redeliver`: the row's event is sent again, accepted or not.
pub async fn redeliver<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    Path((id, row)): Path<(String, String)>,
    _: NoFields,
) -> Result<Response, ApiError> {
    let webhook = WebhookId::parse(&id).map_err(|_refused| no_such_webhook())?;
    let key = tenant.key(webhook);
    let newest = last_ended(&app, &key).await?;
    let number = RowId::parse(&row).ok().and_then(|row| AttemptNumber::of_row_id(row, webhook));
    let AttemptNumber { sequence, .. } = number.ok_or_else(|| ApiError::not_found(NO_ROW))?;
    if app.store.last_row_of(&key, sequence).await?.is_none() {
        return Err(ApiError::not_found(NO_ROW));
    }
    if newest < sequence {
        return Err(conflict(OPEN));
    }
    start(&app, &key, ReplayRange::of_one(sequence)).await
}

/// Sends an event that has ended once more.
pub(crate) async fn again<P: Ports>(app: &App<P>, key: &WebhookKey, sequence: u64) -> Result<(), ApiError> {
    if last_ended(app, key).await? < sequence {
        return Err(conflict(OPEN));
    }
    begin(app, key, ReplayRange::of_one(sequence)).await
}

/// `POST /api/v3/webhook/subscription/{id}/replay`: a range of ended events is sent again, oldest first.
pub async fn start_range<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
    JsonBody(body): JsonBody<CONFIG_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let key = tenant.key(id);
    let newest = last_ended(&app, &key).await?;
    let call = ReplayCall::parse(&body)?;
    let end = newest + 1;
    let first = first_since(&app.store, &key, call.since.unwrap_or(Millis(0)), end).await?;
    let behind = match call.until {
        Some(until) => first_since(&app.store, &key, until, end).await?,
        None => end,
    };
    if behind <= first {
        return Err(ApiError::not_found(NOTHING));
    }
    start(&app, &key, ReplayRange { first, last: behind - 1, only_failed: call.only_failed }).await
}

/// `GET /api/v3/webhook/subscription/{id}/replay`: the newest one.
pub async fn view<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
) -> Result<Response, ApiError> {
    let key = tenant.key(id);
    show(&app, &key, StatusCode::OK).await
}

/// `DELETE /api/v3/webhook/subscription/{id}/replay`: it ends where it stands.
pub async fn cancel<P: Ports>(
    State(app): State<Arc<App<P>>>,
    tenant: Tenant,
    WebhookPath(id): WebhookPath,
) -> Result<Response, ApiError> {
    let key = tenant.key(id);
    snapshot_of(&app, &key).await?;
    let now = app.clock.now();
    match app.queue_commands().cancel_replay(&key, now).await? {
        Change::Done => show(&app, &key, StatusCode::OK).await,
        Change::Lost => Err(conflict(NOT_RUNNING)),
    }
}

async fn start<P: Ports>(app: &App<P>, key: &WebhookKey, range: ReplayRange) -> Result<Response, ApiError> {
    begin(app, key, range).await?;
    show(app, key, StatusCode::ACCEPTED).await
}

async fn begin<P: Ports>(app: &App<P>, key: &WebhookKey, range: ReplayRange) -> Result<(), ApiError> {
    let now = app.clock.now();
    match app.queue_commands().replay(key, range, now).await? {
        Change::Done => Ok(()),
        Change::Lost => Err(conflict(RUNNING)),
    }
}

/// The newest event that has ended, of a webhook that can be sent to.
async fn last_ended<P: Ports>(app: &App<P>, key: &WebhookKey) -> Result<u64, ApiError> {
    let snapshot = snapshot_of(app, key).await?;
    require_active(&snapshot)?;
    let last = app.store.last_row(key).await?;
    let open = snapshot
        .state
        .backlog
        .as_ref()
        .map_or_else(|| snapshot.state.first_open(last.as_ref()), |backlog| backlog.next);
    Ok(open - 1)
}

/// The first event before `end` that was first tried or parked at `at` or later; `end` if there is none.
/// Events begin in the order of their numbers, so halving finds it.
pub(crate) async fn first_since(
    store: &impl LogStore,
    key: &WebhookKey,
    at: Millis,
    end: u64,
) -> Result<u64, StoreError> {
    let (mut low, mut high) = (1, end);
    while low < high {
        let middle = low + (high - low) / 2;
        let row = store.rows_from(key, middle, 1).await?.into_iter().next();
        match row.filter(|row| row.attempt.number.sequence < high && row.attempt.started_at < at) {
            Some(row) => low = row.attempt.number.sequence + 1,
            None => high = middle,
        }
    }
    Ok(low)
}

async fn show<P: Ports>(app: &App<P>, key: &WebhookKey, status: StatusCode) -> Result<Response, ApiError> {
    let webhook_key = snapshot_of(app, key).await?.state;
    let newest = webhook_key.replay.ok_or_else(|| ApiError::not_found(NO_REPLAY))?;
    Ok(answer::json(status, replay::render(&newest)))
}
