//! What the schedule does: puts jobs into their lines whose time has come, and wakes lines that are due and that nobody
//! is at work on, whatever became of their messages.

use futures_util::stream::{self, StreamExt as _};
use hookrail_adapters::clock::Clock;
use hookrail_adapters::jobs::{self, NotPut, Ways};
use hookrail_adapters::queue::Queue;
use hookrail_adapters::recovery::{self, NotWoken};
use hookrail_adapters::sender::Sender;
use hookrail_adapters::store::{LineKey, LogStore};
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::id::DeliveryId;
use hookrail_domain::time::Millis;

use crate::{App, Invocation, wake_up};

/// A line is woken when it was due so long ago, in milliseconds: by then its own wake-up should have come.
pub const GRACE_MS: u64 = 60_000;
/// Lines that one sweep wakes at most, and jobs that it puts into theirs; the longest due come first, and the next sweep
/// goes on.
pub const LINES_MAX: usize = 1_000;
pub const JOBS_MAX: usize = 1_000;
/// Companies whose jobs are put into their lines at the same time.
const COMPANIES_AT_ONCE: usize = 16;
/// Least time left to begin another line, in milliseconds.
const LINE_MS_MIN: u64 = 2_000;
/// Least time left to begin another job, in milliseconds: the rest is for the lines.
const JOB_MS_MIN: u64 = 10_000;

/// Does what the schedule asks for.
pub async fn run<S: LogStore, Q: Queue, H: Sender, C: Clock>(app: &App<S, Q, H, C>, invocation: &Invocation) {
    put_jobs(app, invocation).await;
    wake_lines(app, invocation).await;
}

/// Puts every job that is due into its line: one company's one after another, the oldest first.
async fn put_jobs<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    invocation: &Invocation,
) {
    let due = match app.store.due_jobs(app.clock.now(), JOBS_MAX).await {
        Ok(due) => due,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "jobs that are due could not be found");
            return;
        }
    };
    let mut companies: Vec<Vec<(LineKey, DeliveryId)>> = Vec::new();
    for job in due {
        let is_own = |jobs: &&mut Vec<(LineKey, DeliveryId)>| {
            jobs.first().is_some_and(|(line, _)| line.company == job.0.company)
        };
        match companies.iter_mut().find(is_own) {
            Some(jobs) => jobs.push(job),
            None => companies.push(vec![job]),
        }
    }
    let work = companies.into_iter().map(|jobs| put_jobs_of_one(app, jobs, invocation));
    stream::iter(work).buffer_unordered(COMPANIES_AT_ONCE).collect::<()>().await;
}

/// One that cannot be sent stops those behind it, or they would overtake it.
async fn put_jobs_of_one<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    jobs: Vec<(LineKey, DeliveryId)>,
    invocation: &Invocation,
) {
    for (line, delivery) in &jobs {
        if invocation.deadline.since(app.clock.now()) < JOB_MS_MIN {
            tracing::warn!("out of time for jobs; the next sweep goes on");
            return;
        }
        match put_job(app, (line, *delivery)).await {
            Ok(()) => {}
            Err(error) => {
                tracing::error!(
                    error = %Chain(&error),
                    subscription.id = %line.subscription,
                    delivery.id = %delivery,
                    "a job that is due is not in its line"
                );
                if !matches!(error, NotPut::NoContent) {
                    return;
                }
            }
        }
    }
}

async fn put_job<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    (line, delivery): (&LineKey, DeliveryId),
) -> Result<(), NotPut> {
    let now = app.clock.now();
    // The index may lag behind.
    let job = app.store.find_job(line, delivery).await?;
    let Some(job) = job.filter(|job| job.due_at.is_some_and(|due_at| due_at <= now)) else { return Ok(()) };
    let ways = Ways {
        events_queue_urls: &app.config.notices.events_queue_urls,
        recovery_queue_url: &app.config.recovery_queue_url,
        suspension: &app.config.suspension,
    };
    jobs::put_in_line((&app.store, &app.queue), ways, &job, now).await
}

/// Wakes every line that is overdue.
async fn wake_lines<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    invocation: &Invocation,
) {
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
