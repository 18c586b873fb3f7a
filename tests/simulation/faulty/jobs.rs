//! Webhook jobs.

use std::collections::HashSet;

use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId};
use hookrail_domain::job::{Job, JobPosition};
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::due::DueJob;
use hookrail_pipeline::store::jobs::{JobStart, JobStore};
use hookrail_pipeline::store::{Change, StoreError, WebhookKey};

use super::{Faulty, no_table};
use crate::faults::Call;

impl<P: JobStore> JobStore for Faulty<P> {
    async fn put_job(&self, job: &Job) -> Result<(), StoreError> {
        let course = self.sandbox.course(Call::PutJob);
        self.sandbox.perform(course, self.port.put_job(job), no_table).await
    }

    async fn find_content(&self, key: &WebhookKey, delivery: DeliveryId) -> Result<Option<Body>, StoreError> {
        let course = self.sandbox.course(Call::FindContent);
        self.sandbox.perform(course, self.port.find_content(key, delivery), no_table).await
    }

    async fn due_jobs(
        &self,
        now: Millis,
        share: usize,
        except: &HashSet<DueJob>,
    ) -> Result<Vec<DueJob>, StoreError> {
        // Without a waiting job nothing is drawn, so that schedules without jobs stay the same.
        if self.port.due_jobs(now, share, except).await?.is_empty() {
            return Ok(Vec::new());
        }
        let course = self.sandbox.course(Call::DueJobs);
        self.sandbox.perform(course, self.port.due_jobs(now, share, except), no_table).await
    }

    async fn find_job(&self, key: &WebhookKey, delivery: DeliveryId) -> Result<Option<Job>, StoreError> {
        let course = self.sandbox.course(Call::FindJob);
        self.sandbox.perform(course, self.port.find_job(key, delivery), no_table).await
    }

    async fn start_job(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> Result<JobStart, StoreError> {
        let course = self.sandbox.course(Call::StartJob);
        self.sandbox.perform(course, self.port.start_job(key, delivery, sequence), no_table).await
    }

    async fn place_job(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> Result<(), StoreError> {
        let course = self.sandbox.course(Call::PlaceJob);
        self.sandbox.perform(course, self.port.place_job(key, delivery, sequence), no_table).await
    }

    async fn change_job(&self, to: &Job) -> Result<Change, StoreError> {
        let course = self.sandbox.course(Call::ChangeJob);
        self.sandbox.perform(course, self.port.change_job(to), no_table).await
    }

    // The functions make none of the calls below.

    async fn put_content(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        content: &Body,
        expires_at: Millis,
    ) -> Result<(), StoreError> {
        self.port.put_content(key, delivery, content, expires_at).await
    }

    async fn page_jobs(
        &self,
        company: &CompanyId,
        before: Option<JobPosition>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        self.port.page_jobs(company, before, limit).await
    }
}
