//! The inputs of a run: the deployment, the receivers, the actions, and the faults.

use hookrail_domain::commands::Waiting;
use hookrail_domain::retry::RetryPolicy;
use hookrail_domain::suspension::SuspensionPolicy;
use hookrail_fifo::mapping::GroupLock;

use crate::faults::{Planned, Rates};
use crate::planted::Bug;
use crate::receiver::Receiver;

/// The policy that never parks.
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
    /// The longest time of a call, before and after its effect.
    pub(crate) latency_ms: u64,
    /// The longest time between two receives of a mapping.
    pub(crate) poll_ms: u64,
    /// The largest error of a sandbox's clock, to either side.
    pub(crate) skew_ms: u64,
    /// The time at which the delivery queues' mappings begin to poll.
    pub(crate) deliver_from_ms: u64,
    pub(crate) rates: Rates,
    pub(crate) planned: Vec<Planned>,
    pub(crate) companies: usize,
    pub(crate) webhooks: Vec<Webhook>,
    pub(crate) script: Vec<Step>,
    /// True if every receiver works at the end.
    pub(crate) heals: bool,
    pub(crate) bug: Option<Bug>,
}

/// A webhook, its trigger and its receiver.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) company: usize,
    pub(crate) trigger: Kind,
    /// Exists from the beginning; otherwise an action creates it.
    pub(crate) is_there: bool,
    pub(crate) receiver: Receiver,
}

impl Setup {
    /// Returns whether users are records of the platform in this schedule.
    /// Their webhooks then have filters and templates, and their events have jobs.
    pub(crate) fn has_records(&self) -> bool {
        (self.seed / 2).is_multiple_of(5)
    }

    /// Returns whether this webhook is a platform webhook.
    pub(crate) fn is_of_records(&self, webhook: usize) -> bool {
        self.has_records() && self.webhooks[webhook].trigger == Kind::User
    }
}

/// The kind of events: of users, of tasks, or of the tasks of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Task,
    GroupTask,
    User,
}

impl Kind {
    /// Returns whether an event of that kind is owed to a webhook of this trigger.
    pub(crate) fn selects(self, event: Self) -> bool {
        match self {
            Self::Task => event != Self::User,
            Self::GroupTask | Self::User => self == event,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Time after the step before.
    pub(crate) after_ms: u64,
    pub(crate) action: Action,
}

/// An action from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    /// The platform pushes an event. Those with the same `body` are equal byte for byte.
    Push {
        company: usize,
        kind: Kind,
        body: Option<u8>,
    },
    /// The platform pushes the company's last event again, as if the response was lost.
    Repeat {
        company: usize,
    },
    /// A message that is not an event.
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
    /// A person asks for an attempt at the head now, waiting or parked.
    Retry {
        webhook: usize,
    },
    /// A person asks for a replay of the newest ended events.
    Replay {
        webhook: usize,
        events: u64,
        only_failed: bool,
    },
    CancelReplay {
        webhook: usize,
    },
    /// A person asks recover to continue now.
    Resume {
        webhook: usize,
    },
    /// A person posts a job for this much later; `is_left` if the call ends before the job is queued.
    Post {
        webhook: usize,
        later_ms: u64,
        is_left: bool,
    },
    /// The queue delivers again the messages of a running invocation.
    Free,
    /// Nothing for this many days, once everything has ended; the log's rows expire.
    Idle {
        days: u64,
    },
}

impl Setup {
    /// Makes a quiet world with the template's defaults: nothing fails and no call takes time.
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
