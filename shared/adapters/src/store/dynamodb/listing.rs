//! Reads of both tables for people.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::id::{CompanyId, SubscriptionId};
use hookrail_domain::subscription::Subscription;
use hookrail_domain::test_row::{TestPlace, TestRow};

use super::{DynamoDbStore, text, unavailable};
use crate::store::item::config::decode_subscription;
use crate::store::item::row::{SCANNED_ATTRIBUTES, decode_row};
use crate::store::item::test_row::{decode_test, encode_test};
use crate::store::item::{Key, ROW_PREFIX, TEST_PREFIX, WEBHOOK_PREFIX, company_partition, line_partition};
use crate::store::listing::{ListStore, Scanned};
use crate::store::{LineKey, StoreError};

impl ListStore for DynamoDbStore {
    async fn page_subscriptions(
        &self,
        company: &CompanyId,
        before: Option<SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<Subscription>, StoreError> {
        let before = place(WEBHOOK_PREFIX, before.map(|id| Key::webhook(company, id)));
        let query = self.backwards((&self.config_table, company_partition(company)), WEBHOOK_PREFIX, &before);
        let mut pages = query.limit(one_more(limit)).into_paginator().items().send();
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(item) = pages.next().await
        {
            let item = item.map_err(unavailable)?;
            if Key::of(&item)?.sort != before {
                found.push(decode_subscription(company, item)?);
            }
        }
        Ok(found)
    }

    async fn scan_rows(
        &self,
        line: &LineKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        let before = place(ROW_PREFIX, before.map(|number| Key::row(line, number)));
        let names: HashMap<_, _> =
            SCANNED_ATTRIBUTES.map(|name| (format!("#{name}"), name.to_owned())).into();
        let answer = self
            .backwards((&self.log_table, line_partition(line)), ROW_PREFIX, &before)
            .projection_expression(SCANNED_ATTRIBUTES.map(|name| format!("#{name}")).join(", "))
            .set_expression_attribute_names(Some(names))
            .limit(one_more(limit))
            .send()
            .await
            .map_err(unavailable)?;
        let is_end = answer.last_evaluated_key.is_none();
        let mut rows = Vec::new();
        for item in answer.items.unwrap_or_default() {
            if Key::of(&item)?.sort != before {
                rows.push(decode_row(line, item)?);
            }
        }
        Ok(Scanned { rows, is_end })
    }

    async fn put_test(&self, line: &LineKey, row: &TestRow) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.log_table);
        put.set_item(Some(encode_test(line, row)?)).send().await.map_err(unavailable)?;
        Ok(())
    }

    async fn list_tests(
        &self,
        line: &LineKey,
        before: Option<TestPlace>,
        limit: usize,
    ) -> Result<Vec<TestRow>, StoreError> {
        let before = place(TEST_PREFIX, before.map(|place| Key::test(line, place)));
        let query = self.backwards((&self.log_table, line_partition(line)), TEST_PREFIX, &before);
        let mut pages = query.limit(one_more(limit)).into_paginator().items().send();
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(item) = pages.next().await
        {
            let item = item.map_err(unavailable)?;
            if Key::of(&item)?.sort != before {
                found.push(decode_test(item)?);
            }
        }
        Ok(found)
    }
}

impl DynamoDbStore {
    /// A query of what begins with `prefix` and does not lie behind `before`, which it includes, the last one first.
    pub(super) fn backwards(
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

/// The sort key that a page lies before. `~` sorts behind every digit: without a cursor it begins at the newest item.
pub(super) fn place(prefix: &str, before: Option<Key>) -> String {
    before.map_or_else(|| format!("{prefix}~"), |key| key.sort)
}

/// BETWEEN includes the cursor's own item.
pub(super) fn one_more(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1)
}
