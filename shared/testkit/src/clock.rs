//! A clock that stands still until it is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hookrail_adapters::clock::Clock;
use hookrail_domain::time::Millis;

/// Clones share the time.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    #[must_use]
    pub fn at(now: Millis) -> Self {
        Self(Arc::new(AtomicU64::new(now.0)))
    }

    pub fn set(&self, now: Millis) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    pub fn advance_ms(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }

    /// Never resolves: time stands still.
    async fn sleep(&self, _ms: u64) {
        std::future::pending::<()>().await;
    }
}
