//! The event source mapping: from a local queue to the sandboxes of a function and back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hookrail_fifo::event::{parse_response, render};
use hookrail_fifo::mapping::{Answer, Batch, Mapping};
use hookrail_fifo::queue::Queue;
use hyper::body::Bytes;

use super::function::{Function, Lease};
use super::sqs::SharedQueues;

/// The region that local ARNs name.
pub const REGION: &str = "us-east-1";

/// Pause after a sandbox could not be started: an immediate retry would spin.
const START_PAUSE: Duration = Duration::from_millis(500);

/// Feeds a function from a queue until dropped.
pub async fn run(queues: SharedQueues, queue: String, mapping: Mapping, function: Arc<Function>) {
    let mapping = Arc::new(Mutex::new(mapping));
    let arn = format!("arn:aws:sqs:{REGION}:000000000000:{queue}");
    loop {
        // A sandbox first, then the batch: messages that arrive while all are busy share the next invocation.
        let is_ready = |now, queue: &mut Queue| {
            let mapping = mapping.lock().unwrap_or_else(PoisonError::into_inner);
            mapping.can_poll(now, queue).then_some(())
        };
        if queues.wait_for(&queue, is_ready).await.is_none() {
            return;
        }
        let Ok(lease) = function.lease().await else {
            tokio::time::sleep(START_PAUSE).await;
            continue;
        };
        let polled = queues.with(&queue, |now, queue| {
            mapping.lock().unwrap_or_else(PoisonError::into_inner).poll(now, queue)
        });
        let Some(batch) = polled.flatten() else { continue };
        let work = Invocation {
            lease,
            queues: queues.clone(),
            queue: queue.clone(),
            arn: arn.clone(),
            mapping: Arc::clone(&mapping),
        };
        tokio::spawn(work.run(batch));
    }
}

/// One batch and the sandbox that handles it.
struct Invocation {
    queues: SharedQueues,
    queue: String,
    arn: String,
    mapping: Arc<Mutex<Mapping>>,
    lease: Lease,
}

impl Invocation {
    async fn run(self, batch: Batch) {
        let payload = Bytes::from(render(&batch.messages, &self.arn, REGION));
        let answer = match self.lease.invoke(payload).await {
            Ok(answer) => {
                let ids: Vec<_> = batch.messages.iter().map(|received| received.message.id).collect();
                match parse_response(&answer, &ids) {
                    Ok(failures) => Answer::Response(failures),
                    Err(error) => {
                        tracing::error!(%error, queue = self.queue, "a batch failed as a whole");
                        Answer::Failed
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, queue = self.queue, "an invocation failed");
                Answer::Failed
            }
        };
        let completed = self.queues.with(&self.queue, |now, queue| {
            let mut mapping = self.mapping.lock().unwrap_or_else(PoisonError::into_inner);
            mapping.complete(now, queue, batch.id, &answer)
        });
        tracing::debug!(?completed, queue = self.queue, "a batch ended");
    }
}
