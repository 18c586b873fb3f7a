//! Requests of SQS actions, as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};
use hookrail_fifo::message::{AttributeValue, MessageAttribute, NewMessage};
use serde::Deserialize;

use super::error::Refused;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateQueue {
    pub(super) queue_name: String,
    // A queue with the service's defaults has no attributes.
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
}

/// The request of an action that names a queue only.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfQueue<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetQueueUrl<'a> {
    #[serde(borrow)]
    pub(super) queue_name: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListQueues {
    pub(super) queue_name_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetQueueAttributes<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    // Without names nothing is shown.
    #[serde(default)]
    pub(super) attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetQueueAttributes<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    pub(super) attributes: BTreeMap<String, String>,
}

/// Entries of any batch action.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<'a, E> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    pub(super) entries: Vec<E>,
}

/// `SendMessage`, which has the URL of the queue, or an entry of its batch, which has an id.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Send<'a> {
    // Absent in an entry.
    #[serde(borrow, default)]
    pub(super) queue_url: Cow<'a, str>,
    // Absent outside a batch.
    #[serde(borrow, default)]
    pub(super) id: Cow<'a, str>,
    // The queue decides about an empty body.
    #[serde(borrow, default)]
    pub(super) message_body: Cow<'a, str>,
    pub(super) message_group_id: Option<Arc<str>>,
    pub(super) message_deduplication_id: Option<Arc<str>>,
    pub(super) delay_seconds: Option<u32>,
    pub(super) message_attributes: Option<BTreeMap<Arc<str>, Attribute>>,
    pub(super) message_system_attributes: Option<BTreeMap<String, Attribute>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Attribute {
    pub(super) data_type: Arc<str>,
    pub(super) string_value: Option<Arc<str>>,
    /// In base64.
    pub(super) binary_value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveMessage<'a> {
    #[serde(borrow)]
    pub(super) queue_url: Cow<'a, str>,
    pub(super) max_number_of_messages: Option<usize>,
    pub(super) visibility_timeout: Option<u32>,
    pub(super) wait_time_seconds: Option<u32>,
    // The older name of the same list.
    #[serde(alias = "AttributeNames")]
    pub(super) message_system_attribute_names: Option<Vec<String>>,
    pub(super) message_attribute_names: Option<Vec<String>>,
}

/// `DeleteMessage` and `ChangeMessageVisibility`, alone or as an entry of a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByHandle<'a> {
    // Absent in an entry.
    #[serde(borrow, default)]
    pub(super) queue_url: Cow<'a, str>,
    // Absent outside a batch.
    #[serde(borrow, default)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) receipt_handle: Cow<'a, str>,
    /// Given when the visibility is changed.
    pub(super) visibility_timeout: Option<u32>,
}

impl Send<'_> {
    /// Makes the message to send.
    ///
    /// # Errors
    /// An attribute without exactly one value.
    pub(super) fn message(&mut self) -> Result<NewMessage, Refused> {
        let attributes = self.message_attributes.take().into_iter().flatten();
        let trace_header =
            self.message_system_attributes.as_mut().and_then(|system| system.remove("AWSTraceHeader"));
        Ok(NewMessage {
            body: Arc::from(&*self.message_body),
            group: self.message_group_id.take(),
            deduplication_id: self.message_deduplication_id.take(),
            delay_s: self.delay_seconds,
            attributes: attributes
                .map(|(name, attribute)| Ok((name, attribute.parse()?)))
                .collect::<Result<_, Refused>>()?,
            trace_header: trace_header.and_then(|header| header.string_value),
        })
    }
}

impl Attribute {
    fn parse(self) -> Result<MessageAttribute, Refused> {
        const REFUSED: Refused = Refused::Parameter { parameter: "MessageAttributes" };
        let value = match (self.string_value, self.binary_value) {
            (Some(text), None) => AttributeValue::Text(text),
            (None, Some(encoded)) => {
                let bytes = BASE64_STANDARD.decode(encoded).map_err(|_not_base64| REFUSED)?;
                AttributeValue::Binary(bytes.into())
            }
            (Some(_), Some(_)) | (None, None) => return Err(REFUSED),
        };
        Ok(MessageAttribute { data_type: self.data_type, value })
    }
}
