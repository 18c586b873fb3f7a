//! Callers and their actions: tokens, links into the panel, the audit log.
//!
//! Every call names the owner of the tokens or the log, except those that look up a secret by its hash.

use std::future::Future;

use hookrail_domain::audit::{AuditEntry, AuditPosition};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Owner, PanelLink, Token, TokenHash, TokenRef};

use super::StoreError;

/// The result of making a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenCreation {
    Made,
    /// The owner already has the maximum number of tokens.
    Full,
}

/// Tokens, links and the audit log.
pub trait AccessStore: Send + Sync {
    /// Returns the token of this hash, expired or not.
    fn find_token(&self, hash: TokenHash) -> impl Future<Output = Result<Option<Token>, StoreError>> + Send;

    /// Returns the owner's token of this id, expired or not.
    fn token_of(
        &self,
        reference: &TokenRef,
    ) -> impl Future<Output = Result<Option<Token>, StoreError>> + Send;

    /// Creates a token that is valid from now on.
    fn make_token(&self, token: &Token) -> impl Future<Output = Result<TokenCreation, StoreError>> + Send;

    /// Returns every token of the owner, sessions included, by id. Expired ones are left out some days
    /// after their end.
    fn list_tokens(&self, owner: &Owner) -> impl Future<Output = Result<Vec<Token>, StoreError>> + Send;

    /// Revokes a token for good. False if it does not exist.
    fn revoke_token(&self, reference: &TokenRef) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Records that the token was used. Nothing happens if it was revoked in the meantime.
    fn mark_used(&self, token: &Token, at: Millis) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps a link under the hash of its code.
    fn keep_link(
        &self,
        code: TokenHash,
        link: &PanelLink,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns the link of this code, if it has not expired at `now`. It is returned only once.
    fn take_link(
        &self,
        code: TokenHash,
        now: Millis,
    ) -> impl Future<Output = Result<Option<PanelLink>, StoreError>> + Send;

    /// Writes an entry of the owner's audit log, over an entry at the same position.
    fn put_audit(
        &self,
        log: &Owner,
        entry: &AuditEntry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns up to `limit` entries, the newest first.
    fn list_audit(
        &self,
        log: &Owner,
        before: Option<AuditPosition>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<AuditEntry>, StoreError>> + Send;
}
