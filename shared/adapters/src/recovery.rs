//! Waking a line: whoever asks recover to look at it, says so on the line first.

use hookrail_domain::suspension::Line;
use hookrail_domain::time::Millis;
use hookrail_wire::wake_up::WakeUp;

use crate::queue::{Outgoing, Queue, QueueError, SendResult};
use crate::store::{Change, LineKey, LogStore, StoreError};

/// Why a line was not woken. Whatever was written stands, and the schedule finds the line.
#[derive(Debug, thiserror::Error)]
pub enum NotWoken {
    #[error("the line could not be written")]
    Store(#[from] StoreError),
    #[error("the wake-up could not be sent")]
    Queue(#[from] QueueError),
    #[error("the queue did not take the wake-up")]
    Refused,
}

/// Makes a line that is set aside due now and calls recover. Lost when the line is active or has moved meanwhile.
pub async fn wake(
    (store, queue): (&impl LogStore, &impl Queue),
    recovery_queue_url: &str,
    (key, line): (&LineKey, &Line),
    now: Millis,
) -> Result<Change, NotWoken> {
    let Some(woken) = line.woken(now) else { return Ok(Change::Lost) };
    if store.change_line(key, line, &woken).await? == Change::Lost {
        return Ok(Change::Lost);
    }
    call(queue, recovery_queue_url, key, woken.wake).await?;
    Ok(Change::Done)
}

/// Sends the wake-up of this number, which the line already names.
pub async fn call(
    queue: &impl Queue,
    recovery_queue_url: &str,
    key: &LineKey,
    wake: u64,
) -> Result<(), NotWoken> {
    let wake_up = WakeUp { company: key.company.clone(), subscription: key.subscription, wake };
    let results = queue.send(recovery_queue_url, &[Outgoing::wake_up(&wake_up)]).await?;
    if results.iter().all(SendResult::is_sent) { Ok(()) } else { Err(NotWoken::Refused) }
}
