//! Long stretches of virtual time: the cost of an endpoint that is dead or too slow, and its effect on the
//! queue.

use hookrail_domain::retry::RetryPolicy;
use hookrail_domain::suspension::SuspensionPolicy;

use crate::faults::Function;
use crate::history::History;
use crate::random::asked_for;
use crate::receiver::{Behaviour, Receiver};
use crate::run::run;
use crate::setup::{Action, Kind, NEVER, Setup, Step, Webhook};

/// Events pushed to an endpoint that is too slow, by default.
const EVENTS: u64 = 20_000;

const fn push(kind: Kind, after_ms: u64) -> Step {
    Step { after_ms, action: Action::Push { company: 0, kind, body: None } }
}

fn webhook(trigger: Kind, behaviour: Behaviour) -> Webhook {
    Webhook { company: 0, trigger, is_there: true, receiver: Receiver::always(behaviour) }
}

/// Returns the longest time that any event of this webhook was in the delivery queue before its first
/// request, in milliseconds.
fn longest_wait_ms(history: &History, webhook: usize) -> u64 {
    let waits = history.attempts.iter().filter(|attempt| attempt.webhook == webhook).map(|attempt| {
        let queued_at = history.owed.get(&attempt.delivery).and_then(|owed| owed.queued_at).unwrap();
        attempt.at - queued_at
    });
    waits.max().unwrap()
}

/// Fifty events a second for an endpoint that takes one a second, next to a healthy webhook with one a
/// second.
#[test]
fn an_overloaded_endpoint_keeps_the_sqs_queue_short_and_loses_nothing() {
    let events = asked_for("HOOKRAIL_EVENTS").unwrap_or(EVENTS);
    let slow = webhook(Kind::User, Behaviour::Answers { status: 200, ms: 1_000 });
    let healthy = webhook(Kind::GroupTask, Behaviour::Answers { status: 200, ms: 5 });
    let mut script = Vec::new();
    for number in 0..events {
        script.push(push(Kind::User, 20));
        if number.is_multiple_of(50) {
            script.push(push(Kind::GroupTask, 0));
        }
    }
    let suspension = SuspensionPolicy { park_after_seconds: 60, ..SuspensionPolicy::default() };
    let (_, history) =
        run(Setup { suspension, heals: false, latency_ms: 5, ..Setup::quiet(vec![slow, healthy], script) });
    assert_eq!(history.broken, [""; 0]);
    let deepest = history.deepest;
    let bound = 50 * (60 + 60);
    println!("{events} events at 50/s to an endpoint of 1/s: at most {deepest} messages in the queue");
    assert!(deepest <= bound, "{deepest} messages at most, not {bound}");
    for webhook in [0, 1] {
        let sent: Vec<_> = history.attempts.iter().filter(|one| one.webhook == webhook).collect();
        let numbers: Vec<_> = sent.iter().map(|attempt| attempt.number.sequence).collect();
        let last = if webhook == 0 { events } else { events.div_ceil(50) };
        assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "each once, in order");
    }
    let (slow, healthy) = (longest_wait_ms(&history, 0), longest_wait_ms(&history, 1));
    println!("longest wait: {} s for the slow one, {healthy} ms for the other", slow / 1000);
    assert!(healthy <= 1_000, "{healthy} ms");
}

/// Returns the time that the functions ran, in milliseconds, for a thousand events of one webhook.
fn lambda_ms(behaviour: Behaviour, suspend_after: u32) -> (u64, u64) {
    let setup = Setup::quiet(vec![webhook(Kind::Task, behaviour)], vec![push(Kind::Task, 1_000); 1_000]);
    let suspension = SuspensionPolicy { suspend_after, ..NEVER };
    let policy = RetryPolicy::default();
    let (_, history) = run(Setup { suspension, policy, latency_ms: 5, ..setup });
    let of = |function| {
        // After the last event nothing changes any longer: the time in which events came is measured.
        let until = history.events.last().unwrap().at;
        let runs = history.runs.iter().filter(|run| run.function == function);
        runs.filter(|run| suspend_after == 0 || run.at <= until)
            .filter_map(|run| Some(run.ended?.0 - run.at))
            .sum::<u64>()
    };
    (of(Function::Deliver), of(Function::Recover))
}

#[test]
fn a_dead_endpoint_costs_little_once_it_is_suspended() {
    let healthy = Behaviour::Answers { status: 200, ms: 100 };
    let refusing = Behaviour::Answers { status: 500, ms: 100 };
    println!("Lambda time for 1,000 events, one a second, in s: deliver, recover, times healthy");
    let (base, _) = lambda_ms(healthy, 5);
    let mut ratios = Vec::new();
    for (name, behaviour, suspend_after) in [
        ("healthy", healthy, 5),
        ("responds 500, never suspended", refusing, 0),
        ("responds 500, suspended after 5", refusing, 5),
        ("times out, never suspended", Behaviour::Silent, 0),
        ("times out, suspended after 5", Behaviour::Silent, 5),
    ] {
        let (deliver, recover) = lambda_ms(behaviour, suspend_after);
        let ratio = (deliver + recover) as f64 / base as f64;
        println!("| {name} | {} | {} | {ratio:.1} |", deliver / 1000, recover / 1000);
        ratios.push(ratio);
    }
    assert!(ratios[4] < 4.0 && ratios[4] * 20.0 < ratios[3], "{ratios:?}");
}
