//! The ports of Hookrail, and the steps over them that more than one function takes.
//!
//! No AWS SDK, no HTTP client, no JavaScript: `adapters` implements the ports, `testkit` has their
//! doubles.

pub mod fault;
pub mod clock;
pub mod store;
pub mod queue;
pub mod sender;
pub mod ports;
pub mod batch;
pub mod attempt;
pub mod queue_commands;
pub mod jobs;
pub mod operational_events;
