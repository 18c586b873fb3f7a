//! Lists for people: pages of webhooks, of a log that is searched, of test sends.
//!
//! Each call reads a bounded part of a table, regardless of the size of a company.

use std::future::Future;

use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::id::{CompanyId, EventId, WebhookId};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::test_row::{TestPosition, TestRow};
use hookrail_domain::webhook::Webhook;

use super::{StoreError, WebhookKey};

/// Lists for people.
pub trait ListStore: Send + Sync {
    /// Returns up to `limit` webhooks of the company, inactive ones included, the newest id first; fewer
    /// only at the end.
    fn page_webhooks(
        &self,
        company: &CompanyId,
        before: Option<WebhookId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Webhook>, StoreError>> + Send;

    /// Returns some rows without their bodies, newest event first and its newest attempt first.
    /// One read of the table, which may end before `limit`.
    fn scan_rows(
        &self,
        key: &WebhookKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> impl Future<Output = Result<Scanned, StoreError>> + Send;

    /// Keeps a test send apart from the webhook's log, which is not changed.
    fn put_test(
        &self,
        key: &WebhookKey,
        row: &TestRow,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns up to `limit` test sends, the newest first.
    fn list_tests(
        &self,
        key: &WebhookKey,
        before: Option<TestPosition>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<TestRow>, StoreError>> + Send;

    /// Returns the position of an event in the logs of up to `limit` of the company's webhooks, those
    /// with ids behind `after`, the lowest id first.
    /// May lag behind a little; an event without a row has no position.
    fn places_of(
        &self,
        company: &CompanyId,
        event: EventId,
        after: Option<WebhookId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<EventPosition>, StoreError>> + Send;
}

/// The position of an event in one webhook's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPosition {
    pub webhook: WebhookId,
    pub sequence: u64,
}

/// The result of one read of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    pub rows: Vec<LogRow>,
    /// True if this read reached the oldest row.
    pub is_end: bool,
}
