//! The rules of SQS FIFO queues and of Lambda's event source mapping, as a pure model.
//!
//! Nothing here reads a clock, draws a random number, waits or does I/O: every call takes the time at which
//! it happens.
//! So `hookrail dev` serves the same rules over HTTP that the simulation runs by the million under a virtual
//! clock.
//! `reference/aws.md` §1 and §2 say where each rule was observed.
//!
//! To send and receive, start at [`queue`]; a set of queues with dead-letter queues is [`queues`]; Lambda's
//! part is [`mapping`] and [`event`].

pub mod millis;
pub mod message;
pub mod receipt_handle;
pub mod digest;
pub mod settings;
pub mod attributes;
pub mod batch;
pub mod queue;
pub mod arn;
pub mod journal;
pub mod queues;
pub mod mapping;
pub mod event;
