//! Receivers that misbehave: one table of their behaviour and of the end of an attempt to each, and servers
//! for it.
//! For tests of the sender, end-to-end tests and the soak test.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says what went wrong")]

use std::time::Duration;

use hookrail_domain::attempt::{ErrorClass, Outcome};

pub use crate::serve::Receiver;
pub use crate::steps::{EMPTY, OK, chunked, forever, say};
pub use crate::table::table;

mod serve;
mod steps;
mod table;

/// One thing that a receiver does with a connection; after the last one it closes it.
#[derive(Debug, Clone)]
pub enum Step {
    /// Reads a request to its end.
    Read,
    /// Reads the beginning of a request.
    Glance,
    Say(Vec<u8>),
    /// Sends this again and again, as fast as it is read.
    Forever(Vec<u8>),
    /// Sends this again and again, a piece at a time.
    Drip(Vec<u8>),
    /// Does nothing for this time; does not read either.
    Wait(Duration),
    /// Does nothing until the sender is gone; does not read either.
    Hang,
    /// Resets the connection.
    Reset,
}

/// One receiver of the table.
#[derive(Debug, Clone)]
pub struct Behaviour {
    pub name: &'static str,
    /// `http` or `https`: the scheme that a sender uses. None of them can speak TLS.
    pub scheme: &'static str,
    /// Steps with each connection.
    pub steps: Vec<Step>,
    /// Size of an event that it misbehaves with.
    pub event_bytes: usize,
    /// The end of an attempt over a fresh connection.
    pub expected: Logged,
    /// The end of another request right after it, if the connection is kept.
    pub second: Option<Second>,
}

/// A second request to a receiver that kept the connection of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Second {
    pub expected: Logged,
    /// Connections that the receiver has accepted after it.
    pub connections: usize,
}

impl Behaviour {
    /// Returns the attempts until an event has ended.
    #[must_use]
    pub fn attempts(&self, attempts_max: u32) -> u32 {
        if matches!(self.expected, Logged::Whole | Logged::Cut) { 1 } else { attempts_max }
    }
}

/// The log row of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// Status 200, and the whole body.
    Whole,
    /// Status 200, and a body that was cut.
    Cut,
    Status(u16),
    /// No complete head of a response.
    No(ErrorClass),
}

impl Logged {
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Responded { status: 200, response, .. } if response.truncated => Self::Cut,
            Outcome::Responded { status: 200, .. } => Self::Whole,
            Outcome::Responded { status, .. } => Self::Status(*status),
            other => Self::No(other.error().unwrap()),
        }
    }
}
