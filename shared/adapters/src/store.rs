//! The tables: DynamoDB behind the ports of the pipeline.

pub mod dynamodb;
pub mod item;
