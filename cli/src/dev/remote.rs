//! The event source mapping of an external SQS: messages are received, handed to the function and deleted over HTTP.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use hookrail_fifo::mapping::MappingSettings;
use hookrail_pipeline::fault::ErrorChain;
use hookrail_wire::json;
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};

use super::function::{Function, Lease};
use super::mapping::REGION;

/// The longest a receive may wait, in seconds.
const RECEIVE_WAIT_SECONDS: i32 = 2;
/// Pause after a failed receive: an immediate retry would spin while the service is down.
const RECEIVE_PAUSE: Duration = Duration::from_millis(500);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    attributes: std::collections::BTreeMap<&'a str, &'a str>,
    message_attributes: std::collections::BTreeMap<&'a str, &'a str>,
    md5_of_body: &'a str,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'static str,
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "Records")]
    records: Vec<Record<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// Feeds a function from a queue until dropped.
pub async fn run(client: Client, queue_url: String, settings: MappingSettings, function: Arc<Function>) {
    let batch_size = i32::try_from(settings.batch_size).unwrap_or(i32::MAX);
    loop {
        // A receive raises receive counts, so it needs a free sandbox.
        let Ok(lease) = function.lease().await else {
            tokio::time::sleep(RECEIVE_PAUSE).await;
            continue;
        };
        let received = client
            .receive_message()
            .queue_url(&queue_url)
            .max_number_of_messages(batch_size)
            .wait_time_seconds(RECEIVE_WAIT_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await;
        let messages = match received {
            Ok(answer) => answer.messages.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(
                    error = %ErrorChain(&error),
                    "messages could not be received"
                );
                tokio::time::sleep(RECEIVE_PAUSE).await;
                continue;
            }
        };
        if messages.is_empty() {
            continue;
        }
        let (client, queue_url) = (client.clone(), queue_url.clone());
        tokio::spawn(async move { hand_over(&client, &queue_url, &lease, &messages).await });
    }
}

/// Runs the function on a batch and deletes what it did not report.
async fn hand_over(client: &Client, queue_url: &str, lease: &Lease, messages: &[Message]) {
    let name = queue_url.rsplit('/').next().unwrap_or_default();
    let payload = render(messages, &format!("arn:aws:sqs:{REGION}:000000000000:{name}"));
    let failures = match lease.invoke(Bytes::from(payload)).await {
        Ok(answer) => match serde_json::from_slice::<Answer>(&answer) {
            Ok(answer) => answer.batch_item_failures,
            Err(error) => {
                tracing::error!(%error, "a batch failed as a whole");
                return;
            }
        },
        Err(error) => {
            tracing::warn!(%error, "an invocation failed");
            return;
        }
    };
    let failed = |id: &str| failures.iter().any(|failure| failure.item_identifier == id);
    let done = messages.iter().filter(|message| !failed(message.message_id().unwrap_or_default()));
    let entries: Result<Vec<_>, _> = done
        .enumerate()
        .map(|(index, message)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(message.receipt_handle().unwrap_or_default())
                .build()
        })
        .collect();
    let Ok(entries) = entries else { return };
    if entries.is_empty() {
        return;
    }
    let deleted = client.delete_message_batch().queue_url(queue_url).set_entries(Some(entries)).send().await;
    if let Err(error) = deleted {
        tracing::warn!(error = %ErrorChain(&error), "finished messages could not be deleted");
    }
}

fn render(messages: &[Message], arn: &str) -> Vec<u8> {
    let records = messages.iter().map(|message| Record {
        message_id: message.message_id().unwrap_or_default(),
        receipt_handle: message.receipt_handle().unwrap_or_default(),
        body: message.body().unwrap_or_default(),
        attributes: message
            .attributes()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect(),
        message_attributes: std::collections::BTreeMap::new(),
        md5_of_body: message.md5_of_body().unwrap_or_default(),
        event_source: "aws:sqs",
        event_source_arn: arn,
        aws_region: REGION,
    });
    json::render(&Event { records: records.collect() })
}
