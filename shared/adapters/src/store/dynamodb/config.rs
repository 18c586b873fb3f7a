//! The Config table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use hookrail_domain::id::{CompanyId, SubscriptionId};
use hookrail_domain::limits::SUBSCRIPTIONS_PER_COMPANY_MAX;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, TokenHash};

use super::{DynamoDbStore, NOT_THERE, Transacted, keys_and_attributes, number, text, unavailable};
use crate::store::item::config::{
    decode_answer, decode_grant, decode_subscription, encode_answer, encode_grant, encode_secret,
    encode_subscription,
};
use crate::store::item::{Item, Key, WEBHOOK_PREFIX, company_partition};
use crate::store::{CompanyCreation, ConfigStore, KeptAnswer, Replacement, StoreError, SubscriptionCreation};

impl DynamoDbStore {
    fn put(&self, item: Item, condition: &str) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.config_table)
            .set_item(Some(item))
            .condition_expression(condition)
            .build()
            .map_err(unavailable)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// What writes a webhook over the version before its own.
    pub(super) fn replacement(
        &self,
        subscription: &Subscription,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let put = Put::builder()
            .table_name(&self.config_table)
            .set_item(Some(encode_subscription(subscription)?))
            .condition_expression("#version = :before")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":before", number(subscription.version.saturating_sub(1)))
            .build()
            .map_err(unavailable)?;
        Ok(vec![TransactWriteItem::builder().put(put).build(), self.raise_version(&subscription.company, 0)?])
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
            .build()
            .map_err(unavailable)?;
        Ok(TransactWriteItem::builder().update(update).build())
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
        Ok(match self.transact(self.replacement(subscription)?).await? {
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
