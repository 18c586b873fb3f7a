//! Tokens, panel links and the audit log, in the Config table.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::{Delete, ReturnValue, TransactWriteItem, Update};
use hookrail_domain::audit::{AuditEntry, AuditPosition};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Owner, PanelLink, Room, Token, TokenHash, TokenRef};
use hookrail_pipeline::store::StoreError;
use hookrail_pipeline::store::access::{AccessStore, TokenCreation};

use super::{DynamoDbStore, NOT_THERE, THERE, Transacted, number, text, unavailable};
use crate::store::item::access::{
    decode_audit, decode_link, decode_token, encode_audit, encode_link, encode_token,
};
use crate::store::item::{AUDIT_PREFIX, Key, TOKEN_PREFIX, audit_partition, owner_partition};

impl DynamoDbStore {
    /// Returns both items of a token, neither of which may exist.
    pub(super) fn token_puts(&self, token: &Token) -> Result<Vec<TransactWriteItem>, StoreError> {
        encode_token(token)?.into_iter().map(|item| self.put(item, NOT_THERE)).collect()
    }

    fn removal(&self, key: Key) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.config_table)
            .set_key(Some(key.into_item()))
            .condition_expression(THERE)
            .build()
            .map_err(unavailable)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    fn use_of(&self, key: Key, at: Millis) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.config_table)
            .set_key(Some(key.into_item()))
            .update_expression("SET lastUsedAt = :at")
            .condition_expression(THERE)
            .expression_attribute_values(":at", number(at.0))
            .build()
            .map_err(unavailable)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

impl AccessStore for DynamoDbStore {
    async fn find_token(&self, hash: TokenHash) -> Result<Option<Token>, StoreError> {
        self.get(&self.config_table, Key::token(hash)).await?.map(decode_token).transpose()
    }

    async fn token_of(&self, reference: &TokenRef) -> Result<Option<Token>, StoreError> {
        self.get(&self.config_table, Key::token_of(reference)).await?.map(decode_token).transpose()
    }

    async fn make_token(&self, token: &Token) -> Result<TokenCreation, StoreError> {
        // Two calls at once may both find room for one: the limit bounds a list, and one more does no harm.
        let there = self.list_tokens(&token.grant.owner).await?;
        match token.room(&there) {
            Room::Free => {}
            Room::Instead(oldest) => {
                self.revoke_token(&oldest).await?;
            }
            Room::Full => return Ok(TokenCreation::Full),
        }
        match self.transact(self.token_puts(token)?).await? {
            // A refusal can only be of this very token: a call of ours whose response was lost.
            Transacted::Done | Transacted::Refused(_) => Ok(TokenCreation::Made),
        }
    }

    async fn list_tokens(&self, owner: &Owner) -> Result<Vec<Token>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.config_table)
            .key_condition_expression("pk = :owner AND begins_with(sk, :prefix)")
            .expression_attribute_values(":owner", text(owner_partition(owner)))
            .expression_attribute_values(":prefix", text(TOKEN_PREFIX))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut tokens = Vec::new();
        while let Some(item) = pages.next().await {
            tokens.push(decode_token(item.map_err(unavailable)?)?);
        }
        Ok(tokens)
    }

    async fn revoke_token(&self, reference: &TokenRef) -> Result<bool, StoreError> {
        let Some(token) = self.token_of(reference).await? else { return Ok(false) };
        let items = vec![self.removal(Key::token(token.hash))?, self.removal(Key::token_of(reference))?];
        match self.transact(items).await? {
            Transacted::Done => Ok(true),
            Transacted::Refused(_) => Ok(false),
        }
    }

    async fn mark_used(&self, token: &Token, at: Millis) -> Result<(), StoreError> {
        let items = vec![
            self.use_of(Key::token(token.hash), at)?,
            self.use_of(Key::token_of(&token.reference()), at)?,
        ];
        match self.transact(items).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }

    async fn keep_link(&self, code: TokenHash, link: &PanelLink) -> Result<(), StoreError> {
        self.put_config(encode_link(code, link)?).await
    }

    async fn take_link(&self, code: TokenHash, now: Millis) -> Result<Option<PanelLink>, StoreError> {
        let taken = self
            .client
            .delete_item()
            .table_name(&self.config_table)
            .set_key(Some(Key::link(code).into_item()))
            .condition_expression("attribute_exists(pk) AND :now < endsAt")
            .expression_attribute_values(":now", number(now.0))
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        match taken {
            Ok(answer) => answer.attributes.map(decode_link).transpose(),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(None),
                _ => Err(unavailable(error)),
            },
        }
    }

    async fn put_audit(&self, log: &Owner, entry: &AuditEntry) -> Result<(), StoreError> {
        self.put_config(encode_audit(log, entry)?).await
    }

    async fn list_audit(
        &self,
        log: &Owner,
        before: Option<AuditPosition>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let place = (AUDIT_PREFIX, before.map(|place| Key::audit(log, place)));
        let items = self.page((&self.config_table, audit_partition(log)), place, limit).await?;
        items.into_iter().map(decode_audit).collect()
    }
}
