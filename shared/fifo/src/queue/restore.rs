//! A queue's state as journal entries, and back.

use std::sync::Arc;

use super::{DeduplicationKey, Queue, Stored, Visibility};
use crate::journal::{Change, Kept};
use crate::message::SequenceNumber;
use crate::millis::Millis;
use crate::settings::Settings;

impl Stored {
    pub(super) fn into_kept(self, sequence: SequenceNumber) -> Kept {
        let delayed_until = match self.visibility {
            Visibility::Delayed { until } => Some(until),
            // Its receiver is gone after a restart: it is visible again.
            Visibility::Visible | Visibility::InFlight { .. } => None,
        };
        Kept {
            message: self.message,
            sequence,
            enqueued_at: self.enqueued_at,
            receive_count: self.receive_count,
            first_received_at: self.first_received_at,
            delayed_until,
        }
    }
}

impl Queue {
    /// Collects every change from now on, for [`Queue::drain_journal`].
    pub fn start_journal(&mut self) {
        self.journal.get_or_insert_default();
    }

    /// Returns the changes since the last call, oldest first.
    pub fn drain_journal(&mut self) -> Vec<Change> {
        self.journal.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Returns the shortest list of changes that rebuilds this queue.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Change> {
        let created = Change::Created {
            seed: self.seed,
            settings: self.settings.clone(),
            at: self.created_at,
            sequence_last: self.sequence_last,
        };
        let kept =
            self.messages.iter().map(|(sequence, stored)| Change::Sent(stored.clone().into_kept(*sequence)));
        let remembered = self.deduplication.iter().map(Change::Remembered);
        [created].into_iter().chain(kept).chain(remembered).collect()
    }

    /// Returns a queue as [`Change::Created`] has it, before any message was sent to it.
    pub(crate) fn restore(
        name: Arc<str>,
        seed: u64,
        settings: Settings,
        at: Millis,
        sequence_last: SequenceNumber,
    ) -> Self {
        Self { sequence_last, ..Self::new(at, name, seed, settings) }
    }

    /// Repeats a change of a journal; a change that no longer applies is ignored.
    pub(crate) fn replay(&mut self, change: Change) {
        match change {
            Change::Sent(kept) => self.put_back(kept),
            Change::Remembered(remembered) => self.deduplication.remember(remembered),
            Change::Received { sequence, at } => {
                if let Some(stored) = self.messages.get_mut(&sequence) {
                    stored.receive_count = stored.receive_count.saturating_add(1);
                    stored.first_received_at.get_or_insert(at);
                }
            }
            Change::Deleted { sequence } => {
                self.take_out(sequence);
            }
            Change::Purged => self.purge(self.clock),
            Change::SettingsChanged { settings, at } => {
                self.settings = settings;
                self.modified_at = at;
            }
            // These are about the set of queues.
            Change::Created { .. } | Change::Removed | Change::DeadLettered { .. } => {}
        }
    }

    pub(crate) fn put_back(&mut self, kept: Kept) {
        let Kept { message, sequence, enqueued_at, receive_count, first_received_at, delayed_until } = kept;
        let visibility = delayed_until.map_or(Visibility::Visible, |until| Visibility::Delayed { until });
        self.sequence_last = self.sequence_last.max(sequence);
        self.place(sequence, Stored { message, enqueued_at, receive_count, first_received_at, visibility });
    }

    /// Removes a message that was just sent, as if it had never been.
    pub(crate) fn take_back(&mut self, sequence: SequenceNumber) {
        if self.take_out(sequence).is_some() {
            self.totals.sent -= 1;
        }
    }

    /// Forgets the deduplication id of a message that is taken back.
    pub(crate) fn forget(&mut self, key: &DeduplicationKey) {
        self.deduplication.forget(key);
    }

    /// Returns a message as the journal keeps it.
    pub(crate) fn kept(&self, sequence: SequenceNumber) -> Option<Kept> {
        self.messages.get(&sequence).map(|stored| stored.clone().into_kept(sequence))
    }
}
