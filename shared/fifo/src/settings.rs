//! The behaviour of one queue: its attributes as typed values.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The largest a message (body and attributes) or a batch may be.
pub const MESSAGE_BYTES_MAX: u32 = 1024 * 1024;
/// The longest a message may stay invisible, counted from the receive.
pub const VISIBILITY_TIMEOUT_S_MAX: u32 = 43_200;
/// The longest a queue or a message may be delayed.
pub const DELAY_S_MAX: u32 = 900;
/// The longest a receive may wait.
pub const RECEIVE_WAIT_S_MAX: u32 = 20;
/// Messages at the front of a FIFO queue among which SQS looks for groups that are available.
pub const LOOK_AHEAD_MESSAGES: usize = 120_000;
/// Messages of a FIFO queue that may be in flight; at the limit receives return nothing, without an error.
pub const IN_FLIGHT_MESSAGES_MAX: usize = 120_000;

const RETENTION_S_DEFAULT: u32 = 345_600;
const VISIBILITY_TIMEOUT_S_DEFAULT: u32 = 30;

/// All settings of a queue; every value within the ranges of [`crate::attributes`] is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub kind: Kind,
    pub visibility_timeout_s: u32,
    pub retention_s: u32,
    pub delay_s: u32,
    pub message_bytes_max: u32,
    pub receive_wait_s: u32,
    pub content_based_deduplication: bool,
    pub deduplication_scope: DeduplicationScope,
    pub throughput_limit: ThroughputLimit,
    pub redrive: Option<RedrivePolicy>,
    pub limits: Limits,
    /// Attributes that are kept and shown but change nothing here, such as `Policy`.
    pub other: BTreeMap<String, String>,
}

/// The kind of a queue: whether its messages keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Standard,
    Fifo,
}

/// The scope in which a deduplication id must be unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeduplicationScope {
    Queue,
    MessageGroup,
}

/// The scope of the throughput quota; shown back, the model has no quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThroughputLimit {
    PerQueue,
    PerMessageGroupId,
}

/// The number of receives before a message is dead-lettered, and its dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedrivePolicy {
    pub target_arn: Arc<str>,
    /// The receive after this many moves the message instead of returning it.
    pub receive_count_max: u32,
}

/// Limits of the service, as values so that a test need not send 120,000 messages to meet them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub look_ahead_messages: usize,
    pub in_flight_messages_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { look_ahead_messages: LOOK_AHEAD_MESSAGES, in_flight_messages_max: IN_FLIGHT_MESSAGES_MAX }
    }
}

impl Settings {
    /// Makes a FIFO queue with the service's defaults.
    #[must_use]
    pub fn fifo() -> Self {
        Self { kind: Kind::Fifo, ..Self::standard() }
    }

    /// Makes a standard queue with the service's defaults.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            kind: Kind::Standard,
            visibility_timeout_s: VISIBILITY_TIMEOUT_S_DEFAULT,
            retention_s: RETENTION_S_DEFAULT,
            delay_s: 0,
            message_bytes_max: MESSAGE_BYTES_MAX,
            receive_wait_s: 0,
            content_based_deduplication: false,
            deduplication_scope: DeduplicationScope::Queue,
            throughput_limit: ThroughputLimit::PerQueue,
            redrive: None,
            limits: Limits::default(),
            other: BTreeMap::new(),
        }
    }

    /// Returns whether the queue keeps the order of each group.
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.kind == Kind::Fifo
    }
}
