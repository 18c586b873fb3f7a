//! The stores: webhooks, companies and the delivery log; tokens in [`access`]. Ports with an AWS and a
//! memory side.
//!
//! Every call names a company, except the look-up of a token, which returns the company.

use std::collections::HashSet;
use std::error::Error;
use std::future::Future;

use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::delivery::Delivery;
use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::ingest::Pushed;
use hookrail_domain::job::Job;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::progress::LastRow;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::suspension::QueueState;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Token;
use hookrail_domain::webhook::Webhook;

use self::jobs::JobStore;

pub mod access;
pub mod due;
pub mod jobs;
pub mod listing;
pub mod platform;
pub mod rejected;

/// A call to the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A later try may succeed. A write may or may not have happened.
    #[error("the table is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Another try has the same result.
    #[error("an item does not read back: {what}")]
    Corrupt { what: &'static str },
}

/// Configuration: the settings that people make.
pub trait ConfigStore: Send + Sync {
    /// Creates a company and its first token, both or neither.
    fn create_company(
        &self,
        company: &CompanyId,
        token: &Token,
    ) -> impl Future<Output = Result<CompanyCreation, StoreError>> + Send;

    /// Returns whether the company exists.
    fn is_company(&self, company: &CompanyId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Creates a webhook with its code and secrets, all or nothing.
    fn create_webhook(
        &self,
        webhook: &Webhook,
        secrets: &Secrets,
    ) -> impl Future<Output = Result<WebhookCreation, StoreError>> + Send;

    /// Returns the webhook as it is now.
    fn find_webhook(
        &self,
        company: &CompanyId,
        id: WebhookId,
    ) -> impl Future<Output = Result<Option<Webhook>, StoreError>> + Send;

    /// Returns every webhook of the company, inactive ones included, by id.
    fn list_webhooks(
        &self,
        company: &CompanyId,
    ) -> impl Future<Output = Result<Vec<Webhook>, StoreError>> + Send;

    /// Returns the webhook's secrets as they are now.
    fn find_secrets(
        &self,
        company: &CompanyId,
        id: WebhookId,
    ) -> impl Future<Output = Result<Option<Secrets>, StoreError>> + Send;

    /// Writes a webhook over its previous version, and its secrets if they change, both or neither.
    fn replace_webhook(
        &self,
        replacing: Replacing<'_>,
    ) -> impl Future<Output = Result<Replacement, StoreError>> + Send;

    /// Returns for each company a number that every write of one of its webhooks raises; 0 for a company
    /// that does not exist.
    fn config_versions(
        &self,
        companies: &[CompanyId],
    ) -> impl Future<Output = Result<Vec<u64>, StoreError>> + Send;

    /// Keeps the response to an idempotency key until it expires.
    fn store_response(
        &self,
        company: &CompanyId,
        key: &str,
        answer: &StoredResponse,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns the kept response to an idempotency key, if it has not expired at `now`.
    fn find_response(
        &self,
        company: &CompanyId,
        key: &str,
        now: Millis,
    ) -> impl Future<Output = Result<Option<StoredResponse>, StoreError>> + Send;

    /// Returns the events that the company has pushed while it was limited.
    fn find_pushed(&self, company: &CompanyId) -> impl Future<Output = Result<Pushed, StoreError>> + Send;

    /// Replaces that count, unless it has changed. It expires with its window.
    fn replace_pushed(
        &self,
        company: &CompanyId,
        from: Pushed,
        to: Pushed,
    ) -> impl Future<Output = Result<Change, StoreError>> + Send;
}

/// The result of creating a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompanyCreation {
    Made,
    Taken,
}

/// The result of creating a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookCreation {
    Made,
    CodeTaken,
    /// The company already has the maximum number of webhooks.
    Full,
    NoSuchCompany,
}

/// A changed webhook, and its secrets if they change with it.
#[derive(Debug, Clone, Copy)]
pub struct Replacing<'a> {
    pub webhook: &'a Webhook,
    pub secrets: Option<&'a Secrets>,
}

impl<'a> From<&'a Webhook> for Replacing<'a> {
    fn from(webhook: &'a Webhook) -> Self {
        Self { webhook, secrets: None }
    }
}

/// The result of replacing a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    Done,
    /// The webhook has another version than the one that the change was based on.
    Lost,
}

/// The response to a call with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// A hash of the request's body: the same key with another body is a mistake.
    pub request: String,
    pub status: u16,
    /// None if the response is too large to keep: a repeat is recognised and executed again, and finds
    /// what exists.
    pub body: Option<String>,
    pub expires_at: Millis,
}

/// The delivery log, and the state that deliveries need.
pub trait LogStore: JobStore {
    /// Returns the snapshots of these webhooks, in the same order, all read consistently in one call.
    fn snapshots(
        &self,
        keys: &[WebhookKey],
    ) -> impl Future<Output = Result<Vec<WebhookSnapshot>, StoreError>> + Send;

    /// Returns the newest row of the webhook, read consistently.
    fn last_row(&self, key: &WebhookKey) -> impl Future<Output = Result<Option<LastRow>, StoreError>> + Send;

    /// Writes the row if there is no row of its number: the fence against a second run of the same
    /// group.
    fn put_row(&self, row: &LogRow) -> impl Future<Output = Result<Recorded, StoreError>> + Send;

    /// Writes the row of a parked event and moves the end of the backlog to it, both or neither.
    /// The backlog must still be of this `generation`, and its end before the row.
    fn park(&self, row: &LogRow, generation: u64)
    -> impl Future<Output = Result<Parking, StoreError>> + Send;

    /// Writes the difference of the two, if the queue still is `from`. No row is involved.
    fn change_state(
        &self,
        key: &WebhookKey,
        from: &QueueState,
        to: &QueueState,
    ) -> impl Future<Output = Result<Change, StoreError>> + Send;

    /// Writes a webhook over its previous version, its secrets if they change, and the difference of the
    /// two queues, all or nothing.
    fn replace_with_state(
        &self,
        replacing: Replacing<'_>,
        from: &QueueState,
        to: &QueueState,
    ) -> impl Future<Output = Result<Replacement, StoreError>> + Send;

    /// Writes the row of an attempt of recover and the queue after it, both or neither.
    fn advance(
        &self,
        row: &LogRow,
        from: &QueueState,
        to: &QueueState,
    ) -> impl Future<Output = Result<Change, StoreError>> + Send;

    /// Returns queues that were due at `now`, the longest due first: at most `share` of each company, and none of `except`.
    /// May lag behind a little.
    fn due_queues(
        &self,
        now: Millis,
        share: usize,
        except: &HashSet<WebhookKey>,
    ) -> impl Future<Output = Result<Vec<WebhookKey>, StoreError>> + Send;

    /// Returns the number of queues that are due now or later. May lag behind a little.
    fn count_due_queues(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Returns up to `limit` stored rows from the first of `sequence` on: oldest event first, its first
    /// row first.
    /// The body is in an event's first row.
    fn rows_from(
        &self,
        key: &WebhookKey,
        sequence: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<LogRow>, StoreError>> + Send;

    /// Returns an event's newest row, as stored.
    fn last_row_of(
        &self,
        key: &WebhookKey,
        sequence: u64,
    ) -> impl Future<Output = Result<Option<LogRow>, StoreError>> + Send;

    /// Returns up to `limit` rows, newest event first and its newest attempt first, each with its body.
    fn list_rows(
        &self,
        key: &WebhookKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<LogRow>, StoreError>> + Send;
}

/// The key of a webhook. The company is part of every key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebhookKey {
    pub company: CompanyId,
    pub webhook: WebhookId,
}

impl WebhookKey {
    /// Returns the webhook of a row.
    #[must_use]
    pub fn of_row(row: &LogRow) -> Self {
        Self { company: row.company.clone(), webhook: row.webhook }
    }

    /// Returns the webhook of a delivery.
    #[must_use]
    pub fn of_delivery(delivery: &Delivery) -> Self {
        Self { company: delivery.company.clone(), webhook: delivery.webhook }
    }

    /// Returns the webhook in whose queue a job is, or will be.
    #[must_use]
    pub fn of_job(job: &Job) -> Self {
        Self { company: job.company.clone(), webhook: job.webhook }
    }
}

/// The webhook as deliver reads it before it sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookSnapshot {
    pub webhook: Option<Webhook>,
    pub secrets: Option<Secrets>,
    pub state: QueueState,
}

/// The result of parking an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parking {
    /// Its row exists, written now or before.
    Parked,
    /// The queue is not as it was read.
    Moved,
}

/// The result of a conditional write of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Done,
    /// The queue is not as it was read, or the row is another run's; nothing was written.
    Lost,
}

/// The writer of the row that stands at a number after a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// This run wrote the row, now or in a call whose response was lost.
    Mine,
    /// Another run of the same group has the queue.
    Another,
}
