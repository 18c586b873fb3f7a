//! Receiving: walk along the available groups, oldest head first.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Queue, Visibility, ordered_group};
use crate::journal::Change;
use crate::message::{Received, SequenceNumber};
use crate::millis::Millis;
use crate::receipt_handle::ReceiptHandle;

/// The parameters of a receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receive {
    /// 1 to 10.
    pub messages_max: usize,
    /// The queue's own when absent.
    pub visibility_timeout_s: Option<u32>,
}

impl Receive {
    /// Asks for up to this many messages, hidden for the queue's own time.
    #[must_use]
    pub const fn up_to(messages_max: usize) -> Self {
        Self { messages_max, visibility_timeout_s: None }
    }
}

impl Queue {
    /// Receives as many messages of one group as possible, then tops up with other groups.
    ///
    /// A message that was received too often goes to the dead letters instead; see [`Queue::take_dead_letters`].
    pub fn receive(&mut self, now: Millis, receive: Receive) -> Vec<Received> {
        self.receive_except(now, receive, &BTreeSet::new())
    }

    /// Receives from any group but the locked ones.
    ///
    /// SQS knows no such call: it models an event source mapping that keeps a group to itself.
    pub fn receive_except(
        &mut self,
        now: Millis,
        receive: Receive,
        locked: &BTreeSet<Arc<str>>,
    ) -> Vec<Received> {
        self.advance(now);
        let mut received = Vec::new();
        let mut after = SequenceNumber::default();
        while received.len() < receive.messages_max {
            let Some(head) = self.next_head_except(after, locked) else { break };
            self.receive_group(head, receive, &mut received);
            after = head;
        }
        self.totals.received += received.len() as u64;
        received
    }

    /// Returns whether a receive that leaves the locked groups alone would find a message.
    pub fn has_available_except(&mut self, now: Millis, locked: &BTreeSet<Arc<str>>) -> bool {
        self.advance(now);
        self.next_head_except(SequenceNumber::default(), locked).is_some()
    }

    /// Receives visible messages of one group, from its head on.
    fn receive_group(&mut self, head: SequenceNumber, receive: Receive, received: &mut Vec<Received>) {
        let mut next = Some(head);
        while let Some(sequence) = next
            && received.len() < receive.messages_max
            && !self.is_full()
        {
            // Read before this message is hidden or removed.
            next = self.messages.get(&sequence).and_then(|stored| {
                self.order.follower(sequence, ordered_group(&self.settings, &stored.message))
            });
            if !self.give_up(sequence) {
                received.extend(self.receive_one(sequence, receive));
            }
        }
    }

    fn receive_one(&mut self, sequence: SequenceNumber, receive: Receive) -> Option<Received> {
        let (now, queue_tag) = (self.clock, self.tag());
        let until =
            now.plus_seconds(receive.visibility_timeout_s.unwrap_or(self.settings.visibility_timeout_s));
        let stored = self.messages.get_mut(&sequence)?;
        stored.receive_count = stored.receive_count.saturating_add(1);
        let first_received_at = *stored.first_received_at.get_or_insert(now);
        let receive_count = stored.receive_count;
        let message = Arc::clone(&stored.message);
        let handle = ReceiptHandle { queue_tag, sequence, receive_count };
        self.set_visibility(sequence, Visibility::InFlight { until, received_at: now });
        self.record(|| Change::Received { sequence, at: now });
        Some(Received { message, sequence, handle, receive_count, first_received_at })
    }

    pub(super) fn next_head(&self, after: SequenceNumber) -> Option<SequenceNumber> {
        if self.is_full() {
            return None;
        }
        // A standard queue is searched to its end.
        let last = if self.settings.is_fifo() { self.look_ahead.last() } else { SequenceNumber(u64::MAX) };
        self.order.next_ready(after, last)
    }

    fn next_head_except(&self, after: SequenceNumber, locked: &BTreeSet<Arc<str>>) -> Option<SequenceNumber> {
        let mut head = self.next_head(after)?;
        while self.is_locked(head, locked) {
            head = self.next_head(head)?;
        }
        Some(head)
    }

    fn is_locked(&self, head: SequenceNumber, locked: &BTreeSet<Arc<str>>) -> bool {
        !locked.is_empty()
            && self
                .messages
                .get(&head)
                .and_then(|stored| ordered_group(&self.settings, &stored.message))
                .is_some_and(|group| locked.contains(group))
    }

    /// Returns whether the limit of messages in flight is reached: receives then return nothing more, without
    /// an error.
    fn is_full(&self) -> bool {
        self.settings.is_fifo() && self.settings.limits.in_flight_messages_max <= self.in_flight
    }
}
