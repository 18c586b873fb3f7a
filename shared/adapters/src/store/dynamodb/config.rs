//! The Config table.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::ingest::Pushed;
use hookrail_domain::limits::WEBHOOKS_PER_COMPANY_MAX;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Token;
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::store::{
    Change, CompanyCreation, ConfigStore, Replacement, Replacing, StoreError, StoredResponse, WebhookCreation,
};

use super::{DynamoDbStore, NOT_THERE, THERE, Transacted, keys_and_attributes, number, text, unavailable};
use crate::store::item::config::{
    decode_pushed, decode_response, decode_webhook, encode_pushed, encode_response, encode_webhook,
};
use crate::store::item::secrets::{decode_secrets, encode_secrets};
use crate::store::item::{Item, Key, WEBHOOK_PREFIX, company_partition};

impl DynamoDbStore {
    pub(super) fn put(&self, item: Item, condition: &str) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.config_table)
            .set_item(Some(item))
            .condition_expression(condition)
            .build()
            .map_err(unavailable)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Puts an item over any other.
    pub(super) async fn put_config(&self, item: Item) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.config_table).set_item(Some(item));
        put.send().await.map_err(unavailable)?;
        Ok(())
    }

    /// Returns the writes of a webhook over its previous version.
    pub(super) fn replacement(&self, replacing: Replacing<'_>) -> Result<Vec<TransactWriteItem>, StoreError> {
        let Replacing { webhook, secrets } = replacing;
        let (company, id, version) = (&webhook.company, webhook.id, webhook.version);
        let put = Put::builder()
            .table_name(&self.config_table)
            .set_item(Some(encode_webhook(webhook)?))
            .condition_expression("#version = :before")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":before", number(version.saturating_sub(1)))
            .build()
            .map_err(unavailable)?;
        let mut items = vec![TransactWriteItem::builder().put(put).build(), self.raise_version(company, 0)?];
        if let Some(secrets) = secrets {
            items.push(self.put(encode_secrets(company, id, secrets, version)?, THERE)?);
        }
        Ok(items)
    }

    /// Returns the item that keeps the webhook's code or name unique, and names its webhook.
    pub(super) fn marker(webhook: &Webhook) -> Item {
        let mut marker = Key::marker(webhook).into_item();
        marker.insert("webhook".to_owned(), text(webhook.id.to_string()));
        marker
    }

    /// Raises the company's version in the same transaction as a write of one of its webhooks.
    pub(super) fn raise_version(
        &self,
        company: &CompanyId,
        added: isize,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.config_table)
            .set_key(Some(Key::company(company).into_item()))
            .update_expression("ADD #version :one, subscriptions :added")
            .expression_attribute_names("#version", "version")
            .condition_expression("attribute_exists(pk) AND subscriptions <= :most")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":added", number(added))
            .expression_attribute_values(
                ":most",
                number(WEBHOOKS_PER_COMPANY_MAX.saturating_add_signed(-added)),
            )
            .build()
            .map_err(unavailable)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

impl ConfigStore for DynamoDbStore {
    async fn create_company(
        &self,
        company: &CompanyId,
        token: &Token,
    ) -> Result<CompanyCreation, StoreError> {
        let mut item = Key::company(company).into_item();
        for (name, value) in [("schema", 1), ("version", 0), ("subscriptions", 0)] {
            item.insert(name.to_owned(), number(value));
        }
        let mut items = vec![self.put(item, NOT_THERE)?];
        items.extend(self.token_puts(token)?);
        Ok(match self.transact(items).await? {
            Transacted::Done => CompanyCreation::Made,
            Transacted::Refused(_) => CompanyCreation::Taken,
        })
    }

    async fn is_company(&self, company: &CompanyId) -> Result<bool, StoreError> {
        Ok(self.get(&self.config_table, Key::company(company)).await?.is_some())
    }

    async fn create_webhook(
        &self,
        webhook: &Webhook,
        secrets: &Secrets,
    ) -> Result<WebhookCreation, StoreError> {
        let (company, id) = (&webhook.company, webhook.id);
        let items = vec![
            self.put(Self::marker(webhook), NOT_THERE)?,
            self.raise_version(company, 1)?,
            self.put(encode_webhook(webhook)?, NOT_THERE)?,
            self.put(encode_secrets(company, id, secrets, webhook.version)?, NOT_THERE)?,
        ];
        match self.transact(items).await? {
            Transacted::Done => Ok(WebhookCreation::Made),
            Transacted::Refused(0) => Ok(WebhookCreation::CodeTaken),
            Transacted::Refused(_) if self.is_company(company).await? => Ok(WebhookCreation::Full),
            Transacted::Refused(_) => Ok(WebhookCreation::NoSuchCompany),
        }
    }

    async fn find_webhook(&self, company: &CompanyId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let item = self.get(&self.config_table, Key::webhook(company, id)).await?;
        item.map(|item| decode_webhook(company, item)).transpose()
    }

    async fn list_webhooks(&self, company: &CompanyId) -> Result<Vec<Webhook>, StoreError> {
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
        let mut webhooks = Vec::new();
        while let Some(item) = pages.next().await {
            webhooks.push(decode_webhook(company, item.map_err(unavailable)?)?);
        }
        Ok(webhooks)
    }

    async fn find_secrets(&self, company: &CompanyId, id: WebhookId) -> Result<Option<Secrets>, StoreError> {
        let item = self.get(&self.config_table, Key::secret(company, id)).await?;
        Ok(item.map(decode_secrets).transpose()?.map(|(secrets, _)| secrets))
    }

    async fn replace_webhook(&self, replacing: Replacing<'_>) -> Result<Replacement, StoreError> {
        Ok(match self.transact(self.replacement(replacing)?).await? {
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

    async fn store_response(
        &self,
        company: &CompanyId,
        key: &str,
        answer: &StoredResponse,
    ) -> Result<(), StoreError> {
        self.put_config(encode_response(Key::idempotency(company, key), answer)?).await
    }

    async fn find_response(
        &self,
        company: &CompanyId,
        key: &str,
        now: Millis,
    ) -> Result<Option<StoredResponse>, StoreError> {
        let item = self.get(&self.config_table, Key::idempotency(company, key)).await?;
        let answer = item.map(decode_response).transpose()?;
        // The table deletes expired items within days, not at once.
        Ok(answer.filter(|answer| now < answer.expires_at))
    }

    async fn find_pushed(&self, company: &CompanyId) -> Result<Pushed, StoreError> {
        let item = self.get(&self.config_table, Key::pushed(company)).await?;
        item.map_or(Ok(Pushed::default()), decode_pushed)
    }

    async fn replace_pushed(
        &self,
        company: &CompanyId,
        from: Pushed,
        to: Pushed,
    ) -> Result<Change, StoreError> {
        let put = self.client.put_item().table_name(&self.config_table);
        let put = put.set_item(Some(encode_pushed(company, to)?));
        let put = if from == Pushed::default() {
            put.condition_expression(NOT_THERE)
        } else {
            put.condition_expression("#window = :window AND #events = :events")
                .expression_attribute_names("#window", "window")
                .expression_attribute_names("#events", "events")
                .expression_attribute_values(":window", number(from.window))
                .expression_attribute_values(":events", number(from.events))
        };
        match put.send().await {
            Ok(_) => Ok(Change::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(Change::Lost),
                _ => Err(unavailable(error)),
            },
        }
    }
}
