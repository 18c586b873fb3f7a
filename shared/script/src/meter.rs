//! The work that an evaluation has done, and its limit.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::limits::{DURATION_MS_MAX, POLLS_MAX, WORK_MAX};

/// The budget of one evaluation. Once it is spent it stays spent, even if the script catches the error.
#[derive(Debug)]
pub(crate) struct Meter {
    polls: Cell<u32>,
    work: Cell<u64>,
    deadline: Instant,
    is_spent: Cell<bool>,
}

impl Meter {
    pub(crate) fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "it bounds the evaluation; no rule and no script reads it"
        )]
        let now = Instant::now();
        Self {
            polls: Cell::new(0),
            work: Cell::new(0),
            deadline: now + Duration::from_millis(DURATION_MS_MAX),
            is_spent: Cell::new(false),
        }
    }

    /// Counts one poll of the engine. Returns whether the evaluation must end.
    pub(crate) fn poll(&self) -> bool {
        self.polls.set(self.polls.get().saturating_add(1));
        self.judge()
    }

    /// Counts characters or elements of a built-in function. Returns whether the evaluation must end.
    pub(crate) fn spend(&self, work: u64) -> bool {
        self.work.set(self.work.get().saturating_add(work));
        self.judge()
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.is_spent.get()
    }

    fn judge(&self) -> bool {
        #[expect(
            clippy::disallowed_methods,
            reason = "it bounds the evaluation; no rule and no script reads it"
        )]
        let is_late = self.deadline < Instant::now();
        if is_late || POLLS_MAX < self.polls.get() || WORK_MAX < self.work.get() {
            self.is_spent.set(true);
        }
        self.is_spent.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_stays_spent() {
        let meter = Meter::start();
        assert!(!meter.spend(WORK_MAX));
        assert!(meter.spend(1));
        assert!(meter.poll());
        assert!(meter.is_spent());
    }

    #[test]
    fn polls_are_counted() {
        let meter = Meter::start();
        assert!(!(0..POLLS_MAX).any(|_| meter.poll()));
        assert!(meter.poll());
    }
}
