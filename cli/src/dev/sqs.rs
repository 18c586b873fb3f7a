//! Local SQS: the queues of one `hookrail dev`, in process and over HTTP.
//!
//! The rules are those of `hookrail_fifo`; here is what they need of the world: a clock, a lock, and waking whoever
//! waits. The event source mapping uses [`SharedQueues`] directly, the functions the HTTP front of [`serve`].

mod actions;
mod error;
mod http;
mod replies;
mod requests;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookrail_fifo::journal::JournalEntry;
use hookrail_fifo::millis::Millis;
use hookrail_fifo::queue::Queue;
use hookrail_fifo::queues::Queues;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::{clock, ready};

/// All queues, shared by everything in the process that uses them.
///
/// The lock is held for one call of the model, never across an await.
#[derive(Clone, Debug)]
pub struct SharedQueues {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    queues: Queues,
    /// Whoever waits for a queue, by its name.
    waiting: HashMap<Arc<str>, Arc<Notify>>,
    /// Where every change is written down before it is answered.
    journal: Option<File>,
}

/// What one look at a queue came to, for somebody who waits for it.
enum Look<R> {
    Found(R),
    /// Nothing yet; nothing will change by itself before this long, if ever.
    Again(Option<Duration>),
}

impl SharedQueues {
    /// Shares these queues.
    #[must_use]
    pub fn new(queues: Queues) -> Self {
        Self { state: Arc::new(Mutex::new(State { queues, waiting: HashMap::new(), journal: None })) }
    }

    /// Shares these queues, and writes every change to `file`, which begins anew with what is in them now.
    pub fn with_journal(mut queues: Queues, file: &Path) -> std::io::Result<Self> {
        let mut text = Vec::new();
        write_entries(&mut text, queues.snapshot())?;
        ready::write_private(file, &text)?;
        queues.start_journal();
        let journal = Some(OpenOptions::new().append(true).open(file)?);
        Ok(Self { state: Arc::new(Mutex::new(State { queues, waiting: HashMap::new(), journal })) })
    }

    /// Does something to one queue, and wakes whoever waits for what that made possible; nothing if there is no such
    /// queue.
    ///
    /// Messages given up by a receive are moved to their dead-letter queue before it returns.
    pub fn with<R>(&self, queue: &str, f: impl FnOnce(Millis, &mut Queue) -> R) -> Option<R> {
        let now = clock::now();
        let mut state = self.lock();
        let found = state.queues.find_mut(queue)?;
        let timer = found.next_visible_at(now);
        let result = f(now, found);
        // A state and not a change: what is available may have been so for others, and now be so for a waiter too,
        // as when an invocation ends that kept its groups to itself.
        let is_available = found.has_available(now);
        let is_sooner = is_sooner(found.next_visible_at(now), timer);
        if is_available || is_sooner {
            state.wake(queue);
        }
        state.move_dead_letters(now, queue);
        state.write_journal();
        Some(result)
    }

    /// Does something to the set of queues, and wakes everyone.
    pub fn with_all<R>(&self, f: impl FnOnce(Millis, &mut Queues) -> R) -> R {
        let mut state = self.lock();
        let result = f(clock::now(), &mut state.queues);
        state.write_journal();
        state.waiting.values().for_each(|waiting| waiting.notify_waiters());
        result
    }

    /// Looks at a queue whenever something may have become available, until `look` finds what it wants; nothing if
    /// there is no such queue (any more).
    ///
    /// A look that finds nothing must leave the queue as it was, but for messages it gives up.
    pub async fn wait_for<R>(
        &self,
        queue: &str,
        mut look: impl FnMut(Millis, &mut Queue) -> Option<R>,
    ) -> Option<R> {
        let waiting = self.lock().waiting(queue)?;
        loop {
            // Enabled before the look, so that what happens in between wakes it.
            let mut woken = pin!(waiting.notified());
            woken.as_mut().enable();
            match self.look(queue, &mut look)? {
                Look::Found(result) => return Some(result),
                Look::Again(None) => woken.await,
                Look::Again(Some(timer)) => {
                    tokio::select! {
                        () = woken => {}
                        () = tokio::time::sleep(timer) => {}
                    }
                }
            }
        }
    }

    /// Waits until a receive from this queue may return something, or there is no such queue.
    pub async fn ready(&self, queue: &str) {
        self.wait_for(queue, |now, queue| queue.has_available(now).then_some(())).await;
    }

    fn look<R>(
        &self,
        queue: &str,
        look: &mut impl FnMut(Millis, &mut Queue) -> Option<R>,
    ) -> Option<Look<R>> {
        let now = clock::now();
        let mut state = self.lock();
        let found = state.queues.find_mut(queue)?;
        let before = found.next_visible_at(now);
        let result = look(now, found);
        let timer = found.next_visible_at(now);
        // Unlike in `with`, what is left available is no reason to wake anyone: the one who looks in vain would wake
        // itself for ever.
        if result.is_some() && is_sooner(timer, before) {
            state.wake(queue);
        }
        state.move_dead_letters(now, queue);
        state.write_journal();
        let wait = || timer.map(|timer| Duration::from_millis(timer.millis_since(now)));
        Some(result.map_or_else(|| Look::Again(wait()), Look::Found))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The model's calls do not leave a queue half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn waiting(&mut self, queue: &str) -> Option<Arc<Notify>> {
        let name = self.queues.find(queue)?.name();
        Some(Arc::clone(self.waiting.entry(Arc::clone(name)).or_default()))
    }

    fn wake(&self, queue: &str) {
        if let Some(waiting) = self.waiting.get(queue) {
            waiting.notify_waiters();
        }
    }

    /// A journal that cannot be written is told of loudly; the queues go on in memory.
    fn write_journal(&mut self) {
        let Some(file) = &mut self.journal else { return };
        let entries = self.queues.drain_journal();
        if entries.is_empty() {
            return;
        }
        let mut text = Vec::new();
        // One write: a crash cuts at most the last line.
        if let Err(error) = write_entries(&mut text, entries).and_then(|()| file.write_all(&text)) {
            tracing::error!(%error, "a change of a queue was not kept");
        }
    }

    fn move_dead_letters(&mut self, now: Millis, queue: &str) {
        if let Some(target) = self.queues.move_dead_letters(now, queue) {
            self.wake(&target);
        }
    }
}

/// One entry a line.
fn write_entries(text: &mut Vec<u8>, entries: Vec<JournalEntry>) -> std::io::Result<()> {
    for entry in entries {
        serde_json::to_writer(&mut *text, &entry)?;
        text.push(b'\n');
    }
    Ok(())
}

/// Whether a waiter that sleeps until `before` would sleep too long.
fn is_sooner(timer: Option<Millis>, before: Option<Millis>) -> bool {
    timer.is_some_and(|timer| before.is_none_or(|before| timer < before))
}

/// Serves the SQS protocol until dropped.
///
/// # Errors
/// The listener has no address.
pub async fn serve(listener: TcpListener, queues: SharedQueues) -> std::io::Result<()> {
    let base_url = format!("http://{}", listener.local_addr()?);
    let front = actions::Front { queues, base_url: base_url.into() };
    super::front::serve(listener, move |request| http::respond(front.clone(), request)).await;
    Ok(())
}
