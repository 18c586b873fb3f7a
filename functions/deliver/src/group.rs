//! One webhook's part of a batch, strictly in order. Holds back the rest after the first record that
//! must wait.

use hookrail_adapters::metrics::{self, Metric};
use hookrail_domain::decision::{Decision, decide};
use hookrail_domain::delivery::{Delivery, QueuedDelivery};
use hookrail_domain::operational_event::OperationalEvent;
use hookrail_domain::retry::fault_hold_seconds;
use hookrail_pipeline::batch::{Lost, Record};
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::fault::{ErrorChain, Fault};
use hookrail_pipeline::operational_events;
use hookrail_pipeline::ports::Ports;
use hookrail_pipeline::queue::{HoldResult, Outgoing, Queue as _, SendResult};
use hookrail_pipeline::store::WebhookKey;
use hookrail_wire::queue_message;

use crate::attempt::{self, Attempted};
use crate::reading::{self, Reading};
use crate::{App, Invocation, parking};

/// Steps of one message: each queue state is met at most a few times before the message ends, waits or
/// is parked.
const TURNS_MAX: usize = 8;

/// A record, decoded.
#[derive(Debug)]
enum Message {
    Delivery(Box<Delivery>),
    /// A message that can never succeed, with the reason.
    Poison(String),
}

/// The records of one queue group, decoded.
#[derive(Debug)]
pub struct Group {
    key: Option<WebhookKey>,
    messages: Vec<(Record, Message)>,
}

impl Group {
    /// Decodes each record by itself. The first delivery names the webhook; a delivery of another
    /// webhook is poison.
    #[must_use]
    pub fn new(records: Vec<Record>) -> Self {
        let mut webhook_key: Option<WebhookKey> = None;
        let mut messages = Vec::with_capacity(records.len());
        for record in records {
            let message = match queue_message::decode(&record.body) {
                Err(invalid) => Message::Poison(invalid.to_string()),
                Ok(delivery) => {
                    let key = WebhookKey::of_delivery(&delivery);
                    let own = delivery.webhook.to_string() == record.group;
                    if own && *webhook_key.get_or_insert_with(|| key.clone()) == key {
                        Message::Delivery(Box::new(delivery))
                    } else {
                        Message::Poison("message group does not match the webhook id".to_owned())
                    }
                }
            };
            messages.push((record, message));
        }
        Self { key: webhook_key, messages }
    }

    /// Returns the webhook of the group's deliveries; none if every record is poison.
    #[must_use]
    pub fn key(&self) -> Option<&WebhookKey> {
        self.key.as_ref()
    }

    /// Leaves alone the records that another run may hold, and returns their ids.
    pub(crate) fn split_lost(&mut self, lost: &Lost) -> Vec<String> {
        lost.split_lost(&mut self.messages, |(record, _)| record)
    }
}

/// The end of a group: message ids that stay in the queue, and receipt handles of messages that ended.
#[derive(Debug, Default)]
pub struct GroupEnd {
    pub failed: Vec<String>,
    pub finished: Vec<String>,
}

/// The verdict on a message, as reported to SQS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It has ended, or it is not a delivery.
    Ack,
    /// It and everything behind it stay hidden for this many seconds.
    Hold { seconds: u64 },
    /// Another run holds the group: its messages are not touched.
    LeaveAlone,
}

/// Runs the group's messages one after another until one must wait.
pub(crate) async fn run<P: Ports>(
    app: &App<P>,
    queue_url: &str,
    group: Group,
    reading: Option<Reading>,
    invocation: &Invocation,
) -> GroupEnd {
    let Some(reading) = reading else { return hold_for_fault(app, queue_url, &group.messages).await };
    let mut reading = group.key.as_ref().zip(Some(reading));
    let mut end = GroupEnd::default();
    for (index, (record, message)) in group.messages.iter().enumerate() {
        let rest = group.messages.get(index..).unwrap_or_default();
        let verdict = match message {
            Message::Poison(reason) => reject(app, record, reason).await,
            Message::Delivery(delivery) => match &mut reading {
                Some((key, reading)) => {
                    let (position, sent_at) = (&record.position, record.sent_at);
                    let message = QueuedDelivery { delivery, position, sent_at };
                    deliver(app, key, reading, message, invocation).await.unwrap_or_else(|fault| {
                        fault.log(Some(key.webhook));
                        Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) }
                    })
                }
                // The first delivery of a group names its webhook.
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

/// Takes the steps of one message until it ends, waits or is parked.
async fn deliver<P: Ports>(
    app: &App<P>,
    key: &WebhookKey,
    read: &mut Reading,
    message: QueuedDelivery<'_>,
    invocation: &Invocation,
) -> Result<Verdict, Fault> {
    // Every turn leads to the next step of this message, or reads a queue that has changed again.
    for _ in 0..TURNS_MAX {
        match decide(read.facts(message, app.config.suspension, app.clock.now())) {
            Decision::ReadAgain => *read = reading::read_again(app, key).await?,
            Decision::OpenBacklog(to) => parking::open_backlog(app, key, read, *to).await?,
            Decision::Acknowledge { exhausted } => {
                publish_exhausted(app, read, exhausted).await;
                return Ok(Verdict::Ack);
            }
            Decision::HoldBack { seconds } => return Ok(Verdict::Hold { seconds }),
            Decision::Park(number) => {
                if parking::park(app, read, message, number, invocation).await? {
                    return Ok(Verdict::Ack);
                }
            }
            Decision::Send(number) => match attempt::make(app, read, message, number, invocation).await? {
                Attempted::Recorded { row, retry_after_seconds } => {
                    read.last = Some(row);
                    if let Some(seconds) = retry_after_seconds {
                        let age_ms = app.clock.now().since(message.sent_at);
                        metrics::record(Metric::OldestHeadSeconds, age_ms / 1000);
                        return Ok(Verdict::Hold { seconds });
                    }
                }
                Attempted::OutOfTime => return Ok(Verdict::Hold { seconds: 0 }),
                Attempted::Overtaken => return Ok(Verdict::LeaveAlone),
            },
        }
    }
    Err(Fault::lasting("a webhook's queue keeps changing"))
}

async fn publish_exhausted<P: Ports>(app: &App<P>, reading: &Reading, exhausted: Option<OperationalEvent>) {
    if let (Some(webhook), Some(event)) = (&reading.snapshot.webhook, exhausted) {
        operational_events::publish(&app.queue, &app.config.operational_events, webhook, &event).await;
    }
}

/// Copies a message that can never succeed to the dead-letter queue, so that it does not hold up its group.
async fn reject<P: Ports>(app: &App<P>, record: &Record, reason: &str) -> Verdict {
    tracing::error!(message.id = %record.message_id, reason, "a message is not a delivery");
    let copy = Outgoing::dead_letter(record, "poison", reason);
    match app.queue.send(&app.config.deliveries_dlq_url, &[copy]).await {
        Ok(results) if results.iter().all(SendResult::is_sent) => Verdict::Ack,
        Ok(_) => Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) },
        Err(error) => {
            tracing::warn!(error = %ErrorChain(&error), "a message could not be dead-lettered");
            Verdict::Hold { seconds: fault_hold_seconds(record.receive_count) }
        }
    }
}

async fn hold_for_fault<P: Ports>(app: &App<P>, queue_url: &str, messages: &[(Record, Message)]) -> GroupEnd {
    let receive_count = messages.first().map_or(1, |(record, _)| record.receive_count);
    hold(app, queue_url, messages, fault_hold_seconds(receive_count)).await;
    let failed = messages.iter().map(|(record, _)| record.message_id.clone()).collect();
    GroupEnd { failed, finished: Vec::new() }
}

/// Hides the failed record and everything behind it at once: followers left at the queue's own visibility
/// would keep the group closed long after the head is due.
///
/// Entries that fail are tried once more; after that they are late, never out of order.
async fn hold<P: Ports>(app: &App<P>, queue_url: &str, rest: &[(Record, Message)], seconds: u64) {
    let mut holds: Vec<_> = rest.iter().map(|(record, _)| (record.receipt_handle.clone(), seconds)).collect();
    for _ in 0..2 {
        match app.queue.hold(queue_url, &holds).await {
            Ok(results) => {
                let mut failed = results.iter().map(|result| *result == HoldResult::Failed);
                holds.retain(|_| failed.next().unwrap_or(false));
            }
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "a hold failed");
            }
        }
        if holds.is_empty() {
            return;
        }
    }
    tracing::warn!(count = holds.len(), "records come back when their claim runs out");
}
