//! Reads for people, in memory.

use hookrail_adapters::store::listing::{EventPlace, ListStore, Scanned};
use hookrail_adapters::store::{LineKey, StoreError};
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::id::{CompanyId, EventId, SubscriptionId};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::test_row::{TestPlace, TestRow};

use super::MemoryTables;

impl ListStore for MemoryTables {
    async fn page_subscriptions(
        &self,
        company: &CompanyId,
        before: Option<SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<Subscription>, StoreError> {
        let tables = self.open()?;
        let of_company = tables.subscriptions.values().rev().filter(|one| one.company == *company);
        let older = of_company.filter(|one| before.is_none_or(|before| one.id < before));
        Ok(older.take(limit).cloned().collect())
    }

    async fn scan_rows(
        &self,
        line: &LineKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        let tables = self.open()?;
        let rows = tables.lines.get(line).into_iter().flat_map(|rows| rows.values().rev());
        let mut older = rows.filter(|row| before.is_none_or(|before| row.attempt.number < before));
        let bare = |row: &LogRow| LogRow { body: None, ..row.clone() };
        let rows: Vec<_> = older.by_ref().take(limit).map(bare).collect();
        Ok(Scanned { rows, is_end: older.next().is_none() })
    }

    async fn put_test(&self, line: &LineKey, row: &TestRow) -> Result<(), StoreError> {
        self.open()?.tests.entry(line.clone()).or_default().insert(row.place, row.clone());
        Ok(())
    }

    async fn list_tests(
        &self,
        line: &LineKey,
        before: Option<TestPlace>,
        limit: usize,
    ) -> Result<Vec<TestRow>, StoreError> {
        let tables = self.open()?;
        let rows = tables.tests.get(line).into_iter().flat_map(|rows| rows.values().rev());
        let older = rows.filter(|row| before.is_none_or(|before| row.place < before));
        Ok(older.take(limit).cloned().collect())
    }

    async fn places_of(
        &self,
        company: &CompanyId,
        event: EventId,
        after: Option<SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<EventPlace>, StoreError> {
        let tables = self.open()?;
        let lines = tables.lines.iter().filter(|(line, _)| line.company == *company);
        let lines = lines.filter(|(line, _)| after.is_none_or(|after| after < line.subscription));
        let first = |row: &&LogRow| row.event == event && row.body.is_some();
        let mut places: Vec<_> = lines
            .filter_map(|(line, rows)| {
                let sequence = rows.values().find(first)?.attempt.number.sequence;
                Some(EventPlace { subscription: line.subscription, sequence })
            })
            .collect();
        places.sort_by_key(|place| place.subscription);
        places.truncate(limit);
        Ok(places)
    }
}
