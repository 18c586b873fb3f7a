//! The wall clock of `hookrail dev`; its only reader.

use std::time::{SystemTime, UNIX_EPOCH};

use hookrail_fifo::millis::Millis;

/// Returns the current time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the command reads the clock")]
pub fn now() -> Millis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
