//! Clocks and receivers that behave as few tests need them to.

use std::io;
use std::sync::{Arc, Mutex};

use hookrail_domain::attempt::Outcome;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_pipeline::clock::Clock;
use hookrail_pipeline::sender::{Sender, Vetted};
use hookrail_testkit::queue::MemoryQueue;
use hookrail_testkit::script::answer;

/// A clock on which every wait is over after one turn of the executor.
pub(crate) struct HastyClock(pub(crate) Millis);

impl Clock for HastyClock {
    fn now(&self) -> Millis {
        self.0
    }

    async fn sleep(&self, _ms: u64) {
        tokio::task::yield_now().await;
    }
}

/// Receivers of which the one at `url` is busy until the queue has deleted a message, or for many turns.
pub(crate) struct BusyReceivers {
    pub(crate) url: TargetUrl,
    pub(crate) queue: MemoryQueue,
}

impl Sender for BusyReceivers {
    async fn send(&self, request: &DeliveryRequest) -> Outcome {
        let is_busy = request.url == self.url;
        for _ in 0..1000 {
            if !is_busy || !self.queue.deleted().is_empty() {
                return answer(200);
            }
            tokio::task::yield_now().await;
        }
        answer(500)
    }

    async fn vet(&self, _url: &TargetUrl) -> Vetted {
        Vetted::Allowed
    }
}

/// Lines that were logged.
#[derive(Clone, Default)]
pub(crate) struct Lines(pub(crate) Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
