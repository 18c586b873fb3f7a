//! Filters and URL templates of platform webhooks: JavaScript in a sandbox.
//!
//! A filter or template is checked once, when its webhook is saved, and evaluated once per event in a realm of its own
//! that ends with the evaluation. The realm has no clock, no randomness, no I/O and no way to make code out of text;
//! memory, stack and work are bounded, and every bound that is hit is a fault with a stable code. Only `realm` knows
//! the engine.

pub mod limits;
pub mod catalogue;
pub mod fault;
pub mod bindings;
pub mod filter;
pub mod template;
pub mod workflow;
mod path;
mod expression;
mod meter;
mod realm;
