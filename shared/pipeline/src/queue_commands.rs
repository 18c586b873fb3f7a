//! Commands of people and functions to a webhook's queue: wake, deactivate, retry, replay.
//!
//! Each command is written to the queue's item before recover is called.

use hookrail_domain::commands::Waiting;
use hookrail_domain::progress::LastRow;
use hookrail_domain::replay::ReplayRange;
use hookrail_domain::suspension::{QueueState, SuspensionPolicy};
use hookrail_domain::time::Millis;
use hookrail_wire::wake_up::WakeUp;

use crate::fault::ErrorChain;
use crate::queue::{Outgoing, Queue, QueueError, SendResult};
use crate::store::{Change, LogStore, Replacement, Replacing, StoreError, WebhookKey, WebhookSnapshot};

/// Tries of one change of a queue that other runs change at the same time.
const TRIES_MAX: usize = 8;

/// The reason why a queue was not woken. A change that was written stands, and the schedule finds the
/// queue.
#[derive(Debug, thiserror::Error)]
pub enum NotWoken {
    #[error("the webhook's queue could not be written")]
    Store(#[from] StoreError),
    #[error("the wake-up could not be sent")]
    Queue(#[from] QueueError),
    #[error("the queue did not take the wake-up")]
    Refused,
    #[error("the webhook's queue changes too often to be changed now")]
    Busy,
}

/// The tables and queues that commands are written to.
#[derive(Debug)]
pub struct QueueCommands<'a, S, Q> {
    pub store: &'a S,
    pub queue: &'a Q,
    pub recovery_queue_url: &'a str,
    /// The operator's policy. A webhook may have a number of its own.
    pub suspension: SuspensionPolicy,
}

impl<S: LogStore, Q: Queue> QueueCommands<'_, S, Q> {
    /// Makes a queue with a backlog due now and calls recover. Lost if the queue is active or has changed
    /// in the meantime.
    pub async fn wake(&self, key: &WebhookKey, state: &QueueState, now: Millis) -> Result<Change, NotWoken> {
        let Some(woken) = state.woken(now) else { return Ok(Change::Lost) };
        if self.store.change_state(key, state, &woken).await? == Change::Lost {
            return Ok(Change::Lost);
        }
        self.call(key, woken.wake).await?;
        Ok(Change::Done)
    }

    /// Writes a deactivated webhook, and the end of the events that wait for it, both or neither. Lost if
    /// the webhook has a newer version.
    pub async fn deactivate(
        &self,
        replacing: Replacing<'_>,
        waiting: Waiting,
        now: Millis,
    ) -> Result<Replacement, NotWoken> {
        let webhook = replacing.webhook;
        let key = WebhookKey { company: webhook.company.clone(), webhook: webhook.id };
        for _ in 0..TRIES_MAX {
            let (snapshot, last) = self.read(&key).await?;
            let state = self.settled(&snapshot, last.as_ref(), now);
            if snapshot.webhook.is_none_or(|current| current.version + 1 != webhook.version) {
                return Ok(Replacement::Lost);
            }
            let to = state.deactivated(waiting, last.as_ref(), now);
            if self.store.replace_with_state(replacing, &snapshot.state, &to).await? == Replacement::Done {
                if to.backlog.as_ref().is_some_and(|backlog| backlog.is_dropped) {
                    self.call_or_leave_it(&key, to.wake).await;
                }
                return Ok(Replacement::Done);
            }
        }
        Err(NotWoken::Busy)
    }

    /// Sends a range of ended events again. Lost while another replay runs.
    pub async fn replay(
        &self,
        key: &WebhookKey,
        range: ReplayRange,
        now: Millis,
    ) -> Result<Change, NotWoken> {
        self.change(key, now, |state, last| state.replayed(range, last, now)).await
    }

    /// Ends a replay before its last event. Lost if no replay runs.
    pub async fn cancel_replay(&self, key: &WebhookKey, now: Millis) -> Result<Change, NotWoken> {
        self.change(key, now, |state, _| state.replay_cancelled(now)).await
    }

    /// Makes the event at the head of the queue due now. Lost if no event waits.
    pub async fn retry(&self, key: &WebhookKey, now: Millis) -> Result<Change, NotWoken> {
        self.change(key, now, |state, last| state.woken(now).or_else(|| state.taken_over(last, now))).await
    }

    /// Sends the wake-up of this number, which the queue's item already names.
    pub async fn call(&self, key: &WebhookKey, wake: u64) -> Result<(), NotWoken> {
        let wake_up = WakeUp { company: key.company.clone(), webhook: key.webhook, wake };
        let results = self.queue.send(self.recovery_queue_url, &[Outgoing::wake_up(&wake_up)]).await?;
        if results.iter().all(SendResult::is_sent) { Ok(()) } else { Err(NotWoken::Refused) }
    }

    /// Sends a wake-up. If this fails, the schedule sends it.
    pub async fn call_or_leave_it(&self, key: &WebhookKey, wake: u64) {
        if let Err(error) = self.call(key, wake).await {
            tracing::warn!(error = %ErrorChain(&error), "recover was not called");
        }
    }

    /// Changes a queue with `change` and calls recover. Tries again if the queue has changed in the
    /// meantime. Lost if there is nothing to change.
    async fn change(
        &self,
        key: &WebhookKey,
        now: Millis,
        change: impl Fn(&QueueState, Option<&LastRow>) -> Option<QueueState>,
    ) -> Result<Change, NotWoken> {
        for _ in 0..TRIES_MAX {
            let (snapshot, last) = self.read(key).await?;
            let state = self.settled(&snapshot, last.as_ref(), now);
            let Some(to) = change(&state, last.as_ref()) else { return Ok(Change::Lost) };
            if self.store.change_state(key, &snapshot.state, &to).await? == Change::Done {
                self.call_or_leave_it(key, to.wake).await;
                return Ok(Change::Done);
            }
        }
        Err(NotWoken::Busy)
    }

    /// Returns the queue after the suspension that its last row makes due, in case deliver crashed before
    /// it wrote that.
    fn settled(&self, snapshot: &WebhookSnapshot, last: Option<&LastRow>, now: Millis) -> QueueState {
        let policy = self.suspension.of(snapshot.webhook.as_ref());
        snapshot.state.suspended(last, &policy, now).unwrap_or_else(|| snapshot.state.clone())
    }

    /// Reads the queue before its last row: a queue that was just activated must not meet a row from
    /// before.
    async fn read(&self, key: &WebhookKey) -> Result<(WebhookSnapshot, Option<LastRow>), StoreError> {
        let snapshots = self.store.snapshots(std::slice::from_ref(key)).await?;
        let snapshot = snapshots.into_iter().next().unwrap_or_default();
        Ok((snapshot, self.store.last_row(key).await?))
    }
}
