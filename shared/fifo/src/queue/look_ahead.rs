//! The front part of a queue in which SQS looks for available groups.

use crate::message::SequenceNumber;

/// The last message of the front part, exactly, at the price of one ordered look-up per removal.
///
/// Invariant: while fewer than `messages_max` are inside, none is beyond.
#[derive(Clone, Debug)]
pub(super) struct LookAhead {
    messages_max: usize,
    inside: usize,
    last: SequenceNumber,
}

impl LookAhead {
    pub(super) const fn new(messages_max: usize) -> Self {
        Self { messages_max, inside: 0, last: SequenceNumber(0) }
    }

    /// Returns the last message inside.
    pub(super) const fn last(&self) -> SequenceNumber {
        self.last
    }

    /// Adds a message that joined the end of the queue.
    pub(super) const fn joined(&mut self, sequence: SequenceNumber) {
        if self.inside < self.messages_max {
            self.inside += 1;
            self.last = sequence;
        }
    }

    /// Removes a message; `following` finds the first message of the queue after a given one.
    pub(super) fn left(
        &mut self,
        sequence: SequenceNumber,
        following: impl FnOnce(SequenceNumber) -> Option<SequenceNumber>,
    ) {
        if self.last < sequence {
            return;
        }
        match following(self.last) {
            Some(next) => self.last = next,
            None => self.inside -= 1,
        }
    }
}
