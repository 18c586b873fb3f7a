//! The clock port.

use std::future::Future;

use hookrail_domain::time::Millis;

/// The time of day, and waiting.
pub trait Clock: Send + Sync {
    fn now(&self) -> Millis;

    /// Resolves after this many milliseconds.
    fn sleep(&self, ms: u64) -> impl Future<Output = ()> + Send;
}
