//! Sets a line aside and parks its events, so that an endpoint that fails or is slow costs the queue nothing.

use hookrail_adapters::clock::Clock;
use hookrail_adapters::queue::Queue;
use hookrail_adapters::recovery;
use hookrail_adapters::sender::Sender;
use hookrail_adapters::store::{Change, LineKey, LogStore, Parking};
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome};
use hookrail_domain::delivery::{Delivery, Destination, QueuePosition};
use hookrail_domain::line::Progress;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::suspension::Line as LineState;

use crate::line::{Line, read_again};
use crate::{App, Invocation};

/// What the log says of an event that is set aside.
const PARKED: &str = "set aside until the webhook\u{2019}s endpoint has caught up";

/// A table did not answer.
#[derive(Debug)]
pub(crate) struct Fault;

/// Sets the line aside as `to`, unless it has moved: it is as it is now afterwards.
pub(crate) async fn set_aside<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    line: &mut Line,
    to: LineState,
) -> Result<(), Fault> {
    match app.store.change_line(key, &line.settings.line, &to).await {
        Ok(Change::Done) => {
            tracing::warn!(subscription.id = %key.subscription, line = ?to.aside, "a webhook is set aside");
            // If this fails, recover's schedule finds the line.
            if let Err(error) = recovery::call(&app.queue, &app.config.recovery_queue_url, key, to.wake).await
            {
                tracing::warn!(error = %Chain(&error), "recover was not called");
            }
            line.settings.line = to;
            Ok(())
        }
        Ok(Change::Lost) => reread(app, key, line).await,
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "a webhook could not be set aside");
            Err(Fault)
        }
    }
}

/// Parks an event, unless its line has moved: then nothing happened and the line is as it is now. Returns whether it
/// is parked.
pub(crate) async fn park<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    line: &mut Line,
    (delivery, queued, number): (&Delivery, &QueuePosition, AttemptNumber),
    invocation: &Invocation,
) -> Result<bool, Fault> {
    let attempt = Attempt {
        number,
        started_at: app.clock.now(),
        duration_ms: 0,
        outcome: Outcome::Unsent { error: ErrorClass::Parked, reason: reason(delivery) },
    };
    let webhook = line.settings.subscription.as_ref();
    // Its job waits at this place, and may still be cancelled.
    if webhook.is_some_and(|webhook| webhook.platform().is_some())
        && let Err(error) = app.store.place_job(key, delivery.id, number.sequence).await
    {
        tracing::warn!(error = %Chain(&error), "a job could not be placed");
        return Err(Fault);
    }
    let state = (attempt, Progress::Parked, 0);
    let row = LogRow::of((delivery, queued), state, webhook, &invocation.run, None);
    match app.store.park(&row, line.settings.line.generation).await {
        Ok(Parking::Parked) => {
            line.last = Some(row.last());
            if let Some(aside) = &mut line.settings.line.aside {
                aside.last = aside.last.max(number.sequence);
            }
            Ok(true)
        }
        Ok(Parking::Moved) => reread(app, key, line).await.map(|()| false),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "an event could not be parked");
            Err(Fault)
        }
    }
}

/// An event that has no URL says why: nothing else will, once its queue message is gone.
fn reason(delivery: &Delivery) -> String {
    match &delivery.destination {
        Destination::Webhook | Destination::Resolved(_) => PARKED.to_owned(),
        Destination::Nowhere(fault) => format!("{PARKED}; {}", fault.reason),
    }
}

async fn reread<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    line: &mut Line,
) -> Result<(), Fault> {
    *line = read_again(app, key).await.ok_or(Fault)?;
    Ok(())
}
