//! One sandbox: a process with a clock of its own that can die at any call.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use hookrail_domain::time::Millis;
use hookrail_fifo::mapping::Batch;
use hookrail_pipeline::clock::Clock;

use crate::faults::{Call, Fate, Function};
use crate::history::{Fault, RunEnd};
use crate::planted::Planted;
use crate::world::{Invocation, World};

#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) world: Arc<World>,
    pub(crate) function: Function,
    pub(crate) planted: Planted,
    skew_ms: i64,
    current: Mutex<Current>,
}

/// The invocation that the sandbox is busy with.
#[derive(Debug, Default)]
struct Current {
    run: usize,
    /// Its number among those of its function.
    invocation: usize,
    is_dead: bool,
    calls: Vec<Call>,
}

/// The time of a call, and its fate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision {
    pub(crate) fate: Fate,
    before_ms: u64,
    after_ms: u64,
}

impl Sandbox {
    pub(crate) fn new(world: Arc<World>, function: Function, skew_ms: i64) -> Self {
        let planted = Planted::new(world.setup.bug);
        Self { world, function, planted, skew_ms, current: Mutex::default() }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, of: Invocation, batch: &Batch) {
        self.planted.begin(batch);
        self.begin_sweep(of);
    }

    /// Begins an invocation without messages.
    pub(crate) fn begin_sweep(&self, of: Invocation) {
        let mut current = self.current();
        current.run = of.run;
        current.invocation = of.invocation;
        current.calls.clear();
    }

    pub(crate) fn run(&self) -> usize {
        self.current().run
    }

    /// Resolves when the process dies or its time is up. To be polled after the work, which learns of it
    /// first.
    pub(crate) async fn end(&self, deadline: u64) -> RunEnd {
        let mut timer = pin!(self.world.time.sleep_until(deadline));
        let end = poll_fn(|context| match self.current().is_dead {
            true => Poll::Ready(RunEnd::Crashed),
            false => timer.as_mut().poll(context).map(|()| RunEnd::TimedOut),
        })
        .await;
        if end == RunEnd::TimedOut {
            self.world.fault(self.run(), Fault::TimedOut);
        }
        end
    }

    /// Draws the fate of a call.
    pub(crate) fn course(&self, call: Call) -> Decision {
        let mut current = self.current();
        let nth = current.calls.iter().filter(|earlier| **earlier == call).count();
        current.calls.push(call);
        let of = Invocation { function: self.function, invocation: current.invocation, run: current.run };
        let fate = self.world.fate(of, (call, nth));
        let (before_ms, after_ms) = self.world.latencies();
        Decision { fate, before_ms, after_ms }
    }

    /// Makes one call: a wait, its effect, a wait; or as much of it as its fate allows.
    pub(crate) async fn perform<T>(
        &self,
        course: Decision,
        effect: impl Future<Output = T>,
        failed: impl FnOnce() -> T,
    ) -> T {
        let before_ms = match course.fate {
            Fate::CrashBefore => return self.die().await,
            Fate::Stall(ms) => ms,
            Fate::Fine | Fate::CrashAfter | Fate::Refused | Fate::AnswerLost | Fate::Partial(_) => {
                course.before_ms
            }
        };
        self.world.time.sleep(before_ms).await;
        if course.fate == Fate::Refused {
            return failed();
        }
        let answer = effect.await;
        if course.fate == Fate::CrashAfter {
            return self.die().await;
        }
        if course.after_ms != 0 {
            self.world.time.sleep(course.after_ms).await;
        }
        if course.fate == Fate::AnswerLost { failed() } else { answer }
    }

    async fn die<T>(&self) -> T {
        self.current().is_dead = true;
        std::future::pending().await
    }
}

/// The clock as this sandbox sees it.
#[derive(Debug)]
pub(crate) struct SandboxClock(pub(crate) Arc<Sandbox>);

impl Clock for SandboxClock {
    fn now(&self) -> Millis {
        Millis(self.0.world.time.now().saturating_add_signed(self.0.skew_ms))
    }

    fn sleep(&self, ms: u64) -> impl Future<Output = ()> + Send {
        self.0.world.time.sleep(ms)
    }
}
