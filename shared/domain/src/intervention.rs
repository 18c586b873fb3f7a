//! What a person does to a line: deactivate, retry, skip, replay. Each answers with the line as it should become.

use crate::aside::{Aside, Mode, PROBE_SECONDS_MAX};
use crate::line::{LastRow, Progress};
use crate::replay::{Replay, ReplayRange};
use crate::suspension::Line;
use crate::time::Millis;

/// What becomes of a deactivated webhook's events that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Waiting {
    /// They are set aside and come first when the webhook is activated.
    #[default]
    Keep,
    /// They end unsent.
    Drop,
}

impl Waiting {
    /// The one of this name in the API.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "keep" => Some(Self::Keep),
            "drop" => Some(Self::Drop),
            _ => None,
        }
    }
}

impl Line {
    /// The first event that has not ended, as far as the log tells: one that waits for its next attempt, or the next
    /// to come.
    #[must_use]
    pub fn first_open(&self, last: Option<&LastRow>) -> u64 {
        match last {
            Some(LastRow { number, progress: Progress::Waiting { .. }, .. }) => number.sequence,
            Some(last) => self.sequence_floor.max(last.number.sequence) + 1,
            None => self.sequence_floor + 1,
        }
    }

    /// The line of a webhook that is deactivated.
    ///
    /// Its generation is new, so that nobody who read the line before makes it active meanwhile; a lease stays, for
    /// the request that is open.
    #[must_use]
    pub fn deactivated(&self, waiting: Waiting, last: Option<&LastRow>, now: Millis) -> Self {
        let first = self.first_open(last);
        let later = now.plus_seconds(PROBE_SECONDS_MAX);
        match (waiting, self.aside.clone()) {
            (Waiting::Keep, Some(aside)) => self.changed(Some(Aside { gone: None, due_at: later, ..aside })),
            (Waiting::Keep, None) => {
                let aside = Aside::new(Mode::Lagging, first, first - 1, now);
                self.changed(Some(Aside { due_at: later, ..aside }))
            }
            (Waiting::Drop, Some(aside)) => {
                let aside = Aside { is_dropped: true, gone: None, due_at: now, ..aside };
                let replay = self.replay.as_ref().map(Replay::cancelled);
                Self { replay, ..self.changed(Some(aside)) }
            }
            // Recover closes it at once; what still waits in the queue ends unsent by itself. But whoever was about to
            // set the line aside finds another one.
            (Waiting::Drop, None) => {
                let aside = Aside::new(Mode::Lagging, first, first - 1, now);
                self.changed(Some(Aside { is_dropped: true, ..aside }))
            }
        }
    }

    /// The line whose endpoint is not gone after all, for its webhook was changed since: it is probed at once.
    #[must_use]
    pub fn not_gone(&self, now: Millis) -> Option<Self> {
        let aside = self.aside.clone()?;
        Some(self.with(Aside { lease: None, gone: None, due_at: aside.due_at.min(now), ..aside }))
    }

    /// The line with the event that waits for its next attempt set aside, for recover to try it or a person to skip
    /// it. None when none waits so; from the time it waits for, it is deliver's alone.
    #[must_use]
    pub fn seized(&self, last: Option<&LastRow>, now: Millis) -> Option<Self> {
        let last = last.filter(|last| matches!(last.progress, Progress::Waiting { until } if now < until))?;
        let sequence = last.number.sequence;
        let aside = Aside::new(Mode::Lagging, sequence, sequence, now);
        self.aside.is_none().then(|| self.changed(Some(aside)))
    }

    /// The line that sends a range of ended events again. None while another replay runs.
    #[must_use]
    pub fn replayed(&self, range: ReplayRange, last: Option<&LastRow>, now: Millis) -> Option<Self> {
        if self.is_replaying() {
            return None;
        }
        let replay = Some(Replay::new(self.wake + 1, range, now));
        let Some(aside) = self.aside.clone() else {
            let first = self.first_open(last);
            let aside = Aside::new(Mode::Lagging, first, first - 1, now);
            return Some(Self { replay, ..self.changed(Some(aside)) });
        };
        let aside = Aside { due_at: aside.due_at.min(now), head_attempts: 0, given_up: 0, ..aside };
        Some(Self { replay, wake: self.wake + 1, ..self.with(aside) })
    }

    /// The line whose replay ends before its last event. None when none runs.
    #[must_use]
    pub fn replay_cancelled(&self, now: Millis) -> Option<Self> {
        let replay = self.replay.as_ref().filter(|_| self.is_replaying())?.cancelled();
        let aside = self.aside.clone()?;
        let aside = Aside { due_at: aside.due_at.min(now), head_attempts: 0, given_up: 0, ..aside };
        Some(Self { replay: Some(replay), wake: self.wake + 1, ..self.with(aside) })
    }

    /// The line whose replay has looked at everything before `next`.
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

    fn suspended() -> Line {
        let aside = Aside { due_at: NOW.plus_seconds(60), ..Aside::new(Mode::Suspended, 7, 9, NOW) };
        Line { generation: 3, wake: 3, aside: Some(aside), ..Line::default() }
    }

    /// First and last event that is set aside, and seconds until it is due.
    #[track_caller]
    fn short(line: &Line) -> (u64, u64, u64) {
        let aside = line.aside.as_ref().unwrap();
        (aside.next, aside.last, aside.due_at.since(NOW) / 1000)
    }

    #[test]
    fn what_waits_begins_with_the_event_that_has_not_ended() {
        let line = Line { sequence_floor: 3, ..Line::default() };
        assert_eq!(line.first_open(None), 4);
        assert_eq!(line.first_open(Some(&last(8, Progress::Ended))), 9);
        assert_eq!(line.first_open(Some(&last(8, Progress::Waiting { until: NOW }))), 8);
    }

    #[test]
    fn deactivation_keeps_or_drops_what_waits_as_it_is_told() {
        let ended = last(8, Progress::Ended);
        let kept = Line::default().deactivated(Waiting::Keep, Some(&ended), NOW);
        assert_eq!((short(&kept), kept.generation, kept.wake), ((9, 8, 900), 1, 1));
        let kept = suspended().deactivated(Waiting::Keep, None, NOW);
        assert_eq!((short(&kept), kept.generation), ((7, 9, 900), 4));
        assert!(!kept.aside.unwrap().is_dropped);
        let dropped = Line::default().deactivated(Waiting::Drop, Some(&ended), NOW);
        assert_eq!((short(&dropped), dropped.generation), ((9, 8, 0), 1));
        assert!(dropped.closed().is_some());
        let replaying = suspended().replayed(RANGE, None, NOW).unwrap();
        let dropped = replaying.deactivated(Waiting::Drop, None, NOW);
        assert_eq!((short(&dropped), dropped.generation), ((7, 9, 0), 4));
        assert!(dropped.aside.as_ref().unwrap().is_dropped && !dropped.is_replaying());
    }

    #[test]
    fn an_event_between_two_attempts_is_seized_and_no_other() {
        let waiting = last(8, Progress::Waiting { until: NOW.plus_seconds(9) });
        assert_eq!(short(&Line::default().seized(Some(&waiting), NOW).unwrap()), (8, 8, 0));
        let due = last(8, Progress::Waiting { until: NOW });
        assert_eq!(Line::default().seized(Some(&due), NOW), None, "it is being tried");
        assert_eq!(Line::default().seized(Some(&last(8, Progress::Ended)), NOW), None);
        assert_eq!(Line::default().seized(None, NOW), None);
        assert_eq!(suspended().seized(Some(&waiting), NOW), None, "recover has it already");
    }

    #[test]
    fn one_replay_runs_at_a_time_and_holds_the_line_until_it_ends() {
        let line = Line::default().replayed(RANGE, Some(&last(8, Progress::Ended)), NOW).unwrap();
        assert_eq!((short(&line), line.generation, line.wake), ((9, 8, 0), 1, 1));
        assert_eq!(line.replayed(RANGE, None, NOW), None);
        assert_eq!(line.closed(), None, "nothing waits, but the replay runs");
        let cancelled = line.replay_cancelled(NOW).unwrap();
        assert_eq!(cancelled.replay.as_ref().unwrap().state, ReplayState::Cancelled);
        assert_eq!(cancelled.replay_cancelled(NOW), None);
        assert!(cancelled.closed().is_some());
        let woken = suspended().replayed(RANGE, None, NOW).unwrap();
        assert_eq!((short(&woken), woken.generation, woken.wake), ((7, 9, 0), 3, 4));
        assert_eq!(woken.replay_at(5).replay.unwrap().state, ReplayState::Done);
    }

    #[test]
    fn names_of_the_api() {
        assert_eq!(Waiting::find("keep"), Some(Waiting::Keep));
        assert_eq!(Waiting::find("drop"), Some(Waiting::Drop));
        assert_eq!(Waiting::find("park"), None);
    }
}
