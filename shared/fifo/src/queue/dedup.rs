//! The five minutes for which a FIFO queue remembers deduplication ids.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::message::{MessageId, SequenceNumber};
use crate::millis::Millis;

/// Time that a deduplication id is remembered, regardless of its message.
pub const DEDUPLICATION_WINDOW_S: u32 = 300;

/// An id within its scope: the whole queue, or one group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeduplicationKey {
    pub group: Option<Arc<str>>,
    pub id: Arc<str>,
}

/// A deduplication id, and the message that used it first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    pub key: DeduplicationKey,
    pub message: MessageId,
    pub sequence: SequenceNumber,
    pub until: Millis,
}

/// All ids that are remembered at the moment.
#[derive(Clone, Debug, Default)]
pub(super) struct DeduplicationWindow {
    first: HashMap<DeduplicationKey, (MessageId, SequenceNumber)>,
    /// In the order they end, which is the order they came: the window is the same for all.
    ending: VecDeque<(Millis, DeduplicationKey)>,
}

impl DeduplicationWindow {
    /// Returns the first message with this key, if it came less than the window ago.
    pub(super) fn find(
        &mut self,
        now: Millis,
        key: &DeduplicationKey,
    ) -> Option<(MessageId, SequenceNumber)> {
        while let Some((_, key)) = self.ending.pop_front_if(|(until, _)| *until <= now) {
            self.first.remove(&key);
        }
        self.first.get(key).copied()
    }

    pub(super) fn remember(&mut self, remembered: Remembered) {
        let Remembered { key, message, sequence, until } = remembered;
        self.first.insert(key.clone(), (message, sequence));
        self.ending.push_back((until, key));
    }

    pub(super) fn forget(&mut self, key: &DeduplicationKey) {
        self.first.remove(key);
        self.ending.retain(|(_, remembered)| remembered != key);
    }

    /// Returns everything remembered, in the order it ends.
    pub(super) fn iter(&self) -> impl Iterator<Item = Remembered> {
        self.ending.iter().filter_map(|(until, key)| {
            let (message, sequence) = *self.first.get(key)?;
            Some(Remembered { key: key.clone(), message, sequence, until: *until })
        })
    }
}
