//! Properties after any series of calls: order within a group, and no message lost or doubled.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof, proptest};

use super::{Queue, Receive};
use crate::journal::{Change, JournalEntry};
use crate::message::{MessageId, NewMessage, Received, SequenceNumber};
use crate::millis::Millis;
use crate::queues::Queues;
use crate::settings::{RedrivePolicy, Settings};

const GROUPS: u8 = 4;
const NAME: &str = "q.fifo";
const DEAD_LETTERS: &str = "q-dlq.fifo";

#[derive(Clone, Debug)]
enum Step {
    Send {
        group: u8,
    },
    Receive {
        messages_max: usize,
    },
    /// The indexes choose among all handles ever given out, good or not.
    Delete {
        handle: usize,
    },
    Hide {
        handle: usize,
        timeout_s: u32,
    },
    Wait {
        seconds: u32,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..GROUPS).prop_map(|group| Step::Send { group }),
        4 => (1..=10_usize).prop_map(|messages_max| Step::Receive { messages_max }),
        4 => (0..40_usize).prop_map(|handle| Step::Delete { handle }),
        2 => (0..40_usize, prop_oneof![Just(0), 1..60_u32])
            .prop_map(|(handle, timeout_s)| Step::Hide { handle, timeout_s }),
        2 => (1..40_u32).prop_map(|seconds| Step::Wait { seconds }),
    ];
    vec(step, 1..120)
}

/// A run of steps, with the knowledge of an observer outside the queue.
struct Run {
    queues: Queues,
    now: Millis,
    sent: Vec<(u8, MessageId)>,
    /// Latest receive of each message, with the end of its visibility.
    in_flight: BTreeMap<SequenceNumber, (Received, Millis)>,
    /// Newest last.
    handles: Vec<Received>,
    deleted: BTreeSet<MessageId>,
}

impl Run {
    fn new(receive_count_max: Option<u32>) -> Self {
        let now = Millis(1_700_000_000_000);
        let mut queues = Queues::new(3);
        queues.start_journal();
        queues.create_with(now, DEAD_LETTERS, Settings::fifo()).unwrap();
        let target_arn = crate::arn::of_queue(DEAD_LETTERS);
        let redrive =
            receive_count_max.map(|receive_count_max| RedrivePolicy { target_arn, receive_count_max });
        queues.create_with(now, NAME, Settings { redrive, ..Settings::fifo() }).unwrap();
        let (in_flight, deleted) = (BTreeMap::new(), BTreeSet::new());
        Self { queues, now, sent: vec![], in_flight, handles: vec![], deleted }
    }

    fn queue(&mut self) -> &mut Queue {
        self.queues.find_mut(NAME).unwrap()
    }

    fn step(&mut self, step: &Step) {
        let now = self.now;
        match *step {
            Step::Send { group } => {
                let id = self.sent.len().to_string();
                let (group_id, id) = (Some(group.to_string().into()), Some(id.into()));
                let message = NewMessage {
                    body: "x".into(),
                    group: group_id,
                    deduplication_id: id,
                    ..NewMessage::default()
                };
                let sent = self.queue().send(now, message).unwrap();
                self.sent.push((group, sent.id));
            }
            Step::Receive { messages_max } => self.receive(messages_max),
            Step::Delete { handle } => {
                let Some(received) = self.handle(handle) else { return };
                let is_good = self.is_good(&received);
                let is_known =
                    self.deleted.contains(&received.message.id) || self.is_dead(received.message.id);
                let answer = self.queue().delete(now, received.handle);
                assert_eq!(answer.is_ok(), is_good || is_known);
                if is_good {
                    self.deleted.insert(received.message.id);
                    self.in_flight.remove(&received.sequence);
                }
            }
            Step::Hide { handle, timeout_s } => {
                let Some(received) = self.handle(handle) else { return };
                let is_good = self.is_good(&received);
                let answer = self.queue().change_visibility(now, received.handle, timeout_s);
                assert_eq!(answer.is_ok(), is_good);
                if is_good {
                    self.in_flight.insert(received.sequence, (received, now.plus_seconds(timeout_s)));
                }
            }
            Step::Wait { seconds } => self.now = now.plus_seconds(seconds),
        }
    }

    fn handle(&self, newest: usize) -> Option<Received> {
        let at = self.handles.len().checked_sub(newest + 1)?;
        self.handles.get(at).cloned()
    }

    fn is_good(&self, received: &Received) -> bool {
        let latest = self.in_flight.get(&received.sequence);
        latest.is_some_and(|(latest, until)| latest.handle == received.handle && self.now < *until)
    }

    fn is_dead(&self, id: MessageId) -> bool {
        self.queues.find(DEAD_LETTERS).unwrap().messages().any(|message| message.id == id)
    }

    fn receive(&mut self, messages_max: usize) {
        let now = self.now;
        let hidden = self.hidden();
        let batch = self.queues.receive(now, NAME, Receive::up_to(messages_max)).unwrap();
        assert!(batch.len() <= messages_max);
        let mut last: BTreeMap<String, SequenceNumber> = BTreeMap::new();
        for received in batch {
            let group = received.message.group.as_deref().unwrap().to_owned();
            assert!(!self.deleted.contains(&received.message.id), "a deleted message came back");
            // No earlier message of its group is in flight.
            let first_hidden = hidden.get(&group);
            assert!(
                first_hidden.is_none_or(|first| received.sequence < *first),
                "overtook a message in flight"
            );
            assert!(last.insert(group, received.sequence).is_none_or(|last| last < received.sequence));
            let until = now.plus_seconds(30);
            self.in_flight.insert(received.sequence, (received.clone(), until));
            self.handles.push(received);
        }
    }

    /// Returns the first message in flight of each group.
    fn hidden(&self) -> BTreeMap<String, SequenceNumber> {
        let mut hidden = BTreeMap::new();
        for (received, until) in self.in_flight.values() {
            if self.now < *until {
                let group = received.message.group.as_deref().unwrap().to_owned();
                hidden.entry(group).or_insert(received.sequence);
            }
        }
        hidden
    }

    /// Checks that every message is deleted, or in exactly one queue, in its order.
    fn check_nothing_is_lost(&self) {
        for group in 0..GROUPS {
            let of_group = |name| {
                let messages = self.queues.find(name).unwrap().messages();
                let label = group.to_string();
                messages
                    .filter(move |message| message.group.as_deref() == Some(&label))
                    .map(|message| message.id)
            };
            let (alive, dead): (Vec<_>, Vec<_>) =
                (of_group(NAME).collect(), of_group(DEAD_LETTERS).collect());
            let sent = self.sent.iter().filter(|(other, id)| *other == group && !self.deleted.contains(id));
            let expected: Vec<MessageId> = sent.map(|(_, id)| *id).collect();
            let still = |ids: &Vec<MessageId>| {
                expected.iter().copied().filter(|id| ids.contains(id)).collect::<Vec<_>>()
            };
            assert_eq!(alive, still(&alive), "a message was doubled or moved");
            assert_eq!(alive.len() + dead.len(), expected.len(), "a message was lost");
            assert!(dead.iter().all(|id| expected.contains(id) && !alive.contains(id)));
        }
    }

    /// Returns the snapshot without the ids whose time is over: a queue forgets them at its next send.
    fn snapshot(&self, queues: &Queues) -> Vec<JournalEntry> {
        let is_over =
            |entry: &JournalEntry| matches!(&entry.change, Change::Remembered(id) if id.until <= self.now);
        queues.snapshot().into_iter().filter(|entry| !is_over(entry)).collect()
    }

    /// Checks that a journal, and the snapshot of it, rebuild the queues, every message visible.
    fn check_journal(&mut self) {
        let mut replayed = Queues::new(3);
        replayed.replay(self.queues.drain_journal());
        assert_eq!(self.snapshot(&replayed), self.snapshot(&self.queues));
        let text = serde_json::to_string(&self.queues.snapshot()).unwrap();
        let entries: Vec<JournalEntry> = serde_json::from_str(&text).unwrap();
        let mut restored = Queues::new(3);
        restored.replay(entries);
        assert_eq!(self.snapshot(&restored), self.snapshot(&self.queues));
        assert_eq!(restored.find(NAME).unwrap().counts().in_flight, 0);
    }
}

proptest! {
    #[test]
    fn keeps_order_and_loses_nothing(steps in steps(), receive_count_max in proptest::option::of(1..4_u32)) {
        let mut run = Run::new(receive_count_max);
        for step in &steps {
            run.step(step);
        }
        run.check_nothing_is_lost();
        run.check_journal();
    }
}
