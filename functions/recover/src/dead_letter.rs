//! Dead letters of the delivery queue: a delivery that the queue gave up on still ends in a row.

use hookrail_adapters::clock::Clock;
use hookrail_adapters::queue::Queue;
use hookrail_adapters::records::Record;
use hookrail_adapters::sender::Sender;
use hookrail_adapters::store::{LineKey, LogStore, Recorded, StoreError};
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::aside::PROBE_SECONDS_MAX;
use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome};
use hookrail_domain::delivery::Delivery;
use hookrail_domain::line::Progress;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::retry::fault_hold_seconds;
use hookrail_wire::queue_message;

use crate::{App, Invocation, Verdict};

/// How long what is no delivery stays hidden, in seconds: it is left for a person to see, and looked at twice a day.
pub const POISON_HOLD_SECONDS: u64 = 43_000;
/// Rows looked at in one step of a walk back through the log.
const PAGE_ROWS: usize = 100;
/// What the log says of a delivery that the queue gave up on.
const DEAD_LETTERED: &str = "handed out too often without an attempt that could be recorded";

/// Writes the last row of a dead-lettered delivery.
pub(crate) async fn record<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    record: &Record,
    invocation: &Invocation,
) -> Verdict {
    let delivery = match queue_message::decode(&record.body) {
        Ok(delivery) => delivery,
        Err(invalid) => {
            tracing::error!(message.id = %record.message_id, error = %Chain(&invalid), "a dead letter is no delivery");
            return Verdict::Hold { seconds: POISON_HOLD_SECONDS };
        }
    };
    match end(app, record, &delivery, invocation).await {
        Ok(Ended::Recorded(Recorded::Mine)) => Verdict::Ack,
        // Its line has moved: look again.
        Ok(Ended::Recorded(Recorded::Another)) => Verdict::Hold { seconds: 1 },
        Ok(Ended::NotYet) => Verdict::Hold { seconds: PROBE_SECONDS_MAX },
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "a dead letter could not be recorded");
            Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) }
        }
    }
}

enum Ended {
    Recorded(Recorded),
    /// Its line is set aside: its number would come before those that are parked.
    NotYet,
}

async fn end<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    record: &Record,
    delivery: &Delivery,
    invocation: &Invocation,
) -> Result<Ended, StoreError> {
    let key = LineKey { company: delivery.company.clone(), subscription: delivery.subscription };
    let settings = app.store.settings(std::slice::from_ref(&key)).await?.into_iter().next();
    let last = app.store.last_row(&key).await?;
    let line = settings.as_ref().map(|settings| settings.line.clone()).unwrap_or_default();
    if line.aside.is_some() {
        return Ok(Ended::NotYet);
    }
    if has_row(app, &key, delivery).await? {
        return Ok(Ended::Recorded(Recorded::Mine));
    }
    let now = app.clock.now();
    let floor = line.sequence_floor.max(last.as_ref().map_or(0, |last| last.number.sequence));
    let number = match &last {
        Some(last) if last.delivery == delivery.id => {
            AttemptNumber { attempt: last.number.attempt + 1, ..last.number }
        }
        Some(_) | None => AttemptNumber { sequence: floor + 1, attempt: 1 },
    };
    app.store.place_job(&key, delivery.id, number.sequence).await?;
    let outcome = Outcome::Unsent { error: ErrorClass::DeadLettered, reason: DEAD_LETTERED.to_owned() };
    let attempt = Attempt { number, started_at: now, duration_ms: 0, outcome };
    let subscription = settings.as_ref().and_then(|settings| settings.subscription.as_ref());
    let state = (attempt, Progress::Ended, 0);
    let mut row = LogRow::of((delivery, &record.position), state, subscription, &invocation.run, None);
    // The line has gone on: places never go back, or what came since would look new.
    if let Some(last) = last.filter(|last| delivery.accepted.is_before(&last.accepted)) {
        (row.accepted, row.queued) = (last.accepted, last.queued);
    }
    app.store.put_row(&row).await.map(Ended::Recorded)
}

/// Whether a delivery has ended in a row. Rows follow the order in which events were accepted: the walk ends at the
/// first older one.
async fn has_row<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    delivery: &Delivery,
) -> Result<bool, StoreError> {
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
