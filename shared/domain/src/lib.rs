//! The rules of Hookrail: the webhooks of an event, the request, the meaning of a response, and the next
//! step.
//!
//! Pure: no I/O, no clock, no randomness, no serialization, no AWS. Time and configuration are arguments.

pub mod time;
pub mod id;
pub mod limits;
pub mod trigger;
pub mod platform;
pub mod event;
pub mod address;
pub mod port;
pub mod target;
pub mod webhook;
pub mod token;
pub mod audit;
pub mod fan_out;
pub mod delivery;
pub mod attempt;
pub mod retry;
pub mod progress;
pub mod operational_event;
pub mod backlog;
pub mod suspension;
pub mod replay;
pub mod commands;
pub mod decision;
pub mod drain;
pub mod signature;
pub mod header;
pub mod secrets;
pub mod request;
pub mod log_row;
pub mod ingest;
pub mod job;
pub mod test_row;
pub mod rejected;
