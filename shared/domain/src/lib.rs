//! The rules of Hookrail: which webhook an event goes to, what is sent, what an answer means, and what comes next.
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
pub mod subscription;
pub mod token;
pub mod audit;
pub mod fan_out;
pub mod delivery;
pub mod attempt;
pub mod retry;
pub mod line;
pub mod notice;
pub mod aside;
pub mod suspension;
pub mod replay;
pub mod intervention;
pub mod signature;
pub mod header;
pub mod secrets;
pub mod request;
pub mod log_row;
pub mod job;
pub mod test_row;
pub mod rejected;
