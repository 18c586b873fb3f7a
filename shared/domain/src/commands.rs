//! Commands of a person to a queue: deactivate, retry, skip, replay. Each returns the queue as it should
//! become.

use crate::backlog::{Backlog, Mode, PROBE_SECONDS_MAX};
use crate::progress::{LastRow, Progress};
use crate::replay::{Replay, ReplayRange};
use crate::suspension::QueueState;
use crate::time::Millis;

/// The treatment of a deactivated webhook's waiting events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Waiting {
    /// They are parked and come first when the webhook is activated.
    #[default]
    Keep,
    /// They end unsent.
    Drop,
}

impl Waiting {
    /// Returns the value of this name in the API.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "keep" => Some(Self::Keep),
            "drop" => Some(Self::Drop),
            _ => None,
        }
    }
}

impl QueueState {
    /// Returns the first event that has not ended, as far as the log shows: one that waits for its next
    /// attempt, or the next one.
    #[must_use]
    pub fn first_open(&self, last: Option<&LastRow>) -> u64 {
        match last {
            Some(LastRow { number, progress: Progress::Waiting { .. }, .. }) => number.sequence,
            Some(last) => self.sequence_floor.max(last.number.sequence) + 1,
            None => self.sequence_floor + 1,
        }
    }

    /// Returns the queue of a webhook that is deactivated.
    ///
    /// Its generation is new, so that a run that read the queue before cannot make it active.
    /// A lease stays, for the request that is open.
    #[must_use]
    pub fn deactivated(&self, waiting: Waiting, last: Option<&LastRow>, now: Millis) -> Self {
        let first = self.first_open(last);
        let later = now.plus_seconds(PROBE_SECONDS_MAX);
        match (waiting, self.backlog.clone()) {
            (Waiting::Keep, Some(backlog)) => {
                self.changed(Some(Backlog { gone: None, due_at: later, ..backlog }))
            }
            (Waiting::Keep, None) => {
                self.changed(Some(Backlog { due_at: later, ..Backlog::empty(first, now) }))
            }
            (Waiting::Drop, Some(backlog)) => {
                let backlog = Backlog { is_dropped: true, gone: None, due_at: now, ..backlog };
                let replay = self.replay.as_ref().map(Replay::cancelled);
                Self { replay, ..self.changed(Some(backlog)) }
            }
            // Recover closes it at once; events in SQS end unsent by themselves.
            // But a run that was about to open a backlog finds a new generation.
            (Waiting::Drop, None) => {
                self.changed(Some(Backlog { is_dropped: true, ..Backlog::empty(first, now) }))
            }
        }
    }

    /// Returns the queue of a webhook that was changed after its endpoint responded 410: it is probed at
    /// once.
    #[must_use]
    pub fn not_gone(&self, now: Millis) -> Option<Self> {
        let backlog = self.backlog.clone()?;
        Some(self.with(Backlog { lease: None, gone: None, due_at: backlog.due_at.min(now), ..backlog }))
    }

    /// Returns the queue with the event parked that waits for its next attempt, so that recover attempts it
    /// or a person skips it.
    /// None if no event waits so. Once its time has come, only deliver may attempt it.
    #[must_use]
    pub fn taken_over(&self, last: Option<&LastRow>, now: Millis) -> Option<Self> {
        let last = last.filter(|last| matches!(last.progress, Progress::Waiting { until } if now < until))?;
        let sequence = last.number.sequence;
        let backlog = Backlog::new(Mode::Lagging, sequence, sequence, now);
        self.backlog.is_none().then(|| self.changed(Some(backlog)))
    }

    /// Returns the queue that sends a range of ended events again. None while another replay runs.
    #[must_use]
    pub fn replayed(&self, range: ReplayRange, last: Option<&LastRow>, now: Millis) -> Option<Self> {
        if self.is_replaying() {
            return None;
        }
        let replay = Some(Replay::new(self.wake + 1, range, now));
        let Some(backlog) = self.backlog.clone() else {
            return Some(Self { replay, ..self.lagging(self.first_open(last), now) });
        };
        let backlog = Backlog { due_at: backlog.due_at.min(now), head_attempts: 0, given_up: 0, ..backlog };
        Some(Self { replay, wake: self.wake + 1, ..self.with(backlog) })
    }

    /// Returns the queue whose replay ends before its last event. None if no replay runs.
    #[must_use]
    pub fn replay_cancelled(&self, now: Millis) -> Option<Self> {
        let replay = self.replay.as_ref().filter(|_| self.is_replaying())?.cancelled();
        let backlog = self.backlog.clone()?;
        let backlog = Backlog { due_at: backlog.due_at.min(now), head_attempts: 0, given_up: 0, ..backlog };
        Some(Self { replay: Some(replay), wake: self.wake + 1, ..self.with(backlog) })
    }

    /// Returns the queue whose replay has looked at everything before `next`.
    #[must_use]
    pub fn replay_at(&self, next: u64) -> Self {
        Self { replay: self.replay.as_ref().map(|replay| replay.at(next)), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::AttemptNumber;
    use crate::delivery::{QueueName, QueuePosition};
    use crate::id::DeliveryId;
    use crate::replay::ReplayState;

    const NOW: Millis = Millis(1_000_000);
    const RANGE: ReplayRange = ReplayRange { first: 2, last: 4, only_failed: true };

    fn last(sequence: u64, progress: Progress) -> LastRow {
        let at = || QueuePosition { queue: QueueName::new("q"), number: 1 };
        LastRow {
            number: AttemptNumber { sequence, attempt: 1 },
            delivery: DeliveryId::from_bytes([1; 12]),
            queued: at(),
            accepted: at(),
            progress,
            given_up: 0,
            status: 500,
            gone: None,
        }
    }

    fn suspended() -> QueueState {
        let backlog = Backlog { due_at: NOW.plus_seconds(60), ..Backlog::new(Mode::Suspended, 7, 9, NOW) };
        QueueState { generation: 3, wake: 3, backlog: Some(backlog), ..QueueState::default() }
    }

    /// Returns the first and last parked event, and the seconds until the backlog is due.
    #[track_caller]
    fn short(state: &QueueState) -> (u64, u64, u64) {
        let backlog = state.backlog.as_ref().unwrap();
        (backlog.next, backlog.last, backlog.due_at.since(NOW) / 1000)
    }

    #[test]
    fn the_queue_starts_at_the_first_event_that_has_not_ended() {
        let state = QueueState { sequence_floor: 3, ..QueueState::default() };
        assert_eq!(state.first_open(None), 4);
        assert_eq!(state.first_open(Some(&last(8, Progress::Ended))), 9);
        assert_eq!(state.first_open(Some(&last(8, Progress::Waiting { until: NOW }))), 8);
    }

    #[test]
    fn deactivation_keeps_or_drops_the_queue_on_request() {
        let ended = last(8, Progress::Ended);
        let kept = QueueState::default().deactivated(Waiting::Keep, Some(&ended), NOW);
        assert_eq!((short(&kept), kept.generation, kept.wake), ((9, 8, 900), 1, 1));
        let kept = suspended().deactivated(Waiting::Keep, None, NOW);
        assert_eq!((short(&kept), kept.generation), ((7, 9, 900), 4));
        assert!(!kept.backlog.unwrap().is_dropped);
        let dropped = QueueState::default().deactivated(Waiting::Drop, Some(&ended), NOW);
        assert_eq!((short(&dropped), dropped.generation), ((9, 8, 0), 1));
        assert!(dropped.closed().is_some());
        let replaying = suspended().replayed(RANGE, None, NOW).unwrap();
        let dropped = replaying.deactivated(Waiting::Drop, None, NOW);
        assert_eq!((short(&dropped), dropped.generation), ((7, 9, 0), 4));
        assert!(dropped.backlog.as_ref().unwrap().is_dropped && !dropped.is_replaying());
    }

    #[test]
    fn only_an_event_between_two_attempts_can_be_taken_over() {
        let waiting = last(8, Progress::Waiting { until: NOW.plus_seconds(9) });
        assert_eq!(short(&QueueState::default().taken_over(Some(&waiting), NOW).unwrap()), (8, 8, 0));
        let due = last(8, Progress::Waiting { until: NOW });
        assert_eq!(QueueState::default().taken_over(Some(&due), NOW), None, "it is being tried");
        assert_eq!(QueueState::default().taken_over(Some(&last(8, Progress::Ended)), NOW), None);
        assert_eq!(QueueState::default().taken_over(None, NOW), None);
        assert_eq!(suspended().taken_over(Some(&waiting), NOW), None, "recover has it already");
    }

    #[test]
    fn one_replay_runs_at_a_time_and_blocks_the_queue_until_it_ends() {
        let state = QueueState::default().replayed(RANGE, Some(&last(8, Progress::Ended)), NOW).unwrap();
        assert_eq!((short(&state), state.generation, state.wake), ((9, 8, 0), 1, 1));
        assert_eq!(state.replayed(RANGE, None, NOW), None);
        assert_eq!(state.closed(), None, "nothing waits, but the replay runs");
        let cancelled = state.replay_cancelled(NOW).unwrap();
        assert_eq!(cancelled.replay.as_ref().unwrap().state, ReplayState::Cancelled);
        assert_eq!(cancelled.replay_cancelled(NOW), None);
        assert!(cancelled.closed().is_some());
        let woken = suspended().replayed(RANGE, None, NOW).unwrap();
        assert_eq!((short(&woken), woken.generation, woken.wake), ((7, 9, 0), 3, 4));
        assert_eq!(woken.replay_at(5).replay.unwrap().state, ReplayState::Done);
    }

    #[test]
    fn parses_keep_and_drop_only() {
        assert_eq!(Waiting::find("keep"), Some(Waiting::Keep));
        assert_eq!(Waiting::find("drop"), Some(Waiting::Drop));
        assert_eq!(Waiting::find("park"), None);
    }
}
