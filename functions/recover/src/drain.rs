//! Sends what is set aside, one event after another, as long as the endpoint answers and time is left.

use hookrail_adapters::clock::Clock;
use hookrail_adapters::notices;
use hookrail_adapters::queue::Queue;
use hookrail_adapters::sender::Sender;
use hookrail_adapters::store::{Change, LineKey, LineSettings, LogStore, Recorded, Replacement, StoreError};
use hookrail_adapters::telemetry;
use hookrail_adapters::telemetry::Chain;
use hookrail_deliver::attempt::{EXHAUSTED, fits, send, started, tell as log};
use hookrail_domain::aside::{Aside, PROBE_SECONDS_MAX};
use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome};
use hookrail_domain::delivery::{Delivery, Destination, Unsendable};
use hookrail_domain::intervention::Waiting;
use hookrail_domain::line::Progress;
use hookrail_domain::log_row::{LogRow, address};
use hookrail_domain::notice::{LineChange, Notice};
use hookrail_domain::replay::Replay;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::suspension::{Line, Step};
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;

use crate::page::{LoggedEvent, Page};
use crate::wake_up::{put_off, read, tell, until};
use crate::{App, Invocation, Verdict};

/// How long an event may be parked before it ends, in days. It ends in its turn, by recover, never by the table's own
/// expiry.
pub const PARKED_DAYS_MAX: u64 = 30;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What the log says of an event that waited for a webhook when it was deactivated, and was not to be kept.
const DROPPED: &str = "the webhook was deactivated, and what waited was dropped";
/// What the log says of an event that was parked for too long.
const EXPIRED: &str = "the endpoint did not answer for as long as parked events are kept";

/// What one event led to.
enum Sent {
    /// The line as it is now.
    GoOn(Box<Line>),
    /// Somebody else changed it: nothing was written.
    Lost,
    /// A fault of ours; the reason is logged.
    Fault,
}

/// Sends until the line is active, must wait, or time is up. None for a fault of ours.
pub(crate) async fn run<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    mut settings: LineSettings,
    invocation: &Invocation,
) -> Option<Verdict> {
    let mut page = Page::default();
    loop {
        let now = app.clock.now();
        let aside = settings.line.aside.as_ref().filter(|aside| is_mine(aside, invocation));
        let Some(aside) = aside else { return Some(Verdict::Ack) };
        if let Some(version) = aside.gone {
            return retire(app, key, &settings, version).await;
        }
        if !aside.is_dropped
            && !settings.subscription.as_ref().is_some_and(|subscription| subscription.is_active)
        {
            return Some(put_off(app, key, &settings, now).await);
        }
        if now < aside.due_at {
            let at = aside.due_at;
            return release(app, key, &settings.line, at).await.map(|()| until(at, now));
        }
        if let Some(active) = settings.line.closed() {
            match change(app, key, &settings.line, &active).await? {
                Change::Done => {
                    tracing::info!(subscription.id = %key.subscription, "a webhook is active again");
                    return Some(Verdict::Ack);
                }
                // More was parked meanwhile.
                Change::Lost => {
                    page.forget();
                    settings = read(app, key).await?;
                    continue;
                }
            }
        }
        if !fits(invocation, now, app.config.policy.timeout_seconds) {
            let at = aside.due_at;
            return release(app, key, &settings.line, at).await.map(|()| Verdict::Hold { seconds: 0 });
        }
        let sent = match settings.line.replay.as_ref().filter(|_| settings.line.is_replaying()) {
            Some(replay) => send_again(app, key, &settings, (&mut page, replay), invocation).await,
            None => next(app, key, &settings, (&mut page, aside.next), invocation).await,
        };
        match sent {
            Sent::GoOn(line) => {
                settings = tell(app, key, LineSettings { line: *line, ..settings }).await;
            }
            Sent::Lost => {
                page.forget();
                settings = read(app, key).await?;
            }
            Sent::Fault => return None,
        }
    }
}

fn is_mine(aside: &Aside, invocation: &Invocation) -> bool {
    aside.lease.as_ref().is_some_and(|lease| lease.run == invocation.run)
}

/// Ends this run's work on the line, which goes on at `due_at`. Lost or not, it is no longer this run's.
async fn release<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    line: &Line,
    due_at: Millis,
) -> Option<()> {
    let released = line.put_off(due_at)?;
    change(app, key, line, &released).await.map(|_| ())
}

async fn change<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    from: &Line,
    to: &Line,
) -> Option<Change> {
    app.store
        .change_line(key, from, to)
        .await
        .inspect_err(|error| tracing::warn!(error = %Chain(error), "a line could not be written"))
        .ok()
}

/// Sends the head of what is set aside, or ends it without.
async fn next<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    settings: &LineSettings,
    (page, sequence): (&mut Page, u64),
    invocation: &Invocation,
) -> Sent {
    let parked = match page.find(&app.store, key, sequence).await {
        Ok(Some(parked)) => parked,
        Ok(None) => {
            tracing::error!(subscription.id = %key.subscription, sequence, "a parked event has no row");
            return Sent::Fault;
        }
        Err(error) => return fault(&error),
    };
    let number = parked.next_number();
    let now = app.clock.now();
    if parked.was_accepted {
        let Some(to) = settings.line.after_skip(now) else { return Sent::Lost };
        return match change(app, key, &settings.line, &to).await {
            Some(Change::Done) => Sent::GoOn(Box::new(to)),
            Some(Change::Lost) => Sent::Lost,
            None => Sent::Fault,
        };
    }
    let is_dropped = settings.line.aside.as_ref().is_some_and(|aside| aside.is_dropped);
    let is_too_old = PARKED_DAYS_MAX * DAY_MS <= now.since(parked.first.attempt.started_at);
    if is_dropped || is_too_old {
        let (error, reason) =
            if is_dropped { (ErrorClass::Disabled, DROPPED) } else { (ErrorClass::Expired, EXPIRED) };
        let outcome = Outcome::Unsent { error, reason: reason.to_owned() };
        let attempt = Attempt { number, started_at: now, duration_ms: 0, outcome };
        let Some(line) = settings.line.after_skip(now) else { return Sent::Lost };
        let step = Step { progress: Progress::Ended, is_given_up: false, line };
        let url = parked.first.url.clone();
        return record(app, settings, (page, &parked), (attempt, step, url), invocation).await;
    }
    attempt(app, settings, (page, &parked), &settings.line, invocation).await
}

/// Looks for the next event of a replay, and sends it. Its rows may have expired, and not all are asked for.
async fn send_again<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    settings: &LineSettings,
    (page, replay): (&mut Page, &Replay),
    invocation: &Invocation,
) -> Sent {
    let mut sequence = replay.next;
    loop {
        let found = match page.find_from(&app.store, key, sequence).await {
            Ok(found) => found.filter(|found| found.sequence() <= replay.range.last),
            Err(error) => return fault(&error),
        };
        let is_late = !fits(invocation, app.clock.now(), app.config.policy.timeout_seconds);
        let Some(found) = found.filter(|_| !is_late) else {
            // All is looked at, or as much as there was time for.
            let next = if is_late { sequence } else { replay.range.last + 1 };
            let to = settings.line.replay_at(next);
            return match change(app, key, &settings.line, &to).await {
                Some(Change::Done) => Sent::GoOn(Box::new(to)),
                Some(Change::Lost) => Sent::Lost,
                None => Sent::Fault,
            };
        };
        sequence = found.sequence();
        // The row that held its body may have expired before the others.
        if replay.range.wants(&found.newest) && found.first.body.is_some() {
            let line = settings.line.replay_at(sequence);
            return attempt(app, settings, (page, &found), &line, invocation).await;
        }
        sequence += 1;
    }
}

/// Makes an attempt at the head of `line` and records it with what it leads to.
async fn attempt<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    settings: &LineSettings,
    (page, parked): (&mut Page, &LoggedEvent),
    line: &Line,
    invocation: &Invocation,
) -> Sent {
    let number = parked.next_number();
    let Some(delivery) = delivery_of(&parked.first, settings.subscription.as_ref()) else {
        let AttemptNumber { sequence, .. } = number;
        tracing::error!(subscription.id = %parked.first.subscription, sequence, "an event has no body");
        return Sent::Fault;
    };
    let webhook = settings.subscription.as_ref();
    let delivery = match started(&app.store, webhook, (&delivery, number.sequence)).await {
        Ok(delivery) => delivery,
        Err(error) => return fault(&error),
    };
    let suspension = &app.config.suspension.of(webhook);
    let retry = &app.config.policy;
    let ports = (&app.sender, &app.clock);
    let Some(attempt) = send(ports, settings, (&delivery, number), retry.timeout_seconds).await else {
        return Sent::Fault;
    };
    let version = settings.subscription.as_ref().map_or(0, |webhook| webhook.version);
    let after = line.after_attempt((&attempt.outcome, version), (retry, suspension), app.clock.now());
    let Some(step) = after else { return Sent::Lost };
    log(&delivery, &attempt, step.progress);
    let exhausted = step.is_given_up.then(|| Notice::Exhausted {
        delivery: delivery.id,
        number,
        at: attempt.started_at,
        status: attempt.outcome.status(),
    });
    let url = address(webhook, &delivery.destination);
    let sent = record(app, settings, (page, parked), (attempt, step, url), invocation).await;
    if let (Sent::GoOn(_), Some(notice), Some(webhook)) = (&sent, exhausted, &settings.subscription) {
        telemetry::count(EXHAUSTED, 1, app.clock.now());
        notices::tell(&app.queue, &app.config.notices, (webhook, &notice)).await;
    }
    sent
}

/// Deactivates a webhook whose endpoint answered that it is gone, unless it was changed since.
async fn retire<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    key: &LineKey,
    settings: &LineSettings,
    version: u64,
) -> Option<Verdict> {
    let now = app.clock.now();
    let Some(webhook) = settings.subscription.as_ref().filter(|one| one.is_active && one.version == version)
    else {
        let to = settings.line.not_gone(now)?;
        return change(app, key, &settings.line, &to).await.map(|_| Verdict::Hold { seconds: 0 });
    };
    let later = now.plus_seconds(PROBE_SECONDS_MAX);
    let to = settings.line.deactivated(Waiting::Keep, None, now).put_off(later)?;
    let to = to.noting(LineChange::Deactivated, now);
    match app.store.replace_with_line((&webhook.gone()).into(), &settings.line, &to).await {
        Ok(Replacement::Done) => {
            tracing::warn!(subscription.id = %key.subscription, "a webhook's endpoint is gone; it is deactivated");
            let settings = LineSettings { line: to, subscription: Some(webhook.gone()), ..settings.clone() };
            tell(app, key, settings).await;
            Some(Verdict::Ack)
        }
        Ok(Replacement::Lost) => Some(Verdict::Hold { seconds: 0 }),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "a webhook could not be deactivated");
            None
        }
    }
}

/// Writes the row of an attempt and what it leads to, both or neither.
async fn record<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    settings: &LineSettings,
    (page, parked): (&mut Page, &LoggedEvent),
    (attempt, Step { progress, line: to, .. }, url): (Attempt, Step, String),
    invocation: &Invocation,
) -> Sent {
    let webhook = settings.subscription.as_ref();
    let row = LogRow {
        attempt,
        progress,
        given_up: 0,
        url,
        version: webhook.map_or(0, |webhook| webhook.version),
        is_replay: settings.line.is_replaying(),
        run: invocation.run.clone(),
        body: None,
        ..parked.first.clone()
    };
    match app.store.advance(&row, &settings.line, &to).await {
        Ok(Change::Done) => {
            page.see(&row);
            Sent::GoOn(Box::new(to))
        }
        Ok(Change::Lost) => keep(app, row).await,
        Err(error) => fault(&error),
    }
}

/// Writes the row of a request that was open while its line moved: a webhook was deactivated, a replay cancelled.
/// Whoever goes on with the line finds an accepted event as accepted, and tries any other again.
async fn keep<S: LogStore, Q: Queue, H: Sender, C: Clock>(app: &App<S, Q, H, C>, row: LogRow) -> Sent {
    let has_ended = row.is_replay || row.attempt.outcome.is_success();
    let progress = if has_ended { Progress::Ended } else { Progress::Parked };
    if matches!(row.attempt.outcome, Outcome::Unsent { .. }) {
        return Sent::Lost;
    }
    match app.store.put_row(&LogRow { progress, ..row }).await {
        Ok(Recorded::Mine | Recorded::Another) => Sent::Lost,
        Err(error) => fault(&error),
    }
}

fn fault(error: &StoreError) -> Sent {
    tracing::warn!(error = %Chain(error), "a table did not answer");
    Sent::Fault
}

/// The delivery of a parked row.
fn delivery_of(first: &LogRow, webhook: Option<&Subscription>) -> Option<Delivery> {
    Some(Delivery {
        id: first.delivery,
        event: first.event,
        company: first.company.clone(),
        subscription: first.subscription,
        accepted: first.accepted.clone(),
        // The row does not say when; no later than it was parked.
        accepted_at: first.attempt.started_at,
        destination: destination_of(first, webhook),
        body: first.body.clone()?,
    })
}

/// Where an event goes that has a row: fan-out made its URL, if its webhook has a template.
fn destination_of(first: &LogRow, webhook: Option<&Subscription>) -> Destination {
    if webhook.is_none_or(|webhook| webhook.platform().is_none()) {
        return Destination::Webhook;
    }
    TargetUrl::parse_unchecked(&first.url).map_or_else(
        |_none| {
            let reason = "the filter or the URL failed for this event, as its first row says".to_owned();
            Destination::Nowhere(Unsendable { class: ErrorClass::Template, reason })
        },
        Destination::Resolved,
    )
}
