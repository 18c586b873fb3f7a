//! What is set aside: nothing of it is lost, doubled or overtaken.

use hookrail_domain::attempt::{ErrorClass, Outcome};

use super::truth::{Row, Truth};

/// Promise 8: events that were set aside come back one by one, and ahead of everything later.
pub(super) fn set_aside_events_come_back_in_order(truth: &Truth<'_>) -> Result<(), String> {
    for (webhook, rows) in truth.rows.iter().enumerate() {
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
            if from < to && !of_event.next_back().is_some_and(Row::has_ended) {
                return Err(format!("{} overtakes it", name()));
            }
            let ended_unsent = |sequence: u64| {
                let mut of_event = rows.iter().filter(|row| row.number().sequence == sequence);
                of_event.any(|row| row.has_ended() && row.attempt.is_none())
            };
            if let Some(missing) = (from + 1..to).find(|sequence| !ended_unsent(*sequence)) {
                return Err(format!("{} leaves out sequence {missing}", name()));
            }
            truth.count(|counts| counts.recovered += u64::from(truth.is_recovery(row.run)));
        }
    }
    Ok(())
}

/// An answer of success is the last request but for those that nothing was recorded of.
pub(super) fn what_was_accepted_is_not_sent_again(truth: &Truth<'_>) -> Result<(), String> {
    for (webhook, rows) in truth.rows.iter().enumerate() {
        for of_event in rows.chunk_by(|one, other| one.number().sequence == other.number().sequence) {
            let accepted = of_event.iter().position(|row| row.row.attempt.outcome.is_success());
            if accepted.is_some_and(|accepted| accepted + 1 < of_event.len()) {
                return Err(format!("webhook {webhook}: event {} was accepted before", of_event[0].event));
            }
        }
    }
    Ok(())
}

/// Promise 8: an outage loses nothing. The run of events that were given up is sent again.
pub(super) fn what_led_to_a_suspension_is_sent_again(truth: &Truth<'_>) -> Result<(), String> {
    let suspend_after = truth.setup.suspension.suspend_after;
    if suspend_after == 0 {
        return Ok(());
    }
    for (webhook, rows) in truth.rows.iter().enumerate() {
        for last in rows.iter().filter(|row| suspend_after <= row.row.given_up && row.has_ended()) {
            truth.count(|counts| counts.suspensions += 1);
            let sequence = last.number().sequence;
            for lost in (sequence + 1 - u64::from(last.row.given_up))..=sequence {
                let mut of_event = rows.iter().filter(|row| row.number().sequence == lost);
                if !of_event.any(|row| truth.is_recovery(row.run)) {
                    return Err(format!(
                        "webhook {webhook}: sequence {lost} was given up and never sent again"
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Promise 8: what is parked is recover's to send.
pub(super) fn what_is_parked_is_sent_by_recover_alone(truth: &Truth<'_>) -> Result<(), String> {
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
