//! One run: the script is played, mappings poll, tasks run one at a time, until nothing is left to do.

use std::sync::Arc;

use futures_util::FutureExt as _;
use hookrail_domain::id::{CompanyId, shard};
use hookrail_domain::time::Millis as At;
use hookrail_domain::token::{Grant, Token, TokenHash};
use hookrail_fifo::millis::Millis;
use hookrail_pipeline::store::{ConfigStore as _, WebhookKey};

use crate::act::{act, activate, write};
use crate::deployment::{self, DEAD_DELIVERIES};
use crate::executor::Executor;
use crate::faults::Rates;
use crate::history::{History, WebhookFact};
use crate::lambda::{self, SWEEP_EVERY_MS};
use crate::rng::Rng;
use crate::setup::{Action, NEVER, Setup};
use crate::time::BEGIN;
use crate::world::{World, webhook_id};

/// Time after the last step of the script in which calls still fail.
const FAULTS_MS: u64 = 10 * 60 * 1000;
/// Time by which everything must have ended.
const REST_MS_MAX: u64 = 5 * DAY_MS;
pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1000;

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

/// The progress of the script.
struct Script {
    next: usize,
    /// The time at which the next step is due.
    due: u64,
    /// Time that was skipped.
    idle: u64,
}

impl Script {
    /// Does one thing. Returns false if there is nothing left to do.
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
                || world.waits_for_schedule())
        {
            act(world, step.action, rng);
            if let Action::Idle { days } = step.action
                && !world.waits_for_schedule()
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

    /// Advances to the next time at which something can happen.
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
        let sweep = world.waits_for_schedule().then(|| world.lambda().sweep_at);
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
            world.broken(format!("does not come to rest: {:?}", world.queues_with_backlog()));
            return false;
        }
        world.time.advance(next);
        true
    }
}

/// Lets the schedule call recover when it is time. Returns whether it did.
fn sweeps(world: &Arc<World>, executor: &mut Executor) -> bool {
    let now = world.time.now();
    if now < world.lambda().sweep_at || !world.waits_for_schedule() {
        return false;
    }
    world.lambda().sweep_at = now + SWEEP_EVERY_MS;
    executor.spawn(lambda::sweep(Arc::clone(world)));
    true
}

/// Ends all faults. A webhook that was deactivated with a backlog is activated, so that its events can end.
fn heal(world: &World) {
    let now = world.time.now();
    let receivers_heal = world.setup.heals && (world.setup.suspension != NEVER || world.has_backlog());
    {
        let mut state = world.state();
        state.history.receivers_heal |= receivers_heal;
        state.history.healed_at.get_or_insert(now);
        state.rates = Rates::default();
    }
    for webhook in 0..world.setup.webhooks.len() {
        let (queue_state, is_active) = {
            let state = world.state();
            let fact = &state.history.webhooks[webhook];
            (fact.key.clone(), fact.versions.last().is_some_and(|version| version.is_active))
        };
        if !is_active && world.tables.state(&queue_state).backlog.is_some() {
            let action = Action::Activate { webhook };
            world.state().history.act(now, action);
            activate(world, webhook);
        }
    }
}

fn is_at_rest(world: &World, executor: &Executor) -> bool {
    let live = |queue: &hookrail_fifo::queue::Queue| !queue.name().contains("-dlq");
    executor.is_empty()
        && !world.waits_for_schedule()
        && world.queues().iter().filter(|queue| live(queue)).all(|queue| queue.messages().next().is_none())
}

/// Creates the companies, and the webhooks that exist from the beginning.
fn begin(world: &World) {
    for index in 0..world.setup.companies {
        let company = CompanyId::parse(&format!("company-{index}")).unwrap();
        let grant = Grant::company(company.clone());
        let token = Token::first(TokenHash::of(company.as_str()), grant, At(0));
        world.tables.create_company(&company, &token).now_or_never().unwrap().unwrap();
        world.state().history.companies.push(company);
    }
    for (index, webhook) in world.setup.webhooks.iter().enumerate() {
        let company = world.state().history.companies[webhook.company].clone();
        let id = webhook_id(webhook.company, index);
        let queue = shard(&id.to_string(), world.setup.queues);
        let fact = WebhookFact {
            key: WebhookKey { company, webhook: id },
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
