//! The Log table, and the reads that span both.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::line::LastRow;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::suspension::Line;
use hookrail_domain::time::Millis;

use super::{
    DynamoDbStore, NOT_THERE, PAUSE, TRIES_MAX, TooBusy, Transacted, keys_and_attributes, number, text,
    unavailable,
};
use crate::store::item::config::decode_subscription;
use crate::store::item::line::{DUE_INDEX, DUE_LINES, DUE_PARTITION, DUE_SORT, LineUpdate, decode_line};
use crate::store::item::row::{LAST_ATTRIBUTES, decode_last, decode_row, encode_row, line_of};
use crate::store::item::secrets::decode_secrets;
use crate::store::item::{Item, Key, ROW_PREFIX, line_partition};
use crate::store::{
    Change, LineKey, LineSettings, LogStore, Parking, Recorded, Replacement, Replacing, StoreError,
};

impl LogStore for DynamoDbStore {
    async fn settings(&self, lines: &[LineKey]) -> Result<Vec<LineSettings>, StoreError> {
        let mut pause = PAUSE;
        for _ in 0..TRIES_MAX {
            let read = self.read_settings(lines).await?;
            let settings: Option<Vec<_>> = read.into_iter().collect();
            if let Some(settings) = settings {
                return Ok(settings);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(unavailable(TooBusy))
    }

    async fn last_row(&self, line: &LineKey) -> Result<Option<LastRow>, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.log_table)
            .key_condition_expression("pk = :line AND begins_with(sk, :prefix)")
            .projection_expression(LAST_ATTRIBUTES.map(|name| format!("#{name}")).join(", "))
            // Some of the names are reserved words.
            .set_expression_attribute_names(Some(
                LAST_ATTRIBUTES.map(|name| (format!("#{name}"), name.to_owned())).into(),
            ))
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

    async fn park(&self, row: &LogRow, generation: u64) -> Result<Parking, StoreError> {
        let key = line_of(row);
        let update = LineUpdate::parking(row.attempt.number.sequence, generation);
        match self.put_with_line(row, &key, update).await? {
            Transacted::Done => Ok(Parking::Parked),
            Transacted::Refused(_) => {
                let there = self.get(&self.log_table, Key::row(&key, row.attempt.number)).await?;
                let text = |name| there.as_ref().and_then(|item| item.get(name)?.as_s().ok());
                let is_same = text("delivery").is_some_and(|delivery| *delivery == row.delivery.to_string());
                let is_parked = there.as_ref().is_some_and(|item| item.contains_key("parked"));
                Ok(if is_same && is_parked { Parking::Parked } else { Parking::Moved })
            }
        }
    }

    async fn change_line(&self, key: &LineKey, from: &Line, to: &Line) -> Result<Change, StoreError> {
        if from == to {
            return Ok(Change::Done);
        }
        let LineUpdate { update, condition, names, values } = LineUpdate::between(from, to);
        let call = self
            .client
            .update_item()
            .table_name(&self.log_table)
            .set_key(Some(Key::line(key).into_item()))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values));
        let mut pause = PAUSE;
        for _ in 0..TRIES_MAX {
            let Err(error) = call.clone().send().await else { return Ok(Change::Done) };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => return Ok(Change::Lost),
                // Deliver parks in transactions, and the SDK does not repeat a write that met one.
                Some(UpdateItemError::TransactionConflictException(_)) => tokio::time::sleep(pause).await,
                _ => return Err(unavailable(error)),
            }
            pause *= 2;
        }
        Err(unavailable(TooBusy))
    }

    async fn replace_with_line(
        &self,
        replacing: Replacing<'_>,
        from: &Line,
        to: &Line,
    ) -> Result<Replacement, StoreError> {
        let mut items = self.replacement(replacing)?;
        let subscription = replacing.subscription;
        let key = LineKey { company: subscription.company.clone(), subscription: subscription.id };
        items.push(self.line_update(&key, LineUpdate::between(from, to))?);
        Ok(match self.transact(items).await? {
            Transacted::Done => Replacement::Done,
            Transacted::Refused(_) => Replacement::Lost,
        })
    }

    async fn advance(&self, row: &LogRow, from: &Line, to: &Line) -> Result<Change, StoreError> {
        let key = line_of(row);
        match self.put_with_line(row, &key, LineUpdate::between(from, to)).await? {
            Transacted::Done => Ok(Change::Done),
            Transacted::Refused(_) => {
                let there = self.get(&self.log_table, Key::row(&key, row.attempt.number)).await?;
                let run = there.as_ref().and_then(|item| item.get("run")?.as_s().ok());
                Ok(if run == Some(&row.run.0) { Change::Done } else { Change::Lost })
            }
        }
    }

    async fn due_lines(&self, now: Millis, limit: usize) -> Result<Vec<LineKey>, StoreError> {
        let due = self.due(DUE_LINES, now, limit).await?;
        due.into_iter().map(Key::into_line).collect()
    }

    async fn rows_from(
        &self,
        line: &LineKey,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let first = Key::row(line, AttemptNumber { sequence, attempt: 0 }).sort;
        let items = self.query_rows(line, (&first, &format!("{ROW_PREFIX}~")), true, limit).await?;
        items.into_iter().map(|item| decode_row(line, item)).collect()
    }

    async fn last_row_of(&self, line: &LineKey, sequence: u64) -> Result<Option<LogRow>, StoreError> {
        let key = |attempt| Key::row(line, AttemptNumber { sequence, attempt }).sort;
        let items = self.query_rows(line, (&key(0), &key(ATTEMPTS_KEY_MAX)), false, 1).await?;
        items.into_iter().next().map(|item| decode_row(line, item)).transpose()
    }

    async fn list_rows(
        &self,
        line: &LineKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let place = (ROW_PREFIX, before.map(|number| Key::row(line, number)));
        let items = self.page((&self.log_table, line_partition(line)), place, limit).await?;
        let rows: Result<Vec<_>, _> = items.into_iter().map(|item| decode_row(line, item)).collect();
        let mut rows = rows?;
        self.fill_bodies(line, &mut rows).await?;
        Ok(rows)
    }
}

/// The largest attempt number that a sort key's six digits hold.
const ATTEMPTS_KEY_MAX: u32 = 999_999;

impl DynamoDbStore {
    /// The keys of what is due in this partition of the index, the longest due first.
    pub(super) async fn due(
        &self,
        partition: &str,
        now: Millis,
        limit: usize,
    ) -> Result<Vec<Key>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.log_table)
            .index_name(DUE_INDEX)
            .key_condition_expression("#due = :due AND #at <= :now")
            .expression_attribute_names("#due", DUE_PARTITION)
            .expression_attribute_names("#at", DUE_SORT)
            .expression_attribute_values(":due", text(partition))
            .expression_attribute_values(":now", number(now.0))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .into_paginator()
            .items()
            .send();
        let mut due = Vec::new();
        while due.len() < limit
            && let Some(item) = pages.next().await
        {
            due.push(Key::of(&item.map_err(unavailable)?)?);
        }
        Ok(due)
    }

    /// The settings of each line; none for one whose webhook and secrets are not of the same write. A batch read is
    /// not of one moment, and the header values of one URL must never reach another.
    async fn read_settings(&self, lines: &[LineKey]) -> Result<Vec<Option<LineSettings>>, StoreError> {
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

    /// Puts a row that is not there yet and updates its line, both or neither.
    async fn put_with_line(
        &self,
        row: &LogRow,
        key: &LineKey,
        update: LineUpdate,
    ) -> Result<Transacted, StoreError> {
        let put = Put::builder()
            .table_name(&self.log_table)
            .set_item(Some(encode_row(row)?))
            .condition_expression(NOT_THERE)
            .build()
            .map_err(unavailable)?;
        let items = vec![TransactWriteItem::builder().put(put).build(), self.line_update(key, update)?];
        self.transact(items).await
    }

    fn line_update(
        &self,
        key: &LineKey,
        LineUpdate { update, condition, names, values }: LineUpdate,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.log_table)
            .set_key(Some(Key::line(key).into_item()))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(unavailable)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Items of rows between two sort keys, both included.
    async fn query_rows(
        &self,
        line: &LineKey,
        (first, last): (&str, &str),
        forward: bool,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.log_table)
            .key_condition_expression("pk = :line AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":line", text(line_partition(line)))
            .expression_attribute_values(":first", text(first))
            .expression_attribute_values(":last", text(last))
            .scan_index_forward(forward)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable)?;
        Ok(answer.items.unwrap_or_default())
    }

    /// Gives later attempts the body that is stored with the first.
    async fn fill_bodies(&self, line: &LineKey, rows: &mut [LogRow]) -> Result<(), StoreError> {
        for index in 0..rows.len() {
            let Some(row) = rows.get(index).filter(|row| row.body.is_none()) else { continue };
            let sequence = row.attempt.number.sequence;
            let on_page =
                rows.iter().find(|row| row.attempt.number.sequence == sequence && row.body.is_some());
            let body = match on_page {
                Some(row) => row.body.clone(),
                None => self.rows_from(line, sequence, 1).await?.into_iter().next().and_then(|row| row.body),
            };
            if let Some(row) = rows.get_mut(index) {
                row.body = body;
            }
        }
        Ok(())
    }
}

fn settings_of(line: &LineKey, found: &mut HashMap<Key, Item>) -> Result<Option<LineSettings>, StoreError> {
    let webhook = found.remove(&Key::webhook(&line.company, line.subscription));
    let secrets = found.remove(&Key::secret(&line.company, line.subscription));
    let state = found.remove(&Key::line(line));
    let subscription = webhook.map(|item| decode_subscription(&line.company, item)).transpose()?;
    let (secrets, version) = secrets.map(decode_secrets).transpose()?.unzip();
    let is_torn = match (&subscription, version) {
        (Some(subscription), Some(version)) => subscription.credentials.version != version,
        (None, _) | (_, None) => false,
    };
    let line = state.map(decode_line).transpose()?.unwrap_or_default();
    Ok((!is_torn).then_some(LineSettings { subscription, secrets, line }))
}
