//! Refusals in the words of SQS: the name of the shape for newer SDKs, the older query code for others.

use hookrail_fifo::attributes::InvalidAttribute;
use hookrail_fifo::batch::BatchError;
use hookrail_fifo::queue::{HandleError, SendError};
use hookrail_fifo::queues::QueuesError;
use hookrail_fifo::receipt_handle::InvalidReceiptHandle;
use hyper::StatusCode;

use super::journal::NotKept;

/// An action that is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("the action {action} is not supported")]
    UnknownAction { action: String },
    #[error("the request does not have the shape of this action")]
    Shape(#[source] serde_json::Error),
    #[error("the specified queue does not exist")]
    NoSuchQueue,
    #[error("value for parameter {parameter} is invalid")]
    Parameter { parameter: &'static str },
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Handle(#[from] HandleError),
    #[error(transparent)]
    HandleText(#[from] InvalidReceiptHandle),
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error(transparent)]
    Queues(#[from] QueuesError),
    #[error(transparent)]
    NotKept(#[from] NotKept),
}

/// The two names of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code {
    /// `__type` of the reply, with its name space.
    pub(super) shape: &'static str,
    /// The code in `x-amzn-query-error` and in the entries of a batch.
    pub(super) query: &'static str,
}

const fn code(shape: &'static str, query: &'static str) -> Code {
    Code { shape, query }
}

const UNKNOWN_ACTION: Code = code("com.amazon.coral.service#UnknownOperationException", "InvalidAction");
const SERIALIZATION: Code = code("com.amazon.coral.service#SerializationException", "MalformedInput");
const MISSING_PARAMETER: Code =
    code("com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter");
const INVALID_PARAMETER: Code =
    code("com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue");
const NO_SUCH_QUEUE: Code =
    code("com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue");
const NAME_EXISTS: Code = code("com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists");
const INVALID_ATTRIBUTE_NAME: Code = code("com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName");
const INVALID_ATTRIBUTE_VALUE: Code =
    code("com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue");
const INVALID_CONTENTS: Code = code("com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents");
const INVALID_HANDLE: Code = code("com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid");
const NOT_IN_FLIGHT: Code =
    code("com.amazonaws.sqs#MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight");
const EMPTY_BATCH: Code =
    code("com.amazonaws.sqs#EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest");
const TOO_MANY_ENTRIES: Code = code(
    "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
    "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
);
const INVALID_ENTRY_ID: Code =
    code("com.amazonaws.sqs#InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId");
const IDS_NOT_DISTINCT: Code =
    code("com.amazonaws.sqs#BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct");
const BATCH_TOO_LONG: Code =
    code("com.amazonaws.sqs#BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong");
const UNAVAILABLE: Code = code("com.amazon.coral.availability#ServiceUnavailable", "ServiceUnavailable");

impl Refused {
    /// Returns the status of the reply and the party at fault. A request that can be repeated unchanged is the receiver's
    /// fault.
    pub(super) fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NotKept(_) => (StatusCode::SERVICE_UNAVAILABLE, "Receiver"),
            _ => (StatusCode::BAD_REQUEST, "Sender"),
        }
    }

    pub(super) fn code(&self) -> Code {
        match self {
            Self::UnknownAction { .. } => UNKNOWN_ACTION,
            Self::Shape(_) => SERIALIZATION,
            Self::NoSuchQueue => NO_SUCH_QUEUE,
            Self::Parameter { .. } => INVALID_PARAMETER,
            Self::Send(error) => send_code(*error),
            Self::Handle(error) => handle_code(*error),
            Self::HandleText(InvalidReceiptHandle) => INVALID_HANDLE,
            Self::Batch(error) => batch_code(*error),
            Self::Queues(error) => queues_code(error),
            Self::NotKept(_) => UNAVAILABLE,
        }
    }
}

const fn send_code(error: SendError) -> Code {
    match error {
        SendError::BodyMissing | SendError::GroupMissing => MISSING_PARAMETER,
        SendError::BodyCharacters => INVALID_CONTENTS,
        SendError::TooLong { .. }
        | SendError::GroupInvalid
        | SendError::DeduplicationIdMissing
        | SendError::DeduplicationIdInvalid
        | SendError::DeduplicationIdOnStandard
        | SendError::DelayOnFifo
        | SendError::DelayInvalid
        | SendError::AttributesInvalid => INVALID_PARAMETER,
    }
}

const fn handle_code(error: HandleError) -> Code {
    match error {
        HandleError::Foreign => INVALID_HANDLE,
        HandleError::NotInFlight => NOT_IN_FLIGHT,
        HandleError::Expired
        | HandleError::Gone
        | HandleError::TimeoutInvalid
        | HandleError::TotalTooLong => INVALID_PARAMETER,
    }
}

const fn batch_code(error: BatchError) -> Code {
    match error {
        BatchError::Empty => EMPTY_BATCH,
        BatchError::TooManyEntries => TOO_MANY_ENTRIES,
        BatchError::InvalidEntryId => INVALID_ENTRY_ID,
        BatchError::EntryIdsNotDistinct => IDS_NOT_DISTINCT,
        BatchError::TooLong => BATCH_TOO_LONG,
    }
}

const fn queues_code(error: &QueuesError) -> Code {
    match error {
        QueuesError::NoSuchQueue => NO_SUCH_QUEUE,
        QueuesError::NameExists => NAME_EXISTS,
        QueuesError::Attribute(InvalidAttribute::Name { .. }) => INVALID_ATTRIBUTE_NAME,
        QueuesError::Attribute(InvalidAttribute::Value { .. }) => INVALID_ATTRIBUTE_VALUE,
        QueuesError::InvalidName | QueuesError::NoSuchDeadLetterQueue | QueuesError::DeadLetterQueueKind => {
            INVALID_PARAMETER
        }
    }
}
