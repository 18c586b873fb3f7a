//! Webhook jobs.

use std::collections::HashSet;

use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId};
use hookrail_domain::job::{Job, JobPosition, JobState};
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::due::{DueJob, Shares};
use hookrail_pipeline::store::jobs::{JobStart, JobStore};
use hookrail_pipeline::store::{Change, StoreError, WebhookKey};

use super::MemoryTables;

impl MemoryTables {
    /// Returns every job of the webhook.
    #[must_use]
    pub fn jobs(&self, webhook_key: &WebhookKey) -> Vec<Job> {
        let tables = self.tables();
        tables.jobs.iter().filter(|((key, _), _)| key == webhook_key).map(|(_, job)| job.clone()).collect()
    }
}

impl JobStore for MemoryTables {
    async fn put_job(&self, job: &Job) -> Result<(), StoreError> {
        self.open()?.jobs.entry((WebhookKey::of_job(job), job.delivery)).or_insert_with(|| job.clone());
        Ok(())
    }

    async fn put_content(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        content: &Body,
        _expires_at: Millis,
    ) -> Result<(), StoreError> {
        self.open()?.contents.insert((key.clone(), delivery), content.clone());
        Ok(())
    }

    async fn find_content(&self, key: &WebhookKey, delivery: DeliveryId) -> Result<Option<Body>, StoreError> {
        Ok(self.open()?.contents.get(&(key.clone(), delivery)).cloned())
    }

    async fn due_jobs(
        &self,
        now: Millis,
        share: usize,
        except: &HashSet<DueJob>,
    ) -> Result<Vec<DueJob>, StoreError> {
        let tables = self.open()?;
        let due = tables.jobs.iter().filter_map(|(key, job)| Some((job.due_at?, job.place(), key)));
        let mut due: Vec<_> = due.filter(|(due_at, ..)| *due_at <= now).collect();
        due.sort_by_key(|(due_at, place, _)| (*due_at, *place));
        let mut shares = Shares::new(share, except);
        Ok(due.into_iter().filter(|(.., key)| shares.takes(key)).map(|(.., key)| key.clone()).collect())
    }

    async fn find_job(&self, key: &WebhookKey, delivery: DeliveryId) -> Result<Option<Job>, StoreError> {
        Ok(self.open()?.jobs.get(&(key.clone(), delivery)).cloned())
    }

    async fn start_job(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> Result<JobStart, StoreError> {
        let mut tables = self.open()?;
        let Some(job) = tables.jobs.get_mut(&(key.clone(), delivery)) else { return Ok(JobStart::NoJob) };
        if job.state == JobState::Cancelled {
            return Ok(JobStart::Cancelled);
        }
        job.state = JobState::Started { sequence };
        job.version += 1;
        Ok(JobStart::Started { corrected: job.url.clone().filter(|_| job.is_corrected) })
    }

    async fn place_job(
        &self,
        key: &WebhookKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> Result<(), StoreError> {
        if let Some(job) = self.open()?.jobs.get_mut(&(key.clone(), delivery)) {
            if let JobState::Queued { .. } = job.state {
                job.state = JobState::Queued { sequence: Some(sequence) };
            }
            job.version += 1;
        }
        Ok(())
    }

    async fn change_job(&self, to: &Job) -> Result<Change, StoreError> {
        match self.open()?.jobs.get_mut(&(WebhookKey::of_job(to), to.delivery)) {
            Some(job) if job.version + 1 == to.version => {
                *job = to.clone();
                Ok(Change::Done)
            }
            Some(_) | None => Ok(Change::Lost),
        }
    }

    async fn page_jobs(
        &self,
        company: &CompanyId,
        before: Option<JobPosition>,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let tables = self.open()?;
        let mut jobs: Vec<_> =
            tables.jobs.values().filter(|job| !job.is_deleted && &job.company == company).collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.place()));
        let older = jobs.into_iter().filter(|job| before.is_none_or(|before| job.place() < before));
        Ok(older.take(limit).cloned().collect())
    }
}
