//! Partial failures of every kind, placed by hand, with their times.

use hookrail_domain::id::shard;
use hookrail_fifo::mapping::GroupLock;

use crate::examples::{OK, START_MS, push, requests, ten_messages, webhook};
use crate::faults::{Call, Fate, Function, Planned};
use crate::history::{History, RunEnd};
use crate::receiver::{Behaviour, Receiver};
use crate::run::run;
use crate::setup::{Action, Kind, Setup, Step, Webhook};
use crate::time::BEGIN;
use crate::world::webhook_id;

fn fault(function: Function, invocation: usize, (call, nth): (Call, usize), fate: Fate) -> Planned {
    Planned { function, invocation, call, nth, fate }
}

/// Runs ten messages in one batch, with faults of deliver.
fn play(receiver: Receiver, faults: &[(usize, (Call, usize), Fate)]) -> History {
    let faults =
        faults.iter().map(|(invocation, at, fate)| fault(Function::Deliver, *invocation, *at, *fate));
    let (_, history) = run(Setup { planned: faults.collect(), ..ten_messages(receiver) });
    assert_eq!(history.broken, [""; 0]);
    assert_eq!(history.dead_deliveries, 0);
    history
}

fn ok() -> Receiver {
    Receiver::always(OK)
}

/// Returns sequence numbers and attempts of all rows.
fn rows(history: &History) -> Vec<(u64, u32)> {
    history.rows.iter().map(|(_, row)| (row.attempt.number.sequence, row.attempt.number.attempt)).collect()
}

/// Returns one row for each of ten events.
fn ten_rows() -> Vec<(u64, u32)> {
    (1..=10).map(|sequence| (sequence, 1)).collect()
}

/// Returns first requests, one for each event from `sequence` on, a second apart.
fn one_by_one(sequence: u64, from_second: u64) -> Vec<(u64, u32, u64)> {
    (sequence..=10).map(|one| (one, 1, from_second + one - sequence)).collect()
}

#[test]
fn a_crash_after_a_request_repeats_it_with_its_id_when_the_claim_ends() {
    let history = play(ok(), &[(0, (Call::PutRow, 0), Fate::CrashBefore)]);
    let expected = [vec![(1, 1, 0)], one_by_one(1, 40)].concat();
    assert_eq!(requests(&history), expected);
    assert_eq!(history.attempts[0].delivery, history.attempts[1].delivery);
    assert_eq!(rows(&history), ten_rows());
}

#[test]
fn a_crash_after_the_row_repeats_nothing() {
    let history = play(ok(), &[(0, (Call::PutRow, 0), Fate::CrashAfter)]);
    assert_eq!(requests(&history), [vec![(1, 1, 0)], one_by_one(2, 40)].concat());
    assert_eq!(rows(&history), ten_rows());
}

#[test]
fn a_row_whose_response_was_lost_is_not_written_twice() {
    let history = play(ok(), &[(0, (Call::PutRow, 0), Fate::AnswerLost)]);
    assert_eq!(requests(&history), [vec![(1, 1, 0)], one_by_one(2, 31)].concat());
    assert_eq!(rows(&history), ten_rows());
}

#[test]
fn a_logged_batch_received_again_sends_and_writes_nothing() {
    for fault in [(0, (Call::PutRow, 9), Fate::CrashAfter), (0, (Call::Reply, 0), Fate::AnswerLost)] {
        let history = play(ok(), &[fault]);
        assert_eq!(requests(&history), one_by_one(1, 0), "{fault:?}");
        assert_eq!(rows(&history), ten_rows());
        let ends: Vec<_> = history.runs.iter().map(|run| run.ended.map(|(_, how)| how)).collect();
        assert_eq!(ends.last(), Some(&Some(RunEnd::Responded { failed: 0 })), "{fault:?}");
    }
}

#[test]
fn a_run_with_an_expired_claim_does_nothing() {
    // Throttled past the visibility: a second run has the batch by then.
    let history = play(ok(), &[(0, (Call::Start, 0), Fate::Stall(181_000))]);
    assert_eq!(requests(&history), one_by_one(1, 180));
    assert_eq!(rows(&history), ten_rows());
    let late = history.runs.iter().find(|run| run.function == Function::Deliver).unwrap();
    assert_eq!(late.ended, Some((BEGIN + START_MS + 181_000, RunEnd::Responded { failed: 10 })));
}

#[test]
fn the_run_that_loses_the_row_to_a_concurrent_run_stops() {
    // The first run begins shortly before the queue's own visibility ends, and its claim fails.
    let slow = Receiver::always(Behaviour::Answers { status: 200, ms: 8_000 });
    let faults = [(0, (Call::Start, 0), Fate::Stall(175_000)), (0, (Call::Hold, 0), Fate::Partial(0x3ff))];
    let history = play(slow, &faults);
    let first: Vec<_> = requests(&history).into_iter().take(4).collect();
    assert_eq!(first, [(1, 1, 175), (1, 1, 180), (2, 1, 183), (3, 1, 191)]);
    assert_eq!(rows(&history), ten_rows());
    let sent: Vec<_> = requests(&history).into_iter().map(|(sequence, ..)| sequence).collect();
    assert_eq!(sent, [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn a_failed_hold_is_repeated_once_and_then_the_claim_holds() {
    let fails_once = || Receiver { first: vec![Behaviour::Answers { status: 500, ms: 1_000 }], ..ok() };
    let refused = |nth| (0, (Call::Hold, nth), Fate::Refused);
    for (faults, second) in [(vec![refused(1)], 31), (vec![refused(1), refused(2)], 40)] {
        let history = play(fails_once(), &faults);
        let expected = [vec![(1, 1, 0), (1, 2, second)], one_by_one(2, second + 1)].concat();
        assert_eq!(requests(&history), expected);
    }
    // Entries alone: the head is held, some of its tail comes back with the claim, late but in order.
    let partial = |nth| (0, (Call::Hold, nth), Fate::Partial(0b10));
    let history = play(fails_once(), &[partial(1), (0, (Call::Hold, 2), Fate::Refused)]);
    assert_eq!(requests(&history), [vec![(1, 1, 0), (1, 2, 31)], one_by_one(2, 40)].concat());
}

#[test]
fn without_tables_nothing_is_sent_and_the_hold_doubles() {
    for call in [Call::Settings, Call::LastRow] {
        let refused = |invocation| (invocation, (call, 0), Fate::Refused);
        let history = play(ok(), &[refused(0), refused(1), refused(2)]);
        assert_eq!(requests(&history), one_by_one(1, 30 + 60 + 120), "{call:?}");
    }
}

#[test]
fn a_request_that_cannot_be_recorded_is_repeated_before_later_events() {
    let history = play(ok(), &[(0, (Call::PutRow, 0), Fate::Refused)]);
    assert_eq!(requests(&history), [vec![(1, 1, 0)], one_by_one(1, 31)].concat());
    assert_eq!(rows(&history), ten_rows());
}

#[test]
fn a_killed_function_is_continued_by_another() {
    let history = play(ok(), &[(0, (Call::PutRow, 2), Fate::Stall(60_000))]);
    assert_eq!(requests(&history), [one_by_one(1, 0)[..3].to_vec(), one_by_one(3, 40)].concat());
    assert_eq!(rows(&history), ten_rows());
}

#[test]
fn events_that_do_not_fit_an_invocation_go_to_the_next_at_once() {
    let slow = Receiver::always(Behaviour::Answers { status: 200, ms: 7_000 });
    let history = play(slow, &[]);
    let expected: Vec<_> = (1..=10).map(|sequence| (sequence, 1, (sequence - 1) * 7)).collect();
    assert_eq!(requests(&history), expected);
}

/// Makes webhooks of one company whose delivery queues differ.
fn two_queues() -> Vec<Webhook> {
    let webhooks = vec![webhook(ok()); 8];
    let queue = |index: usize| shard(&webhook_id(0, index).to_string(), 2);
    assert!((1..8).any(|index| queue(index) != queue(0)), "all webhooks are in one queue");
    webhooks
}

/// Returns the events that each webhook received, in order of arrival.
fn arrivals(history: &History) -> Vec<Vec<usize>> {
    let mut arrivals = vec![Vec::new(); history.webhooks.len()];
    for one in &history.attempts {
        arrivals[one.webhook].push(history.owed[&one.delivery].event);
    }
    arrivals
}

#[test]
fn a_fan_out_crash_between_two_sends_loses_and_doubles_nothing() {
    // Both queues get a batch for each of two events.
    for nth in 0..4 {
        for fate in [Fate::CrashBefore, Fate::CrashAfter, Fate::Partial(0b101), Fate::AnswerLost] {
            let planned = vec![fault(Function::FanOut, 0, (Call::Send, nth), fate)];
            let setup = Setup::quiet(two_queues(), vec![push(0), push(0)]);
            let (_, history) = run(Setup { planned, queues: 2, ..setup });
            assert_eq!(arrivals(&history), vec![vec![0, 1]; 8], "{fate:?} at {nth}");
            assert_eq!(history.broken, [""; 0]);
        }
    }
}

#[test]
fn a_fan_out_repeated_after_the_deduplication_window_doubles_nothing() {
    let dead = Receiver::always(Behaviour::Answers { status: 500, ms: 10 });
    for (receiver, attempts) in [(ok(), 1), (dead, 3)] {
        let planned = vec![
            fault(Function::FanOut, 0, (Call::Send, 2), Fate::CrashAfter),
            // Without a claim the batch is hidden for the queue's own visibility.
            fault(Function::FanOut, 1, (Call::Hold, 0), Fate::CrashBefore),
            fault(Function::FanOut, 2, (Call::Hold, 0), Fate::CrashBefore),
        ];
        let setup = Setup::quiet(vec![webhook(receiver)], vec![push(0); 4]);
        let (world, history) = run(Setup { planned, ..setup });
        let expected: Vec<_> = (0..4).flat_map(|event| vec![event; attempts]).collect();
        assert_eq!(arrivals(&history), [expected]);
        assert_eq!(history.rows.len(), 4 * attempts);
        let queues = world.queues();
        let sent = queues.find("deliveries-0.fifo").unwrap().totals().sent;
        assert_eq!(sent, 3 + 4, "the window had passed");
    }
}

#[test]
fn finished_messages_are_deleted_while_another_in_the_batch_is_busy() {
    let slow =
        Webhook { company: 1, ..webhook(Receiver::always(Behaviour::Answers { status: 200, ms: 9_000 })) };
    let fast = webhook(Receiver::always(Behaviour::Answers { status: 200, ms: 5 }));
    let slow_event = Action::Push { company: 1, kind: Kind::Task, body: None };
    let script = vec![Step { after_ms: 0, action: slow_event }, push(0), push(START_MS + 500)];
    for (group_lock, latest_ms) in [(GroupLock::Queue, 110), (GroupLock::Invocation, 9_000)] {
        let setup = Setup::quiet(vec![fast.clone(), slow.clone()], script.clone());
        let (_, history) = run(Setup { group_lock, deliver_from_ms: START_MS, ..setup });
        assert_eq!(
            history.runs.iter().filter(|run| run.groups.len() == 2).count(),
            2,
            "one batch in each function"
        );
        let waited = history.attempts[2].at - history.events[2].at;
        assert!(waited <= latest_ms, "waited {waited} ms in {group_lock:?}");
    }
}

#[test]
fn a_retry_delay_below_the_invocation_time_starts_a_concurrent_run() {
    let slow =
        Webhook { company: 1, ..webhook(Receiver::always(Behaviour::Answers { status: 200, ms: 9_000 })) };
    let dead = webhook(Receiver::always(Behaviour::Answers { status: 500, ms: 5 }));
    let slow_event = Action::Push { company: 1, kind: Kind::Task, body: None };
    let script = vec![Step { after_ms: 0, action: slow_event }, push(0), push(0)];
    let mut setup = Setup::quiet(vec![dead, slow], script);
    setup.policy.delay_seconds = 1;
    let (_, history) = run(Setup { deliver_from_ms: START_MS, ..setup });
    let dead: Vec<_> = requests(&history).into_iter().filter(|(_, _, second)| *second < 9).collect();
    let attempts: Vec<_> = history.attempts.iter().filter(|one| one.webhook == 0).collect();
    assert_eq!(attempts.len(), 6, "{dead:?}");
    assert!(attempts.last().unwrap().at < BEGIN + START_MS + 9_000, "within the first invocation's time");
}

#[test]
fn the_largest_parameters_stay_below_the_redrive_receive_limit() {
    let dead = Receiver::always(Behaviour::Answers { status: 500, ms: 5 });
    let mut setup = ten_messages(dead);
    setup.policy.attempts_max = 10;
    let receives_max = setup.receives_max;
    let (_, history) = run(setup);
    let highest = history.runs.iter().map(|run| run.receives_max).max().unwrap();
    assert_eq!((history.rows.len(), highest, history.dead_deliveries), (100, 91, 0));
    assert!(highest < receives_max);
}
