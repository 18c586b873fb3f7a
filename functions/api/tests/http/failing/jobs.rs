//! Webhook jobs.

use hookrail_adapters::store::jobs::{JobStart, JobStore};
use hookrail_adapters::store::{Change, LineKey, StoreError};
use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId};
use hookrail_domain::job::{Job, JobPlace};
use hookrail_domain::time::Millis;

use super::FailingTables;

impl JobStore for FailingTables {
    async fn put_job(&self, job: &Job) -> Result<(), StoreError> {
        self.may("put_job")?;
        self.tables.put_job(job).await
    }

    async fn put_content(
        &self,
        of: (&LineKey, DeliveryId),
        content: &Body,
        expires_at: Millis,
    ) -> Result<(), StoreError> {
        self.may("put_content")?;
        self.tables.put_content(of, content, expires_at).await
    }

    async fn find_content(&self, line: &LineKey, delivery: DeliveryId) -> Result<Option<Body>, StoreError> {
        self.tables.find_content(line, delivery).await
    }

    async fn due_jobs(&self, now: Millis, limit: usize) -> Result<Vec<(LineKey, DeliveryId)>, StoreError> {
        self.tables.due_jobs(now, limit).await
    }

    async fn find_job(&self, line: &LineKey, delivery: DeliveryId) -> Result<Option<Job>, StoreError> {
        self.may("find_job")?;
        self.tables.find_job(line, delivery).await
    }

    async fn start_job(
        &self,
        line: &LineKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> Result<JobStart, StoreError> {
        self.tables.start_job(line, delivery, sequence).await
    }

    async fn place_job(&self, line: &LineKey, delivery: DeliveryId, sequence: u64) -> Result<(), StoreError> {
        self.tables.place_job(line, delivery, sequence).await
    }

    async fn change_job(&self, to: &Job) -> Result<Change, StoreError> {
        self.tables.change_job(to).await
    }

    async fn page_jobs(
        &self,
        company: &CompanyId,
        before: Option<JobPlace>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        self.may("page_jobs")?;
        self.tables.page_jobs(company, before, limit).await
    }
}
