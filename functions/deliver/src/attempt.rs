//! One attempt: prepare, send, judge, record. The only place that sequences them; recover takes its first half.

use hookrail_adapters::clock::Clock;
use hookrail_adapters::queue::Queue;
use hookrail_adapters::sender::Sender;
use hookrail_adapters::store::jobs::{JobStart, JobStore};
use hookrail_adapters::store::{LineKey, LineSettings, LogStore, Recorded, StoreError};
use hookrail_adapters::telemetry;
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome};
use hookrail_domain::delivery::{Delivery, Destination, QueuePosition, Unsendable};
use hookrail_domain::line::{LastRow, Progress};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::request::{DeliveryRequest, prepare};
use hookrail_domain::retry::Disposition;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::time::Millis;

use crate::line::Line;
use crate::{App, Invocation};

/// What an attempt needs beside its own time-out, in milliseconds: its row and its hold.
pub const ATTEMPT_MS_MARGIN: u64 = 2_000;
/// Counts deliveries that ended FAILED.
pub const EXHAUSTED: &str = "DeliveriesExhausted";

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Attempted {
    /// It has its row. The delivery has ended unless it is to be tried again.
    Recorded { row: LastRow, retry_after_seconds: Option<u64> },
    /// Too little time was left to begin; nothing was sent.
    OutOfTime,
    /// Another run wrote this attempt's row: it holds the group.
    Overtaken,
    /// A fault of ours. If something was sent, it is repeated under the same `webhook-id`.
    Fault,
}

/// What is to be sent, or why nothing is.
enum Prepared {
    Send(Box<DeliveryRequest>),
    Skip(Unsendable),
    Fault,
}

/// Whether an attempt that begins now ends before the invocation does.
#[must_use]
pub fn fits(invocation: &Invocation, now: Millis, timeout_seconds: u64) -> bool {
    timeout_seconds.saturating_mul(1000) + ATTEMPT_MS_MARGIN <= invocation.deadline.since(now)
}

/// Makes the request of an attempt, if there is one to make. None for a fault of ours: nothing was sent.
pub async fn send<H: Sender, C: Clock>(
    (sender, clock): (&H, &C),
    settings: &LineSettings,
    (delivery, number): (&Delivery, AttemptNumber),
    timeout_seconds: u64,
) -> Option<Attempt> {
    let started_at = clock.now();
    let outcome = match prepared(settings, (delivery, number), started_at, timeout_seconds) {
        Prepared::Send(request) => sender.send(&request).await,
        Prepared::Skip(Unsendable { class, reason }) => Outcome::Unsent { error: class, reason },
        Prepared::Fault => return None,
    };
    Some(Attempt { number, started_at, duration_ms: clock.now().since(started_at), outcome })
}

/// Tells the webhook job of the delivery, if it has one, that an attempt is about to be made, and asks it where to: a
/// person may have cancelled it, or sent it elsewhere.
pub async fn started(
    store: &impl JobStore,
    webhook: Option<&Subscription>,
    (delivery, sequence): (&Delivery, u64),
) -> Result<Delivery, StoreError> {
    // Of a webhook that is gone nobody knows whether it had jobs.
    if webhook.is_some_and(|webhook| webhook.platform().is_none()) {
        return Ok(delivery.clone());
    }
    let line = LineKey { company: delivery.company.clone(), subscription: delivery.subscription };
    let destination = match store.start_job(&line, delivery.id, sequence).await? {
        JobStart::Started { corrected: Some(url) } => Destination::Resolved(url),
        JobStart::Started { corrected: None } | JobStart::NoJob => return Ok(delivery.clone()),
        JobStart::Cancelled => {
            let reason = "cancelled before anything was sent".to_owned();
            Destination::Nowhere(Unsendable { class: ErrorClass::Cancelled, reason })
        }
    };
    Ok(Delivery { destination, ..delivery.clone() })
}

/// Makes the attempt of this number and records it.
pub(crate) async fn make<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    line: &Line,
    (delivery, queued, number): (&Delivery, &QueuePosition, AttemptNumber),
    invocation: &Invocation,
) -> Attempted {
    let (policy, settings) = (&app.config.policy, &line.settings);
    if !fits(invocation, app.clock.now(), policy.timeout_seconds) {
        return Attempted::OutOfTime;
    }
    let webhook = settings.subscription.as_ref();
    let delivery = &match started(&app.store, webhook, (delivery, number.sequence)).await {
        Ok(delivery) => delivery,
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "a job could not be started");
            return Attempted::Fault;
        }
    };
    let ports = (&app.sender, &app.clock);
    let Some(attempt) = send(ports, settings, (delivery, number), policy.timeout_seconds).await else {
        return Attempted::Fault;
    };
    let ended_at = app.clock.now();
    let disposition = policy.disposition(number.attempt, &attempt.outcome);
    let retry_after_seconds = match disposition {
        Disposition::RetryAfter { seconds } => Some(seconds),
        Disposition::Delivered | Disposition::GiveUp => None,
    };
    let progress = retry_after_seconds
        .map_or(Progress::Ended, |seconds| Progress::Waiting { until: ended_at.plus_seconds(seconds) });
    tell(delivery, &attempt, progress);
    if disposition == Disposition::GiveUp {
        telemetry::count(EXHAUSTED, 1, ended_at);
    }
    let before = line.last.as_ref().map_or(0, |last| last.given_up);
    let given_up = match disposition {
        Disposition::RetryAfter { .. } => before,
        Disposition::GiveUp if !matches!(attempt.outcome, Outcome::Unsent { .. }) => before.saturating_add(1),
        Disposition::Delivered | Disposition::GiveUp => 0,
    };
    // Without an expiry: the floor that must outlive expired rows is kept by a function that does not exist yet.
    let state = (attempt, progress, given_up);
    let row = LogRow::of((delivery, queued), state, webhook, &invocation.run, None);
    match app.store.put_row(&row).await {
        Ok(Recorded::Mine) => Attempted::Recorded { row: row.last(), retry_after_seconds },
        Ok(Recorded::Another) => {
            tracing::warn!(delivery.id = %delivery.id, "another run holds this webhook's line");
            Attempted::Overtaken
        }
        Err(error) => {
            tracing::error!(
                error = %Chain(&error),
                delivery.id = %delivery.id,
                "an attempt could not be recorded and will be repeated"
            );
            Attempted::Fault
        }
    }
}

fn prepared(
    settings: &LineSettings,
    (delivery, number): (&Delivery, AttemptNumber),
    at: Millis,
    timeout_seconds: u64,
) -> Prepared {
    let Some(subscription) = &settings.subscription else {
        return Prepared::Skip(disabled("the webhook does not exist"));
    };
    if !subscription.is_active {
        return Prepared::Skip(disabled("the webhook was deactivated"));
    }
    let Some(secrets) = &settings.secrets else {
        tracing::error!(subscription.id = %subscription.id, "a webhook has no secrets");
        return Prepared::Fault;
    };
    let url = match subscription.target(&delivery.destination) {
        Ok(url) => url,
        Err(fault) => return Prepared::Skip(fault),
    };
    match prepare(delivery, number, (url, secrets), at, timeout_seconds) {
        Ok(request) => Prepared::Send(Box::new(request)),
        Err(error) => {
            tracing::error!(error = %Chain(&error), "a request could not be signed");
            Prepared::Fault
        }
    }
}

fn disabled(reason: &str) -> Unsendable {
    Unsendable { class: ErrorClass::Disabled, reason: reason.to_owned() }
}

/// The canonical line of an attempt. No body, no URL, no secret.
pub fn tell(delivery: &Delivery, attempt: &Attempt, progress: Progress) {
    tracing::info!(
        delivery.id = %delivery.id,
        company.id = %delivery.company,
        subscription.id = %delivery.subscription,
        event.id = %delivery.event,
        delivery.sequence = attempt.number.sequence,
        attempt.number = attempt.number.attempt,
        attempt.status = attempt.outcome.status(),
        attempt.error = attempt.outcome.error().map(ErrorClass::name),
        attempt.duration_ms = attempt.duration_ms,
        progress = ?progress,
        "delivery.attempted"
    );
}
