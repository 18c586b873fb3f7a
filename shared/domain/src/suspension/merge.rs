//! Changes of one queue at the same time, as a table in memory merges them.

use super::QueueState;
use crate::backlog::Backlog;

impl QueueState {
    /// Returns whether this queue may become `to` for a run that read it as `from`.
    /// Parking may happen at the same time as every change but that to active, and a wake-up at the same time
    /// as every change but another wake-up.
    #[must_use]
    pub fn allows(&self, from: &Self, to: &Self) -> bool {
        let holds_lease = |backlog: &Backlog| backlog.lease.as_ref().map(|lease| lease.run.clone());
        let is_same_backlog = match (&self.backlog, &from.backlog) {
            (None, None) => true,
            (Some(now), Some(then)) => {
                now.next == then.next
                    && now.mode == then.mode
                    && now.is_dropped == then.is_dropped
                    && holds_lease(now) == holds_lease(then)
                    && (to.backlog.as_ref().is_some_and(|to| to.last == then.last) || now.last == then.last)
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        let replayed =
            |state: &Self| state.replay.as_ref().map(|replay| (replay.number, replay.state, replay.next));
        is_same_backlog
            && (to.operational_events == from.operational_events
                || self.operational_events == from.operational_events)
            && replayed(self) == replayed(from)
            && self.generation == from.generation
            && (to.wake == from.wake || self.wake == from.wake)
    }

    /// Applies the difference of `from` and `to`.
    pub fn take(&mut self, from: &Self, to: &Self) {
        fn replace<T: PartialEq + Clone>(field: &mut T, from: &T, to: &T) {
            if from != to {
                field.clone_from(to);
            }
        }
        replace(&mut self.generation, &from.generation, &to.generation);
        replace(&mut self.wake, &from.wake, &to.wake);
        replace(&mut self.replay, &from.replay, &to.replay);
        replace(&mut self.operational_events, &from.operational_events, &to.operational_events);
        let (Some(backlog), Some(from), Some(to)) = (&mut self.backlog, &from.backlog, &to.backlog) else {
            self.backlog.clone_from(&to.backlog);
            return;
        };
        replace(&mut backlog.mode, &from.mode, &to.mode);
        replace(&mut backlog.since, &from.since, &to.since);
        replace(&mut backlog.next, &from.next, &to.next);
        replace(&mut backlog.last, &from.last, &to.last);
        replace(&mut backlog.due_at, &from.due_at, &to.due_at);
        replace(&mut backlog.failed_probes, &from.failed_probes, &to.failed_probes);
        replace(&mut backlog.head_attempts, &from.head_attempts, &to.head_attempts);
        replace(&mut backlog.given_up, &from.given_up, &to.given_up);
        replace(&mut backlog.lease, &from.lease, &to.lease);
        replace(&mut backlog.gone, &from.gone, &to.gone);
        replace(&mut backlog.is_dropped, &from.is_dropped, &to.is_dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{NOW, POLICY, after, answered, backlog};
    use super::*;
    use crate::backlog::{Lease, Mode};
    use crate::log_row::RunId;

    #[test]
    fn concurrent_changes_merge_only_if_neither_is_lost() {
        let from = backlog(Mode::Lagging);
        let parked = {
            let mut state = from.clone();
            state.backlog.as_mut().unwrap().last = 12;
            state
        };
        let step = after(&from, &answered(200), &POLICY).state;
        assert!(parked.allows(&from, &step), "parking continues during a drain");
        let mut drained = parked.clone();
        drained.take(&from, &step);
        assert_eq!(drained.backlog.as_ref().map(|backlog| (backlog.next, backlog.last)), Some((8, 12)));
        let woken = from.woken(NOW).unwrap();
        assert!(woken.allows(&from, &step), "and so does a wake-up");
        assert!(!woken.allows(&from, &woken), "but for another one");
        assert!(!step.allows(&from, &step), "a head ends once");
        let leased = from.leased(Lease { run: RunId("r".into()), until: NOW }).unwrap();
        assert!(!leased.allows(&from, &step), "another run is at work");
        let closed = QueueState { backlog: None, generation: 2, wake: 2, ..from.clone() };
        assert!(from.allows(&from, &closed) && !parked.allows(&from, &closed), "one more was parked");
        let further = {
            let mut state = from.clone();
            state.backlog.as_mut().unwrap().last = 13;
            state
        };
        assert!(from.allows(&from, &further) && !parked.allows(&from, &further), "its end never goes back");
        assert!(!QueueState { generation: 2, ..from.clone() }.allows(&from, &step));
        assert!(!QueueState::default().allows(&from, &step));
    }
}
