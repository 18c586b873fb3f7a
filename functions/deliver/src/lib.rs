//! From a queued delivery to a logged attempt: one request at a time per webhook, in order.
//!
//! The groups of a batch run side by side, each strictly in order; a failure stops its own group only. Every record
//! that is not named in the reply has ended and has its row.

pub mod group;
pub mod attempt;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures_util::StreamExt as _;
use futures_util::future::Either;
use futures_util::stream::FuturesUnordered;
use hookrail_adapters::aws::Clients;
use hookrail_adapters::clock::{Clock, SystemClock};
use hookrail_adapters::config::{AwsConfig, DeliverConfig};
use hookrail_adapters::queue::Queue;
use hookrail_adapters::queue::sqs::SqsQueue;
use hookrail_adapters::records::{claim, reply};
use hookrail_adapters::sender::Sender;
use hookrail_adapters::sender::http::HttpSender;
use hookrail_adapters::store::dynamodb::DynamoDbStore;
use hookrail_adapters::store::{LineSettings, LogStore};
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
    let urls = &app.config.deliveries_queue_urls;
    let claimed = claim(event, urls, &app.queue, app.clock.now(), invocation.deadline).await;
    let mut failed = claimed.failed;
    let groups: Vec<_> = claimed.groups.into_iter().map(Group::new).collect();
    let settings = read_settings(app, &groups).await;
    let queue_url = claimed.queue_url.as_str();

    let mut busy = groups.len();
    let mut finished = Vec::new();
    let mut work = FuturesUnordered::new();
    for (group, settings) in groups.into_iter().zip(settings) {
        work.push(Either::Left(async move {
            Happening::Ended(group::run(app, queue_url, group, settings, invocation).await)
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

/// The settings of every group's line, in one call. None where they could not be read.
async fn read_settings<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    groups: &[Group],
) -> Vec<Option<LineSettings>> {
    let lines: Vec<_> = groups.iter().filter_map(|group| group.line().cloned()).collect();
    let mut settings = match lines.is_empty() {
        true => Ok(Vec::new()),
        false => app.store.settings(&lines).await,
    }
    .unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "webhooks could not be read");
        Vec::new()
    })
    .into_iter();
    groups.iter().map(|group| group.line().and_then(|_| settings.next())).collect()
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
            error = &error as &dyn std::error::Error,
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
