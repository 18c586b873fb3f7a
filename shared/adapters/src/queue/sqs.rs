//! The queues on SQS FIFO.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    MessageAttributeValue, QueueAttributeName, SendMessageBatchRequestEntry,
};
use hookrail_pipeline::queue::{HoldResult, Outgoing, Queue, QueueError, SendResult};

/// Codes of SQS for a message that it will never accept.
/// Throttling and missing rights are also reported as faults of the sender, but they pass.
const CONTENT_ERRORS: [&str; 3] = ["InvalidMessageContents", "InvalidParameterValue", "MissingParameter"];

/// Queues by their URLs.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
}

impl SqsQueue {
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl SqsQueue {
    /// Makes one call. None if it was refused because of the content of a message in it.
    async fn send_call(
        &self,
        queue_url: &str,
        messages: &[Outgoing],
    ) -> Result<Option<Vec<SendResult>>, QueueError> {
        let mut call = self.client.send_message_batch().queue_url(queue_url);
        for (index, message) in messages.iter().enumerate() {
            call = call.entries(send_entry(index, message)?);
        }
        let answer = match call.send().await {
            Err(error) if error.code().is_some_and(is_of_content) => return Ok(None),
            answer => answer.map_err(failed)?,
        };
        let mut results = vec![SendResult::Failed; messages.len()];
        for sent in answer.successful {
            set(&mut results, &sent.id, SendResult::Sent { message_id: sent.message_id });
        }
        for refused in answer.failed.iter().filter(|entry| entry.sender_fault && is_of_content(&entry.code)) {
            set(&mut results, &refused.id, SendResult::Refused);
        }
        Ok(Some(results))
    }
}

fn is_of_content(code: &str) -> bool {
    // Older codes begin with the name of the service.
    code.rsplit('.').next().is_some_and(|code| CONTENT_ERRORS.contains(&code))
}

/// Returns an SDK failure, or the failure to build a request.
fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> QueueError {
    QueueError(error.into())
}

impl Queue for SqsQueue {
    async fn send(&self, queue_url: &str, messages: &[Outgoing]) -> Result<Vec<SendResult>, QueueError> {
        match (self.send_call(queue_url, messages).await?, messages) {
            (Some(results), _) => Ok(results),
            (None, [_]) => Ok(vec![SendResult::Refused]),
            // One of them is at fault. In calls of their own the others pass.
            (None, messages) => {
                let mut results = Vec::with_capacity(messages.len());
                for message in messages.chunks(1) {
                    let alone = self.send_call(queue_url, message).await?;
                    results.extend(alone.unwrap_or_else(|| vec![SendResult::Refused]));
                }
                Ok(results)
            }
        }
    }

    async fn hold(&self, queue_url: &str, holds: &[(String, u64)]) -> Result<Vec<HoldResult>, QueueError> {
        let mut call = self.client.change_message_visibility_batch().queue_url(queue_url);
        for (index, (handle, seconds)) in holds.iter().enumerate() {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(handle)
                .visibility_timeout(i32::try_from(*seconds).unwrap_or(i32::MAX))
                .build()
                .map_err(failed)?;
            call = call.entries(entry);
        }
        let answer = call.send().await.map_err(failed)?;
        let mut results = vec![HoldResult::Failed; holds.len()];
        for held in answer.successful {
            set(&mut results, &held.id, HoldResult::Held);
        }
        for entry in &answer.failed {
            set(&mut results, &entry.id, refusal(entry));
        }
        Ok(results)
    }

    async fn delete(&self, queue_url: &str, handles: &[String]) -> Result<(), QueueError> {
        let mut call = self.client.delete_message_batch().queue_url(queue_url);
        for (index, handle) in handles.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(handle)
                .build()
                .map_err(failed)?;
            call = call.entries(entry);
        }
        // Entries that fail here are deleted by the event source mapping when the invocation ends.
        call.send().await.map_err(failed)?;
        Ok(())
    }

    async fn length(&self, queue_url: &str) -> Result<u64, QueueError> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let call = self.client.get_queue_attributes().queue_url(queue_url).attribute_names(name.clone());
        let answer = call.send().await.map_err(failed)?;
        let length = answer.attributes.as_ref().and_then(|attributes| attributes.get(&name)?.parse().ok());
        length.ok_or_else(|| failed("the queue did not give its length"))
    }
}

fn send_entry(index: usize, message: &Outgoing) -> Result<SendMessageBatchRequestEntry, QueueError> {
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_group_id(&message.group)
        .message_deduplication_id(&message.deduplication_id)
        .message_body(&message.body);
    for (name, value) in &message.attributes {
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value)
            .build()
            .map_err(failed)?;
        entry = entry.message_attributes(*name, value);
    }
    entry.build().map_err(failed)
}

/// Returns the result of a refused entry. A sender's fault means that its handle is no longer valid: no other
/// field can be at fault.
fn refusal(entry: &BatchResultErrorEntry) -> HoldResult {
    if entry.sender_fault { HoldResult::Expired } else { HoldResult::Failed }
}

fn set<T>(results: &mut [T], id: &str, result: T) {
    let index: Option<usize> = id.parse().ok();
    if let Some(slot) = index.and_then(|index| results.get_mut(index)) {
        *slot = result;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_refused_for_its_content_only() {
        for code in
            ["InvalidMessageContents", "AWS.SimpleQueueService.InvalidMessageContents", "MissingParameter"]
        {
            assert!(is_of_content(code), "{code}");
        }
        for code in
            ["RequestThrottled", "ThrottlingException", "InternalError", "KMS.AccessDeniedException", ""]
        {
            assert!(!is_of_content(code), "{code}");
        }
    }
}
