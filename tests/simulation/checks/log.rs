//! Order, number and completeness: the requests that receivers saw against the rows of the log.

use std::collections::{HashMap, HashSet};

use hookrail_domain::attempt::{ErrorClass, Outcome};

use super::truth::{Row, Truth};
use crate::faults::{Call, Fate};
use crate::history::{AttemptFact, Fault, RunEnd};
use crate::setup::Action;

/// Time in which an event that was accepted before a change of its webhook may or may not see the change.
const SEEN_MS: u64 = 60 * 60 * 1000;

/// Checks promise 1, as receivers see it.
pub(super) fn events_first_arrive_in_the_order_of_their_acceptance(truth: &Truth<'_>) -> Result<(), String> {
    for webhook in 0..truth.rows.len() {
        let mut seen = HashSet::new();
        let mut last = None;
        for attempt in truth.attempts(webhook).filter(|attempt| attempt.arrived) {
            let event = truth.event(attempt)?;
            // A process that paused with a request in hand while another run ended its event unsent, because
            // the webhook was deactivated.
            // Only the receiver can stop such a request (SEMANTICS: Order).
            let ended_unsent = truth.row(webhook, attempt.number).is_some_and(|row| row.attempt.is_none());
            if truth.row_of(attempt).is_none() && ended_unsent {
                continue;
            }
            // A replayed request comes when a person asks for it.
            let is_asked_for = match truth.row(webhook, attempt.number) {
                Some(row) => row.row.is_replay,
                None => is_replay_cut_short(truth, attempt),
            };
            if is_asked_for || !seen.insert(event) {
                continue;
            }
            if last.is_some_and(|last| event < last) {
                return Err(format!("webhook {webhook}: event {event} first arrives after event {last:?}"));
            }
            last = Some(event);
        }
    }
    Ok(())
}

/// Checks promise 1: nothing is sent while the event before is neither accepted nor exhausted.
pub(super) fn an_event_is_first_sent_after_the_previous_one_has_ended(
    truth: &Truth<'_>,
) -> Result<(), String> {
    for (webhook, rows) in truth.rows.iter().enumerate() {
        let ends: HashMap<u64, u64> = rows
            .iter()
            .rev()
            .filter(|row| row.has_ended())
            .map(|row| (row.number().sequence, row.at))
            .collect();
        for attempt in truth.attempts(webhook) {
            let before = attempt.number.sequence - 1;
            let has_ended = before == 0 || ends.get(&before).is_some_and(|at| *at <= attempt.at);
            if !has_ended {
                let event = truth.event(attempt)?;
                return Err(format!(
                    "webhook {webhook}: event {event} is sent at {} before sequence {before} has ended",
                    attempt.at
                ));
            }
        }
    }
    Ok(())
}

/// Checks promise 2. A request beyond the limit is one that a crash or a second run left without a row.
pub(super) fn a_delivery_stays_within_its_attempt_limit(truth: &Truth<'_>) -> Result<(), String> {
    let limit = truth.setup.policy.attempts_max;
    for (webhook, rows) in truth.rows.iter().enumerate() {
        let beyond = |row: &&Row<'_>| limit < row.number().attempt && !truth.is_recovery(row.run);
        if let Some(row) = rows.iter().find(beyond) {
            return Err(format!("webhook {webhook}: event {} has row {:?}", row.event, row.number()));
        }
        let beyond = |one: &&AttemptFact| limit < one.number.attempt && !truth.is_recovery(one.run);
        if let Some(attempt) = truth.attempts(webhook).find(beyond) {
            return Err(format!("webhook {webhook}: request {:?}", attempt.number));
        }
    }
    Ok(())
}

/// Checks promise 6. A request without a row is repeated, under the same `webhook-id`.
pub(super) fn every_request_has_a_row(truth: &Truth<'_>) -> Result<(), String> {
    for attempt in &truth.history.attempts {
        let same = truth.row(attempt.webhook, attempt.number);
        if same.is_none() && is_replay_cut_short(truth, attempt) {
            continue;
        }
        if same.is_none_or(|row| row.row.delivery != attempt.delivery) {
            return Err(format!(
                "no row repeats webhook {} request {:?} at {}",
                attempt.webhook, attempt.number, attempt.at
            ));
        }
        if truth.row_of(attempt).is_some() {
            continue;
        }
        truth.count(|counts| counts.repeated_requests += 1);
        if !is_excused(truth, attempt) {
            return Err(format!(
                "webhook {} request {:?} at {} has no row",
                attempt.webhook, attempt.number, attempt.at
            ));
        }
    }
    Ok(())
}

/// Returns whether the request belongs to a crash during a replay that was cancelled before it could
/// continue.
fn is_replay_cut_short(truth: &Truth<'_>, attempt: &AttemptFact) -> bool {
    // Until the run that sends reads its queue again.
    let known_ms = truth.setup.function_seconds * 1000;
    let mut replays = truth.history.replays.iter().filter(|replay| replay.webhook == attempt.webhook);
    truth.is_recovery(attempt.run)
        && is_excused(truth, attempt)
        && replays.any(|replay| {
            replay.at <= attempt.at
                && replay.cancelled_at.is_some_and(|cancelled| attempt.at <= cancelled + known_ms)
        })
}

/// Returns whether the request was cut off by a crash, not recorded for a fault of the tables, or overtaken
/// by a second run.
fn is_excused(truth: &Truth<'_>, attempt: &AttemptFact) -> bool {
    let history = truth.history;
    let put_failed = |fault: &&crate::history::FaultFact| {
        fault.run == attempt.run
            && matches!(fault.what, Fault::Call(Call::PutRow | Call::Advance, Fate::Refused))
    };
    let was_cut_off =
        matches!(history.runs[attempt.run].ended, None | Some((_, RunEnd::Crashed | RunEnd::TimedOut)));
    if was_cut_off || history.faults.iter().any(|fault| put_failed(&fault)) {
        return true;
    }
    // The last one: a run that could not park an event may have sent it then.
    let mut puts = history.puts.iter().rev();
    let put =
        puts.find(|put| (put.run, put.webhook, put.number) == (attempt.run, attempt.webhook, attempt.number));
    let Some(put) = put else { return false };
    truth.count(|counts| counts.overtaken += 1);
    // A sandbox whose clock is fast attempts an event that another still sees waiting.
    let is_retried =
        |action: &Action| matches!(action, Action::Retry { webhook } if *webhook == attempt.webhook);
    let mut retries = history.actions.iter().filter(|(at, action)| *at <= put.at && is_retried(action));
    if truth.setup.skew_ms != 0 && retries.next().is_some() {
        return true;
    }
    // Two runs hold one group only after something went wrong.
    history.faults.iter().any(|fault| fault.at <= put.at && history.touches(fault.run, attempt.webhook))
}

/// Checks promises 4, 6 and 9: the row has the outcome of its request, and the request had the event's exact
/// bytes.
pub(super) fn every_row_matches_its_request(truth: &Truth<'_>) -> Result<(), String> {
    for (webhook, row) in
        truth.rows.iter().enumerate().flat_map(|(webhook, rows)| rows.iter().map(move |row| (webhook, row)))
    {
        let name = || format!("webhook {webhook} row {:?}", row.number());
        match (&row.row.attempt.outcome, row.attempt) {
            (Outcome::Unsent { .. }, None) => {}
            (Outcome::Unsent { .. }, Some(_)) => return Err(format!("{}: not sent, but sent", name())),
            (_, None) => return Err(format!("{}: nothing was sent", name())),
            (outcome, Some(attempt)) => {
                if *outcome != attempt.outcome {
                    return Err(format!("{}: {outcome:?} is not {:?}", name(), attempt.outcome));
                }
                // A template's URL is that of the version that fan-out read.
                let same_version = attempt.version == row.row.version || truth.setup.is_of_records(webhook);
                if attempt.delivery != row.row.delivery || !same_version {
                    return Err(format!("{}: another webhook-id or version than sent", name()));
                }
            }
        }
    }
    for attempt in &truth.history.attempts {
        if attempt.body != truth.history.events[truth.event(attempt)?].body {
            return Err(format!(
                "webhook {} request {:?}: another body than accepted",
                attempt.webhook, attempt.number
            ));
        }
    }
    Ok(())
}

/// Checks promise 7 and the log's numbers: sequences and attempts without gaps, events in their order, each
/// once.
pub(super) fn the_sequence_is_gapless_and_in_order(truth: &Truth<'_>) -> Result<(), String> {
    for (webhook, rows) in truth.rows.iter().enumerate() {
        let mut before: Option<&Row<'_>> = None;
        for row in rows {
            let (number, name) = (row.number(), || format!("webhook {webhook} row {:?}", row.number()));
            let follows = match before {
                None => (number.sequence, number.attempt) == (1, 1),
                Some(before) if number.sequence == before.number().sequence => {
                    number.attempt == before.number().attempt + 1
                        && before.row.delivery == row.row.delivery
                        // An ended event is sent once more only if its webhook was suspended for it.
                        && (!before.has_ended() || truth.is_recovery(row.run))
                }
                Some(before) => {
                    before.has_ended()
                        && (number.sequence, number.attempt) == (before.number().sequence + 1, 1)
                        && before.event < row.event
                }
            };
            if !follows {
                let before = before.map(|before| (before.number(), before.event));
                return Err(format!("{} of event {} does not follow {before:?}", name(), row.event));
            }
            before = Some(row);
        }
        if let Some(open) = before.filter(|last| !last.has_ended()) {
            return Err(format!("webhook {webhook}: event {} has not ended", open.event));
        }
    }
    Ok(())
}

/// Checks promise 7. Around a change of the webhook an event may be seen as before or after it.
pub(super) fn every_event_ends_in_a_row_for_every_matching_webhook(truth: &Truth<'_>) -> Result<(), String> {
    let history = truth.history;
    let ended: HashSet<(usize, usize)> = truth
        .rows
        .iter()
        .enumerate()
        .flat_map(|(webhook, rows)| {
            rows.iter().filter(|row| row.has_ended()).map(move |row| (webhook, row.event))
        })
        .collect();
    for owed in history.owed.values() {
        let (event, versions) = (&history.events[owed.event], &history.webhooks[owed.webhook].versions);
        let then = versions.iter().rev().find(|version| version.order < event.order);
        let was_active = then.is_some_and(|version| version.is_active);
        let mut later =
            versions.iter().filter(|version| event.order < version.order && version.at < event.at + SEEN_MS);
        let has_row = ended.contains(&(owed.webhook, owed.event));
        if owed.is_posted {
            truth.count(|counts| counts.posted += 1);
        }
        let may_differ = !owed.is_posted && later.any(|version| version.is_active != was_active);
        if !may_differ && (was_active || owed.is_posted) != has_row {
            let what = if has_row { "was sent" } else { "has no final row" };
            return Err(format!("event {} {what} for webhook {}", owed.event, owed.webhook));
        }
    }
    Ok(())
}

/// Checks promise 7: a delivery that its queue refuses for good, or whose script is never evaluated in time, ends with that
/// reason, unsent, and no other does.
pub(super) fn what_can_never_be_sent_ends_alone(truth: &Truth<'_>) -> Result<(), String> {
    for (webhook, rows) in truth.rows.iter().enumerate() {
        for row in rows.iter().filter(|row| row.has_ended() && !row.row.is_replay) {
            let owed = truth.history.owed.get(&row.row.delivery);
            let is_late = truth.setup.is_late(webhook) && owed.is_some_and(|owed| !owed.is_posted);
            let is_unsendable = is_late || truth.setup.refuses(row.row.delivery);
            let class = row.row.attempt.outcome.error();
            let has_reason =
                matches!(class, Some(ErrorClass::Filter | ErrorClass::Template | ErrorClass::DeadLettered));
            // It was skipped, or dropped with all waiting ones, before its reason was seen. Or its message, which ends it,
            // was parked: the log has all that recover needs to send it, unless there is no URL.
            let is_excused =
                matches!(class, Some(ErrorClass::Disabled | ErrorClass::Skipped | ErrorClass::Expired))
                    || !is_late && truth.is_recovery(row.run);
            truth.count(|counts| counts.unsendable += u64::from(has_reason));
            if has_reason != is_unsendable && !(is_unsendable && is_excused) {
                let number = row.number();
                return Err(format!(
                    "webhook {webhook} row {number:?} has {class:?}, unsendable: {is_unsendable}"
                ));
            }
        }
    }
    Ok(())
}

/// Checks promise 7: an event that was accepted after the response to a webhook's change sees that change.
pub(super) fn an_event_uses_its_webhook_as_accepted_or_newer(truth: &Truth<'_>) -> Result<(), String> {
    for (webhook, rows) in truth.rows.iter().enumerate() {
        let versions = &truth.history.webhooks[webhook].versions;
        for row in rows {
            // Read when the run began, at the earliest.
            let began_at = truth.history.runs[row.run].at;
            let known = versions.iter().filter(|version| version.at < began_at).count() as u64;
            if row.row.version + 1 < known {
                return Err(format!(
                    "webhook {webhook} row {:?}: version {} is out of date",
                    row.number(),
                    row.row.version
                ));
            }
        }
    }
    Ok(())
}

/// Checks that a valid event is never dead-lettered, and that an invalid one always is, once.
pub(super) fn only_invalid_events_are_dead_lettered(truth: &Truth<'_>) -> Result<(), String> {
    let history = truth.history;
    if history.dead_deliveries != 0 {
        return Err(format!("{} deliveries are in the dead-letter queue", history.dead_deliveries));
    }
    let mut bad: Vec<&str> =
        history.events.iter().filter(|event| event.kind.is_none()).map(|event| event.body.as_ref()).collect();
    let mut dead: Vec<&str> = history.dead_events.iter().map(AsRef::as_ref).collect();
    bad.sort_unstable();
    dead.sort_unstable();
    dead.dedup();
    if bad == dead { Ok(()) } else { Err(format!("dead events {dead:?} instead of {bad:?}")) }
}
