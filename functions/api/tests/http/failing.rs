//! Tables of which one call can be made to fail, or a change to lose its race.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::audit::{AuditEntry, AuditPosition};
use hookrail_domain::id::{CompanyId, EventId, RejectedId, WebhookId};
use hookrail_domain::ingest::Pushed;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::progress::LastRow;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::suspension::QueueState;
use hookrail_domain::test_row::{TestPosition, TestRow};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Owner, PanelLink, Token, TokenHash, TokenRef};
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::store::access::{AccessStore, TokenCreation};
use hookrail_pipeline::store::listing::{EventPosition, ListStore, Scanned};
use hookrail_pipeline::store::platform::{NamedStore, Renaming};
use hookrail_pipeline::store::rejected::RejectedStore;
use hookrail_pipeline::store::{
    Change, CompanyCreation, ConfigStore, LogStore, Parking, Recorded, Replacement, Replacing, StoreError,
    StoredResponse, WebhookCreation, WebhookKey, WebhookSnapshot,
};
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

    async fn create_webhook(
        &self,
        webhook: &Webhook,
        secrets: &Secrets,
    ) -> Result<WebhookCreation, StoreError> {
        self.may("create_subscription")?;
        self.tables.create_webhook(webhook, secrets).await
    }

    async fn find_webhook(&self, company: &CompanyId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.may("find_subscription")?;
        self.tables.find_webhook(company, id).await
    }

    async fn list_webhooks(&self, company: &CompanyId) -> Result<Vec<Webhook>, StoreError> {
        self.may("list_subscriptions")?;
        self.tables.list_webhooks(company).await
    }

    async fn find_secrets(&self, company: &CompanyId, id: WebhookId) -> Result<Option<Secrets>, StoreError> {
        self.may("find_secrets")?;
        self.tables.find_secrets(company, id).await
    }

    async fn replace_webhook(&self, replacing: Replacing<'_>) -> Result<Replacement, StoreError> {
        self.may("replace_subscription")?;
        if self.may("race").is_err() {
            return Ok(Replacement::Lost);
        }
        self.tables.replace_webhook(replacing).await
    }

    async fn config_versions(&self, companies: &[CompanyId]) -> Result<Vec<u64>, StoreError> {
        self.tables.config_versions(companies).await
    }

    async fn store_response(
        &self,
        company: &CompanyId,
        key: &str,
        answer: &StoredResponse,
    ) -> Result<(), StoreError> {
        self.may("keep_answer")?;
        self.tables.store_response(company, key, answer).await
    }

    async fn find_response(
        &self,
        company: &CompanyId,
        key: &str,
        now: Millis,
    ) -> Result<Option<StoredResponse>, StoreError> {
        self.may("find_answer")?;
        self.tables.find_response(company, key, now).await
    }

    async fn find_pushed(&self, company: &CompanyId) -> Result<Pushed, StoreError> {
        self.may("find_pushed")?;
        self.tables.find_pushed(company).await
    }

    async fn replace_pushed(
        &self,
        company: &CompanyId,
        from: Pushed,
        to: Pushed,
    ) -> Result<Change, StoreError> {
        self.may("replace_pushed")?;
        self.tables.replace_pushed(company, from, to).await
    }
}

impl ListStore for FailingTables {
    async fn page_webhooks(
        &self,
        company: &CompanyId,
        before: Option<WebhookId>,
        limit: usize,
    ) -> Result<Vec<Webhook>, StoreError> {
        self.may("page_subscriptions")?;
        self.tables.page_webhooks(company, before, limit).await
    }

    async fn scan_rows(
        &self,
        key: &WebhookKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        self.may("scan_rows")?;
        self.tables.scan_rows(key, before, limit).await
    }

    async fn put_test(&self, key: &WebhookKey, row: &TestRow) -> Result<(), StoreError> {
        self.may("put_test")?;
        self.tables.put_test(key, row).await
    }

    async fn list_tests(
        &self,
        key: &WebhookKey,
        before: Option<TestPosition>,
        limit: usize,
    ) -> Result<Vec<TestRow>, StoreError> {
        self.may("list_tests")?;
        self.tables.list_tests(key, before, limit).await
    }

    async fn places_of(
        &self,
        company: &CompanyId,
        event: EventId,
        after: Option<WebhookId>,
        limit: usize,
    ) -> Result<Vec<EventPosition>, StoreError> {
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
    ) -> Result<Option<Webhook>, StoreError> {
        self.may("find_named")?;
        self.tables.find_named(company, scope, name).await
    }

    async fn rename(&self, replacing: Replacing<'_>, former: &Webhook) -> Result<Renaming, StoreError> {
        self.may("rename")?;
        if self.may("race").is_err() {
            return Ok(Renaming::Lost);
        }
        self.tables.rename(replacing, former).await
    }

    async fn delete(&self, webhook: &Webhook) -> Result<Replacement, StoreError> {
        self.may("delete")?;
        if self.may("race").is_err() {
            return Ok(Replacement::Lost);
        }
        self.tables.delete(webhook).await
    }
}

impl RejectedStore for FailingTables {
    async fn keep_rejected(&self, of: &Owner, event: &RejectedEvent) -> Result<(), StoreError> {
        self.may("keep_rejected")?;
        self.tables.keep_rejected(of, event).await
    }

    async fn replace_rejected(&self, of: &Owner, event: &RejectedEvent) -> Result<(), StoreError> {
        self.may("replace_rejected")?;
        self.tables.replace_rejected(of, event).await
    }

    async fn find_rejected(&self, of: &Owner, id: RejectedId) -> Result<Option<RejectedEvent>, StoreError> {
        self.may("find_rejected")?;
        self.tables.find_rejected(of, id).await
    }

    async fn list_rejected(
        &self,
        of: &Owner,
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

    async fn list_tokens(&self, owner: &Owner) -> Result<Vec<Token>, StoreError> {
        self.tables.list_tokens(owner).await
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

    async fn put_audit(&self, log: &Owner, entry: &AuditEntry) -> Result<(), StoreError> {
        self.may(if entry.status.is_none() { "begin_audit" } else { "end_audit" })?;
        self.tables.put_audit(log, entry).await
    }

    async fn list_audit(
        &self,
        log: &Owner,
        before: Option<AuditPosition>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.tables.list_audit(log, before, limit).await
    }
}

impl LogStore for FailingTables {
    async fn snapshots(&self, keys: &[WebhookKey]) -> Result<Vec<WebhookSnapshot>, StoreError> {
        self.tables.snapshots(keys).await
    }

    async fn last_row(&self, key: &WebhookKey) -> Result<Option<LastRow>, StoreError> {
        self.may("last_row")?;
        self.tables.last_row(key).await
    }

    async fn put_row(&self, row: &LogRow) -> Result<Recorded, StoreError> {
        self.tables.put_row(row).await
    }

    async fn park(&self, row: &LogRow, generation: u64) -> Result<Parking, StoreError> {
        self.tables.park(row, generation).await
    }

    async fn change_state(
        &self,
        key: &WebhookKey,
        from: &QueueState,
        to: &QueueState,
    ) -> Result<Change, StoreError> {
        self.tables.change_state(key, from, to).await
    }

    async fn replace_with_state(
        &self,
        replacing: Replacing<'_>,
        from: &QueueState,
        to: &QueueState,
    ) -> Result<Replacement, StoreError> {
        self.tables.replace_with_state(replacing, from, to).await
    }

    async fn advance(&self, row: &LogRow, from: &QueueState, to: &QueueState) -> Result<Change, StoreError> {
        self.tables.advance(row, from, to).await
    }

    async fn due_queues(
        &self,
        now: Millis,
        share: usize,
        except: &HashSet<WebhookKey>,
    ) -> Result<Vec<WebhookKey>, StoreError> {
        self.tables.due_queues(now, share, except).await
    }

    async fn count_due_queues(&self) -> Result<u64, StoreError> {
        self.tables.count_due_queues().await
    }

    async fn rows_from(
        &self,
        key: &WebhookKey,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.may("rows_from")?;
        self.tables.rows_from(key, sequence, limit).await
    }

    async fn last_row_of(&self, key: &WebhookKey, sequence: u64) -> Result<Option<LogRow>, StoreError> {
        self.tables.last_row_of(key, sequence).await
    }

    async fn list_rows(
        &self,
        key: &WebhookKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        self.may("list_rows")?;
        self.tables.list_rows(key, before, limit).await
    }
}
