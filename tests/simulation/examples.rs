//! The worked examples of the specification, with their times.

use aws_lambda_events::sqs::SqsEvent;
use hookrail_fifo::event::render;
use hookrail_fifo::mapping::{GroupLock, Mapping, MappingSettings};
use hookrail_fifo::message::NewMessage;
use hookrail_fifo::millis::Millis;
use hookrail_pipeline::batch::Batch;

use crate::deployment::{self, EVENTS};
use crate::history::History;
use crate::receiver::{Behaviour, Receiver};
use crate::run::run;
use crate::setup::{Action, Kind, Setup, Step, Webhook};
use crate::time::BEGIN;
use crate::warm::event_of;

pub(crate) const OK: Behaviour = Behaviour::Answers { status: 200, ms: 1_000 };
/// Time of the first poll of the delivery queue: ten messages are in it by then.
pub(crate) const START_MS: u64 = 1_000;

pub(crate) fn webhook(receiver: Receiver) -> Webhook {
    Webhook { company: 0, trigger: Kind::Task, is_there: true, receiver }
}

pub(crate) fn push(after_ms: u64) -> Step {
    Step { after_ms, action: Action::Push { company: 0, kind: Kind::Task, body: None } }
}

pub(crate) fn ten_messages(receiver: Receiver) -> Setup {
    let setup = Setup::quiet(vec![webhook(receiver)], vec![push(0); 10]);
    Setup { deliver_from_ms: START_MS, ..setup }
}

/// Returns sequence, attempt and seconds since the start of every request, in order.
pub(crate) fn requests(history: &History) -> Vec<(u64, u32, u64)> {
    let seconds = |at: u64| (at - BEGIN - START_MS) / 1000;
    history.attempts.iter().map(|one| (one.number.sequence, one.number.attempt, seconds(one.at))).collect()
}

#[test]
fn a_failed_head_is_retried_after_the_delay_and_the_rest_follows_at_once() {
    for group_lock in [GroupLock::Queue, GroupLock::Invocation] {
        let receiver = Receiver { first: vec![Behaviour::Silent], phases: vec![(0, OK)] };
        let (_, history) = run(Setup { group_lock, ..ten_messages(receiver) });
        let mut expected = vec![(1, 1, 0), (1, 2, 40), (2, 1, 41)];
        expected.extend((3..=10).map(|sequence| (sequence, 1, 39 + sequence)));
        assert_eq!(requests(&history), expected, "{group_lock:?}");
        assert_eq!(history.attempts[10].answered_at, Some(BEGIN + START_MS + 50_000), "all done");
        assert_eq!(history.broken, [""; 0]);
    }
}

#[test]
fn a_dead_endpoint_gets_exactly_three_attempts_of_every_event_in_order() {
    for (batch_size, group_lock) in [
        (1, GroupLock::Queue),
        (1, GroupLock::Invocation),
        (10, GroupLock::Queue),
        (10, GroupLock::Invocation),
    ] {
        let setup = ten_messages(Receiver::always(Behaviour::Silent));
        let (_, history) = run(Setup { batch_size, group_lock, ..setup });
        let numbers: Vec<_> =
            requests(&history).into_iter().map(|(one, attempt, _)| (one, attempt)).collect();
        let expected: Vec<_> = (1..=10).flat_map(|one| (1..=3).map(move |attempt| (one, attempt))).collect();
        assert_eq!(numbers, expected, "batch {batch_size}, {group_lock:?}");
        assert_eq!((history.dead_deliveries, history.rows.len()), (0, 30));
    }
}

#[test]
fn simulated_invocations_match_the_mapping() {
    let setup = ten_messages(Receiver::always(OK));
    let mut queues = deployment::queues(&setup);
    let queue = queues.find_mut(EVENTS).unwrap();
    for index in 0..3 {
        let message = NewMessage {
            body: format!("body \"{index}\"").into(),
            group: Some("company".into()),
            deduplication_id: Some(index.to_string().into()),
            ..NewMessage::default()
        };
        queue.send(Millis(BEGIN), message).unwrap();
    }
    let settings = MappingSettings { batch_size: 2, maximum_concurrency: 2, group_lock: GroupLock::Queue };
    let batch = Mapping::new(settings).poll(Millis(BEGIN + 5), queue).unwrap();
    let arn = "arn:aws:sqs:us-east-1:000000000000:events.fifo";
    let rendered: SqsEvent = serde_json::from_slice(&render(&batch.messages, arn, "us-east-1")).unwrap();
    let urls = [deployment::url(EVENTS)];
    let [rendered, built] = [rendered, event_of(&batch, arn)].map(|event| Batch::open(event, &urls));
    assert_eq!(rendered.groups.iter().map(Vec::len).collect::<Vec<_>>(), [2]);
    assert_eq!((rendered.groups, rendered.failed), (built.groups, built.failed));
}
