//! The ports of Hookrail as implemented on AWS: tables, queues, receivers, the clock, the environment.
//!
//! Only this crate knows the AWS SDK; only [`config`] reads the environment and only [`clock`] the clock.

pub mod config;
pub mod clock;
pub mod random;
pub mod metrics;
pub mod telemetry;
pub mod store;
pub mod issuer;
pub mod queue;

pub mod sender;
pub mod scripts;
pub mod aws;
