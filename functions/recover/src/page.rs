//! Logged events in order, read a page at a time: never more than one page is in memory.

use std::collections::VecDeque;

use hookrail_adapters::store::{LineKey, LogStore, StoreError};
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::log_row::LogRow;

/// Rows of one page. Bodies of 256 KiB come in smaller ones: a query ends at 1 MB.
pub const ROWS_MAX: usize = 25;

/// An event: its first row, which holds the body, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct LoggedEvent {
    pub first: LogRow,
    pub newest: LogRow,
    /// A run of deliver that was overtaken by the one that parked it got through nevertheless, or one of recover
    /// whose line moved.
    pub was_accepted: bool,
}

impl LoggedEvent {
    fn new(first: LogRow) -> Self {
        let was_accepted = first.attempt.outcome.is_success();
        Self { newest: first.clone(), first, was_accepted }
    }

    fn see(&mut self, row: LogRow) {
        self.was_accepted |= row.attempt.outcome.is_success();
        self.newest = row;
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.first.attempt.number.sequence
    }

    /// The number of its next attempt.
    pub(crate) fn next_number(&self) -> AttemptNumber {
        let AttemptNumber { sequence, attempt } = self.newest.attempt.number;
        AttemptNumber { sequence, attempt: attempt + 1 }
    }
}

/// What has been read and not been sent.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Everything from this number on, as far as it goes.
    from: u64,
    events: VecDeque<LoggedEvent>,
}

impl Page {
    /// The event of this number; none if its row is not there.
    pub(crate) async fn find(
        &mut self,
        store: &impl LogStore,
        line: &LineKey,
        sequence: u64,
    ) -> Result<Option<LoggedEvent>, StoreError> {
        let found = self.find_from(store, line, sequence).await?;
        Ok(found.filter(|found| found.sequence() == sequence))
    }

    /// The first event of this number or a later one; none if there is no such row.
    pub(crate) async fn find_from(
        &mut self,
        store: &impl LogStore,
        line: &LineKey,
        sequence: u64,
    ) -> Result<Option<LoggedEvent>, StoreError> {
        while self.events.front().is_some_and(|event| event.sequence() < sequence) {
            self.events.pop_front();
        }
        if sequence < self.from || self.events.is_empty() {
            self.events = read(store, line, sequence).await?;
        }
        self.from = sequence;
        Ok(self.events.front().cloned())
    }

    /// A row was written of the event that was found last.
    pub(crate) fn see(&mut self, row: &LogRow) {
        if let Some(event) = self.events.front_mut() {
            event.see(row.clone());
        }
    }

    /// Somebody else wrote a row: what was read is no longer how it is.
    pub(crate) fn forget(&mut self) {
        self.events.clear();
    }
}

async fn read(
    store: &impl LogStore,
    line: &LineKey,
    sequence: u64,
) -> Result<VecDeque<LoggedEvent>, StoreError> {
    let mut events: VecDeque<LoggedEvent> = VecDeque::new();
    for row in store.rows_from(line, sequence, ROWS_MAX).await? {
        match events.back_mut() {
            Some(event) if event.sequence() == row.attempt.number.sequence => event.see(row),
            _ => events.push_back(LoggedEvent::new(row)),
        }
    }
    // The page may end amid an event: one that was probed for days has more rows than a page.
    if let Some(event) = events.back_mut()
        && let Some(row) = store.last_row_of(line, event.sequence()).await?
    {
        event.see(row);
    }
    Ok(events)
}
