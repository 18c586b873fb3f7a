//! The panel in a real browser: `hookrail dev`, headless Chromium, and what people do with both.
//!
//! Chromium is spoken to in its own protocol, over a web socket: drivers would have to match its version.
#![expect(clippy::unwrap_used, reason = "the switch for tests does not reach helper functions")]
#![expect(clippy::indexing_slicing, reason = "the switch for tests does not reach helper functions")]
#![expect(clippy::panic, reason = "the switch for tests does not reach helper functions")]
#![expect(
    clippy::print_stderr,
    reason = "measurements are printed, and a failed test shows the log of its stack"
)]

#[path = "../e2e/wait.rs"]
mod wait;
#[path = "../e2e/event.rs"]
#[expect(dead_code, reason = "shared with the tests end to end")]
mod event;
#[path = "../e2e/process.rs"]
#[expect(dead_code, reason = "shared with the tests end to end")]
mod process;
#[path = "../e2e/stack.rs"]
#[expect(dead_code, reason = "shared with the tests end to end")]
mod stack;
#[path = "../e2e/receiver.rs"]
#[expect(dead_code, reason = "shared with the tests end to end")]
mod receiver;
#[path = "../e2e/company.rs"]
#[expect(dead_code, reason = "shared with the tests end to end")]
mod company;
#[path = "../e2e/queues.rs"]
#[expect(dead_code, reason = "shared with the tests end to end")]
mod queues;
mod protocol;
mod chromium;
mod page;
mod world;
mod signing_in;
mod scopes;
mod webhooks;
mod settings;
mod secrets;
mod logs;
mod bodies;
mod queue;
mod records;
mod record_form;
mod jobs;
mod everyone;
mod hostile;
mod screens;
mod load;
