//! Order and no loss under faults: the real functions over the models of the queues and of Lambda, on virtual time.
//!
//! Everything that happens is drawn from a seed, so that a failing run can be repeated. See [`run`] for how.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a simulation that is set up wrongly fails loudly"
)]
#![expect(clippy::print_stdout, reason = "a sweep tells how much it has put to the test")]

mod rng;
mod time;
mod executor;
mod faults;
mod setup;
mod receiver;
mod history;
mod world;
mod sandbox;
mod scripted;
mod planted;
mod posted;
mod posted_failures;
mod faulty;
mod deployment;
mod lambda;
mod long;
mod warm;
mod run;
mod schedule;
mod act;
mod checks;
mod timeline;
mod examples;
mod partial_failures;
mod random;
