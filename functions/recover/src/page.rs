//! Logged events in order, read a page at a time: never more than one page is in memory.

use std::collections::VecDeque;

use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::log_row::LogRow;
use hookrail_pipeline::store::{LogStore, StoreError, WebhookKey};

/// Rows of one page. Bodies of 256 KiB come in smaller ones: a query ends at 1 MB.
pub const ROWS_MAX: usize = 25;

/// An event: its first row, which holds the body, and its position.
#[derive(Debug, Clone)]
pub(crate) struct LoggedEvent {
    pub first: LogRow,
    pub newest: LogRow,
    /// Accepted, or ended unsent, by a run of deliver although the run that parked the event overtook it, or by a
    /// run of recover whose queue changed.
    pub is_final: bool,
}

impl LoggedEvent {
    fn new(first: LogRow) -> Self {
        let is_final = first.is_final();
        Self { newest: first.clone(), first, is_final }
    }

    fn see(&mut self, row: LogRow) {
        self.is_final |= row.is_final();
        self.newest = row;
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.first.attempt.number.sequence
    }

    /// Returns the number of its next attempt.
    pub(crate) fn next_number(&self) -> AttemptNumber {
        let AttemptNumber { sequence, attempt } = self.newest.attempt.number;
        AttemptNumber { sequence, attempt: attempt + 1 }
    }
}

/// The rows that were read and not sent yet.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Every row from this sequence on, up to the end of the page.
    from: u64,
    events: VecDeque<LoggedEvent>,
}

impl Page {
    /// Returns the event of this sequence; none if its row does not exist.
    pub(crate) async fn find(
        &mut self,
        store: &impl LogStore,
        key: &WebhookKey,
        sequence: u64,
    ) -> Result<Option<LoggedEvent>, StoreError> {
        let found = self.find_from(store, key, sequence).await?;
        Ok(found.filter(|found| found.sequence() == sequence))
    }

    /// Returns the event of this sequence or a later one; none if there is no such row.
    pub(crate) async fn find_from(
        &mut self,
        store: &impl LogStore,
        key: &WebhookKey,
        sequence: u64,
    ) -> Result<Option<LoggedEvent>, StoreError> {
        while self.events.front().is_some_and(|event| event.sequence() < sequence) {
            self.events.pop_front();
        }
        if sequence < self.from || self.events.is_empty() {
            self.events = read(store, key, sequence).await?;
        }
        self.from = sequence;
        Ok(self.events.front().cloned())
    }

    /// Adds a new row of the event that was found last.
    pub(crate) fn see(&mut self, row: &LogRow) {
        if let Some(event) = self.events.front_mut() {
            event.see(row.clone());
        }
    }

    /// Drops the page after another run wrote a row: it is out of date.
    pub(crate) fn forget(&mut self) {
        self.events.clear();
    }
}

async fn read(
    store: &impl LogStore,
    key: &WebhookKey,
    sequence: u64,
) -> Result<VecDeque<LoggedEvent>, StoreError> {
    let mut events: VecDeque<LoggedEvent> = VecDeque::new();
    for row in store.rows_from(key, sequence, ROWS_MAX).await? {
        match events.back_mut() {
            Some(event) if event.sequence() == row.attempt.number.sequence => event.see(row),
            _ => events.push_back(LoggedEvent::new(row)),
        }
    }
    // The page may end in the middle of an event: one that was probed for days has more rows than a
    // page.
    if let Some(event) = events.back_mut()
        && let Some(row) = store.last_row_of(key, event.sequence()).await?
    {
        event.see(row);
    }
    Ok(events)
}
