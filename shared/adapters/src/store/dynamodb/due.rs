//! Due work: jobs and queues of all companies in one partition of the index each, the longest due first.

use std::hash::Hash;

use aws_sdk_dynamodb::types::Select;
use hookrail_domain::id::CompanyId;
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::StoreError;
use hookrail_pipeline::store::due::{OfCompany, Shares};

use super::{DynamoDbStore, number, text, unavailable};
use crate::store::item::state::{DUE_INDEX, DUE_PARTITION, DUE_SORT};
use crate::store::item::{Item, Key, PARTITION_KEY, SORT_KEY};

/// Pages of one read, of 1 MB each: some 7,000 to 9,000 keys. A company with more entries than all pages hold delays
/// those behind its own until fewer are left.
const PAGES_MAX: usize = 64;
/// Companies that one page leaves out: DynamoDB takes 300 operators and 4 KB in an expression. Entries of further ones
/// are read and not taken.
const LEFT_OUT_MAX: usize = 50;

impl DynamoDbStore {
    /// Entries of this partition of the index, the longest due first, that the shares take.
    ///
    /// Reads on until the entries end: behind the excess of one company may be the first entry of another. Pages leave
    /// out companies whose share is full, so such a page costs its read units and next to no time.
    pub(super) async fn due<T: OfCompany + Eq + Hash + Send + Sync>(
        &self,
        (partition, now): (&str, Millis),
        mut shares: Shares<'_, T>,
        decode: fn(Key) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut due = Vec::new();
        let mut from = None;
        for _ in 0..PAGES_MAX {
            let left_out: Vec<_> = shares.full().take(LEFT_OUT_MAX).cloned().collect();
            let (items, next) = self.due_page((partition, now), &left_out, from).await?;
            for item in items {
                match Key::of(&item).and_then(decode) {
                    Ok(entry) if shares.takes(&entry) => due.push(entry),
                    Ok(_) => {}
                    // One entry must not hold up those of every company.
                    Err(error) => tracing::error!(%error, "an entry of the index of due work is left out"),
                }
            }
            match next {
                None => return Ok(due),
                Some(_) => from = next,
            }
        }
        tracing::warn!(partition, "more is due than one read reaches; the next one begins again");
        Ok(due)
    }

    /// Returns the number of entries of this partition of the index, due now or later.
    pub(super) async fn count_due(&self, partition: &str) -> Result<u64, StoreError> {
        let (mut sum, mut from) = (0, None);
        for _ in 0..PAGES_MAX {
            let call = self
                .client
                .query()
                .table_name(&self.log_table)
                .index_name(DUE_INDEX)
                .select(Select::Count)
                .key_condition_expression("#due = :due")
                .expression_attribute_names("#due", DUE_PARTITION)
                .expression_attribute_values(":due", text(partition))
                .set_exclusive_start_key(from);
            let page = call.send().await.map_err(unavailable)?;
            sum += u64::try_from(page.count).unwrap_or_default();
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(sum)
    }

    /// One page after this place, and the place where it ends if there are more.
    async fn due_page(
        &self,
        (partition, now): (&str, Millis),
        left_out: &[CompanyId],
        from: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        let mut call = self
            .client
            .query()
            .table_name(&self.log_table)
            .index_name(DUE_INDEX)
            .key_condition_expression("#due = :due AND #at <= :now")
            .projection_expression("#pk, #sk")
            .expression_attribute_names("#due", DUE_PARTITION)
            .expression_attribute_names("#at", DUE_SORT)
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_values(":due", text(partition))
            .expression_attribute_values(":now", number(now.0))
            .set_exclusive_start_key(from);
        // The table's keys are ordinary attributes of the index: a filter may name them.
        let mut conditions = Vec::new();
        for (place, company) in left_out.iter().enumerate() {
            conditions.push(format!("NOT begins_with(#pk, :c{place})"));
            call = call.expression_attribute_values(format!(":c{place}"), text(format!("{company}#")));
        }
        if !conditions.is_empty() {
            call = call.filter_expression(conditions.join(" AND "));
        }
        let answer = call.send().await.map_err(unavailable)?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }
}
