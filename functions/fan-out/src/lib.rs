//! The step from an accepted event to its deliveries: matches webhooks and fills the delivery queue.
//!
//! Companies are independent; a company's events are handled strictly one after another.
//! Everything may run twice: deliveries are named by event and webhook, and the queue drops a second message
//! of the same name.

pub mod cache;
pub mod company;
pub mod jobs;
pub mod outbox;
mod round;
pub mod scripted;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures_util::future::{join, join_all};
use hookrail_adapters::aws::Clients;
use hookrail_adapters::clock::SystemClock;
use hookrail_adapters::config::{AwsConfig, FanOutConfig};
use hookrail_adapters::metrics;
use hookrail_adapters::queue::sqs::SqsQueue;
use hookrail_adapters::scripts::Scripts;
use hookrail_adapters::scripts::child::{CALL_MS_MAX, ChildScripts};
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_domain::retry::fault_hold_seconds;
use hookrail_domain::time::Millis;
use hookrail_pipeline::batch::{Batch, reply};
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::queue::Queue;
use hookrail_pipeline::store::ConfigStore;
use hookrail_pipeline::store::jobs::JobStore;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::cache::Cache;
use crate::company::CompanyRun;
use crate::round::Invocation;

/// Least time left to begin another event, in milliseconds: two calls to the queue, with their retries.
pub const EVENT_MS_MIN: u64 = 5_000;
/// The same for a turn of an event's scripts.
pub const SCRIPTED_EVENT_MS_MIN: u64 = EVENT_MS_MIN + CALL_MS_MAX;
/// Hold after scripts could not be evaluated, in seconds: another sandbox may be able to evaluate them.
pub const EVALUATION_HOLD_SECONDS: u64 = 5;
/// Hold after the delivery queue refused a message three times, in seconds.
pub const SEND_HOLD_SECONDS: u64 = 2;

/// The function and its ports.
#[derive(Debug)]
pub struct App<S, Q, E, C> {
    pub store: S,
    pub queue: Q,
    pub scripts: E,
    pub clock: C,
    pub config: FanOutConfig,
    pub cache: Cache,
}

/// Handles one batch of events. Never fails as a whole: the response names the messages that stay in the
/// queue.
pub async fn handle<S: ConfigStore + JobStore, Q: Queue, E: Scripts, C: Clock>(
    app: &App<S, Q, E, C>,
    event: SqsEvent,
    deadline: Millis,
) -> SqsBatchResponse {
    let batch = Batch::open(event, &app.config.events_queue_urls);
    let claim = batch.claim(app.clock.now(), deadline);
    let mut failed = batch.failed;
    let run = |group| CompanyRun::new(group, app.config.redacts);
    let mut companies: Vec<CompanyRun> = batch.groups.into_iter().map(run).collect();
    let (lost, ()) = join(claim.make(&app.queue), look_up(app, &mut companies)).await;
    failed.extend(companies.iter_mut().flat_map(|run| run.split_lost(&lost)));
    Invocation::new(app, deadline).run(&mut companies).await;
    companies.iter_mut().for_each(|run| run.keep_progress(&app.cache));
    give_back(app, &batch.queue_url, &companies).await;
    failed.extend(companies.iter().flat_map(CompanyRun::unfinished).map(|record| record.message_id.clone()));
    metrics::write(app.clock.now());
    reply(failed)
}

/// Reads every company's webhooks: its version always, the webhooks themselves only when the version has
/// changed.
async fn look_up<S: ConfigStore + JobStore, Q: Queue, E: Scripts, C: Clock>(
    app: &App<S, Q, E, C>,
    companies: &mut [CompanyRun],
) {
    let ids: Vec<_> = companies.iter().filter_map(|run| run.company().cloned()).collect();
    if ids.is_empty() {
        return;
    }
    let versions = match app.store.config_versions(&ids).await {
        Ok(versions) => ids.iter().cloned().zip(versions).collect(),
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "webhooks could not be read");
            Vec::new()
        }
    };
    join_all(companies.iter_mut().map(|run| async {
        let Some(company) = run.company().cloned() else { return };
        let version = versions.iter().find(|(id, _)| *id == company).map(|(_, version)| *version);
        match version {
            None => run.stop_for_fault(),
            Some(version) => match app.cache.webhooks(&app.store, &company, version).await {
                Ok(webhooks) => run.set_webhooks(webhooks),
                Err(error) => {
                    tracing::warn!(error = %ErrorChain(&error), "webhooks could not be read");
                    run.stop_for_fault();
                }
            },
        }
    }))
    .await;
}

/// Hides the messages that stay in the queue for as long as their reason requires. A failed call costs time,
/// not order.
async fn give_back<S: ConfigStore + JobStore, Q: Queue, E: Scripts, C: Clock>(
    app: &App<S, Q, E, C>,
    queue_url: &str,
    companies: &[CompanyRun],
) {
    let holds: Vec<_> = companies
        .iter()
        .flat_map(|run| {
            run.unfinished().map(|record| {
                let seconds = match run.stopped() {
                    Some(company::Stop::Fault) => fault_hold_seconds(record.receive_count),
                    Some(company::Stop::Evaluation) => EVALUATION_HOLD_SECONDS,
                    Some(company::Stop::Send) => SEND_HOLD_SECONDS,
                    Some(company::Stop::Time) | None => 0,
                };
                (record.receipt_handle.clone(), seconds)
            })
        })
        .collect();
    if holds.is_empty() {
        return;
    }
    if let Err(error) = app.queue.hold(queue_url, &holds).await {
        tracing::warn!(error = %ErrorChain(&error), "a hold failed; the claim runs out instead");
    }
}

/// Serves the Lambda runtime until the sandbox ends.
pub async fn run(config: FanOutConfig, aws: AwsConfig) -> Result<(), Error> {
    let clients = Clients::new(aws);
    let store = DynamoDbStore::new(clients.dynamodb(), config.config_table.clone(), config.log_table.clone());
    let queue = SqsQueue::new(clients.sqs());
    let (scripts, cache) = (ChildScripts::of_this_executable()?, Cache::default());
    let app = Arc::new(App { store, queue, scripts, clock: SystemClock, config, cache });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let app = Arc::clone(&app);
        async move {
            let deadline = Millis(event.context.deadline);
            Ok::<_, Error>(handle(&*app, event.payload, deadline).await)
        }
    }))
    .await
}
