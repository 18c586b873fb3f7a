//! The event that Lambda passes to a function for a batch, and the partial-batch response that it reads back.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};

use crate::digest;
use crate::message::{AttributeValue, MessageAttribute, MessageAttributes, MessageId, Received, SENDER_ID};

/// Returns the SQS event for a batch, as JSON.
#[must_use]
pub fn render(messages: &[Received], queue_arn: &str, region: &str) -> Vec<u8> {
    let bodies: usize = messages.iter().map(|received| received.message.body.len()).sum();
    // Room for a record's other fields; bodies grow by their escapes.
    let mut bytes = Vec::with_capacity(bodies + bodies / 4 + messages.len() * 1024);
    let event = Event { records: Records { messages, queue_arn, region } };
    // Writing to memory cannot fail, and every key is text.
    let rendered = serde_json::to_writer(&mut bytes, &event);
    debug_assert!(rendered.is_ok(), "an event renders: {rendered:?}");
    bytes
}

/// The messages a function reports as failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures(BTreeSet<MessageId>);

impl Failures {
    /// Returns whether this message is reported.
    #[must_use]
    pub fn contains(&self, message: MessageId) -> bool {
        self.0.contains(&message)
    }

    /// Returns whether everything succeeded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of reported messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<MessageId> for Failures {
    fn from_iter<I: IntoIterator<Item = MessageId>>(messages: I) -> Self {
        Self(messages.into_iter().collect())
    }
}

/// The reason why a function's response counts as failure of the whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadResponse {
    #[error("the response is not JSON of the shape of a partial-batch response")]
    Shape,
    #[error("an itemIdentifier is missing, empty or not of this batch")]
    UnknownItem,
}

/// Reads a function's response to a batch of these messages.
///
/// Nothing, `null`, and an absent or empty list mean that all succeeded.
///
/// # Errors
/// Anything other than a list of items of this batch: Lambda then treats the whole batch as failed.
pub fn parse_response(response: &[u8], batch: &[MessageId]) -> Result<Failures, BadResponse> {
    if response.is_empty() {
        return Ok(Failures::default());
    }
    let response: Response<'_> =
        serde_json::from_slice(response).map_err(|_not_a_response| BadResponse::Shape)?;
    let items = match response {
        Response::Batch(batch) => batch.batch_item_failures.unwrap_or_default(),
        Response::Text(text) if text.is_empty() => Vec::new(),
        Response::List([]) | Response::Nothing(()) => Vec::new(),
        Response::Text(_) => return Err(BadResponse::Shape),
    };
    let known = |item: &ItemFailure<'_>| {
        let id = item.item_identifier.as_deref()?.parse().ok()?;
        batch.contains(&id).then_some(id)
    };
    items.iter().map(|item| known(item).ok_or(BadResponse::UnknownItem)).collect()
}

/// The shapes that Lambda accepts. A misspelt key is refused, since the function surely meant something by
/// it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Response<'a> {
    #[serde(borrow)]
    Batch(BatchResponse<'a>),
    Text(Cow<'a, str>),
    List([(); 0]),
    Nothing(()),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BatchResponse<'a> {
    #[serde(borrow)]
    batch_item_failures: Option<Vec<ItemFailure<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure<'a> {
    #[serde(borrow)]
    item_identifier: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "Records")]
    records: Records<'a>,
}

struct Records<'a> {
    messages: &'a [Received],
    queue_arn: &'a str,
    region: &'a str,
}

impl Serialize for Records<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut records = serializer.serialize_seq(Some(self.messages.len()))?;
        for received in self.messages {
            let message = &received.message;
            records.serialize_element(&Record {
                message_id: message.id,
                receipt_handle: Text(received.handle),
                body: &message.body,
                attributes: SystemAttributes { received, names: None },
                message_attributes: UserAttributes(&message.attributes),
                md5_of_body: &digest::md5_of_body(&message.body),
                md5_of_message_attributes: digest::md5_of_attributes(&message.attributes),
                event_source: "aws:sqs",
                event_source_arn: self.queue_arn,
                aws_region: self.region,
            })?;
        }
        records.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: MessageId,
    receipt_handle: Text<crate::receipt_handle::ReceiptHandle>,
    body: &'a str,
    attributes: SystemAttributes<'a>,
    message_attributes: UserAttributes<'a>,
    md5_of_body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5_of_message_attributes: Option<String>,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'a str,
}

/// A value that renders as the text that it prints.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A received message's system attributes, each as text, as events and `ReceiveMessage` show them.
#[derive(Clone, Copy, Debug)]
pub struct SystemAttributes<'a> {
    pub received: &'a Received,
    /// Names of the attributes to show; all of them if absent.
    pub names: Option<&'a [String]>,
}

impl SystemAttributes<'_> {
    fn entry<M: SerializeMap>(
        &self,
        map: &mut M,
        name: &str,
        value: impl fmt::Display,
    ) -> Result<(), M::Error> {
        let is_wanted = self.names.is_none_or(|names| names.iter().any(|wanted| wanted == name));
        if is_wanted { map.serialize_entry(name, &Text(value)) } else { Ok(()) }
    }
}

impl Serialize for SystemAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (received, message) = (self.received, &self.received.message);
        let mut map = serializer.serialize_map(None)?;
        self.entry(&mut map, "ApproximateReceiveCount", received.receive_count)?;
        self.entry(&mut map, "SentTimestamp", message.sent_at.0)?;
        self.entry(&mut map, "SenderId", SENDER_ID)?;
        self.entry(&mut map, "ApproximateFirstReceiveTimestamp", received.first_received_at.0)?;
        // Only a FIFO queue numbers messages, and only there is a deduplication id accepted.
        if let Some(id) = &message.deduplication_id {
            self.entry(&mut map, "SequenceNumber", received.sequence)?;
            self.entry(&mut map, "MessageDeduplicationId", id)?;
        }
        if let Some(group) = &message.group {
            self.entry(&mut map, "MessageGroupId", group)?;
        }
        if let Some(trace_header) = &message.trace_header {
            self.entry(&mut map, "AWSTraceHeader", trace_header)?;
        }
        if let Some(source) = &message.dead_letter_source {
            self.entry(&mut map, "DeadLetterQueueSourceArn", source)?;
        }
        map.end()
    }
}

struct UserAttributes<'a>(&'a MessageAttributes);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserAttribute<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
    /// Reserved by AWS, always empty.
    string_list_values: [(); 0],
    binary_list_values: [(); 0],
    data_type: &'a str,
}

impl Serialize for UserAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, attribute)| (name, user_attribute(attribute))))
    }
}

fn user_attribute(attribute: &MessageAttribute) -> UserAttribute<'_> {
    let (string_value, binary_value) = match &attribute.value {
        AttributeValue::Text(text) => (Some(&**text), None),
        AttributeValue::Binary(bytes) => (None, Some(BASE64_STANDARD.encode(bytes))),
    };
    let data_type = &attribute.data_type;
    UserAttribute { string_value, binary_value, string_list_values: [], binary_list_values: [], data_type }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::message::{Message, SequenceNumber};
    use crate::millis::Millis;
    use crate::receipt_handle::ReceiptHandle;

    fn id(number: u64) -> MessageId {
        MessageId::derive(1, SequenceNumber(number))
    }

    fn received(message: Message) -> Received {
        let sequence = SequenceNumber(7);
        let handle = ReceiptHandle { queue_tag: 1, sequence, receive_count: 2 };
        let first_received_at = Millis(1_700_000_000_500);
        Received { message: Arc::new(message), sequence, handle, receive_count: 2, first_received_at }
    }

    fn message() -> Message {
        Message {
            id: id(7),
            body: "{\"a\":\"é\\n\"}".into(),
            group: Some("g".into()),
            deduplication_id: Some("d".into()),
            sent_at: Millis(1_700_000_000_000),
            attributes: MessageAttributes::new(),
            trace_header: None,
            dead_letter_source: None,
        }
    }

    fn rendered(message: Message) -> Value {
        let received = received(message);
        let event = render(&[received.clone(), received], "arn:q", "us-east-1");
        let event: Value = serde_json::from_slice(&event).unwrap();
        assert_eq!(event["Records"].as_array().unwrap().len(), 2);
        event["Records"][0].clone()
    }

    #[test]
    fn a_record_has_the_shape_of_lambda() {
        let expected = json!({
            "messageId": id(7).to_string(),
            "receiptHandle": received(message()).handle.to_string(),
            "body": "{\"a\":\"é\\n\"}",
            "attributes": {
                "ApproximateReceiveCount": "2",
                "SentTimestamp": "1700000000000",
                "SenderId": SENDER_ID,
                "ApproximateFirstReceiveTimestamp": "1700000000500",
                "SequenceNumber": "00000000000000000007",
                "MessageDeduplicationId": "d",
                "MessageGroupId": "g",
            },
            "messageAttributes": {},
            "md5OfBody": digest::md5_of_body("{\"a\":\"é\\n\"}"),
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:q",
            "awsRegion": "us-east-1",
        });
        assert_eq!(rendered(message()), expected);
    }

    #[test]
    fn a_record_includes_message_attributes() {
        let attribute = |data_type: &str, value| MessageAttribute { data_type: data_type.into(), value };
        let attributes = MessageAttributes::from([
            ("b".into(), attribute("Binary", AttributeValue::Binary((*b"\x00\xff").into()))),
            ("s".into(), attribute("String", AttributeValue::Text("v".into()))),
        ]);
        let (trace_header, dead_letter_source) = (Some("Root=1".into()), Some("arn:source".into()));
        let record = rendered(Message { attributes, trace_header, dead_letter_source, ..message() });
        assert_eq!(record["attributes"]["AWSTraceHeader"], "Root=1");
        assert_eq!(record["attributes"]["DeadLetterQueueSourceArn"], "arn:source");
        let expected = json!({
            "b": {"binaryValue": "AP8=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
            "s": {"stringValue": "v", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
        });
        assert_eq!(record["messageAttributes"], expected);
        assert_eq!(record["md5OfMessageAttributes"].as_str().map(str::len), Some(32));
    }

    #[track_caller]
    fn check(response: &str, expected: Result<&[u64], BadResponse>) {
        let expected = expected.map(|numbers| numbers.iter().copied().map(id).collect());
        assert_eq!(parse_response(response.as_bytes(), &[id(1), id(2)]), expected, "{response}");
    }

    #[test]
    fn an_empty_report_deletes_every_message() {
        for response in [
            "",
            "null",
            "\"\"",
            "[]",
            "{}",
            r#"{"batchItemFailures":null}"#,
            r#"{"batchItemFailures":[]}"#,
            " {} ",
        ] {
            check(response, Ok(&[]));
        }
    }

    #[test]
    fn reported_messages_are_failures() {
        let item = |number| format!(r#"{{"itemIdentifier":"{}"}}"#, id(number));
        check(&format!(r#"{{"batchItemFailures":[{}]}}"#, item(2)), Ok(&[2]));
        check(&format!(r#"{{"batchItemFailures":[{},{},{}]}}"#, item(2), item(1), item(2)), Ok(&[1, 2]));
    }

    #[test]
    fn any_other_response_fails_the_batch() {
        for response in
            ["{", "1", "true", "\"x\"", "[1]", r#"{"batchItemFailure":[]}"#, r#"{"batchItemFailures":{}}"#]
        {
            check(response, Err(BadResponse::Shape));
        }
        let unknown = format!(r#"{{"itemIdentifier":"{}"}}"#, id(3));
        for item in
            ["{}", r#"{"itemIdentifier":""}"#, r#"{"itemIdentifier":null}"#, r#"{"foo":"x"}"#, &unknown]
        {
            check(&format!(r#"{{"batchItemFailures":[{item}]}}"#), Err(BadResponse::UnknownItem));
        }
        check(r#"{"batchItemFailures":[{"itemIdentifier":1}]}"#, Err(BadResponse::Shape));
    }
}
