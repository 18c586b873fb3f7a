//! Tokens, links and the audit log in memory.

use hookrail_domain::audit::{AuditEntry, AuditPosition};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Owner, PanelLink, Room, Token, TokenHash, TokenRef};
use hookrail_pipeline::store::StoreError;
use hookrail_pipeline::store::access::{AccessStore, TokenCreation};

use super::MemoryTables;

impl AccessStore for MemoryTables {
    async fn find_token(&self, hash: TokenHash) -> Result<Option<Token>, StoreError> {
        Ok(self.open()?.tokens.values().find(|token| token.hash == hash).cloned())
    }

    async fn token_of(&self, reference: &TokenRef) -> Result<Option<Token>, StoreError> {
        Ok(self.open()?.tokens.get(reference).cloned())
    }

    async fn make_token(&self, token: &Token) -> Result<TokenCreation, StoreError> {
        let mut tables = self.open()?;
        let of_owner = tables.tokens.values().filter(|one| one.grant.owner == token.grant.owner);
        match token.room(&of_owner.cloned().collect::<Vec<_>>()) {
            Room::Free => {}
            Room::Instead(oldest) => {
                tables.tokens.remove(&oldest);
            }
            Room::Full => return Ok(TokenCreation::Full),
        }
        tables.tokens.entry(token.reference()).or_insert_with(|| token.clone());
        Ok(TokenCreation::Made)
    }

    async fn list_tokens(&self, owner: &Owner) -> Result<Vec<Token>, StoreError> {
        Ok(self.open()?.tokens.values().filter(|token| token.grant.owner == *owner).cloned().collect())
    }

    async fn revoke_token(&self, reference: &TokenRef) -> Result<bool, StoreError> {
        Ok(self.open()?.tokens.remove(reference).is_some())
    }

    async fn mark_used(&self, token: &Token, at: Millis) -> Result<(), StoreError> {
        if let Some(token) = self.open()?.tokens.get_mut(&token.reference()) {
            token.last_used_at = Some(at);
        }
        Ok(())
    }

    async fn keep_link(&self, code: TokenHash, link: &PanelLink) -> Result<(), StoreError> {
        self.open()?.links.insert(code, link.clone());
        Ok(())
    }

    async fn take_link(&self, code: TokenHash, now: Millis) -> Result<Option<PanelLink>, StoreError> {
        let mut tables = self.open()?;
        let is_valid = tables.links.get(&code).is_some_and(|link| now < link.expires_at);
        Ok(if is_valid { tables.links.remove(&code) } else { None })
    }

    async fn put_audit(&self, log: &Owner, entry: &AuditEntry) -> Result<(), StoreError> {
        self.open()?.audit.insert((log.clone(), entry.place), entry.clone());
        Ok(())
    }

    async fn list_audit(
        &self,
        log: &Owner,
        before: Option<AuditPosition>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let tables = self.open()?;
        let of_log = tables
            .audit
            .iter()
            .rev()
            .filter(|((owner, place), _)| owner == log && before.is_none_or(|before| *place < before));
        Ok(of_log.take(limit).map(|(_, entry)| entry.clone()).collect())
    }
}
