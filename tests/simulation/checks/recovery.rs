//! Backlogs: none of their events is lost, doubled or overtaken.

use hookrail_domain::attempt::{ErrorClass, Outcome};

use super::truth::{Row, Truth};

/// Checks promise 8: parked events come back one by one, and ahead of everything later.
pub(super) fn parked_events_are_delivered_in_order(truth: &Truth<'_>) -> Result<(), String> {
    for (webhook, rows) in truth.rows.iter().enumerate() {
        let was_touched = truth.was_touched(webhook);
        let mut sent: Vec<&Row<'_>> = rows.iter().filter(|row| row.attempt.is_some()).collect();
        sent.sort_by_key(|row| (row.at, row.number()));
        for pair in sent.windows(2) {
            let [before, row] = pair else { continue };
            let (from, to) = (before.number().sequence, row.number().sequence);
            let name = || format!("webhook {webhook} row {:?} after {:?}", row.number(), before.number());
            if to < from && !truth.is_recovery(row.run) {
                return Err(format!("{} goes back", name()));
            }
            let mut of_event = rows.iter().filter(|one| one.number().sequence == from && one.at <= row.at);
            // An invocation of deliver that read the queue before a person's change continues to its end
            // (SEMANTICS).
            let began_before = truth.history.runs[row.run].at <= before.began_at();
            let goes_on = was_touched && began_before && !truth.is_recovery(row.run);
            if from < to && !goes_on && !of_event.next_back().is_some_and(Row::has_ended) {
                return Err(format!("{} overtakes it", name()));
            }
            // Events that deliver sent are skipped: while a person opened the backlog, or before a replayed
            // range.
            let ended_unsent = |sequence: u64| {
                let mut of_event = rows.iter().filter(|row| row.number().sequence == sequence);
                of_event
                    .any(|one| one.has_ended() && (one.attempt.is_none() || was_touched && one.at <= row.at))
            };
            if let Some(missing) = (from + 1..to).find(|sequence| !ended_unsent(*sequence)) {
                return Err(format!("{} leaves out sequence {missing}", name()));
            }
            truth.count(|counts| counts.recovered += u64::from(truth.is_recovery(row.run)));
        }
    }
    Ok(())
}

/// Checks that an accepting response is the last request, except for requests without a row, and replayed
/// ones.
pub(super) fn accepted_events_are_not_sent_again(truth: &Truth<'_>) -> Result<(), String> {
    for (webhook, rows) in truth.rows.iter().enumerate() {
        for of_event in rows.chunk_by(|one, other| one.number().sequence == other.number().sequence) {
            let accepted = of_event.iter().position(|row| row.row.attempt.outcome.is_success());
            let after = of_event.iter().skip(accepted.map_or(of_event.len(), |accepted| accepted + 1));
            if after.into_iter().any(|row| !row.row.is_replay) {
                return Err(format!("webhook {webhook}: event {} was accepted before", of_event[0].event));
            }
        }
    }
    Ok(())
}

/// Checks promise 8: an outage loses nothing. The run of exhausted events is sent again.
pub(super) fn events_that_caused_a_suspension_are_sent_again(truth: &Truth<'_>) -> Result<(), String> {
    let suspend_after = truth.setup.suspension.suspend_after;
    for (webhook, rows) in truth.rows.iter().enumerate() {
        for last in rows.iter().filter(|row| 0 < row.row.given_up && row.has_ended()) {
            let is_dead = 0 < suspend_after && suspend_after <= last.row.given_up;
            let is_gone = last.row.attempt.outcome.is_gone();
            let run = if is_dead { last.row.given_up } else { u32::from(is_gone) };
            truth.count(|counts| {
                counts.suspensions += u64::from(is_dead);
                counts.gone += u64::from(is_gone);
            });
            let sequence = last.number().sequence;
            let began_at = truth.history.runs[last.run].at;
            if truth.was_dropped(webhook, began_at) {
                continue;
            }
            // A retry while its last attempt was under way has taken this event alone out of the run.
            let run = if truth.was_woken(webhook, (began_at, last.at)) { run.min(1) } else { run };
            for lost in (sequence + 1 - u64::from(run))..=sequence {
                let mut of_event = rows.iter().filter(|row| row.number().sequence == lost);
                if !of_event.any(|row| truth.is_recovery(row.run)) {
                    return Err(format!(
                        "webhook {webhook}: sequence {lost} was exhausted and never sent again"
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Checks promise 8: a run of exhausted events as long as suspends a webhook shows the state of the endpoint, and is sent
/// again.
pub(super) fn events_refused_in_an_outage_are_sent_again(truth: &Truth<'_>) -> Result<(), String> {
    let suspend_after = truth.setup.suspension.suspend_after as usize;
    if suspend_after < 2 {
        return Ok(());
    }
    for (webhook, rows) in truth.rows.iter().enumerate().filter(|(webhook, _)| !truth.was_touched(*webhook)) {
        let mut sent: Vec<&Row<'_>> =
            rows.iter().filter(|row| truth.is_recovery(row.run) && row.has_ended()).collect();
        sent.sort_by_key(|row| (row.at, row.number()));
        // Of an event that was parked after the one before had ended: that one may have closed the backlog.
        let is_parked_after = |row: &Row<'_>, ended_at: u64| {
            let first = rows.iter().find(|one| one.number().sequence == row.number().sequence);
            first.is_some_and(|first| ended_at <= first.at)
        };
        let mut run: Vec<&Row<'_>> = Vec::new();
        for row in sent {
            let is_next = run.last().is_none_or(|last| {
                last.number().sequence + 1 == row.number().sequence && !is_parked_after(row, last.at)
            });
            if row.attempt.is_none() || row.row.attempt.outcome.is_success() || !is_next {
                run.clear();
            }
            if row.attempt.is_some() && !row.row.attempt.outcome.is_success() {
                run.push(row);
            }
            if run.len() < suspend_after {
                continue;
            }
            truth.count(|counts| counts.outages += 1);
            for lost in run.drain(..) {
                let mut again = rows.iter().filter(|one| one.number().sequence == lost.number().sequence);
                if !again.any(|one| lost.number().attempt < one.number().attempt) {
                    let sequence = lost.number().sequence;
                    return Err(format!("webhook {webhook}: sequence {sequence} was lost in an outage"));
                }
            }
        }
    }
    Ok(())
}

/// Checks promise 8: only recover sends parked events.
pub(super) fn parked_events_are_sent_by_recover_only(truth: &Truth<'_>) -> Result<(), String> {
    for (webhook, rows) in truth.rows.iter().enumerate() {
        for pair in rows.windows(2) {
            let [parked, row] = pair else { continue };
            let is_parked =
                matches!(parked.row.attempt.outcome, Outcome::Unsent { error: ErrorClass::Parked, .. });
            if !is_parked || parked.number().sequence != row.number().sequence {
                continue;
            }
            truth.count(|counts| counts.parked += 1);
            if !truth.is_recovery(row.run) {
                return Err(format!("webhook {webhook}: row {:?} is not recover's", row.number()));
            }
        }
    }
    Ok(())
}

/// Checks that a replay sends every event of its range, oldest first, unless it is cancelled.
pub(super) fn a_replay_sends_every_requested_event(truth: &Truth<'_>) -> Result<(), String> {
    for replay in &truth.history.replays {
        let until = replay.cancelled_at.unwrap_or(u64::MAX);
        let of_replay = |row: &Row<'_>| row.row.is_replay && (replay.at..=until).contains(&row.began_at());
        let mut before = 0;
        for sequence in &replay.wanted {
            let of_event = |row: &&Row<'_>| row.number().sequence == *sequence;
            let mut rows = truth.rows[replay.webhook].iter().filter(of_event);
            // A request that was open when the replay was requested may still have been accepted.
            let mut late = rows.clone().filter(|row| row.began_at() <= replay.at && replay.at <= row.at);
            if late.any(|row| row.row.attempt.outcome.is_success()) {
                continue;
            }
            // In its turn: the open request of a replay that was cancelled before this one may come at any
            // time.
            let Some(first) = rows.find(|row| of_replay(row) && before <= row.at) else {
                if replay.cancelled_at.is_some() {
                    break;
                }
                let webhook = replay.webhook;
                return Err(format!("webhook {webhook}: sequence {sequence} was not replayed in its turn"));
            };
            before = first.at;
            truth.count(|counts| counts.replayed += 1);
        }
    }
    Ok(())
}
