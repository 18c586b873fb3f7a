//! Connections that are kept between the requests of one invocation.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use url::{Origin, Url};

use super::connection::Connection;

/// Longest time that a connection is kept unused. Receivers commonly close after 2 to 5 s without a request.
const IDLE_MAX: Duration = Duration::from_secs(1);

/// Connections without a request, by scheme, host and port.
/// Each was in use a moment ago, so there are never more than requests at once.
#[derive(Default)]
pub(super) struct Pool {
    /// Absent outside an invocation: then no connection is kept.
    kept: Mutex<Option<HashMap<Origin, Vec<Kept>>>>,
}

struct Kept {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// Returns the connection to this origin that was used last, if it can take a request.
    pub(super) async fn take(&self, url: &Url) -> Option<Connection> {
        loop {
            let Kept { mut connection, since } = self.lock().as_mut()?.get_mut(&url.origin())?.pop()?;
            if since.elapsed() < IDLE_MAX && connection.is_open().await {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection whose response was read to its end.
    pub(super) fn keep(&self, url: &Url, connection: Connection) {
        if let Some(kept) = self.lock().as_mut() {
            kept.entry(url.origin()).or_default().push(Kept { connection, since: Instant::now() });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<Origin, Vec<Kept>>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// A guard: while it lives, connections are kept for the next request; they end with it.
#[must_use = "connections are kept until it is dropped"]
#[derive(Debug)]
pub struct KeptConnections<'a>(&'a Pool);

impl<'a> KeptConnections<'a> {
    pub(super) fn begin(pool: &'a Pool) -> Self {
        *pool.lock() = Some(HashMap::new());
        Self(pool)
    }
}

impl Drop for KeptConnections<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}
