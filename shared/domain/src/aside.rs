//! What is set aside of a line: where it stands, and what an attempt at its head leads to.

use crate::attempt::Outcome;
use crate::log_row::RunId;
use crate::retry::{Disposition, RetryPolicy};
use crate::suspension::{HOLD, SuspensionPolicy};
use crate::time::Millis;

/// Wait before the first probe of a suspended endpoint, in seconds; doubles with every probe that fails.
pub const PROBE_SECONDS_MIN: u64 = 30;
/// Longest wait between two probes, in seconds.
pub const PROBE_SECONDS_MAX: u64 = 900;

/// Events that wait in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    pub mode: Mode,
    pub since: Millis,
    /// The first event to be sent again.
    pub next: u64,
    /// The last event that was set aside; `next - 1` when none is left.
    pub last: u64,
    /// When recover goes on.
    pub due_at: Millis,
    /// Probes in a row that found the endpoint dead.
    pub failed_probes: u32,
    /// Attempts at `next` in this round.
    pub head_attempts: u32,
    /// Events given up in a row in this round.
    pub given_up: u32,
    /// The run that drains.
    pub lease: Option<Lease>,
    /// The webhook's version whose endpoint answered 410: recover deactivates it.
    pub gone: Option<u64>,
    /// What waits ends unsent: the webhook was deactivated so.
    pub is_dropped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The endpoint fails: its oldest event probes it.
    Suspended,
    /// The endpoint answers, and its events are sent one after another.
    Lagging,
}

/// Who drains a line, and until when nobody else does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub run: RunId,
    pub until: Millis,
}

impl Aside {
    /// How many events wait.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        (self.last + 1).saturating_sub(self.next)
    }
}

/// Where an attempt leaves the head: of what is set aside, or of what is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    /// It is tried again.
    Stays,
    Ended,
    /// The endpoint has died: as many events as were given up, this one included, are sent once more.
    Back(u32),
}

impl Moved {
    /// The head after the one at `next`.
    pub(crate) fn from(self, next: u64) -> u64 {
        match self {
            Self::Stays => next,
            Self::Ended => next + 1,
            Self::Back(given_up) => (next + 1).saturating_sub(given_up.into()),
        }
    }
}

impl Aside {
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

    /// What an attempt at the head leads to. `next` is for the caller to move.
    pub(crate) fn after(
        &self,
        (outcome, version): (&Outcome, u64),
        (retry, suspension): (&RetryPolicy, &SuspensionPolicy),
        now: Millis,
    ) -> (Self, Moved) {
        if outcome.is_success() {
            let aside = Self { mode: Mode::Lagging, failed_probes: 0, given_up: 0, ..self.ended(now) };
            return (aside, Moved::Ended);
        }
        if outcome.is_gone() && suspension.retires_gone {
            let aside = Self { mode: Mode::Suspended, gone: Some(version), due_at: now, ..self.clone() };
            return (aside, Moved::Stays);
        }
        // What was not sent says nothing of the endpoint, and will not be sent another time either.
        if matches!(outcome, Outcome::Unsent { .. }) {
            return (Self { given_up: 0, ..self.ended(now) }, Moved::Ended);
        }
        let head_attempts = self.head_attempts + 1;
        let is_hold = suspension.suspend_after == HOLD;
        if self.mode == Mode::Suspended && (is_hold || !is_about_the_event(outcome)) {
            let due_at = now.plus_seconds(probe_seconds(self.failed_probes + 1));
            let failed_probes = self.failed_probes.saturating_add(1);
            return (Self { due_at, failed_probes, ..self.clone() }, Moved::Stays);
        }
        if let Disposition::RetryAfter { seconds } = retry.disposition(head_attempts, outcome) {
            return (Self { due_at: now.plus_seconds(seconds), head_attempts, ..self.clone() }, Moved::Stays);
        }
        let given_up = self.given_up + 1;
        let is_dead = self.mode == Mode::Lagging
            && 0 < suspension.suspend_after
            && suspension.suspend_after <= given_up;
        if is_dead {
            (self.dead(now), Moved::Back(given_up))
        } else {
            (Self { given_up, ..self.ended(now) }, Moved::Ended)
        }
    }

    /// The head has ended: the next one is due. A time that is past stays as it is, which saves the index a write.
    pub(crate) fn ended(&self, now: Millis) -> Self {
        Self { due_at: self.due_at.min(now), head_attempts: 0, ..self.clone() }
    }

    /// The endpoint has died again.
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

/// How long to wait after so many failed probes.
fn probe_seconds(failed_probes: u32) -> u64 {
    (PROBE_SECONDS_MIN << failed_probes.min(16)).min(PROBE_SECONDS_MAX)
}

/// Whether an answer says something about the event rather than about the endpoint.
fn is_about_the_event(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Answered { status, .. } => {
            (400..500).contains(status) && !matches!(status, 408 | 410 | 425 | 429)
        }
        Outcome::NotSent { .. } | Outcome::NoAnswer { .. } | Outcome::Unsent { .. } => false,
    }
}
