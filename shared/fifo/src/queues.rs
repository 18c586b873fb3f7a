//! A named set of queues: making and removing them, and moving messages to dead-letter queues.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::arn;
use crate::attributes::{self, InvalidAttribute};
use crate::journal::{Change, JournalEntry};
use crate::message::{Received, SequenceNumber};
use crate::millis::Millis;
use crate::queue::{Queue, Receive};
use crate::settings::Settings;

const NAME_CHARS_MAX: usize = 80;
const FIFO_SUFFIX: &str = ".fifo";

/// All queues of an account, by name.
#[derive(Clone, Debug)]
pub struct Queues {
    seed: u64,
    /// Queues ever made, so that one made again under an old name has ids and handles of its own.
    created: u64,
    queues: BTreeMap<Arc<str>, Queue>,
    /// None while no journal is kept.
    journal: Option<Vec<JournalEntry>>,
}

/// The reason why a queue cannot be made or changed as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueuesError {
    #[error("the specified queue does not exist")]
    NoSuchQueue,
    #[error("a queue with this name exists and has other attributes")]
    NameExists,
    #[error(
        "a queue name has 1 to 80 letters, digits, hyphens and underscores, and ends in .fifo if and only if FifoQueue is true"
    )]
    InvalidName,
    #[error(transparent)]
    Attribute(#[from] InvalidAttribute),
    #[error("the dead-letter queue does not exist")]
    NoSuchDeadLetterQueue,
    #[error("the dead-letter queue must be of the same type as the source")]
    DeadLetterQueueKind,
}

impl Queues {
    /// Makes an empty set; equal seeds give equal ids for equal calls.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, created: 0, queues: BTreeMap::new(), journal: None }
    }

    /// Makes a queue from attributes as `CreateQueue` has them; the same attributes again are not an error.
    ///
    /// # Errors
    /// A name or attribute that is not possible, or a queue of that name with other attributes.
    pub fn create(
        &mut self,
        now: Millis,
        name: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<&mut Queue, QueuesError> {
        let is_fifo = attributes.get("FifoQueue").is_some_and(|text| text == "true");
        let base = if is_fifo { Settings::fifo() } else { Settings::standard() };
        // Attributes that are not named are not compared: a second CreateQueue need not repeat them all.
        let base = self.queues.get(name).map_or(base, |existing| existing.settings().clone());
        self.create_with(now, name, attributes::apply(&base, attributes)?)
    }

    /// Makes a queue with these settings; the same settings again are not an error.
    ///
    /// # Errors
    /// As [`Queues::create`].
    pub fn create_with(
        &mut self,
        now: Millis,
        name: &str,
        settings: Settings,
    ) -> Result<&mut Queue, QueuesError> {
        check_name(name, &settings)?;
        self.check_redrive(&settings)?;
        let name: Arc<str> = name.into();
        let is_other = self.queues.get(&name).is_some_and(|existing| *existing.settings() != settings);
        if is_other {
            return Err(QueuesError::NameExists);
        }
        let journal = &mut self.journal;
        let (seed, created) = (self.seed, &mut self.created);
        Ok(self.queues.entry(Arc::clone(&name)).or_insert_with(|| {
            let mut queue = Queue::new(now, Arc::clone(&name), queue_seed(seed, &name, *created), settings);
            *created += 1;
            if let Some(journal) = journal {
                journal.extend(queue.snapshot().into_iter().map(|change| entry(&name, change)));
                queue.start_journal();
            }
            queue
        }))
    }

    /// Changes the attributes that are named and leaves the others.
    ///
    /// # Errors
    /// No such queue, or an attribute that is not possible.
    pub fn change_attributes(
        &mut self,
        now: Millis,
        name: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<(), QueuesError> {
        let queue = self.queues.get(name).ok_or(QueuesError::NoSuchQueue)?;
        let settings = attributes::apply(queue.settings(), attributes)?;
        self.check_redrive(&settings)?;
        let queue = self.queues.get_mut(name).ok_or(QueuesError::NoSuchQueue)?;
        queue.change_settings(now, settings);
        Ok(())
    }

    /// Removes a queue with all its messages.
    ///
    /// Sources that dead-letter into it lose their redrive policy: like on AWS, their messages then stay with them.
    ///
    /// # Errors
    /// No such queue.
    pub fn remove(&mut self, now: Millis, name: &str) -> Result<(), QueuesError> {
        self.collect_journal(name);
        let removed = self.queues.remove(name).ok_or(QueuesError::NoSuchQueue)?;
        self.record(removed.name(), || Change::Removed);
        let target_arn = arn::of_queue(name);
        for source in self.queues.values_mut() {
            if source.settings().redrive.as_ref().is_some_and(|policy| policy.target_arn == target_arn) {
                let settings = Settings { redrive: None, ..source.settings().clone() };
                source.change_settings(now, settings);
            }
        }
        Ok(())
    }

    /// Returns the queue of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Queue> {
        self.queues.get(name)
    }

    /// Returns the queue of this name, to be used directly.
    ///
    /// A caller that receives from it calls [`Queues::move_dead_letters`] afterwards.
    pub fn find_mut(&mut self, name: &str) -> Option<&mut Queue> {
        self.queues.get_mut(name)
    }

    /// Returns all queues, in name order.
    pub fn iter(&self) -> impl Iterator<Item = &Queue> {
        self.queues.values()
    }

    /// Receives from a queue and moves messages that were received too often to its dead-letter queue.
    ///
    /// # Errors
    /// No such queue.
    pub fn receive(
        &mut self,
        now: Millis,
        name: &str,
        receive: Receive,
    ) -> Result<Vec<Received>, QueuesError> {
        let received = self.queues.get_mut(name).ok_or(QueuesError::NoSuchQueue)?.receive(now, receive);
        self.move_dead_letters(now, name);
        Ok(received)
    }

    /// Moves a queue's dead letters to its dead-letter queue, whose name it returns if there were any.
    pub fn move_dead_letters(&mut self, now: Millis, name: &str) -> Option<Arc<str>> {
        let source = self.queues.get_mut(name)?;
        let letters = source.take_dead_letters();
        if letters.is_empty() {
            return None;
        }
        let target: Arc<str> = arn::queue_name(&source.settings().redrive.as_ref()?.target_arn)?.into();
        let source_arn = arn::of_queue(name);
        for letter in letters {
            let left = letter.sequence;
            // Checked when the policy was set, kept up by `remove`.
            let queue = self.queues.get_mut(&target)?;
            let joined = queue.adopt(now, letter, &source_arn);
            self.record_move(name, left, &target, joined);
        }
        Some(target)
    }

    /// Collects every change from now on, for [`Queues::drain_journal`].
    pub fn start_journal(&mut self) {
        self.journal.get_or_insert_default();
        self.queues.values_mut().for_each(Queue::start_journal);
    }

    /// Returns the changes since the last call; replaying them in this order rebuilds the queues.
    pub fn drain_journal(&mut self) -> Vec<JournalEntry> {
        let names: Vec<Arc<str>> = self.queues.keys().cloned().collect();
        for name in names {
            self.collect_journal(&name);
        }
        self.journal.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Removes the messages that these entries, the newest of the journal, have sent, and returns the others.
    ///
    /// For a caller that cannot write the entries: a message that is not kept was never sent.
    pub fn take_back(&mut self, entries: Vec<JournalEntry>) -> Vec<JournalEntry> {
        let mut others = Vec::new();
        for entry in entries {
            match (self.queues.get_mut(&entry.queue), &entry.change) {
                (Some(queue), Change::Sent(kept)) => queue.take_back(kept.sequence),
                (Some(queue), Change::Remembered(remembered)) => queue.forget(&remembered.key),
                _ => others.push(entry),
            }
        }
        others
    }

    /// Returns the shortest journal that rebuilds all queues.
    #[must_use]
    pub fn snapshot(&self) -> Vec<JournalEntry> {
        self.queues
            .values()
            .flat_map(|queue| queue.snapshot().into_iter().map(|change| entry(queue.name(), change)))
            .collect()
    }

    /// Repeats the changes of a journal; nothing of it is recorded again.
    pub fn replay(&mut self, entries: impl IntoIterator<Item = JournalEntry>) {
        for JournalEntry { queue: name, change } in entries {
            match change {
                Change::Created { seed, settings, at, sequence_last } => {
                    self.created += 1;
                    let queue = Queue::restore(Arc::clone(&name), seed, settings, at, sequence_last);
                    self.queues.insert(name, queue);
                }
                Change::Removed => {
                    self.queues.remove(&name);
                }
                Change::DeadLettered { sequence, target, kept } => {
                    if let Some(source) = self.queues.get_mut(&name) {
                        source.replay(Change::Deleted { sequence });
                    }
                    if let Some(target) = self.queues.get_mut(&target) {
                        target.put_back(kept);
                    }
                }
                change => {
                    if let Some(queue) = self.queues.get_mut(&name) {
                        queue.replay(change);
                    }
                }
            }
        }
        if self.journal.is_some() {
            self.start_journal();
        }
    }

    fn check_redrive(&self, settings: &Settings) -> Result<(), QueuesError> {
        let Some(policy) = &settings.redrive else { return Ok(()) };
        let target = arn::queue_name(&policy.target_arn).and_then(|name| self.queues.get(name));
        let target = target.ok_or(QueuesError::NoSuchDeadLetterQueue)?;
        if target.settings().kind == settings.kind { Ok(()) } else { Err(QueuesError::DeadLetterQueueKind) }
    }

    /// Records a move as one entry, after everything that happened to either queue before it.
    fn record_move(&mut self, source: &str, left: SequenceNumber, target: &Arc<str>, joined: SequenceNumber) {
        if self.journal.is_none() {
            return;
        }
        self.collect_journal(source);
        self.collect_journal(target);
        let kept = self.queues.get(target).and_then(|queue| queue.kept(joined));
        if let Some(kept) = kept {
            self.record(&source.into(), || Change::DeadLettered {
                sequence: left,
                target: Arc::clone(target),
                kept,
            });
        }
    }

    fn collect_journal(&mut self, name: &str) {
        if let (Some(journal), Some(queue)) = (&mut self.journal, self.queues.get_mut(name)) {
            let changes = queue.drain_journal();
            journal.extend(changes.into_iter().map(|change| entry(queue.name(), change)));
        }
    }

    fn record(&mut self, name: &Arc<str>, change: impl FnOnce() -> Change) {
        if let Some(journal) = &mut self.journal {
            journal.push(entry(name, change()));
        }
    }
}

fn entry(queue: &Arc<str>, change: Change) -> JournalEntry {
    JournalEntry { queue: Arc::clone(queue), change }
}

fn check_name(name: &str, settings: &Settings) -> Result<(), QueuesError> {
    let stem = if settings.is_fifo() { name.strip_suffix(FIFO_SUFFIX) } else { Some(name) };
    let is_stem_byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_valid = |stem: &str| !stem.is_empty() && stem.bytes().all(is_stem_byte);
    if stem.is_some_and(is_valid) && name.len() <= NAME_CHARS_MAX {
        Ok(())
    } else {
        Err(QueuesError::InvalidName)
    }
}

fn queue_seed(seed: u64, name: &str, created: u64) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(created.to_be_bytes());
    hash.update(name);
    hash.finalize().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::NewMessage;
    use crate::settings::RedrivePolicy;

    const NOW: Millis = Millis(1_700_000_000_000);

    fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn redrive_to(name: &str, receive_count_max: u32) -> Settings {
        let redrive = Some(RedrivePolicy { target_arn: arn::of_queue(name), receive_count_max });
        Settings { redrive, ..Settings::fifo() }
    }

    fn with_dead_letters(receive_count_max: u32) -> Queues {
        let mut queues = Queues::new(1);
        queues.create_with(NOW, "d.fifo", Settings::fifo()).unwrap();
        queues.create_with(NOW, "q.fifo", redrive_to("d.fifo", receive_count_max)).unwrap();
        queues
    }

    fn send(queues: &mut Queues, group: &str, body: &str) {
        let (group, deduplication_id) = (Some(group.into()), Some(body.into()));
        let message = NewMessage { body: body.into(), group, deduplication_id, ..NewMessage::default() };
        queues.find_mut("q.fifo").unwrap().send(NOW, message).unwrap();
    }

    fn bodies(received: &[Received]) -> Vec<&str> {
        received.iter().map(|received| &*received.message.body).collect()
    }

    #[test]
    fn creating_a_queue_again_fails_only_if_attributes_differ() {
        let mut queues = Queues::new(1);
        let fifo = attributes(&[("FifoQueue", "true"), ("VisibilityTimeout", "31")]);
        queues.create(NOW, "q.fifo", &fifo).unwrap();
        for (again, expected) in [
            (fifo.clone(), Ok(())),
            (attributes(&[("FifoQueue", "true")]), Ok(())),
            (attributes(&[("FifoQueue", "true"), ("VisibilityTimeout", "30")]), Err(QueuesError::NameExists)),
        ] {
            assert_eq!(queues.create(NOW, "q.fifo", &again).map(drop), expected);
        }
    }

    #[test]
    fn queue_names_match_their_kind() {
        let long = format!("{}.fifo", "x".repeat(76));
        for (name, is_fifo, is_valid) in [
            ("q.fifo", true, true),
            ("q", false, true),
            ("q", true, false),
            ("q.fifo", false, false),
            (".fifo", true, false),
            ("a b", false, false),
            ("", false, false),
            (long.as_str(), true, false),
        ] {
            let settings = if is_fifo { Settings::fifo() } else { Settings::standard() };
            assert_eq!(Queues::new(1).create_with(NOW, name, settings).is_ok(), is_valid, "{name}");
        }
    }

    #[test]
    fn a_dead_letter_queue_must_exist_and_have_the_same_kind() {
        let mut queues = Queues::new(1);
        queues.create_with(NOW, "standard", Settings::standard()).unwrap();
        for (target, expected) in
            [("d.fifo", QueuesError::NoSuchDeadLetterQueue), ("standard", QueuesError::DeadLetterQueueKind)]
        {
            assert_eq!(queues.create_with(NOW, "q.fifo", redrive_to(target, 3)).map(drop), Err(expected));
        }
    }

    #[test]
    fn dead_letters_keep_group_order_id_and_source_queue() {
        let mut queues = with_dead_letters(1);
        for (group, body) in [("a", "a1"), ("b", "b1"), ("a", "a2")] {
            send(&mut queues, group, body);
        }
        let first = queues.receive(NOW, "q.fifo", Receive::up_to(10)).unwrap();
        assert_eq!(bodies(&first), ["a1", "a2", "b1"]);
        let later = NOW.plus_seconds(30);
        assert_eq!(queues.receive(later, "q.fifo", Receive::up_to(10)), Ok(vec![]));
        let dead = queues.receive(later, "d.fifo", Receive::up_to(10)).unwrap();
        assert_eq!(bodies(&dead), ["a1", "a2", "b1"]);
        let (before, after) = (&first[0].message, &dead[0].message);
        assert_eq!((after.id, &after.group, after.sent_at), (before.id, &before.group, before.sent_at));
        assert_eq!(after.dead_letter_source, Some(arn::of_queue("q.fifo")));
        assert_eq!(dead[0].receive_count, 2);
    }

    #[test]
    fn a_message_stays_if_its_dead_letter_queue_is_missing() {
        let mut queues = with_dead_letters(1);
        send(&mut queues, "a", "a1");
        queues.remove(NOW, "d.fifo").unwrap();
        for receive_count in 1..=3 {
            let now = NOW.plus_seconds(30 * receive_count);
            let received = queues.receive(now, "q.fifo", Receive::up_to(1)).unwrap();
            assert_eq!(received[0].receive_count, receive_count);
        }
    }

    #[test]
    fn a_recreated_queue_rejects_old_handles() {
        let mut queues = with_dead_letters(3);
        send(&mut queues, "a", "a1");
        let old = queues.receive(NOW, "q.fifo", Receive::up_to(1)).unwrap().remove(0);
        queues.remove(NOW, "q.fifo").unwrap();
        queues.create_with(NOW, "q.fifo", Settings::fifo()).unwrap();
        send(&mut queues, "a", "a1");
        let new = queues.receive(NOW, "q.fifo", Receive::up_to(1)).unwrap().remove(0);
        assert_ne!((old.message.id, old.handle), (new.message.id, new.handle));
        assert!(queues.find_mut("q.fifo").unwrap().delete(NOW, old.handle).is_err());
    }

    #[test]
    fn a_replayed_journal_restores_counts_and_ids_and_makes_all_visible() {
        let mut queues = Queues::new(1);
        queues.start_journal();
        queues.create_with(NOW, "d.fifo", Settings::fifo()).unwrap();
        queues.create_with(NOW, "q.fifo", redrive_to("d.fifo", 5)).unwrap();
        send(&mut queues, "a", "a1");
        send(&mut queues, "a", "a2");
        let before = queues.receive(NOW, "q.fifo", Receive::up_to(1)).unwrap().remove(0);
        let mut after = Queues::new(1);
        after.replay(queues.drain_journal());
        assert_eq!(queues.drain_journal(), vec![]);
        let queue = after.find_mut("q.fifo").unwrap();
        assert_eq!(queue.delete(NOW, before.handle), Err(crate::queue::HandleError::Expired));
        send(&mut after, "a", "a1");
        let received = after.receive(NOW, "q.fifo", Receive::up_to(10)).unwrap();
        assert_eq!(bodies(&received), ["a1", "a2"], "the duplicate was still known");
        assert_eq!((received[0].receive_count, received[1].receive_count), (2, 1));
        assert_eq!(received[0].message.id, before.message.id);
    }

    #[test]
    fn keeps_a_journal_only_on_request() {
        let mut queues = with_dead_letters(1);
        send(&mut queues, "a", "a1");
        assert_eq!(queues.drain_journal(), vec![]);
    }
}
