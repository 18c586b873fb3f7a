//! Each call between a posted job and its delivery, interrupted in every way, one after another.

use crate::checks::check;
use crate::examples::{OK, webhook};
use crate::faults::{Call, Fate, Function, Planned};
use crate::history::History;
use crate::receiver::Receiver;
use crate::run::run;
use crate::setup::{Action, Kind, Setup, Step, Webhook};

/// A seed in which users are records.
const SEED: u64 = 10;
const FATES: [Fate; 4] = [Fate::CrashBefore, Fate::CrashAfter, Fate::Refused, Fate::AnswerLost];

/// Plays a job for half a minute later, an event before its time and one long after, with these faults.
fn play(faults: Vec<Planned>) -> History {
    let post = Action::Post { webhook: 0, later_ms: 30_000, is_left: false };
    let push = Action::Push { company: 0, kind: Kind::User, body: None };
    let script = vec![
        Step { after_ms: 0, action: post },
        Step { after_ms: 1_000, action: push },
        Step { after_ms: 900_000, action: push },
    ];
    let webhooks = vec![Webhook { trigger: Kind::User, ..webhook(Receiver::always(OK)) }];
    let (world, history) = run(Setup { seed: SEED, planned: faults, ..Setup::quiet(webhooks, script) });
    assert!(world.setup.has_records());
    check(&world.setup, &history).unwrap();
    history
}

/// Returns the bodies sent to the webhook, in order.
fn notes(history: &History) -> Vec<&str> {
    let note = |body: &'_ str| if body.contains("posted") { "job" } else { "event" };
    history.attempts.iter().map(|attempt| note(&attempt.body)).collect()
}

fn fault(function: Function, invocation: usize, call: Call, fate: Fate) -> Planned {
    Planned { function, invocation, call, nth: 0, fate }
}

#[test]
fn a_job_is_sent_once_in_order_despite_any_sweep_failure() {
    assert_eq!(notes(&play(Vec::new())), ["event", "job", "event"]);
    for call in [Call::DueJobs, Call::FindJob, Call::FindContent, Call::Send, Call::ChangeJob] {
        for fate in FATES {
            let history = play(vec![fault(Function::Recover, 0, call, fate)]);
            assert_eq!(notes(&history), ["event", "job", "event"], "{call:?} {fate:?}");
            assert_eq!(history.faults.len(), 1, "{call:?} {fate:?} struck");
        }
    }
}

#[test]
fn a_job_is_sent_once_in_order_despite_any_fan_out_failure() {
    for call in [Call::FindJob, Call::ChangeJob, Call::Send, Call::Reply] {
        for fate in FATES {
            // The first invocation has the event before it.
            let history = play(vec![fault(Function::FanOut, 1, call, fate)]);
            assert_eq!(notes(&history), ["event", "job", "event"], "{call:?} {fate:?}");
        }
    }
}

#[test]
fn a_job_queued_twice_is_taken_from_its_first_message() {
    // Six sweeps do not learn that they have sent it, and fan-out pauses for longer than the queue knows
    // names.
    let deaf = (0..6).map(|sweep| fault(Function::Recover, sweep, Call::ChangeJob, Fate::Refused));
    let still = (1..3).map(|one| fault(Function::FanOut, one, Call::Start, Fate::Refused));
    let history = play(deaf.chain(still).collect());
    assert_eq!(history.faults.len(), 8, "all faults happened");
    assert_eq!(notes(&history), ["event", "job", "event"]);
}
