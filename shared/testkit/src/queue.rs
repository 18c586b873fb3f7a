//! A queue that only records its calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookrail_pipeline::queue::{HoldResult, Outgoing, Queue, QueueError, SendResult};

/// The calls of the queue. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueue(Arc<Mutex<Asked>>);

#[derive(Debug, Default)]
struct Asked {
    sent: Vec<(String, Outgoing)>,
    holds: Vec<(String, u64)>,
    deleted: Vec<String>,
    /// Sends that still succeed before every further one fails; none means all succeed.
    sends_left: Option<usize>,
    expired: Vec<String>,
    /// The messages that are refused for good.
    refuses: Option<fn(&Outgoing) -> bool>,
    length: Option<u64>,
}

impl MemoryQueue {
    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns every message sent, with its queue's URL, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<(String, Outgoing)> {
        self.asked().sent.clone()
    }

    /// Returns every hold that succeeded: receipt handle and seconds, in order.
    #[must_use]
    pub fn holds(&self) -> Vec<(String, u64)> {
        self.asked().holds.clone()
    }

    /// Returns every receipt handle deleted early, in order.
    #[must_use]
    pub fn deleted(&self) -> Vec<String> {
        self.asked().deleted.clone()
    }

    /// Lets `count` more messages through; every later one fails.
    pub fn fail_sends_after(&self, count: usize) {
        self.asked().sends_left = Some(count);
    }

    /// Lets messages through again.
    pub fn heal(&self) {
        self.asked().sends_left = None;
    }

    /// Refuses these messages for good from now on.
    pub fn refuse(&self, refuses: fn(&Outgoing) -> bool) {
        self.asked().refuses = Some(refuses);
    }

    /// Says from now on that this many messages wait; nothing if that cannot be read.
    pub fn set_length(&self, length: Option<u64>) {
        self.asked().length = length;
    }

    /// Responds to every further call with this handle as SQS does to an expired one.
    pub fn expire(&self, handle: &str) {
        self.asked().expired.push(handle.to_owned());
    }
}

impl Queue for MemoryQueue {
    async fn send(&self, queue_url: &str, messages: &[Outgoing]) -> Result<Vec<SendResult>, QueueError> {
        let mut asked = self.asked();
        let results = messages.iter().map(|message| {
            if asked.refuses.is_some_and(|refuses| refuses(message)) {
                return SendResult::Refused;
            }
            match &mut asked.sends_left {
                Some(0) => return SendResult::Failed,
                Some(left) => *left -= 1,
                None => {}
            }
            asked.sent.push((queue_url.to_owned(), message.clone()));
            SendResult::Sent { message_id: format!("message-{}", message.deduplication_id) }
        });
        Ok(results.collect())
    }

    async fn hold(&self, _queue_url: &str, holds: &[(String, u64)]) -> Result<Vec<HoldResult>, QueueError> {
        let mut asked = self.asked();
        let results = holds.iter().map(|hold| {
            if asked.expired.contains(&hold.0) {
                return HoldResult::Expired;
            }
            asked.holds.push(hold.clone());
            HoldResult::Held
        });
        Ok(results.collect())
    }

    async fn delete(&self, _queue_url: &str, handles: &[String]) -> Result<(), QueueError> {
        self.asked().deleted.extend_from_slice(handles);
        Ok(())
    }

    async fn length(&self, _queue_url: &str) -> Result<u64, QueueError> {
        self.asked().length.ok_or_else(|| QueueError("the queue is away".into()))
    }
}
