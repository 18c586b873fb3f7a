//! One webhook's part of a batch, strictly in order. Holds back the rest after the first record that must wait.

use hookrail_adapters::clock::Clock;
use hookrail_adapters::notices;
use hookrail_adapters::queue::{HoldResult, Outgoing, Queue, SendResult};
use hookrail_adapters::records::{Lost, Record};
use hookrail_adapters::sender::Sender;
use hookrail_adapters::store::{LineKey, LogStore};
use hookrail_adapters::telemetry::Chain;
use hookrail_domain::delivery::Delivery;
use hookrail_domain::line::{Progress, Standing, standing};
use hookrail_domain::notice::Notice;
use hookrail_domain::retry::fault_hold_seconds;
use hookrail_domain::suspension::Course;
use hookrail_wire::queue_message;

use crate::attempt::{self, Attempted};
use crate::line::{self, Line};
use crate::{App, Invocation, parking};

/// Steps of one message: each line state is met at most a few times before it ends, waits or is parked.
const TURNS_MAX: usize = 8;
/// How long a fresh message waits while recover sends the last parked ones, in seconds.
const HAND_OVER_HOLD_SECONDS: u64 = 1;

/// What a record turned out to be.
#[derive(Debug)]
enum Message {
    Delivery(Box<Delivery>),
    /// It can never succeed, for this reason.
    Poison(String),
}

/// The records of one queue group, decoded.
#[derive(Debug)]
pub struct Group {
    line: Option<LineKey>,
    messages: Vec<(Record, Message)>,
}

impl Group {
    /// Decodes each record by itself. The first delivery names the line; one of another line is poison.
    #[must_use]
    pub fn new(records: Vec<Record>) -> Self {
        let mut line: Option<LineKey> = None;
        let mut messages = Vec::with_capacity(records.len());
        for record in records {
            let message = match queue_message::decode(&record.body) {
                Err(invalid) => Message::Poison(invalid.to_string()),
                Ok(delivery) => {
                    let key =
                        LineKey { company: delivery.company.clone(), subscription: delivery.subscription };
                    let own = delivery.subscription.to_string() == record.group;
                    if own && *line.get_or_insert_with(|| key.clone()) == key {
                        Message::Delivery(Box::new(delivery))
                    } else {
                        Message::Poison("the message names another webhook than its group".to_owned())
                    }
                }
            };
            messages.push((record, message));
        }
        Self { line, messages }
    }

    /// The line of the group's deliveries; none when every record is poison.
    #[must_use]
    pub fn line(&self) -> Option<&LineKey> {
        self.line.as_ref()
    }

    /// Leaves alone what another run may hold, and returns its ids.
    pub(crate) fn cut_off(&mut self, lost: &Lost) -> Vec<String> {
        lost.cut_off(&mut self.messages, |(record, _)| record)
    }
}

/// What became of a group: message ids that stay in the queue, and receipt handles of those that ended.
#[derive(Debug, Default)]
pub struct GroupEnd {
    pub failed: Vec<String>,
    pub finished: Vec<String>,
}

/// What the queue is told about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It has ended, or it never was a delivery.
    Ack,
    /// It and everything behind it stay hidden for so many seconds.
    Hold { seconds: u64 },
    /// Another run holds the group: not a finger on it.
    LeaveAlone,
}

/// Runs the group's messages one after another until one must wait.
pub(crate) async fn run<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    queue_url: &str,
    (group, line): (Group, Option<Line>),
    invocation: &Invocation,
) -> GroupEnd {
    let Some(line) = line else { return hold_for_fault(app, queue_url, &group.messages).await };
    let mut line = group.line.as_ref().zip(Some(line));
    let mut end = GroupEnd::default();
    for (index, (record, message)) in group.messages.iter().enumerate() {
        let rest = group.messages.get(index..).unwrap_or_default();
        let verdict = match message {
            Message::Poison(reason) => reject(app, record, reason).await,
            Message::Delivery(delivery) => match &mut line {
                Some((key, line)) => deliver(app, (key, line), (record, delivery), invocation).await,
                // The first delivery of a group names its line.
                None => Verdict::LeaveAlone,
            },
        };
        match verdict {
            Verdict::Ack => end.finished.push(record.receipt_handle.clone()),
            Verdict::Hold { seconds } => {
                hold(app, queue_url, rest, seconds).await;
                end.failed.extend(rest.iter().map(|(record, _)| record.message_id.clone()));
                break;
            }
            Verdict::LeaveAlone => {
                end.failed.extend(rest.iter().map(|(record, _)| record.message_id.clone()));
                break;
            }
        }
    }
    end
}

async fn deliver<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    (key, line): (&LineKey, &mut Line),
    (record, delivery): (&Record, &Delivery),
    invocation: &Invocation,
) -> Verdict {
    let fault = Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) };
    // Every turn leads to the next step of this message, or reads a line that has moved again.
    for _ in 0..TURNS_MAX {
        let now = app.clock.now();
        let policy = &app.config.suspension.of(line.settings.subscription.as_ref());
        let state = &line.settings.line;
        let last_is_parked = line.last.as_ref().is_some_and(|last| last.progress == Progress::Parked);
        let is_active = line.settings.subscription.as_ref().is_some_and(|one| one.is_active);
        if state.aside.is_none() && (last_is_parked || !is_active && !line.is_reread) {
            // The line was set aside between two reads, or the webhook deactivated.
            match line::read_again(app, key).await {
                Some(now) => *line = now,
                None => return fault,
            }
            continue;
        }
        // Before anything else, and before a message that has ended is let go: a crash after the row that made it due
        // is repaired here.
        // Nothing of a deactivated webhook is kept unless its line says so.
        let may_suspend = is_active || state.aside.is_some();
        if let Some(suspended) = state.suspended(line.last.as_ref(), policy, now).filter(|_| may_suspend) {
            match parking::set_aside(app, key, line, suspended).await {
                Ok(()) => continue,
                Err(parking::Fault) => return fault,
            }
        }
        let number = match standing(line.last.as_ref(), state.sequence_floor, delivery, &record.position, now)
        {
            Standing::Ended => {
                tell_exhausted(app, line, delivery).await;
                return Verdict::Ack;
            }
            Standing::Early { seconds } => return Verdict::Hold { seconds },
            Standing::Due(number) => number,
        };
        let course = if state.aside.is_none() && !is_active {
            // It ends at once as what it is: an event of a webhook that was deactivated.
            Course::Send
        } else {
            state.course((number.sequence, number.attempt), record.sent_at, policy, now)
        };
        match course {
            Course::SetAside(aside) => match parking::set_aside(app, key, line, *aside).await {
                Ok(()) => {}
                Err(parking::Fault) => return fault,
            },
            Course::Parked => return Verdict::Ack,
            Course::HoldBack => return Verdict::Hold { seconds: HAND_OVER_HOLD_SECONDS },
            Course::Park => {
                let place = (delivery, &record.position, number);
                match parking::park(app, key, line, place, invocation).await {
                    Ok(true) => return Verdict::Ack,
                    Ok(false) => {}
                    Err(parking::Fault) => return fault,
                }
            }
            Course::Send => {
                let place = (delivery, &record.position, number);
                match attempt::make(app, line, place, invocation).await {
                    Attempted::Recorded { row, retry_after_seconds } => {
                        line.last = Some(row);
                        if let Some(seconds) = retry_after_seconds {
                            return Verdict::Hold { seconds };
                        }
                    }
                    Attempted::OutOfTime => return Verdict::Hold { seconds: 0 },
                    Attempted::Overtaken => return Verdict::LeaveAlone,
                    Attempted::Fault => return fault,
                }
            }
        }
    }
    tracing::error!(subscription.id = %key.subscription, "a line keeps moving");
    fault
}

/// Tells that a delivery was given up, before its message is let go: a crash after its row is made up for.
async fn tell_exhausted<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    line: &Line,
    delivery: &Delivery,
) {
    let (Some(webhook), Some(last)) = (&line.settings.subscription, &line.last) else { return };
    if last.delivery == delivery.id && last.progress == Progress::Ended && 0 < last.given_up {
        let (number, status, at) = (last.number, last.status, app.clock.now());
        let notice = Notice::Exhausted { delivery: delivery.id, number, at, status };
        notices::tell(&app.queue, &app.config.notices, (webhook, &notice)).await;
    }
}

/// Copies a message that can never succeed to the dead-letter queue, so that it does not hold up its group.
async fn reject<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    record: &Record,
    reason: &str,
) -> Verdict {
    tracing::error!(message.id = %record.message_id, reason, "a message is no delivery");
    let copy = Outgoing::dead_letter(record, "poison", reason);
    match app.queue.send(&app.config.deliveries_dlq_url, &[copy]).await {
        Ok(results) if results.iter().all(SendResult::is_sent) => Verdict::Ack,
        Ok(_) => Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) },
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "a message could not be dead-lettered");
            Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) }
        }
    }
}

async fn hold_for_fault<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    queue_url: &str,
    messages: &[(Record, Message)],
) -> GroupEnd {
    let receive_count = messages.first().map_or(1, |(record, _)| record.receive_count);
    hold(app, queue_url, messages, fault_hold_seconds(receive_count)).await;
    let failed = messages.iter().map(|(record, _)| record.message_id.clone()).collect();
    GroupEnd { failed, finished: Vec::new() }
}

/// Hides the failed record and everything behind it, at once: followers left at the queue's own visibility would
/// keep the group closed long after the head is due. Entries that fail are tried once more; then they are late,
/// never out of order.
async fn hold<S: LogStore, Q: Queue, H: Sender, C: Clock>(
    app: &App<S, Q, H, C>,
    queue_url: &str,
    rest: &[(Record, Message)],
    seconds: u64,
) {
    let mut holds: Vec<_> = rest.iter().map(|(record, _)| (record.receipt_handle.clone(), seconds)).collect();
    for _ in 0..2 {
        match app.queue.hold(queue_url, &holds).await {
            Ok(results) => {
                let mut failed = results.iter().map(|result| *result == HoldResult::Failed);
                holds.retain(|_| failed.next().unwrap_or(false));
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "a hold failed");
            }
        }
        if holds.is_empty() {
            return;
        }
    }
    tracing::warn!(count = holds.len(), "records come back when their claim runs out");
}
