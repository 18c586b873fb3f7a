//! The Config table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use hookrail_domain::id::{CompanyId, SubscriptionId};
use hookrail_domain::limits::SUBSCRIPTIONS_PER_COMPANY_MAX;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Token;

use super::{DynamoDbStore, NOT_THERE, THERE, Transacted, keys_and_attributes, number, text, unavailable};
use crate::store::item::config::{decode_answer, decode_subscription, encode_answer, encode_subscription};
use crate::store::item::secrets::{decode_secrets, encode_secrets};
use crate::store::item::{Item, Key, WEBHOOK_PREFIX, company_partition};
use crate::store::{
    CompanyCreation, ConfigStore, KeptAnswer, Replacement, Replacing, StoreError, SubscriptionCreation,
};

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

    /// Puts an item whatever stands there.
    pub(super) async fn put_config(&self, item: Item) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.config_table).set_item(Some(item));
        put.send().await.map_err(unavailable)?;
        Ok(())
    }

    /// What writes a webhook over the version before its own.
    pub(super) fn replacement(&self, replacing: Replacing<'_>) -> Result<Vec<TransactWriteItem>, StoreError> {
        let Replacing { subscription, secrets } = replacing;
        let (company, id, version) = (&subscription.company, subscription.id, subscription.version);
        let put = Put::builder()
            .table_name(&self.config_table)
            .set_item(Some(encode_subscription(subscription)?))
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

    /// What keeps the webhook's code or name unique, and tells whose it is.
    pub(super) fn marker(subscription: &Subscription) -> Item {
        let mut marker = Key::marker(subscription).into_item();
        marker.insert("webhook".to_owned(), text(subscription.id.to_string()));
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
                number(SUBSCRIPTIONS_PER_COMPANY_MAX.saturating_add_signed(-added)),
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

    async fn create_subscription(
        &self,
        subscription: &Subscription,
        secrets: &Secrets,
    ) -> Result<SubscriptionCreation, StoreError> {
        let (company, id) = (&subscription.company, subscription.id);
        let items = vec![
            self.put(Self::marker(subscription), NOT_THERE)?,
            self.raise_version(company, 1)?,
            self.put(encode_subscription(subscription)?, NOT_THERE)?,
            self.put(encode_secrets(company, id, secrets, subscription.version)?, NOT_THERE)?,
        ];
        match self.transact(items).await? {
            Transacted::Done => Ok(SubscriptionCreation::Made),
            Transacted::Refused(0) => Ok(SubscriptionCreation::CodeTaken),
            Transacted::Refused(_) if self.is_company(company).await? => Ok(SubscriptionCreation::Full),
            Transacted::Refused(_) => Ok(SubscriptionCreation::NoSuchCompany),
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

    async fn find_secrets(
        &self,
        company: &CompanyId,
        id: SubscriptionId,
    ) -> Result<Option<Secrets>, StoreError> {
        let item = self.get(&self.config_table, Key::secret(company, id)).await?;
        Ok(item.map(decode_secrets).transpose()?.map(|(secrets, _)| secrets))
    }

    async fn replace_subscription(&self, replacing: Replacing<'_>) -> Result<Replacement, StoreError> {
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

    async fn keep_answer(
        &self,
        company: &CompanyId,
        key: &str,
        answer: &KeptAnswer,
    ) -> Result<(), StoreError> {
        self.put_config(encode_answer(Key::idempotency(company, key), answer)?).await
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
