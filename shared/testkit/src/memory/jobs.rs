//! Webhook jobs.

use hookrail_adapters::store::jobs::{JobStart, JobStore};
use hookrail_adapters::store::{Change, LineKey, StoreError};
use hookrail_domain::id::{CompanyId, DeliveryId};
use hookrail_domain::job::{Job, JobPlace, JobState};

use super::MemoryTables;

impl MemoryTables {
    /// Every job of the line.
    #[must_use]
    pub fn jobs(&self, line: &LineKey) -> Vec<Job> {
        let tables = self.tables();
        tables.jobs.iter().filter(|((key, _), _)| key == line).map(|(_, job)| job.clone()).collect()
    }
}

impl JobStore for MemoryTables {
    async fn put_job(&self, job: &Job) -> Result<(), StoreError> {
        let line = LineKey { company: job.company.clone(), subscription: job.subscription };
        self.open()?.jobs.entry((line, job.delivery)).or_insert_with(|| job.clone());
        Ok(())
    }

    async fn find_job(&self, line: &LineKey, delivery: DeliveryId) -> Result<Option<Job>, StoreError> {
        Ok(self.open()?.jobs.get(&(line.clone(), delivery)).cloned())
    }

    async fn start_job(
        &self,
        line: &LineKey,
        delivery: DeliveryId,
        sequence: u64,
    ) -> Result<JobStart, StoreError> {
        let mut tables = self.open()?;
        let Some(job) = tables.jobs.get_mut(&(line.clone(), delivery)) else { return Ok(JobStart::NoJob) };
        if job.state == JobState::Cancelled {
            return Ok(JobStart::Cancelled);
        }
        job.state = JobState::Started { sequence };
        job.version += 1;
        Ok(JobStart::Started { corrected: job.url.clone().filter(|_| job.is_corrected) })
    }

    async fn place_job(&self, line: &LineKey, delivery: DeliveryId, sequence: u64) -> Result<(), StoreError> {
        if let Some(job) = self.open()?.jobs.get_mut(&(line.clone(), delivery)) {
            if let JobState::Queued { .. } = job.state {
                job.state = JobState::Queued { sequence: Some(sequence) };
            }
            job.version += 1;
        }
        Ok(())
    }

    async fn change_job(&self, to: &Job) -> Result<Change, StoreError> {
        let line = LineKey { company: to.company.clone(), subscription: to.subscription };
        match self.open()?.jobs.get_mut(&(line, to.delivery)) {
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
        before: Option<JobPlace>,
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
