//! The schedule's sweep: puts jobs into their queues when they are due, and wakes overdue queues that no run has leased,
//! regardless of their messages.

use std::collections::HashSet;

use hookrail_adapters::metrics::{self, Metric};
use hookrail_domain::id::DeliveryId;
use hookrail_domain::time::Millis;
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::jobs::{JobQueues, NotPut};
use hookrail_pipeline::ports::Ports;
use hookrail_pipeline::queue_commands::NotWoken;
use hookrail_pipeline::store::due::DueJob;
use hookrail_pipeline::store::jobs::JobStore as _;
use hookrail_pipeline::store::{LogStore as _, StoreError, WebhookKey};

use self::turns::{DueWork, Next};
use crate::{App, Invocation, wake_up};

mod turns;

/// Time after which a due queue is woken, in milliseconds: by then its own wake-up should have come.
pub const GRACE_MS: u64 = 60_000;
/// Jobs of one company, and its queues, that one read of what is due takes at most, the longest due first. The sweep
/// reads again while time is left.
pub const SHARE_MAX: usize = 200;

/// Runs one sweep.
pub async fn run<P: Ports>(app: &App<P>, invocation: &Invocation) {
    turns::share_out::<P, DueJobs>(app, invocation).await;
    turns::share_out::<P, OverdueQueues>(app, invocation).await;
    match app.store.count_due_queues().await {
        Ok(queues) => metrics::record(Metric::QueuesSuspended, queues),
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "webhooks with a backlog could not be counted");
        }
    }
    metrics::write(app.clock.now());
}

/// Jobs to be put into their queues.
struct DueJobs;

impl<P: Ports> DueWork<P> for DueJobs {
    type Entry = DueJob;
    const NAME: &str = "jobs";
    /// The rest is for the queues.
    const LEFT_MS_MIN: u64 = 10_000;

    async fn find(app: &App<P>, except: &HashSet<DueJob>) -> Result<Vec<DueJob>, StoreError> {
        app.store.due_jobs(app.clock.now(), SHARE_MAX, except).await
    }

    /// One that cannot be sent stops those of its company behind it, or they would overtake it.
    async fn handle(app: &App<P>, (key, delivery): &DueJob) -> Next {
        let Err(error) = put_job(app, key, *delivery).await else { return Next::Entry };
        tracing::error!(
            error = %ErrorChain(&error),
            webhook.id = %key.webhook,
            delivery.id = %delivery,
            "a job that is due could not be queued"
        );
        if matches!(error, NotPut::NoContent) { Next::Entry } else { Next::Company }
    }
}

/// Queues to be woken.
struct OverdueQueues;

impl<P: Ports> DueWork<P> for OverdueQueues {
    type Entry = WebhookKey;
    const NAME: &str = "queues";
    const LEFT_MS_MIN: u64 = 2_000;

    async fn find(app: &App<P>, except: &HashSet<WebhookKey>) -> Result<Vec<WebhookKey>, StoreError> {
        app.store.due_queues(overdue(app.clock.now()), SHARE_MAX, except).await
    }

    async fn handle(app: &App<P>, key: &WebhookKey) -> Next {
        if let Err(error) = wake(app, key).await {
            tracing::warn!(error = %ErrorChain(&error), webhook.id = %key.webhook, "a webhook's queue was not woken");
        }
        Next::Entry
    }
}

/// Queues that were due then are overdue now.
fn overdue(now: Millis) -> Millis {
    Millis(now.0.saturating_sub(GRACE_MS))
}

async fn put_job<P: Ports>(app: &App<P>, key: &WebhookKey, delivery: DeliveryId) -> Result<(), NotPut> {
    let now = app.clock.now();
    // The index may lag behind.
    let job = app.store.find_job(key, delivery).await?;
    let Some(job) = job.filter(|job| job.due_at.is_some_and(|due_at| due_at <= now)) else { return Ok(()) };
    let events_queue_urls = &app.config.operational_events.events_queue_urls;
    JobQueues { commands: app.queue_commands(), events_queue_urls }.enqueue(&job, now).await
}

async fn wake<P: Ports>(app: &App<P>, key: &WebhookKey) -> Result<(), NotWoken> {
    let snapshot = app.store.snapshots(std::slice::from_ref(key)).await?;
    let Some(snapshot) = snapshot.into_iter().next() else { return Ok(()) };
    let state = wake_up::publish_pending(app, key, snapshot).await.state;
    let now = app.clock.now();
    let Some(backlog) = &state.backlog else { return Ok(()) };
    let is_at_work = backlog.lease.as_ref().is_some_and(|lease| now < lease.until);
    if is_at_work || overdue(now) < backlog.due_at {
        return Ok(());
    }
    app.queue_commands().wake(key, &state, now).await.map(|_done_or_lost| ())
}
