//! The machine's clock. The only reader of the time of day.

use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hookrail_domain::time::Millis;
use hookrail_pipeline::clock::Clock;

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock port")]
    fn now(&self) -> Millis {
        // A clock before 1970 or after the year 584,000,000 reads as the nearest end.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn sleep(&self, ms: u64) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(Duration::from_millis(ms))
    }
}
