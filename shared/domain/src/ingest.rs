//! The limit of events that a company may push while the events queue is long, so that it cannot delay the others.

use crate::time::Millis;

/// Length of a window in which a company's events are counted, in seconds.
pub const WINDOW_SECONDS: u64 = 10;

/// The operator's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestLimit {
    /// Messages in the events queue from which on companies are limited. Below it each may push as it likes.
    pub backlog: u64,
    /// Events that each company may push per second from then on.
    pub events_per_second: u64,
}

impl Default for IngestLimit {
    /// SQS searches the first 120,000 messages of a queue for groups that are free. A quarter leaves room for what
    /// producers send to the queue directly, and for what arrives until the limit is noticed.
    fn default() -> Self {
        Self { backlog: 30_000, events_per_second: 100 }
    }
}

/// The events that a company may push in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The number of the window since 1970.
    pub window: u64,
    pub events: u64,
}

impl IngestLimit {
    /// Returns the budget of each company while this many messages wait; none if they are not limited.
    #[must_use]
    pub fn budget(self, waiting: u64, now: Millis) -> Option<Budget> {
        (self.backlog <= waiting).then(|| Budget {
            window: now.0 / (WINDOW_SECONDS * 1000),
            events: self.events_per_second.saturating_mul(WINDOW_SECONDS),
        })
    }
}

impl Budget {
    /// Returns the end of the window: a new one begins then.
    #[must_use]
    pub fn ends_at(self) -> Millis {
        Millis((self.window + 1) * WINDOW_SECONDS * 1000)
    }
}

/// The events that a company has pushed in the window of the newest call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pushed {
    pub window: u64,
    pub events: u64,
}

impl Pushed {
    /// Returns the count with another call of this many events; none if they are more than the budget allows. A clock
    /// that is late counts in the newer window.
    #[must_use]
    pub fn with(self, events: u64, budget: Budget) -> Option<Self> {
        let before = if self.window < budget.window { 0 } else { self.events };
        let events = before.saturating_add(events);
        (events <= budget.events).then(|| Self { window: self.window.max(budget.window), events })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: IngestLimit = IngestLimit { backlog: 1_000, events_per_second: 10 };

    #[test]
    fn nobody_is_limited_below_the_backlog() {
        assert_eq!(LIMIT.budget(999, Millis(0)), None);
        let budget = LIMIT.budget(1_000, Millis(25_000)).unwrap();
        assert_eq!(budget, Budget { window: 2, events: 100 });
        assert_eq!(budget.ends_at(), Millis(30_000));
    }

    #[test]
    fn a_window_takes_its_budget_and_no_more() {
        let budget = LIMIT.budget(1_000, Millis(20_000)).unwrap();
        let before = Pushed { window: 1, events: 100 };
        let first = before.with(60, budget).unwrap();
        assert_eq!(first, Pushed { window: 2, events: 60 });
        assert_eq!(first.with(41, budget), None);
        assert_eq!(first.with(40, budget), Some(Pushed { window: 2, events: 100 }));
        assert_eq!(Pushed::default().with(u64::MAX, budget), None);
    }

    #[test]
    fn a_late_clock_counts_in_the_newer_window() {
        let late = LIMIT.budget(1_000, Millis(19_999)).unwrap();
        let newer = Pushed { window: 2, events: 99 };
        assert_eq!(newer.with(1, late), Some(Pushed { window: 2, events: 100 }));
        assert_eq!(newer.with(2, late), None);
    }
}
