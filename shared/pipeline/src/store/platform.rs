//! The additional store calls of platform webhooks: they are known by their names, and can be deleted.

use std::future::Future;

use hookrail_domain::id::CompanyId;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::webhook::Webhook;

use super::{Replacement, Replacing, StoreError};

/// Webhooks by name.
pub trait NamedStore: Send + Sync {
    /// Returns the webhook of this name in this scope, as it is now.
    fn find_named(
        &self,
        company: &CompanyId,
        scope: &WebhookScope,
        name: &str,
    ) -> impl Future<Output = Result<Option<Webhook>, StoreError>> + Send;

    /// Writes a webhook over its previous version, which had the name `former`, all or nothing.
    fn rename(
        &self,
        replacing: Replacing<'_>,
        former: &Webhook,
    ) -> impl Future<Output = Result<Renaming, StoreError>> + Send;

    /// Deletes the webhook with its name and secrets, all or nothing, if it still has this version.
    fn delete(&self, webhook: &Webhook) -> impl Future<Output = Result<Replacement, StoreError>> + Send;
}

/// The result of a change with a new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renaming {
    Done,
    /// The webhook has another version than the one that the change was based on.
    Lost,
    /// Another webhook of the scope has the name.
    NameTaken,
}
