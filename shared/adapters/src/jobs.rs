//! Puts jobs into their lines when they are due: whoever finds one does it, and twice is once.

use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::id::shard;
use hookrail_domain::job::{Job, JobState};
use hookrail_domain::replay::ReplayRange;
use hookrail_domain::suspension::SuspensionPolicy;
use hookrail_domain::time::Millis;

use crate::queue::{Outgoing, Queue, QueueError, SendResult};
use crate::recovery::{self, NotWoken};
use crate::store::{Change, LineKey, LogStore, StoreError};

/// How long a job waits that is to be sent again while another replay of its webhook runs, in seconds.
pub const BUSY_SECONDS: u64 = 60;

/// Why a job is not in its line yet. It stays due.
#[derive(Debug, thiserror::Error)]
pub enum NotPut {
    #[error("the job could not be read or written")]
    Store(#[from] StoreError),
    #[error("the job could not be sent")]
    Queue(#[from] QueueError),
    #[error("the ingest queue did not take the job")]
    Refused,
    #[error("the job's webhook could not be told")]
    Replay(#[from] NotWoken),
    #[error("what the job is to send is gone")]
    NoContent,
}

/// Where jobs go, and what holds for their lines.
#[derive(Debug, Clone, Copy)]
pub struct Ways<'a> {
    pub events_queue_urls: &'a [String],
    pub recovery_queue_url: &'a str,
    pub suspension: &'a SuspensionPolicy,
}

/// Puts a job that is due into its line: behind everything accepted so far if nothing of it was sent, as a replay if it
/// has failed.
///
/// The job is told last. If nobody gets so far it is put there again, and who takes it sees that it has it already.
pub async fn put_in_line(
    (store, queue): (&impl LogStore, &impl Queue),
    ways: Ways<'_>,
    job: &Job,
    now: Millis,
) -> Result<(), NotPut> {
    let then = match job.state {
        JobState::Cancelled => None,
        JobState::Queued { .. } => {
            send((store, queue), ways, job).await?;
            None
        }
        JobState::Started { sequence } => again((store, queue), ways, (job, sequence), now).await?,
    };
    match store.change_job(&job.to_be_put_in(then)).await? {
        // Who has changed it meanwhile has seen to it, or it is found due again.
        Change::Done | Change::Lost => Ok(()),
    }
}

async fn send(
    (store, queue): (&impl LogStore, &impl Queue),
    ways: Ways<'_>,
    job: &Job,
) -> Result<(), NotPut> {
    let content = store.find_content(&LineKey::of_job(job), job.delivery).await?.ok_or(NotPut::NoContent)?;
    let urls = ways.events_queue_urls;
    let url = urls.get(shard(job.company.as_str(), urls.len())).map(String::as_str).unwrap_or_default();
    let results = queue.send(url, &[Outgoing::job(job, &content)]).await?;
    if results.iter().all(SendResult::is_sent) { Ok(()) } else { Err(NotPut::Refused) }
}

/// Sends a failed job again, unless that has been done. Returns when to try another time, if its line is busy.
async fn again(
    (store, queue): (&impl LogStore, &impl Queue),
    ways: Ways<'_>,
    (job, sequence): (&Job, u64),
    now: Millis,
) -> Result<Option<Millis>, NotPut> {
    let line = LineKey::of_job(job);
    let newest = store.last_row_of(&line, sequence).await?.map(|row| row.attempt.number);
    if newest.is_some_and(|AttemptNumber { attempt, .. }| job.requeued_after < attempt) {
        return Ok(None);
    }
    let policy = (ways.recovery_queue_url, ways.suspension);
    let begun = recovery::replay((store, queue), policy, (&line, ReplayRange::of_one(sequence)), now).await?;
    Ok((begun == Change::Lost).then(|| now.plus_seconds(BUSY_SECONDS)))
}
