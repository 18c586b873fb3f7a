//! Reads of both tables for people.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::id::{CompanyId, EventId, WebhookId};
use hookrail_domain::test_row::{TestPosition, TestRow};
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::store::listing::{EventPosition, ListStore, Scanned};
use hookrail_pipeline::store::{StoreError, WebhookKey};

use super::{DynamoDbStore, projection, text, unavailable};
use crate::store::item::config::decode_webhook;
use crate::store::item::row::{
    EVENT_INDEX, EVENT_PARTITION, decode_place, decode_row, event_key, scanned_attributes,
};
use crate::store::item::test_row::{decode_test, encode_test};
use crate::store::item::{
    Item, Key, ROW_PREFIX, TEST_PREFIX, WEBHOOK_PREFIX, company_partition, webhook_partition,
};

impl ListStore for DynamoDbStore {
    async fn page_webhooks(
        &self,
        company: &CompanyId,
        before: Option<WebhookId>,
        limit: usize,
    ) -> Result<Vec<Webhook>, StoreError> {
        let place = (WEBHOOK_PREFIX, before.map(|id| Key::webhook(company, id)));
        let items = self.page((&self.config_table, company_partition(company)), place, limit).await?;
        items.into_iter().map(|item| decode_webhook(company, item)).collect()
    }

    async fn scan_rows(
        &self,
        key: &WebhookKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        let before = place(ROW_PREFIX, before.map(|number| Key::row(key, number)));
        let (projection, names) = projection(&scanned_attributes());
        let answer = self
            .backwards((&self.log_table, webhook_partition(key)), ROW_PREFIX, &before)
            .projection_expression(projection)
            .set_expression_attribute_names(Some(names))
            .limit(one_more(limit))
            .send()
            .await
            .map_err(unavailable)?;
        let is_end = answer.last_evaluated_key.is_none();
        let mut rows = Vec::new();
        for item in answer.items.unwrap_or_default() {
            if Key::of(&item)?.sort != before {
                rows.push(decode_row(key, item)?);
            }
        }
        Ok(Scanned { rows, is_end })
    }

    async fn put_test(&self, key: &WebhookKey, row: &TestRow) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.log_table);
        put.set_item(Some(encode_test(key, row)?)).send().await.map_err(unavailable)?;
        Ok(())
    }

    async fn list_tests(
        &self,
        key: &WebhookKey,
        before: Option<TestPosition>,
        limit: usize,
    ) -> Result<Vec<TestRow>, StoreError> {
        let place = (TEST_PREFIX, before.map(|place| Key::test(key, place)));
        let items = self.page((&self.log_table, webhook_partition(key)), place, limit).await?;
        items.into_iter().map(decode_test).collect()
    }

    async fn places_of(
        &self,
        company: &CompanyId,
        event: EventId,
        after: Option<WebhookId>,
        limit: usize,
    ) -> Result<Vec<EventPosition>, StoreError> {
        let state = |webhook| webhook_partition(&WebhookKey { company: company.clone(), webhook });
        let after = after.unwrap_or(WebhookId::from_bytes([0; 12]));
        let query = self.client.query().table_name(&self.log_table).index_name(EVENT_INDEX);
        let mut pages = query
            .key_condition_expression("#event = :event AND pk > :after")
            .expression_attribute_names("#event", EVENT_PARTITION)
            .expression_attribute_values(":event", text(event_key(company, event)))
            .expression_attribute_values(":after", text(state(after)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .into_paginator()
            .items()
            .send();
        let mut places = Vec::new();
        while places.len() < limit
            && let Some(item) = pages.next().await
        {
            places.push(decode_place(&item.map_err(unavailable)?)?);
        }
        Ok(places)
    }
}

impl DynamoDbStore {
    /// Returns up to `limit` items whose sort keys begin with a prefix and lie before a key, or anywhere, the
    /// last one first.
    pub(super) async fn page(
        &self,
        (table, partition): (&str, String),
        (prefix, before): (&str, Option<Key>),
        limit: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let before = place(prefix, before);
        let query = self.backwards((table, partition), prefix, &before).limit(one_more(limit));
        let mut pages = query.into_paginator().items().send();
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(item) = pages.next().await
        {
            let item = item.map_err(unavailable)?;
            if Key::of(&item)?.sort != before {
                found.push(item);
            }
        }
        Ok(found)
    }

    /// Makes a query of keys that begin with `prefix` and are not behind `before`, which it includes, the
    /// last one first.
    fn backwards(
        &self,
        (table, partition): (&str, String),
        prefix: &str,
        before: &str,
    ) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(table)
            .key_condition_expression("pk = :partition AND sk BETWEEN :first AND :before")
            .expression_attribute_values(":partition", text(partition))
            .expression_attribute_values(":first", text(prefix))
            .expression_attribute_values(":before", text(before))
            .scan_index_forward(false)
            .consistent_read(true)
    }
}

/// Returns the sort key that a page lies before. `~` sorts behind every digit: without a cursor it begins at
/// the newest item.
fn place(prefix: &str, before: Option<Key>) -> String {
    before.map_or_else(|| format!("{prefix}~"), |key| key.sort)
}

/// Returns the limit and one more: BETWEEN includes the cursor's own item.
fn one_more(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1)
}
