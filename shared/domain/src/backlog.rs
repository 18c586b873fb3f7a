//! The backlog of a webhook: its range and progress, and the effect of an attempt at its head.

use crate::attempt::Outcome;
use crate::log_row::RunId;
use crate::retry::{Disposition, RetryPolicy};
use crate::suspension::{HOLD, SuspensionPolicy};
use crate::time::Millis;

/// Wait before the first probe of a suspended endpoint, in seconds; doubles with every probe that fails.
pub const PROBE_SECONDS_MIN: u64 = 30;
/// Longest wait between two probes, in seconds.
pub const PROBE_SECONDS_MAX: u64 = 900;

/// Refusals of different events in a row that are the state of a suspended endpoint, if no more events wait; else as many
/// as suspend a webhook are. One alone may be the event's.
const REFUSALS_MIN: u32 = 2;

/// Events that wait in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    pub mode: Mode,
    pub since: Millis,
    /// The first event to be sent again.
    pub next: u64,
    /// The last parked event; `next - 1` if none is left.
    pub last: u64,
    /// The time at which recover continues.
    pub due_at: Millis,
    /// Probes in a row that failed.
    pub failed_probes: u32,
    /// Attempts at `next` in this round.
    pub head_attempts: u32,
    /// Exhausted events in a row in this round.
    pub given_up: u32,
    /// The run that drains.
    pub lease: Option<Lease>,
    /// The webhook's version whose endpoint responded 410: recover deactivates it.
    pub gone: Option<u64>,
    /// Waiting events end unsent, as asked when the webhook was deactivated.
    pub is_dropped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The endpoint fails: its oldest event probes it.
    Suspended,
    /// The endpoint responds, and its events are sent one after another.
    Lagging,
}

/// The run that drains a queue, and the time until which no other run may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub run: RunId,
    pub until: Millis,
}

impl Backlog {
    /// Returns the number of events that wait.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        (self.last + 1).saturating_sub(self.next)
    }
}

/// An attempt at the head of the backlog, or of the replay.
#[derive(Debug, Clone, Copy)]
pub struct HeadAttempt<'a> {
    pub outcome: &'a Outcome,
    /// The webhook's version at the attempt.
    pub version: u64,
    pub retry: RetryPolicy,
    pub suspension: SuspensionPolicy,
    pub ended_at: Millis,
}

/// The head of the backlog, or of the replay, after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadAfter {
    /// It is attempted again.
    Retry,
    Done,
    /// The endpoint has died: this number of exhausted events, this one included, are sent once more.
    Rewind(u32),
}

impl HeadAfter {
    /// Returns the head after the one at `next`.
    pub(crate) fn from(self, next: u64) -> u64 {
        match self {
            Self::Retry => next,
            Self::Done => next + 1,
            Self::Rewind(given_up) => (next + 1).saturating_sub(given_up.into()),
        }
    }
}

impl Backlog {
    pub(crate) fn new(mode: Mode, next: u64, last: u64, now: Millis) -> Self {
        Self {
            mode,
            since: now,
            next,
            last,
            due_at: now,
            failed_probes: 0,
            head_attempts: 0,
            given_up: 0,
            lease: None,
            gone: None,
            is_dropped: false,
        }
    }

    /// Returns the backlog of an endpoint that works, without events before `first`.
    pub(crate) fn empty(first: u64, now: Millis) -> Self {
        Self::new(Mode::Lagging, first, first - 1, now)
    }

    /// Returns the backlog and its head after an attempt. `next` is for the caller to move. `is_last` if nothing waits behind
    /// the head.
    pub(crate) fn after(&self, attempt: HeadAttempt<'_>, is_last: bool) -> (Self, HeadAfter) {
        let HeadAttempt { outcome, version, retry, suspension, ended_at: now } = attempt;
        if outcome.is_success() {
            let backlog = Self { mode: Mode::Lagging, failed_probes: 0, given_up: 0, ..self.ended(now) };
            return (backlog, HeadAfter::Done);
        }
        if outcome.is_gone() && suspension.retires_gone {
            let backlog = Self { mode: Mode::Suspended, gone: Some(version), due_at: now, ..self.clone() };
            return (backlog, HeadAfter::Retry);
        }
        // An unsent event says nothing about the endpoint, and will not be sent later either.
        if matches!(outcome, Outcome::Unsent { .. }) {
            return (Self { given_up: 0, ..self.ended(now) }, HeadAfter::Done);
        }
        let head_attempts = self.head_attempts + 1;
        let is_hold = suspension.suspend_after == HOLD;
        if self.mode == Mode::Suspended && (is_hold || !is_about_the_event(outcome)) {
            let due_at = now.plus_seconds(probe_seconds(self.failed_probes + 1));
            let failed_probes = self.failed_probes.saturating_add(1);
            return (Self { due_at, failed_probes, ..self.clone() }, HeadAfter::Retry);
        }
        if let Disposition::RetryAfter { seconds } = retry.disposition(head_attempts, outcome) {
            return (
                Self { due_at: now.plus_seconds(seconds), head_attempts, ..self.clone() },
                HeadAfter::Retry,
            );
        }
        let given_up = self.given_up + 1;
        let is_run = 0 < suspension.suspend_after && suspension.suspend_after <= given_up;
        match self.mode {
            Mode::Lagging if is_run => (self.dead(now), HeadAfter::Rewind(given_up)),
            Mode::Suspended if is_run || is_last && REFUSALS_MIN <= given_up => {
                (self.refused(now), HeadAfter::Rewind(given_up))
            }
            Mode::Lagging | Mode::Suspended => (Self { given_up, ..self.ended(now) }, HeadAfter::Done),
        }
    }

    /// Returns the backlog after its head has ended: the next one is due. A time in the past is kept, which
    /// saves a write to the index.
    pub(crate) fn ended(&self, now: Millis) -> Self {
        Self { due_at: self.due_at.min(now), head_attempts: 0, ..self.clone() }
    }

    /// Returns the backlog after the endpoint has refused one event after another and accepted none: that is its state, not
    /// theirs.
    fn refused(&self, now: Millis) -> Self {
        let failed_probes = self.failed_probes.saturating_add(1);
        Self {
            due_at: now.plus_seconds(probe_seconds(failed_probes)),
            failed_probes,
            head_attempts: 0,
            given_up: 0,
            ..self.clone()
        }
    }

    /// Returns the backlog after the endpoint has died again.
    fn dead(&self, now: Millis) -> Self {
        Self {
            mode: Mode::Suspended,
            due_at: now.plus_seconds(PROBE_SECONDS_MIN),
            failed_probes: 0,
            head_attempts: 0,
            given_up: 0,
            ..self.clone()
        }
    }
}

/// Returns the time to wait after this many failed probes.
fn probe_seconds(failed_probes: u32) -> u64 {
    (PROBE_SECONDS_MIN << failed_probes.min(16)).min(PROBE_SECONDS_MAX)
}

/// Returns whether a response concerns the event rather than the endpoint.
fn is_about_the_event(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Responded { status, .. } => {
            (400..500).contains(status) && !matches!(status, 408 | 410 | 425 | 429)
        }
        Outcome::NotSent { .. } | Outcome::NoResponse { .. } | Outcome::Unsent { .. } => false,
    }
}
