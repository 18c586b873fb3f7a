//! The Log table, and the reads that span both.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::line::LastRow;
use hookrail_domain::log_row::LogRow;

use super::{DynamoDbStore, NOT_THERE, keys_and_attributes, text, unavailable};
use crate::store::item::config::{decode_secret, decode_subscription};
use crate::store::item::row::{LAST_ATTRIBUTES, decode_last, decode_row, encode_row, line_of};
use crate::store::item::{Item, Key, ROW_PREFIX, line_partition};
use crate::store::{LineKey, LineSettings, LogStore, Recorded, StoreError};

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
