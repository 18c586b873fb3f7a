//! Webhook jobs. Beside the log, whose rows say what came of them.

use std::future::Future;

use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId};
use hookrail_domain::job::{Job, JobPlace};
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;

use super::{Change, LineKey, StoreError};

/// Jobs, by webhook and delivery.
pub trait JobStore: Send + Sync {
    /// Puts the job, if there is none of its delivery.
    fn put_job(&self, job: &Job) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps what a job is to send for as long as it waits for its time, and some days longer.
    fn put_content(
        &self,
        of: (&LineKey, DeliveryId),
        content: &Body,
        expires_at: Millis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What the job of this delivery is to send.
    fn find_content(
        &self,
        line: &LineKey,
        delivery: DeliveryId,
    ) -> impl Future<Output = Result<Option<Body>, StoreError>> + Send;

    /// Up to `limit` jobs that are due, the longest due first. May lag behind a little.
    fn due_jobs(
        &self,
        now: Millis,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(LineKey, DeliveryId)>, StoreError>> + Send;

    /// The job of this delivery as it is now.
    fn find_job(
        &self,
        line: &LineKey,
        delivery: DeliveryId,
    ) -> impl Future<Output = Result<Option<Job>, StoreError>> + Send;

    /// Tells the job that an attempt is about to be made at this place in the line, unless it was cancelled. Who cancels
    /// it and who starts it never both succeed.
    fn start_job(
        &self,
        line: &LineKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> impl Future<Output = Result<JobStart, StoreError>> + Send;

    /// Tells the job its place in the line, where it waits. Nothing if there is no such job.
    fn place_job(
        &self,
        line: &LineKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes the job over the version before its own.
    fn change_job(&self, to: &Job) -> impl Future<Output = Result<Change, StoreError>> + Send;

    /// Up to `limit` jobs of the company before a place, or from the last one on, the latest first. May lag behind a
    /// little.
    fn page_jobs(
        &self,
        company: &CompanyId,
        before: Option<JobPlace>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Job>, StoreError>> + Send;
}

/// Whether an attempt may be made for a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobStart {
    /// It may: at this URL, if a person has given one.
    Started {
        corrected: Option<TargetUrl>,
    },
    Cancelled,
    /// There is none.
    NoJob,
}
