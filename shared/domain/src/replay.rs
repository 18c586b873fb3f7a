//! Replays: ended events that are sent once more, because a person asks for it.
//!
//! A replay is part of its webhook's queue: while it runs, newer events are parked, so that one request at
//! most is open and order holds.
//! The events that it sends have ended before; its rows end them again.

use crate::backlog::HeadAfter;
use crate::log_row::LogRow;
use crate::progress::Progress;
use crate::time::Millis;

/// A request to send a range of events again, and its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The number of the wake-up that it began with, different from every other replay's of the queue.
    pub number: u64,
    pub state: ReplayState,
    pub asked_at: Millis,
    pub range: ReplayRange,
    /// The next event to be looked at.
    pub next: u64,
    /// Events that the endpoint has accepted.
    pub accepted: u64,
    /// Events that were exhausted again.
    pub failed: u64,
    /// The first event that was exhausted since one was accepted.
    pub run_first: Option<u64>,
}

/// A range of events, by their sequences in the webhook's queue, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayRange {
    pub first: u64,
    pub last: u64,
    /// Leaves out the events that the endpoint has accepted.
    pub only_failed: bool,
}

impl ReplayRange {
    /// Returns the range of one event, accepted or not.
    #[must_use]
    pub const fn of_one(sequence: u64) -> Self {
        Self { first: sequence, last: sequence, only_failed: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayState {
    Running,
    Done,
    Cancelled,
}

impl ReplayRange {
    /// Returns whether an event with this newest row is sent again.
    #[must_use]
    pub fn wants(&self, newest: &LogRow) -> bool {
        newest.progress == Progress::Ended && !(self.only_failed && newest.attempt.outcome.is_success())
    }
}

impl Replay {
    #[must_use]
    pub fn new(number: u64, range: ReplayRange, now: Millis) -> Self {
        Self {
            number,
            state: ReplayState::Running,
            asked_at: now,
            range,
            next: range.first,
            accepted: 0,
            failed: 0,
            run_first: None,
        }
    }

    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == ReplayState::Running
    }

    /// Returns the replay with everything before `next` looked at.
    #[must_use]
    pub fn at(&self, next: u64) -> Self {
        let state = if self.range.last < next { ReplayState::Done } else { self.state };
        Self { next, state, ..self.clone() }
    }

    #[must_use]
    pub fn cancelled(&self) -> Self {
        let state = if self.is_running() { ReplayState::Cancelled } else { self.state };
        Self { state, ..self.clone() }
    }

    /// Returns the replay after an attempt at its head.
    pub(crate) fn after(&self, head: HeadAfter, is_accepted: bool) -> Self {
        match head {
            HeadAfter::Retry => self.clone(),
            HeadAfter::Done if is_accepted => {
                Self { accepted: self.accepted + 1, run_first: None, ..self.at(self.next + 1) }
            }
            HeadAfter::Done => {
                let run_first = self.run_first.or(Some(self.next));
                Self { failed: self.failed + 1, run_first, ..self.at(self.next + 1) }
            }
            // The others of the run were counted, and come again.
            HeadAfter::Rewind(given_up) => {
                let failed = self.failed.saturating_sub(u64::from(given_up) - 1);
                let next = self.run_first.unwrap_or(self.next);
                Self { failed, run_first: None, ..self.at(next) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: ReplayRange = ReplayRange { first: 3, last: 5, only_failed: true };

    #[test]
    fn a_replay_ends_after_its_last_event_and_counts_results() {
        let mut replay = Replay::new(7, RANGE, Millis(1));
        assert_eq!((replay.next, replay.is_running()), (3, true));
        for (head, is_accepted, expected) in [
            (HeadAfter::Retry, false, (3, 0, 0)),
            (HeadAfter::Done, true, (4, 1, 0)),
            (HeadAfter::Done, false, (5, 1, 1)),
            (HeadAfter::Rewind(2), false, (4, 1, 0)),
            (HeadAfter::Rewind(1), false, (4, 1, 0)),
        ] {
            replay = replay.after(head, is_accepted);
            assert_eq!((replay.next, replay.accepted, replay.failed), expected, "{head:?}");
            assert!(replay.is_running());
        }
        assert_eq!(replay.at(5).after(HeadAfter::Done, true).state, ReplayState::Done);
        assert_eq!(replay.at(6).state, ReplayState::Done);
        assert_eq!(replay.cancelled().state, ReplayState::Cancelled);
        assert_eq!(replay.at(6).cancelled().state, ReplayState::Done, "what has ended is not cancelled");
    }
}
