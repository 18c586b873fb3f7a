//! The queue port over the queue model: the behaviour of SQS, at the time of a clock that a test controls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookrail_domain::delivery::QueueName;
use hookrail_domain::limits::QUEUE_BATCH_MAX;
use hookrail_fifo::message::{AttributeValue, MessageAttribute, NewMessage};
use hookrail_fifo::millis::Millis;
use hookrail_fifo::queues::Queues;
use hookrail_fifo::receipt_handle::ReceiptHandle;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::queue::{HoldResult, Outgoing, Queue, QueueError, SendResult};

/// Queues by their URLs, of which only the last segment is looked at.
#[derive(Debug, Clone)]
pub struct ModelQueue<C> {
    queues: Arc<Mutex<Queues>>,
    clock: C,
}

impl<C: Clock> ModelQueue<C> {
    #[must_use]
    pub fn new(queues: Arc<Mutex<Queues>>, clock: C) -> Self {
        Self { queues, clock }
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a call to each entry of a batch.
    fn each<T, R>(
        &self,
        queue_url: &str,
        entries: &[T],
        mut act: impl FnMut(&mut hookrail_fifo::queue::Queue, Millis, &T) -> R,
    ) -> Result<Vec<R>, QueueError> {
        if entries.is_empty() || QUEUE_BATCH_MAX < entries.len() {
            return Err(QueueError("a batch has 1 to 10 entries".into()));
        }
        let now = Millis(self.clock.now().0);
        let mut queues = self.queues();
        let queue = queues
            .find_mut(QueueName::of_url(queue_url).as_str())
            .ok_or_else(|| QueueError("there is no such queue".into()))?;
        Ok(entries.iter().map(|entry| act(queue, now, entry)).collect())
    }
}

impl<C: Clock> Queue for ModelQueue<C> {
    async fn send(&self, queue_url: &str, messages: &[Outgoing]) -> Result<Vec<SendResult>, QueueError> {
        self.each(queue_url, messages, |queue, now, message| match queue.send(now, new_message(message)) {
            Ok(sent) => SendResult::Sent { message_id: sent.id.to_string() },
            Err(_broken_rule) => SendResult::Refused,
        })
    }

    async fn hold(&self, queue_url: &str, holds: &[(String, u64)]) -> Result<Vec<HoldResult>, QueueError> {
        self.each(queue_url, holds, |queue, now, (handle, seconds)| {
            let seconds = u32::try_from(*seconds).unwrap_or(u32::MAX);
            let handle: Option<ReceiptHandle> = handle.parse().ok();
            match handle.map(|handle| queue.change_visibility(now, handle, seconds)) {
                Some(Ok(())) => HoldResult::Held,
                Some(Err(_)) | None => HoldResult::Expired,
            }
        })
    }

    async fn delete(&self, queue_url: &str, handles: &[String]) -> Result<(), QueueError> {
        self.each(queue_url, handles, |queue, now, handle| {
            // The mapping deletes an entry that fails, as with the real one.
            let handle: Option<ReceiptHandle> = handle.parse().ok();
            handle.map(|handle| queue.delete(now, handle))
        })
        .map(drop)
    }

    async fn length(&self, queue_url: &str) -> Result<u64, QueueError> {
        let queues = self.queues();
        let queue = queues.find(QueueName::of_url(queue_url).as_str());
        let queue = queue.ok_or_else(|| QueueError("there is no such queue".into()))?;
        Ok(u64::try_from(queue.counts().visible).unwrap_or(u64::MAX))
    }
}

fn new_message(message: &Outgoing) -> NewMessage {
    let text = |text: &str| MessageAttribute {
        data_type: "String".into(),
        value: AttributeValue::Text(text.into()),
    };
    NewMessage {
        body: message.body.as_str().into(),
        group: Some(message.group.as_str().into()),
        deduplication_id: Some(message.deduplication_id.as_str().into()),
        attributes: message.attributes.iter().map(|(name, value)| ((*name).into(), text(value))).collect(),
        ..NewMessage::default()
    }
}
