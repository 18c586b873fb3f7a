//! The states of a webhook's queue and every step between them.
//!
//! A webhook is active, or its events are parked: *suspended* while its endpoint fails and is probed,
//! *lagging* (draining) while it works and is behind.
//! Deliver opens a backlog and parks; recover probes, drains and makes the webhook active again.

use crate::backlog::{Backlog, Lease, Mode, PROBE_SECONDS_MIN};
use crate::operational_event::{PendingEvent, StateChange};
use crate::progress::{LastRow, Progress};
use crate::replay::Replay;
use crate::time::Millis;
use crate::webhook::Webhook;

mod attempt;
mod merge;

pub use self::attempt::Step;

/// `suspend_after` of a webhook whose head is never exhausted: only a person skips it.
pub const HOLD: u32 = 1;

/// The conditions under which events are parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuspensionPolicy {
    /// Exhausted events in a row, 0 to 100; 1 is hold (nothing is ever skipped), 0 is never.
    pub suspend_after: u32,
    /// Age of a message at its first attempt, in seconds; 0 is never.
    pub park_after_seconds: u64,
    /// True if a webhook is deactivated when its endpoint responds 410.
    pub retires_gone: bool,
}

/// The largest `suspend_after`.
pub const SUSPEND_AFTER_MAX: u32 = 100;

impl SuspensionPolicy {
    /// Returns the policy of this webhook, which may have a number of its own.
    #[must_use]
    pub fn of(self, webhook: Option<&Webhook>) -> Self {
        let own = webhook.and_then(|webhook| webhook.suspend_after);
        // Jobs without a webhook go to many endpoints: one that is gone says nothing about the others.
        let retires_gone = self.retires_gone && !webhook.is_some_and(Webhook::is_implicit);
        Self { suspend_after: own.unwrap_or(self.suspend_after), retires_gone, ..self }
    }
}

impl Default for SuspensionPolicy {
    fn default() -> Self {
        Self { suspend_after: 5, park_after_seconds: 900, retires_gone: true }
    }
}

/// The stored item of a webhook's queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueState {
    /// The last sequence number known to have been used, kept apart from rows that may have expired.
    pub sequence_floor: u64,
    /// Raised by every change between active and not active.
    pub generation: u64,
    /// Raised by every wake-up that is sent; an older one is void.
    pub wake: u64,
    /// None while the webhook is active.
    pub backlog: Option<Backlog>,
    /// The newest replay of ended events, running or not. While it runs the queue has a backlog.
    pub replay: Option<Replay>,
    /// Changes that are not published yet, oldest first.
    pub operational_events: Vec<PendingEvent>,
}

impl QueueState {
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.replay.as_ref().is_some_and(Replay::is_running)
    }

    /// Returns the queue with a backlog after a run of exhausted events, if that is due: the run is sent
    /// again first.
    /// An endpoint that is gone needs no run.
    ///
    /// Called whenever the last row has ended, before its message is deleted: a crash then repairs itself.
    #[must_use]
    pub fn suspended(&self, last: Option<&LastRow>, policy: &SuspensionPolicy, now: Millis) -> Option<Self> {
        let last = last.filter(|last| last.progress == Progress::Ended && 0 < last.given_up)?;
        // Without suspension, events that were exhausted before are not sent again.
        let run = if policy.suspend_after == 0 { 1 } else { last.given_up };
        let is_dead = 0 < policy.suspend_after && policy.suspend_after <= last.given_up;
        let gone = last.gone.filter(|_| policy.retires_gone);
        if !is_dead && gone.is_none() {
            return None;
        }
        let sequence = last.number.sequence;
        let first = (sequence + 1).saturating_sub(run.into());
        match &self.backlog {
            None => {
                let wait_seconds = if gone.is_some() { 0 } else { PROBE_SECONDS_MIN };
                let due_at = now.plus_seconds(wait_seconds);
                let backlog = Backlog::new(Mode::Suspended, first, sequence, now);
                let state = self.changed(Some(Backlog { due_at, gone, ..backlog }));
                // A gone endpoint is deactivated next, and that event says more.
                Some(if gone.is_some() { state } else { state.noting(StateChange::Suspended, now) })
            }
            // Another run opened the backlog while the last attempt of the run was under way.
            Some(backlog) if backlog.last < sequence => {
                let (next, gone) = (backlog.next.min(first), backlog.gone.or(gone));
                Some(self.with(Backlog { next, last: sequence, gone, ..backlog.clone() }))
            }
            Some(_) => None,
        }
    }

    /// Returns the queue with an empty backlog that begins with this event.
    #[must_use]
    pub fn lagging(&self, first: u64, now: Millis) -> Self {
        self.changed(Some(Backlog::empty(first, now)))
    }

    /// Returns the queue after its head has ended without an attempt, such as one that a person skips or that
    /// is too old.
    #[must_use]
    pub fn after_skip(&self, now: Millis) -> Option<Self> {
        let backlog = self.backlog.as_ref()?;
        Some(self.with(Backlog { next: backlog.next + 1, given_up: 0, ..backlog.ended(now) }))
    }

    /// Returns the queue with `lease` on its backlog.
    #[must_use]
    pub fn leased(&self, lease: Lease) -> Option<Self> {
        let backlog = self.backlog.clone()?;
        Some(self.with(Backlog { lease: Some(lease), ..backlog }))
    }

    /// Returns the queue without a lease, to be continued at `due_at`.
    #[must_use]
    pub fn postponed(&self, due_at: Millis) -> Option<Self> {
        let backlog = self.backlog.clone()?;
        Some(self.with(Backlog { lease: None, due_at, ..backlog }))
    }

    /// Returns the queue as active, if nothing waits any longer.
    #[must_use]
    pub fn closed(&self) -> Option<Self> {
        let backlog = self.backlog.as_ref()?;
        (backlog.waiting() == 0 && !self.is_replaying()).then(|| self.changed(None))
    }

    /// Returns the queue as woken at once.
    #[must_use]
    pub fn woken(&self, now: Millis) -> Option<Self> {
        let backlog = self.backlog.as_ref()?;
        let due_at = backlog.due_at.min(now);
        Some(Self { wake: self.wake + 1, ..self.with(Backlog { due_at, ..backlog.clone() }) })
    }

    /// Returns the queue with one more change to publish.
    #[must_use]
    pub fn noting(mut self, kind: StateChange, at: Millis) -> Self {
        self.operational_events.push(PendingEvent { kind, at });
        self
    }

    /// Returns the queue without changes to publish.
    #[must_use]
    pub fn published(&self) -> Self {
        Self { operational_events: Vec::new(), ..self.clone() }
    }

    pub(crate) fn with(&self, backlog: Backlog) -> Self {
        Self { backlog: Some(backlog), ..self.clone() }
    }

    /// Returns the queue after a change between active and not active. Each wakes recover, or makes a wake-up
    /// that is under way void.
    pub(crate) fn changed(&self, backlog: Option<Backlog>) -> Self {
        Self { generation: self.generation + 1, wake: self.wake + 1, backlog, ..self.clone() }
    }
}

#[cfg(test)]
pub(crate) mod samples;

#[cfg(test)]
mod tests {
    use super::samples::{HOLDING, NOW, POLICY, after, answered, backlog, last_row, no_answer, short};
    use super::*;
    use crate::id::CompanyId;
    use crate::platform::webhook::{Stamp, WebhookScope};
    use crate::secrets::Secrets;
    use crate::signature::SigningSecret;

    #[test]
    fn exhausted_events_in_a_row_suspend_the_queue_and_are_sent_again() {
        let due = |state: &QueueState, given_up, policy: &SuspensionPolicy| {
            state.suspended(Some(&last_row(9, given_up, Progress::Ended)), policy, NOW)
        };
        let active = QueueState { sequence_floor: 3, ..QueueState::default() };
        assert_eq!(due(&active, 4, &POLICY), None);
        for given_up in [5, 6] {
            let state = due(&active, given_up, &POLICY).unwrap();
            assert_eq!(short(&state), (Mode::Suspended, 10 - u64::from(given_up), 0, 30));
            assert_eq!((state.backlog.as_ref().unwrap().last, state.generation, state.wake), (9, 1, 1));
            assert_eq!(state.sequence_floor, 3);
        }
        assert_eq!(due(&active, 1, &HOLDING).map(|state| short(&state).1), Some(9), "hold");
        assert_eq!(due(&active, 99, &SuspensionPolicy { suspend_after: 0, ..POLICY }), None, "never");
        assert_eq!(due(&backlog(Mode::Lagging), 5, &POLICY), None, "it has a backlog already");
        let mut earlier = backlog(Mode::Lagging);
        earlier.backlog = Some(Backlog { next: 9, last: 8, ..earlier.backlog.unwrap() });
        let covered = due(&earlier, 5, &POLICY).unwrap();
        assert_eq!((short(&covered).1, covered.backlog.unwrap().last), (5, 9), "parked during its attempt");
        let waiting = last_row(9, 5, Progress::Waiting { until: NOW });
        assert_eq!(active.suspended(Some(&waiting), &POLICY, NOW), None, "the next one has begun");
        assert_eq!(active.suspended(None, &POLICY, NOW), None);
    }

    #[test]
    fn queue_changes_are_recorded_until_they_are_published() {
        let kinds = |state: &QueueState| {
            state.operational_events.iter().map(|notice| notice.kind).collect::<Vec<_>>()
        };
        let row = last_row(9, 5, Progress::Ended);
        let suspended = QueueState::default().suspended(Some(&row), &POLICY, NOW).unwrap();
        assert_eq!(kinds(&suspended), [StateChange::Suspended]);
        let probed = after(&suspended, &no_answer(), &POLICY).state;
        assert_eq!(kinds(&probed), [StateChange::Suspended], "once");
        let back = after(&probed, &answered(200), &POLICY).state;
        assert_eq!(kinds(&back), [StateChange::Suspended, StateChange::Resumed]);
        assert_eq!(kinds(&after(&back.published(), &answered(200), &POLICY).state), []);
        let once = SuspensionPolicy { suspend_after: 1, ..POLICY };
        let mut dies = back.published();
        dies.backlog.as_mut().unwrap().head_attempts = 2;
        assert_eq!(kinds(&after(&dies, &no_answer(), &once).state), [StateChange::Suspended]);
        assert_eq!(kinds(&after(&dies, &answered(410), &POLICY).state), [], "recover says that");
        assert!(probed.allows(&probed, &probed.published()) && !back.allows(&probed, &probed.published()));
    }

    #[test]
    fn a_gone_endpoint_suspends_the_queue_at_once_for_recover() {
        let active = QueueState::default();
        let gone = |given_up| LastRow { gone: Some(4), ..last_row(9, given_up, Progress::Ended) };
        for (given_up, suspend_after, next) in [(1, 5, 9), (3, 5, 7), (1, 1, 9), (70, 0, 9)] {
            let policy = SuspensionPolicy { suspend_after, ..POLICY };
            let state = active.suspended(Some(&gone(given_up)), &policy, NOW).unwrap();
            assert_eq!(short(&state), (Mode::Suspended, next, 0, 0), "{given_up} of {suspend_after}");
            assert_eq!(state.backlog.unwrap().gone, Some(4));
        }
        assert_eq!(
            active.suspended(Some(&gone(0)), &POLICY, NOW),
            None,
            "a replay's row says nothing to deliver"
        );
        for (mode, policy) in [(Mode::Suspended, POLICY), (Mode::Lagging, POLICY), (Mode::Lagging, HOLDING)] {
            let step = after(&backlog(mode), &answered(410), &policy);
            assert_eq!((step.progress, short(&step.state)), (Progress::Parked, (Mode::Suspended, 7, 0, 0)));
            assert_eq!(step.state.backlog.unwrap().gone, Some(4), "the version that was asked");
        }
    }

    #[test]
    fn an_implicit_job_to_a_gone_endpoint_only_fails() {
        let (company, by) = (CompanyId::parse("acme").unwrap(), Stamp { at: NOW, by: "ana".to_owned() });
        let secrets = Secrets::new(SigningSecret::from_random([7; 32]));
        let implicit = Webhook::implicit(&company, &WebhookScope::Space, &secrets, by);
        let policy = POLICY.of(Some(&implicit));
        assert_eq!((policy.suspend_after, policy.retires_gone), (0, false));
        let gone = LastRow { gone: Some(4), ..last_row(9, 70, Progress::Ended) };
        assert_eq!(QueueState::default().suspended(Some(&gone), &policy, NOW), None, "the next one is sent");
        let step = after(&backlog(Mode::Lagging), &answered(410), &policy);
        assert_eq!((step.progress, short(&step.state)), (Progress::Ended, (Mode::Lagging, 8, 0, 0)));
        assert!(step.is_given_up);
        assert_eq!(step.state.backlog.unwrap().gone, None);
    }

    #[test]
    fn an_empty_backlog_activates_the_queue_and_voids_older_wake_ups() {
        let mut state = backlog(Mode::Lagging);
        assert_eq!(state.closed(), None);
        state.backlog.as_mut().unwrap().next = 12;
        let active = state.closed().unwrap();
        assert_eq!(active, QueueState { sequence_floor: 3, generation: 2, wake: 2, ..QueueState::default() });
        assert_eq!(active.closed(), None);
        assert_eq!(active.woken(NOW), None);
    }

    #[test]
    fn a_wake_up_never_delays_a_queue() {
        let mut state = backlog(Mode::Suspended);
        state.backlog.as_mut().unwrap().due_at = NOW.plus_seconds(500);
        let woken = state.woken(NOW).unwrap();
        assert_eq!((woken.wake, short(&woken).3), (2, 0));
        assert_eq!(woken.woken(NOW.plus_seconds(9)).unwrap().backlog.unwrap().due_at, NOW);
    }
}
