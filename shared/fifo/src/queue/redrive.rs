//! Dead letters: from a queue, after too many receives, into its dead-letter queue.

use std::sync::Arc;

use super::{Queue, Stored, Visibility};
use crate::message::{Message, SequenceNumber};
use crate::millis::Millis;

/// A message that left its queue for good and belongs in the dead-letter queue.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    pub message: Arc<Message>,
    /// Its position in the queue that it left.
    pub sequence: SequenceNumber,
    pub receive_count: u32,
    pub first_received_at: Option<Millis>,
}

impl Queue {
    /// Returns the dead letters since the last call, in the order they left.
    ///
    /// The caller that receives from the queue puts them into the dead-letter queue at once, as
    /// [`crate::queues::Queues`] does: until then they are in neither queue.
    pub fn take_dead_letters(&mut self) -> Vec<DeadLetter> {
        std::mem::take(&mut self.dead_letters)
    }

    /// Adds a dead letter of `source_arn`, at the end of its group.
    ///
    /// It keeps its id, group, attributes and receive count; it gets a position, and so a sequence number, of
    /// this queue.
    pub fn adopt(&mut self, now: Millis, letter: DeadLetter, source_arn: &Arc<str>) -> SequenceNumber {
        self.advance(now);
        let DeadLetter { message, receive_count, first_received_at, .. } = letter;
        let mut message = Arc::unwrap_or_clone(message);
        message.dead_letter_source = Some(Arc::clone(source_arn));
        let sequence = self.sequence_last.next(self.clock);
        self.sequence_last = sequence;
        let enqueued_at = self.clock;
        let (message, visibility) = (Arc::new(message), Visibility::Visible);
        self.place(sequence, Stored { message, enqueued_at, receive_count, first_received_at, visibility });
        sequence
    }

    /// Moves a message to the dead letters if one more receive would exceed the limit.
    pub(super) fn give_up(&mut self, sequence: SequenceNumber) -> bool {
        let Some(policy) = &self.settings.redrive else { return false };
        let receive_count_max = policy.receive_count_max;
        if self.messages.get(&sequence).is_none_or(|stored| stored.receive_count < receive_count_max) {
            return false;
        }
        let Some(stored) = self.take_out(sequence) else { return false };
        let Stored { message, receive_count, first_received_at, .. } = stored;
        self.dead_letters.push(DeadLetter { message, sequence, receive_count, first_received_at });
        self.totals.dead_lettered += 1;
        true
    }
}
