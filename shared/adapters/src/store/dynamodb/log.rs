//! The Log table, and the reads that span both.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::progress::LastRow;
use hookrail_domain::suspension::QueueState;
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::due::Shares;
use hookrail_pipeline::store::{
    Change, LogStore, Parking, Recorded, Replacement, Replacing, StoreError, WebhookKey, WebhookSnapshot,
};

use super::{
    DynamoDbStore, NOT_THERE, TRIES_MAX, TooBusy, Transacted, conflict, keys_and_attributes, pause,
    projection, text, unavailable,
};
use crate::store::item::config::decode_webhook;
use crate::store::item::row::{decode_last, decode_row, encode_row, last_attributes};
use crate::store::item::secrets::decode_secrets;
use crate::store::item::state::{DUE_LINES, StateUpdate, decode_state};
use crate::store::item::{Item, Key, ROW_PREFIX, webhook_partition};

impl LogStore for DynamoDbStore {
    async fn snapshots(&self, keys: &[WebhookKey]) -> Result<Vec<WebhookSnapshot>, StoreError> {
        for tried in 1..=TRIES_MAX {
            let read = self.read_settings(keys).await?;
            let snapshot: Option<Vec<_>> = read.into_iter().collect();
            if let Some(snapshot) = snapshot {
                return Ok(snapshot);
            }
            pause(tried).await;
        }
        Err(unavailable(TooBusy))
    }

    async fn last_row(&self, key: &WebhookKey) -> Result<Option<LastRow>, StoreError> {
        let (projection, names) = projection(&last_attributes());
        let answer = self
            .client
            .query()
            .table_name(&self.log_table)
            .key_condition_expression("pk = :webhook AND begins_with(sk, :prefix)")
            .projection_expression(projection)
            .set_expression_attribute_names(Some(names))
            .expression_attribute_values(":webhook", text(webhook_partition(key)))
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
            None => self.get(&self.log_table, Key::row(&WebhookKey::of_row(row), row.attempt.number)).await?,
        };
        let run = there.as_ref().and_then(|item| item.get("run")?.as_s().ok());
        Ok(if run == Some(&row.run.0) { Recorded::Mine } else { Recorded::Another })
    }

    async fn park(&self, row: &LogRow, generation: u64) -> Result<Parking, StoreError> {
        let key = WebhookKey::of_row(row);
        let update = StateUpdate::parking(row.attempt.number.sequence, generation);
        match self.put_with_state(row, &key, update).await? {
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

    async fn change_state(
        &self,
        key: &WebhookKey,
        from: &QueueState,
        to: &QueueState,
    ) -> Result<Change, StoreError> {
        if from == to {
            return Ok(Change::Done);
        }
        let StateUpdate { update, condition, names, values } = StateUpdate::between(from, to);
        let call = self
            .client
            .update_item()
            .table_name(&self.log_table)
            .set_key(Some(Key::state(key).into_item()))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values));
        for tried in 1..=TRIES_MAX {
            let Err(error) = call.clone().send().await else { return Ok(Change::Done) };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => return Ok(Change::Lost),
                // Deliver parks in transactions, and the SDK does not repeat a write that met one.
                Some(UpdateItemError::TransactionConflictException(_)) => conflict(tried).await,
                _ => return Err(unavailable(error)),
            }
        }
        Err(unavailable(TooBusy))
    }

    async fn replace_with_state(
        &self,
        replacing: Replacing<'_>,
        from: &QueueState,
        to: &QueueState,
    ) -> Result<Replacement, StoreError> {
        let mut items = self.replacement(replacing)?;
        let webhook = replacing.webhook;
        let key = WebhookKey { company: webhook.company.clone(), webhook: webhook.id };
        items.push(self.state_update(&key, StateUpdate::between(from, to))?);
        Ok(match self.transact(items).await? {
            Transacted::Done => Replacement::Done,
            Transacted::Refused(_) => Replacement::Lost,
        })
    }

    async fn advance(&self, row: &LogRow, from: &QueueState, to: &QueueState) -> Result<Change, StoreError> {
        let key = WebhookKey::of_row(row);
        match self.put_with_state(row, &key, StateUpdate::between(from, to)).await? {
            Transacted::Done => Ok(Change::Done),
            Transacted::Refused(_) => {
                let there = self.get(&self.log_table, Key::row(&key, row.attempt.number)).await?;
                let run = there.as_ref().and_then(|item| item.get("run")?.as_s().ok());
                Ok(if run == Some(&row.run.0) { Change::Done } else { Change::Lost })
            }
        }
    }

    async fn due_queues(
        &self,
        now: Millis,
        share: usize,
        except: &HashSet<WebhookKey>,
    ) -> Result<Vec<WebhookKey>, StoreError> {
        self.due((DUE_LINES, now), Shares::new(share, except), Key::into_key).await
    }

    async fn count_due_queues(&self) -> Result<u64, StoreError> {
        self.count_due(DUE_LINES).await
    }

    async fn rows_from(
        &self,
        key: &WebhookKey,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let first = Key::row(key, AttemptNumber { sequence, attempt: 0 }).sort;
        let items = self.query_rows(key, (&first, &format!("{ROW_PREFIX}~")), true, limit).await?;
        items.into_iter().map(|item| decode_row(key, item)).collect()
    }

    async fn last_row_of(
        &self,
        webhook_key: &WebhookKey,
        sequence: u64,
    ) -> Result<Option<LogRow>, StoreError> {
        let key = |attempt| Key::row(webhook_key, AttemptNumber { sequence, attempt }).sort;
        let items = self.query_rows(webhook_key, (&key(0), &key(ATTEMPTS_KEY_MAX)), false, 1).await?;
        items.into_iter().next().map(|item| decode_row(webhook_key, item)).transpose()
    }

    async fn list_rows(
        &self,
        key: &WebhookKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let place = (ROW_PREFIX, before.map(|number| Key::row(key, number)));
        let items = self.page((&self.log_table, webhook_partition(key)), place, limit).await?;
        let rows: Result<Vec<_>, _> = items.into_iter().map(|item| decode_row(key, item)).collect();
        let mut rows = rows?;
        self.fill_bodies(key, &mut rows).await?;
        Ok(rows)
    }
}

/// The largest attempt number that a sort key's six digits hold.
const ATTEMPTS_KEY_MAX: u32 = 999_999;

impl DynamoDbStore {
    /// Reads the snapshot of each webhook; none if webhook and secrets are not of the same write.
    /// A batch read is not of one moment, and the header values of one URL must never reach another.
    async fn read_settings(&self, keys: &[WebhookKey]) -> Result<Vec<Option<WebhookSnapshot>>, StoreError> {
        let config = keys.iter().flat_map(|key| {
            [Key::webhook(&key.company, key.webhook), Key::secret(&key.company, key.webhook)]
        });
        let wanted = HashMap::from([
            (self.config_table.clone(), keys_and_attributes(config)?),
            (self.log_table.clone(), keys_and_attributes(keys.iter().map(Key::state))?),
        ]);
        let mut found = HashMap::new();
        for item in self.batch_get(wanted).await? {
            found.insert(Key::of(&item)?, item);
        }
        keys.iter().map(|key| snapshot_of(key, &mut found)).collect()
    }

    /// Puts a row that does not exist yet and updates its queue, both or neither.
    async fn put_with_state(
        &self,
        row: &LogRow,
        key: &WebhookKey,
        update: StateUpdate,
    ) -> Result<Transacted, StoreError> {
        let put = Put::builder()
            .table_name(&self.log_table)
            .set_item(Some(encode_row(row)?))
            .condition_expression(NOT_THERE)
            .build()
            .map_err(unavailable)?;
        let items = vec![TransactWriteItem::builder().put(put).build(), self.state_update(key, update)?];
        self.transact(items).await
    }

    fn state_update(
        &self,
        key: &WebhookKey,
        StateUpdate { update, condition, names, values }: StateUpdate,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.log_table)
            .set_key(Some(Key::state(key).into_item()))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(unavailable)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Returns items of rows between two sort keys, both included.
    async fn query_rows(
        &self,
        key: &WebhookKey,
        (first, last): (&str, &str),
        forward: bool,
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.log_table)
            .key_condition_expression("pk = :webhook AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":webhook", text(webhook_partition(key)))
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

    /// Adds the body that is stored with the first attempt to the later ones.
    async fn fill_bodies(&self, key: &WebhookKey, rows: &mut [LogRow]) -> Result<(), StoreError> {
        for index in 0..rows.len() {
            let Some(row) = rows.get(index).filter(|row| row.body.is_none()) else { continue };
            let sequence = row.attempt.number.sequence;
            let on_page =
                rows.iter().find(|row| row.attempt.number.sequence == sequence && row.body.is_some());
            let body = match on_page {
                Some(row) => row.body.clone(),
                None => self.rows_from(key, sequence, 1).await?.into_iter().next().and_then(|row| row.body),
            };
            if let Some(row) = rows.get_mut(index) {
                row.body = body;
            }
        }
        Ok(())
    }
}

fn snapshot_of(
    key: &WebhookKey,
    found: &mut HashMap<Key, Item>,
) -> Result<Option<WebhookSnapshot>, StoreError> {
    let webhook = found.remove(&Key::webhook(&key.company, key.webhook));
    let secrets = found.remove(&Key::secret(&key.company, key.webhook));
    let state = found.remove(&Key::state(key));
    let webhook = webhook.map(|item| decode_webhook(&key.company, item)).transpose()?;
    let (secrets, version) = secrets.map(decode_secrets).transpose()?.unzip();
    let is_torn = match (&webhook, version) {
        (Some(webhook), Some(version)) => webhook.credentials.version != version,
        (None, _) | (_, None) => false,
    };
    let state = state.map(decode_state).transpose()?.unwrap_or_default();
    Ok((!is_torn).then_some(WebhookSnapshot { webhook, secrets, state }))
}
