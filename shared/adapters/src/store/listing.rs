//! What people look at: pages of webhooks, of a log that is searched, of test sends.
//!
//! Each call reads a bounded part of a table, however much a company has.

use std::future::Future;

use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::id::{CompanyId, EventId, SubscriptionId};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::test_row::{TestPlace, TestRow};

use super::{LineKey, StoreError};

/// Lists for people.
pub trait ListStore: Send + Sync {
    /// Up to `limit` webhooks of the company, inactive ones included, the newest id first; fewer only at the end.
    fn page_subscriptions(
        &self,
        company: &CompanyId,
        before: Option<SubscriptionId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Subscription>, StoreError>> + Send;

    /// Some rows, newest event first and its newest attempt first, each without its body. One read of the table, which
    /// may end before `limit`.
    fn scan_rows(
        &self,
        line: &LineKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> impl Future<Output = Result<Scanned, StoreError>> + Send;

    /// Keeps a test send beside the line's log, which is not touched.
    fn put_test(&self, line: &LineKey, row: &TestRow) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Up to `limit` test sends, the newest first.
    fn list_tests(
        &self,
        line: &LineKey,
        before: Option<TestPlace>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<TestRow>, StoreError>> + Send;

    /// Where an event stands in the logs of up to `limit` of the company's webhooks, those with ids behind `after`, the
    /// lowest id first. May lag behind a little; an event that nothing was recorded of yet stands nowhere.
    fn places_of(
        &self,
        company: &CompanyId,
        event: EventId,
        after: Option<SubscriptionId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<EventPlace>, StoreError>> + Send;
}

/// Where an event stands in one webhook's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPlace {
    pub subscription: SubscriptionId,
    pub sequence: u64,
}

/// What one read of a log gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    pub rows: Vec<LogRow>,
    /// Whether no older row is left.
    pub is_end: bool,
}
