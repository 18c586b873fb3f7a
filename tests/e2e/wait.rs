//! Waiting for a condition up to a deadline. A failure shows the last result.

use std::time::Duration;

use tokio::time::Instant;

/// Time for anything that takes a moment on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Repeats `look` until it succeeds.
///
/// # Panics
/// At the deadline, with the last result.
pub(crate) async fn eventually<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if deadline <= Instant::now() => {
                panic!("{what}: not within {within:?}; last seen: {seen}")
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}
