//! The formats that meet the outside: bytes on one side, domain types on the other.
//!
//! Pure. Reading is tolerant where the reference systems are; writing is exact.

#![allow(single_use_lifetimes, reason = "what `ToSchema` derives for a type with a lifetime names it once")]

pub mod timestamp;
pub mod problem;
mod reader;
pub mod json;
pub mod query;
pub mod webhook_filter;
pub mod log_filter;
pub mod event_json;
pub mod cot_event;
pub mod platform_event;
pub mod webhook_job;
pub mod job_ref;
pub mod redaction;
pub mod credentials;
pub mod cot_webhook;
pub mod cot_webhook_log;
pub mod platform_webhook;
pub mod platform_auth;
pub mod platform_meta;
pub mod platform_trial;
pub mod platform_problem;
pub mod trigger_view;
pub mod bulk;
pub mod queue_view;
pub mod replay;
pub mod company;
pub mod secret;
pub mod test_send;
pub mod token;
pub mod panel_link;
pub mod audit;
pub mod event_call;
pub mod event_view;
pub mod rejected;
pub mod cursor;
pub mod queue_text;
pub mod queue_message;
pub mod wake_up;
pub mod operational_event;
pub mod openapi;

pub use reader::refuse_fields;
