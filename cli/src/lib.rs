//! The `hookrail` command.

pub mod dev;
