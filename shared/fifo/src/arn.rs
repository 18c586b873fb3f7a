//! The ARNs of queues.

use std::sync::Arc;

/// The region all local queues are in.
pub const REGION: &str = "us-east-1";
/// The account all local queues belong to.
pub const ACCOUNT: &str = "000000000000";

/// Returns the ARN of the local queue with this name.
#[must_use]
pub fn of_queue(name: &str) -> Arc<str> {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}").into()
}

/// Returns the name in a local queue's ARN.
#[must_use]
pub fn queue_name(arn: &str) -> Option<&str> {
    arn.rsplit_once(':').map(|(_, name)| name).filter(|name| *of_queue(name) == *arn)
}
