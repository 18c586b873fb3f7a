//! Responses of SQS actions, as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use hookrail_fifo::digest;
use hookrail_fifo::event::SystemAttributes;
use hookrail_fifo::message::{AttributeValue, MessageAttributes, MessageId, Received, SequenceNumber};
use serde::{Serialize, Serializer};

use super::error::Refused;

/// The empty response of an action.
#[derive(Serialize)]
pub(super) struct Empty {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrl {
    pub(super) queue_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueUrls {
    pub(super) queue_urls: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct QueueAttributes {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attributes: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sent {
    #[serde(rename = "MD5OfMessageBody")]
    pub(super) md5_of_body: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub(super) md5_of_attributes: Option<String>,
    pub(super) message_id: MessageId,
    /// Of a FIFO queue only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sequence_number: Option<Text<SequenceNumber>>,
}

/// A value that is rendered as text.
pub(super) struct Text<T>(pub(super) T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The response to a batch. As on AWS, a list without entries is left out.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<'a, T> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) successful: Vec<Entry<'a, T>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) failed: Vec<FailedEntry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry<'a, T> {
    pub(super) id: Cow<'a, str>,
    #[serde(flatten)]
    pub(super) reply: T,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FailedEntry<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) sender_fault: bool,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl<'a, T> Batch<'a, T> {
    /// Sorts the entries' results, keeping their order.
    pub(super) fn of(results: impl Iterator<Item = (Cow<'a, str>, Result<T, Refused>)>) -> Self {
        let mut batch = Self { successful: Vec::new(), failed: Vec::new() };
        for (id, result) in results {
            match result {
                Ok(reply) => batch.successful.push(Entry { id, reply }),
                Err(refused) => {
                    let (code, message) = (refused.code().query, refused.to_string());
                    batch.failed.push(FailedEntry { id, sender_fault: true, code, message });
                }
            }
        }
        batch
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Messages<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) messages: Vec<Message<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Message<'a> {
    message_id: MessageId,
    receipt_handle: Text<hookrail_fifo::receipt_handle::ReceiptHandle>,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<SystemAttributes<'a>>,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_attributes: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: BTreeMap<Arc<str>, Attribute>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    data_type: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

impl<'a> Message<'a> {
    /// Makes a message with the requested attributes.
    pub(super) fn new(received: &'a Received, system_names: &'a [String], names: &[String]) -> Self {
        let message = &received.message;
        let is_all = system_names.iter().any(|name| name == "All");
        let attributes = SystemAttributes { received, names: (!is_all).then_some(system_names) };
        let wanted: MessageAttributes = message
            .attributes
            .iter()
            .filter(|(name, _)| is_wanted(name, names))
            .map(|(name, attribute)| (Arc::clone(name), attribute.clone()))
            .collect();
        Self {
            message_id: message.id,
            receipt_handle: Text(received.handle),
            md5_of_body: digest::md5_of_body(&message.body),
            body: &message.body,
            attributes: (!system_names.is_empty()).then_some(attributes),
            // Of the returned attributes: an SDK can check them only.
            md5_of_attributes: digest::md5_of_attributes(&wanted),
            message_attributes: wanted
                .into_iter()
                .map(|(name, attribute)| (name, render(attribute)))
                .collect(),
        }
    }
}

/// Returns whether a name is requested: by itself, by a prefix such as `bar.*`, or by `All`.
fn is_wanted(name: &str, wanted: &[String]) -> bool {
    wanted.iter().any(|wanted| match wanted.as_str() {
        "All" | ".*" => true,
        wanted => wanted == name || wanted.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix)),
    })
}

fn render(attribute: hookrail_fifo::message::MessageAttribute) -> Attribute {
    let (string_value, binary_value) = match attribute.value {
        AttributeValue::Text(text) => (Some(text), None),
        AttributeValue::Binary(bytes) => (None, Some(BASE64_STANDARD.encode(bytes))),
    };
    Attribute { data_type: attribute.data_type, string_value, binary_value }
}

/// A refusal.
#[derive(Serialize)]
pub(super) struct Problem<'a> {
    #[serde(rename = "__type")]
    pub(super) shape: &'a str,
    pub(super) message: &'a str,
}
