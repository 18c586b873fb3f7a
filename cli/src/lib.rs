//! The `hookrail` command.

pub mod dev;
pub mod access;
pub mod call;
pub mod client;
pub mod failure;
pub mod input;
pub mod show;
pub mod webhook;
pub mod event;
pub mod log;
pub mod token;
