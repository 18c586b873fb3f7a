//! End to end: `hookrail dev` with its child processes, real sockets, scripted receivers, `kill -9`.
//!
//! Every test has a company of its own, so that tests of the same flags can share one running stack.
#![expect(clippy::unwrap_used, reason = "the switch for tests does not reach helper functions")]
#![expect(clippy::panic, reason = "the switch for tests does not reach helper functions")]
#![expect(clippy::print_stderr, reason = "a failed test shows the log of its stack")]

mod wait;
mod random;
mod process;
mod stack;
mod by_hand;
mod shell;
mod command;
mod apply;
mod follow;
mod quickstart;
mod credentials;
mod company;
mod event;
mod receiver;
mod queues;
mod operational;
mod platform;
mod records;
mod order;
mod crash;
mod restart;
mod data;
mod local;
mod producer;
mod reference;
mod limits;
mod rejected;
mod refusals;
mod failures;
mod receivers;
mod isolation;
mod suspension;
mod freshness;
mod deactivation;
mod contract;
