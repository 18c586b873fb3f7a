//! Lambda: from the mappings' batches to invocations in sandboxes, and back.

use std::pin::pin;
use std::sync::Arc;

use aws_lambda_events::sqs::SqsBatchResponse;
use futures_util::future::{Either, select};
use hookrail_adapters::config::{DeliverConfig, FanOutConfig, RecoverConfig};
use hookrail_domain::log_row::RunId;
use hookrail_domain::time::Millis;
use hookrail_fifo::mapping::{Answer, Batch, BatchId, Mapping};
use hookrail_fifo::message::MessageId;
use hookrail_fifo::receipt_handle::ReceiptHandle;
use hookrail_pipeline::batch;
use hookrail_pipeline::queue::Queue as _;
use hookrail_testkit::memory::MemoryTables;
use hookrail_testkit::model_queue::ModelQueue;
use {hookrail_deliver as deliver, hookrail_fan_out as fan_out, hookrail_recover as recover};

use crate::executor::Executor;
use crate::faults::{Call, Fate, Function};
use crate::faulty::Faulty;
use crate::history::{RunEnd, RunFact};
use crate::receiver::Receivers;
use crate::rng::Rng;
use crate::sandbox::{Sandbox, SandboxClock};
use crate::scripted::Scripted;
use crate::time::{BEGIN, Time};
use crate::warm::{event_of, warm_deliver, warm_fan_out, warm_recover};
use crate::world::{Invocation, World};

type Store = Faulty<MemoryTables>;
pub(crate) type Queues = Faulty<ModelQueue<Time>>;
pub(crate) type FanOutApp = fan_out::App<Store, Queues, Scripted, SandboxClock>;
pub(crate) type RecoverApp = recover::App<(Store, Queues, Faulty<Receivers>, SandboxClock)>;
pub(crate) type DeliverApp = deliver::App<(Store, Queues, Faulty<Receivers>, SandboxClock)>;

/// Interval of the schedule's calls of recover, in milliseconds.
pub(crate) const SWEEP_EVERY_MS: u64 = 60_000;

/// The functions' mappings, and the sandboxes that are warm.
#[derive(Debug)]
pub(crate) struct Lambda {
    pub(crate) sources: Vec<Source>,
    pub(crate) fan_out_config: FanOutConfig,
    pub(crate) deliver_config: DeliverConfig,
    pub(crate) recover_config: RecoverConfig,
    /// The time of the schedule's next call of recover.
    pub(crate) sweep_at: u64,
    pub(crate) running: Vec<Running>,
    pub(crate) fan_out: Vec<(Arc<Sandbox>, Arc<FanOutApp>)>,
    pub(crate) deliver: Vec<(Arc<Sandbox>, Arc<DeliverApp>)>,
    pub(crate) recover: Vec<(Arc<Sandbox>, Arc<RecoverApp>)>,
}

/// A queue and the function that it feeds.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) function: Function,
    pub(crate) queue: Arc<str>,
    pub(crate) arn: String,
    pub(crate) mapping: Mapping,
    pub(crate) poll_at: u64,
    pub(crate) saturated_since: Option<u64>,
}

/// An invocation that has not ended, and its messages by group.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) run: usize,
    pub(crate) source: usize,
    pub(crate) batch: BatchId,
    pub(crate) held: Vec<(usize, ReceiptHandle)>,
}

impl Lambda {
    pub(crate) fn new(
        sources: Vec<Source>,
        (fan_out_config, deliver_config, recover_config): (FanOutConfig, DeliverConfig, RecoverConfig),
    ) -> Self {
        Self {
            sources,
            fan_out_config,
            deliver_config,
            recover_config,
            sweep_at: BEGIN + SWEEP_EVERY_MS,
            running: Vec::new(),
            fan_out: Vec::new(),
            deliver: Vec::new(),
            recover: Vec::new(),
        }
    }

    /// Ends all sandboxes.
    pub(crate) fn close(&mut self) {
        self.fan_out.clear();
        self.deliver.clear();
        self.recover.clear();
    }
}

/// Lets every mapping receive once. Returns whether one did.
pub(crate) fn poll(world: &Arc<World>, executor: &mut Executor, rng: &mut Rng) -> bool {
    let now = world.time.now();
    let mut any = false;
    let mut lambda = world.lambda();
    let first = rng.index(lambda.sources.len());
    for index in 0..lambda.sources.len() {
        let at = (first + index) % lambda.sources.len();
        let source = &mut lambda.sources[at];
        let (mut queues, moment) = (world.queues(), hookrail_fifo::millis::Millis(now));
        let Some(queue) = queues.find_mut(&source.queue) else { continue };
        if now < source.poll_at || !source.mapping.can_poll(moment, queue) {
            continue;
        }
        any = true;
        if source.function == Function::Deliver {
            let mut state = world.state();
            state.history.deepest = state.history.deepest.max(queue.messages().len());
        }
        let batch = source.mapping.poll(moment, queue);
        queues.move_dead_letters(moment, &source.queue);
        drop(queues);
        source.poll_at = now + rng.between(0..=world.setup.poll_ms);
        if source.mapping.running() == source.mapping.settings().maximum_concurrency {
            source.saturated_since.get_or_insert(now);
        }
        if let Some(batch) = batch {
            executor.spawn(invoke(Arc::clone(world), at, source.function, batch));
        }
    }
    any
}

/// Returns the time of the next poll of a mapping that waits only for it.
pub(crate) fn next_poll(world: &World) -> Option<u64> {
    let now = world.time.now();
    let mut lambda = world.lambda();
    let mut queues = world.queues();
    let waiting = lambda.sources.iter_mut().filter_map(|source| {
        let queue = queues.find_mut(&source.queue)?;
        let waits =
            now < source.poll_at && source.mapping.can_poll(hookrail_fifo::millis::Millis(now), queue);
        waits.then_some(source.poll_at)
    });
    waiting.min()
}

/// Runs one invocation, from its batch to the mapping's end of it.
async fn invoke(world: Arc<World>, source: usize, function: Function, batch: Batch) {
    let of = begin(&world, source, function, &batch);
    let run = of.run;
    if !starts(&world, of, source, batch.id).await {
        world.lambda().sources[source].mapping.drop_batch(batch.id);
        end(&world, source, run, RunEnd::Dropped);
        return;
    }
    let arn = world.lambda().sources[source].arn.clone();
    let event = event_of(&batch, &arn);
    let deadline = world.time.now() + world.setup.function_seconds * 1000;
    let ended = match function {
        Function::FanOut => {
            let (sandbox, app) = warm_fan_out(&world);
            sandbox.begin(of, &batch);
            let work = fan_out::handle(&*app, event, Millis(deadline));
            let mut ended = race(work, &sandbox, deadline).await;
            if let Ok(response) = &mut ended {
                planted_end(&sandbox, &app.queue, response).await;
                world.lambda().fan_out.push((sandbox, app));
            }
            ended
        }
        Function::Deliver => {
            let (sandbox, app) = warm_deliver(&world);
            sandbox.begin(of, &batch);
            let invocation = invocation(run, deadline);
            let work = deliver::handle(&*app, event, &invocation);
            let mut ended = race(work, &sandbox, deadline).await;
            if let Ok(response) = &mut ended {
                planted_end(&sandbox, &app.queue, response).await;
                world.lambda().deliver.push((sandbox, app));
            }
            ended
        }
        Function::Recover => {
            let (sandbox, app) = warm_recover(&world);
            sandbox.begin(of, &batch);
            let invocation = invocation(run, deadline);
            let work = recover::handle(&*app, event, &invocation);
            let ended = race(work, &sandbox, deadline).await;
            if ended.is_ok() {
                world.lambda().recover.push((sandbox, app));
            }
            ended
        }
    };
    let (answer, how) = match ended {
        Err(how) => (Answer::Failed, how),
        Ok(response) => read_response(&world, of, &batch, &response),
    };
    complete(&world, source, (batch.id, &answer));
    end(&world, source, run, how);
}

fn invocation(run: usize, deadline: u64) -> deliver::Invocation {
    deliver::Invocation { run: RunId(format!("run {run}")), deadline: Millis(deadline) }
}

/// Runs one call of recover by the schedule.
pub(crate) async fn sweep(world: Arc<World>) {
    let of = {
        let mut state = world.state();
        let history = &mut state.history;
        let (run, invocation) = history.begin(RunFact {
            function: Function::Recover,
            source: usize::MAX,
            at: world.time.now(),
            ended: None,
            groups: Vec::new(),
            messages: 0,
            receives_max: 0,
        });
        Invocation { function: Function::Recover, invocation, run }
    };
    let deadline = world.time.now() + world.setup.function_seconds * 1000;
    let (sandbox, app) = warm_recover(&world);
    sandbox.begin_sweep(of);
    let invocation = invocation(of.run, deadline);
    let work = async {
        recover::sweep::run(&*app, &invocation).await;
        SqsBatchResponse::default()
    };
    let how = match race(work, &sandbox, deadline).await {
        Err(how) => how,
        Ok(_) => {
            world.lambda().recover.push((sandbox, app));
            RunEnd::Responded { failed: 0 }
        }
    };
    world.state().history.end(of.run, world.time.now(), how);
}

/// Applies a planted bug to a response. Without one: nothing.
async fn planted_end(sandbox: &Sandbox, queue: &Queues, response: &mut SqsBatchResponse) {
    for (queue_url, messages) in sandbox.planted.take_gathered() {
        let _lost = queue.port.send(&queue_url, &messages).await;
    }
    let failed = response.batch_item_failures.drain(..).map(|item| item.item_identifier).collect();
    *response = batch::reply(sandbox.planted.failed(failed));
}

/// Returns the function's response, or its end without one.
async fn race(
    work: impl Future<Output = SqsBatchResponse>,
    sandbox: &Sandbox,
    deadline: u64,
) -> Result<SqsBatchResponse, RunEnd> {
    match select(pin!(work), pin!(sandbox.end(deadline))).await {
        Either::Left((response, _)) => Ok(response),
        Either::Right((how, _)) => Err(how),
    }
}

fn begin(world: &World, source: usize, function: Function, batch: &Batch) -> Invocation {
    let mut state = world.state();
    let history = &mut state.history;
    let held: Vec<_> =
        batch.messages.iter().map(|received| (history.meet(function, received), received.handle)).collect();
    let mut groups: Vec<_> = held.iter().map(|(group, _)| *group).collect();
    groups.dedup();
    let (run, invocation) = history.begin(RunFact {
        function,
        source,
        at: world.time.now(),
        ended: None,
        groups,
        messages: batch.messages.len(),
        receives_max: batch.messages.iter().map(|received| received.receive_count).max().unwrap_or(0),
    });
    drop(state);
    world.lambda().running.push(Running { run, source, batch: batch.id, held });
    Invocation { function, invocation, run }
}

/// Waits until the invocation may start, as a throttled one does. Returns false if it never may.
async fn starts(world: &World, of: Invocation, source: usize, batch: BatchId) -> bool {
    match world.fate(of, (Call::Start, 0)) {
        Fate::Stall(ms) => world.time.sleep(ms).await,
        Fate::AnswerLost => complete(world, source, (batch, &Answer::Failed)),
        Fate::Refused => {
            world.time.sleep(u64::from(world.setup.visibility_seconds) * 1000).await;
            return false;
        }
        _ => {}
    }
    true
}

fn read_response(
    world: &World,
    of: Invocation,
    batch: &Batch,
    response: &SqsBatchResponse,
) -> (Answer, RunEnd) {
    let items = &response.batch_item_failures;
    let failures = items.iter().map(|item| {
        let id: Option<MessageId> = item.item_identifier.parse().ok();
        id.filter(|id| batch.messages.iter().any(|received| received.message.id == *id))
    });
    let failures: Option<_> = failures.collect();
    let how = RunEnd::Responded { failed: items.len() };
    let Some(failures) = failures else {
        world.broken("a reply names a message that is not of its batch");
        return (Answer::Failed, how);
    };
    if world.fate(of, (Call::Reply, 0)) != Fate::Fine {
        return (Answer::Failed, how);
    }
    (Answer::Response(failures), how)
}

fn complete(world: &World, source: usize, (batch, answer): (BatchId, &Answer)) {
    let now = hookrail_fifo::millis::Millis(world.time.now());
    let mut lambda = world.lambda();
    let mut queues = world.queues();
    let source = &mut lambda.sources[source];
    if let Some(queue) = queues.find_mut(&source.queue) {
        source.mapping.complete(now, queue, batch, answer);
    }
}

fn end(world: &World, source: usize, run: usize, how: RunEnd) {
    let now = world.time.now();
    let since = {
        let mut lambda = world.lambda();
        lambda.running.retain(|running| running.run != run);
        let source = &mut lambda.sources[source];
        let is_saturated = source.mapping.running() == source.mapping.settings().maximum_concurrency;
        if is_saturated { None } else { source.saturated_since.take() }
    };
    let mut state = world.state();
    state.history.end(run, now, how);
    if let Some(since) = since {
        state.history.saturated.push((source, since, now));
    }
}
