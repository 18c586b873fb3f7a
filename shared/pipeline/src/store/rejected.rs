//! Rejected events, kept for the company that pushed them.

use std::future::Future;

use hookrail_domain::id::RejectedId;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::token::Owner;

use super::StoreError;

/// Rejected events of companies; those that name no existing company are the operator's.
pub trait RejectedStore: Send + Sync {
    /// Keeps the event until it expires. An event that is kept under its id already is not changed.
    fn keep_rejected(
        &self,
        of: &Owner,
        event: &RejectedEvent,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records that it was pushed, in the event that is kept under its id. Its parts are not changed.
    fn replace_rejected(
        &self,
        of: &Owner,
        event: &RejectedEvent,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns the event, whole, or as much of it as has not expired.
    fn find_rejected(
        &self,
        of: &Owner,
        id: RejectedId,
    ) -> impl Future<Output = Result<Option<RejectedEvent>, StoreError>> + Send;

    /// Returns up to `limit` events, the newest first, each with its first part.
    fn list_rejected(
        &self,
        of: &Owner,
        before: Option<RejectedId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<RejectedEvent>, StoreError>> + Send;
}
