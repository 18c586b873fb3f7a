//! Tables of which one call can be made to fail, or a change to lose its race.

use std::sync::{Arc, Mutex};

use hookrail_adapters::store::{
    Change, CompanyCreation, ConfigStore, KeptAnswer, LineKey, LineSettings, LogStore, Parking, Recorded,
    Replacement, StoreError, SubscriptionCreation,
};
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::id::{CompanyId, SubscriptionId};
use hookrail_domain::line::LastRow;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::suspension::Line;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, TokenHash};
use hookrail_testkit::memory::MemoryTables;

#[derive(Debug, thiserror::Error)]
#[error("made to fail")]
struct MadeToFail;

#[derive(Clone)]
pub(crate) struct FailingTables {
    tables: MemoryTables,
    failing: Arc<Mutex<Option<&'static str>>>,
}

impl FailingTables {
    pub(crate) fn over(tables: MemoryTables) -> Self {
        Self { tables, failing: Arc::default() }
    }

    /// From now on the call of this name fails, and no other.
    pub(crate) fn fail_at(&self, call: &'static str) {
        *self.failing.lock().unwrap() = Some(call);
    }

    fn may(&self, call: &'static str) -> Result<(), StoreError> {
        match *self.failing.lock().unwrap() {
            Some(failing) if failing == call => Err(StoreError::Unavailable(Box::new(MadeToFail))),
            Some(_) | None => Ok(()),
        }
    }
}

impl ConfigStore for FailingTables {
    async fn find_grant(&self, token: TokenHash) -> Result<Option<Grant>, StoreError> {
        self.may("find_grant")?;
        self.tables.find_grant(token).await
    }

    async fn create_company(
        &self,
        company: &CompanyId,
        token: TokenHash,
        grant: &Grant,
    ) -> Result<CompanyCreation, StoreError> {
        self.may("create_company")?;
        self.tables.create_company(company, token, grant).await
    }

    async fn create_subscription(
        &self,
        subscription: &Subscription,
        secret: &SigningSecret,
    ) -> Result<SubscriptionCreation, StoreError> {
        self.may("create_subscription")?;
        self.tables.create_subscription(subscription, secret).await
    }

    async fn find_subscription(
        &self,
        company: &CompanyId,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        self.may("find_subscription")?;
        self.tables.find_subscription(company, id).await
    }

    async fn list_subscriptions(&self, company: &CompanyId) -> Result<Vec<Subscription>, StoreError> {
        self.may("list_subscriptions")?;
        self.tables.list_subscriptions(company).await
    }

    async fn replace_subscription(&self, subscription: &Subscription) -> Result<Replacement, StoreError> {
        self.may("replace_subscription")?;
        if self.may("race").is_err() {
            return Ok(Replacement::Lost);
        }
        self.tables.replace_subscription(subscription).await
    }

    async fn config_versions(&self, companies: &[CompanyId]) -> Result<Vec<u64>, StoreError> {
        self.tables.config_versions(companies).await
    }

    async fn keep_answer(
        &self,
        company: &CompanyId,
        key: &str,
        answer: &KeptAnswer,
    ) -> Result<(), StoreError> {
        self.may("keep_answer")?;
        self.tables.keep_answer(company, key, answer).await
    }

    async fn find_answer(
        &self,
        company: &CompanyId,
        key: &str,
        now: Millis,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        self.may("find_answer")?;
        self.tables.find_answer(company, key, now).await
    }
}

impl LogStore for FailingTables {
    async fn settings(&self, lines: &[LineKey]) -> Result<Vec<LineSettings>, StoreError> {
        self.tables.settings(lines).await
    }

    async fn last_row(&self, line: &LineKey) -> Result<Option<LastRow>, StoreError> {
        self.tables.last_row(line).await
    }

    async fn put_row(&self, row: &LogRow) -> Result<Recorded, StoreError> {
        self.tables.put_row(row).await
    }

    async fn park(&self, row: &LogRow, generation: u64) -> Result<Parking, StoreError> {
        self.tables.park(row, generation).await
    }

    async fn change_line(&self, key: &LineKey, from: &Line, to: &Line) -> Result<Change, StoreError> {
        self.tables.change_line(key, from, to).await
    }

    async fn replace_with_line(
        &self,
        subscription: &Subscription,
        from: &Line,
        to: &Line,
    ) -> Result<Replacement, StoreError> {
        self.tables.replace_with_line(subscription, from, to).await
    }

    async fn advance(&self, row: &LogRow, from: &Line, to: &Line) -> Result<Change, StoreError> {
        self.tables.advance(row, from, to).await
    }

    async fn due_lines(&self, now: Millis, limit: usize) -> Result<Vec<LineKey>, StoreError> {
        self.tables.due_lines(now, limit).await
    }

    async fn rows_from(
        &self,
        line: &LineKey,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.tables.rows_from(line, sequence, limit).await
    }

    async fn last_row_of(&self, line: &LineKey, sequence: u64) -> Result<Option<LogRow>, StoreError> {
        self.tables.last_row_of(line, sequence).await
    }

    async fn list_rows(
        &self,
        line: &LineKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.may("list_rows")?;
        self.tables.list_rows(line, before, limit).await
    }
}
