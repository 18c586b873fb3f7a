//! Virtual time: it stands still while anything can run, then jumps to the next timer.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hookrail_domain::time::Millis;
use hookrail_pipeline::clock::Clock;

/// The beginning of every schedule, in milliseconds since the Unix epoch.
pub(crate) const BEGIN: u64 = 1_800_000_000_000;

/// The time of the world. Clones share it; a sandbox's own clock may differ.
#[derive(Debug, Clone)]
pub(crate) struct Time(Arc<Mutex<Timers>>);

#[derive(Debug)]
struct Timers {
    now: u64,
    made: u64,
    /// By due time, then in the order they were made.
    waiting: BTreeMap<(u64, u64), Waker>,
}

impl Time {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Timers { now: BEGIN, made: 0, waiting: BTreeMap::new() })))
    }

    fn timers(&self) -> MutexGuard<'_, Timers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> u64 {
        self.timers().now
    }

    /// Resolves `ms` later; after 0 it resolves at the same time, but lets everything else go first.
    pub(crate) fn sleep(&self, ms: u64) -> Sleep {
        self.sleep_until(self.now() + ms)
    }

    pub(crate) fn sleep_until(&self, at: u64) -> Sleep {
        Sleep { time: self.clone(), at, timer: None }
    }

    /// Returns the time of the next timer.
    pub(crate) fn next(&self) -> Option<u64> {
        self.timers().waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// Advances to `to` and wakes due timers. Returns whether there was any.
    pub(crate) fn advance(&self, to: u64) -> bool {
        let mut timers = self.timers();
        timers.now = timers.now.max(to);
        let now = timers.now;
        let mut any = false;
        while let Some(timer) = timers.waiting.first_entry()
            && timer.key().0 <= now
        {
            timer.remove().wake();
            any = true;
        }
        any
    }
}

impl Clock for Time {
    fn now(&self) -> Millis {
        Millis(self.now())
    }

    fn sleep(&self, ms: u64) -> impl Future<Output = ()> + Send {
        self.sleep(ms)
    }
}

/// A timer of [`Time::sleep`]. Dropped early, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Sleep {
    time: Time,
    at: u64,
    timer: Option<(u64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut timers = self.time.timers();
        let Some(key) = self.timer else {
            timers.made += 1;
            let key = (self.at, timers.made);
            timers.waiting.insert(key, context.waker().clone());
            drop(timers);
            self.timer = Some(key);
            return Poll::Pending;
        };
        match timers.waiting.get_mut(&key) {
            None => Poll::Ready(()),
            Some(waker) => {
                waker.clone_from(context.waker());
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.timer {
            self.time.timers().waiting.remove(&key);
        }
    }
}
