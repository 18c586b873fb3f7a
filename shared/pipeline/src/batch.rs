//! A batch of queue records as the functions use it: typed records, their groups, and the partial-batch
//! response.
//!
//! Each record is read by itself: one that cannot be read must not fail the others.

use std::collections::HashSet;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use hookrail_domain::delivery::{QueueName, QueuePosition};
use hookrail_domain::time::Millis;
use hookrail_wire::job_ref::JOB_ATTRIBUTE;

use crate::fault::ErrorChain;
use crate::queue::{HoldResult, Queue};

/// Hold beyond the invocation's deadline, in seconds: with the deadline, the most that a crash of ours
/// costs a group.
pub const CLAIM_SLACK_SECONDS: u64 = 10;

/// One message of a FIFO queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub message_id: String,
    pub receipt_handle: String,
    pub group: String,
    pub position: QueuePosition,
    pub sent_at: Millis,
    pub receive_count: u32,
    /// The job that the message is for, as the message names it. None for an event for all webhooks.
    pub job: Option<String>,
    pub body: String,
}

/// The records of one invocation, all of one queue.
#[derive(Debug, Default)]
pub struct Batch {
    pub queue_url: String,
    /// Groups in the order of their first records, records in the order of the queue.
    pub groups: Vec<Vec<Record>>,
    /// Ids of records that are reported and never handled.
    pub failed: Vec<String>,
}

impl Batch {
    /// Reads each record by itself. A batch of a queue that is not among `urls` is reported whole.
    #[must_use]
    pub fn open(event: SqsEvent, urls: &[String]) -> Self {
        let mut batch = Self::default();
        for message in event.records {
            let Some(message_id) = message.message_id.clone().filter(|id| !id.is_empty()) else {
                // An empty id in the response would fail the whole batch.
                tracing::error!("a record without a message id was skipped");
                continue;
            };
            match read(message_id.clone(), message) {
                Some(record) => batch.push(record),
                None => {
                    tracing::error!(message.id = %message_id, "a record lacks its FIFO attributes");
                    batch.failed.push(message_id);
                }
            }
        }
        let queue = batch.groups.iter().flatten().next().map(|record| record.position.queue.clone());
        match queue.and_then(|name| url_of(urls, &name)) {
            Some(url) => batch.queue_url = url.to_owned(),
            None => {
                tracing::error!("the batch is empty or comes from a queue that is not configured");
                let all = std::mem::take(&mut batch.groups).into_iter().flatten();
                batch.failed.extend(all.map(|record| record.message_id));
            }
        }
        batch
    }

    fn push(&mut self, record: Record) {
        let group = self
            .groups
            .iter_mut()
            .find(|group| group.first().is_some_and(|first| first.group == record.group));
        match group {
            Some(group) => group.push(record),
            None => self.groups.push(vec![record]),
        }
    }

    /// Returns the claim on every record: a hold until shortly after `deadline`.
    /// With it a crash costs seconds instead of the queue's own visibility.
    #[must_use]
    pub fn claim(&self, now: Millis, deadline: Millis) -> Claim {
        let seconds = deadline.since(now).div_ceil(1000) + CLAIM_SLACK_SECONDS;
        let holds = self.groups.iter().flatten().map(|record| (record.receipt_handle.clone(), seconds));
        Claim { queue_url: self.queue_url.clone(), holds: holds.collect() }
    }
}

/// A claim that has not been made yet.
#[derive(Debug)]
pub struct Claim {
    queue_url: String,
    holds: Vec<(String, u64)>,
}

/// Receipt handles of records that another run may hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lost(HashSet<String>);

impl Claim {
    /// Makes the claim. A record that could not be held must not be touched; if the call fails, no
    /// record may be.
    pub async fn make(self, queue: &impl Queue) -> Lost {
        if self.holds.is_empty() {
            return Lost::default();
        }
        let results = match queue.hold(&self.queue_url, &self.holds).await {
            Ok(results) => results,
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "the batch could not be claimed");
                vec![HoldResult::Expired; self.holds.len()]
            }
        };
        let lost = self.holds.into_iter().zip(results).filter(|(_, result)| *result == HoldResult::Expired);
        Lost(lost.map(|((handle, _), _)| handle).collect())
    }
}

impl Lost {
    /// Splits a group where another run may hold it, and returns the ids of the records that are left
    /// alone.
    pub fn split_lost<T>(&self, group: &mut Vec<T>, record: impl Fn(&T) -> &Record) -> Vec<String> {
        let cut = group.iter().position(|one| self.0.contains(&record(one).receipt_handle));
        let rest = group.split_off(cut.unwrap_or(group.len()));
        rest.iter().map(|one| record(one).message_id.clone()).collect()
    }
}

fn read(message_id: String, message: SqsMessage) -> Option<Record> {
    let attribute = |name| message.attributes.get(name);
    Some(Record {
        message_id,
        group: attribute("MessageGroupId")?.clone(),
        position: QueuePosition {
            queue: QueueName::of_arn(message.event_source_arn.as_deref()?),
            number: attribute("SequenceNumber")?.parse().ok()?,
        },
        sent_at: Millis(attribute("SentTimestamp")?.parse().ok()?),
        receive_count: attribute("ApproximateReceiveCount")?.parse().ok()?,
        receipt_handle: message.receipt_handle?,
        job: message.message_attributes.get(JOB_ATTRIBUTE).and_then(|named| named.string_value.clone()),
        // A message without a body cannot exist. If one did, it would be rejected as an event.
        body: message.body.unwrap_or_default(),
    })
}

/// Returns the response that keeps these messages in the queue and removes every other one.
#[must_use]
pub fn reply(failed: impl IntoIterator<Item = String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message_id in failed {
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = message_id;
        response.batch_item_failures.push(failure);
    }
    response
}

/// Returns the URL among `urls` of the queue of this name.
#[must_use]
pub fn url_of<'a>(urls: &'a [String], queue: &QueueName) -> Option<&'a str> {
    urls.iter().find(|url| &QueueName::of_url(url) == queue).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, group: &str) -> SqsMessage {
        let mut message = SqsMessage::default();
        message.message_id = Some(id.to_owned());
        message.receipt_handle = Some(format!("handle-{id}"));
        message.body = Some("{}".to_owned());
        message.event_source_arn = Some("arn:aws:sqs:us-east-1:000000000000:events.fifo".to_owned());
        for (name, value) in [
            ("MessageGroupId", group),
            ("SequenceNumber", "18850000000000000001"),
            ("SentTimestamp", "1651781080084"),
            ("ApproximateReceiveCount", "2"),
        ] {
            message.attributes.insert(name.to_owned(), value.to_owned());
        }
        message
    }

    fn batch(messages: Vec<SqsMessage>) -> Batch {
        let mut event = SqsEvent::default();
        event.records = messages;
        Batch::open(event, &["http://h/0/events.fifo".to_owned()])
    }

    #[test]
    fn groups_records_in_queue_order() {
        let batch = batch(["a1", "b1", "a2", "b2"].map(|id| message(id, id.get(..1).unwrap())).to_vec());
        let ids: Vec<Vec<_>> = batch
            .groups
            .iter()
            .map(|group| group.iter().map(|record| record.message_id.as_str()).collect())
            .collect();
        assert_eq!(ids, [["a1", "a2"], ["b1", "b2"]]);
        assert_eq!(batch.queue_url, "http://h/0/events.fifo");
        assert_eq!(batch.groups[0][0].receive_count, 2);
    }

    #[test]
    fn reports_unreadable_records_one_by_one() {
        let mut no_id = message("x", "a");
        no_id.message_id = None;
        let mut no_group = message("y", "a");
        no_group.attributes.remove("MessageGroupId");
        let batch = batch(vec![no_id, no_group, message("a1", "a")]);
        assert_eq!(batch.failed, ["y"]);
        assert_eq!(batch.groups.len(), 1);
    }

    #[test]
    fn reports_the_whole_batch_of_an_unknown_queue() {
        let mut event = SqsEvent::default();
        event.records = vec![message("a1", "a"), message("b1", "b")];
        let batch = Batch::open(event, &[]);
        assert_eq!((batch.groups.len(), batch.failed), (0, vec!["a1".to_owned(), "b1".to_owned()]));
    }

    #[test]
    fn leaves_lost_claims_and_later_records_of_the_group() {
        let mut batch = batch(["a1", "a2", "a3"].map(|id| message(id, "a")).to_vec());
        let lost = Lost(HashSet::from(["handle-a2".to_owned()]));
        assert_eq!(lost.split_lost(&mut batch.groups[0], |record| record), ["a2", "a3"]);
        assert_eq!(batch.groups[0].len(), 1);
        assert_eq!(lost.split_lost(&mut batch.groups[0], |record| record), [""; 0]);
    }

    #[test]
    fn reply_lists_the_messages_that_stay() {
        let reply = reply(["a".to_owned()]);
        assert_eq!(
            serde_json::to_string(&reply).unwrap(),
            r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#
        );
    }

    #[test]
    fn finds_a_queue_url_by_name() {
        let urls = ["http://h/0/one.fifo".to_owned(), "http://h/0/two.fifo".to_owned()];
        assert_eq!(url_of(&urls, &QueueName::new("two.fifo")), Some("http://h/0/two.fifo"));
        assert_eq!(url_of(&urls, &QueueName::new("three.fifo")), None);
    }
}
