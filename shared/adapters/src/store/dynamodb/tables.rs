//! Creation of the tables without the template: by the local stack and by tests.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};

use crate::store::item::job::{JOBS_INDEX, JOBS_PARTITION, JOBS_SORT};
use crate::store::item::row::{EVENT_INDEX, EVENT_PARTITION};
use crate::store::item::state::{DUE_INDEX, DUE_PARTITION, DUE_SORT};
use crate::store::item::{PARTITION_KEY, SORT_KEY};

/// One of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Config,
    Log,
}

/// Returns the call that makes the table under this name, with the template's keys and indexes.
pub fn creation(client: &Client, table: Table, name: &str) -> Result<CreateTableFluentBuilder, BuildError> {
    let call = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(PARTITION_KEY, ScalarAttributeType::S)?)
        .attribute_definitions(attribute(SORT_KEY, ScalarAttributeType::S)?)
        .key_schema(key(PARTITION_KEY, KeyType::Hash)?)
        .key_schema(key(SORT_KEY, KeyType::Range)?);
    match table {
        Table::Config => Ok(call),
        Table::Log => Ok(call
            .attribute_definitions(attribute(DUE_PARTITION, ScalarAttributeType::S)?)
            .attribute_definitions(attribute(DUE_SORT, ScalarAttributeType::N)?)
            .attribute_definitions(attribute(EVENT_PARTITION, ScalarAttributeType::S)?)
            .attribute_definitions(attribute(JOBS_PARTITION, ScalarAttributeType::S)?)
            .attribute_definitions(attribute(JOBS_SORT, ScalarAttributeType::S)?)
            .global_secondary_indexes(index((DUE_INDEX, DUE_PARTITION, DUE_SORT), ProjectionType::KeysOnly)?)
            .global_secondary_indexes(index(
                (EVENT_INDEX, EVENT_PARTITION, PARTITION_KEY),
                ProjectionType::KeysOnly,
            )?)
            .global_secondary_indexes(index((JOBS_INDEX, JOBS_PARTITION, JOBS_SORT), ProjectionType::All)?)),
    }
}

fn index(
    (name, partition, sort): (&str, &str, &str),
    holds: ProjectionType,
) -> Result<GlobalSecondaryIndex, BuildError> {
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .key_schema(key(partition, KeyType::Hash)?)
        .key_schema(key(sort, KeyType::Range)?)
        .projection(Projection::builder().projection_type(holds).build())
        .build()
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
}
