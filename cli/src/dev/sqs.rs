//! Local SQS: the queues of one `hookrail dev`, in process and over HTTP.
//!
//! The rules are those of `hookrail_fifo`. This module adds a clock, a lock, a journal, and waking of waiters. The event
//! source mapping uses [`SharedQueues`] directly, the functions use the HTTP front of [`serve`].

mod actions;
mod error;
mod http;
pub mod journal;
mod replies;
mod requests;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hookrail_fifo::millis::Millis;
use hookrail_fifo::queue::Queue;
use hookrail_fifo::queues::Queues;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::clock;
use journal::{Journal, NotKept};

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
    /// The waiters of each queue, by its name.
    waiting: HashMap<Arc<str>, Arc<Notify>>,
    /// The file that every change is written to before the call returns.
    journal: Option<Journal>,
}

/// The result of one look at a queue, for a waiter.
enum Look<R> {
    Found(R),
    /// Nothing found. The queue changes by itself after this time at the earliest, or never.
    Again(Option<Duration>),
}

impl SharedQueues {
    /// Shares these queues.
    #[must_use]
    pub fn new(queues: Queues) -> Self {
        Self { state: Arc::new(Mutex::new(State { queues, waiting: HashMap::new(), journal: None })) }
    }

    /// Shares these queues, and writes every change to `file`, which is first replaced by their current contents.
    pub fn with_journal(mut queues: Queues, file: &Path) -> std::io::Result<Self> {
        let journal = Journal::create(file, &queues.snapshot())?;
        queues.start_journal();
        Ok(Self::journalled(queues, journal))
    }

    fn journalled(queues: Queues, journal: Journal) -> Self {
        Self {
            state: Arc::new(Mutex::new(State { queues, waiting: HashMap::new(), journal: Some(journal) })),
        }
    }

    /// Runs `f` on one queue, and wakes the waiters that it concerns. Returns nothing if the queue does not exist.
    ///
    /// Messages that a receive finds exhausted are moved to their dead-letter queue before it returns. A change that cannot be
    /// written to the journal is in effect all the same, and written as soon as that is possible.
    pub fn with<R>(&self, queue: &str, f: impl FnOnce(Millis, &mut Queue) -> R) -> Option<R> {
        let (result, kept) = self.act(queue, f)?;
        if let Err(error) = kept {
            tracing::error!(%error, queue, "a change of a queue is not in the journal yet");
        }
        Some(result)
    }

    /// Runs an `f` that has no effect until it is in the journal, such as sending.
    ///
    /// # Errors
    /// The journal cannot be written: nothing was sent. Other changes are in effect, and may be repeated.
    pub fn with_kept<R>(
        &self,
        queue: &str,
        f: impl FnOnce(Millis, &mut Queue) -> R,
    ) -> Result<Option<R>, NotKept> {
        self.act(queue, f).map(|(result, kept)| kept.map(|()| result)).transpose()
    }

    fn act<R>(
        &self,
        queue: &str,
        f: impl FnOnce(Millis, &mut Queue) -> R,
    ) -> Option<(R, Result<(), NotKept>)> {
        let now = clock::now();
        let mut state = self.lock();
        let found = state.queues.find_mut(queue)?;
        let timer = found.next_visible_at(now);
        let result = f(now, found);
        // A state and not a change: messages may have been available to others only, and now to a waiter too, for
        // example after an invocation that had their groups.
        let is_available = found.has_available(now);
        let is_sooner = is_sooner(found.next_visible_at(now), timer);
        if is_available || is_sooner {
            state.wake(queue);
        }
        state.move_dead_letters(now, queue);
        Some((result, state.write_journal()))
    }

    /// Runs `f` on the set of queues, and wakes all waiters.
    ///
    /// # Errors
    /// As [`SharedQueues::with_kept`].
    pub fn with_all<R>(&self, f: impl FnOnce(Millis, &mut Queues) -> R) -> Result<R, NotKept> {
        let mut state = self.lock();
        let result = f(clock::now(), &mut state.queues);
        let kept = state.write_journal();
        state.waiting.values().for_each(|waiting| waiting.notify_waiters());
        kept.map(|()| result)
    }

    /// Looks at a queue whenever messages may have become available, until `look` finds a result. Returns nothing if the
    /// queue does not exist any more.
    ///
    /// A look that finds nothing must not change the queue, except for dead letters.
    pub async fn wait_for<R>(
        &self,
        queue: &str,
        mut look: impl FnMut(Millis, &mut Queue) -> Option<R>,
    ) -> Option<R> {
        let waiting = self.lock().waiting(queue)?;
        loop {
            // Enabled before the look, so that a change in between wakes it.
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

    /// Waits until a receive from this queue may return messages, or the queue does not exist.
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
        // Unlike in `with`, messages that stay available wake no waiter: one that finds nothing would wake itself for
        // ever.
        if result.is_some() && is_sooner(timer, before) {
            state.wake(queue);
        }
        state.move_dead_letters(now, queue);
        if let Err(error) = state.write_journal() {
            tracing::error!(%error, queue, "a receive is not in the journal yet");
        }
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

    /// Writes the changes since the last call to the journal. If that fails, messages that they sent are taken back, and
    /// the other changes are written by the next call.
    fn write_journal(&mut self) -> Result<(), NotKept> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let entries = self.queues.drain_journal();
        journal.append(&entries).inspect_err(|_| journal.postpone(self.queues.take_back(entries)))
    }

    fn move_dead_letters(&mut self, now: Millis, queue: &str) {
        if let Some(target) = self.queues.move_dead_letters(now, queue) {
            self.wake(&target);
        }
    }
}

/// Returns whether a waiter that sleeps until `before` would sleep too long.
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
