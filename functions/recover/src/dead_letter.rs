//! Dead letters of the delivery queue: a delivery that SQS moved away still ends in a row.

use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome};
use hookrail_domain::backlog::PROBE_SECONDS_MAX;
use hookrail_domain::delivery::{Delivery, QueuedDelivery};
use hookrail_domain::log_row::{EndedAttempt, LogRow};
use hookrail_domain::progress::Progress;
use hookrail_domain::retry::fault_hold_seconds;
use hookrail_pipeline::batch::Record;
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::ports::Ports;
use hookrail_pipeline::store::jobs::JobStore as _;
use hookrail_pipeline::store::{LogStore as _, Recorded, StoreError, WebhookKey};
use hookrail_wire::queue_message;

use crate::{App, Invocation, Verdict};

/// Time that a message that is not a delivery stays hidden, in seconds: it is left for a person, and
/// looked at twice a day.
pub const POISON_HOLD_SECONDS: u64 = 43_000;
/// Rows looked at in one step of a walk back through the log.
const PAGE_ROWS: usize = 100;
/// Reason in the log row of a delivery that SQS moved away.
const DEAD_LETTERED: &str = "received too often without an attempt that could be recorded";

/// Writes the last row of a dead-lettered delivery.
pub(crate) async fn record<P: Ports>(app: &App<P>, record: &Record, invocation: &Invocation) -> Verdict {
    let delivery = match queue_message::decode(&record.body) {
        Ok(delivery) => delivery,
        Err(invalid) => {
            tracing::error!(message.id = %record.message_id, error = %ErrorChain(&invalid), "a dead letter is not a delivery");
            return Verdict::Hold { seconds: POISON_HOLD_SECONDS };
        }
    };
    match end(app, record, &delivery, invocation).await {
        Ok(Ended::Recorded(Recorded::Mine)) => Verdict::Ack,
        // Its queue has changed: look again.
        Ok(Ended::Recorded(Recorded::Another)) => Verdict::Hold { seconds: 1 },
        Ok(Ended::NotYet) => Verdict::Hold { seconds: PROBE_SECONDS_MAX },
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "a dead letter could not be recorded");
            Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) }
        }
    }
}

enum Ended {
    Recorded(Recorded),
    /// Its webhook has a backlog: its sequence would come before those that are parked.
    NotYet,
}

async fn end<P: Ports>(
    app: &App<P>,
    record: &Record,
    delivery: &Delivery,
    invocation: &Invocation,
) -> Result<Ended, StoreError> {
    let key = WebhookKey::of_delivery(delivery);
    let snapshot = app.store.snapshots(std::slice::from_ref(&key)).await?.into_iter().next();
    let last = app.store.last_row(&key).await?;
    let queue_state = snapshot.as_ref().map(|snapshot| snapshot.state.clone()).unwrap_or_default();
    if queue_state.backlog.is_some() {
        return Ok(Ended::NotYet);
    }
    if has_row(app, &key, delivery).await? {
        return Ok(Ended::Recorded(Recorded::Mine));
    }
    let now = app.clock.now();
    let floor = queue_state.sequence_floor.max(last.as_ref().map_or(0, |last| last.number.sequence));
    let number = match &last {
        Some(last) if last.delivery == delivery.id => {
            AttemptNumber { attempt: last.number.attempt + 1, ..last.number }
        }
        Some(_) | None => AttemptNumber { sequence: floor + 1, attempt: 1 },
    };
    app.store.place_job(&key, delivery.id, number.sequence).await?;
    let outcome = Outcome::Unsent { error: ErrorClass::DeadLettered, reason: DEAD_LETTERED.to_owned() };
    let attempt = Attempt { number, started_at: now, duration_ms: 0, outcome };
    let webhook = snapshot.as_ref().and_then(|snapshot| snapshot.webhook.as_ref());
    let attempt = EndedAttempt { attempt, progress: Progress::Ended, given_up: 0 };
    let message = QueuedDelivery { delivery, position: &record.position, sent_at: record.sent_at };
    let mut row = LogRow::of(message, attempt, webhook, &invocation.run);
    // The queue has gone on: positions never go back, or newer events would look new again.
    if let Some(last) = last.filter(|last| delivery.accepted.is_before(&last.accepted)) {
        (row.accepted, row.queued) = (last.accepted, last.queued);
    }
    app.store.put_row(&row).await.map(Ended::Recorded)
}

/// Returns whether a delivery has ended in a row.
/// Rows follow the order in which events were accepted: the walk ends at the first older one.
async fn has_row<P: Ports>(app: &App<P>, key: &WebhookKey, delivery: &Delivery) -> Result<bool, StoreError> {
    let mut before = None;
    loop {
        let rows = app.store.list_rows(key, before, PAGE_ROWS).await?;
        if let Some(row) = rows.iter().find(|row| row.delivery == delivery.id) {
            return Ok(row.progress == Progress::Ended);
        }
        if rows.len() < PAGE_ROWS || rows.iter().any(|row| row.accepted.is_before(&delivery.accepted)) {
            return Ok(false);
        }
        before = rows.last().map(|row| row.attempt.number);
    }
}
