//! The queue after an attempt of recover.

use super::QueueState;
use crate::attempt::Outcome;
use crate::backlog::{HeadAfter, HeadAttempt, Mode};
use crate::operational_event::StateChange;
use crate::progress::Progress;

/// The result of an attempt of recover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Progress of the attempt's row.
    pub progress: Progress,
    /// Its event's attempts are used up.
    pub is_given_up: bool,
    pub state: QueueState,
}

impl QueueState {
    /// Returns the queue after an attempt of recover at its head, with the progress of its row. None if there
    /// is no backlog.
    #[must_use]
    pub fn after_attempt(&self, attempt: HeadAttempt<'_>) -> Option<Step> {
        let HeadAttempt { outcome, ended_at: now, .. } = attempt;
        let before = self.backlog.as_ref()?;
        let is_last = !self.is_replaying() && before.waiting() == 1;
        let (mut backlog, head) = before.after(attempt, is_last);
        let is_sent = !matches!(outcome, Outcome::Unsent { .. });
        let is_given_up = head != HeadAfter::Retry && is_sent && !outcome.is_success();
        let noted = match (before.mode, backlog.mode) {
            (Mode::Lagging, Mode::Suspended) if backlog.gone.is_none() => {
                self.clone().noting(StateChange::Suspended, now)
            }
            (Mode::Suspended, Mode::Lagging) => self.clone().noting(StateChange::Resumed, now),
            _ => self.clone(),
        };
        let Some(replay) = self.replay.as_ref().filter(|_| self.is_replaying()) else {
            backlog.next = head.from(backlog.next);
            // Not `Waiting`, which is deliver's: a run that finds this row knows that there is a backlog.
            let progress = if head == HeadAfter::Retry { Progress::Parked } else { Progress::Ended };
            return Some(Step { progress, is_given_up, state: noted.with(backlog) });
        };
        // Its event had ended before and has ended again, with any outcome.
        let replay = replay.after(head, outcome.is_success());
        if !replay.is_running() {
            (backlog.head_attempts, backlog.given_up) = (0, 0);
        }
        Some(Step {
            progress: Progress::Ended,
            is_given_up,
            state: Self { replay: Some(replay), ..noted.with(backlog) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::SuspensionPolicy;
    use super::super::samples::{HOLDING, POLICY, after, answered, backlog, no_answer, short};
    use super::*;

    #[test]
    fn success_ends_the_head_and_makes_the_next_due_in_every_state() {
        for mode in [Mode::Suspended, Mode::Lagging] {
            let step = after(&backlog(mode), &answered(204), &POLICY);
            assert_eq!((step.progress, short(&step.state)), (Progress::Ended, (Mode::Lagging, 8, 0, 0)));
            assert_eq!(
                (step.state.generation, step.state.wake),
                (1, 1),
                "still parked, still the same wake-up"
            );
        }
    }

    #[test]
    fn probe_intervals_grow_and_probes_do_not_count_as_attempts() {
        for outcome in
            [no_answer(), answered(500), answered(429), answered(408), answered(425), answered(301)]
        {
            let mut state = backlog(Mode::Suspended);
            let mut waits = Vec::new();
            for _ in 0..6 {
                let step = after(&state, &outcome, &POLICY);
                assert_eq!(step.progress, Progress::Parked);
                let (mode, next, attempts, seconds) = short(&step.state);
                assert_eq!((mode, next, attempts), (Mode::Suspended, 7, 0));
                waits.push(seconds);
                state = step.state;
            }
            assert_eq!(waits, [60, 120, 240, 480, 900, 900], "{outcome:?}");
        }
    }

    #[test]
    fn a_rejecting_response_ends_the_event_and_the_next_one_probes() {
        let mut state = backlog(Mode::Suspended);
        for attempt in 1..=2 {
            let step = after(&state, &answered(422), &POLICY);
            assert_eq!(step.progress, Progress::Parked);
            assert_eq!(short(&step.state), (Mode::Suspended, 7, attempt, 30));
            state = step.state;
        }
        let step = after(&state, &answered(422), &POLICY);
        assert_eq!((step.progress, short(&step.state)), (Progress::Ended, (Mode::Suspended, 8, 0, 0)));
        let held = after(&backlog(Mode::Suspended), &answered(422), &HOLDING);
        assert_eq!(
            (held.progress, short(&held.state)),
            (Progress::Parked, (Mode::Suspended, 7, 0, 60)),
            "hold"
        );
    }

    /// The state after so many attempts that are all answered so, and the events that ended meanwhile.
    fn refuse(mut state: QueueState, status: u16, attempts: u32) -> (QueueState, usize) {
        let mut ended = 0;
        for _ in 0..attempts {
            let step = after(&state, &answered(status), &POLICY);
            ended += usize::from(step.progress == Progress::Ended);
            state = step.state;
        }
        (state, ended)
    }

    #[test]
    fn refusals_of_different_events_in_a_row_are_an_outage() {
        for status in [400, 401, 403, 404, 422] {
            let mut state = backlog(Mode::Suspended);
            if let Some(backlog) = &mut state.backlog {
                backlog.last = 20;
            }
            // Five events, three attempts each: back to the first, at growing intervals.
            for wait in [60, 120, 240, 480, 900, 900] {
                let (refused, ended) = refuse(state, status, 15);
                assert_eq!((ended, short(&refused)), (5, (Mode::Suspended, 7, 0, wait)), "{status}");
                state = refused;
            }
            let step = after(&state, &answered(200), &POLICY);
            assert_eq!(short(&step.state), (Mode::Lagging, 8, 0, 0));
        }
    }

    #[test]
    fn one_refused_event_among_accepted_ones_is_exhausted_alone() {
        let (state, ended) = refuse(backlog(Mode::Suspended), 422, 3);
        assert_eq!((ended, short(&state).1), (1, 8));
        let accepted = after(&state, &answered(200), &POLICY).state;
        assert_eq!((short(&accepted).0, short(&accepted).1), (Mode::Lagging, 9));
        assert_eq!(accepted.backlog.unwrap().given_up, 0);
    }

    #[test]
    fn a_short_backlog_that_is_refused_whole_stays() {
        let mut state = backlog(Mode::Suspended);
        if let Some(backlog) = &mut state.backlog {
            backlog.last = 8;
        }
        let (state, ended) = refuse(state, 404, 6);
        assert_eq!((ended, short(&state)), (2, (Mode::Suspended, 7, 0, 60)));
        let mut single = state.clone();
        if let Some(backlog) = &mut single.backlog {
            backlog.last = 7;
        }
        let (single, ended) = refuse(single, 404, 3);
        assert_eq!((ended, single.backlog.unwrap().waiting()), (1, 0), "one alone may be the event's fault");
    }

    #[test]
    fn a_second_outage_suspends_from_its_first_exhausted_event() {
        let mut state = backlog(Mode::Lagging);
        let mut seen = Vec::new();
        for _ in 0..15 {
            let step = after(&state, &no_answer(), &POLICY);
            seen.push(step.progress == Progress::Ended);
            state = step.state;
        }
        assert_eq!(seen.iter().filter(|ended| **ended).count(), 5);
        assert_eq!(short(&state), (Mode::Suspended, 7, 0, 30), "five events, three attempts each");
        let never = SuspensionPolicy { suspend_after: 0, ..POLICY };
        let mut state = backlog(Mode::Lagging);
        for _ in 0..15 {
            state = after(&state, &no_answer(), &never).state;
        }
        assert_eq!(short(&state), (Mode::Lagging, 12, 0, 0), "without suspension each ends in its turn");
    }
}
