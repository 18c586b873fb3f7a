//! Parking of a webhook's events, so that an endpoint that fails or is slow costs SQS nothing.

use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome};
use hookrail_domain::delivery::{Delivery, Destination, QueuedDelivery};
use hookrail_domain::log_row::{EndedAttempt, LogRow};
use hookrail_domain::progress::Progress;
use hookrail_domain::suspension::QueueState;
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::fault::Fault;
use hookrail_pipeline::ports::Ports;
use hookrail_pipeline::store::jobs::JobStore as _;
use hookrail_pipeline::store::{Change, LogStore as _, Parking, WebhookKey};

use crate::reading::{Reading, read_again};
use crate::{App, Invocation};

/// Reason in the log row of a parked event.
const PARKED: &str = "parked until the webhook\u{2019}s endpoint has caught up";

/// Opens a backlog as `to`, unless the queue has changed. The reading is current afterwards.
pub(crate) async fn open_backlog<P: Ports>(
    app: &App<P>,
    key: &WebhookKey,
    reading: &mut Reading,
    to: QueueState,
) -> Result<(), Fault> {
    let changed = app.store.change_state(key, &reading.snapshot.state, &to).await;
    match changed.map_err(Fault::of("a webhook's events could not be parked"))? {
        Change::Done => {
            tracing::warn!(webhook.id = %key.webhook, reading = ?to.backlog, "a webhook's events are parked");
            // If this fails, recover's schedule finds the queue.
            app.queue_commands().call_or_leave_it(key, to.wake).await;
            reading.snapshot.state = to;
        }
        Change::Lost => *reading = read_again(app, key).await?,
    }
    Ok(())
}

/// Parks an event and returns true. If its queue has changed, does nothing, updates the reading and
/// returns false.
pub(crate) async fn park<P: Ports>(
    app: &App<P>,
    reading: &mut Reading,
    message: QueuedDelivery<'_>,
    number: AttemptNumber,
    invocation: &Invocation,
) -> Result<bool, Fault> {
    let delivery = message.delivery;
    let key = &WebhookKey::of_delivery(delivery);
    let attempt = Attempt {
        number,
        started_at: app.clock.now(),
        duration_ms: 0,
        outcome: Outcome::Unsent { error: ErrorClass::Parked, reason: reason(delivery) },
    };
    let webhook = reading.snapshot.webhook.as_ref();
    // Its job waits at this position, and may still be cancelled.
    if webhook.is_some_and(|webhook| webhook.platform().is_some()) {
        let placed = app.store.place_job(key, delivery.id, number.sequence).await;
        placed.map_err(Fault::of("a job could not be placed"))?;
    }
    let parked = EndedAttempt { attempt, progress: Progress::Parked, given_up: 0 };
    let row = LogRow::of(message, parked, webhook, &invocation.run);
    let parking = app.store.park(&row, reading.snapshot.state.generation).await;
    match parking.map_err(Fault::of("an event could not be parked"))? {
        Parking::Parked => {
            reading.last = Some(row.last());
            if let Some(backlog) = &mut reading.snapshot.state.backlog {
                backlog.last = backlog.last.max(number.sequence);
            }
            Ok(true)
        }
        Parking::Moved => {
            *reading = read_again(app, key).await?;
            Ok(false)
        }
    }
}

/// Returns the reason of an event without a URL: after its queue message is gone, only the row has it.
fn reason(delivery: &Delivery) -> String {
    match &delivery.destination {
        Destination::Webhook | Destination::Resolved(_) => PARKED.to_owned(),
        Destination::Nowhere(fault) => format!("{PARKED}; {}", fault.reason),
    }
}
