//! What the schedule does: wakes lines that are due and that nobody is at work on, whatever became of their messages.

use hookrail_adapters::clock::Clock;
use hookrail_adapters::queue::Queue;
use hookrail_adapters::recovery::{self, NotWoken};
use hookrail_adapters::sender::Sender;
use hookrail_adapters::store::{LineKey, LogStore};
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::time::Millis;

use crate::{App, Invocation, wake_up};

/// A line is woken when it was due so long ago, in milliseconds: by then its own wake-up should have come.
pub const GRACE_MS: u64 = 60_000;
/// Lines that one sweep wakes at most; the longest due come first, and the next sweep goes on.
pub const LINES_MAX: usize = 1_000;
/// Least time left to begin another line, in milliseconds.
const LINE_MS_MIN: u64 = 2_000;

/// Wakes every line that is overdue.
pub async fn run<S: LogStore, Q: Queue, H: Sender, C: Clock>(app: &App<S, Q, H, C>, invocation: &Invocation) {
    let overdue = Millis(app.clock.now().0.saturating_sub(GRACE_MS));
    let lines = match app.store.due_lines(overdue, LINES_MAX).await {
        Ok(lines) => lines,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "lines that are due could not be found");
            return;
        }
    };
    for key in lines {
        if invocation.deadline.since(app.clock.now()) < LINE_MS_MIN {
            tracing::warn!("out of time; the next sweep goes on");
            return;
        }
        if let Err(error) = wake(app, &key, overdue).await {
            tracing::warn!(error = %Chain(&error), subscription.id = %key.subscription, "a line was not woken");
        }
    }
}

async fn wake<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    overdue: Millis,
) -> Result<(), NotWoken> {
    let settings = app.store.settings(std::slice::from_ref(key)).await?;
    let Some(settings) = settings.into_iter().next() else { return Ok(()) };
    let line = wake_up::tell(app, key, settings).await.line;
    let now = app.clock.now();
    let Some(aside) = &line.aside else { return Ok(()) };
    let is_at_work = aside.lease.as_ref().is_some_and(|lease| now < lease.until);
    if is_at_work || overdue < aside.due_at {
        return Ok(());
    }
    let url = &app.config.recovery_queue_url;
    recovery::wake((&app.store, &app.queue), url, (key, &line), now).await.map(|_done_or_lost| ())
}
