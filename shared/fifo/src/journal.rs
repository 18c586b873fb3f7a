//! Changes as data: the entries from which queues are rebuilt after a restart.
//!
//! Visibility is not kept: after a restart no receipt handle is in use any longer, so every message is
//! visible again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::message::{Message, SequenceNumber};
use crate::millis::Millis;
use crate::queue::Remembered;
use crate::settings::Settings;

/// One change of one queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    pub queue: Arc<str>,
    pub change: Change,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    Created {
        seed: u64,
        settings: Settings,
        at: Millis,
        sequence_last: SequenceNumber,
    },
    SettingsChanged {
        settings: Settings,
        at: Millis,
    },
    Sent(Kept),
    Remembered(Remembered),
    Received {
        sequence: SequenceNumber,
        at: Millis,
    },
    Deleted {
        sequence: SequenceNumber,
    },
    /// One entry for both queues, so that a journal cut off between two entries neither loses nor doubles the message.
    DeadLettered {
        sequence: SequenceNumber,
        target: Arc<str>,
        kept: Kept,
    },
    Purged,
    Removed,
}

/// A message at its position, without its visibility.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub message: Arc<Message>,
    pub sequence: SequenceNumber,
    pub enqueued_at: Millis,
    pub receive_count: u32,
    pub first_received_at: Option<Millis>,
    pub delayed_until: Option<Millis>,
}
