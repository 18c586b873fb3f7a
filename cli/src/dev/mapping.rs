//! The event source mapping at work: from a local queue to a function's sandboxes and back.

use std::sync::{Arc, Mutex, PoisonError};

use hookrail_fifo::event::{parse_response, render};
use hookrail_fifo::mapping::{Answer, Batch, Mapping};
use hyper::body::Bytes;

use super::function::Function;
use super::sqs::SharedQueues;

/// The region that local ARNs name.
pub const REGION: &str = "us-east-1";

/// Feeds a function from a queue until dropped.
pub async fn run(queues: SharedQueues, queue: String, mapping: Mapping, function: Arc<Function>) {
    let mapping = Arc::new(Mutex::new(mapping));
    let arn = format!("arn:aws:sqs:{REGION}:000000000000:{queue}");
    loop {
        let polled = queues
            .wait_for(&queue, |now, queue| {
                mapping.lock().unwrap_or_else(PoisonError::into_inner).poll(now, queue)
            })
            .await;
        let Some(batch) = polled else { return };
        let work = Invocation {
            queues: queues.clone(),
            queue: queue.clone(),
            arn: arn.clone(),
            mapping: Arc::clone(&mapping),
            function: Arc::clone(&function),
        };
        tokio::spawn(work.run(batch));
    }
}

/// One batch with the function.
struct Invocation {
    queues: SharedQueues,
    queue: String,
    arn: String,
    mapping: Arc<Mutex<Mapping>>,
    function: Arc<Function>,
}

impl Invocation {
    async fn run(self, batch: Batch) {
        let payload = Bytes::from(render(&batch.messages, &self.arn, REGION));
        let answer = match self.function.invoke(payload).await {
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
