//! One wake-up: whether there is anything to do for its line, and who does it.

use hookrail_adapters::clock::Clock;
use hookrail_adapters::notices;
use hookrail_adapters::queue::Queue;
use hookrail_adapters::records::{CLAIM_SLACK_SECONDS, Record};
use hookrail_adapters::sender::Sender;
use hookrail_adapters::store::{Change, LineKey, LineSettings, LogStore};
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::aside::{Lease, PROBE_SECONDS_MAX};
use hookrail_domain::notice::Notice;
use hookrail_domain::retry::fault_hold_seconds;
use hookrail_domain::time::Millis;
use hookrail_wire::wake_up::WakeUp;

use crate::{App, Invocation, Verdict, drain};

/// Hold when a line moved while it was looked at, in seconds.
const MOVED_HOLD_SECONDS: u64 = 1;

/// Does what a line needs, if it is this wake-up's turn.
pub(crate) async fn run<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    record: &Record,
    invocation: &Invocation,
) -> Verdict {
    let wake_up = match WakeUp::decode(&record.body) {
        Ok(wake_up) => wake_up,
        Err(error) => {
            tracing::error!(message.id = %record.message_id, error = %Chain(&error), "a message is no wake-up");
            return Verdict::Ack;
        }
    };
    let fault = Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) };
    let key = LineKey { company: wake_up.company.clone(), subscription: wake_up.subscription };
    let Some(settings) = read(app, &key).await else { return fault };
    let settings = tell(app, &key, settings).await;
    let now = app.clock.now();
    let Some(aside) = settings.line.aside.as_ref().filter(|_| settings.line.wake == wake_up.wake) else {
        return Verdict::Ack;
    };
    let is_active = settings.subscription.as_ref().is_some_and(|subscription| subscription.is_active);
    let is_kept = !is_active && !aside.is_dropped;
    if now < aside.due_at {
        return if is_kept { Verdict::Ack } else { until(aside.due_at, now) };
    }
    if let Some(lease) = aside.lease.as_ref().filter(|lease| now < lease.until && lease.run != invocation.run)
    {
        return until(lease.until, now);
    }
    if is_kept {
        return put_off(app, &key, &settings, now).await;
    }
    let lease =
        Lease { run: invocation.run.clone(), until: invocation.deadline.plus_seconds(CLAIM_SLACK_SECONDS) };
    let Some(leased) = settings.line.leased(lease) else { return Verdict::Ack };
    match app.store.change_line(&key, &settings.line, &leased).await {
        Ok(Change::Done) => {
            let settings = LineSettings { line: leased, ..settings };
            drain::run(app, &key, settings, invocation).await.unwrap_or(fault)
        }
        Ok(Change::Lost) => Verdict::Hold { seconds: MOVED_HOLD_SECONDS },
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "a line could not be taken");
            fault
        }
    }
}

/// Tells what has happened to a line and has not been told. If that fails, whoever looks next does it.
pub(crate) async fn tell<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    settings: LineSettings,
) -> LineSettings {
    let Some(webhook) = settings.subscription.as_ref().filter(|_| !settings.line.notices.is_empty()) else {
        return settings;
    };
    for notice in &settings.line.notices {
        let notice = Notice::Line(*notice);
        if !notices::tell(&app.queue, &app.config.notices, (webhook, &notice)).await {
            return settings;
        }
    }
    let told = settings.line.told();
    match app.store.change_line(key, &settings.line, &told).await {
        Ok(Change::Done) => LineSettings { line: told, ..settings },
        // What was told is told again, and taken once.
        Ok(Change::Lost) => settings,
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "a line could not be written");
            settings
        }
    }
}

/// The line and its settings. None where a table did not answer.
pub(crate) async fn read<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
) -> Option<LineSettings> {
    match app.store.settings(std::slice::from_ref(key)).await {
        Ok(settings) => settings.into_iter().next(),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "a line could not be read");
            None
        }
    }
}

/// A webhook that was deactivated keeps what is parked. Its wake-up ends; activation sends another one, and the schedule
/// does so now and then in case that one is lost.
pub(crate) async fn put_off<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    settings: &LineSettings,
    now: Millis,
) -> Verdict {
    let due_at = now.plus_seconds(PROBE_SECONDS_MAX);
    let Some(later) = settings.line.put_off(due_at) else { return Verdict::Ack };
    match app.store.change_line(key, &settings.line, &later).await {
        Ok(Change::Done) => Verdict::Ack,
        Ok(Change::Lost) => Verdict::Hold { seconds: MOVED_HOLD_SECONDS },
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "a line could not be put off");
            until(due_at, now)
        }
    }
}

/// Comes back at `at`, in whole seconds and never before.
pub(crate) fn until(at: Millis, now: Millis) -> Verdict {
    Verdict::Hold { seconds: at.since(now).div_ceil(1000) }
}
