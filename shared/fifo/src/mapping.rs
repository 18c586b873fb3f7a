//! Lambda's event source mapping: from a queue to invocations, and from their responses back to the queue.
//!
//! The mapping receives and deletes, nothing else: it never changes a visibility. The visibility that a
//! function set for a failed message stands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::Failures;
use crate::message::{MessageId, Received};
use crate::millis::Millis;
use crate::queue::{Queue, Receive};
use crate::receipt_handle::ReceiptHandle;

/// The settings of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingSettings {
    /// 1 to 10.
    pub batch_size: usize,
    /// Batches that may be with the function at the same time.
    pub maximum_concurrency: usize,
    pub group_lock: GroupLock,
}

/// The time at which a group of a received batch may be received again.
///
/// AWS does not document whether the mapping adds a lock of its own, so both are here and order must hold in
/// both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupLock {
    /// When the queue allows it: deleting messages early frees their group.
    Queue,
    /// When the invocation that received it has ended, regardless of what it deleted before.
    Invocation,
}

/// The name of one batch of one mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// Messages for one invocation, in the order received; groups may be mixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub id: BatchId,
    pub messages: Vec<Received>,
}

/// The end of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The function responded, and its partial-batch response was read with [`crate::event::parse_response`].
    Response(Failures),
    /// Error, timeout, crash or a response that cannot be read: the whole batch has failed.
    Failed,
}

/// The result of a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    pub deleted: usize,
    /// Left in the queue, hidden until their visibility ends.
    pub kept: usize,
    /// Succeeded, but too late: the handle was no longer valid and the message will be received again.
    pub expired: usize,
}

/// The mapping of one queue to one function.
#[derive(Clone, Debug)]
pub struct Mapping {
    settings: MappingSettings,
    batches: u64,
    running: BTreeMap<BatchId, Running>,
    /// The groups of running batches, in [`GroupLock::Invocation`] mode only.
    locked: BTreeSet<Arc<str>>,
}

#[derive(Clone, Debug)]
struct Running {
    messages: Vec<(MessageId, ReceiptHandle)>,
    locked: Vec<Arc<str>>,
}

impl Mapping {
    /// Makes a mapping with nothing running.
    #[must_use]
    pub fn new(settings: MappingSettings) -> Self {
        Self { settings, batches: 0, running: BTreeMap::new(), locked: BTreeSet::new() }
    }

    /// Receives the next batch, unless the function has reached its concurrency or nothing is available.
    ///
    /// Receiving counts: a batch that is dropped or fails has raised its messages' receive counts.
    pub fn poll(&mut self, now: Millis, queue: &mut Queue) -> Option<Batch> {
        if self.settings.maximum_concurrency <= self.running.len() {
            return None;
        }
        let messages = queue.receive_except(now, Receive::up_to(self.settings.batch_size), &self.locked);
        if messages.is_empty() {
            return None;
        }
        let id = BatchId(self.batches);
        self.batches += 1;
        let handles = messages.iter().map(|received| (received.message.id, received.handle)).collect();
        let locked = self.lock_groups(&messages);
        self.running.insert(id, Running { messages: handles, locked });
        Some(Batch { id, messages })
    }

    /// Returns whether [`Mapping::poll`] would return a batch; it may still find only messages to
    /// dead-letter.
    pub fn can_poll(&self, now: Millis, queue: &mut Queue) -> bool {
        self.running.len() < self.settings.maximum_concurrency
            && queue.has_available_except(now, &self.locked)
    }

    /// Ends an invocation: succeeded messages are deleted, failed ones are left as they are.
    ///
    /// Messages that the function deleted itself count as deleted. An unknown batch has no result.
    pub fn complete(
        &mut self,
        now: Millis,
        queue: &mut Queue,
        batch: BatchId,
        answer: &Answer,
    ) -> Completion {
        let Some(running) = self.end(batch) else { return Completion::default() };
        let failures = match answer {
            Answer::Response(failures) => failures,
            Answer::Failed => return Completion { kept: running.messages.len(), ..Completion::default() },
        };
        let mut completion = Completion::default();
        for (message, handle) in running.messages {
            if failures.contains(message) {
                completion.kept += 1;
            } else if queue.delete(now, handle).is_ok() {
                completion.deleted += 1;
            } else {
                completion.expired += 1;
            }
        }
        completion
    }

    /// Ends a batch whose invocation was throttled until the mapping gave up: nothing is deleted.
    pub fn drop_batch(&mut self, batch: BatchId) {
        self.end(batch);
    }

    /// Returns the number of invocations that have not ended.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Returns its settings.
    #[must_use]
    pub fn settings(&self) -> MappingSettings {
        self.settings
    }

    fn lock_groups(&mut self, messages: &[Received]) -> Vec<Arc<str>> {
        match self.settings.group_lock {
            GroupLock::Queue => Vec::new(),
            GroupLock::Invocation => {
                let groups: BTreeSet<&Arc<str>> =
                    messages.iter().filter_map(|received| received.message.group.as_ref()).collect();
                // A locked group cannot be received, so no two invocations hold the same one.
                self.locked.extend(groups.iter().map(|group| Arc::clone(group)));
                groups.into_iter().map(Arc::clone).collect()
            }
        }
    }

    fn end(&mut self, batch: BatchId) -> Option<Running> {
        let running = self.running.remove(&batch)?;
        for group in &running.locked {
            self.locked.remove(group);
        }
        Some(running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::NewMessage;
    use crate::settings::Settings;

    struct Bench {
        queue: Queue,
        mapping: Mapping,
    }

    impl Bench {
        fn new(settings: MappingSettings, messages: &[(&str, &str)]) -> Self {
            let mut queue = Queue::new(Millis(0), "q.fifo", 1, Settings::fifo());
            for (group, body) in messages {
                let message = NewMessage {
                    body: (*body).into(),
                    group: Some((*group).into()),
                    deduplication_id: Some((*body).into()),
                    ..NewMessage::default()
                };
                queue.send(Millis(0), message).unwrap();
            }
            Self { queue, mapping: Mapping::new(settings) }
        }

        fn poll(&mut self, now: u64) -> Option<Batch> {
            let can_poll = self.mapping.can_poll(Millis(now), &mut self.queue);
            let batch = self.mapping.poll(Millis(now), &mut self.queue);
            assert_eq!(can_poll, batch.is_some());
            batch
        }

        fn complete(&mut self, now: u64, batch: &Batch, answer: &Answer) -> Completion {
            self.mapping.complete(Millis(now), &mut self.queue, batch.id, answer)
        }
    }

    fn settings(batch_size: usize, group_lock: GroupLock) -> MappingSettings {
        MappingSettings { batch_size, maximum_concurrency: 2, group_lock }
    }

    fn bodies(batch: Option<&Batch>) -> Vec<&str> {
        batch
            .into_iter()
            .flat_map(|batch| batch.messages.iter().map(|received| &*received.message.body))
            .collect()
    }

    fn failed(batch: &Batch, body: &str) -> Answer {
        let failed = batch.messages.iter().filter(|received| &*received.message.body == body);
        Answer::Response(failed.map(|received| received.message.id).collect())
    }

    fn succeeded() -> Answer {
        Answer::Response(Failures::default())
    }

    #[test]
    fn the_concurrency_limit_stops_polling() {
        let messages = [("a", "a1"), ("b", "b1"), ("c", "c1")];
        let mut bench = Bench::new(settings(1, GroupLock::Queue), &messages);
        let first = bench.poll(0).unwrap();
        assert!(bench.poll(0).is_some());
        assert_eq!((bench.poll(0), bench.mapping.running()), (None, 2));
        // The cap burns no receive count: c1 was not received.
        bench.complete(1, &first, &succeeded());
        assert_eq!(bench.poll(1).unwrap().messages[0].receive_count, 1);
    }

    #[test]
    fn a_batch_may_mix_groups_and_listed_messages_stay_hidden() {
        let mut bench = Bench::new(settings(10, GroupLock::Queue), &[("a", "a1"), ("b", "b1"), ("a", "a2")]);
        let batch = bench.poll(0).unwrap();
        assert_eq!(bodies(Some(&batch)), ["a1", "a2", "b1"]);
        let answer = failed(&batch, "a2");
        assert_eq!(bench.complete(1000, &batch, &answer), Completion { deleted: 2, kept: 1, expired: 0 });
        assert_eq!(bench.poll(29_999), None);
        let again = bench.poll(30_000).unwrap();
        assert_eq!((bodies(Some(&again)), again.messages[0].receive_count), (vec!["a2"], 2));
    }

    #[test]
    fn a_visibility_set_by_the_function_is_kept() {
        let mut bench = Bench::new(settings(10, GroupLock::Queue), &[("a", "a1")]);
        let batch = bench.poll(0).unwrap();
        bench.queue.change_visibility(Millis(0), batch.messages[0].handle, 5).unwrap();
        let answer = failed(&batch, "a1");
        bench.complete(0, &batch, &answer);
        assert_eq!(bench.poll(4999), None);
        assert!(bench.poll(5000).is_some());
    }

    #[test]
    fn a_failed_invocation_deletes_nothing() {
        for ends_by_answer in [true, false] {
            let mut bench = Bench::new(settings(10, GroupLock::Invocation), &[("a", "a1"), ("b", "b1")]);
            let batch = bench.poll(0).unwrap();
            if ends_by_answer {
                assert_eq!(bench.complete(0, &batch, &Answer::Failed).kept, 2);
            } else {
                bench.mapping.drop_batch(batch.id);
            }
            let again = bench.poll(30_000).unwrap();
            assert_eq!(
                again.messages.iter().map(|received| received.receive_count).collect::<Vec<_>>(),
                [2, 2]
            );
        }
    }

    #[test]
    fn early_release_frees_a_group_only_without_a_lock() {
        for (group_lock, expected) in [(GroupLock::Queue, vec!["a2"]), (GroupLock::Invocation, vec![])] {
            let mut bench = Bench::new(settings(1, group_lock), &[("a", "a1"), ("a", "a2")]);
            let batch = bench.poll(0).unwrap();
            bench.queue.delete(Millis(1), batch.messages[0].handle).unwrap();
            assert_eq!(bodies(bench.poll(2).as_ref()), expected, "{group_lock:?}");
            assert_eq!(bench.complete(3, &batch, &succeeded()).deleted, 1);
            if group_lock == GroupLock::Invocation {
                assert_eq!(bodies(bench.poll(4).as_ref()), ["a2"]);
            }
        }
    }

    #[test]
    fn a_group_lock_outlasts_the_visibility_timeout() {
        let mut bench = Bench::new(settings(1, GroupLock::Invocation), &[("a", "a1"), ("b", "b1")]);
        let slow = bench.poll(0).unwrap();
        assert_eq!(bodies(bench.poll(30_001).as_ref()), ["b1"]);
        // The deletion comes too late, which is counted and not fatal.
        assert_eq!(
            bench.complete(30_002, &slow, &succeeded()),
            Completion { expired: 1, ..Completion::default() }
        );
        assert_eq!(bodies(bench.poll(30_003).as_ref()), ["a1"]);
    }

    #[test]
    fn a_batch_completes_only_once() {
        let mut bench = Bench::new(settings(1, GroupLock::Queue), &[("a", "a1")]);
        let batch = bench.poll(0).unwrap();
        assert_eq!(bench.complete(0, &batch, &succeeded()).deleted, 1);
        assert_eq!(bench.complete(0, &batch, &succeeded()), Completion::default());
    }
}
