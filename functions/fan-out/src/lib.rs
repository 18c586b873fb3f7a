//! From an accepted event to the deliveries it is owed: matches webhooks and fills the delivery queue.
//!
//! Companies are independent; a company's events are handled strictly one after another. Everything may run twice:
//! deliveries are named by event and webhook, and the queue drops a second message of the same name.

pub mod cache;
pub mod company;
pub mod jobs;
pub mod outbox;
pub mod scripted;

use hookrail_adapters::telemetry::Chain;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures_util::future::{join, join_all};
use hookrail_adapters::aws::Clients;
use hookrail_adapters::clock::{Clock, SystemClock};
use hookrail_adapters::config::{AwsConfig, FanOutConfig};
use hookrail_adapters::queue::Queue;
use hookrail_adapters::queue::sqs::SqsQueue;
use hookrail_adapters::records::{Batch, reply};
use hookrail_adapters::scripts::Scripts;
use hookrail_adapters::scripts::child::{CALL_MS_MAX, ChildScripts};
use hookrail_adapters::store::ConfigStore;
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_adapters::store::jobs::JobStore;
use hookrail_domain::fan_out::fan_out;
use hookrail_domain::retry::fault_hold_seconds;
use hookrail_domain::time::Millis;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::cache::Cache;
use crate::company::{CompanyRun, Step};
use crate::jobs::Taken;
use crate::outbox::Outbox;
use crate::scripted::Evaluation;

/// Least time left to begin another event, in milliseconds: two calls to the queue, with their retries.
pub const EVENT_MS_MIN: u64 = 5_000;
/// The same for an event that scripts may be asked about: filters, then URLs.
pub const SCRIPTED_EVENT_MS_MIN: u64 = EVENT_MS_MIN + 2 * CALL_MS_MAX;
/// Times an event is handed out before an evaluation that failed for a reason of ours is taken for its answer.
pub const DOUBTS_MAX: u32 = 4;
/// Hold after the delivery queue refused a message three times, in seconds.
pub const SEND_HOLD_SECONDS: u64 = 2;

/// The function with what it works on.
#[derive(Debug)]
pub struct App<S, Q, E, C> {
    pub store: S,
    pub queue: Q,
    pub scripts: E,
    pub clock: C,
    pub config: FanOutConfig,
    pub cache: Cache,
}

/// Handles one batch of events. Never fails as a whole: what stays in the queue is named in the reply.
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
    failed.extend(companies.iter_mut().flat_map(|run| run.cut_off(&lost)));
    let mut has_asked = false;
    while run_round(app, &mut companies, (deadline, &mut has_asked)).await {}
    give_back(app, &batch.queue_url, &companies).await;
    failed.extend(companies.iter().flat_map(CompanyRun::unfinished).map(|record| record.message_id.clone()));
    reply(failed)
}

/// Reads every company's webhooks: its version always, the webhooks themselves only when the version moved.
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
            tracing::warn!(error = %Chain(&error), "webhooks could not be read");
            Vec::new()
        }
    };
    join_all(companies.iter_mut().map(|run| async {
        let Some(company) = run.company().cloned() else { return };
        let version = versions.iter().find(|(id, _)| *id == company).map(|(_, version)| *version);
        match version {
            None => run.stop_for_fault(),
            Some(version) => match app.cache.subscriptions(&app.store, &company, version).await {
                Ok(subscriptions) => run.set_subscriptions(subscriptions),
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "webhooks could not be read");
                    run.stop_for_fault();
                }
            },
        }
    }))
    .await;
}

/// One event of every company that still has one. Returns whether there was any.
///
/// Within a round every message is of another group, so the round's messages can share batches; the next event of a
/// company begins only after all messages of the one before are in the queue.
async fn run_round<S: ConfigStore + JobStore, Q: Queue, E: Scripts, C: Clock>(
    app: &App<S, Q, E, C>,
    companies: &mut [CompanyRun],
    (deadline, has_asked): (Millis, &mut bool),
) -> bool {
    let mut outbox = Outbox::new(&app.config);
    let evaluation = Evaluation { scripts: &app.scripts, workflow: app.config.workflow.as_ref() };
    let mut steps = Vec::new();
    for (index, run) in companies.iter_mut().enumerate() {
        // Asked for each: the scripts of the one before may have taken long.
        let left = deadline.since(app.clock.now());
        if left < EVENT_MS_MIN {
            run.stop_for_time();
        }
        match run.next_step() {
            Step::Nothing => {}
            Step::Deliver(accepted) => {
                // The first one of an invocation is begun with whatever time there is, or none ever would.
                let is_scripted = accepted.event.cot().is_none();
                if is_scripted && *has_asked && left < SCRIPTED_EVENT_MS_MIN {
                    run.stop_for_time();
                    continue;
                }
                *has_asked |= is_scripted;
                let owed = evaluation.owed(&accepted.event, &run.subscriptions()).await;
                if owed.is_doubtful && accepted.receive_count < DOUBTS_MAX {
                    run.stop_for_fault();
                    continue;
                }
                let deliveries = fan_out(&accepted.event, owed.to, (&accepted.position, accepted.at));
                // Before their messages: nothing is ever sent that has no job to be cancelled by.
                if let Err(error) =
                    jobs::put(&app.store, (&accepted, &run.subscriptions()), &deliveries).await
                {
                    tracing::warn!(error = %Chain(&error), "a job could not be put");
                    run.stop_for_fault();
                    continue;
                }
                deliveries.iter().for_each(|delivery| outbox.deliver(index, delivery));
                steps.push(index);
            }
            Step::Put(due) => match jobs::take(&app.store, &due).await {
                Ok(Taken::Send(delivery)) => {
                    outbox.deliver(index, &delivery);
                    steps.push(index);
                }
                Ok(Taken::Nothing) => steps.push(index),
                Ok(Taken::Busy) => run.stop_for_fault(),
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "a job that is due could not be taken");
                    run.stop_for_fault();
                }
            },
            Step::Reject { record, reason } => {
                outbox.reject(index, &record, reason);
                steps.push(index);
            }
        }
    }
    let refused = outbox.send(&app.queue).await;
    for index in &steps {
        if let Some(run) = companies.get_mut(*index) {
            if refused.contains(index) { run.stop_for_send() } else { run.finish_event() }
        }
    }
    !steps.is_empty()
}

/// Hides what stays in the queue for as long as its reason asks. A failed call costs time, not order.
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
        tracing::warn!(error = %Chain(&error), "a hold failed; the claim runs out instead");
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
