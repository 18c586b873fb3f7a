//! Calls to the stack's SQS and DynamoDB as an ordinary AWS client makes them: AWS JSON over HTTP.

use serde_json::{Value, json};

use crate::stack::{Answer, Stack};
use crate::wait::{PATIENCE, eventually};

const JSON: &str = "application/x-amz-json-1.0";
pub(crate) const CONFIG_TABLE: &str = "hookrail-config";
pub(crate) const LOG_TABLE: &str = "hookrail-log";

/// Numbers of messages of a queue: visible and in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Depth {
    pub(crate) waiting: u64,
    pub(crate) in_flight: u64,
}

impl Depth {
    pub(crate) fn all(self) -> u64 {
        self.waiting + self.in_flight
    }
}

impl Stack {
    /// Calls SQS.
    pub(crate) async fn sqs(&self, action: &str, request: Value) -> Value {
        self.aws(&self.ready.sqs, &format!("AmazonSQS.{action}"), request).await
    }

    /// Calls DynamoDB.
    pub(crate) async fn dynamodb(&self, action: &str, request: Value) -> Value {
        self.aws(&self.ready.dynamodb, &format!("DynamoDB_20120810.{action}"), request).await
    }

    async fn aws(&self, url: &str, target: &str, request: Value) -> Value {
        let call = self.http.post(url).header("x-amz-target", target).header("content-type", JSON);
        Answer::to(call.body(request.to_string())).await.expect(200).json()
    }

    /// Sends an event to the ingest queue as a platform does, and returns the message's id.
    pub(crate) async fn send_event(&self, company: &str, deduplication_id: &str, body: &str) -> String {
        let message = json!({
            "QueueUrl": self.ready.events_queue_url,
            "MessageBody": body,
            "MessageGroupId": company,
            "MessageDeduplicationId": deduplication_id,
        });
        let sent = self.sqs("SendMessage", message).await;
        sent.get("MessageId").and_then(Value::as_str).unwrap().to_owned()
    }

    /// Returns the numbers of messages of a queue.
    pub(crate) async fn depth(&self, queue_url: &str) -> Depth {
        let request = json!({ "QueueUrl": queue_url, "AttributeNames": ["All"] });
        let found = self.sqs("GetQueueAttributes", request).await;
        let number = |name: &str| {
            let text = found.pointer(&format!("/Attributes/{name}")).and_then(Value::as_str);
            text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {name} in {found}"))
        };
        Depth {
            waiting: number("ApproximateNumberOfMessages"),
            in_flight: number("ApproximateNumberOfMessagesNotVisible"),
        }
    }

    /// Waits until all queues are empty.
    pub(crate) async fn wait_until_idle(&self) {
        eventually("all queues are empty", PATIENCE, async || {
            let deliveries = self.depth(self.ready.deliveries_queue_urls.first().unwrap()).await;
            let events = self.depth(&self.ready.events_queue_url).await;
            if events.all() + deliveries.all() == 0 {
                Ok(())
            } else {
                Err(format!("{events:?}, {deliveries:?}"))
            }
        })
        .await;
    }

    /// Reads a text attribute of an item.
    pub(crate) async fn attribute(&self, table: &str, key: (&str, &str), name: &str) -> String {
        let found = self.find_attribute(table, key, name).await;
        found.unwrap_or_else(|| panic!("no {name} at {key:?}"))
    }

    /// Reads a text attribute of an item, if the item has it.
    pub(crate) async fn find_attribute(
        &self,
        table: &str,
        (pk, sk): (&str, &str),
        name: &str,
    ) -> Option<String> {
        let key = json!({ "pk": { "S": pk }, "sk": { "S": sk } });
        let request = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
        let found = self.dynamodb("GetItem", request).await;
        found.pointer(&format!("/Item/{name}/S")).and_then(Value::as_str).map(str::to_owned)
    }
}
