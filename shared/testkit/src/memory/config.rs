//! Companies and their webhooks.

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

use super::MemoryTables;

impl ConfigStore for MemoryTables {
    async fn create_company(
        &self,
        company: &CompanyId,
        token: &Token,
    ) -> Result<CompanyCreation, StoreError> {
        let mut tables = self.open()?;
        if tables.companies.contains_key(company) {
            return Ok(CompanyCreation::Taken);
        }
        tables.companies.insert(company.clone(), 0);
        tables.tokens.insert(token.reference(), token.clone());
        Ok(CompanyCreation::Made)
    }

    async fn is_company(&self, company: &CompanyId) -> Result<bool, StoreError> {
        Ok(self.open()?.companies.contains_key(company))
    }

    async fn create_webhook(
        &self,
        webhook: &Webhook,
        secrets: &Secrets,
    ) -> Result<WebhookCreation, StoreError> {
        let mut tables = self.open()?;
        let company = &webhook.company;
        let of_company: Vec<_> = tables.webhooks.values().filter(|other| &other.company == company).collect();
        if of_company.iter().any(|other| other.unique_name() == webhook.unique_name()) {
            return Ok(WebhookCreation::CodeTaken);
        }
        if WEBHOOKS_PER_COMPANY_MAX <= of_company.len() {
            return Ok(WebhookCreation::Full);
        }
        let Some(version) = tables.companies.get_mut(company) else {
            return Ok(WebhookCreation::NoSuchCompany);
        };
        *version += 1;
        tables.secrets.insert(webhook.id, secrets.clone());
        tables.webhooks.insert((company.clone(), webhook.id), webhook.clone());
        Ok(WebhookCreation::Made)
    }

    async fn find_webhook(&self, company: &CompanyId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        Ok(self.open()?.webhooks.get(&(company.clone(), id)).cloned())
    }

    async fn list_webhooks(&self, company: &CompanyId) -> Result<Vec<Webhook>, StoreError> {
        Ok(self.open()?.webhooks.values().filter(|one| &one.company == company).cloned().collect())
    }

    async fn find_secrets(&self, company: &CompanyId, id: WebhookId) -> Result<Option<Secrets>, StoreError> {
        let tables = self.open()?;
        let is_there = tables.webhooks.contains_key(&(company.clone(), id));
        Ok(tables.secrets.get(&id).filter(|_| is_there).cloned())
    }

    async fn replace_webhook(&self, replacing: Replacing<'_>) -> Result<Replacement, StoreError> {
        Ok(self.open()?.replace(replacing))
    }

    async fn config_versions(&self, companies: &[CompanyId]) -> Result<Vec<u64>, StoreError> {
        let tables = self.open()?;
        Ok(companies
            .iter()
            .map(|company| tables.companies.get(company).copied().unwrap_or_default())
            .collect())
    }

    async fn store_response(
        &self,
        company: &CompanyId,
        key: &str,
        answer: &StoredResponse,
    ) -> Result<(), StoreError> {
        self.open()?.answers.insert((company.clone(), key.to_owned()), answer.clone());
        Ok(())
    }

    async fn find_response(
        &self,
        company: &CompanyId,
        key: &str,
        now: Millis,
    ) -> Result<Option<StoredResponse>, StoreError> {
        let tables = self.open()?;
        let answer = tables.answers.get(&(company.clone(), key.to_owned()));
        Ok(answer.filter(|answer| now < answer.expires_at).cloned())
    }

    async fn find_pushed(&self, company: &CompanyId) -> Result<Pushed, StoreError> {
        Ok(self.open()?.pushed.get(company).copied().unwrap_or_default())
    }

    async fn replace_pushed(
        &self,
        company: &CompanyId,
        from: Pushed,
        to: Pushed,
    ) -> Result<Change, StoreError> {
        let mut tables = self.open()?;
        let pushed = tables.pushed.entry(company.clone()).or_default();
        if *pushed != from {
            return Ok(Change::Lost);
        }
        *pushed = to;
        Ok(Change::Done)
    }
}
