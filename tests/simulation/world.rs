//! What all sandboxes share: time, queues, tables, receivers, and the record of what happened.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookrail_adapters::store::{LineKey, Recorded};
use hookrail_domain::attempt::{AttemptNumber, Outcome};
use hookrail_domain::id::{DeliveryId, SubscriptionId};
use hookrail_domain::intervention::Waiting;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::suspension::Line;
use hookrail_fifo::queues::Queues;
use hookrail_testkit::memory::MemoryTables;

use crate::deployment::DEAD_EVENTS;
use crate::faults::{Call, Fate, Function, Rates};
use crate::history::{AttemptFact, Fault, History, PutFact, Version};
use crate::lambda::Lambda;
use crate::receiver::{Behaviour, Reply};
use crate::rng::Rng;
use crate::setup::{Action, Setup};
use crate::time::{BEGIN, Time};

const WELL: Behaviour = Behaviour::Answers { status: 200, ms: 5 };

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) time: Time,
    pub(crate) tables: MemoryTables,
    pub(crate) queues: Arc<Mutex<Queues>>,
    pub(crate) lambda: Mutex<Lambda>,
    state: Mutex<State>,
}

/// What is drawn and what is remembered.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) rng: Rng,
    /// Set to nothing towards the end, so that everything can come to rest.
    pub(crate) rates: Rates,
    pub(crate) history: History,
    /// Requests that each webhook's receiver has seen or refused.
    requests: Vec<usize>,
}

/// Names an invocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Invocation {
    pub(crate) function: Function,
    /// The how many-th of its function, from 0.
    pub(crate) invocation: usize,
    /// The how many-th of all.
    pub(crate) run: usize,
}

impl World {
    pub(crate) fn new(setup: Setup, queues: Queues, lambda: Lambda) -> Self {
        let state = State {
            rng: Rng::new(setup.seed ^ 0x5a5a),
            rates: setup.rates,
            history: History::default(),
            requests: vec![0; setup.webhooks.len()],
        };
        Self {
            setup,
            time: Time::new(),
            tables: MemoryTables::default(),
            queues: Arc::new(Mutex::new(queues)),
            lambda: Mutex::new(lambda),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lambda(&self) -> MutexGuard<'_, Lambda> {
        self.lambda.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of an invocation's `nth` call of its kind.
    pub(crate) fn fate(&self, of: Invocation, (call, nth): (Call, usize)) -> Fate {
        let planned = self.setup.planned.iter().find(|one| {
            (one.function, one.invocation, one.call, one.nth) == (of.function, of.invocation, call, nth)
        });
        let mut state = self.state();
        let State { rng, rates, history, .. } = &mut *state;
        let fate = planned.map_or_else(|| rates.draw(rng, call), |planned| planned.fate);
        if fate != Fate::Fine {
            history.fail(self.time.now(), of.run, Fault::Call(call, fate));
        }
        fate
    }

    /// How long a call takes, before and after its effect.
    pub(crate) fn latencies(&self) -> (u64, u64) {
        let latency_ms = self.setup.latency_ms;
        let rng = &mut self.state().rng;
        let before_ms = rng.between(0..=latency_ms);
        // Most often nothing comes between an effect and the next call.
        let after_ms = if rng.chance(2_500) { rng.between(0..=latency_ms) } else { 0 };
        (before_ms, after_ms)
    }

    pub(crate) fn fault(&self, run: usize, what: Fault) {
        let at = self.time.now();
        self.state().history.fail(at, run, what);
    }

    pub(crate) fn broken(&self, what: impl Into<String>) {
        self.state().history.broken.push(what.into());
    }

    /// A request leaves for its receiver.
    pub(crate) fn arrive(&self, run: usize, request: &DeliveryRequest) -> (usize, Reply) {
        let now = self.time.now();
        let (webhook, version) = read_url(request.url.as_str());
        let (delivery, number) = read_headers(request);
        let mut state = self.state();
        let State { rng, history, requests, .. } = &mut *state;
        let behaviour = match history.healed_at {
            Some(_) if history.receivers_heal => WELL,
            _ => self.setup.webhooks[webhook].receiver.behaviour(requests[webhook], now - BEGIN),
        };
        requests[webhook] += 1;
        let reply = behaviour.reply(rng, request.timeout_seconds * 1000);
        let attempt = history.send(AttemptFact {
            run,
            webhook,
            delivery,
            number,
            at: now,
            arrived: !matches!(reply.outcome, Outcome::NotSent { .. }),
            answered_at: None,
            outcome: reply.outcome.clone(),
            version,
            body: Arc::from(request.body.as_str()),
        });
        (attempt, reply)
    }

    /// The attempt has its outcome.
    pub(crate) fn answered(&self, attempt: usize) {
        let now = self.time.now();
        self.state().history.answer(attempt, now);
    }

    /// A row was put, and this is what the function would be told.
    pub(crate) fn put(&self, run: usize, row: &LogRow, told: Option<Recorded>) {
        let at = self.time.now();
        let (webhook, number) = (webhook_of(row.subscription), row.attempt.number);
        self.state().history.put(PutFact { at, run, webhook, number, told });
    }

    /// A function has deactivated a webhook.
    pub(crate) fn deactivated(&self, subscription: &Subscription) {
        let at = self.time.now();
        let webhook = webhook_of(subscription.id);
        let mut state = self.state();
        state.history.act(at, Action::Deactivate { webhook, waiting: Waiting::Keep });
        let order = state.history.actions.len();
        let fact = &mut state.history.webhooks[webhook];
        fact.versions.push(Version { at, order, is_active: subscription.is_active });
    }

    /// Whether events of any webhook are set aside.
    pub(crate) fn is_set_aside(&self) -> bool {
        self.tables.has_due_lines()
    }

    /// Webhooks of which events are set aside, with the state of their lines.
    pub(crate) fn lines_set_aside(&self) -> Vec<(usize, Line)> {
        let state = self.state();
        let lines = state.history.webhooks.iter().map(|webhook| self.tables.line(&webhook.line));
        lines.enumerate().filter(|(_, line)| line.aside.is_some()).collect()
    }

    /// Keeps what the log says now, before it expires or is looked at in the end.
    pub(crate) fn keep_rows(&self) {
        let mut state = self.state();
        let State { history, .. } = &mut *state;
        for (webhook, fact) in history.webhooks.iter().enumerate() {
            history.rows.extend(self.tables.rows(&fact.line).into_iter().map(|row| (webhook, row)));
        }
    }

    /// Keeps what is in the dead-letter queue of events, before it is too old or is looked at in the end.
    pub(crate) fn keep_dead_events(&self) {
        let queues = self.queues();
        let Some(queue) = queues.find(DEAD_EVENTS) else { return };
        self.state().history.dead_events.extend(queue.messages().map(|message| message.body.clone()));
    }

    /// Forgets every row, as after idle months, and keeps the floor of each line.
    pub(crate) fn expire_rows(&self) {
        self.keep_rows();
        self.keep_dead_events();
        let lines: Vec<LineKey> =
            self.state().history.webhooks.iter().map(|webhook| webhook.line.clone()).collect();
        for line in lines {
            if let Some(last) = self.tables.rows(&line).last() {
                self.tables.expire_rows(&line, last.attempt.number.sequence);
            }
        }
    }
}

/// The id of the webhook at this index; the index can be read back from it.
pub(crate) fn subscription_id(company: usize, webhook: usize) -> SubscriptionId {
    let byte = |index: usize| u8::try_from(index).unwrap_or(u8::MAX);
    SubscriptionId::from_bytes([0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(company), byte(webhook)])
}

pub(crate) fn webhook_of(id: SubscriptionId) -> usize {
    usize::from(id.as_bytes()[11])
}

/// The URL of a version of a webhook.
pub(crate) fn url(webhook: usize, version: u64) -> String {
    format!("https://receiver.example/{webhook}/{version}")
}

fn read_url(url: &str) -> (usize, u64) {
    let mut parts = url.rsplit('/');
    let mut number = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(u64::MAX);
    let version = number();
    (usize::try_from(number()).unwrap_or(usize::MAX), version)
}

fn read_headers(request: &DeliveryRequest) -> (DeliveryId, AttemptNumber) {
    let header =
        |name| request.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str());
    let (delivery, sequence) = header("webhook-id").and_then(|id| id.split_once('_')).unwrap();
    let attempt = header("hookrail-attempt").unwrap().parse().unwrap();
    let number = AttemptNumber { sequence: sequence.parse().unwrap(), attempt };
    (DeliveryId::parse(delivery).unwrap(), number)
}
