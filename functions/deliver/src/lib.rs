//! The step from a queued delivery to a logged attempt: one request at a time per webhook, in order.
//!
//! The groups of a batch run side by side, each strictly in order; a failure stops its own group only.
//! Every record that is not named in the response has its row: it has ended, or it is parked for
//! recover.

pub mod reading;
pub mod group;
pub mod attempt;
pub mod parking;

use std::fmt;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures_util::StreamExt as _;
use futures_util::future::{Either, join};
use futures_util::stream::FuturesUnordered;
use hookrail_adapters::aws::Clients;
use hookrail_adapters::clock::SystemClock;
use hookrail_adapters::config::{AwsConfig, DeliverConfig};
use hookrail_adapters::metrics;
use hookrail_adapters::queue::sqs::SqsQueue;
use hookrail_adapters::sender::http::HttpSender;
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_domain::log_row::RunId;
use hookrail_domain::time::Millis;
use hookrail_pipeline::batch::{Batch, reply};
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_pipeline::ports::Ports;
use hookrail_pipeline::queue::Queue as _;
use hookrail_pipeline::queue_commands::QueueCommands;
use lambda_runtime::{Error, LambdaEvent, service_fn};

pub use hookrail_pipeline::attempt::Invocation;

use crate::group::{Group, GroupEnd};

/// Interval at which finished messages are deleted while another group of the batch is busy, in milliseconds.
///
/// A batch that ends sooner leaves the deletion to the event source mapping and does not pay for a call.
pub const RELEASE_EVERY_MS: u64 = 100;

/// The function and its ports.
pub struct App<P: Ports> {
    pub store: P::Store,
    pub queue: P::Queue,
    pub sender: P::Sender,
    pub clock: P::Clock,
    pub config: DeliverConfig,
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

/// An event while the groups of a batch run.
enum Completed {
    Ended(GroupEnd),
    Tick,
    Released,
}

/// Handles one batch of deliveries. Never fails as a whole: the response names the messages that stay in
/// the queue.
pub async fn handle<P: Ports>(app: &App<P>, event: SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
    let batch = Batch::open(event, &app.config.deliveries_queue_urls);
    let claim = batch.claim(app.clock.now(), invocation.deadline);
    let queue_url = batch.queue_url.as_str();
    let mut failed = batch.failed;
    let mut groups: Vec<_> = batch.groups.into_iter().map(Group::new).collect();
    // Reading at the same time as the claim is safe: while the claim holds, only a run that lost its own
    // can still write.
    // The condition of the next row guards against that run.
    let (lost, reads) = join(claim.make(&app.queue), reading::read(app, &groups)).await;
    failed.extend(groups.iter_mut().flat_map(|group| group.split_lost(&lost)));

    let mut busy = groups.len();
    let mut finished = Vec::new();
    let mut work = FuturesUnordered::new();
    for (group, read) in groups.into_iter().zip(reads) {
        work.push(Either::Left(async move {
            Completed::Ended(group::run(app, queue_url, group, read, invocation).await)
        }));
    }
    let tick = || async {
        app.clock.sleep(RELEASE_EVERY_MS).await;
        Completed::Tick
    };
    work.push(Either::Right(Either::Left(tick())));
    while 0 < busy
        && let Some(happening) = work.next().await
    {
        match happening {
            Completed::Ended(end) => {
                busy -= 1;
                failed.extend(end.failed);
                finished.extend(end.finished);
            }
            Completed::Tick => {
                let handles = std::mem::take(&mut finished);
                work.push(Either::Right(Either::Right(release(app, queue_url, handles))));
                work.push(Either::Right(Either::Left(tick())));
            }
            Completed::Released => {}
        }
    }
    metrics::write(app.clock.now());
    reply(failed)
}

/// Deletes finished messages, so that their webhooks' next ones can be received. A failure costs that
/// time only.
async fn release<P: Ports>(app: &App<P>, queue_url: &str, handles: Vec<String>) -> Completed {
    if !handles.is_empty()
        && let Err(error) = app.queue.delete(queue_url, &handles).await
    {
        tracing::warn!(
            error = %ErrorChain(&error),
            "finished messages stay until the batch ends"
        );
    }
    Completed::Released
}

/// Serves the Lambda runtime until the sandbox ends.
pub async fn run(config: DeliverConfig, aws: AwsConfig) -> Result<(), Error> {
    let clients = Clients::new(aws);
    let store = DynamoDbStore::new(clients.dynamodb(), config.config_table.clone(), config.log_table.clone());
    let queue = SqsQueue::new(clients.sqs());
    let sender = HttpSender::new(config.targets.clone())?;
    let app: Arc<App<(DynamoDbStore, SqsQueue, HttpSender, SystemClock)>> =
        Arc::new(App { store, queue, sender, clock: SystemClock, config });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let app = Arc::clone(&app);
        async move {
            let invocation =
                Invocation { run: RunId(event.context.request_id), deadline: Millis(event.context.deadline) };
            let _connections = app.sender.keep_connections();
            Ok::<_, Error>(handle(&*app, event.payload, &invocation).await)
        }
    }))
    .await
}
