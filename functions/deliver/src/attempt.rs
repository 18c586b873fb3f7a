//! One attempt: prepare, send, judge, record. The only place that sequences them.

use hookrail_adapters::clock::Clock;
use hookrail_adapters::queue::Queue;
use hookrail_adapters::sender::Sender;
use hookrail_adapters::store::{LineSettings, LogStore, Recorded};
use hookrail_adapters::telemetry;
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::attempt::{Attempt, AttemptNumber, Outcome};
use hookrail_domain::delivery::{Delivery, QueuePosition};
use hookrail_domain::line::{LastRow, Progress};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::request::{DeliveryRequest, prepare};
use hookrail_domain::retry::Disposition;
use hookrail_domain::time::Millis;

use crate::{App, Invocation};

/// What an attempt needs beside its own time-out, in milliseconds: its row and its hold.
pub const ATTEMPT_MS_MARGIN: u64 = 2_000;
/// Counts deliveries that ended FAILED.
const EXHAUSTED: &str = "DeliveriesExhausted";

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
    Skip(&'static str),
    Fault,
}

/// Makes the attempt of this number and records it.
pub(crate) async fn make<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    settings: &LineSettings,
    (delivery, queued, number): (&Delivery, &QueuePosition, AttemptNumber),
    invocation: &Invocation,
) -> Attempted {
    let started_at = app.clock.now();
    let timeout_ms = app.config.policy.timeout_seconds.saturating_mul(1000);
    if invocation.deadline.since(started_at) < timeout_ms + ATTEMPT_MS_MARGIN {
        return Attempted::OutOfTime;
    }
    let outcome = match prepared(app, settings, (delivery, number), started_at) {
        Prepared::Send(request) => app.sender.send(&request).await,
        Prepared::Skip(reason) => Outcome::Skipped { reason: reason.to_owned() },
        Prepared::Fault => return Attempted::Fault,
    };
    let ended_at = app.clock.now();
    let disposition = app.config.policy.disposition(number.attempt, &outcome);
    let attempt = Attempt { number, started_at, duration_ms: ended_at.since(started_at), outcome };
    tell(delivery, &attempt, disposition, ended_at);
    let retry_after_seconds = match disposition {
        Disposition::RetryAfter { seconds } => Some(seconds),
        Disposition::Delivered | Disposition::GiveUp => None,
    };
    let progress = retry_after_seconds
        .map_or(Progress::Ended, |seconds| Progress::Waiting { until: ended_at.plus_seconds(seconds) });
    let target = settings.subscription.as_ref().map_or(("", 0), |one| (one.url.as_str(), one.version));
    // Without an expiry: the floor that must outlive expired rows is kept by a function that does not exist yet.
    let row = LogRow::of((delivery, queued), (attempt, progress), target, &invocation.run, None);
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

fn prepared<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    settings: &LineSettings,
    (delivery, number): (&Delivery, AttemptNumber),
    at: Millis,
) -> Prepared {
    let Some(subscription) = &settings.subscription else {
        return Prepared::Skip("the webhook does not exist");
    };
    if !subscription.is_active {
        return Prepared::Skip("the webhook was deactivated");
    }
    let Some(secret) = &settings.secret else {
        tracing::error!(subscription.id = %subscription.id, "a webhook has no signing secret");
        return Prepared::Fault;
    };
    let timeout_seconds = app.config.policy.timeout_seconds;
    match prepare(delivery, number, (&subscription.url, secret), at, timeout_seconds) {
        Ok(request) => Prepared::Send(Box::new(request)),
        Err(error) => {
            tracing::error!(error = %Chain(&error), "a request could not be signed");
            Prepared::Fault
        }
    }
}

/// The canonical line of an attempt, and the metric of a give-up. No body, no URL, no secret.
fn tell(delivery: &Delivery, attempt: &Attempt, disposition: Disposition, at: Millis) {
    tracing::info!(
        delivery.id = %delivery.id,
        company.id = %delivery.company,
        subscription.id = %delivery.subscription,
        event.id = %delivery.event,
        delivery.sequence = attempt.number.sequence,
        attempt.number = attempt.number.attempt,
        attempt.status = attempt.outcome.status(),
        attempt.error = attempt.outcome.error().map(hookrail_domain::attempt::ErrorClass::name),
        attempt.duration_ms = attempt.duration_ms,
        disposition = ?disposition,
        "delivery.attempted"
    );
    if disposition == Disposition::GiveUp {
        telemetry::count(EXHAUSTED, 1, at);
    }
}
