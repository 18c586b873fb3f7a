//! Brings back what is set aside: probes dead endpoints, sends parked events in order, makes their lines active again.
//!
//! The line is the truth and messages are only wake-ups: one that is lost is sent again by the schedule, one that comes
//! twice finds the line's lease taken, and one that is void finds a later one on the line.

pub mod wake_up;
pub mod drain;
pub mod page;
pub mod dead_letter;
pub mod rejected;
pub mod sweep;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures_util::future::join_all;
use hookrail_adapters::aws::Clients;
use hookrail_adapters::clock::{Clock, SystemClock};
use hookrail_adapters::config::{AwsConfig, RecoverConfig};
use hookrail_adapters::queue::Queue;
use hookrail_adapters::queue::sqs::SqsQueue;
use hookrail_adapters::records::{Batch, Record, reply};
use hookrail_adapters::sender::Sender;
use hookrail_adapters::sender::http::HttpSender;
use hookrail_adapters::store::LogStore;
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_adapters::store::rejected::RejectedStore;
use hookrail_adapters::telemetry::Chain;
pub use hookrail_deliver::Invocation;
use hookrail_domain::log_row::RunId;
use hookrail_domain::time::Millis;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

/// The function with what it works on.
#[derive(Debug)]
pub struct App<S, Q, H, C> {
    pub store: S,
    pub queue: Q,
    pub sender: H,
    pub clock: C,
    pub config: RecoverConfig,
}

/// What the queue is told about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ack,
    /// It comes back after so many seconds.
    Hold {
        seconds: u64,
    },
}

/// Handles one batch of wake-ups, or of dead letters of either queue. Never fails as a whole.
pub async fn handle<S: LogStore + RejectedStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    event: SqsEvent,
    invocation: &Invocation,
) -> SqsBatchResponse {
    let config = &app.config;
    let urls =
        [&config.recovery_queue_url, &config.deliveries_dlq_url, &config.events_dlq_url].map(Clone::clone);
    let batch = Batch::open(event, &urls);
    let claim = batch.claim(app.clock.now(), invocation.deadline);
    let mut failed = batch.failed;
    let mut groups = batch.groups;
    let lost = claim.make(&app.queue).await;
    failed.extend(groups.iter_mut().flat_map(|group| lost.cut_off(group, |record| record)));
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
    reply(failed)
}

/// Hides a record and what is behind it. A failed call costs time only: the claim runs out, or the schedule wakes.
async fn hold<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    queue_url: &str,
    rest: &[Record],
    seconds: u64,
) {
    let holds: Vec<_> = rest.iter().map(|record| (record.receipt_handle.clone(), seconds)).collect();
    if let Err(error) = app.queue.hold(queue_url, &holds).await {
        tracing::warn!(error = %Chain(&error), "a hold failed");
    }
}

/// Serves Lambda, batches and the schedule alike, until the sandbox ends.
pub async fn run(config: RecoverConfig, aws: AwsConfig) -> Result<(), Error> {
    let clients = Clients::new(aws);
    let store = DynamoDbStore::new(clients.dynamodb(), config.config_table.clone(), config.log_table.clone());
    let queue = SqsQueue::new(clients.sqs());
    let sender = HttpSender::new(config.targets.clone())?;
    let app = Arc::new(App { store, queue, sender, clock: SystemClock, config });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let app = Arc::clone(&app);
        async move {
            let invocation =
                Invocation { run: RunId(event.context.request_id), deadline: Millis(event.context.deadline) };
            // The schedule's event has no records.
            if event.payload.get("Records").is_none() {
                // Boxed: as a part of this future it is too deep for the compiler.
                Box::pin(sweep::run(&*app, &invocation)).await;
                return Ok::<_, Error>(SqsBatchResponse::default());
            }
            let event: SqsEvent = serde_json::from_value(event.payload)?;
            Ok(handle(&*app, event, &invocation).await)
        }
    }))
    .await
}
