//! An executor of tasks, one poll at a time, in an order that the caller draws.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use crate::rng::Rng;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The tasks. Nothing runs except in [`Executor::step`].
#[derive(Default)]
pub(crate) struct Executor {
    tasks: Vec<Option<(Work, Arc<Task>, Waker)>>,
    vacant: Vec<usize>,
    ready: Ready,
}

type Ready = Arc<Mutex<Vec<usize>>>;

struct Task {
    id: usize,
    is_ready: AtomicBool,
    ready: Ready,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_ready.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
        }
    }
}

impl Executor {
    pub(crate) fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        let id = self.vacant.pop().unwrap_or(self.tasks.len());
        if id == self.tasks.len() {
            self.tasks.push(None);
        }
        let ready = Arc::clone(&self.ready);
        let task = Arc::new(Task { id, is_ready: AtomicBool::new(false), ready });
        task.wake_by_ref();
        let waker = Waker::from(Arc::clone(&task));
        self.tasks[id] = Some((Box::pin(work), task, waker));
    }

    /// Polls one of the ready tasks. Returns whether there was one.
    pub(crate) fn step(&mut self, rng: &mut Rng) -> bool {
        let id = {
            let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
            if ready.is_empty() {
                return false;
            }
            let index = if ready.len() == 1 { 0 } else { rng.index(ready.len()) };
            ready.swap_remove(index)
        };
        // A task that has ended may still be woken by its remains.
        let Some((work, task, waker)) = self.tasks[id].as_mut() else { return true };
        task.is_ready.store(false, Ordering::Relaxed);
        if work.as_mut().poll(&mut Context::from_waker(waker)).is_ready() {
            self.tasks[id] = None;
            self.vacant.push(id);
        }
        true
    }

    /// Returns whether no task is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.len() == self.vacant.len()
    }
}
