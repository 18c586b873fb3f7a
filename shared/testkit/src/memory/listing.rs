//! Reads for people, in memory.

use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::id::{CompanyId, EventId, WebhookId};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::test_row::{TestPosition, TestRow};
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::store::listing::{EventPosition, ListStore, Scanned};
use hookrail_pipeline::store::{StoreError, WebhookKey};

use super::MemoryTables;

impl ListStore for MemoryTables {
    async fn page_webhooks(
        &self,
        company: &CompanyId,
        before: Option<WebhookId>,
        limit: usize,
    ) -> Result<Vec<Webhook>, StoreError> {
        let tables = self.open()?;
        let of_company = tables.webhooks.values().rev().filter(|one| one.company == *company);
        let older = of_company.filter(|one| before.is_none_or(|before| one.id < before));
        Ok(older.take(limit).cloned().collect())
    }

    async fn scan_rows(
        &self,
        key: &WebhookKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        let tables = self.open()?;
        let rows = tables.logs.get(key).into_iter().flat_map(|rows| rows.values().rev());
        let mut older = rows.filter(|row| before.is_none_or(|before| row.attempt.number < before));
        let bare = |row: &LogRow| LogRow { body: None, ..row.clone() };
        let rows: Vec<_> = older.by_ref().take(limit).map(bare).collect();
        Ok(Scanned { rows, is_end: older.next().is_none() })
    }

    async fn put_test(&self, key: &WebhookKey, row: &TestRow) -> Result<(), StoreError> {
        self.open()?.tests.entry(key.clone()).or_default().insert(row.place, row.clone());
        Ok(())
    }

    async fn list_tests(
        &self,
        key: &WebhookKey,
        before: Option<TestPosition>,
        limit: usize,
    ) -> Result<Vec<TestRow>, StoreError> {
        let tables = self.open()?;
        let rows = tables.tests.get(key).into_iter().flat_map(|rows| rows.values().rev());
        let older = rows.filter(|row| before.is_none_or(|before| row.place < before));
        Ok(older.take(limit).cloned().collect())
    }

    async fn places_of(
        &self,
        company: &CompanyId,
        event: EventId,
        after: Option<WebhookId>,
        limit: usize,
    ) -> Result<Vec<EventPosition>, StoreError> {
        let tables = self.open()?;
        let keys = tables.logs.iter().filter(|(key, _)| key.company == *company);
        let keys = keys.filter(|(key, _)| after.is_none_or(|after| after < key.webhook));
        let first = |row: &&LogRow| row.event == event && row.body.is_some();
        let mut places: Vec<_> = keys
            .filter_map(|(key, rows)| {
                let sequence = rows.values().find(first)?.attempt.number.sequence;
                Some(EventPosition { webhook: key.webhook, sequence })
            })
            .collect();
        places.sort_by_key(|place| place.webhook);
        places.truncate(limit);
        Ok(places)
    }
}
