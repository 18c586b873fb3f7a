//! Webhooks by name.

use hookrail_adapters::store::item::Key;
use hookrail_adapters::store::platform::{NamedStore, Renaming};
use hookrail_adapters::store::{Replacement, Replacing, StoreError};
use hookrail_domain::id::CompanyId;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::subscription::Subscription;

use super::MemoryTables;

impl NamedStore for MemoryTables {
    async fn find_named(
        &self,
        company: &CompanyId,
        scope: &WebhookScope,
        name: &str,
    ) -> Result<Option<Subscription>, StoreError> {
        let key = Key::name(company, scope, name);
        Ok(self.open()?.subscriptions.values().find(|one| Key::marker(one) == key).cloned())
    }

    async fn rename(&self, replacing: Replacing<'_>, _former: &Subscription) -> Result<Renaming, StoreError> {
        let mut tables = self.open()?;
        let key = Key::marker(replacing.subscription);
        if tables.subscriptions.values().any(|one| Key::marker(one) == key) {
            return Ok(Renaming::NameTaken);
        }
        Ok(match tables.replace(replacing) {
            Replacement::Done => Renaming::Done,
            Replacement::Lost => Renaming::Lost,
        })
    }

    async fn delete(&self, subscription: &Subscription) -> Result<Replacement, StoreError> {
        let mut tables = self.open()?;
        let key = (subscription.company.clone(), subscription.id);
        if tables.subscriptions.get(&key).is_none_or(|one| one.version != subscription.version) {
            return Ok(Replacement::Lost);
        }
        tables.subscriptions.remove(&key);
        tables.secrets.remove(&subscription.id);
        *tables.companies.entry(key.0).or_default() += 1;
        Ok(Replacement::Done)
    }
}
