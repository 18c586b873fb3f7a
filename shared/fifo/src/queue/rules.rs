//! The rules of `reference/aws.md` §1 that a queue keeps, one test each.

use super::*;
use crate::message::Received;
use crate::receipt_handle::ReceiptHandle;
use crate::settings::{Limits, RedrivePolicy};

/// A queue with a clock of its own, in seconds, and the last handle of each body.
struct Bench {
    queue: Queue,
    now: Millis,
    handles: BTreeMap<String, ReceiptHandle>,
}

impl Bench {
    fn fifo() -> Self {
        Self::with(Settings::fifo())
    }

    fn with(settings: Settings) -> Self {
        let now = Millis(1_700_000_000_000);
        Self { queue: Queue::new(now, "q.fifo", 7, settings), now, handles: BTreeMap::new() }
    }

    /// Sends bodies whose first letter is their group.
    fn sent(mut self, bodies: &[&str]) -> Self {
        for body in bodies {
            self.send(body, body.get(..1).unwrap(), body).unwrap();
        }
        self
    }

    fn send(&mut self, body: &str, group: &str, id: &str) -> Result<Sent, SendError> {
        let (group, deduplication_id) = (Some(group.into()), Some(id.into()));
        self.queue.send(
            self.now,
            NewMessage { body: body.into(), group, deduplication_id, ..NewMessage::default() },
        )
    }

    fn wait(&mut self, seconds: u32) {
        self.now = self.now.plus_seconds(seconds);
    }

    fn receive(&mut self, messages_max: usize) -> Vec<Received> {
        let had_some = self.queue.has_available(self.now);
        let received = self.queue.receive(self.now, Receive::up_to(messages_max));
        assert!(had_some || received.is_empty());
        for received in &received {
            self.handles.insert(received.message.body.to_string(), received.handle);
        }
        received
    }

    fn delete(&mut self, body: &str) -> Result<(), HandleError> {
        self.queue.delete(self.now, self.handles[body])
    }

    fn hide(&mut self, body: &str, timeout_s: u32) -> Result<(), HandleError> {
        self.queue.change_visibility(self.now, self.handles[body], timeout_s)
    }

    #[track_caller]
    fn receives(&mut self, messages_max: usize, expected: &[&str]) {
        assert_eq!(bodies(&self.receive(messages_max)), expected);
    }
}

fn bodies(received: &[Received]) -> Vec<&str> {
    received.iter().map(|received| &*received.message.body).collect()
}

/// The six validated rows of §1.1: the hidden messages and their times after a receive of a1, a2 and a3, then
/// 31 s later.
#[test]
fn the_walk_along_a_group_stops_at_the_first_invisible_message() {
    for (extended, expected) in [
        (&["a1"][..], &[][..]),
        (&["a2"], &["a1"]),
        (&["a3"], &["a1", "a2"]),
        (&[], &["a1", "a2", "a3", "a4"]),
    ] {
        let mut bench = Bench::fifo().sent(&["a1", "a2", "a3", "a4"]);
        bench.receives(3, &["a1", "a2", "a3"]);
        for body in extended {
            bench.hide(body, 100).unwrap();
        }
        bench.wait(31);
        bench.receives(10, expected);
    }
}

#[test]
fn a_head_made_visible_returns_alone() {
    let mut bench = Bench::fifo().sent(&["a1", "a2", "a3"]);
    bench.receives(2, &["a1", "a2"]);
    bench.hide("a1", 0).unwrap();
    bench.receives(10, &["a1"]);
}

#[test]
fn a_group_is_blocked_until_nothing_is_in_flight() {
    let mut bench = Bench::fifo().sent(&["a1", "a2", "a3"]);
    bench.receives(2, &["a1", "a2"]);
    bench.delete("a1").unwrap();
    bench.receives(10, &[]);
    bench.delete("a2").unwrap();
    bench.receives(10, &["a3"]);
}

#[test]
fn a_message_sent_to_a_group_in_flight_waits() {
    let mut bench = Bench::fifo().sent(&["a1"]);
    bench.receives(10, &["a1"]);
    bench.send("a2", "a", "2").unwrap();
    bench.receives(10, &[]);
    bench.wait(30);
    bench.receives(10, &["a1", "a2"]);
}

#[test]
fn a_receive_takes_one_group_first_and_then_others() {
    let mut bench = Bench::fifo().sent(&["a1", "b1", "a2", "c1", "b2", "a3"]);
    bench.receives(5, &["a1", "a2", "a3", "b1", "b2"]);
    bench.receives(10, &["c1"]);
    let many: Vec<String> = (0..12).map(|number| format!("d{number:02}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut bench = bench.sent(&many);
    bench.receives(10, &many[..10]);
}

#[test]
fn a_returned_message_keeps_its_position() {
    let mut bench = Bench::fifo().sent(&["a1", "b1"]);
    bench.receives(1, &["a1"]);
    bench.wait(30);
    let mut bench = bench.sent(&["a2", "c1"]);
    bench.receives(10, &["a1", "a2", "b1", "c1"]);
}

#[test]
fn a_fifo_handle_expires_with_its_visibility() {
    let mut bench = Bench::fifo().sent(&["a1"]);
    bench.receives(1, &["a1"]);
    bench.wait(30);
    assert_eq!(bench.delete("a1"), Err(HandleError::Expired));
    assert_eq!(bench.hide("a1", 5), Err(HandleError::Expired));
    let old = bench.handles["a1"];
    bench.receives(1, &["a1"]);
    assert_ne!(bench.handles["a1"], old);
    assert_eq!(bench.queue.delete(bench.now, old), Err(HandleError::Expired));
    assert_eq!(bench.queue.change_visibility(bench.now, old, 0), Err(HandleError::Expired));
    assert_eq!(bench.delete("a1"), Ok(()));
    assert_eq!(bench.delete("a1"), Ok(()), "deleting twice is not an error");
    assert_eq!(bench.hide("a1", 5), Err(HandleError::Gone));
}

#[test]
fn a_handle_belongs_to_one_queue() {
    let mut bench = Bench::fifo().sent(&["a1"]);
    bench.receives(1, &["a1"]);
    let mut other = Queue::new(bench.now, "other.fifo", 8, Settings::fifo());
    assert_eq!(other.delete(bench.now, bench.handles["a1"]), Err(HandleError::Foreign));
}

#[test]
fn a_standard_queue_accepts_old_handles() {
    let mut bench = Bench::with(Settings::standard());
    let message = NewMessage { body: "x".into(), ..NewMessage::default() };
    bench.queue.send(bench.now, message).unwrap();
    bench.receives(1, &["x"]);
    let old = bench.handles["x"];
    bench.wait(30);
    assert_eq!(bench.hide("x", 5), Err(HandleError::NotInFlight));
    bench.receives(1, &["x"]);
    assert_eq!(bench.queue.delete(bench.now, old), Ok(()));
    assert_eq!(bench.queue.counts().in_flight, 1, "the old handle deleted nothing");
    bench.wait(30);
    assert_eq!(bench.delete("x"), Ok(()));
    assert_eq!(bench.queue.messages().count(), 0);
}

#[test]
fn visibility_counts_from_the_call_and_ends_12_hours_after_the_receive() {
    let mut bench = Bench::fifo().sent(&["a1"]);
    bench.receives(1, &["a1"]);
    assert_eq!(bench.hide("a1", 43_201), Err(HandleError::TimeoutInvalid));
    assert_eq!(bench.hide("a1", 43_200), Ok(()));
    bench.wait(10);
    assert_eq!(bench.hide("a1", 43_191), Err(HandleError::TotalTooLong));
    assert_eq!(bench.hide("a1", 43_190), Ok(()));
    assert_eq!(bench.hide("a1", 5), Ok(()));
    bench.wait(5);
    bench.receives(1, &["a1"]);
    bench.wait(29);
    bench.receives(1, &[]);
    bench.wait(1);
    bench.receives(1, &["a1"]);
}

#[test]
fn the_receive_count_rises_with_each_receive() {
    let mut bench = Bench::fifo().sent(&["a1"]);
    let first_received_at = bench.now;
    for receive_count in 1..=3 {
        let received = bench.receive(1).remove(0);
        assert_eq!((received.receive_count, received.first_received_at), (receive_count, first_received_at));
        bench.wait(1);
        bench.hide("a1", 0).unwrap();
    }
}

#[test]
fn a_visibility_timeout_of_the_call_overrides_the_queue() {
    let mut bench = Bench::fifo().sent(&["a1"]);
    let receive = Receive { messages_max: 1, visibility_timeout_s: Some(2) };
    assert_eq!(bench.queue.receive(bench.now, receive).len(), 1);
    bench.wait(2);
    bench.receives(1, &["a1"]);
}

#[test]
fn deduplication_ids_last_five_minutes_even_after_deletion() {
    let mut bench = Bench::fifo();
    let first = bench.send("one", "a", "x").unwrap();
    bench.receives(1, &["one"]);
    bench.delete("one").unwrap();
    bench.wait(299);
    assert_eq!(bench.send("two", "b", "x"), Ok(Sent { is_duplicate: true, ..first }));
    bench.receives(1, &[]);
    bench.wait(1);
    assert!(!bench.send("two", "b", "x").unwrap().is_duplicate);
    bench.receives(1, &["two"]);
}

#[test]
fn deduplication_is_per_queue_or_per_group() {
    for (deduplication_scope, expected) in
        [(DeduplicationScope::Queue, &["one"][..]), (DeduplicationScope::MessageGroup, &["one", "two"])]
    {
        let mut bench = Bench::with(Settings { deduplication_scope, ..Settings::fifo() });
        bench.send("one", "a", "x").unwrap();
        bench.send("two", "b", "x").unwrap();
        bench.send("three", "a", "x").unwrap();
        bench.receives(10, expected);
    }
}

#[test]
fn content_based_deduplication_hashes_the_body_only() {
    let mut bench = Bench::with(Settings { content_based_deduplication: true, ..Settings::fifo() });
    for (body, group) in [("a", "g"), ("a", "h"), ("b", "g")] {
        let message = NewMessage { body: body.into(), group: Some(group.into()), ..NewMessage::default() };
        bench.queue.send(bench.now, message).unwrap();
    }
    bench.receives(10, &["a", "b"]);
}

#[test]
fn too_many_receives_dead_letter_a_message_and_free_its_group() {
    let redrive = Some(RedrivePolicy { target_arn: "arn".into(), receive_count_max: 2 });
    let mut bench = Bench::with(Settings { redrive, ..Settings::fifo() }).sent(&["a1", "a2"]);
    for _ in 0..2 {
        bench.receives(1, &["a1"]);
        assert_eq!(bench.queue.take_dead_letters().len(), 0);
        bench.wait(30);
    }
    bench.receives(1, &["a2"]);
    let letters = bench.queue.take_dead_letters();
    assert_eq!((letters.len(), &*letters[0].message.body, letters[0].receive_count), (1, "a1", 2));
    assert_eq!(bench.delete("a1"), Ok(()));
    assert_eq!(bench.queue.counts(), Counts { visible: 0, in_flight: 1, delayed: 0 });
}

#[test]
fn messages_older_than_the_retention_are_removed() {
    let mut bench = Bench::with(Settings { retention_s: 60, ..Settings::fifo() }).sent(&["a1"]);
    bench.wait(10);
    let mut bench = bench.sent(&["a2", "b1"]);
    bench.receives(1, &["a1"]);
    bench.wait(50);
    bench.receives(10, &["a2", "b1"]);
    bench.wait(10);
    assert_eq!(
        bench.queue.counts(),
        Counts { visible: 0, in_flight: 2, delayed: 0 },
        "no call has named the time"
    );
    assert_eq!(bench.delete("a2"), Ok(()));
    assert_eq!(bench.queue.counts(), Counts { visible: 0, in_flight: 0, delayed: 0 });
    assert_eq!(bench.queue.totals().vanished, 3);
}

#[test]
fn counts_follow_the_messages() {
    let mut bench = Bench::with(Settings { delay_s: 5, ..Settings::fifo() }).sent(&["a1", "a2", "b1"]);
    assert_eq!(bench.queue.counts(), Counts { visible: 0, in_flight: 0, delayed: 3 });
    bench.receives(10, &[]);
    bench.wait(5);
    bench.receives(1, &["a1"]);
    assert_eq!(bench.queue.counts(), Counts { visible: 2, in_flight: 1, delayed: 0 });
    bench.delete("a1").unwrap();
    assert_eq!(bench.queue.counts(), Counts { visible: 2, in_flight: 0, delayed: 0 });
    bench.queue.purge(bench.now);
    bench.receives(10, &[]);
    assert_eq!(bench.queue.counts(), Counts { visible: 0, in_flight: 0, delayed: 0 });
}

#[test]
fn the_next_visible_moment_is_known() {
    let mut bench = Bench::fifo().sent(&["a1", "b1"]);
    assert_eq!(bench.queue.next_visible_at(bench.now), None);
    bench.receives(1, &["a1"]);
    bench.wait(10);
    bench.receives(1, &["b1"]);
    assert_eq!(bench.queue.next_visible_at(bench.now), Some(bench.now.plus_seconds(20)));
    bench.hide("b1", 5).unwrap();
    assert_eq!(bench.queue.next_visible_at(bench.now), Some(bench.now.plus_seconds(5)));
    let later = bench.now.plus_seconds(5);
    assert_eq!(bench.queue.next_visible_at(later), Some(bench.now.plus_seconds(20)));
    bench.delete("b1").unwrap();
    bench.delete("a1").unwrap();
    assert_eq!(bench.queue.next_visible_at(bench.now), None);
}

#[test]
fn groups_are_found_within_the_look_ahead_only() {
    let limits = Limits { look_ahead_messages: 3, ..Limits::default() };
    let mut bench = Bench::with(Settings { limits, ..Settings::fifo() }).sent(&["a1", "a2", "a3", "b1"]);
    bench.receives(1, &["a1"]);
    bench.receives(10, &[]);
    bench.delete("a1").unwrap();
    bench.receives(1, &["a2"]);
    bench.receives(10, &["b1"]);
}

#[test]
fn receives_stop_at_the_limit_of_messages_in_flight() {
    let limits = Limits { in_flight_messages_max: 2, ..Limits::default() };
    let mut bench = Bench::with(Settings { limits, ..Settings::fifo() }).sent(&["a1", "a2", "a3", "b1"]);
    bench.receives(10, &["a1", "a2"]);
    bench.receives(10, &[]);
    bench.delete("a1").unwrap();
    bench.receives(10, &["b1"]);
}

#[test]
fn sequence_and_visibility_survive_a_clock_set_back() {
    let mut bench = Bench::fifo().sent(&["a1"]);
    bench.receives(1, &["a1"]);
    bench.now = Millis(5);
    let sent = bench.send("a2", "a", "2").unwrap();
    assert!(bench.handles["a1"].sequence < sent.sequence);
    bench.receives(1, &[]);
    bench.hide("a1", 0).unwrap();
    bench.receives(10, &["a1", "a2"]);
}

#[test]
fn a_full_queue_stays_fast() {
    let mut bench = Bench::fifo();
    for number in 0..120_000 {
        bench.send("x", &format!("g{}", number % 40_000), &number.to_string()).unwrap();
    }
    let mut received = 0;
    loop {
        let batch = bench.receive(10);
        if batch.is_empty() {
            break;
        }
        received += batch.len();
        for message in batch {
            bench.queue.delete(bench.now, message.handle).unwrap();
        }
    }
    assert_eq!(received, 120_000);
}
