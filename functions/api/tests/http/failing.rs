//! Tables of which one call can be made to fail, or a change to lose its race.

use std::sync::{Arc, Mutex};

use hookrail_adapters::store::access::{AccessStore, TokenCreation};
use hookrail_adapters::store::listing::{EventPlace, ListStore, Scanned};
use hookrail_adapters::store::platform::{NamedStore, Renaming};
use hookrail_adapters::store::rejected::RejectedStore;
use hookrail_adapters::store::{
    Change, CompanyCreation, ConfigStore, KeptAnswer, LineKey, LineSettings, LogStore, Parking, Recorded,
    Replacement, Replacing, StoreError, SubscriptionCreation,
};
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::audit::{AuditEntry, AuditPlace};
use hookrail_domain::id::{CompanyId, EventId, RejectedId, SubscriptionId};
use hookrail_domain::line::LastRow;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::suspension::Line;
use hookrail_domain::test_row::{TestPlace, TestRow};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Holder, PanelLink, Token, TokenHash, TokenRef};
use hookrail_testkit::memory::MemoryTables;

mod jobs;

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

    /// Everything that a company has, to tell whether anything of it has changed. The use of its tokens may.
    pub(crate) fn everything_of(&self, company: &CompanyId) -> String {
        self.tables.everything_of(company)
    }

    fn may(&self, call: &'static str) -> Result<(), StoreError> {
        match *self.failing.lock().unwrap() {
            Some(failing) if failing == call => Err(StoreError::Unavailable(Box::new(MadeToFail))),
            Some(_) | None => Ok(()),
        }
    }
}

impl ConfigStore for FailingTables {
    async fn create_company(
        &self,
        company: &CompanyId,
        token: &Token,
    ) -> Result<CompanyCreation, StoreError> {
        self.may("create_company")?;
        self.tables.create_company(company, token).await
    }

    async fn is_company(&self, company: &CompanyId) -> Result<bool, StoreError> {
        self.tables.is_company(company).await
    }

    async fn create_subscription(
        &self,
        subscription: &Subscription,
        secrets: &Secrets,
    ) -> Result<SubscriptionCreation, StoreError> {
        self.may("create_subscription")?;
        self.tables.create_subscription(subscription, secrets).await
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

    async fn find_secrets(
        &self,
        company: &CompanyId,
        id: SubscriptionId,
    ) -> Result<Option<Secrets>, StoreError> {
        self.may("find_secrets")?;
        self.tables.find_secrets(company, id).await
    }

    async fn replace_subscription(&self, replacing: Replacing<'_>) -> Result<Replacement, StoreError> {
        self.may("replace_subscription")?;
        if self.may("race").is_err() {
            return Ok(Replacement::Lost);
        }
        self.tables.replace_subscription(replacing).await
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

impl ListStore for FailingTables {
    async fn page_subscriptions(
        &self,
        company: &CompanyId,
        before: Option<SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<Subscription>, StoreError> {
        self.may("page_subscriptions")?;
        self.tables.page_subscriptions(company, before, limit).await
    }

    async fn scan_rows(
        &self,
        line: &LineKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        self.may("scan_rows")?;
        self.tables.scan_rows(line, before, limit).await
    }

    async fn put_test(&self, line: &LineKey, row: &TestRow) -> Result<(), StoreError> {
        self.may("put_test")?;
        self.tables.put_test(line, row).await
    }

    async fn list_tests(
        &self,
        line: &LineKey,
        before: Option<TestPlace>,
        limit: usize,
    ) -> Result<Vec<TestRow>, StoreError> {
        self.may("list_tests")?;
        self.tables.list_tests(line, before, limit).await
    }

    async fn places_of(
        &self,
        company: &CompanyId,
        event: EventId,
        after: Option<SubscriptionId>,
        limit: usize,
    ) -> Result<Vec<EventPlace>, StoreError> {
        self.may("places_of")?;
        self.tables.places_of(company, event, after, limit).await
    }
}

impl NamedStore for FailingTables {
    async fn find_named(
        &self,
        company: &CompanyId,
        scope: &WebhookScope,
        name: &str,
    ) -> Result<Option<Subscription>, StoreError> {
        self.may("find_named")?;
        self.tables.find_named(company, scope, name).await
    }

    async fn rename(&self, replacing: Replacing<'_>, former: &Subscription) -> Result<Renaming, StoreError> {
        self.may("rename")?;
        if self.may("race").is_err() {
            return Ok(Renaming::Lost);
        }
        self.tables.rename(replacing, former).await
    }

    async fn delete(&self, subscription: &Subscription) -> Result<Replacement, StoreError> {
        self.may("delete")?;
        if self.may("race").is_err() {
            return Ok(Replacement::Lost);
        }
        self.tables.delete(subscription).await
    }
}

impl RejectedStore for FailingTables {
    async fn keep_rejected(&self, of: &Holder, event: &RejectedEvent) -> Result<(), StoreError> {
        self.may("keep_rejected")?;
        self.tables.keep_rejected(of, event).await
    }

    async fn replace_rejected(&self, of: &Holder, event: &RejectedEvent) -> Result<(), StoreError> {
        self.may("replace_rejected")?;
        self.tables.replace_rejected(of, event).await
    }

    async fn find_rejected(&self, of: &Holder, id: RejectedId) -> Result<Option<RejectedEvent>, StoreError> {
        self.may("find_rejected")?;
        self.tables.find_rejected(of, id).await
    }

    async fn list_rejected(
        &self,
        of: &Holder,
        before: Option<RejectedId>,
        limit: usize,
    ) -> Result<Vec<RejectedEvent>, StoreError> {
        self.may("list_rejected")?;
        self.tables.list_rejected(of, before, limit).await
    }
}

impl AccessStore for FailingTables {
    async fn find_token(&self, hash: TokenHash) -> Result<Option<Token>, StoreError> {
        self.may("find_token")?;
        self.tables.find_token(hash).await
    }

    async fn token_of(&self, reference: &TokenRef) -> Result<Option<Token>, StoreError> {
        self.may("token_of")?;
        self.tables.token_of(reference).await
    }

    async fn make_token(&self, token: &Token) -> Result<TokenCreation, StoreError> {
        self.may("make_token")?;
        self.tables.make_token(token).await
    }

    async fn list_tokens(&self, holder: &Holder) -> Result<Vec<Token>, StoreError> {
        self.tables.list_tokens(holder).await
    }

    async fn revoke_token(&self, reference: &TokenRef) -> Result<bool, StoreError> {
        self.tables.revoke_token(reference).await
    }

    async fn mark_used(&self, token: &Token, at: Millis) -> Result<(), StoreError> {
        self.may("mark_used")?;
        self.tables.mark_used(token, at).await
    }

    async fn keep_link(&self, code: TokenHash, link: &PanelLink) -> Result<(), StoreError> {
        self.tables.keep_link(code, link).await
    }

    async fn take_link(&self, code: TokenHash, now: Millis) -> Result<Option<PanelLink>, StoreError> {
        self.tables.take_link(code, now).await
    }

    async fn put_audit(&self, log: &Holder, entry: &AuditEntry) -> Result<(), StoreError> {
        self.may(if entry.status.is_none() { "begin_audit" } else { "end_audit" })?;
        self.tables.put_audit(log, entry).await
    }

    async fn list_audit(
        &self,
        log: &Holder,
        before: Option<AuditPlace>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.tables.list_audit(log, before, limit).await
    }
}

impl LogStore for FailingTables {
    async fn settings(&self, lines: &[LineKey]) -> Result<Vec<LineSettings>, StoreError> {
        self.tables.settings(lines).await
    }

    async fn last_row(&self, line: &LineKey) -> Result<Option<LastRow>, StoreError> {
        self.may("last_row")?;
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
        replacing: Replacing<'_>,
        from: &Line,
        to: &Line,
    ) -> Result<Replacement, StoreError> {
        self.tables.replace_with_line(replacing, from, to).await
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
        self.may("rows_from")?;
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
