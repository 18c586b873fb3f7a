//! A run as a person reads it: one line for each fact, in order of time.

use std::fmt::Write as _;

use hookrail_pipeline::store::Recorded;

use crate::history::{AttemptFact, Entry, History, PutFact, RunEnd, RunFact};
use crate::setup::Setup;
use crate::time::BEGIN;

/// Returns all lines, with the time since the beginning in seconds.
pub(crate) fn render(setup: &Setup, history: &History) -> String {
    let mut text = format!(
        "seed {}: {:?}, {:?}, batch {}, concurrency {}, {} queue(s), latency {} ms, poll {} ms, skew {} ms, {:?}\n",
        setup.seed,
        setup.group_lock,
        setup.suspension,
        setup.batch_size,
        setup.concurrency,
        setup.queues,
        setup.latency_ms,
        setup.poll_ms,
        setup.skew_ms,
        setup.policy,
    );
    for (index, (webhook, plan)) in history.webhooks.iter().zip(&setup.webhooks).enumerate() {
        let (company, trigger, receiver) = (webhook.company, webhook.trigger, &plan.receiver);
        let _infallible = writeln!(text, "webhook {index} of company {company}: {trigger:?}, {receiver:?}");
    }
    for entry in &history.order {
        let (at, line) = line(history, *entry);
        let ms = at.saturating_sub(BEGIN);
        let _infallible = writeln!(text, "{:>8}.{:03}  {line}", ms / 1000, ms % 1000);
    }
    text
}

fn line(history: &History, entry: Entry) -> (u64, String) {
    match entry {
        Entry::Action(index) => {
            let (at, action) = history.actions[index];
            (at, format!("{action:?}"))
        }
        Entry::Accepted(index) => {
            let event = &history.events[index];
            (event.at, format!("event {index} of company {} is accepted", event.company))
        }
        Entry::Began(run) => {
            let RunFact { function, groups, messages, at, .. } = &history.runs[run];
            (*at, format!("run {run}: {function:?} of {groups:?}, {messages} message(s)"))
        }
        Entry::Ended(run) => {
            let (at, how) = history.runs[run].ended.unwrap_or((BEGIN, RunEnd::Dropped));
            (at, format!("run {run}: {how:?}"))
        }
        Entry::Fault(index) => {
            let fault = &history.faults[index];
            (fault.at, format!("run {}: FAULT {:?}", fault.run, fault.what))
        }
        Entry::Sent(index) => {
            let attempt = &history.attempts[index];
            let verb = if attempt.arrived { "POST" } else { "cannot connect" };
            (attempt.at, format!("{} {verb}", name(history, attempt)))
        }
        Entry::Responded(index) => {
            let attempt = &history.attempts[index];
            let text = format!("{} status {}", name(history, attempt), attempt.outcome.status());
            (attempt.answered_at.unwrap_or(BEGIN), text)
        }
        Entry::Put(index) => {
            let PutFact { at, run, webhook, number, result } = &history.puts[index];
            let result = match result {
                Some(Recorded::Mine) => "is written",
                Some(Recorded::Another) => "IS ANOTHER'S",
                None => "fails",
            };
            (*at, format!("run {run}: webhook {webhook} row {}.{} {result}", number.sequence, number.attempt))
        }
    }
}

fn name(history: &History, attempt: &AttemptFact) -> String {
    let AttemptFact { run, webhook, number, .. } = attempt;
    let event = history.owed.get(&attempt.delivery).map_or(usize::MAX, |owed| owed.event);
    format!("run {run}: webhook {webhook} event {event} ({}.{})", number.sequence, number.attempt)
}
