//! Bounds on time. They hold if nothing of ours failed, and with a stated price for each crash.

use hookrail_domain::attempt::Outcome;
use hookrail_domain::progress::Progress;
use hookrail_domain::retry::RETRY_AFTER_SECONDS_MAX;
use hookrail_fifo::mapping::GroupLock;

use super::truth::{Row, Truth};
use crate::faults::{Call, Fate, Function};
use crate::history::Fault;
use crate::setup::Setup;
use crate::troubles::LATE_CALL_MS;

/// Time that early release can add: its interval.
const RELEASE_MS: u64 = hookrail_deliver::RELEASE_EVERY_MS;
/// Calls, each with a wait before and after it, between one step of a delivery and its next.
const CALLS: u64 = 16;
/// Cost of a crash for a group, beyond the function's time-out.
const CRASH_MS: u64 = 10_000;

/// Returns the time that the late scripts of a company may take before an event is queued.
fn scripts_ms(setup: &Setup, earlier: u64) -> u64 {
    let locked_ms = match setup.group_lock {
        GroupLock::Queue => 0,
        GroupLock::Invocation => setup.function_seconds * 1000,
    };
    let each_ms = setup.webhooks.len() as u64 * LATE_CALL_MS + locked_ms;
    if setup.has_late_scripts() { (earlier + 1) * each_ms } else { 0 }
}

/// Returns the time that queue and functions may add to a wait, within a window.
/// Every poll of the mapping and every call takes time, and a slow clock sends a message back for the rest of
/// its wait.
fn slack_ms(truth: &Truth<'_>, source: usize, window: (u64, u64)) -> u64 {
    let setup = truth.setup;
    let polls = truth.runs(source, window) + 3;
    let skew = if setup.skew_ms == 0 { 0 } else { 2 * setup.skew_ms + 1_000 };
    let locked = match setup.group_lock {
        GroupLock::Queue => 0,
        // The group is free when the invocation that received it has ended, however long that is busy with
        // others.
        GroupLock::Invocation => 2 * setup.function_seconds * 1000,
    };
    2 * RELEASE_MS + CALLS * 2 * setup.latency_ms + polls * setup.poll_ms + skew + locked
}

/// Returns a webhook's source, if nothing failed in it and there were enough sandboxes.
fn undisturbed(truth: &Truth<'_>, webhook: usize, window: (u64, u64)) -> Option<usize> {
    let source = truth.history.webhooks[webhook].queue + 1;
    let is_calm = truth.faults((webhook, Function::Deliver), window).next().is_none();
    (is_calm && !truth.is_saturated(source, window)).then_some(source)
}

/// Checks promise 2: at least the delay in any case, and not much more.
pub(super) fn a_retry_waits_for_the_delay_and_not_much_longer(truth: &Truth<'_>) -> Result<(), String> {
    for (webhook, rows) in truth.rows.iter().enumerate() {
        for pair in rows.windows(2) {
            let [failed, retried] = pair else { continue };
            if failed.has_ended() || failed.row.progress == Progress::Parked {
                continue;
            }
            let Some(failed_at) = failed.attempt.and_then(|attempt| attempt.answered_at) else { continue };
            let (waited_ms, hold_ms) = (retried.began_at().saturating_sub(failed_at), hold_ms(truth, failed));
            let name = || {
                format!(
                    "webhook {webhook} attempt {:?} waited {waited_ms} ms instead of {hold_ms}",
                    retried.number()
                )
            };
            // The run that moved it did not see yet that the attempt was being made.
            let earlier = failed.began_at().saturating_sub(truth.setup.function_seconds * 1000 + CRASH_MS);
            let was_asked = truth.was_woken(webhook, (earlier, retried.began_at()));
            if waited_ms + 2 * truth.setup.skew_ms < hold_ms && !was_asked {
                return Err(name());
            }
            let by_recover = truth.is_recovery(failed.run) || truth.is_recovery(retried.run);
            if by_recover || truth.was_touched(webhook) {
                continue;
            }
            let window = (truth.history.runs[failed.run].at, retried.began_at());
            let Some(source) = undisturbed(truth, webhook, window) else { continue };
            truth.count(|counts| counts.retries_timed += 1);
            let slack_ms = slack_ms(truth, source, (failed_at, retried.began_at()));
            if hold_ms + slack_ms < waited_ms {
                return Err(format!("{} and at most {slack_ms} more", name()));
            }
        }
    }
    Ok(())
}

/// Returns the delay after a failed attempt: the default, or longer if the receiver asks for it.
fn hold_ms(truth: &Truth<'_>, failed: &Row<'_>) -> u64 {
    let asked = match &failed.row.attempt.outcome {
        Outcome::Responded { status: 429 | 503, retry_after_seconds: Some(seconds), .. } => *seconds,
        _ => 0,
    };
    truth.setup.policy.delay_seconds.max(asked.min(RETRY_AFTER_SECONDS_MAX)) * 1000
}

/// Returns rows of one delivery after the other, each with the time from which it was its turn.
fn turns<'t, 'a>(truth: &'t Truth<'a>, webhook: usize) -> impl Iterator<Item = (u64, &'t [Row<'a>])> {
    let mut before = 0;
    // If there was a backlog, recover decides the turn of an event.
    let live = if truth.had_backlog(webhook) { &[] } else { truth.rows[webhook].as_slice() };
    live.chunk_by(|one, other| one.number().sequence == other.number().sequence).filter_map(move |rows| {
        let (first, last) = (rows.first()?, rows.last()?);
        let queued_at = truth.history.owed.get(&first.row.delivery)?.queued_at?;
        let turn = queued_at.max(before);
        before = last.at;
        Some((turn, rows))
    })
}

/// Checks promise 5: nothing else delays it, least of all another webhook's endpoint.
pub(super) fn an_event_is_sent_without_delay_in_its_turn(truth: &Truth<'_>) -> Result<(), String> {
    for webhook in 0..truth.rows.len() {
        for (turn, rows) in turns(truth, webhook) {
            let Some(first) = rows.first() else { continue };
            let window = (turn, first.began_at());
            let Some(source) = undisturbed(truth, webhook, window) else { continue };
            truth.count(|counts| counts.turns_timed += 1);
            let (waited_ms, slack_ms) =
                (first.began_at().saturating_sub(turn), slack_ms(truth, source, window));
            if slack_ms < waited_ms {
                let number = first.number();
                return Err(format!(
                    "webhook {webhook} {number:?} waited {waited_ms} ms, at most {slack_ms}"
                ));
            }
        }
    }
    Ok(())
}

/// Checks promise 3: attempts, time-outs and delays; a crash adds at most the function's time and ten
/// seconds.
pub(super) fn one_event_blocks_its_webhook_for_a_bounded_time(truth: &Truth<'_>) -> Result<(), String> {
    for webhook in 0..truth.rows.len() {
        let source = truth.history.webhooks[webhook].queue + 1;
        for (turn, rows) in turns(truth, webhook) {
            let Some(last) = rows.last() else { continue };
            let window = (turn, last.at);
            let Some((crashes, stalled_ms)) = crashes_alone(truth, webhook, window) else { continue };
            if truth.is_saturated(source, window) {
                continue;
            }
            truth.count(|counts| {
                counts.blocks_timed += 1;
                counts.crashes_timed += u64::from(crashes != 0);
            });
            let asked_ms: u64 = rows.iter().map(|row| hold_ms(truth, row)).sum();
            let policy = truth.setup.policy;
            let attempts = u64::from(policy.attempts_max);
            let slack_ms = slack_ms(truth, source, window) * (attempts + crashes);
            let crash_ms = truth.setup.function_seconds * 1000 + CRASH_MS;
            // A crash can repeat an attempt's whole time.
            let bound_ms = policy.block_seconds_max() * 1000
                + asked_ms
                + crashes * (crash_ms + policy.timeout_seconds * 1000)
                + stalled_ms
                + slack_ms;
            let held_ms = last.at.saturating_sub(turn);
            if bound_ms < held_ms {
                let sequence = last.number().sequence;
                return Err(format!(
                    "webhook {webhook} sequence {sequence} held {held_ms} ms, at most {bound_ms}"
                ));
            }
        }
    }
    Ok(())
}

/// Returns the number of crashes that disturbed the window, and the time of calls, if nothing else did.
/// A crash before the claim costs the queue's visibility and is not counted.
fn crashes_alone(truth: &Truth<'_>, webhook: usize, window: (u64, u64)) -> Option<(u64, u64)> {
    let (mut crashes, mut stalled_ms) = (0, 0);
    for fault in truth.faults((webhook, Function::Deliver), window) {
        match fault.what {
            Fault::TimedOut => crashes += 1,
            Fault::Call(Call::Post | Call::PutRow, Fate::CrashBefore | Fate::CrashAfter) => crashes += 1,
            Fault::Call(Call::Post | Call::PutRow, Fate::Stall(ms)) => stalled_ms += ms,
            Fault::Call(..) | Fault::Freed => return None,
        }
    }
    Some((crashes, stalled_ms))
}

/// Checks that accepted events reach the delivery queue if no call of fan-out fails.
pub(super) fn an_accepted_event_is_queued_at_once(truth: &Truth<'_>) -> Result<(), String> {
    let (history, setup) = (truth.history, truth.setup);
    for owed in history.owed.values() {
        let (Some(queued_at), event) = (owed.queued_at, &history.events[owed.event]) else { continue };
        let of_company =
            |other: &&crate::history::EventFact| other.company == event.company && other.order < event.order;
        // The company's last event before it that reached a queue; those in between have no deliveries.
        let before = history.owed.values().filter(|other| {
            let of = &history.events[other.event];
            of.company == event.company && of.order < event.order
        });
        let turn = before.filter_map(|other| other.queued_at).max().unwrap_or(0).max(event.at);
        let window = (turn, queued_at);
        let is_calm = truth.faults((owed.webhook, Function::FanOut), window).next().is_none();
        if !is_calm || truth.is_saturated(0, window) {
            continue;
        }
        truth.count(|counts| counts.fan_outs_timed += 1);
        let earlier = history.events.iter().filter(of_company).count() as u64;
        let polls = truth.runs(0, window) + 2;
        let calls = 4 * (earlier.min(20) + 10);
        let slack_ms = polls * setup.poll_ms + calls * 2 * setup.latency_ms + 1 + scripts_ms(setup, earlier);
        let waited_ms = queued_at.saturating_sub(turn);
        if slack_ms < waited_ms {
            let (event, webhook) = (owed.event, owed.webhook);
            return Err(format!(
                "event {event} for webhook {webhook} was queued {waited_ms} ms late, at most {slack_ms}"
            ));
        }
    }
    Ok(())
}
