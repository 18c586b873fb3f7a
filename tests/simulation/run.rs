//! One run: the script is played, mappings poll, tasks go on one at a time, until everything has come to rest.

use std::sync::Arc;

use futures_util::FutureExt as _;
use hookrail_adapters::recovery;
use hookrail_adapters::store::{ConfigStore as _, LineKey};
use hookrail_domain::id::ContextId;
use hookrail_domain::id::{CompanyId, DeliveryId, EventId, shard};
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::subscription::{Code, Name, Subscription};
use hookrail_domain::target::TargetUrl;
use hookrail_domain::token::{Grant, TokenHash};
use hookrail_domain::trigger::{Context, Slot, Trigger, TriggerType};
use hookrail_fifo::mapping::Answer;
use hookrail_fifo::message::NewMessage;
use hookrail_fifo::millis::Millis;
use hookrail_testkit::model_queue::ModelQueue;

use crate::deployment::{self, DEAD_DELIVERIES, EVENTS, RECOVERY};
use crate::executor::Executor;
use crate::faults::Rates;
use crate::history::{EventFact, Fault, History, Owed, Version, WebhookFact};
use crate::lambda::{self, Lambda, SWEEP_EVERY_MS};
use crate::planted::Bug;
use crate::rng::Rng;
use crate::setup::{Action, Kind, Setup};
use crate::time::BEGIN;
use crate::world::{State, World, subscription_id, url};

/// How long after the last step of the script things still go wrong.
const FAULTS_MS: u64 = 10 * 60 * 1000;
/// By then everything must have come to rest.
const REST_MS_MAX: u64 = 5 * DAY_MS;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// What the group of a narrowed trigger is called.
const GROUP: &str = "g1";

/// Plays a setup to its end.
pub(crate) fn run(setup: Setup) -> (Arc<World>, History) {
    let mut executor = Executor::default();
    let mut rng = Rng::new(setup.seed);
    let (queues, lambda) = (deployment::queues(&setup), deployment::lambda(&setup));
    let world = Arc::new(World::new(setup, queues, lambda));
    begin(&world);
    let mut script = Script { next: 0, due: BEGIN, idle: 0 };
    script.due += world.setup.script.first().map_or(0, |step| step.after_ms);
    while script.goes_on(&world, &mut executor, &mut rng) {}
    world.keep_rows();
    world.keep_dead_events();
    world.lambda().close();
    let mut history = std::mem::take(&mut world.state().history);
    finish(&world, &mut history);
    (world, history)
}

/// Where the script stands.
struct Script {
    next: usize,
    /// When the next step is due.
    due: u64,
    /// Time that was skipped.
    idle: u64,
}

impl Script {
    /// Does one thing. Returns false when there is nothing left to do.
    fn goes_on(&mut self, world: &Arc<World>, executor: &mut Executor, rng: &mut Rng) -> bool {
        if executor.step(rng) {
            return true;
        }
        let now = world.time.now();
        if world.time.advance(now) {
            return true;
        }
        let step = world.setup.script.get(self.next).filter(|_| self.due <= now);
        if let Some(step) = step
            && (!matches!(step.action, Action::Idle { .. })
                || is_at_rest(world, executor)
                || world.is_set_aside())
        {
            act(world, step.action, rng);
            if let Action::Idle { days } = step.action
                && !world.is_set_aside()
            {
                self.idle += days * DAY_MS;
            }
            self.next += 1;
            self.due = world.time.now() + world.setup.script.get(self.next).map_or(0, |step| step.after_ms);
            return true;
        }
        if lambda::poll(world, executor, rng) || sweeps(world, executor) {
            return true;
        }
        self.waits(world, executor)
    }

    /// Goes on to the next moment at which something can happen.
    fn waits(&self, world: &Arc<World>, executor: &Executor) -> bool {
        let now = world.time.now();
        let is_played = self.next == world.setup.script.len();
        if is_played && is_at_rest(world, executor) {
            return false;
        }
        let step = (!is_played).then_some(self.due).filter(|due| now < *due);
        let visible = {
            let queues = world.queues();
            queues.iter().filter_map(|queue| queue.next_visible_at(Millis(now))).map(|at| at.0).min()
        };
        let sweep = world.is_set_aside().then(|| world.lambda().sweep_at);
        let next =
            [step, visible, sweep, world.time.next(), lambda::next_poll(world)].into_iter().flatten().min();
        let Some(next) = next else {
            world.broken("messages are left that nothing will ever receive");
            return false;
        };
        if is_played && self.due + FAULTS_MS < next {
            heal(world);
        }
        if self.due.max(BEGIN + self.idle) + REST_MS_MAX < next {
            world.broken(format!("does not come to rest: {:?}", world.lines_set_aside()));
            return false;
        }
        world.time.advance(next);
        true
    }
}

/// Lets the schedule call recover when it is time. Returns whether it did.
fn sweeps(world: &Arc<World>, executor: &mut Executor) -> bool {
    let now = world.time.now();
    if now < world.lambda().sweep_at || !world.is_set_aside() {
        return false;
    }
    world.lambda().sweep_at = now + SWEEP_EVERY_MS;
    executor.spawn(lambda::sweep(Arc::clone(world)));
    true
}

/// From now on nothing fails. What was deactivated with events set aside is activated, so that they can end.
fn heal(world: &World) {
    let now = world.time.now();
    {
        let mut state = world.state();
        state.history.healed_at.get_or_insert(now);
        state.rates = Rates::default();
    }
    for webhook in 0..world.setup.webhooks.len() {
        let (line, is_active) = {
            let state = world.state();
            let fact = &state.history.webhooks[webhook];
            (fact.line.clone(), fact.versions.last().is_some_and(|version| version.is_active))
        };
        if !is_active && world.tables.line(&line).aside.is_some() {
            let action = Action::Activate { webhook, is_active: true };
            world.state().history.act(now, action);
            write(world, webhook, true);
        }
    }
}

/// Calls recover, as the API does when a webhook is activated or a person asks for it.
fn wake(world: &World, webhook: usize) {
    let key = world.state().history.webhooks[webhook].line.clone();
    let queue = ModelQueue::new(Arc::clone(&world.queues), world.time.clone());
    let now = hookrail_domain::time::Millis(world.time.now());
    let line = world.tables.line(&key);
    let url = deployment::url(RECOVERY);
    recovery::wake((&world.tables, &queue), &url, (&key, &line), now).now_or_never().unwrap().unwrap();
}

fn is_at_rest(world: &World, executor: &Executor) -> bool {
    let live = |queue: &hookrail_fifo::queue::Queue| !queue.name().contains("-dlq");
    executor.is_empty()
        && !world.is_set_aside()
        && world.queues().iter().filter(|queue| live(queue)).all(|queue| queue.messages().next().is_none())
}

/// Companies, and the webhooks that are there from the beginning.
fn begin(world: &World) {
    for index in 0..world.setup.companies {
        let company = CompanyId::parse(&format!("company-{index}")).unwrap();
        let grant = Grant::company(company.clone());
        let token = TokenHash::of(company.as_str());
        world.tables.create_company(&company, token, &grant).now_or_never().unwrap().unwrap();
        world.state().history.companies.push(company);
    }
    for (index, webhook) in world.setup.webhooks.iter().enumerate() {
        let company = world.state().history.companies[webhook.company].clone();
        let subscription = subscription_id(webhook.company, index);
        let queue = shard(&subscription.to_string(), world.setup.queues);
        let fact = WebhookFact {
            line: LineKey { company, subscription },
            company: webhook.company,
            trigger: webhook.trigger,
            queue,
            versions: Vec::new(),
        };
        world.state().history.webhooks.push(fact);
        if webhook.is_there {
            write(world, index, true);
        }
    }
}

fn finish(world: &World, history: &mut History) {
    let queues = world.queues();
    history.dead_deliveries = queues.find(DEAD_DELIVERIES).map_or(0, |queue| queue.messages().count());
    history.ended_at = world.time.now();
    for (index, source) in world.lambda().sources.iter().enumerate() {
        if let Some(since) = source.saturated_since {
            history.saturated.push((index, since, history.ended_at));
        }
    }
}

fn act(world: &Arc<World>, action: Action, rng: &mut Rng) {
    let now = world.time.now();
    world.state().history.act(now, action);
    match action {
        Action::Push { company, kind, body } => push(world, company, Some(kind), body),
        Action::PushBad { company } => push(world, company, None, None),
        Action::Repeat { company } => repeat(world, company),
        Action::Create { webhook } => {
            if world.state().history.webhooks[webhook].versions.is_empty() {
                write(world, webhook, true);
            }
        }
        Action::Edit { webhook } => {
            let is_active =
                world.state().history.webhooks[webhook].versions.last().map(|version| version.is_active);
            if let Some(is_active) = is_active {
                write(world, webhook, is_active);
            }
        }
        Action::Activate { webhook, is_active } => {
            if !world.state().history.webhooks[webhook].versions.is_empty() {
                write(world, webhook, is_active);
            }
        }
        Action::Resume { webhook } => wake(world, webhook),
        Action::Free => free(world, rng),
        // Parked rows do not expire, so there is no such time while any are left.
        Action::Idle { .. } if world.is_set_aside() => {}
        Action::Idle { days } => {
            world.expire_rows();
            world.time.advance(now + days * DAY_MS);
        }
    }
}

/// The next version of a webhook, the first included.
fn write(world: &World, index: usize, is_active: bool) {
    let plan = &world.setup.webhooks[index];
    let mut state = world.state();
    let order = state.history.actions.len();
    let fact = &mut state.history.webhooks[index];
    let version = fact.versions.len() as u64;
    let subscription = Subscription {
        id: fact.line.subscription,
        company: fact.line.company.clone(),
        is_active,
        trigger: trigger(plan.trigger),
        url: TargetUrl::parse_unchecked(&url(index, version)).unwrap(),
        name: Name::parse("webhook").unwrap(),
        code: Code::parse(&format!("webhook_{index}")).unwrap(),
        description: None,
        version,
    };
    if version == 0 {
        let secret = SigningSecret::from_random([7; 32]);
        world.tables.create_subscription(&subscription, &secret).now_or_never().unwrap().unwrap();
    } else {
        world.tables.replace_subscription(&subscription).now_or_never().unwrap().unwrap();
    }
    fact.versions.push(Version { at: world.time.now(), order, is_active });
    drop(state);
    if is_active {
        wake(world, index);
    }
}

fn trigger(kind: Kind) -> Trigger {
    let (name, is_narrow) = match kind {
        Kind::Task => ("create-edit-delete-task", false),
        Kind::GroupTask => ("create-edit-delete-task", true),
        Kind::User => ("create-edit-delete-user", false),
    };
    let mut context = Context::default();
    if is_narrow {
        context.set(Slot::TaskGroup, ContextId::parse(GROUP).unwrap());
    }
    Trigger::new(TriggerType::find(name).unwrap(), context).unwrap()
}

fn push(world: &World, company: usize, kind: Option<Kind>, body: Option<u8>) {
    let now = world.time.now();
    let mut state = world.state();
    let State { history, .. } = &mut *state;
    let of_company = history.events.iter().filter(|event| event.company == company).count();
    let text = |subject, group| {
        let company = history.companies[company].as_str();
        let note = body.map_or_else(|| format!("event {of_company}"), |body| format!("same {body}"));
        format!(
            r#"{{"company":"{company}","type":"{subject}","event":"edit","data":{{"taskGroup":"{group}","note":"{note}"}}}}"#
        )
    };
    let body: Arc<str> = match kind {
        Some(Kind::Task) => text("COTTask", "g0"),
        Some(Kind::GroupTask) => text("COTTask", GROUP),
        Some(Kind::User) => text("COTUser", "g0"),
        None => format!("no event {of_company} of company {company}"),
    }
    .into();
    // Every company numbers its events alike: ids of two companies are the same on purpose.
    let deduplication_id: Arc<str> = format!("event-{of_company}").into();
    let message = NewMessage {
        body: Arc::clone(&body),
        group: Some(history.companies[company].as_str().into()),
        deduplication_id: (world.setup.bug != Some(Bug::ComparesBodies))
            .then(|| Arc::clone(&deduplication_id)),
        ..NewMessage::default()
    };
    let sent = world.queues().find_mut(EVENTS).unwrap().send(Millis(now), message).unwrap();
    let id = EventId::of_message(&sent.id.to_string());
    let event = history.events.len();
    if let Some(kind) = kind {
        for (webhook, fact) in history.webhooks.iter().enumerate() {
            if fact.company == company && fact.trigger.selects(kind) {
                let delivery = DeliveryId::of(id, fact.line.subscription);
                history.owed.insert(delivery, Owed { event, webhook, queued_at: None });
            }
        }
    }
    let order = history.actions.len();
    history.accept(EventFact { company, kind, at: now, order, id, body, deduplication_id });
}

/// As a producer that did not hear the answer: within the window the queue knows the id.
fn repeat(world: &World, company: usize) {
    let now = world.time.now();
    let state = world.state();
    let last = state.history.events.iter().rev().find(|event| event.company == company);
    let Some(last) = last.filter(|last| now < last.at + 299_000) else { return };
    let message = NewMessage {
        body: Arc::clone(&last.body),
        group: Some(state.history.companies[company].as_str().into()),
        deduplication_id: Some(Arc::clone(&last.deduplication_id)),
        ..NewMessage::default()
    };
    world.queues().find_mut(EVENTS).unwrap().send(Millis(now), message).unwrap();
}

/// Makes one group's messages of a running invocation visible again, as if the queue had forgotten that they are held.
/// Half of the time the mapping has lost the invocation as well, and with it its own lock of the group.
fn free(world: &World, rng: &mut Rng) {
    let now = Millis(world.time.now());
    let mut lambda = world.lambda();
    let chosen = rng.index(lambda.running.len());
    let Lambda { running, sources, .. } = &mut *lambda;
    let Some(running) = running.get(chosen) else { return };
    let source = &mut sources[running.source];
    let (group, _) = running.held[rng.index(running.held.len())];
    let mut queues = world.queues();
    let Some(queue) = queues.find_mut(&source.queue) else { return };
    let is_lost = rng.chance(5_000);
    if is_lost {
        source.mapping.complete(now, queue, running.batch, &Answer::Failed);
    }
    let mut freed = 0;
    for (_, handle) in running.held.iter().filter(|(other, _)| *other == group) {
        freed += usize::from(queue.change_visibility(now, *handle, 0).is_ok());
    }
    if is_lost || freed != 0 {
        world.fault(running.run, Fault::Freed);
    }
}
