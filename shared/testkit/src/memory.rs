//! The store in memory: the same rules as the tables, without their faults.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookrail_adapters::store::item::Key;
use hookrail_adapters::store::item::row::line_of;
use hookrail_adapters::store::{
    Change, CompanyCreation, ConfigStore, KeptAnswer, LineKey, LineSettings, LogStore, Parking, Recorded,
    Replacement, Replacing, StoreError, SubscriptionCreation,
};
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::audit::{AuditEntry, AuditPlace};
use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId, RejectedId, SubscriptionId};
use hookrail_domain::job::Job;
use hookrail_domain::limits::SUBSCRIPTIONS_PER_COMPANY_MAX;
use hookrail_domain::line::{LastRow, Progress};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::suspension::Line;
use hookrail_domain::test_row::{TestPlace, TestRow};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Holder, PanelLink, Token, TokenHash, TokenRef};

mod access;
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
    audit: BTreeMap<(Holder, AuditPlace), AuditEntry>,
    companies: HashMap<CompanyId, u64>,
    subscriptions: BTreeMap<(CompanyId, SubscriptionId), Subscription>,
    secrets: HashMap<SubscriptionId, Secrets>,
    answers: HashMap<(CompanyId, String), KeptAnswer>,
    lines: HashMap<LineKey, BTreeMap<AttemptNumber, LogRow>>,
    states: HashMap<LineKey, Line>,
    tests: HashMap<LineKey, BTreeMap<TestPlace, TestRow>>,
    rejected: BTreeMap<(Holder, RejectedId), RejectedEvent>,
    jobs: HashMap<(LineKey, DeliveryId), Job>,
    contents: HashMap<(LineKey, DeliveryId), Body>,
    is_away: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("made to be away")]
struct Away;

impl MemoryTables {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tables, unless they are away.
    fn open(&self) -> Result<MutexGuard<'_, Tables>, StoreError> {
        let tables = self.tables();
        if tables.is_away { Err(StoreError::Unavailable(Box::new(Away))) } else { Ok(tables) }
    }

    /// Lets every further call of the store fail.
    pub fn go_away(&self) {
        self.tables().is_away = true;
    }

    /// Every row of the line, oldest first.
    #[must_use]
    pub fn rows(&self, line: &LineKey) -> Vec<LogRow> {
        self.tables().lines.get(line).into_iter().flat_map(|rows| rows.values().cloned()).collect()
    }

    /// Whether events of any line are set aside, or anything of it is to be told.
    #[must_use]
    pub fn has_due_lines(&self) -> bool {
        self.tables().states.values().any(|line| line.aside.is_some() || !line.notices.is_empty())
    }

    /// Whether any job waits to be put into its line.
    #[must_use]
    pub fn has_due_jobs(&self) -> bool {
        self.tables().jobs.values().any(|job| job.due_at.is_some())
    }

    /// The line as it is.
    #[must_use]
    pub fn line(&self, key: &LineKey) -> Line {
        self.tables().states.get(key).cloned().unwrap_or_default()
    }

    /// Everything that a company has in both tables, as text: for telling whether anything of it has changed.
    #[must_use]
    pub fn everything_of(&self, company: &CompanyId) -> String {
        let tables = self.tables();
        let webhooks: BTreeMap<_, _> =
            tables.subscriptions.iter().filter(|((of, _), _)| of == company).collect();
        let secrets: Vec<_> = webhooks
            .values()
            .filter_map(|one| Some(tables.secrets.get(&one.id)?.sign("id", Millis(0), "{}").ok()))
            .collect();
        let holder = Holder::Company(company.clone());
        let tokens: Vec<_> = tables.tokens.keys().filter(|token| token.holder == holder).collect();
        let audit: Vec<_> = tables.audit.iter().filter(|((of, _), _)| *of == holder).collect();
        let of_line = |key: &LineKey| key.company == *company;
        let rows: Vec<_> = tables.lines.iter().filter(|(key, _)| of_line(key)).collect();
        let states: Vec<_> = tables.states.iter().filter(|(key, _)| of_line(key)).collect();
        let tests: Vec<_> = tables.tests.iter().filter(|(key, _)| of_line(key)).collect();
        let jobs: BTreeMap<_, _> = tables
            .jobs
            .values()
            .filter(|job| job.company == *company)
            .map(|job| (job.place(), job))
            .collect();
        let rejected: Vec<_> = tables.rejected.iter().filter(|((of, _), _)| *of == holder).collect();
        format!(
            "{webhooks:?} {secrets:?} {tokens:?} {audit:?} {rows:?} {states:?} {tests:?} {rejected:?} {jobs:?}"
        )
    }

    /// Drops every row, as expiry does after idle months, and keeps the floor.
    pub fn expire_rows(&self, line: &LineKey, floor: u64) {
        let mut tables = self.tables();
        tables.lines.remove(line);
        tables.states.entry(line.clone()).or_default().sequence_floor = floor;
    }
}

impl Tables {
    fn replace(&mut self, Replacing { subscription, secrets }: Replacing<'_>) -> Replacement {
        let key = (subscription.company.clone(), subscription.id);
        match self.subscriptions.get_mut(&key) {
            Some(current) if current.version + 1 == subscription.version => {
                *current = subscription.clone();
                if let Some(secrets) = secrets {
                    self.secrets.insert(subscription.id, secrets.clone());
                }
                *self.companies.entry(subscription.company.clone()).or_default() += 1;
                Replacement::Done
            }
            Some(_) | None => Replacement::Lost,
        }
    }
}

impl ConfigStore for MemoryTables {
    async fn create_company(
        &self,
        company: &CompanyId,
        token: &Token,
    ) -> Result<CompanyCreation, StoreError> {
        let mut tables = self.open()?;
        if tables.companies.contains_key(company) {
            return Ok(CompanyCreation::Taken);
        }
        tables.companies.insert(company.clone(), 0);
        tables.tokens.insert(token.reference(), token.clone());
        Ok(CompanyCreation::Made)
    }

    async fn is_company(&self, company: &CompanyId) -> Result<bool, StoreError> {
        Ok(self.open()?.companies.contains_key(company))
    }

    async fn create_subscription(
        &self,
        subscription: &Subscription,
        secrets: &Secrets,
    ) -> Result<SubscriptionCreation, StoreError> {
        let mut tables = self.open()?;
        let company = &subscription.company;
        let of_company: Vec<_> =
            tables.subscriptions.values().filter(|other| &other.company == company).collect();
        if of_company.iter().any(|other| Key::marker(other) == Key::marker(subscription)) {
            return Ok(SubscriptionCreation::CodeTaken);
        }
        if SUBSCRIPTIONS_PER_COMPANY_MAX <= of_company.len() {
            return Ok(SubscriptionCreation::Full);
        }
        let Some(version) = tables.companies.get_mut(company) else {
            return Ok(SubscriptionCreation::NoSuchCompany);
        };
        *version += 1;
        tables.secrets.insert(subscription.id, secrets.clone());
        tables.subscriptions.insert((company.clone(), subscription.id), subscription.clone());
        Ok(SubscriptionCreation::Made)
    }

    async fn find_subscription(
        &self,
        company: &CompanyId,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        Ok(self.open()?.subscriptions.get(&(company.clone(), id)).cloned())
    }

    async fn list_subscriptions(&self, company: &CompanyId) -> Result<Vec<Subscription>, StoreError> {
        Ok(self.open()?.subscriptions.values().filter(|one| &one.company == company).cloned().collect())
    }

    async fn find_secrets(
        &self,
        company: &CompanyId,
        id: SubscriptionId,
    ) -> Result<Option<Secrets>, StoreError> {
        let tables = self.open()?;
        let is_there = tables.subscriptions.contains_key(&(company.clone(), id));
        Ok(tables.secrets.get(&id).filter(|_| is_there).cloned())
    }

    async fn replace_subscription(&self, replacing: Replacing<'_>) -> Result<Replacement, StoreError> {
        Ok(self.open()?.replace(replacing))
    }

    async fn config_versions(&self, companies: &[CompanyId]) -> Result<Vec<u64>, StoreError> {
        let tables = self.open()?;
        Ok(companies
            .iter()
            .map(|company| tables.companies.get(company).copied().unwrap_or_default())
            .collect())
    }

    async fn keep_answer(
        &self,
        company: &CompanyId,
        key: &str,
        answer: &KeptAnswer,
    ) -> Result<(), StoreError> {
        self.open()?.answers.insert((company.clone(), key.to_owned()), answer.clone());
        Ok(())
    }

    async fn find_answer(
        &self,
        company: &CompanyId,
        key: &str,
        now: Millis,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        let tables = self.open()?;
        let answer = tables.answers.get(&(company.clone(), key.to_owned()));
        Ok(answer.filter(|answer| now < answer.expires_at).cloned())
    }
}

impl LogStore for MemoryTables {
    async fn settings(&self, lines: &[LineKey]) -> Result<Vec<LineSettings>, StoreError> {
        let tables = self.open()?;
        let settings = lines.iter().map(|line| {
            let subscription = tables.subscriptions.get(&(line.company.clone(), line.subscription));
            LineSettings {
                subscription: subscription.cloned(),
                secrets: subscription.and_then(|one| tables.secrets.get(&one.id)).cloned(),
                line: tables.states.get(line).cloned().unwrap_or_default(),
            }
        });
        Ok(settings.collect())
    }

    async fn last_row(&self, line: &LineKey) -> Result<Option<LastRow>, StoreError> {
        let tables = self.open()?;
        Ok(tables.lines.get(line).and_then(|rows| Some(rows.last_key_value()?.1.last())))
    }

    async fn put_row(&self, row: &LogRow) -> Result<Recorded, StoreError> {
        let mut tables = self.open()?;
        let there = tables
            .lines
            .entry(line_of(row))
            .or_default()
            .entry(row.attempt.number)
            .or_insert_with(|| row.clone());
        Ok(if there.run == row.run { Recorded::Mine } else { Recorded::Another })
    }

    async fn park(&self, row: &LogRow, generation: u64) -> Result<Parking, StoreError> {
        let mut tables = self.open()?;
        let (key, number) = (line_of(row), row.attempt.number);
        if let Some(there) = tables.lines.get(&key).and_then(|rows| rows.get(&number)) {
            let is_same = there.delivery == row.delivery && there.progress == Progress::Parked;
            return Ok(if is_same { Parking::Parked } else { Parking::Moved });
        }
        match tables.states.get_mut(&key) {
            Some(Line { generation: current, aside: Some(aside), .. })
                if *current == generation && aside.last < number.sequence =>
            {
                aside.last = number.sequence;
                tables.lines.entry(key).or_default().insert(number, row.clone());
                Ok(Parking::Parked)
            }
            _ => Ok(Parking::Moved),
        }
    }

    async fn change_line(&self, key: &LineKey, from: &Line, to: &Line) -> Result<Change, StoreError> {
        let mut tables = self.open()?;
        let line = tables.states.entry(key.clone()).or_default();
        if !line.allows(from, to) {
            return Ok(Change::Lost);
        }
        line.take(from, to);
        Ok(Change::Done)
    }

    async fn replace_with_line(
        &self,
        replacing: Replacing<'_>,
        from: &Line,
        to: &Line,
    ) -> Result<Replacement, StoreError> {
        let mut tables = self.open()?;
        let subscription = replacing.subscription;
        let key = LineKey { company: subscription.company.clone(), subscription: subscription.id };
        if !tables.states.entry(key.clone()).or_default().allows(from, to) {
            return Ok(Replacement::Lost);
        }
        let replaced = tables.replace(replacing);
        if replaced == Replacement::Done {
            tables.states.entry(key).or_default().take(from, to);
        }
        Ok(replaced)
    }

    async fn advance(&self, row: &LogRow, from: &Line, to: &Line) -> Result<Change, StoreError> {
        let mut tables = self.open()?;
        let (key, number) = (line_of(row), row.attempt.number);
        if let Some(there) = tables.lines.get(&key).and_then(|rows| rows.get(&number)) {
            return Ok(if there.run == row.run { Change::Done } else { Change::Lost });
        }
        let line = tables.states.entry(key.clone()).or_default();
        if !line.allows(from, to) {
            return Ok(Change::Lost);
        }
        line.take(from, to);
        tables.lines.entry(key).or_default().insert(number, row.clone());
        Ok(Change::Done)
    }

    async fn due_lines(&self, now: Millis, limit: usize) -> Result<Vec<LineKey>, StoreError> {
        let tables = self.open()?;
        let due_at = |line: &Line| match &line.aside {
            Some(aside) => Some(aside.due_at),
            None => line.notices.first().map(|notice| notice.at),
        };
        let mut due: Vec<_> = tables
            .states
            .iter()
            .filter_map(|(key, line)| Some((due_at(line).filter(|due_at| *due_at <= now)?, key)))
            .collect();
        due.sort_by_key(|(due_at, key)| (*due_at, key.company.to_string(), key.subscription.to_string()));
        Ok(due.into_iter().take(limit).map(|(_, key)| key.clone()).collect())
    }

    async fn rows_from(
        &self,
        line: &LineKey,
        sequence: u64,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let tables = self.open()?;
        let from = AttemptNumber { sequence, attempt: 0 };
        let rows = tables.lines.get(line).into_iter().flat_map(|rows| rows.range(from..));
        Ok(rows.take(limit).map(|(_, row)| row.clone()).collect())
    }

    async fn last_row_of(&self, line: &LineKey, sequence: u64) -> Result<Option<LogRow>, StoreError> {
        let tables = self.open()?;
        let of_event = |attempt| AttemptNumber { sequence, attempt };
        let rows = tables.lines.get(line);
        Ok(rows
            .and_then(|rows| rows.range(of_event(0)..=of_event(u32::MAX)).next_back())
            .map(|(_, row)| row.clone()))
    }

    async fn list_rows(
        &self,
        line: &LineKey,
        before: Option<AttemptNumber>,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let tables = self.open()?;
        let Some(rows) = tables.lines.get(line) else { return Ok(Vec::new()) };
        let page = rows.values().rev().filter(|row| before.is_none_or(|before| row.attempt.number < before));
        let filled = page.take(limit).map(|row| {
            let sequence = row.attempt.number.sequence;
            let first = rows.range(AttemptNumber { sequence, attempt: 0 }..).next();
            LogRow { body: first.and_then(|(_, first)| first.body.clone()), ..row.clone() }
        });
        Ok(filled.collect())
    }
}
