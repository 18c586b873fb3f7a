//! Doubles with real behaviour, for tests: tables and queues in memory, a clock set by hand, scripted receivers.

pub mod clock;
pub mod memory;
pub mod queue;
pub mod model_queue;
pub mod script;
pub mod contract;
