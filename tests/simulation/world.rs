//! The state that all sandboxes share: time, queues, tables, receivers, and the history.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookrail_domain::attempt::{AttemptNumber, Outcome};
use hookrail_domain::commands::Waiting;
use hookrail_domain::id::{DeliveryId, WebhookId};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::suspension::QueueState;
use hookrail_domain::webhook::Webhook;
use hookrail_fifo::queues::Queues;
use hookrail_pipeline::store::{Recorded, WebhookKey};
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

/// The random state and the history.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) rng: Rng,
    /// Set to zero towards the end, so that everything can end.
    pub(crate) rates: Rates,
    pub(crate) history: History,
    /// Requests that each webhook's receiver has seen or refused.
    requests: Vec<usize>,
}

/// A reference to an invocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Invocation {
    pub(crate) function: Function,
    /// Its number among those of its function, from 0.
    pub(crate) invocation: usize,
    /// Its number among all.
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

    /// Returns the fate of an invocation's `nth` call of its kind.
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

    /// Returns the time of a call, before and after its effect.
    pub(crate) fn latencies(&self) -> (u64, u64) {
        let latency_ms = self.setup.latency_ms;
        let rng = &mut self.state().rng;
        let before_ms = rng.between(0..=latency_ms);
        // Most often there is no time between an effect and the next call.
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

    /// Records a request that leaves for its receiver.
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

    /// Records that the attempt has its outcome.
    pub(crate) fn answered(&self, attempt: usize) {
        let now = self.time.now();
        self.state().history.answer(attempt, now);
    }

    /// Records that a row was put, with the result that the function would get.
    pub(crate) fn put(&self, run: usize, row: &LogRow, result: Option<Recorded>) {
        let at = self.time.now();
        let (webhook, number) = (webhook_of(row.webhook), row.attempt.number);
        self.state().history.put(PutFact { at, run, webhook, number, result });
    }

    /// Records that a function has deactivated a webhook.
    pub(crate) fn deactivated(&self, webhook: &Webhook) {
        let at = self.time.now();
        let index = webhook_of(webhook.id);
        let mut state = self.state();
        state.history.act(at, Action::Deactivate { webhook: index, waiting: Waiting::Keep });
        let order = state.history.actions.len();
        let fact = &mut state.history.webhooks[index];
        fact.versions.push(Version { at, order, is_active: webhook.is_active });
    }

    /// Returns whether any webhook has a backlog.
    pub(crate) fn has_backlog(&self) -> bool {
        self.tables.has_due_queues()
    }

    /// Returns webhooks with a backlog, with the state of their queues.
    pub(crate) fn queues_with_backlog(&self) -> Vec<(usize, QueueState)> {
        let state = self.state();
        let queue_states = state.history.webhooks.iter().map(|webhook| self.tables.state(&webhook.key));
        queue_states.enumerate().filter(|(_, queue_state)| queue_state.backlog.is_some()).collect()
    }

    /// Keeps the current rows of the log, before they expire or at the end.
    pub(crate) fn keep_rows(&self) {
        let mut state = self.state();
        let State { history, .. } = &mut *state;
        for (webhook, fact) in history.webhooks.iter().enumerate() {
            history.rows.extend(self.tables.rows(&fact.key).into_iter().map(|row| (webhook, row)));
        }
    }

    /// Keeps the content of the events' dead-letter queue, before it is too old or at the end.
    pub(crate) fn keep_dead_events(&self) {
        let queues = self.queues();
        let Some(queue) = queues.find(DEAD_EVENTS) else { return };
        self.state().history.dead_events.extend(queue.messages().map(|message| message.body.clone()));
    }

    /// Drops every row, as after idle months, and keeps the floor of each queue.
    pub(crate) fn expire_rows(&self) {
        self.keep_rows();
        self.keep_dead_events();
        let states: Vec<WebhookKey> =
            self.state().history.webhooks.iter().map(|webhook| webhook.key.clone()).collect();
        for state in states {
            if let Some(last) = self.tables.rows(&state).last() {
                self.tables.expire_rows(&state, last.attempt.number.sequence);
            }
        }
    }
}

/// Returns the id of the webhook at this index; the index can be read back from it.
pub(crate) fn webhook_id(company: usize, webhook: usize) -> WebhookId {
    let byte = |index: usize| u8::try_from(index).unwrap_or(u8::MAX);
    WebhookId::from_bytes([0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(company), byte(webhook)])
}

pub(crate) fn webhook_of(id: WebhookId) -> usize {
    usize::from(id.as_bytes()[11])
}

/// Returns the URL of a version of a webhook.
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
