//! The steps of recover: whether a wake-up is this run's to follow, the next step of the drain, and what
//! becomes of the event at the head.

use crate::attempt::{ErrorClass, Outcome};
use crate::backlog::{Lease, PROBE_SECONDS_MAX};
use crate::commands::Waiting;
use crate::log_row::RunId;
use crate::operational_event::StateChange;
use crate::replay::Replay;
use crate::suspension::QueueState;
use crate::time::Millis;
use crate::webhook::Webhook;

/// Time that an event may be parked before it ends, in days. It ends in its turn, by recover, never by
/// the table's own expiry.
pub const PARKED_DAYS_MAX: u64 = 30;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Reason in the log row of an event that waited for a webhook when it was deactivated, and was not to
/// be kept.
const DROPPED: &str = "the webhook was deactivated, and its waiting events were dropped";
/// Reason in the log row of an event that was parked for too long.
const EXPIRED: &str = "the endpoint did not respond for as long as parked events are kept";

/// A queue as a run of recover reads it.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub webhook: Option<&'a Webhook>,
    pub state: &'a QueueState,
    pub run: &'a RunId,
    pub now: Millis,
}

/// The step after a wake-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeStep {
    /// The queue is active, kept until its webhook is activated, or has a later wake-up.
    Leave,
    /// It is not due, or another run drains it.
    Wait { until: Millis },
    /// Its webhook is not active and keeps its events.
    Postpone,
    /// This run may drain it.
    Lease,
}

/// The next step of a drain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrainStep {
    /// The queue is active, or another run drains it.
    Leave,
    /// The endpoint responded 410: write the webhook and its queue as these.
    Deactivate { webhook: Box<Webhook>, state: Box<QueueState> },
    /// The webhook was changed since its endpoint responded 410: probe it again, with the queue as this.
    ProbeAgain(Box<QueueState>),
    /// The webhook is not active and keeps its events.
    Postpone,
    /// The head is not due, or too little time is left for it: release the queue until then.
    Release { until: Millis },
    /// Nothing waits: the webhook is active again, with its queue as this.
    Close(Box<QueueState>),
    /// Send the next event of the replay.
    Replay(Replay),
    /// Send the event of this sequence, or end it.
    Send(u64),
}

/// The event at the head of a backlog.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    pub parked_at: Millis,
    /// It was accepted, or has ended unsent, in a run that could not record it in the queue.
    pub is_final: bool,
}

/// The step of the event at the head of a backlog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadStep {
    /// It is final: continue with the queue as this.
    Skip(QueueState),
    /// It ends unsent.
    End {
        outcome: Outcome,
        state: QueueState,
    },
    Attempt,
}

impl Facts<'_> {
    fn is_active(&self) -> bool {
        self.webhook.is_some_and(|webhook| webhook.is_active)
    }

    /// Returns the step after the wake-up of this number.
    #[must_use]
    pub fn wake_step(&self, wake: u64) -> WakeStep {
        let Some(backlog) = self.state.backlog.as_ref().filter(|_| self.state.wake == wake) else {
            return WakeStep::Leave;
        };
        let is_kept = !self.is_active() && !backlog.is_dropped;
        let is_of_another = |lease: &&Lease| self.now < lease.until && lease.run != *self.run;
        if self.now < backlog.due_at {
            // Activation sends another wake-up.
            return if is_kept { WakeStep::Leave } else { WakeStep::Wait { until: backlog.due_at } };
        }
        match backlog.lease.as_ref().filter(is_of_another) {
            Some(lease) => WakeStep::Wait { until: lease.until },
            None if is_kept => WakeStep::Postpone,
            None => WakeStep::Lease,
        }
    }

    /// Returns the next step of the run that drains the queue. `has_time` if an attempt that begins now ends
    /// before the run does.
    #[must_use]
    pub fn next_step(&self, has_time: bool) -> DrainStep {
        let is_mine = |lease: &Lease| lease.run == *self.run;
        let backlog = self.state.backlog.as_ref().filter(|one| one.lease.as_ref().is_some_and(is_mine));
        let Some(backlog) = backlog else { return DrainStep::Leave };
        if let Some(version) = backlog.gone {
            return self.step_if_gone(version);
        }
        if !backlog.is_dropped && !self.is_active() {
            return DrainStep::Postpone;
        }
        let release = DrainStep::Release { until: backlog.due_at };
        if self.now < backlog.due_at {
            return release;
        }
        if let Some(active) = self.state.closed() {
            return DrainStep::Close(Box::new(active));
        }
        if !has_time {
            return release;
        }
        match self.state.replay.as_ref().filter(|replay| replay.is_running()) {
            Some(replay) => DrainStep::Replay(replay.clone()),
            None => DrainStep::Send(backlog.next),
        }
    }

    /// Deactivates the webhook, unless it was changed since `version` was asked.
    fn step_if_gone(&self, version: u64) -> DrainStep {
        let Some(webhook) = self.webhook.filter(|one| one.is_active && one.version == version) else {
            let state = self.state.not_gone(self.now);
            return state.map_or(DrainStep::Leave, |state| DrainStep::ProbeAgain(Box::new(state)));
        };
        let later = self.now.plus_seconds(PROBE_SECONDS_MAX);
        let state = self.state.deactivated(Waiting::Keep, None, self.now).postponed(later);
        state.map_or(DrainStep::Leave, |state| DrainStep::Deactivate {
            webhook: Box::new(webhook.gone()),
            state: Box::new(state.noting(StateChange::Deactivated, self.now)),
        })
    }

    /// Returns the step of the event at the head. None if there is no backlog.
    #[must_use]
    pub fn head_step(&self, head: Head) -> Option<HeadStep> {
        let backlog = self.state.backlog.as_ref()?;
        let state = self.state.after_skip(self.now)?;
        if head.is_final {
            return Some(HeadStep::Skip(state));
        }
        let (error, reason) = if backlog.is_dropped {
            (ErrorClass::Disabled, DROPPED)
        } else if PARKED_DAYS_MAX * DAY_MS <= self.now.since(head.parked_at) {
            (ErrorClass::Expired, EXPIRED)
        } else {
            return Some(HeadStep::Attempt);
        };
        Some(HeadStep::End { outcome: Outcome::Unsent { error, reason: reason.to_owned() }, state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backlog::{Backlog, Mode};
    use crate::replay::ReplayRange;
    use crate::suspension::samples::{NOW, backlog, sample_webhook};

    fn mine() -> Lease {
        Lease { run: RunId("run".to_owned()), until: NOW.plus_seconds(9) }
    }

    fn another() -> Lease {
        Lease { run: RunId("another".to_owned()), ..mine() }
    }

    /// A drained queue with five events, and one change.
    fn queue(change: impl FnOnce(&mut Backlog)) -> QueueState {
        let mut state = backlog(Mode::Lagging);
        let parked = state.backlog.as_mut().unwrap();
        parked.lease = Some(mine());
        change(parked);
        state
    }

    fn webhook(is_active: bool) -> Webhook {
        Webhook { is_active, ..sample_webhook() }
    }

    fn facts<'a>(webhook: Option<&'a Webhook>, state: &'a QueueState, run: &'a RunId) -> Facts<'a> {
        Facts { webhook, state, run, now: NOW }
    }

    #[track_caller]
    fn check_wake(name: &str, webhook: Option<&Webhook>, state: &QueueState, expected: WakeStep) {
        let run = mine().run;
        assert_eq!(facts(webhook, state, &run).wake_step(1), expected, "{name}");
    }

    #[track_caller]
    fn next(webhook: Option<&Webhook>, state: &QueueState) -> DrainStep {
        let run = mine().run;
        facts(webhook, state, &run).next_step(true)
    }

    #[test]
    fn a_wake_up_is_followed_by_one_run_when_its_queue_is_due() {
        let later = NOW.plus_seconds(5);
        let free = |change: fn(&mut Backlog)| {
            queue(|backlog| {
                backlog.lease = None;
                change(backlog);
            })
        };
        let active = Some(&webhook(true));
        check_wake("due", active, &free(|_| ()), WakeStep::Lease);
        check_wake("active", active, &QueueState { wake: 1, ..QueueState::default() }, WakeStep::Leave);
        check_wake("void", active, &QueueState { wake: 2, ..free(|_| ()) }, WakeStep::Leave);
        let not_due = free(|backlog| backlog.due_at = NOW.plus_seconds(5));
        check_wake("not due", active, &not_due, WakeStep::Wait { until: later });
        check_wake("its own lease", active, &queue(|_| ()), WakeStep::Lease);
        let leased = queue(|backlog| backlog.lease = Some(another()));
        check_wake("leased", active, &leased, WakeStep::Wait { until: another().until });
        let ended = queue(|backlog| backlog.lease = Some(Lease { until: NOW, ..another() }));
        check_wake("the lease has ended", active, &ended, WakeStep::Lease);
        for inactive in [Some(&webhook(false)), None] {
            check_wake("kept", inactive, &free(|_| ()), WakeStep::Postpone);
            check_wake("kept, not due", inactive, &not_due, WakeStep::Leave);
            check_wake("kept, leased", inactive, &leased, WakeStep::Wait { until: another().until });
            check_wake("dropped", inactive, &free(|backlog| backlog.is_dropped = true), WakeStep::Lease);
        }
    }

    #[test]
    fn a_drain_sends_until_it_must_wait_or_nothing_waits() {
        let active = Some(&webhook(true));
        assert_eq!(next(active, &queue(|_| ())), DrainStep::Send(7));
        assert_eq!(next(active, &QueueState::default()), DrainStep::Leave);
        assert_eq!(next(active, &queue(|backlog| backlog.lease = Some(another()))), DrainStep::Leave);
        assert_eq!(next(active, &queue(|backlog| backlog.lease = None)), DrainStep::Leave);
        let until = NOW.plus_seconds(5);
        assert_eq!(next(active, &queue(|backlog| backlog.due_at = until)), DrainStep::Release { until });
        let empty = queue(|backlog| backlog.next = 12);
        assert_eq!(next(active, &empty), DrainStep::Close(Box::new(empty.closed().unwrap())));
        let replaying = empty.replayed(ReplayRange::of_one(3), None, NOW).unwrap();
        assert_eq!(next(active, &replaying), DrainStep::Replay(replaying.replay.clone().unwrap()));
        assert_eq!(
            next(active, &replaying.replay_at(4)),
            DrainStep::Close(Box::new(replaying.replay_at(4).closed().unwrap()))
        );
    }

    #[test]
    fn without_time_a_queue_is_released_unless_it_can_be_closed() {
        let (active, run) = (&webhook(true), mine().run);
        let step = |state: &QueueState| facts(Some(active), state, &run).next_step(false);
        assert_eq!(step(&queue(|_| ())), DrainStep::Release { until: NOW });
        let replaying = queue(|_| ()).replayed(ReplayRange::of_one(3), None, NOW).unwrap();
        assert_eq!(step(&replaying), DrainStep::Release { until: NOW });
        assert!(matches!(step(&queue(|backlog| backlog.next = 12)), DrainStep::Close(_)));
    }

    #[test]
    fn the_backlog_of_an_inactive_webhook_is_kept_or_dropped() {
        for inactive in [Some(&webhook(false)), None] {
            assert_eq!(next(inactive, &queue(|_| ())), DrainStep::Postpone);
            assert_eq!(next(inactive, &queue(|backlog| backlog.is_dropped = true)), DrainStep::Send(7));
        }
    }

    #[test]
    fn a_gone_endpoint_deactivates_the_version_that_was_asked() {
        let gone = queue(|backlog| {
            backlog.gone = Some(sample_webhook().version);
            backlog.due_at = NOW.plus_seconds(5);
        });
        let DrainStep::Deactivate { webhook: written, state } = next(Some(&webhook(true)), &gone) else {
            panic!("it is gone")
        };
        assert_eq!(*written, sample_webhook().gone());
        let kept = state.backlog.as_ref().unwrap();
        assert_eq!((kept.due_at, &kept.lease, kept.gone), (NOW.plus_seconds(PROBE_SECONDS_MAX), &None, None));
        let kinds: Vec<_> = state.operational_events.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [StateChange::Deactivated]);
        let probed = DrainStep::ProbeAgain(Box::new(gone.not_gone(NOW).unwrap()));
        let newer = Webhook { version: sample_webhook().version + 1, ..sample_webhook() };
        for changed in [Some(&newer), Some(&webhook(false)), None] {
            assert_eq!(next(changed, &gone), probed);
        }
    }

    #[test]
    fn the_head_is_attempted_unless_it_is_final_dropped_or_too_old() {
        let (active, run) = (&webhook(true), mine().run);
        let step = |state: &QueueState, head| facts(Some(active), state, &run).head_step(head);
        let fresh = Head { parked_at: NOW, is_final: false };
        let state = queue(|_| ());
        let after = state.after_skip(NOW).unwrap();
        assert_eq!(step(&state, fresh), Some(HeadStep::Attempt));
        assert_eq!(step(&QueueState::default(), fresh), None);
        let accepted = Head { is_final: true, ..fresh };
        assert_eq!(step(&state, accepted), Some(HeadStep::Skip(after)));
        let dropped = queue(|backlog| backlog.is_dropped = true);
        let Some(HeadStep::End { outcome, state }) = step(&dropped, fresh) else { panic!("it is dropped") };
        assert_eq!((outcome.error(), state), (Some(ErrorClass::Disabled), dropped.after_skip(NOW).unwrap()));
    }

    #[test]
    fn an_event_that_waits_for_too_long_expires() {
        let (active, run, state) = (&webhook(true), mine().run, queue(|_| ()));
        for (age_ms, expected) in
            [(PARKED_DAYS_MAX * DAY_MS - 1, None), (PARKED_DAYS_MAX * DAY_MS, Some(ErrorClass::Expired))]
        {
            let now = Millis(NOW.0 + age_ms);
            let step = Facts { now, ..facts(Some(active), &state, &run) }
                .head_step(Head { parked_at: NOW, is_final: false });
            let error = match step {
                Some(HeadStep::End { outcome, .. }) => outcome.error(),
                _ => None,
            };
            assert_eq!(error, expected);
        }
    }
}
