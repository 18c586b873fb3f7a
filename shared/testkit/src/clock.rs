//! A clock that stands still until it is set, unless each reading is to take some time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hookrail_domain::time::Millis;
use hookrail_pipeline::clock::Clock;

/// A clock that is set by hand. Clones share the time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: Arc<AtomicU64>,
    reading_ms: Arc<AtomicU64>,
}

impl ManualClock {
    #[must_use]
    pub fn at(now: Millis) -> Self {
        Self { now: Arc::new(AtomicU64::new(now.0)), reading_ms: Arc::default() }
    }

    pub fn set(&self, now: Millis) {
        self.now.store(now.0, Ordering::SeqCst);
    }

    pub fn advance_ms(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    /// From now on the time moves on by so many milliseconds after each reading: work that reads it takes time.
    pub fn advance_on_reading_ms(&self, ms: u64) {
        self.reading_ms.store(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        Millis(self.now.fetch_add(self.reading_ms.load(Ordering::SeqCst), Ordering::SeqCst))
    }

    /// Never resolves: time stands still.
    async fn sleep(&self, _ms: u64) {
        std::future::pending::<()>().await;
    }
}
