//! Rejected events, in memory.

use hookrail_domain::id::RejectedId;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::token::Owner;
use hookrail_pipeline::store::StoreError;
use hookrail_pipeline::store::rejected::RejectedStore;

use super::MemoryTables;

impl RejectedStore for MemoryTables {
    async fn keep_rejected(&self, of: &Owner, event: &RejectedEvent) -> Result<(), StoreError> {
        self.open()?.rejected.entry((of.clone(), event.id)).or_insert_with(|| event.clone());
        Ok(())
    }

    async fn replace_rejected(&self, of: &Owner, event: &RejectedEvent) -> Result<(), StoreError> {
        self.open()?.rejected.insert((of.clone(), event.id), event.clone());
        Ok(())
    }

    async fn find_rejected(&self, of: &Owner, id: RejectedId) -> Result<Option<RejectedEvent>, StoreError> {
        Ok(self.open()?.rejected.get(&(of.clone(), id)).cloned())
    }

    async fn list_rejected(
        &self,
        of: &Owner,
        before: Option<RejectedId>,
        limit: usize,
    ) -> Result<Vec<RejectedEvent>, StoreError> {
        let tables = self.open()?;
        let own = tables.rejected.iter().rev().filter(|((owner, _), _)| owner == of);
        let older = own.filter(|((_, id), _)| before.is_none_or(|before| *id < before));
        Ok(older.take(limit).map(|(_, event)| event.begin()).collect())
    }
}
