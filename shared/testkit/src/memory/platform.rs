//! Webhooks by name.

use hookrail_domain::id::CompanyId;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::store::platform::{NamedStore, Renaming};
use hookrail_pipeline::store::{Replacement, Replacing, StoreError};

use super::MemoryTables;

impl NamedStore for MemoryTables {
    async fn find_named(
        &self,
        company: &CompanyId,
        scope: &WebhookScope,
        name: &str,
    ) -> Result<Option<Webhook>, StoreError> {
        Ok(self
            .open()?
            .webhooks
            .values()
            .find(|one| one.company == *company && one.unique_name() == (Some(scope), name))
            .cloned())
    }

    async fn rename(&self, replacing: Replacing<'_>, _former: &Webhook) -> Result<Renaming, StoreError> {
        let mut tables = self.open()?;
        let is_taken = |one: &Webhook| {
            one.company == replacing.webhook.company && one.unique_name() == replacing.webhook.unique_name()
        };
        if tables.webhooks.values().any(is_taken) {
            return Ok(Renaming::NameTaken);
        }
        Ok(match tables.replace(replacing) {
            Replacement::Done => Renaming::Done,
            Replacement::Lost => Renaming::Lost,
        })
    }

    async fn delete(&self, webhook: &Webhook) -> Result<Replacement, StoreError> {
        let mut tables = self.open()?;
        let key = (webhook.company.clone(), webhook.id);
        if tables.webhooks.get(&key).is_none_or(|one| one.version != webhook.version) {
            return Ok(Replacement::Lost);
        }
        tables.webhooks.remove(&key);
        tables.secrets.remove(&webhook.id);
        *tables.companies.entry(key.0).or_default() += 1;
        Ok(Replacement::Done)
    }
}
