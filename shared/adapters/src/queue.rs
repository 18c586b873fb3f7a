//! The queues: SQS behind the port of the pipeline.

pub mod sqs;
