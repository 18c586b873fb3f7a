//! The step that queues jobs when they are due. Any function may take it, and taking it twice has the
//! effect of once.

use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::id::shard;
use hookrail_domain::job::{Job, JobState};
use hookrail_domain::replay::ReplayRange;
use hookrail_domain::time::Millis;

use crate::queue::{Outgoing, Queue, QueueError, SendResult};
use crate::queue_commands::{NotWoken, QueueCommands};
use crate::store::{Change, LogStore, StoreError, WebhookKey};

/// Delay of a job that is to be sent again while another replay of its webhook runs, in seconds.
pub const BUSY_SECONDS: u64 = 60;

/// The reason why a job is not in its queue yet. The job stays due.
#[derive(Debug, thiserror::Error)]
pub enum NotPut {
    #[error("the job could not be read or written")]
    Store(#[from] StoreError),
    #[error("the job could not be sent")]
    Queue(#[from] QueueError),
    #[error("the ingest queue did not take the job")]
    Refused,
    #[error("the job's webhook could not be changed")]
    Replay(#[from] NotWoken),
    #[error("the content of the job has expired")]
    NoContent,
}

/// The queues that jobs go to.
#[derive(Debug)]
pub struct JobQueues<'a, S, Q> {
    /// The queues of the jobs' webhooks.
    pub commands: QueueCommands<'a, S, Q>,
    pub events_queue_urls: &'a [String],
}

impl<S: LogStore, Q: Queue> JobQueues<'_, S, Q> {
    /// Puts a due job into its queue: behind everything accepted so far if nothing of it was sent, as a
    /// replay if it has failed.
    ///
    /// The job is written last. If that does not happen, the job is queued again, and the receiving
    /// function recognises the repeat.
    pub async fn enqueue(&self, job: &Job, now: Millis) -> Result<(), NotPut> {
        let then = match job.state {
            JobState::Cancelled => None,
            JobState::Queued { .. } => {
                self.send(job).await?;
                None
            }
            JobState::Started { sequence } => self.redeliver(job, sequence, now).await?,
        };
        match self.commands.store.change_job(&job.to_be_put_in(then)).await? {
            // Another run has changed the job and handled it, or it is found due again.
            Change::Done | Change::Lost => Ok(()),
        }
    }

    async fn send(&self, job: &Job) -> Result<(), NotPut> {
        let QueueCommands { store, queue, .. } = self.commands;
        let content = store.find_content(&WebhookKey::of_job(job), job.delivery).await?;
        let content = content.ok_or(NotPut::NoContent)?;
        let urls = self.events_queue_urls;
        let url = urls.get(shard(job.company.as_str(), urls.len())).map(String::as_str).unwrap_or_default();
        let results = queue.send(url, &[Outgoing::job(job, &content)]).await?;
        if results.iter().all(SendResult::is_sent) { Ok(()) } else { Err(NotPut::Refused) }
    }

    /// Sends a failed job again, unless that has been done. Returns the time of the next try if its queue
    /// is busy.
    async fn redeliver(&self, job: &Job, sequence: u64, now: Millis) -> Result<Option<Millis>, NotPut> {
        let key = WebhookKey::of_job(job);
        let newest = self.commands.store.last_row_of(&key, sequence).await?.map(|row| row.attempt.number);
        if newest.is_some_and(|AttemptNumber { attempt, .. }| job.requeued_after < attempt) {
            return Ok(None);
        }
        let begun = self.commands.replay(&key, ReplayRange::of_one(sequence), now).await?;
        Ok((begun == Change::Lost).then(|| now.plus_seconds(BUSY_SECONDS)))
    }
}
