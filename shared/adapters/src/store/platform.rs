//! What webhooks on the platform's records need beside the rest: they are known by their names, and can be deleted.

use std::future::Future;

use hookrail_domain::id::CompanyId;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::subscription::Subscription;

use super::{Replacement, Replacing, StoreError};

/// Webhooks by name.
pub trait NamedStore: Send + Sync {
    /// The webhook of this name in this scope, as it is now.
    fn find_named(
        &self,
        company: &CompanyId,
        scope: &WebhookScope,
        name: &str,
    ) -> impl Future<Output = Result<Option<Subscription>, StoreError>> + Send;

    /// Writes a webhook over the version before its own, which was called as `former` is, all or nothing.
    fn rename(
        &self,
        replacing: Replacing<'_>,
        former: &Subscription,
    ) -> impl Future<Output = Result<Renaming, StoreError>> + Send;

    /// Deletes the webhook with its name and secrets, all or nothing, if it still is of this version.
    fn delete(
        &self,
        subscription: &Subscription,
    ) -> impl Future<Output = Result<Replacement, StoreError>> + Send;
}

/// What became of a change with a new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renaming {
    Done,
    /// The webhook is at another version than the change was based on.
    Lost,
    /// Another webhook of the scope has the name.
    NameTaken,
}
