//! Webhook jobs. Their results are in the rows of the log.

use std::collections::HashSet;
use std::future::Future;

use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId};
use hookrail_domain::job::{Job, JobPosition};
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;

use super::due::DueJob;
use super::{Change, StoreError, WebhookKey};

/// Jobs, by webhook and delivery.
pub trait JobStore: Send + Sync {
    /// Writes the job, if its delivery does not have one.
    fn put_job(&self, job: &Job) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps the content of a job for as long as the job waits for its time, and some days longer.
    fn put_content(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        content: &Body,
        expires_at: Millis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns the content of the job of this delivery.
    fn find_content(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
    ) -> impl Future<Output = Result<Option<Body>, StoreError>> + Send;

    /// Returns jobs that were due at `now`, the longest due first: at most `share` of each company, and none of `except`. May
    /// lag behind a little.
    fn due_jobs(
        &self,
        now: Millis,
        share: usize,
        except: &HashSet<DueJob>,
    ) -> impl Future<Output = Result<Vec<DueJob>, StoreError>> + Send;

    /// Returns the job of this delivery as it is now.
    fn find_job(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
    ) -> impl Future<Output = Result<Option<Job>, StoreError>> + Send;

    /// Records in the job that an attempt is about to be made at this position of the queue, unless the
    /// job was cancelled.
    /// Cancelling and starting a job never both succeed.
    fn start_job(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> impl Future<Output = Result<JobStart, StoreError>> + Send;

    /// Records in the job the position of the queue at which it waits. Nothing happens if the job does
    /// not exist.
    fn place_job(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes the job over its previous version.
    fn change_job(&self, to: &Job) -> impl Future<Output = Result<Change, StoreError>> + Send;

    /// Returns up to `limit` jobs of the company before a position, or from the last one on, the latest
    /// first. May lag behind a little.
    fn page_jobs(
        &self,
        company: &CompanyId,
        before: Option<JobPosition>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Job>, StoreError>> + Send;
}

/// The result of starting a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobStart {
    /// The attempt may be made: at this URL, if a person has given one.
    Started {
        corrected: Option<TargetUrl>,
    },
    Cancelled,
    /// The delivery does not have a job.
    NoJob,
}
