//! The facts of a run, in relation to each other: the event of each row, its time, and its cause.

use std::cell::Cell;

use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::commands::Waiting;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::progress::Progress;

use super::{Counts, Violation};
use crate::faults::{Fate, Function};
use crate::history::{AttemptFact, Fault, FaultFact, History};
use crate::setup::{Action, Setup};

/// One row of the log with its circumstances.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) row: &'a LogRow,
    pub(crate) event: usize,
    /// The time at which it was written.
    pub(crate) at: u64,
    pub(crate) run: usize,
    /// Its request; none when the attempt was skipped.
    pub(crate) attempt: Option<&'a AttemptFact>,
}

impl Row<'_> {
    pub(crate) fn number(&self) -> AttemptNumber {
        self.row.attempt.number
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.row.progress == Progress::Ended
    }

    /// Returns the time at which its attempt began.
    pub(crate) fn began_at(&self) -> u64 {
        self.attempt.map_or(self.at, |attempt| attempt.at)
    }
}

/// The input of the checks.
#[derive(Debug)]
pub(crate) struct Truth<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) history: &'a History,
    /// For each webhook, by number.
    pub(crate) rows: Vec<Vec<Row<'a>>>,
    /// For each webhook the faults of runs that involved it.
    faults: Vec<Vec<&'a FaultFact>>,
    pub(crate) counts: Cell<Counts>,
}

impl<'a> Truth<'a> {
    pub(crate) fn of(setup: &'a Setup, history: &'a History) -> Result<Self, Violation> {
        let mut rows: Vec<Vec<Row<'a>>> = history.webhooks.iter().map(|_| Vec::new()).collect();
        for (webhook, row) in &history.rows {
            let found = find(history, *webhook, row);
            let found = found.map_err(|what| Violation { promise: "every_row_matches_its_request", what })?;
            rows[*webhook].push(found);
        }
        rows.iter_mut().for_each(|rows| rows.sort_by_key(Row::number));
        let faults = (0..history.webhooks.len()).map(|webhook| {
            history.faults.iter().filter(|fault| history.touches(fault.run, webhook)).collect()
        });
        let counts = Counts {
            events: history.events.len() as u64,
            deliveries: rows.iter().flatten().filter(|row| row.has_ended()).count() as u64,
            requests: history.attempts.len() as u64,
            faults: history.faults.len() as u64,
            ..Counts::default()
        };
        Ok(Self { setup, history, rows, faults: faults.collect(), counts: Cell::new(counts) })
    }

    pub(crate) fn count(&self, add: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        add(&mut counts);
        self.counts.set(counts);
    }

    /// Returns whether a row or request is recover's.
    pub(crate) fn is_recovery(&self, run: usize) -> bool {
        self.history.runs[run].function == Function::Recover
    }

    /// Returns whether a webhook ever had a backlog.
    pub(crate) fn had_backlog(&self, webhook: usize) -> bool {
        let is_aside = |row: &Row<'_>| row.row.progress == Progress::Parked || self.is_recovery(row.run);
        self.was_touched(webhook) || self.rows[webhook].iter().any(is_aside)
    }

    /// Returns whether anything other than deliver ever opened a backlog of a webhook.
    pub(crate) fn was_touched(&self, webhook: usize) -> bool {
        let mut actions = self.history.actions.iter();
        actions.any(|(_, action)| match action {
            Action::Deactivate { webhook: other, .. }
            | Action::Retry { webhook: other }
            | Action::Replay { webhook: other, .. } => *other == webhook,
            _ => false,
        })
    }

    /// Returns whether a webhook was deactivated, and its waiting events dropped, at this time or later.
    pub(crate) fn was_dropped(&self, webhook: usize, since: u64) -> bool {
        let mut actions = self.history.actions.iter().filter(|(at, _)| since <= *at);
        actions.any(|(_, action)| {
            matches!(action, Action::Deactivate { webhook: other, waiting: Waiting::Drop } if *other == webhook)
        })
    }

    /// Returns whether a person asked recover to continue.
    pub(crate) fn was_woken(&self, webhook: usize, (from, to): (u64, u64)) -> bool {
        let mut actions = self.history.actions.iter().filter(|(at, _)| (from..=to).contains(at));
        actions.any(|(_, action)| match action {
            Action::Resume { webhook: woken }
            | Action::Activate { webhook: woken }
            | Action::Retry { webhook: woken }
            | Action::Replay { webhook: woken, .. }
            | Action::CancelReplay { webhook: woken }
            | Action::Edit { webhook: woken } => *woken == webhook,
            _ => false,
        })
    }

    /// Returns the requests for one webhook, in order of time.
    pub(crate) fn attempts(&self, webhook: usize) -> impl Iterator<Item = &'a AttemptFact> {
        self.history.attempts.iter().filter(move |attempt| attempt.webhook == webhook)
    }

    /// Returns the event of a request, if it is owed to this webhook.
    pub(crate) fn event(&self, attempt: &AttemptFact) -> Result<usize, String> {
        let owed = self.history.owed.get(&attempt.delivery).filter(|owed| owed.webhook == attempt.webhook);
        owed.map(|owed| owed.event)
            .ok_or_else(|| format!("webhook {} is not owed {attempt:?}", attempt.webhook))
    }

    /// Returns the row of a request, if it has one.
    pub(crate) fn row_of(&self, attempt: &AttemptFact) -> Option<&Row<'a>> {
        self.row(attempt.webhook, attempt.number).filter(|row| row.run == attempt.run)
    }

    pub(crate) fn row(&self, webhook: usize, number: AttemptNumber) -> Option<&Row<'a>> {
        let rows = &self.rows[webhook];
        rows.binary_search_by_key(&number, Row::number).ok().and_then(|index| rows.get(index))
    }

    /// Returns faults that may still have an effect at `from`, and those after it until `to`.
    pub(crate) fn faults(
        &self,
        (webhook, function): (usize, Function),
        (from, to): (u64, u64),
    ) -> impl Iterator<Item = &'a FaultFact> {
        self.faults[webhook].iter().copied().filter(move |fault| {
            self.history.runs[fault.run].function == function
                && fault.at <= to
                && from <= fault.at + self.felt_ms(fault.what)
        })
    }

    /// Returns the longest time of a fault's effects.
    fn felt_ms(&self, what: Fault) -> u64 {
        let visibility_ms = u64::from(self.setup.visibility_seconds) * 1000;
        match what {
            // A fault of ours with the tables holds for up to fifteen minutes.
            Fault::Call(call, Fate::Refused | Fate::AnswerLost) if call.is_of_tables() => 1_000_000,
            Fault::Call(_, Fate::Stall(ms)) => ms + visibility_ms + 60_000,
            Fault::Call(..) | Fault::TimedOut | Fault::Freed => visibility_ms + 60_000,
        }
    }

    /// Returns whether the mapping that serves this webhook had no sandbox left at some time.
    pub(crate) fn is_saturated(&self, source: usize, (from, to): (u64, u64)) -> bool {
        self.history
            .saturated
            .iter()
            .any(|(other, since, until)| *other == source && *since <= to && from <= *until)
    }

    /// Returns the invocations that one mapping began.
    pub(crate) fn runs(&self, source: usize, (from, to): (u64, u64)) -> u64 {
        let runs = self.history.runs.iter();
        runs.filter(|run| run.source == source && (from..=to).contains(&run.at)).count() as u64
    }
}

fn find<'a>(history: &'a History, webhook: usize, row: &'a LogRow) -> Result<Row<'a>, String> {
    let number = row.attempt.number;
    let name = || format!("webhook {webhook} row {}.{}", number.sequence, number.attempt);
    let event = history.events.iter().position(|event| event.kind.is_some() && event.id == row.event);
    let event = event.ok_or_else(|| format!("{}: no such event was accepted", name()))?;
    let run = row.run.0.strip_prefix("run ").and_then(|run| run.parse().ok());
    let run = run.ok_or_else(|| format!("{}: written by no run", name()))?;
    let put = history.puts.iter().find(|put| (put.webhook, put.number, put.run) == (webhook, number, run));
    let at = put.ok_or_else(|| format!("{}: no call put it", name()))?.at;
    let mut attempts = history.attempts.iter();
    let attempt = attempts.find(|one| (one.webhook, one.number, one.run) == (webhook, number, run));
    Ok(Row { row, event, at, run, attempt })
}
