//! Rejected events, in memory.

use hookrail_adapters::store::StoreError;
use hookrail_adapters::store::rejected::RejectedStore;
use hookrail_domain::id::RejectedId;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::token::Holder;

use super::MemoryTables;

impl RejectedStore for MemoryTables {
    async fn keep_rejected(&self, of: &Holder, event: &RejectedEvent) -> Result<(), StoreError> {
        self.open()?.rejected.entry((of.clone(), event.id)).or_insert_with(|| event.clone());
        Ok(())
    }

    async fn replace_rejected(&self, of: &Holder, event: &RejectedEvent) -> Result<(), StoreError> {
        self.open()?.rejected.insert((of.clone(), event.id), event.clone());
        Ok(())
    }

    async fn find_rejected(&self, of: &Holder, id: RejectedId) -> Result<Option<RejectedEvent>, StoreError> {
        Ok(self.open()?.rejected.get(&(of.clone(), id)).cloned())
    }

    async fn list_rejected(
        &self,
        of: &Holder,
        before: Option<RejectedId>,
        limit: usize,
    ) -> Result<Vec<RejectedEvent>, StoreError> {
        let tables = self.open()?;
        let own = tables.rejected.iter().rev().filter(|((holder, _), _)| holder == of);
        let older = own.filter(|((_, id), _)| before.is_none_or(|before| *id < before));
        Ok(older.take(limit).map(|(_, event)| event.begin()).collect())
    }
}
