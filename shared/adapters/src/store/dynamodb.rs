//! The store on DynamoDB: two tables, no index, every read that a rule rests on consistent.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::id::{CompanyId, SubscriptionId};
use hookrail_domain::limits::SUBSCRIPTIONS_PER_COMPANY_MAX;
use hookrail_domain::line::LastRow;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, TokenHash};

use super::item::config::{
    decode_answer, decode_grant, decode_secret, decode_subscription, encode_answer, encode_grant,
    encode_secret, encode_subscription,
};
use super::item::row::{LAST_ATTRIBUTES, decode_last, decode_row, encode_row, line_of};
use super::item::{
    Item, Key, PARTITION_KEY, ROW_PREFIX, SORT_KEY, WEBHOOK_PREFIX, company_partition, line_partition,
};
use super::{
    CompanyCreation, ConfigStore, KeptAnswer, LineKey, LineSettings, LogStore, Recorded, Replacement,
    StoreError, SubscriptionCreation,
};

/// Tries of a transaction that met another one, or of a batch read that came back in part.
const TRIES_MAX: u32 = 5;
/// Pause before the second try; doubles with each.
const PAUSE: Duration = Duration::from_millis(20);

const NOT_THERE: &str = "attribute_not_exists(pk)";

/// Both tables.
#[derive(Debug, Clone)]
pub struct DynamoDbStore {
    client: Client,
    config_table: String,
    log_table: String,
}

/// Too many tries met another writer or a throttle.
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

/// Keys of a batch read, read consistently.
fn keys_and_attributes(keys: impl Iterator<Item = Key>) -> Result<KeysAndAttributes, StoreError> {
    KeysAndAttributes::builder()
        .set_keys(Some(keys.map(Key::into_item).collect()))
        .consistent_read(true)
        .build()
        .map_err(unavailable)
}

/// How a transaction ended.
enum Transacted {
    Done,
    /// The condition of the item at this place failed.
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

    /// Repeats a transaction that lost to another one: that is no answer to the question asked.
    async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<Transacted, StoreError> {
        let mut pause = PAUSE;
        for _ in 0..TRIES_MAX {
            match self.client.transact_write_items().set_transact_items(Some(items.clone())).send().await {
                Ok(_) => return Ok(Transacted::Done),
                Err(error) => match cancelled_by(&error) {
                    Some(Cause::Condition(index)) => return Ok(Transacted::Refused(index)),
                    Some(Cause::Conflict) => tokio::time::sleep(pause).await,
                    None => return Err(unavailable(error)),
                },
            }
            pause *= 2;
        }
        Err(unavailable(TooBusy))
    }

    fn put(&self, item: Item, condition: &str) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.config_table)
            .set_item(Some(item))
            .condition_expression(condition)
            .build()
            .map_err(unavailable)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Raises the company's version in the same transaction as a write of one of its webhooks.
    fn raise_version(&self, company: &CompanyId, added: usize) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.config_table)
            .set_key(Some(Key::company(company).into_item()))
            .update_expression("ADD #version :one, subscriptions :added")
            .expression_attribute_names("#version", "version")
            .condition_expression("attribute_exists(pk) AND subscriptions <= :most")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":added", number(added))
            .expression_attribute_values(":most", number(SUBSCRIPTIONS_PER_COMPANY_MAX - added))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(unavailable)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Reads whatever of these keys exists, asking again for what the table left out.
    async fn batch_get(
        &self,
        mut wanted: HashMap<String, KeysAndAttributes>,
    ) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::new();
        let mut pause = PAUSE;
        for _ in 0..TRIES_MAX {
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
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(unavailable(TooBusy))
    }
}

enum Cause {
    Condition(usize),
    Conflict,
}

/// Which item of a transaction stopped it: a failed condition, or else a conflict or throttle to be tried again.
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

impl ConfigStore for DynamoDbStore {
    async fn find_grant(&self, token: TokenHash) -> Result<Option<Grant>, StoreError> {
        self.get(&self.config_table, Key::token(token)).await?.map(decode_grant).transpose()
    }

    async fn create_company(
        &self,
        company: &CompanyId,
        token: TokenHash,
        grant: &Grant,
    ) -> Result<CompanyCreation, StoreError> {
        let mut item = Key::company(company).into_item();
        for (name, value) in [("schema", 1), ("version", 0), ("subscriptions", 0)] {
            item.insert(name.to_owned(), number(value));
        }
        let items =
            vec![self.put(item, NOT_THERE)?, self.put(encode_grant(Key::token(token), grant)?, NOT_THERE)?];
        Ok(match self.transact(items).await? {
            Transacted::Done => CompanyCreation::Made,
            Transacted::Refused(_) => CompanyCreation::Taken,
        })
    }

    async fn create_subscription(
        &self,
        subscription: &Subscription,
        secret: &SigningSecret,
    ) -> Result<SubscriptionCreation, StoreError> {
        let (company, id) = (&subscription.company, subscription.id);
        let mut marker = Key::code(company, subscription.code.as_str()).into_item();
        marker.insert("webhook".to_owned(), text(id.to_string()));
        let items = vec![
            self.put(marker, NOT_THERE)?,
            self.raise_version(company, 1)?,
            self.put(encode_subscription(subscription)?, NOT_THERE)?,
            self.put(encode_secret(company, id, secret)?, NOT_THERE)?,
        ];
        match self.transact(items).await? {
            Transacted::Done => Ok(SubscriptionCreation::Made),
            Transacted::Refused(0) => Ok(SubscriptionCreation::CodeTaken),
            Transacted::Refused(_) => match self.get(&self.config_table, Key::company(company)).await? {
                Some(_) => Ok(SubscriptionCreation::Full),
                None => Ok(SubscriptionCreation::NoSuchCompany),
            },
        }
    }

    async fn find_subscription(
        &self,
        company: &CompanyId,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        let item = self.get(&self.config_table, Key::webhook(company, id)).await?;
        item.map(|item| decode_subscription(company, item)).transpose()
    }

    async fn list_subscriptions(&self, company: &CompanyId) -> Result<Vec<Subscription>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.config_table)
            .key_condition_expression("pk = :company AND begins_with(sk, :prefix)")
            .expression_attribute_values(":company", text(company_partition(company)))
            .expression_attribute_values(":prefix", text(WEBHOOK_PREFIX))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut subscriptions = Vec::new();
        while let Some(item) = pages.next().await {
            subscriptions.push(decode_subscription(company, item.map_err(unavailable)?)?);
        }
        Ok(subscriptions)
    }

    async fn replace_subscription(&self, subscription: &Subscription) -> Result<Replacement, StoreError> {
        let put = Put::builder()
            .table_name(&self.config_table)
            .set_item(Some(encode_subscription(subscription)?))
            .condition_expression("#version = :before")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":before", number(subscription.version.saturating_sub(1)))
            .build()
            .map_err(unavailable)?;
        let items = vec![
            TransactWriteItem::builder().put(put).build(),
            self.raise_version(&subscription.company, 0)?,
        ];
        Ok(match self.transact(items).await? {
            Transacted::Done => Replacement::Done,
            Transacted::Refused(_) => Replacement::Lost,
        })
    }

    async fn config_versions(&self, companies: &[CompanyId]) -> Result<Vec<u64>, StoreError> {
        let keys = keys_and_attributes(companies.iter().map(Key::company))?;
        let mut versions = HashMap::new();
        for item in self.batch_get(HashMap::from([(self.config_table.clone(), keys)])).await? {
            let version = item.get("version").and_then(|value| value.as_n().ok()?.parse().ok());
            versions.insert(Key::of(&item)?, version.ok_or(StoreError::Corrupt { what: "company" })?);
        }
        Ok(companies
            .iter()
            .map(|company| versions.get(&Key::company(company)).copied().unwrap_or_default())
            .collect())
    }

    async fn keep_answer(
        &self,
        company: &CompanyId,
        key: &str,
        answer: &KeptAnswer,
    ) -> Result<(), StoreError> {
        self.client
            .put_item()
            .table_name(&self.config_table)
            .set_item(Some(encode_answer(Key::idempotency(company, key), answer)?))
            .send()
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn find_answer(
        &self,
        company: &CompanyId,
        key: &str,
        now: Millis,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        let item = self.get(&self.config_table, Key::idempotency(company, key)).await?;
        let answer = item.map(decode_answer).transpose()?;
        // The table deletes expired items within days, not at once.
        Ok(answer.filter(|answer| now < answer.expires_at))
    }
}

impl LogStore for DynamoDbStore {
    async fn settings(&self, lines: &[LineKey]) -> Result<Vec<LineSettings>, StoreError> {
        let config = lines.iter().flat_map(|line| {
            [Key::webhook(&line.company, line.subscription), Key::secret(&line.company, line.subscription)]
        });
        let wanted = HashMap::from([
            (self.config_table.clone(), keys_and_attributes(config)?),
            (self.log_table.clone(), keys_and_attributes(lines.iter().map(Key::line))?),
        ]);
        let mut found = HashMap::new();
        for item in self.batch_get(wanted).await? {
            found.insert(Key::of(&item)?, item);
        }
        lines.iter().map(|line| settings_of(line, &mut found)).collect()
    }

    async fn last_row(&self, line: &LineKey) -> Result<Option<LastRow>, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.log_table)
            .key_condition_expression("pk = :line AND begins_with(sk, :prefix)")
            .projection_expression(LAST_ATTRIBUTES.join(", "))
            .expression_attribute_values(":line", text(line_partition(line)))
            .expression_attribute_values(":prefix", text(ROW_PREFIX))
            .scan_index_forward(false)
            .limit(1)
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable)?;
        answer.items.unwrap_or_default().into_iter().next().map(decode_last).transpose()
    }

    async fn put_row(&self, row: &LogRow) -> Result<Recorded, StoreError> {
        let result = self
            .client
            .put_item()
            .table_name(&self.log_table)
            .set_item(Some(encode_row(row)?))
            .condition_expression(NOT_THERE)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let there = match result {
            Ok(_) => return Ok(Recorded::Mine),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => failed.item.clone(),
                _ => return Err(unavailable(error)),
            },
        };
        // Some emulators leave the old item out of the refusal.
        let there = match there {
            Some(item) => Some(item),
            None => self.get(&self.log_table, Key::row(&line_of(row), row.attempt.number)).await?,
        };
        let run = there.as_ref().and_then(|item| item.get("run")?.as_s().ok());
        Ok(if run == Some(&row.run.0) { Recorded::Mine } else { Recorded::Another })
    }

    async fn list_rows(
        &self,
        line: &LineKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        // `~` sorts behind every digit: without a cursor the page begins at the newest row.
        let before = before.map_or_else(|| format!("{ROW_PREFIX}~"), |number| Key::row(line, number).sort);
        let mut pages = self
            .client
            .query()
            .table_name(&self.log_table)
            .key_condition_expression("pk = :line AND sk BETWEEN :first AND :before")
            .expression_attribute_values(":line", text(line_partition(line)))
            .expression_attribute_values(":first", text(ROW_PREFIX))
            .expression_attribute_values(":before", text(&before))
            .scan_index_forward(false)
            // BETWEEN includes the cursor's own row.
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1))
            .into_paginator()
            .items()
            .send();
        let mut rows = Vec::new();
        while rows.len() < limit
            && let Some(item) = pages.next().await
        {
            let item = item.map_err(unavailable)?;
            if Key::of(&item)?.sort != before {
                rows.push(decode_row(line, item)?);
            }
        }
        self.fill_bodies(line, &mut rows).await?;
        Ok(rows)
    }
}

impl DynamoDbStore {
    /// Gives later attempts the body that is stored with the first.
    async fn fill_bodies(&self, line: &LineKey, rows: &mut [LogRow]) -> Result<(), StoreError> {
        for index in 0..rows.len() {
            let Some(row) = rows.get(index).filter(|row| row.body.is_none()) else { continue };
            let first = AttemptNumber { sequence: row.attempt.number.sequence, attempt: 1 };
            let on_page =
                rows.iter().find(|row| row.attempt.number.sequence == first.sequence && row.body.is_some());
            let body = match on_page {
                Some(row) => row.body.clone(),
                None => match self.get(&self.log_table, Key::row(line, first)).await? {
                    Some(item) => decode_row(line, item)?.body,
                    None => None,
                },
            };
            if let Some(row) = rows.get_mut(index) {
                row.body = body;
            }
        }
        Ok(())
    }
}

fn settings_of(line: &LineKey, found: &mut HashMap<Key, Item>) -> Result<LineSettings, StoreError> {
    let webhook = found.remove(&Key::webhook(&line.company, line.subscription));
    let secret = found.remove(&Key::secret(&line.company, line.subscription));
    let state = found.remove(&Key::line(line));
    Ok(LineSettings {
        subscription: webhook.map(|item| decode_subscription(&line.company, item)).transpose()?,
        secret: secret.map(decode_secret).transpose()?,
        sequence_floor: state
            .as_ref()
            .and_then(|item| item.get("sequence")?.as_n().ok()?.parse().ok())
            .unwrap_or_default(),
    })
}

/// The names of the key attributes, as a table is made with them.
pub const KEY_ATTRIBUTES: [&str; 2] = [PARTITION_KEY, SORT_KEY];
