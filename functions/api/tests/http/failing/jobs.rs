//! Webhook jobs.

use std::collections::HashSet;

use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId};
use hookrail_domain::job::{Job, JobPosition};
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::due::DueJob;
use hookrail_pipeline::store::jobs::{JobStart, JobStore};
use hookrail_pipeline::store::{Change, StoreError, WebhookKey};

use super::FailingTables;

impl JobStore for FailingTables {
    async fn put_job(&self, job: &Job) -> Result<(), StoreError> {
        self.may("put_job")?;
        self.tables.put_job(job).await
    }

    async fn put_content(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        content: &Body,
        expires_at: Millis,
    ) -> Result<(), StoreError> {
        self.may("put_content")?;
        self.tables.put_content(key, delivery, content, expires_at).await
    }

    async fn find_content(&self, key: &WebhookKey, delivery: DeliveryId) -> Result<Option<Body>, StoreError> {
        self.tables.find_content(key, delivery).await
    }

    async fn due_jobs(
        &self,
        now: Millis,
        share: usize,
        except: &HashSet<DueJob>,
    ) -> Result<Vec<DueJob>, StoreError> {
        self.tables.due_jobs(now, share, except).await
    }

    async fn find_job(&self, key: &WebhookKey, delivery: DeliveryId) -> Result<Option<Job>, StoreError> {
        self.may("find_job")?;
        self.tables.find_job(key, delivery).await
    }

    async fn start_job(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> Result<JobStart, StoreError> {
        self.tables.start_job(key, delivery, sequence).await
    }

    async fn place_job(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> Result<(), StoreError> {
        self.tables.place_job(key, delivery, sequence).await
    }

    async fn change_job(&self, to: &Job) -> Result<Change, StoreError> {
        self.tables.change_job(to).await
    }

    async fn page_jobs(
        &self,
        company: &CompanyId,
        before: Option<JobPosition>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        self.may("page_jobs")?;
        self.tables.page_jobs(company, before, limit).await
    }
}
