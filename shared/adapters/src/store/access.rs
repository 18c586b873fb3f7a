//! Who may call, and who did what: tokens, links into the panel, the audit log.
//!
//! Every call but those that look up a secret by its hash names whose tokens or whose log it is about.

use std::future::Future;

use hookrail_domain::audit::{AuditEntry, AuditPlace};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Holder, PanelLink, Token, TokenHash, TokenRef};

use super::StoreError;

/// What became of a new token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenCreation {
    Made,
    /// The holder has as many as it may have.
    Full,
}

/// Tokens, links and the audit log.
pub trait AccessStore: Send + Sync {
    /// The token of this hash, expired or not.
    fn find_token(&self, hash: TokenHash) -> impl Future<Output = Result<Option<Token>, StoreError>> + Send;

    /// The holder's token of this id, expired or not.
    fn token_of(
        &self,
        reference: &TokenRef,
    ) -> impl Future<Output = Result<Option<Token>, StoreError>> + Send;

    /// Makes a token that works from now on.
    fn make_token(&self, token: &Token) -> impl Future<Output = Result<TokenCreation, StoreError>> + Send;

    /// Every token of the holder, sessions included, by id. Expired ones are left out some days after their end.
    fn list_tokens(&self, holder: &Holder) -> impl Future<Output = Result<Vec<Token>, StoreError>> + Send;

    /// Ends a token for good. False if there is none.
    fn revoke_token(&self, reference: &TokenRef) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Writes down that the token was used. Nothing happens if it was revoked meanwhile.
    fn mark_used(&self, token: &Token, at: Millis) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Keeps a link under the hash of its code.
    fn keep_link(
        &self,
        code: TokenHash,
        link: &PanelLink,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The link of this code, if it has not expired at `now`. Nobody gets it a second time.
    fn take_link(
        &self,
        code: TokenHash,
        now: Millis,
    ) -> impl Future<Output = Result<Option<PanelLink>, StoreError>> + Send;

    /// Writes an entry of the holder's audit log, over what stands at its place.
    fn put_audit(
        &self,
        log: &Holder,
        entry: &AuditEntry,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Up to `limit` entries, the newest first.
    fn list_audit(
        &self,
        log: &Holder,
        before: Option<AuditPlace>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<AuditEntry>, StoreError>> + Send;
}
