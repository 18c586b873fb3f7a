//! One function: its sandboxes, started when needed, reused while warm, replaced when they end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use hyper::body::Bytes;
use tokio::sync::{Notify, Semaphore};

use super::sandbox::{Answer, InvokeError, Program, Sandbox};

/// A function and its sandboxes.
#[derive(Debug)]
pub struct Function {
    program: Program,
    slots: Semaphore,
    invocations: AtomicU64,
    /// Prefix of invocation ids, other at every start: rows of an earlier run must not look like our own.
    run: String,
    sandboxes: Mutex<Sandboxes>,
    /// Told whenever a sandbox starts or ends.
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Sandboxes {
    idle: Vec<Arc<Sandbox>>,
    /// Every process that runs.
    pids: Vec<u32>,
    /// Nothing is replaced any more.
    stopped: bool,
}

impl Function {
    /// A function with no sandbox yet, of at most `concurrency`.
    #[must_use]
    pub fn new(program: Program, concurrency: usize, run: &str, changed: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            run: format!("{run}-{}", program.function),
            program,
            slots: Semaphore::new(concurrency),
            invocations: AtomicU64::new(0),
            sandboxes: Mutex::default(),
            changed,
        })
    }

    /// The processes that run now.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner).pids.clone()
    }

    /// Runs one invocation in a warm sandbox, or in a new one; waits while all are busy.
    pub async fn invoke(self: &Arc<Self>, payload: Bytes) -> Answer {
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await.map_err(|_closed| InvokeError::NotStarted)?;
        let sandbox = match self.take_idle() {
            Some(sandbox) => sandbox,
            None => self.start().await?,
        };
        let number = self.invocations.fetch_add(1, Ordering::Relaxed);
        let answer = sandbox.invoke(format!("{}-{number}", self.run), payload).await;
        if !sandbox.is_gone() {
            self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner).idle.push(sandbox);
        }
        answer
    }

    /// Starts a sandbox ahead of the first invocation.
    ///
    /// Boxed because a sandbox that ends is replaced by a start of its own kind.
    pub fn warm_up(self: &Arc<Self>) -> BoxFuture<'static, Result<(), InvokeError>> {
        let function = Arc::clone(self);
        Box::pin(async move {
            let sandbox = function.start().await?;
            function.sandboxes.lock().unwrap_or_else(PoisonError::into_inner).idle.push(sandbox);
            Ok(())
        })
    }

    /// Replaces no sandbox from now on.
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
        // The one used last is the warmest; the others may be needed never again.
        std::iter::from_fn(|| sandboxes.idle.pop()).find(|sandbox| !sandbox.is_gone())
    }

    async fn start(self: &Arc<Self>) -> Result<Arc<Sandbox>, InvokeError> {
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
            // A failure has been told of; the next invocation tries again.
            self.warm_up().await.unwrap_or(());
        }
    }
}
