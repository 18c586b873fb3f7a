//! One attempt: prepare, send, judge, record. The only module that sequences these steps; recover shares
//! the first two.

use hookrail_adapters::metrics::{self, Metric};
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::delivery::QueuedDelivery;
use hookrail_domain::log_row::{EndedAttempt, LogRow};
use hookrail_domain::progress::LastRow;
use hookrail_domain::retry::Disposition;
use hookrail_pipeline::attempt::{NextAttempt, begin_job, fits, log_attempt, send};
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::fault::Fault;
use hookrail_pipeline::ports::Ports;
use hookrail_pipeline::store::{LogStore as _, Recorded};

use crate::reading::Reading;
use crate::{App, Invocation};

/// The end of an attempt.
#[derive(Debug)]
pub(crate) enum Attempted {
    /// It has its row. The delivery has ended unless a retry is due.
    Recorded { row: LastRow, retry_after_seconds: Option<u64> },
    /// Too little time was left to begin; nothing was sent.
    OutOfTime,
    /// Another run wrote this attempt's row: that run has the group.
    Overtaken,
}

/// Makes the attempt of this number and records it. What was sent before a fault is repeated under the same
/// `webhook-id`.
pub(crate) async fn make<P: Ports>(
    app: &App<P>,
    reading: &Reading,
    message: QueuedDelivery<'_>,
    number: AttemptNumber,
    invocation: &Invocation,
) -> Result<Attempted, Fault> {
    let (policy, snapshot) = (&app.config.policy, &reading.snapshot);
    let timeout_seconds = policy.timeout_seconds;
    if !fits(invocation, app.clock.now(), timeout_seconds) {
        return Ok(Attempted::OutOfTime);
    }
    let webhook = snapshot.webhook.as_ref();
    let begun = begin_job(&app.store, webhook, message.delivery, number.sequence).await;
    let delivery = &begun.map_err(Fault::of("a job could not be started"))?;
    let next = NextAttempt { delivery, number, timeout_seconds };
    let attempt = send(&app.sender, &app.clock, snapshot, next).await?;
    metrics::record(Metric::Attempts, 1);
    let ended_at = app.clock.now();
    let disposition = policy.disposition(number.attempt, &attempt.outcome);
    let given_up = reading.last.as_ref().map_or(0, |last| last.given_up);
    let ended = EndedAttempt::in_turn(attempt, disposition, given_up, ended_at);
    log_attempt(delivery, &ended.attempt, ended.progress);
    if disposition == Disposition::GiveUp {
        metrics::record(Metric::DeliveriesExhausted, 1);
    }
    let row = LogRow::of(QueuedDelivery { delivery, ..message }, ended, webhook, &invocation.run);
    let recorded = app.store.put_row(&row).await.map_err(|error| {
        Fault::lasting("an attempt could not be recorded and will be repeated").caused_by(error)
    })?;
    if recorded == Recorded::Another {
        tracing::warn!(delivery.id = %delivery.id, "another run has this webhook's queue");
        return Ok(Attempted::Overtaken);
    }
    let retry_after_seconds = match disposition {
        Disposition::RetryAfter { seconds } => Some(seconds),
        Disposition::Delivered | Disposition::GiveUp => None,
    };
    Ok(Attempted::Recorded { row: row.last(), retry_after_seconds })
}
