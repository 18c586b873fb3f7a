//! The recovery of webhooks with a backlog: probes dead endpoints, sends parked events in order, makes
//! webhooks active again.
//!
//! The queue's item is the truth and messages are only wake-ups.
//! The schedule sends a lost one again, a repeated one finds the lease taken, and a void one finds a
//! later one in the item.

pub mod wake_up;
pub mod drain;
pub mod page;
pub mod dead_letter;
pub mod rejected;
pub mod sweep;

use std::fmt;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures_util::future::join_all;
use hookrail_adapters::aws::Clients;
use hookrail_adapters::clock::SystemClock;
use hookrail_adapters::config::{AwsConfig, RecoverConfig};
use hookrail_adapters::metrics;
use hookrail_adapters::queue::sqs::SqsQueue;
use hookrail_adapters::sender::http::HttpSender;
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_domain::log_row::RunId;
use hookrail_domain::time::Millis;
pub use hookrail_pipeline::attempt::Invocation;
use hookrail_pipeline::batch::{Batch, Record, reply};
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::ports::Ports;
use hookrail_pipeline::queue::Queue as _;
use hookrail_pipeline::queue_commands::QueueCommands;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

/// The function and its ports.
pub struct App<P: Ports> {
    pub store: P::Store,
    pub queue: P::Queue,
    pub sender: P::Sender,
    pub clock: P::Clock,
    pub config: RecoverConfig,
}

impl<P: Ports> App<P> {
    pub(crate) fn queue_commands(&self) -> QueueCommands<'_, P::Store, P::Queue> {
        QueueCommands {
            store: &self.store,
            queue: &self.queue,
            recovery_queue_url: &self.config.recovery_queue_url,
            suspension: self.config.suspension,
        }
    }
}

impl<P: Ports> fmt::Debug for App<P> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("App").finish_non_exhaustive()
    }
}

/// The verdict on a message, as reported to SQS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ack,
    /// It comes back after this many seconds.
    Hold {
        seconds: u64,
    },
}

/// Handles one batch of wake-ups, or of dead letters of either queue. Never fails as a whole.
pub async fn handle<P: Ports>(app: &App<P>, event: SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
    let config = &app.config;
    let urls =
        [&config.recovery_queue_url, &config.deliveries_dlq_url, &config.events_dlq_url].map(Clone::clone);
    let batch = Batch::open(event, &urls);
    let claim = batch.claim(app.clock.now(), invocation.deadline);
    let mut failed = batch.failed;
    let mut groups = batch.groups;
    let lost = claim.make(&app.queue).await;
    failed.extend(groups.iter_mut().flat_map(|group| lost.split_lost(group, |record| record)));
    let queue_url = batch.queue_url.as_str();
    let work = groups.iter().map(async |group| {
        let mut left = Vec::new();
        for (index, record) in group.iter().enumerate() {
            let verdict = if queue_url == config.deliveries_dlq_url {
                dead_letter::record(app, record, invocation).await
            } else if queue_url == config.events_dlq_url {
                rejected::keep(app, record).await
            } else {
                wake_up::run(app, record, invocation).await
            };
            if let Verdict::Hold { seconds } = verdict {
                let rest = group.get(index..).unwrap_or_default();
                hold(app, queue_url, rest, seconds).await;
                left.extend(rest.iter().map(|record| record.message_id.clone()));
                break;
            }
        }
        left
    });
    failed.extend(join_all(work).await.into_iter().flatten());
    metrics::write(app.clock.now());
    reply(failed)
}

/// Hides a record and what is behind it. A failed call costs time only: the claim runs out, or the schedule wakes.
async fn hold<P: Ports>(app: &App<P>, queue_url: &str, rest: &[Record], seconds: u64) {
    let holds: Vec<_> = rest.iter().map(|record| (record.receipt_handle.clone(), seconds)).collect();
    if let Err(error) = app.queue.hold(queue_url, &holds).await {
        tracing::warn!(error = %ErrorChain(&error), "a hold failed");
    }
}

/// Serves Lambda, batches and the schedule alike, until the sandbox ends.
pub async fn run(config: RecoverConfig, aws: AwsConfig) -> Result<(), Error> {
    let clients = Clients::new(aws);
    let store = DynamoDbStore::new(clients.dynamodb(), config.config_table.clone(), config.log_table.clone());
    let queue = SqsQueue::new(clients.sqs());
    let sender = HttpSender::new(config.targets.clone())?;
    let app: Arc<App<(DynamoDbStore, SqsQueue, HttpSender, SystemClock)>> =
        Arc::new(App { store, queue, sender, clock: SystemClock, config });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let app = Arc::clone(&app);
        async move {
            let invocation =
                Invocation { run: RunId(event.context.request_id), deadline: Millis(event.context.deadline) };
            // The schedule's event has no records.
            if event.payload.get("Records").is_none() {
                // Boxed: inside this future it is too deep for the compiler.
                Box::pin(sweep::run(&*app, &invocation)).await;
                return Ok::<_, Error>(SqsBatchResponse::default());
            }
            let event: SqsEvent = serde_json::from_value(event.payload)?;
            let _connections = app.sender.keep_connections();
            Ok(handle(&*app, event, &invocation).await)
        }
    }))
    .await
}
