//! Webhooks by name.

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::store::platform::{NamedStore, Renaming};
use hookrail_pipeline::store::{ConfigStore, Replacement, Replacing, StoreError};

use super::{DynamoDbStore, NOT_THERE, Transacted, number, unavailable};
use crate::store::item::{Item, Key};

impl DynamoDbStore {
    fn delete_config(&self, key: Key) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.config_table).set_key(Some(key.into_item()));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(unavailable)?).build())
    }
}

impl NamedStore for DynamoDbStore {
    async fn find_named(
        &self,
        company: &CompanyId,
        scope: &WebhookScope,
        name: &str,
    ) -> Result<Option<Webhook>, StoreError> {
        let Some(marker) = self.get(&self.config_table, Key::name(company, scope, name)).await? else {
            return Ok(None);
        };
        let found = self.find_webhook(company, webhook_of(&marker)?).await?;
        // Between the two reads it may have been renamed.
        Ok(found.filter(|one| Key::marker(one) == Key::name(company, scope, name)))
    }

    async fn rename(&self, replacing: Replacing<'_>, former: &Webhook) -> Result<Renaming, StoreError> {
        let mut items = self.replacement(replacing)?;
        let taken_at = items.len();
        items.push(self.put(Self::marker(replacing.webhook), NOT_THERE)?);
        items.push(self.delete_config(Key::marker(former))?);
        Ok(match self.transact(items).await? {
            Transacted::Done => Renaming::Done,
            Transacted::Refused(index) if index == taken_at => Renaming::NameTaken,
            Transacted::Refused(_) => Renaming::Lost,
        })
    }

    async fn delete(&self, webhook: &Webhook) -> Result<Replacement, StoreError> {
        let (company, id) = (&webhook.company, webhook.id);
        let delete = Delete::builder()
            .table_name(&self.config_table)
            .set_key(Some(Key::webhook(company, id).into_item()))
            .condition_expression("#version = :version")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":version", number(webhook.version));
        let items = vec![
            TransactWriteItem::builder().delete(delete.build().map_err(unavailable)?).build(),
            self.raise_version(company, -1)?,
            self.delete_config(Key::marker(webhook))?,
            self.delete_config(Key::secret(company, id))?,
        ];
        Ok(match self.transact(items).await? {
            Transacted::Done => Replacement::Done,
            Transacted::Refused(_) => Replacement::Lost,
        })
    }
}

fn webhook_of(marker: &Item) -> Result<WebhookId, StoreError> {
    let id = marker.get("webhook").and_then(|value| WebhookId::parse(value.as_s().ok()?).ok());
    id.ok_or(StoreError::Corrupt { what: "name" })
}
