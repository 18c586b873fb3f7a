//! The store on DynamoDB: two tables, one index that no rule depends on, every other read consistent.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TransactWriteItem};
use hookrail_pipeline::attempt::ATTEMPT_MS_MARGIN;
use hookrail_pipeline::store::StoreError;

use super::item::{Item, Key};
use crate::metrics::{self, Metric};
use crate::random;

mod access;
mod config;
mod due;
mod jobs;
mod listing;
mod rejected;
mod log;
mod platform;
pub mod tables;

/// Tries of a transaction that met another one, or of a batch read that came back in part.
///
/// A transaction that records an attempt must not fail for this: its request would be repeated. While a busy webhook
/// is parked, deliver and recover write the same item all the time.
const TRIES_MAX: u32 = 8;
/// Longest pause before the second try, in milliseconds; doubles with each try up to [`PAUSE_MS_MAX`].
const PAUSE_MS: u64 = 20;
const PAUSE_MS_MAX: u64 = 320;

// The time of an attempt includes that of its row.
const _: () = assert!(pauses_ms_max() < ATTEMPT_MS_MARGIN);

const NOT_THERE: &str = "attribute_not_exists(pk)";
const THERE: &str = "attribute_exists(pk)";

/// Both tables.
#[derive(Debug, Clone)]
pub struct DynamoDbStore {
    client: Client,
    config_table: String,
    log_table: String,
}

/// The error after too many tries that met another writer or a throttle.
#[derive(Debug, thiserror::Error)]
#[error("gave up after {TRIES_MAX} tries")]
struct TooBusy;

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(error.into())
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Returns a projection of these attributes, and their names: some are reserved words.
fn projection(attributes: &[&str]) -> (String, HashMap<String, String>) {
    let name = |name: &&str| (format!("#{name}"), (*name).to_owned());
    let names: HashMap<_, _> = attributes.iter().map(name).collect();
    (names.keys().map(String::as_str).collect::<Vec<_>>().join(", "), names)
}

/// Returns the keys of a batch read, read consistently.
fn keys_and_attributes(keys: impl Iterator<Item = Key>) -> Result<KeysAndAttributes, StoreError> {
    KeysAndAttributes::builder()
        .set_keys(Some(keys.map(Key::into_item).collect()))
        .consistent_read(true)
        .build()
        .map_err(unavailable)
}

/// The end of a transaction.
enum Transacted {
    Done,
    /// The condition of the item at this index failed.
    Refused(usize),
}

impl DynamoDbStore {
    #[must_use]
    pub fn new(client: Client, config_table: String, log_table: String) -> Self {
        Self { client, config_table, log_table }
    }

    async fn get(&self, table: &str, key: Key) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(table)
            .set_key(Some(key.into_item()))
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable)?;
        Ok(answer.item)
    }

    /// Repeats a transaction that lost to another one: a conflict does not say whether its conditions hold.
    async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<Transacted, StoreError> {
        for tried in 1..=TRIES_MAX {
            match self.client.transact_write_items().set_transact_items(Some(items.clone())).send().await {
                Ok(_) => return Ok(Transacted::Done),
                Err(error) => match cancelled_by(&error) {
                    Some(Cause::Condition(index)) => return Ok(Transacted::Refused(index)),
                    Some(Cause::Conflict) => conflict(tried).await,
                    None => return Err(unavailable(error)),
                },
            }
        }
        Err(unavailable(TooBusy))
    }

    /// Reads the items that exist of these keys, and asks again for those that the table left out.
    async fn batch_get(
        &self,
        mut wanted: HashMap<String, KeysAndAttributes>,
    ) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::new();
        for tried in 1..=TRIES_MAX {
            let answer = self
                .client
                .batch_get_item()
                .set_request_items(Some(wanted))
                .send()
                .await
                .map_err(unavailable)?;
            found.extend(answer.responses.unwrap_or_default().into_values().flatten());
            wanted = answer.unprocessed_keys.unwrap_or_default();
            if wanted.is_empty() {
                return Ok(found);
            }
            pause(tried).await;
        }
        Err(unavailable(TooBusy))
    }
}

/// Returns the longest pause after this many tries, in milliseconds.
const fn longest_pause_ms(tried: u32) -> u64 {
    let doubled = PAUSE_MS << (tried - 1);
    if doubled < PAUSE_MS_MAX { doubled } else { PAUSE_MS_MAX }
}

/// Returns the longest time that all pauses take, in milliseconds.
const fn pauses_ms_max() -> u64 {
    let (mut sum, mut tried) = (0, 1);
    while tried <= TRIES_MAX {
        sum += longest_pause_ms(tried);
        tried += 1;
    }
    sum
}

/// Waits after a try that met another transaction.
async fn conflict(tried: u32) {
    metrics::record(Metric::TransactionConflicts, 1);
    pause(tried).await;
}

/// Waits after this many tries: between half of the pause and all of it, so that two writers do not meet again.
async fn pause(tried: u32) {
    let longest = longest_pause_ms(tried);
    let [chance] = random::bytes().unwrap_or_default();
    let ms = longest / 2 + longest / 2 * u64::from(chance) / u64::from(u8::MAX);
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

enum Cause {
    Condition(usize),
    Conflict,
}

/// Returns the item of a transaction that stopped it: a failed condition, or else a conflict or throttle to
/// be tried again.
fn cancelled_by(error: &SdkError<TransactWriteItemsError>) -> Option<Cause> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
    else {
        return None;
    };
    let codes = || cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default());
    match codes().position(|code| code == "ConditionalCheckFailed") {
        Some(index) => Some(Cause::Condition(index)),
        None => {
            let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
            codes().any(|code| passing.contains(&code)).then_some(Cause::Conflict)
        }
    }
}
