//! One function and its sandboxes, which are started when needed, reused while warm, and replaced when they end.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::body::Bytes;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::sandbox::{Answer, InvokeError, Program, Sandbox};

/// Another sandbox is started when none has become free for this long…
const PATIENCE: Duration = Duration::from_millis(20);
/// …or when an invocation has waited this long.
const OVERDUE: Duration = Duration::from_millis(100);

/// A sandbox in exclusive use, given back when dropped.
#[derive(Debug)]
pub struct Lease {
    function: Arc<Function>,
    sandbox: Arc<Sandbox>,
}

impl Lease {
    /// Runs one invocation.
    pub async fn invoke(&self, payload: Bytes) -> Answer {
        let number = self.function.invocations.fetch_add(1, Ordering::Relaxed);
        self.sandbox.invoke(format!("{}-{number}", self.function.run), payload).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.function.free(Arc::clone(&self.sandbox));
    }
}

/// A function and its sandboxes.
#[derive(Debug)]
pub struct Function {
    program: Program,
    concurrency: usize,
    /// As many permits as there are idle sandboxes. The longest waiter gets the next.
    idle: Semaphore,
    last_change: Mutex<Instant>,
    invocations: AtomicU64,
    /// Prefix of invocation ids, different at every start, so that rows of an earlier run are not taken for our own.
    run: String,
    sandboxes: Mutex<Sandboxes>,
    /// Notified whenever a sandbox starts or ends.
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Sandboxes {
    idle: Vec<Arc<Sandbox>>,
    /// All running processes.
    pids: Vec<u32>,
    /// True once sandboxes are no longer replaced.
    stopped: bool,
}

impl Function {
    /// Makes a function without a sandbox, of at most `concurrency` sandboxes.
    #[must_use]
    pub fn new(program: Program, concurrency: usize, run: &str, changed: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            run: format!("{run}-{}", program.function),
            program,
            concurrency,
            idle: Semaphore::new(0),
            last_change: Mutex::new(Instant::now()),
            invocations: AtomicU64::new(0),
            sandboxes: Mutex::default(),
            changed,
        })
    }

    /// Returns the running processes.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner).pids.clone()
    }

    /// Leases a sandbox: a warm one, else one that becomes free soon, else a new one.
    ///
    /// A new one is not started at once: under load a busy sandbox is free again in milliseconds, and a mapping that
    /// waits for it finds a fuller batch. Slow receivers keep sandboxes busy, nothing becomes free, and more start.
    pub async fn lease(self: &Arc<Self>) -> Result<Lease, InvokeError> {
        let overdue = Instant::now() + OVERDUE;
        let mut turn = pin!(self.idle.acquire());
        loop {
            let start_at = (self.last_change() + PATIENCE).min(overdue);
            tokio::select! {
                biased;
                permit = &mut turn => {
                    // The semaphore is never closed.
                    permit.map_err(|_closed| InvokeError::NotStarted)?.forget();
                    match self.take_idle() {
                        Some(sandbox) => return Ok(Lease { function: Arc::clone(self), sandbox }),
                        // It ended while it was idle.
                        None => turn.set(self.idle.acquire()),
                    }
                }
                () = tokio::time::sleep_until(start_at.max(Instant::now())), if self.count() < self.concurrency => {
                    if (self.last_change() + PATIENCE).min(overdue) <= Instant::now() {
                        return Ok(Lease { function: Arc::clone(self), sandbox: self.start().await? });
                    }
                }
            }
        }
    }

    /// Returns the time at which a sandbox was last started or given back.
    fn last_change(&self) -> Instant {
        *self.last_change.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark_change(&self) {
        *self.last_change.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn count(&self) -> usize {
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner).pids.len()
    }

    /// Puts a sandbox back to the idle ones.
    fn free(&self, sandbox: Arc<Sandbox>) {
        self.mark_change();
        if !sandbox.is_gone() {
            self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner).idle.push(sandbox);
            self.idle.add_permits(1);
        }
    }

    /// Starts a sandbox ahead of the first invocation.
    ///
    /// Boxed because a sandbox that ends is replaced by a start of its own kind.
    pub fn warm_up(self: &Arc<Self>) -> BoxFuture<'static, Result<(), InvokeError>> {
        let function = Arc::clone(self);
        Box::pin(async move {
            let sandbox = function.start().await?;
            function.free(sandbox);
            Ok(())
        })
    }

    /// Stops replacing sandboxes that end.
    pub fn stop(&self) {
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
    }

    /// Ends every idle sandbox; busy ones end with this process.
    pub async fn end(&self) {
        let idle = std::mem::take(&mut self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner).idle);
        futures_util::future::join_all(idle.iter().map(|sandbox| sandbox.end())).await;
    }

    fn take_idle(&self) -> Option<Arc<Sandbox>> {
        let mut sandboxes = self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner);
        // The one used last is the warmest; the others may not be needed again.
        std::iter::from_fn(|| sandboxes.idle.pop()).find(|sandbox| !sandbox.is_gone())
    }

    async fn start(self: &Arc<Self>) -> Result<Arc<Sandbox>, InvokeError> {
        self.mark_change();
        let sandbox = match Sandbox::start(&self.program).await {
            Ok(sandbox) => Arc::new(sandbox),
            Err(error) => {
                tracing::error!(%error, function = self.program.function, "a sandbox could not be started");
                return Err(InvokeError::NotStarted);
            }
        };
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner).pids.push(sandbox.pid);
        self.changed.notify_one();
        tokio::spawn(Arc::clone(self).replace_when_ended(Arc::clone(&sandbox)));
        Ok(sandbox)
    }

    /// Forgets a process that ended, and starts another if it was the last.
    async fn replace_when_ended(self: Arc<Self>, sandbox: Arc<Sandbox>) {
        sandbox.ended().await;
        let was_last = {
            let mut sandboxes = self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner);
            sandboxes.pids.retain(|pid| *pid != sandbox.pid);
            sandboxes.idle.retain(|idle| idle.pid != sandbox.pid);
            sandboxes.pids.is_empty() && !sandboxes.stopped
        };
        self.changed.notify_one();
        if was_last {
            // The failure is logged, and the next invocation tries again.
            self.warm_up().await.unwrap_or(());
        }
    }
}
