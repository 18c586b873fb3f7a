//! Queue attributes: the names and texts of `CreateQueue` and `GetQueueAttributes`, to and from [`Settings`].

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::Deserialize;

use crate::queue::Queue;
use crate::settings::{
    DELAY_S_MAX, DeduplicationScope, MESSAGE_BYTES_MAX, RECEIVE_WAIT_S_MAX, RedrivePolicy, Settings,
    ThroughputLimit, VISIBILITY_TIMEOUT_S_MAX,
};

const RETENTION_S: RangeInclusive<u32> = 60..=1_209_600;
const MESSAGE_BYTES: RangeInclusive<u32> = 1024..=MESSAGE_BYTES_MAX;
const RECEIVE_COUNT_MAX: RangeInclusive<u32> = 1..=1000;

/// Attributes without a meaning here; a template may still set them.
const KEPT_AS_TEXT: [&str; 5] = [
    "Policy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
];

/// An attribute the queue cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAttribute {
    #[error("unknown attribute {name}")]
    Name { name: String },
    #[error("invalid value for the attribute {name}")]
    Value { name: String },
}

/// Returns `base` with the given attributes changed; an empty text removes an optional attribute.
///
/// # Errors
/// The first attribute that is unknown to this kind of queue or out of its range.
pub fn apply(base: &Settings, attributes: &BTreeMap<String, String>) -> Result<Settings, InvalidAttribute> {
    let mut settings = base.clone();
    for (name, text) in attributes {
        apply_one(&mut settings, name, text)?;
    }
    Ok(settings)
}

fn apply_one(settings: &mut Settings, name: &str, text: &str) -> Result<(), InvalidAttribute> {
    let number = |range: RangeInclusive<u32>| text.parse().ok().filter(|value| range.contains(value));
    let accepted = match name {
        "VisibilityTimeout" => {
            number(0..=VISIBILITY_TIMEOUT_S_MAX).map(|value| settings.visibility_timeout_s = value)
        }
        "MessageRetentionPeriod" => number(RETENTION_S).map(|value| settings.retention_s = value),
        "DelaySeconds" => number(0..=DELAY_S_MAX).map(|value| settings.delay_s = value),
        "MaximumMessageSize" => number(MESSAGE_BYTES).map(|value| settings.message_bytes_max = value),
        "ReceiveMessageWaitTimeSeconds" => {
            number(0..=RECEIVE_WAIT_S_MAX).map(|value| settings.receive_wait_s = value)
        }
        "RedrivePolicy" => parse_redrive(text).map(|value| settings.redrive = value),
        // A queue cannot change its kind: only the value it was made with is acceptable.
        "FifoQueue" => (parse_flag(text) == Some(settings.is_fifo())).then_some(()),
        "ContentBasedDeduplication" if settings.is_fifo() => {
            parse_flag(text).map(|value| settings.content_based_deduplication = value)
        }
        "DeduplicationScope" if settings.is_fifo() => {
            parse_scope(text).map(|value| settings.deduplication_scope = value)
        }
        "FifoThroughputLimit" if settings.is_fifo() => {
            parse_throughput(text).map(|value| settings.throughput_limit = value)
        }
        _ if KEPT_AS_TEXT.contains(&name) => {
            keep_text(&mut settings.other, name, text);
            Some(())
        }
        _ => return Err(InvalidAttribute::Name { name: name.to_owned() }),
    };
    accepted.ok_or_else(|| InvalidAttribute::Value { name: name.to_owned() })
}

fn parse_flag(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn parse_scope(text: &str) -> Option<DeduplicationScope> {
    match text {
        "queue" => Some(DeduplicationScope::Queue),
        "messageGroup" => Some(DeduplicationScope::MessageGroup),
        _ => None,
    }
}

fn parse_throughput(text: &str) -> Option<ThroughputLimit> {
    match text {
        "perQueue" => Some(ThroughputLimit::PerQueue),
        "perMessageGroupId" => Some(ThroughputLimit::PerMessageGroupId),
        _ => None,
    }
}

fn keep_text(other: &mut BTreeMap<String, String>, name: &str, text: &str) {
    if text.is_empty() {
        other.remove(name);
    } else {
        other.insert(name.to_owned(), text.to_owned());
    }
}

/// The policy is JSON inside the attribute's text; the count comes as a number or, from older tools, as text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedriveText {
    dead_letter_target_arn: Arc<str>,
    max_receive_count: Count,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u32),
    Text(String),
}

/// Reads a redrive policy. `Some(None)` removes it.
fn parse_redrive(text: &str) -> Option<Option<RedrivePolicy>> {
    if text.is_empty() {
        return Some(None);
    }
    let policy: RedriveText = serde_json::from_str(text).ok()?;
    let receive_count_max = match policy.max_receive_count {
        Count::Number(number) => number,
        Count::Text(text) => text.parse().ok()?,
    };
    let target_arn = policy.dead_letter_target_arn;
    RECEIVE_COUNT_MAX
        .contains(&receive_count_max)
        .then_some(Some(RedrivePolicy { target_arn, receive_count_max }))
}

/// Returns every attribute of a queue, by name, as `GetQueueAttributes` shows them.
#[must_use]
pub fn render(queue: &Queue, arn: &str) -> Vec<(String, String)> {
    let (settings, counts) = (queue.settings(), queue.counts());
    let mut shown: Vec<(&str, String)> = vec![
        ("QueueArn", arn.to_owned()),
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ("CreatedTimestamp", (queue.created_at().0 / 1000).to_string()),
        ("LastModifiedTimestamp", (queue.modified_at().0 / 1000).to_string()),
        ("VisibilityTimeout", settings.visibility_timeout_s.to_string()),
        ("MaximumMessageSize", settings.message_bytes_max.to_string()),
        ("MessageRetentionPeriod", settings.retention_s.to_string()),
        ("DelaySeconds", settings.delay_s.to_string()),
        ("ReceiveMessageWaitTimeSeconds", settings.receive_wait_s.to_string()),
    ];
    if settings.is_fifo() {
        shown.push(("FifoQueue", true.to_string()));
        shown.push(("ContentBasedDeduplication", settings.content_based_deduplication.to_string()));
        shown.push(("DeduplicationScope", scope_text(settings.deduplication_scope).to_owned()));
        shown.push(("FifoThroughputLimit", throughput_text(settings.throughput_limit).to_owned()));
    }
    if let Some(RedrivePolicy { target_arn, receive_count_max }) = &settings.redrive {
        // An ARN has no character that JSON would escape.
        let policy =
            format!(r#"{{"deadLetterTargetArn":"{target_arn}","maxReceiveCount":{receive_count_max}}}"#);
        shown.push(("RedrivePolicy", policy));
    }
    let other = settings.other.iter().map(|(name, text)| (name.clone(), text.clone()));
    shown.into_iter().map(|(name, text)| (name.to_owned(), text)).chain(other).collect()
}

const fn scope_text(scope: DeduplicationScope) -> &'static str {
    match scope {
        DeduplicationScope::Queue => "queue",
        DeduplicationScope::MessageGroup => "messageGroup",
    }
}

const fn throughput_text(limit: ThroughputLimit) -> &'static str {
    match limit {
        ThroughputLimit::PerQueue => "perQueue",
        ThroughputLimit::PerMessageGroupId => "perMessageGroupId",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::millis::Millis;

    #[track_caller]
    fn check(base: &Settings, name: &str, text: &str, is_accepted: bool) {
        let attributes = BTreeMap::from([(name.to_owned(), text.to_owned())]);
        assert_eq!(apply(base, &attributes).is_ok(), is_accepted, "{name}={text}");
    }

    #[test]
    fn attribute_ranges_match_sqs() {
        let fifo = Settings::fifo();
        for (name, smallest, largest) in [
            ("VisibilityTimeout", 0, 43_200),
            ("MessageRetentionPeriod", 60, 1_209_600),
            ("DelaySeconds", 0, 900),
            ("MaximumMessageSize", 1024, 1_048_576),
            ("ReceiveMessageWaitTimeSeconds", 0, 20),
        ] {
            check(&fifo, name, &smallest.to_string(), true);
            check(&fifo, name, &largest.to_string(), true);
            check(&fifo, name, &(largest + 1).to_string(), false);
            check(&fifo, name, &(smallest - 1).to_string(), false);
            check(&fifo, name, "many", false);
        }
    }

    #[test]
    fn attribute_keywords_are_checked() {
        let (fifo, standard) = (Settings::fifo(), Settings::standard());
        for (base, name, text, is_accepted) in [
            (&fifo, "FifoQueue", "true", true),
            (&fifo, "FifoQueue", "false", false),
            (&standard, "FifoQueue", "true", false),
            (&fifo, "DeduplicationScope", "messageGroup", true),
            (&fifo, "DeduplicationScope", "group", false),
            (&standard, "DeduplicationScope", "queue", false),
            (&fifo, "FifoThroughputLimit", "perMessageGroupId", true),
            (&fifo, "ContentBasedDeduplication", "yes", false),
            (&fifo, "Policy", "{}", true),
            (&fifo, "Color", "red", false),
        ] {
            check(base, name, text, is_accepted);
        }
    }

    #[test]
    fn a_redrive_policy_is_json_text() {
        let arn = "arn:aws:sqs:us-east-1:000000000000:d.fifo";
        for (count, is_accepted) in
            [("2", true), ("\"2\"", true), ("0", false), ("1001", false), ("\"x\"", false)]
        {
            let text = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{count}}}"#);
            check(&Settings::fifo(), "RedrivePolicy", &text, is_accepted);
        }
        check(&Settings::fifo(), "RedrivePolicy", "{", false);
        check(&Settings::fifo(), "RedrivePolicy", "", true);
    }

    #[test]
    fn shown_attributes_can_be_set() {
        let redrive =
            Some(RedrivePolicy { target_arn: crate::arn::of_queue("d.fifo"), receive_count_max: 110 });
        let settings = Settings {
            redrive,
            visibility_timeout_s: 180,
            deduplication_scope: DeduplicationScope::MessageGroup,
            throughput_limit: ThroughputLimit::PerMessageGroupId,
            ..Settings::fifo()
        };
        let queue = Queue::new(Millis(1000), "q.fifo", 1, settings.clone());
        let read_only = ["QueueArn", "Approximate", "CreatedTimestamp", "LastModifiedTimestamp"];
        let shown: BTreeMap<String, String> = render(&queue, "arn")
            .into_iter()
            .filter(|(name, _)| !read_only.iter().any(|prefix| name.starts_with(prefix)))
            .collect();
        assert_eq!(apply(&Settings::fifo(), &shown), Ok(settings));
    }
}
