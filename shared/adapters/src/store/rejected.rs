//! Events that were rejected, kept in the name of whoever pushed them.

use std::future::Future;

use hookrail_domain::id::RejectedId;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::token::Holder;

use super::StoreError;

/// Rejected events of companies; those that name no company are the operator's.
pub trait RejectedStore: Send + Sync {
    /// Keeps the event until it expires. What is kept under its id already stays as it is.
    fn keep_rejected(
        &self,
        of: &Holder,
        event: &RejectedEvent,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes that it was pushed over what is kept under its id. Its parts stay as they are.
    fn replace_rejected(
        &self,
        of: &Holder,
        event: &RejectedEvent,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The event, whole, or as much of it as has not expired.
    fn find_rejected(
        &self,
        of: &Holder,
        id: RejectedId,
    ) -> impl Future<Output = Result<Option<RejectedEvent>, StoreError>> + Send;

    /// Up to `limit` events, the newest first, each with its first part.
    fn list_rejected(
        &self,
        of: &Holder,
        before: Option<RejectedId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<RejectedEvent>, StoreError>> + Send;
}
