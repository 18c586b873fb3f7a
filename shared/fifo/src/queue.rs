//! One queue: send, receive, delete and change of visibility by the rules of SQS.
//!
//! Within a group messages are received in order, and the walk along a group stops at the first message that
//! is not visible.
//! Everything else (blocked groups, return to the old position, the messages that a receive adds) follows
//! from that.

mod accept;
mod dedup;
mod handles;
mod look_ahead;
mod order;
mod receive;
mod redrive;
mod restore;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

pub use self::accept::{ATTRIBUTES_MAX, SendError};
use self::dedup::DeduplicationWindow;
pub use self::dedup::{DEDUPLICATION_WINDOW_S, DeduplicationKey, Remembered};
pub use self::handles::HandleError;
use self::look_ahead::LookAhead;
use self::order::Order;
pub use self::receive::Receive;
pub use self::redrive::DeadLetter;
use crate::journal::Change;
use crate::message::{Message, MessageId, NewMessage, Sent, SequenceNumber};
use crate::millis::Millis;
use crate::settings::{DeduplicationScope, Settings};

/// A queue and all its messages.
#[derive(Clone, Debug)]
pub struct Queue {
    name: Arc<str>,
    seed: u64,
    settings: Settings,
    created_at: Millis,
    modified_at: Millis,
    /// The latest time of any call: time never goes back, even if the caller's clock does.
    clock: Millis,
    sequence_last: SequenceNumber,
    /// By position in the queue.
    messages: BTreeMap<SequenceNumber, Stored>,
    order: Order,
    look_ahead: LookAhead,
    /// The times at which invisible messages become visible.
    timers: BTreeSet<(Millis, SequenceNumber)>,
    deduplication: DeduplicationWindow,
    in_flight: usize,
    dead_letters: Vec<DeadLetter>,
    totals: Totals,
    /// None while no journal is kept.
    journal: Option<Vec<Change>>,
}

/// A message at its position.
#[derive(Clone, Debug)]
struct Stored {
    message: Arc<Message>,
    /// Retention counts from here; a dead-letter queue starts again.
    enqueued_at: Millis,
    receive_count: u32,
    first_received_at: Option<Millis>,
    visibility: Visibility,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visibility {
    Visible,
    Delayed { until: Millis },
    InFlight { until: Millis, received_at: Millis },
}

/// Messages by their present state, as `GetQueueAttributes` counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub visible: usize,
    pub in_flight: usize,
    pub delayed: usize,
}

/// Totals since the queue was made or restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub sent: u64,
    pub duplicates: u64,
    pub received: u64,
    pub deleted: u64,
    pub dead_lettered: u64,
    /// Messages that outlived the retention and were removed.
    pub vanished: u64,
}

impl Queue {
    /// Makes an empty queue; equal seeds give equal message ids for equal calls.
    #[must_use]
    pub fn new(now: Millis, name: impl Into<Arc<str>>, seed: u64, settings: Settings) -> Self {
        Self {
            name: name.into(),
            seed,
            created_at: now,
            modified_at: now,
            clock: now,
            sequence_last: SequenceNumber::default(),
            messages: BTreeMap::new(),
            order: Order::default(),
            look_ahead: LookAhead::new(settings.limits.look_ahead_messages),
            settings,
            timers: BTreeSet::new(),
            deduplication: DeduplicationWindow::default(),
            in_flight: 0,
            dead_letters: Vec::new(),
            totals: Totals::default(),
            journal: None,
        }
    }

    /// Sends one message; on a FIFO queue a remembered deduplication id adds nothing and returns the
    /// original.
    ///
    /// # Errors
    /// The first rule that the message breaks.
    pub fn send(&mut self, now: Millis, message: NewMessage) -> Result<Sent, SendError> {
        self.advance(now);
        let message = accept::check(&self.settings, message)?;
        let key = self.deduplication_key(&message);
        if let Some((id, sequence)) = key.as_ref().and_then(|key| self.deduplication.find(self.clock, key)) {
            self.totals.duplicates += 1;
            return Ok(Sent { id, sequence, is_duplicate: true });
        }
        let sequence = self.sequence_last.next(self.clock);
        let id = MessageId::derive(self.seed, sequence);
        if let Some(key) = key {
            let until = self.clock.plus_seconds(DEDUPLICATION_WINDOW_S);
            self.remember(Remembered { key, message: id, sequence, until });
        }
        let delay_s = message.delay_s.unwrap_or(self.settings.delay_s);
        let visibility = match delay_s {
            0 => Visibility::Visible,
            _ => Visibility::Delayed { until: self.clock.plus_seconds(delay_s) },
        };
        let message = Arc::new(Message {
            id,
            body: message.body,
            group: message.group,
            deduplication_id: message.deduplication_id,
            sent_at: self.clock,
            attributes: message.attributes,
            trace_header: message.trace_header,
            dead_letter_source: None,
        });
        let enqueued_at = self.clock;
        self.append(
            sequence,
            Stored { message, enqueued_at, receive_count: 0, first_received_at: None, visibility },
        );
        self.totals.sent += 1;
        Ok(Sent { id, sequence, is_duplicate: false })
    }

    /// Deletes every message; deduplication ids stay remembered.
    pub fn purge(&mut self, now: Millis) {
        self.advance(now);
        self.messages.clear();
        self.order = Order::default();
        self.look_ahead = LookAhead::new(self.settings.limits.look_ahead_messages);
        self.timers.clear();
        self.in_flight = 0;
        self.record(|| Change::Purged);
    }

    /// Replaces the settings; messages already in flight or delayed keep their times.
    pub fn change_settings(&mut self, now: Millis, settings: Settings) {
        self.advance(now);
        let at = self.clock;
        self.modified_at = at;
        self.record(|| Change::SettingsChanged { settings: settings.clone(), at });
        self.settings = settings;
    }

    /// Returns whether a receive at `now` would find a message.
    pub fn has_available(&mut self, now: Millis) -> bool {
        self.advance(now);
        self.next_head(SequenceNumber::default()).is_some()
    }

    /// Returns the next time after `now` at which a message becomes visible by itself.
    #[must_use]
    pub fn next_visible_at(&self, now: Millis) -> Option<Millis> {
        let after = (now.max(self.clock), SequenceNumber(u64::MAX));
        self.timers.range((Bound::Excluded(after), Bound::Unbounded)).next().map(|(until, _)| *until)
    }

    /// Returns its name, with `.fifo` if it is one.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns its current settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the time at which it was made.
    #[must_use]
    pub fn created_at(&self) -> Millis {
        self.created_at
    }

    /// Returns the time at which its settings last changed.
    #[must_use]
    pub fn modified_at(&self) -> Millis {
        self.modified_at
    }

    /// Returns messages by state, as of the last call that gave a time.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let invisible = self.timers.len();
        Counts {
            visible: self.messages.len() - invisible,
            in_flight: self.in_flight,
            delayed: invisible - self.in_flight,
        }
    }

    /// Returns the totals so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Returns every message in the queue, in order, visible or not.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = &Arc<Message>> {
        self.messages.values().map(|stored| &stored.message)
    }

    /// Returns the time at which the oldest message came, from which `ApproximateAgeOfOldestMessage` counts.
    #[must_use]
    pub fn oldest_enqueued_at(&self) -> Option<Millis> {
        self.messages.first_key_value().map(|(_, stored)| stored.enqueued_at)
    }

    /// Brings the queue to `now`: messages become visible, and messages that outlived the retention are
    /// removed.
    pub fn advance(&mut self, now: Millis) {
        self.clock = self.clock.max(now);
        while let Some((until, sequence)) = self.timers.first().copied()
            && until <= self.clock
        {
            self.set_visibility(sequence, Visibility::Visible);
        }
        while let Some((sequence, oldest)) = self.messages.first_key_value()
            && oldest.enqueued_at.plus_seconds(self.settings.retention_s) <= self.clock
        {
            let sequence = *sequence;
            self.take_out(sequence);
            self.totals.vanished += 1;
            self.record(|| Change::Deleted { sequence });
        }
    }

    fn tag(&self) -> u32 {
        // The low half of the seed; queues of one set have seeds of their own.
        u32::try_from(self.seed & u64::from(u32::MAX)).unwrap_or(u32::MAX)
    }

    fn deduplication_key(&self, message: &NewMessage) -> Option<DeduplicationKey> {
        let id = message.deduplication_id.clone().filter(|_| self.settings.is_fifo())?;
        let group = match self.settings.deduplication_scope {
            DeduplicationScope::Queue => None,
            DeduplicationScope::MessageGroup => message.group.clone(),
        };
        Some(DeduplicationKey { group, id })
    }

    fn remember(&mut self, remembered: Remembered) {
        self.record(|| Change::Remembered(remembered.clone()));
        self.deduplication.remember(remembered);
    }

    fn append(&mut self, sequence: SequenceNumber, stored: Stored) {
        self.sequence_last = sequence;
        self.record(|| Change::Sent(stored.clone().into_kept(sequence)));
        self.place(sequence, stored);
    }

    /// Puts a message behind all others.
    fn place(&mut self, sequence: SequenceNumber, stored: Stored) {
        if let Visibility::Delayed { until } = stored.visibility {
            self.timers.insert((until, sequence));
        }
        let is_visible = stored.visibility == Visibility::Visible;
        self.order.append(sequence, ordered_group(&self.settings, &stored.message), is_visible);
        self.look_ahead.joined(sequence);
        self.messages.insert(sequence, stored);
    }

    /// Removes a message from its position, in any state.
    fn take_out(&mut self, sequence: SequenceNumber) -> Option<Stored> {
        let stored = self.messages.remove(&sequence)?;
        self.stop_timer(sequence, stored.visibility);
        self.order.remove(sequence, ordered_group(&self.settings, &stored.message));
        let messages = &self.messages;
        self.look_ahead.left(sequence, |last| {
            messages.range((Bound::Excluded(last), Bound::Unbounded)).next().map(|(following, _)| *following)
        });
        Some(stored)
    }

    fn set_visibility(&mut self, sequence: SequenceNumber, visibility: Visibility) {
        let Some(stored) = self.messages.get_mut(&sequence) else { return };
        let before = std::mem::replace(&mut stored.visibility, visibility);
        let is_visible = visibility == Visibility::Visible;
        self.order.set_visible(sequence, ordered_group(&self.settings, &stored.message), is_visible);
        self.stop_timer(sequence, before);
        match visibility {
            Visibility::Visible => {}
            Visibility::Delayed { until } => {
                self.timers.insert((until, sequence));
            }
            Visibility::InFlight { until, .. } => {
                self.in_flight += 1;
                self.timers.insert((until, sequence));
            }
        }
    }

    fn stop_timer(&mut self, sequence: SequenceNumber, visibility: Visibility) {
        match visibility {
            Visibility::Visible => {}
            Visibility::Delayed { until } => {
                self.timers.remove(&(until, sequence));
            }
            Visibility::InFlight { until, .. } => {
                self.in_flight -= 1;
                self.timers.remove(&(until, sequence));
            }
        }
    }

    fn record(&mut self, change: impl FnOnce() -> Change) {
        if let Some(journal) = &mut self.journal {
            journal.push(change());
        }
    }
}

/// Returns the group whose order a message keeps; on a standard queue a group is only a label.
fn ordered_group<'a>(settings: &Settings, message: &'a Message) -> Option<&'a Arc<str>> {
    message.group.as_ref().filter(|_| settings.is_fifo())
}
