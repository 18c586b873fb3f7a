//! Order and no loss under faults: the real functions over the models of SQS and of Lambda, on virtual time.
//!
//! The whole schedule is drawn from a seed, so that a failing run can be repeated. See [`run`].

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a simulation that is set up wrongly fails loudly"
)]
#![expect(clippy::print_stdout, reason = "a sweep prints how much it has tested")]

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
mod troubles;
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
