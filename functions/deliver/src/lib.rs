//! From a queued delivery to a logged attempt: one request at a time per webhook, in order.
//!
//! The groups of a batch run side by side, each strictly in order; a failure stops its own group only. Every record
//! that is not named in the reply has its row: it has ended, or it is parked for recover.

pub mod line;
pub mod group;
pub mod attempt;
pub mod parking;

use hookrail_adapters::telemetry::Chain;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures_util::StreamExt as _;
use futures_util::future::{Either, join};
use futures_util::stream::FuturesUnordered;
use hookrail_adapters::aws::Clients;
use hookrail_adapters::clock::{Clock, SystemClock};
use hookrail_adapters::config::{AwsConfig, DeliverConfig};
use hookrail_adapters::queue::Queue;
use hookrail_adapters::queue::sqs::SqsQueue;
use hookrail_adapters::records::{Batch, reply};
use hookrail_adapters::sender::Sender;
use hookrail_adapters::sender::http::HttpSender;
use hookrail_adapters::store::LogStore;
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_domain::log_row::RunId;
use hookrail_domain::time::Millis;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::group::{Group, GroupEnd};

/// How often finished messages are deleted while a batch-mate is still busy, in milliseconds. A batch that is done
/// sooner leaves the deleting to the event source mapping and pays for no call.
pub const RELEASE_EVERY_MS: u64 = 100;

/// The function with what it works on.
#[derive(Debug)]
pub struct App<S, Q, H, C> {
    pub store: S,
    pub queue: Q,
    pub sender: H,
    pub clock: C,
    pub config: DeliverConfig,
}

/// One invocation: its name, by which it knows its own rows, and its end.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub run: RunId,
    pub deadline: Millis,
}

/// Something that happened while the groups of a batch run.
enum Happening {
    Ended(GroupEnd),
    Tick,
    Released,
}

/// Handles one batch of deliveries. Never fails as a whole: what stays in the queue is named in the reply.
pub async fn handle<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    event: SqsEvent,
    invocation: &Invocation,
) -> SqsBatchResponse {
    let batch = Batch::open(event, &app.config.deliveries_queue_urls);
    let claim = batch.claim(app.clock.now(), invocation.deadline);
    let queue_url = batch.queue_url.as_str();
    let mut failed = batch.failed;
    let mut groups: Vec<_> = batch.groups.into_iter().map(Group::new).collect();
    // Reading beside the claim is safe: while the claim holds, only a run that lost its own can still write, and
    // against that one stands the condition of the next row.
    let (lost, lines) = join(claim.make(&app.queue), line::read(app, &groups)).await;
    failed.extend(groups.iter_mut().flat_map(|group| group.cut_off(&lost)));

    let mut busy = groups.len();
    let mut finished = Vec::new();
    let mut work = FuturesUnordered::new();
    for (group, line) in groups.into_iter().zip(lines) {
        work.push(Either::Left(async move {
            Happening::Ended(group::run(app, queue_url, (group, line), invocation).await)
        }));
    }
    let tick = || async {
        app.clock.sleep(RELEASE_EVERY_MS).await;
        Happening::Tick
    };
    work.push(Either::Right(Either::Left(tick())));
    while 0 < busy
        && let Some(happening) = work.next().await
    {
        match happening {
            Happening::Ended(end) => {
                busy -= 1;
                failed.extend(end.failed);
                finished.extend(end.finished);
            }
            Happening::Tick => {
                let handles = std::mem::take(&mut finished);
                work.push(Either::Right(Either::Right(release(app, queue_url, handles))));
                work.push(Either::Right(Either::Left(tick())));
            }
            Happening::Released => {}
        }
    }
    reply(failed)
}

/// Deletes finished messages, so that their webhooks' next ones can be received. A failure costs that time only.
async fn release<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    queue_url: &str,
    handles: Vec<String>,
) -> Happening {
    if !handles.is_empty()
        && let Err(error) = app.queue.delete(queue_url, &handles).await
    {
        tracing::warn!(
            error = %Chain(&error),
            "finished messages stay until the batch ends"
        );
    }
    Happening::Released
}

/// Serves the Lambda runtime until the sandbox ends.
pub async fn run(config: DeliverConfig, aws: AwsConfig) -> Result<(), Error> {
    let clients = Clients::new(aws);
    let store = DynamoDbStore::new(clients.dynamodb(), config.config_table.clone(), config.log_table.clone());
    let queue = SqsQueue::new(clients.sqs());
    let sender = HttpSender::new(config.targets.clone())?;
    let app = Arc::new(App { store, queue, sender, clock: SystemClock, config });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let app = Arc::clone(&app);
        async move {
            let invocation =
                Invocation { run: RunId(event.context.request_id), deadline: Millis(event.context.deadline) };
            Ok::<_, Error>(handle(&*app, event.payload, &invocation).await)
        }
    }))
    .await
}
