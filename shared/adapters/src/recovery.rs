//! What people and functions ask of a line: to be woken, deactivated, retried, replayed.
//!
//! Whoever asks recover to look at a line says so on the line first.

use hookrail_domain::intervention::Waiting;
use hookrail_domain::line::LastRow;
use hookrail_domain::replay::ReplayRange;
use hookrail_domain::suspension::{Line, SuspensionPolicy};
use hookrail_domain::time::Millis;
use hookrail_wire::wake_up::WakeUp;

use crate::queue::{Outgoing, Queue, QueueError, SendResult};
use crate::store::{Change, LineKey, LineSettings, LogStore, Replacement, Replacing, StoreError};
use crate::telemetry::Chain;

/// How often a change is tried on a line that moves at the same time.
const TRIES_MAX: usize = 8;

/// Why a line was not woken. Whatever was written stands, and the schedule finds the line.
#[derive(Debug, thiserror::Error)]
pub enum NotWoken {
    #[error("the line could not be written")]
    Store(#[from] StoreError),
    #[error("the wake-up could not be sent")]
    Queue(#[from] QueueError),
    #[error("the queue did not take the wake-up")]
    Refused,
    #[error("the line moves too fast to be changed")]
    Busy,
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

/// Writes a webhook that is deactivated, and what becomes of the events that wait for it, both or neither. Lost when
/// the webhook is no longer the version before.
pub async fn deactivate(
    (store, queue): (&impl LogStore, &impl Queue),
    (recovery_queue_url, policy): (&str, &SuspensionPolicy),
    (replacing, waiting): (Replacing<'_>, Waiting),
    now: Millis,
) -> Result<Replacement, NotWoken> {
    let webhook = replacing.subscription;
    let key = LineKey { company: webhook.company.clone(), subscription: webhook.id };
    for _ in 0..TRIES_MAX {
        let (settings, last) = read(store, &key).await?;
        let policy = policy.of(settings.subscription.as_ref());
        let line = settled(&settings.line, last.as_ref(), &policy, now);
        if settings.subscription.is_none_or(|current| current.version + 1 != webhook.version) {
            return Ok(Replacement::Lost);
        }
        let to = line.deactivated(waiting, last.as_ref(), now);
        if store.replace_with_line(replacing, &settings.line, &to).await? == Replacement::Done {
            if to.aside.as_ref().is_some_and(|aside| aside.is_dropped) {
                call_or_leave_it(queue, recovery_queue_url, &key, to.wake).await;
            }
            return Ok(Replacement::Done);
        }
    }
    Err(NotWoken::Busy)
}

/// Sends a range of ended events again. Lost while another replay runs.
pub async fn replay(
    (store, queue): (&impl LogStore, &impl Queue),
    (recovery_queue_url, policy): (&str, &SuspensionPolicy),
    (key, range): (&LineKey, ReplayRange),
    now: Millis,
) -> Result<Change, NotWoken> {
    step((store, queue), (recovery_queue_url, policy), (key, now), |line, last| {
        line.replayed(range, last, now)
    })
    .await
}

/// Ends a replay before its last event. Lost when none runs.
pub async fn cancel_replay(
    (store, queue): (&impl LogStore, &impl Queue),
    (recovery_queue_url, policy): (&str, &SuspensionPolicy),
    key: &LineKey,
    now: Millis,
) -> Result<Change, NotWoken> {
    step((store, queue), (recovery_queue_url, policy), (key, now), |line, _| line.replay_cancelled(now)).await
}

/// Lets the event that everything else waits for be tried now. Lost when none waits.
pub async fn retry(
    (store, queue): (&impl LogStore, &impl Queue),
    (recovery_queue_url, policy): (&str, &SuspensionPolicy),
    key: &LineKey,
    now: Millis,
) -> Result<Change, NotWoken> {
    step((store, queue), (recovery_queue_url, policy), (key, now), |line, last| {
        line.woken(now).or_else(|| line.seized(last, now))
    })
    .await
}

/// Changes a line as `change` says and calls recover; again, when the line has moved meanwhile. Lost when there is no
/// change to make.
async fn step(
    (store, queue): (&impl LogStore, &impl Queue),
    (recovery_queue_url, policy): (&str, &SuspensionPolicy),
    (key, now): (&LineKey, Millis),
    change: impl Fn(&Line, Option<&LastRow>) -> Option<Line>,
) -> Result<Change, NotWoken> {
    for _ in 0..TRIES_MAX {
        let (settings, last) = read(store, key).await?;
        let policy = policy.of(settings.subscription.as_ref());
        let line = settled(&settings.line, last.as_ref(), &policy, now);
        let Some(to) = change(&line, last.as_ref()) else { return Ok(Change::Lost) };
        if store.change_line(key, &settings.line, &to).await? == Change::Done {
            call_or_leave_it(queue, recovery_queue_url, key, to.wake).await;
            return Ok(Change::Done);
        }
    }
    Err(NotWoken::Busy)
}

/// The line after the suspension that its last row makes due, if deliver crashed before it saw to that.
fn settled(line: &Line, last: Option<&LastRow>, policy: &SuspensionPolicy, now: Millis) -> Line {
    line.suspended(last, policy, now).unwrap_or_else(|| line.clone())
}

/// The line before its last row: one that has just been made active must not meet a row from before.
async fn read(store: &impl LogStore, key: &LineKey) -> Result<(LineSettings, Option<LastRow>), StoreError> {
    let settings = store.settings(std::slice::from_ref(key)).await?.into_iter().next().unwrap_or_default();
    Ok((settings, store.last_row(key).await?))
}

/// Sends a wake-up that the schedule sends as well, if this fails.
async fn call_or_leave_it(queue: &impl Queue, recovery_queue_url: &str, key: &LineKey, wake: u64) {
    if let Err(error) = call(queue, recovery_queue_url, key, wake).await {
        tracing::warn!(error = %Chain(&error), "recover was not called");
    }
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
