//! Rejected events, in the Log table.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use hookrail_domain::id::RejectedId;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::token::Owner;
use hookrail_pipeline::store::StoreError;
use hookrail_pipeline::store::rejected::RejectedStore;

use super::{DynamoDbStore, NOT_THERE, unavailable};
use crate::store::item::body::decode_body_alone;
use crate::store::item::rejected::{decode_rejected, encode_parts, encode_rejected};
use crate::store::item::{Item, Key, REJECTED_PREFIX, rejected_partition};

impl RejectedStore for DynamoDbStore {
    async fn keep_rejected(&self, of: &Owner, event: &RejectedEvent) -> Result<(), StoreError> {
        // Its parts first: if the event's item exists, all of it does.
        for part in encode_parts(of, event)? {
            self.put_into_log(part).send().await.map_err(unavailable)?;
        }
        match self.put_into_log(encode_rejected(of, event)?).condition_expression(NOT_THERE).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(unavailable(error)),
            },
        }
    }

    async fn replace_rejected(&self, of: &Owner, event: &RejectedEvent) -> Result<(), StoreError> {
        self.put_into_log(encode_rejected(of, event)?).send().await.map_err(unavailable)?;
        Ok(())
    }

    async fn find_rejected(&self, of: &Owner, id: RejectedId) -> Result<Option<RejectedEvent>, StoreError> {
        let Some(item) = self.get(&self.log_table, Key::rejected(of, id)).await? else { return Ok(None) };
        let mut event = decode_rejected(item)?;
        while event.is_cut() {
            let key = Key::rejected_part(of, id, event.parts.len());
            // Items expire one by one: the rest is shown as the beginning of the event.
            let Some(part) = self.get(&self.log_table, key).await? else { break };
            event.parts.push(decode_body_alone(part)?);
        }
        Ok(Some(event))
    }

    async fn list_rejected(
        &self,
        of: &Owner,
        before: Option<RejectedId>,
        limit: usize,
    ) -> Result<Vec<RejectedEvent>, StoreError> {
        let place = (REJECTED_PREFIX, before.map(|id| Key::rejected(of, id)));
        let items = self.page((&self.log_table, rejected_partition(of)), place, limit).await?;
        items.into_iter().map(decode_rejected).collect()
    }
}

impl DynamoDbStore {
    pub(super) fn put_into_log(&self, item: Item) -> PutItemFluentBuilder {
        self.client.put_item().table_name(&self.log_table).set_item(Some(item))
    }
}
