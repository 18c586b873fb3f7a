//! The store in memory: the same rules as the tables, without their faults.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::audit::{AuditEntry, AuditPosition};
use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId, RejectedId, WebhookId};
use hookrail_domain::ingest::Pushed;
use hookrail_domain::job::Job;
use hookrail_domain::log_row::LogRow;
use hookrail_domain::progress::{LastRow, Progress};
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::suspension::QueueState;
use hookrail_domain::test_row::{TestPosition, TestRow};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Owner, PanelLink, Token, TokenHash, TokenRef};
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::store::due::Shares;
use hookrail_pipeline::store::{
    Change, LogStore, Parking, Recorded, Replacement, Replacing, StoreError, StoredResponse, WebhookKey,
    WebhookSnapshot,
};

mod access;
mod config;
mod due;
mod jobs;
mod listing;
mod platform;
mod rejected;

/// Both tables. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryTables(Arc<Mutex<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    tokens: BTreeMap<TokenRef, Token>,
    links: HashMap<TokenHash, PanelLink>,
    audit: BTreeMap<(Owner, AuditPosition), AuditEntry>,
    companies: HashMap<CompanyId, u64>,
    webhooks: BTreeMap<(CompanyId, WebhookId), Webhook>,
    secrets: HashMap<WebhookId, Secrets>,
    answers: HashMap<(CompanyId, String), StoredResponse>,
    pushed: HashMap<CompanyId, Pushed>,
    logs: HashMap<WebhookKey, BTreeMap<AttemptNumber, LogRow>>,
    states: HashMap<WebhookKey, QueueState>,
    tests: HashMap<WebhookKey, BTreeMap<TestPosition, TestRow>>,
    rejected: BTreeMap<(Owner, RejectedId), RejectedEvent>,
    jobs: HashMap<(WebhookKey, DeliveryId), Job>,
    contents: HashMap<(WebhookKey, DeliveryId), Body>,
    is_away: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("made to be away")]
struct Away;

impl MemoryTables {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the tables, unless they are away.
    fn open(&self) -> Result<MutexGuard<'_, Tables>, StoreError> {
        let tables = self.tables();
        if tables.is_away { Err(StoreError::Unavailable(Box::new(Away))) } else { Ok(tables) }
    }

    /// Makes every further call of the store fail.
    pub fn go_away(&self) {
        self.tables().is_away = true;
    }

    /// Returns every row of the webhook, oldest first.
    #[must_use]
    pub fn rows(&self, key: &WebhookKey) -> Vec<LogRow> {
        self.tables().logs.get(key).into_iter().flat_map(|rows| rows.values().cloned()).collect()
    }

    /// Returns whether any queue has a backlog or a change to publish.
    #[must_use]
    pub fn has_due_queues(&self) -> bool {
        self.tables()
            .states
            .values()
            .any(|state| state.backlog.is_some() || !state.operational_events.is_empty())
    }

    /// Returns whether any job waits to be queued.
    #[must_use]
    pub fn has_due_jobs(&self) -> bool {
        self.tables().jobs.values().any(|job| job.due_at.is_some())
    }

    /// Returns the queue as it is.
    #[must_use]
    pub fn state(&self, key: &WebhookKey) -> QueueState {
        self.tables().states.get(key).cloned().unwrap_or_default()
    }

    /// Returns everything that a company has in both tables, as text: it shows whether anything of it has
    /// changed.
    #[must_use]
    pub fn everything_of(&self, company: &CompanyId) -> String {
        let tables = self.tables();
        let webhooks: BTreeMap<_, _> = tables.webhooks.iter().filter(|((of, _), _)| of == company).collect();
        let secrets: Vec<_> = webhooks
            .values()
            .filter_map(|one| Some(tables.secrets.get(&one.id)?.sign("id", Millis(0), "{}").ok()))
            .collect();
        let owner = Owner::Company(company.clone());
        let tokens: Vec<_> = tables.tokens.keys().filter(|token| token.owner == owner).collect();
        let audit: Vec<_> = tables.audit.iter().filter(|((of, _), _)| *of == owner).collect();
        let of_webhook = |key: &WebhookKey| key.company == *company;
        let rows: Vec<_> = tables.logs.iter().filter(|(key, _)| of_webhook(key)).collect();
        let states: Vec<_> = tables.states.iter().filter(|(key, _)| of_webhook(key)).collect();
        let tests: Vec<_> = tables.tests.iter().filter(|(key, _)| of_webhook(key)).collect();
        let jobs: BTreeMap<_, _> = tables
            .jobs
            .values()
            .filter(|job| job.company == *company)
            .map(|job| (job.place(), job))
            .collect();
        let rejected: Vec<_> = tables.rejected.iter().filter(|((of, _), _)| *of == owner).collect();
        format!(
            "{webhooks:?} {secrets:?} {tokens:?} {audit:?} {rows:?} {states:?} {tests:?} {rejected:?} {jobs:?}"
        )
    }

    /// Drops every row, as expiry does after idle months, and keeps the floor.
    pub fn expire_rows(&self, key: &WebhookKey, floor: u64) {
        let mut tables = self.tables();
        tables.logs.remove(key);
        tables.states.entry(key.clone()).or_default().sequence_floor = floor;
    }
}

impl Tables {
    fn replace(&mut self, Replacing { webhook, secrets }: Replacing<'_>) -> Replacement {
        let key = (webhook.company.clone(), webhook.id);
        match self.webhooks.get_mut(&key) {
            Some(current) if current.version + 1 == webhook.version => {
                *current = webhook.clone();
                if let Some(secrets) = secrets {
                    self.secrets.insert(webhook.id, secrets.clone());
                }
                *self.companies.entry(webhook.company.clone()).or_default() += 1;
                Replacement::Done
            }
            Some(_) | None => Replacement::Lost,
        }
    }
}

impl LogStore for MemoryTables {
    async fn snapshots(&self, keys: &[WebhookKey]) -> Result<Vec<WebhookSnapshot>, StoreError> {
        let tables = self.open()?;
        let snapshot = keys.iter().map(|key| {
            let webhook = tables.webhooks.get(&(key.company.clone(), key.webhook));
            WebhookSnapshot {
                webhook: webhook.cloned(),
                secrets: webhook.and_then(|one| tables.secrets.get(&one.id)).cloned(),
                state: tables.states.get(key).cloned().unwrap_or_default(),
            }
        });
        Ok(snapshot.collect())
    }

    async fn last_row(&self, key: &WebhookKey) -> Result<Option<LastRow>, StoreError> {
        let tables = self.open()?;
        Ok(tables.logs.get(key).and_then(|rows| Some(rows.last_key_value()?.1.last())))
    }

    async fn put_row(&self, row: &LogRow) -> Result<Recorded, StoreError> {
        let mut tables = self.open()?;
        let there = tables
            .logs
            .entry(WebhookKey::of_row(row))
            .or_default()
            .entry(row.attempt.number)
            .or_insert_with(|| row.clone());
        Ok(if there.run == row.run { Recorded::Mine } else { Recorded::Another })
    }

    async fn park(&self, row: &LogRow, generation: u64) -> Result<Parking, StoreError> {
        let mut tables = self.open()?;
        let (key, number) = (WebhookKey::of_row(row), row.attempt.number);
        if let Some(there) = tables.logs.get(&key).and_then(|rows| rows.get(&number)) {
            let is_same = there.delivery == row.delivery && there.progress == Progress::Parked;
            return Ok(if is_same { Parking::Parked } else { Parking::Moved });
        }
        match tables.states.get_mut(&key) {
            Some(QueueState { generation: current, backlog: Some(backlog), .. })
                if *current == generation && backlog.last < number.sequence =>
            {
                backlog.last = number.sequence;
                tables.logs.entry(key).or_default().insert(number, row.clone());
                Ok(Parking::Parked)
            }
            _ => Ok(Parking::Moved),
        }
    }

    async fn change_state(
        &self,
        key: &WebhookKey,
        from: &QueueState,
        to: &QueueState,
    ) -> Result<Change, StoreError> {
        let mut tables = self.open()?;
        let state = tables.states.entry(key.clone()).or_default();
        if !state.allows(from, to) {
            return Ok(Change::Lost);
        }
        state.take(from, to);
        Ok(Change::Done)
    }

    async fn replace_with_state(
        &self,
        replacing: Replacing<'_>,
        from: &QueueState,
        to: &QueueState,
    ) -> Result<Replacement, StoreError> {
        let mut tables = self.open()?;
        let webhook = replacing.webhook;
        let key = WebhookKey { company: webhook.company.clone(), webhook: webhook.id };
        if !tables.states.entry(key.clone()).or_default().allows(from, to) {
            return Ok(Replacement::Lost);
        }
        let replaced = tables.replace(replacing);
        if replaced == Replacement::Done {
            tables.states.entry(key).or_default().take(from, to);
        }
        Ok(replaced)
    }

    async fn advance(&self, row: &LogRow, from: &QueueState, to: &QueueState) -> Result<Change, StoreError> {
        let mut tables = self.open()?;
        let (key, number) = (WebhookKey::of_row(row), row.attempt.number);
        if let Some(there) = tables.logs.get(&key).and_then(|rows| rows.get(&number)) {
            return Ok(if there.run == row.run { Change::Done } else { Change::Lost });
        }
        let state = tables.states.entry(key.clone()).or_default();
        if !state.allows(from, to) {
            return Ok(Change::Lost);
        }
        state.take(from, to);
        tables.logs.entry(key).or_default().insert(number, row.clone());
        Ok(Change::Done)
    }

    async fn due_queues(
        &self,
        now: Millis,
        share: usize,
        except: &HashSet<WebhookKey>,
    ) -> Result<Vec<WebhookKey>, StoreError> {
        Ok(self.open()?.due_queues(now, Shares::new(share, except)))
    }

    async fn count_due_queues(&self) -> Result<u64, StoreError> {
        let none = HashSet::new();
        let queues = self.open()?.due_queues(Millis(u64::MAX), Shares::new(usize::MAX, &none));
        Ok(u64::try_from(queues.len()).unwrap_or(u64::MAX))
    }

    async fn rows_from(
        &self,
        key: &WebhookKey,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let tables = self.open()?;
        let from = AttemptNumber { sequence, attempt: 0 };
        let rows = tables.logs.get(key).into_iter().flat_map(|rows| rows.range(from..));
        Ok(rows.take(limit).map(|(_, row)| row.clone()).collect())
    }

    async fn last_row_of(&self, key: &WebhookKey, sequence: u64) -> Result<Option<LogRow>, StoreError> {
        let tables = self.open()?;
        let of_event = |attempt| AttemptNumber { sequence, attempt };
        let rows = tables.logs.get(key);
        Ok(rows
            .and_then(|rows| rows.range(of_event(0)..=of_event(u32::MAX)).next_back())
            .map(|(_, row)| row.clone()))
    }

    async fn list_rows(
        &self,
        key: &WebhookKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let tables = self.open()?;
        let Some(rows) = tables.logs.get(key) else { return Ok(Vec::new()) };
        let page = rows.values().rev().filter(|row| before.is_none_or(|before| row.attempt.number < before));
        let filled = page.take(limit).map(|row| {
            let sequence = row.attempt.number.sequence;
            let first = rows.range(AttemptNumber { sequence, attempt: 0 }..).next();
            LogRow { body: first.and_then(|(_, first)| first.body.clone()), ..row.clone() }
        });
        Ok(filled.collect())
    }
}
