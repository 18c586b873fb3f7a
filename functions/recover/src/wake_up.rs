//! One wake-up: whether its queue needs work, and whether this run does it.

use hookrail_adapters::metrics::{self, Metric};
use hookrail_domain::backlog::{Lease, PROBE_SECONDS_MAX};
use hookrail_domain::drain::WakeStep;
use hookrail_domain::operational_event::OperationalEvent;
use hookrail_domain::retry::fault_hold_seconds;
use hookrail_domain::time::Millis;
use hookrail_pipeline::batch::{CLAIM_SLACK_SECONDS, Record};
use hookrail_pipeline::fault::{ErrorChain, Fault};
use hookrail_pipeline::operational_events;
use hookrail_pipeline::ports::Ports;
use hookrail_pipeline::store::{Change, LogStore as _, WebhookKey, WebhookSnapshot};
use hookrail_wire::wake_up::WakeUp;

use crate::drain::Drain;
use crate::{App, Invocation, Verdict, drain};

/// Hold when a queue changed while it was looked at, in seconds.
const MOVED_HOLD_SECONDS: u64 = 1;

/// Does the work that a queue needs, if it is this wake-up's turn.
pub(crate) async fn run<P: Ports>(app: &App<P>, record: &Record, invocation: &Invocation) -> Verdict {
    let wake_up = match WakeUp::decode(&record.body) {
        Ok(wake_up) => wake_up,
        Err(error) => {
            tracing::error!(message.id = %record.message_id, error = %ErrorChain(&error), "a message is not a wake-up");
            return Verdict::Ack;
        }
    };
    let key = WebhookKey { company: wake_up.company, webhook: wake_up.webhook };
    follow(app, &key, wake_up.wake, invocation).await.unwrap_or_else(|fault| {
        fault.log(Some(key.webhook));
        Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) }
    })
}

async fn follow<P: Ports>(
    app: &App<P>,
    key: &WebhookKey,
    wake: u64,
    invocation: &Invocation,
) -> Result<Verdict, Fault> {
    let snapshot = publish_pending(app, key, read(app, key).await?).await;
    let facts = drain::facts(app, &snapshot, invocation);
    match facts.wake_step(wake) {
        WakeStep::Leave => return Ok(Verdict::Ack),
        WakeStep::Wait { until: at } => return Ok(until(at, facts.now)),
        WakeStep::Postpone => return Ok(postponed(app, key, &snapshot, facts.now).await),
        WakeStep::Lease => {}
    }
    if let Some(backlog) = &snapshot.state.backlog {
        metrics::record(Metric::OldestBacklogSeconds, facts.now.since(backlog.since) / 1000);
    }
    let lease =
        Lease { run: invocation.run.clone(), until: invocation.deadline.plus_seconds(CLAIM_SLACK_SECONDS) };
    let Some(leased) = snapshot.state.leased(lease) else { return Ok(Verdict::Ack) };
    let changed = app.store.change_state(key, &snapshot.state, &leased).await;
    match changed.map_err(Fault::of("a webhook's queue could not be leased"))? {
        Change::Done => {
            let snapshot = WebhookSnapshot { state: leased, ..snapshot };
            Drain::new(app, key, snapshot, invocation).run().await
        }
        Change::Lost => Ok(Verdict::Hold { seconds: MOVED_HOLD_SECONDS }),
    }
}

/// Publishes the operational events of a queue that are not published yet. If that fails, the next run
/// does it.
pub(crate) async fn publish_pending<P: Ports>(
    app: &App<P>,
    key: &WebhookKey,
    snapshot: WebhookSnapshot,
) -> WebhookSnapshot {
    let Some(webhook) = snapshot.webhook.as_ref().filter(|_| !snapshot.state.operational_events.is_empty())
    else {
        return snapshot;
    };
    for event in &snapshot.state.operational_events {
        let event = OperationalEvent::State(*event);
        if !operational_events::publish(&app.queue, &app.config.operational_events, webhook, &event).await {
            return snapshot;
        }
    }
    let published = snapshot.state.published();
    match app.store.change_state(key, &snapshot.state, &published).await {
        Ok(Change::Done) => WebhookSnapshot { state: published, ..snapshot },
        // An event that was published is published again, and accepted once.
        Ok(Change::Lost) => snapshot,
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "a webhook's queue could not be written");
            snapshot
        }
    }
}

/// Reads the snapshot of the webhook.
pub(crate) async fn read<P: Ports>(app: &App<P>, key: &WebhookKey) -> Result<WebhookSnapshot, Fault> {
    let snapshots = app.store.snapshots(std::slice::from_ref(key)).await;
    let snapshots = snapshots.map_err(Fault::of("a webhook's queue could not be read"))?;
    Ok(snapshots.into_iter().next().unwrap_or_default())
}

/// Postpones the wake-up of a deactivated webhook, which keeps its backlog.
/// The wake-up ends; activation sends another one, and the schedule does so from time to time in case
/// that one is lost.
pub(crate) async fn postponed<P: Ports>(
    app: &App<P>,
    key: &WebhookKey,
    snapshot: &WebhookSnapshot,
    now: Millis,
) -> Verdict {
    let due_at = now.plus_seconds(PROBE_SECONDS_MAX);
    let Some(later) = snapshot.state.postponed(due_at) else { return Verdict::Ack };
    match app.store.change_state(key, &snapshot.state, &later).await {
        Ok(Change::Done) => Verdict::Ack,
        Ok(Change::Lost) => Verdict::Hold { seconds: MOVED_HOLD_SECONDS },
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "a webhook's queue could not be postponed");
            until(due_at, now)
        }
    }
}

/// Returns the verdict to come back at `at`, in whole seconds and never before.
pub(crate) fn until(at: Millis, now: Millis) -> Verdict {
    Verdict::Hold { seconds: at.since(now).div_ceil(1000) }
}
