//! Parked events in order, read a page at a time: never more than one page is in memory.

use std::collections::VecDeque;

use hookrail_adapters::store::{LineKey, LogStore, StoreError};
use hookrail_domain::log_row::LogRow;

/// Rows of one page. Bodies of 256 KiB come in smaller ones: a query ends at 1 MB.
pub const ROWS_MAX: usize = 25;

/// A parked event: its first row, which holds the body, and its attempts so far.
#[derive(Debug, Clone)]
pub(crate) struct Parked {
    pub first: LogRow,
    pub attempts: u32,
}

impl Parked {
    fn sequence(&self) -> u64 {
        self.first.attempt.number.sequence
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
}

async fn read(store: &impl LogStore, line: &LineKey, sequence: u64) -> Result<VecDeque<Parked>, StoreError> {
    let mut events: VecDeque<Parked> = VecDeque::new();
    for row in store.rows_from(line, sequence, ROWS_MAX).await? {
        let attempts = row.attempt.number.attempt;
        match events.back_mut() {
            Some(last) if last.sequence() == row.attempt.number.sequence => last.attempts = attempts,
            _ => events.push_back(Parked { first: row, attempts }),
        }
    }
    // The page may end amid an event: one that was probed for days has more rows than a page.
    if let Some(last) = events.back_mut()
        && let Some(number) = store.last_attempt(line, last.sequence()).await?
    {
        last.attempts = number.attempt;
    }
    Ok(events)
}
