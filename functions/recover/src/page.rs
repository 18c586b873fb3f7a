//! Parked events in order, read a page at a time: never more than one page is in memory.

use std::collections::VecDeque;

use hookrail_adapters::store::{LineKey, LogStore, StoreError};
use hookrail_domain::log_row::LogRow;

/// Rows of one page. Bodies of 256 KiB come in smaller ones: a query ends at 1 MB.
pub const ROWS_MAX: usize = 25;

/// A parked event: its first row, which holds the body, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Parked {
    pub first: LogRow,
    /// The number of its newest row.
    pub attempts: u32,
    /// A run of deliver that was overtaken by the one that parked it got through nevertheless.
    pub was_accepted: bool,
}

impl Parked {
    fn sequence(&self) -> u64 {
        self.first.attempt.number.sequence
    }

    fn see(&mut self, row: &LogRow) {
        self.attempts = row.attempt.number.attempt;
        self.was_accepted = row.attempt.outcome.is_success();
    }
}

/// What has been read and not been sent.
#[derive(Debug, Default)]
pub(crate) struct Page(VecDeque<Parked>);

impl Page {
    /// The event of this number; none if its row is not there.
    pub(crate) async fn find(
        &mut self,
        store: &impl LogStore,
        line: &LineKey,
        sequence: u64,
    ) -> Result<Option<Parked>, StoreError> {
        while self.0.front().is_some_and(|parked| parked.sequence() < sequence) {
            self.0.pop_front();
        }
        if self.0.front().is_none_or(|parked| parked.sequence() != sequence) {
            self.0 = read(store, line, sequence).await?;
        }
        Ok(self.0.front().filter(|parked| parked.sequence() == sequence).cloned())
    }

    /// An attempt was made at the event that was found last.
    pub(crate) fn count_attempt(&mut self) {
        if let Some(parked) = self.0.front_mut() {
            parked.attempts += 1;
        }
    }

    /// Somebody else wrote a row: what was read is no longer how it is.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

async fn read(store: &impl LogStore, line: &LineKey, sequence: u64) -> Result<VecDeque<Parked>, StoreError> {
    let mut events: VecDeque<Parked> = VecDeque::new();
    for row in store.rows_from(line, sequence, ROWS_MAX).await? {
        match events.back_mut() {
            Some(event) if event.sequence() == row.attempt.number.sequence => event.see(&row),
            _ => {
                let mut event = Parked { first: row.clone(), attempts: 0, was_accepted: false };
                event.see(&row);
                events.push_back(event);
            }
        }
    }
    // The page may end amid an event: one that was probed for days has more rows than a page.
    if let Some(event) = events.back_mut()
        && let Some(row) = store.last_row_of(line, event.sequence()).await?
    {
        event.see(&row);
    }
    Ok(events)
}
