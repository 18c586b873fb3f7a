//! The webhooks of companies, kept while the company's version says that nothing changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hookrail_adapters::store::{ConfigStore, StoreError};
use hookrail_domain::id::CompanyId;
use hookrail_domain::subscription::Subscription;

/// Companies kept in one sandbox; the whole cache is emptied when it is full.
const COMPANIES_MAX: usize = 1_000;

/// A company's webhooks at a version.
type Kept = (u64, Arc<[Subscription]>);

/// What this sandbox remembers.
#[derive(Debug, Default)]
pub struct Cache(Mutex<HashMap<CompanyId, Kept>>);

impl Cache {
    /// The company's webhooks, at `version` or newer.
    ///
    /// The version was read before the webhooks are, so a change in between is kept under the older number and read
    /// again next time: never the reverse.
    pub async fn subscriptions(
        &self,
        store: &impl ConfigStore,
        company: &CompanyId,
        version: u64,
    ) -> Result<Arc<[Subscription]>, StoreError> {
        if let Some(subscriptions) = self.find(company, version) {
            return Ok(subscriptions);
        }
        let subscriptions: Arc<[Subscription]> = store.list_subscriptions(company).await?.into();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if COMPANIES_MAX <= kept.len() {
            kept.clear();
        }
        kept.insert(company.clone(), (version, Arc::clone(&subscriptions)));
        Ok(subscriptions)
    }

    fn find(&self, company: &CompanyId, version: u64) -> Option<Arc<[Subscription]>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(company).filter(|(at, _)| *at == version).map(|(_, subscriptions)| Arc::clone(subscriptions))
    }
}
