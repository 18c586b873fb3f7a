//! The history of a run, as an observer outside the functions sees it.

use std::collections::HashMap;
use std::sync::Arc;

use hookrail_domain::attempt::{AttemptNumber, Outcome};
use hookrail_domain::id::{CompanyId, DeliveryId, EventId, WebhookId};
use hookrail_domain::log_row::LogRow;
use hookrail_fifo::message::Received;
use hookrail_pipeline::store::{Recorded, WebhookKey};

use crate::faults::{Call, Fate, Function};
use crate::posted::Posted;
use crate::setup::{Action, Kind};
use crate::world::webhook_of;

/// All facts, each list in the order of time. Times are of the world's clock.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The order of all facts, at the same time too.
    pub(crate) order: Vec<Entry>,
    pub(crate) companies: Vec<CompanyId>,
    pub(crate) webhooks: Vec<WebhookFact>,
    pub(crate) events: Vec<EventFact>,
    /// Looked up by key only: its order differs between runs.
    pub(crate) owed: HashMap<DeliveryId, Recipients>,
    /// Jobs without a message so far.
    pub(crate) posted: HashMap<DeliveryId, Posted>,
    pub(crate) actions: Vec<(u64, Action)>,
    pub(crate) runs: Vec<RunFact>,
    pub(crate) attempts: Vec<AttemptFact>,
    pub(crate) puts: Vec<PutFact>,
    pub(crate) faults: Vec<FaultFact>,
    pub(crate) replays: Vec<ReplayFact>,
    /// Events of each company, and invocations of each function, so far.
    pub(crate) events_of: HashMap<usize, usize>,
    pub(crate) invocations_of: HashMap<Function, usize>,
    /// Most messages that any delivery queue ever held.
    pub(crate) deepest: usize,
    /// Expired rows, then the rows at the end. The webhook's index goes before each.
    pub(crate) rows: Vec<(usize, LogRow)>,
    /// Times at which a delivery queue's mapping had no sandbox left: queue, from, to.
    pub(crate) saturated: Vec<(usize, u64, u64)>,
    /// Violations found while it ran.
    pub(crate) broken: Vec<String>,
    pub(crate) dead_deliveries: usize,
    /// The time from which nothing fails any longer.
    pub(crate) healed_at: Option<u64>,
    /// Without suspension a dead receiver may stay dead.
    pub(crate) receivers_heal: bool,
    pub(crate) dead_events: Vec<Arc<str>>,
    pub(crate) ended_at: u64,
}

/// A fact, with its index in its list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry {
    Action(usize),
    Accepted(usize),
    Began(usize),
    Ended(usize),
    Fault(usize),
    Sent(usize),
    Responded(usize),
    Put(usize),
}

/// A replay that was begun.
#[derive(Debug)]
pub(crate) struct ReplayFact {
    pub(crate) at: u64,
    pub(crate) webhook: usize,
    /// Sequences that it was asked to send.
    pub(crate) wanted: Vec<u64>,
    /// The time at which it was cancelled, by hand or with all waiting events.
    pub(crate) cancelled_at: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct WebhookFact {
    pub(crate) key: WebhookKey,
    pub(crate) company: usize,
    pub(crate) trigger: Kind,
    /// The delivery queue that carries it.
    pub(crate) queue: usize,
    /// Empty before it is made.
    pub(crate) versions: Vec<Version>,
}

/// A write of a webhook.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    pub(crate) at: u64,
    /// Number of actions before it: orders facts of the same time.
    pub(crate) order: usize,
    pub(crate) is_active: bool,
}

#[derive(Debug)]
pub(crate) struct EventFact {
    pub(crate) company: usize,
    /// None for a rejected event.
    pub(crate) kind: Option<Kind>,
    pub(crate) at: u64,
    /// Number of actions before it.
    pub(crate) order: usize,
    /// Unused for a rejected event.
    pub(crate) id: EventId,
    pub(crate) body: Arc<str>,
    pub(crate) deduplication_id: Arc<str>,
}

/// One event for one webhook that its trigger selects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipients {
    pub(crate) event: usize,
    pub(crate) webhook: usize,
    /// The time at which its message was first in the delivery queue.
    pub(crate) queued_at: Option<u64>,
    /// A person wants it sent: it keeps its turn whatever happens to the webhook.
    pub(crate) is_posted: bool,
}

#[derive(Debug)]
pub(crate) struct RunFact {
    pub(crate) function: Function,
    pub(crate) source: usize,
    pub(crate) at: u64,
    pub(crate) ended: Option<(u64, RunEnd)>,
    /// The webhooks (of deliver) or companies (of fan-out) of its batch.
    pub(crate) groups: Vec<usize>,
    pub(crate) messages: usize,
    pub(crate) receives_max: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunEnd {
    /// This many messages were reported as failed.
    Responded {
        failed: usize,
    },
    Crashed,
    TimedOut,
    /// It never began.
    Dropped,
}

#[derive(Debug)]
pub(crate) struct AttemptFact {
    pub(crate) run: usize,
    pub(crate) webhook: usize,
    pub(crate) delivery: DeliveryId,
    pub(crate) number: AttemptNumber,
    pub(crate) at: u64,
    /// True if the request reached the receiver.
    pub(crate) arrived: bool,
    pub(crate) answered_at: Option<u64>,
    pub(crate) outcome: Outcome,
    /// The version whose URL was called.
    pub(crate) version: u64,
    pub(crate) body: Arc<str>,
}

#[derive(Debug)]
pub(crate) struct PutFact {
    pub(crate) at: u64,
    pub(crate) run: usize,
    pub(crate) webhook: usize,
    pub(crate) number: AttemptNumber,
    pub(crate) result: Option<Recorded>,
}

#[derive(Debug)]
pub(crate) struct FaultFact {
    pub(crate) at: u64,
    pub(crate) run: usize,
    pub(crate) what: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Call(Call, Fate),
    /// The function's time was up.
    TimedOut,
    /// Its messages could be received again.
    Freed,
}

impl History {
    pub(crate) fn act(&mut self, at: u64, action: Action) {
        self.order.push(Entry::Action(self.actions.len()));
        self.actions.push((at, action));
    }

    pub(crate) fn accept(&mut self, event: EventFact) {
        self.order.push(Entry::Accepted(self.events.len()));
        *self.events_of.entry(event.company).or_default() += 1;
        self.events.push(event);
    }

    /// Returns the run's index, and its number among those of its function, from 0.
    pub(crate) fn begin(&mut self, run: RunFact) -> (usize, usize) {
        let place = self.runs.len();
        self.order.push(Entry::Began(place));
        let invocations = self.invocations_of.entry(run.function).or_default();
        *invocations += 1;
        let invocation = *invocations - 1;
        self.runs.push(run);
        (place, invocation)
    }

    pub(crate) fn end(&mut self, run: usize, at: u64, how: RunEnd) {
        self.order.push(Entry::Ended(run));
        self.runs[run].ended = Some((at, how));
    }

    pub(crate) fn fail(&mut self, at: u64, run: usize, what: Fault) {
        self.order.push(Entry::Fault(self.faults.len()));
        self.faults.push(FaultFact { at, run, what });
    }

    /// Returns the attempt's index.
    pub(crate) fn send(&mut self, attempt: AttemptFact) -> usize {
        self.order.push(Entry::Sent(self.attempts.len()));
        self.attempts.push(attempt);
        self.attempts.len() - 1
    }

    pub(crate) fn answer(&mut self, attempt: usize, at: u64) {
        self.order.push(Entry::Responded(attempt));
        self.attempts[attempt].answered_at = Some(at);
    }

    pub(crate) fn put(&mut self, put: PutFact) {
        self.order.push(Entry::Put(self.puts.len()));
        self.puts.push(put);
    }

    /// Returns the group of a message (webhook of a delivery, company of an event), which was received just
    /// now.
    pub(crate) fn meet(&mut self, function: Function, received: &Received) -> usize {
        let message = &received.message;
        let group = message.group.as_deref().unwrap_or_default();
        if function == Function::FanOut {
            return self.companies.iter().position(|company| company.as_str() == group).unwrap_or(usize::MAX);
        }
        if function == Function::Recover {
            let webhook = group.split_once('-').and_then(|(id, _)| WebhookId::parse(id).ok());
            return webhook.map_or(usize::MAX, webhook_of);
        }
        let id = message.deduplication_id.as_deref().unwrap_or_default();
        match DeliveryId::parse(id).ok().and_then(|id| self.owed.get_mut(&id)) {
            None => usize::MAX,
            Some(owed) => {
                owed.queued_at.get_or_insert(message.sent_at.0);
                owed.webhook
            }
        }
    }

    /// Returns whether a run has any message of this webhook.
    pub(crate) fn touches(&self, run: usize, webhook: usize) -> bool {
        let run = &self.runs[run];
        match run.function {
            Function::Deliver | Function::Recover => run.groups.contains(&webhook),
            Function::FanOut => run.groups.contains(&self.webhooks[webhook].company),
        }
    }
}
