//! The sender of requests to receivers over HTTP, behind the target guard.

pub mod names;
pub mod guard;
mod failure;
mod connection;
mod pool;
pub mod http;
mod retry_after;
