//! What is kept: webhooks, companies and the delivery log; tokens in [`access`]. Ports with an AWS and a memory side.
//!
//! No call can be made without a company, but for the look-up of a token, which is what names the company.

use std::error::Error;
use std::future::Future;

use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::id::{CompanyId, SubscriptionId};
use hookrail_domain::job::Job;
use hookrail_domain::line::LastRow;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::suspension::Line;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Token;

use self::jobs::JobStore;

pub mod access;
pub mod dynamodb;
pub mod item;
pub mod jobs;
pub mod listing;
pub mod platform;
pub mod rejected;

/// A call to the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Worth trying again later. A write may or may not have happened.
    #[error("the table is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Trying again gives the same answer.
    #[error("an item does not read back: {what}")]
    Corrupt { what: &'static str },
}

/// Configuration: what people decide.
pub trait ConfigStore: Send + Sync {
    /// Makes a company and its first token, both or neither.
    fn create_company(
        &self,
        company: &CompanyId,
        token: &Token,
    ) -> impl Future<Output = Result<CompanyCreation, StoreError>> + Send;

    /// Whether there is such a company.
    fn is_company(&self, company: &CompanyId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Makes a webhook with its code and secrets, all or nothing.
    fn create_subscription(
        &self,
        subscription: &Subscription,
        secrets: &Secrets,
    ) -> impl Future<Output = Result<SubscriptionCreation, StoreError>> + Send;

    /// The webhook as it is now.
    fn find_subscription(
        &self,
        company: &CompanyId,
        id: SubscriptionId,
    ) -> impl Future<Output = Result<Option<Subscription>, StoreError>> + Send;

    /// Every webhook of the company, inactive ones included, by id.
    fn list_subscriptions(
        &self,
        company: &CompanyId,
    ) -> impl Future<Output = Result<Vec<Subscription>, StoreError>> + Send;

    /// The webhook's secrets as they are now.
    fn find_secrets(
        &self,
        company: &CompanyId,
        id: SubscriptionId,
    ) -> impl Future<Output = Result<Option<Secrets>, StoreError>> + Send;

    /// Writes a webhook over the version before its own, and its secrets if they change, both or neither.
    fn replace_subscription(
        &self,
        replacing: Replacing<'_>,
    ) -> impl Future<Output = Result<Replacement, StoreError>> + Send;

    /// For each company a number that every write of one of its webhooks raises; 0 for a company that is not there.
    fn config_versions(
        &self,
        companies: &[CompanyId],
    ) -> impl Future<Output = Result<Vec<u64>, StoreError>> + Send;

    /// Remembers the answer to an idempotency key until it expires.
    fn keep_answer(
        &self,
        company: &CompanyId,
        key: &str,
        answer: &KeptAnswer,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The remembered answer to an idempotency key, if it has not expired at `now`.
    fn find_answer(
        &self,
        company: &CompanyId,
        key: &str,
        now: Millis,
    ) -> impl Future<Output = Result<Option<KeptAnswer>, StoreError>> + Send;
}

/// What became of a new company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompanyCreation {
    Made,
    Taken,
}

/// What became of a new webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionCreation {
    Made,
    CodeTaken,
    /// The company has as many webhooks as it may have.
    Full,
    NoSuchCompany,
}

/// A changed webhook, and its secrets if they change with it.
#[derive(Debug, Clone, Copy)]
pub struct Replacing<'a> {
    pub subscription: &'a Subscription,
    pub secrets: Option<&'a Secrets>,
}

impl<'a> From<&'a Subscription> for Replacing<'a> {
    fn from(subscription: &'a Subscription) -> Self {
        Self { subscription, secrets: None }
    }
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    Done,
    /// The webhook is at another version than the change was based on.
    Lost,
}

/// The answer to a call with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// A hash of the request's body: the same key with another body is a mistake.
    pub request: String,
    pub status: u16,
    pub body: String,
    pub expires_at: Millis,
}

/// The delivery log and what deliveries need to go on.
pub trait LogStore: JobStore {
    /// The settings of these lines, in the same order, all read consistently in one call.
    fn settings(
        &self,
        lines: &[LineKey],
    ) -> impl Future<Output = Result<Vec<LineSettings>, StoreError>> + Send;

    /// What the newest row of the line says, read consistently.
    fn last_row(&self, line: &LineKey) -> impl Future<Output = Result<Option<LastRow>, StoreError>> + Send;

    /// Writes the row if there is none of its number: the fence against a second run of the same group.
    fn put_row(&self, row: &LogRow) -> impl Future<Output = Result<Recorded, StoreError>> + Send;

    /// Puts the row of a parked event and moves the end of what is set aside to it, both or neither: if the line is
    /// still set aside in `generation`, and not yet as far.
    fn park(&self, row: &LogRow, generation: u64)
    -> impl Future<Output = Result<Parking, StoreError>> + Send;

    /// Writes what differs between the two, if the line still is as `from`. No row is involved.
    fn change_line(
        &self,
        key: &LineKey,
        from: &Line,
        to: &Line,
    ) -> impl Future<Output = Result<Change, StoreError>> + Send;

    /// Writes a webhook over the version before its own, its secrets if they change, and what differs between the two
    /// lines, all or nothing.
    fn replace_with_line(
        &self,
        replacing: Replacing<'_>,
        from: &Line,
        to: &Line,
    ) -> impl Future<Output = Result<Replacement, StoreError>> + Send;

    /// Writes the row of an attempt that recover made and what it leads to, both or neither.
    fn advance(
        &self,
        row: &LogRow,
        from: &Line,
        to: &Line,
    ) -> impl Future<Output = Result<Change, StoreError>> + Send;

    /// Lines that were due at `now`, the longest due first, at most `limit`. May lag behind a little.
    fn due_lines(
        &self,
        now: Millis,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<LineKey>, StoreError>> + Send;

    /// Up to `limit` rows from the first of `sequence` on, oldest event first and its first row first, as stored: the
    /// body is with an event's first row.
    fn rows_from(
        &self,
        line: &LineKey,
        sequence: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<LogRow>, StoreError>> + Send;

    /// An event's newest row, as stored.
    fn last_row_of(
        &self,
        line: &LineKey,
        sequence: u64,
    ) -> impl Future<Output = Result<Option<LogRow>, StoreError>> + Send;

    /// Up to `limit` rows, newest event first and its newest attempt first, each with its body.
    fn list_rows(
        &self,
        line: &LineKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<LogRow>, StoreError>> + Send;
}

/// One webhook's line: the company is part of every key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LineKey {
    pub company: CompanyId,
    pub subscription: SubscriptionId,
}

impl LineKey {
    /// The line that a job is in, or will be.
    #[must_use]
    pub fn of_job(job: &Job) -> Self {
        Self { company: job.company.clone(), subscription: job.subscription }
    }
}

/// What deliver reads of a line before it sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineSettings {
    pub subscription: Option<Subscription>,
    pub secrets: Option<Secrets>,
    pub line: Line,
}

/// What became of an event that was to be parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parking {
    /// Its row is there, from now or from before.
    Parked,
    /// The line is not as it was read.
    Moved,
}

/// What became of a conditional write of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Done,
    /// The line is not as it was read, or the row is another's; nothing was written.
    Lost,
}

/// Whose row stands at a number after a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The row is there and this run wrote it, now or in a call whose answer was lost.
    Mine,
    /// Another run of the same group holds the line.
    Another,
}
