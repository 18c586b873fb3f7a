//! Filters and URL templates of platform webhooks: JavaScript in a sandbox.
//!
//! A filter or template is checked once, when its webhook is saved. It is evaluated once per event in a realm
//! of its own that ends with the evaluation.
//! The realm has no clock, no randomness, no I/O and no way to make code out of text.
//! Memory, stack and work are bounded, and reaching a bound is a fault with a stable code. Only `realm` knows
//! the engine.
//!
//! Work that cannot be counted is bounded by a process: `service` is the loop of a child that answers
//! questions about an event. Its parent kills it when an answer is late.

pub mod limits;
pub use hookrail_domain::platform as catalogue;
pub mod fault;
pub mod bindings;
pub mod filter;
pub mod template;
pub mod workflow;
pub mod service;
pub mod frame;
pub mod names;
mod path;
mod expression;
mod meter;
mod realm;
