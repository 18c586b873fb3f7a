//! The API as callers meet it: requests against the router, with tables and queues in memory.
#![expect(clippy::unwrap_used, reason = "the switch for tests does not reach helper functions")]
#![expect(clippy::panic, reason = "a test that cannot go on has failed")]
#![expect(clippy::indexing_slicing, reason = "the switch for tests does not reach helper functions")]

mod world;
mod failing;
mod auth;
mod matrix;
mod unknown_fields;
mod jwt;
mod tokens;
mod secrets;
mod test_sends;
mod audit;
mod limits;
mod webhooks;
mod deletion;
mod bulk;
mod once;
mod openapi;
mod triggers;
mod platform;
mod logs;
mod reference;
mod queue;
mod rejected;
mod replays;
mod event;
mod events;
mod ingest;
mod companies;
mod common;
mod lambda;
