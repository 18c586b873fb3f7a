//! Everything a run depends on: what is deployed, who listens, what happens, and what goes wrong.

use hookrail_domain::intervention::Waiting;
use hookrail_domain::retry::RetryPolicy;
use hookrail_domain::suspension::SuspensionPolicy;
use hookrail_fifo::mapping::GroupLock;

use crate::faults::{Planned, Rates};
use crate::planted::Bug;
use crate::receiver::Receiver;

/// Nothing is ever set aside.
pub(crate) const NEVER: SuspensionPolicy =
    SuspensionPolicy { suspend_after: 0, park_after_seconds: 0, retires_gone: true };

#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) policy: RetryPolicy,
    pub(crate) suspension: SuspensionPolicy,
    pub(crate) function_seconds: u64,
    pub(crate) visibility_seconds: u32,
    pub(crate) receives_max: u32,
    pub(crate) batch_size: usize,
    pub(crate) concurrency: usize,
    pub(crate) group_lock: GroupLock,
    /// Delivery queues.
    pub(crate) queues: usize,
    /// The longest a call takes, before and after its effect.
    pub(crate) latency_ms: u64,
    /// The longest a mapping waits from one receive to the next.
    pub(crate) poll_ms: u64,
    /// The most a sandbox's clock is off, to either side.
    pub(crate) skew_ms: u64,
    /// When the delivery queues' mappings begin to poll.
    pub(crate) deliver_from_ms: u64,
    pub(crate) rates: Rates,
    pub(crate) planned: Vec<Planned>,
    pub(crate) companies: usize,
    pub(crate) webhooks: Vec<Webhook>,
    pub(crate) script: Vec<Step>,
    /// Whether every receiver is well in the end.
    pub(crate) heals: bool,
    pub(crate) bug: Option<Bug>,
}

/// A webhook, its trigger and its receiver.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) company: usize,
    pub(crate) trigger: Kind,
    /// From the beginning; otherwise an action makes it.
    pub(crate) is_there: bool,
    pub(crate) receiver: Receiver,
}

impl Setup {
    /// Whether users are records of the platform in this schedule: their webhooks have filters and templates, and
    /// their events have jobs.
    pub(crate) fn has_records(&self) -> bool {
        (self.seed / 2).is_multiple_of(5)
    }

    /// Whether this webhook is one on records.
    pub(crate) fn is_of_records(&self, webhook: usize) -> bool {
        self.has_records() && self.webhooks[webhook].trigger == Kind::User
    }
}

/// Which events: of users, of tasks, or of the tasks of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Task,
    GroupTask,
    User,
}

impl Kind {
    /// Whether a webhook of this trigger is owed an event of that kind.
    pub(crate) fn selects(self, event: Self) -> bool {
        match self {
            Self::Task => event != Self::User,
            Self::GroupTask | Self::User => self == event,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// After the step before.
    pub(crate) after_ms: u64,
    pub(crate) action: Action,
}

/// What happens by itself, from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    /// The platform pushes an event. Those with the same `body` are equal byte for byte.
    Push {
        company: usize,
        kind: Kind,
        body: Option<u8>,
    },
    /// The platform pushes the company's last event again, as one whose answer was lost.
    Repeat {
        company: usize,
    },
    /// Something that is no event.
    PushBad {
        company: usize,
    },
    Create {
        webhook: usize,
    },
    /// The URL changes; its receiver stays the same.
    Edit {
        webhook: usize,
    },
    Activate {
        webhook: usize,
    },
    Deactivate {
        webhook: usize,
        waiting: Waiting,
    },
    /// A person wants the head tried now, waiting or set aside.
    Retry {
        webhook: usize,
    },
    /// A person wants the newest so many ended events sent again.
    Replay {
        webhook: usize,
        events: u64,
        only_failed: bool,
    },
    CancelReplay {
        webhook: usize,
    },
    /// A person asks recover to go on now.
    Resume {
        webhook: usize,
    },
    /// A person posts a job for so much later; `is_left` where the call ends before the job is in its line.
    Post {
        webhook: usize,
        later_ms: u64,
        is_left: bool,
    },
    /// The queue hands out again what an invocation is busy with.
    Free,
    /// Nothing for so many days, once everything has ended; the log's rows expire.
    Idle {
        days: u64,
    },
}

impl Setup {
    /// A quiet world with the template's defaults: nothing fails and no call takes time.
    pub(crate) fn quiet(webhooks: Vec<Webhook>, script: Vec<Step>) -> Self {
        let companies = webhooks.iter().map(|webhook| webhook.company + 1).max().unwrap_or(1);
        Self {
            seed: 1,
            policy: RetryPolicy::default(),
            suspension: NEVER,
            function_seconds: 30,
            visibility_seconds: 180,
            receives_max: 110,
            batch_size: 10,
            concurrency: 10,
            group_lock: GroupLock::Queue,
            queues: 1,
            latency_ms: 0,
            poll_ms: 0,
            skew_ms: 0,
            deliver_from_ms: 0,
            rates: Rates::default(),
            planned: Vec::new(),
            companies,
            webhooks,
            script,
            heals: true,
            bug: None,
        }
    }
}
