//! The contract of every store. Run for the memory side here and for DynamoDB in `adapters`.

#![expect(clippy::expect_used, reason = "a clause that cannot be set up is a failed test")]

use std::collections::HashSet;

use hookrail_domain::attempt::{Attempt, AttemptNumber};
use hookrail_domain::backlog::{HeadAttempt, Lease};
use hookrail_domain::commands::Waiting;
use hookrail_domain::delivery::{QueueName, QueuePosition};
use hookrail_domain::event::Body;
use hookrail_domain::header::{HeaderName, HeaderValue};
use hookrail_domain::id::{CompanyId, DeliveryId, EventId, WebhookId};
use hookrail_domain::log_row::{LogRow, RunId};
use hookrail_domain::operational_event::StateChange;
use hookrail_domain::progress::{LastRow, Progress};
use hookrail_domain::replay::ReplayRange;
use hookrail_domain::retry::RetryPolicy;
use hookrail_domain::secrets::{Credentials, Secrets};
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::suspension::{QueueState, Step, SuspensionPolicy};
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Token, TokenHash};
use hookrail_domain::trigger::{Context, Trigger, TriggerType};
use hookrail_domain::webhook::{Code, CotWebhook, Name, Webhook, WebhookKind};
use hookrail_pipeline::store::access::AccessStore;
use hookrail_pipeline::store::listing::ListStore;
use hookrail_pipeline::store::platform::NamedStore;
use hookrail_pipeline::store::rejected::RejectedStore;
use hookrail_pipeline::store::{
    Change, CompanyCreation, ConfigStore, LogStore, Parking, Recorded, Replacement, Replacing,
    WebhookCreation, WebhookKey,
};

use crate::script::answer;

mod access;
mod due;
pub mod jobs;
mod listing;
pub mod platform;
mod rejected;
mod responses;

/// Makes an active webhook of the company for every task event.
#[must_use]
pub fn sample_webhook(company: &str, number: u8) -> Webhook {
    let kind = TriggerType::find("create-edit-delete-task").expect("in the catalogue");
    Webhook {
        id: WebhookId::from_bytes([number; 12]),
        company: CompanyId::parse(company).expect("a company id"),
        is_active: true,
        name: Name::parse("Name").expect("a name"),
        face: WebhookKind::Cot(CotWebhook {
            trigger: Trigger::new(kind, Context::default()).expect("no slot is set"),
            url: TargetUrl::parse_unchecked(&format!("https://receiver.example/{number}")).expect("a URL"),
            code: Code::parse(&format!("code_{number}")).expect("a code"),
        }),
        description: None,
        version: 0,
        inactive_because: None,
        credentials: Credentials::default(),
        suspend_after: None,
    }
}

/// Runs every clause of the contract. Companies are named after `prefix`, so that one store can be tried twice.
pub async fn check(
    store: &(impl ConfigStore + LogStore + AccessStore + ListStore + NamedStore + RejectedStore),
    prefix: &str,
) {
    rejected::check(store, prefix).await;
    platform::names(store, prefix).await;
    jobs::check(store, prefix).await;
    due::check(store, prefix).await;
    companies_and_tokens(store, prefix).await;
    access::check(store, prefix).await;
    secrets(store, prefix).await;
    webhooks(store, prefix).await;
    responses::check(store, prefix).await;
    rows(store, prefix).await;
    queue_states(store, prefix).await;
    interventions(store, prefix).await;
    listing::check(store, prefix).await;
}

async fn companies_and_tokens(store: &(impl ConfigStore + AccessStore), prefix: &str) {
    let company = CompanyId::parse(&format!("{prefix}-tokens")).expect("a company id");
    let (token, other) = (TokenHash::of(&format!("{prefix} one")), TokenHash::of(&format!("{prefix} two")));
    let first = |hash| Token::first(hash, Grant::company(company.clone()), Millis(5));
    assert_eq!(store.find_token(token).await.expect("read"), None);
    let made = store.create_company(&company, &first(token)).await.expect("write");
    assert_eq!(made, CompanyCreation::Made);
    assert_eq!(store.find_token(token).await.expect("read"), Some(first(token)));
    let made = store.create_company(&company, &first(other)).await.expect("write");
    assert_eq!(made, CompanyCreation::Taken);
    assert_eq!(store.find_token(other).await.expect("read"), None, "both or neither");
    assert!(store.is_company(&company).await.expect("read"));
    let unknown = CompanyId::parse(&format!("{prefix}-unknown")).expect("a company id");
    assert!(!store.is_company(&unknown).await.expect("read"));
}

async fn webhooks(store: &impl ConfigStore, prefix: &str) {
    let name = format!("{prefix}-hooks");
    let one = sample_webhook(&name, 1);
    let secrets = Secrets::new(SigningSecret::from_random([1; 32]));
    let make = async |made: &Webhook| store.create_webhook(made, &secrets).await.expect("write");
    assert_eq!(make(&one).await, WebhookCreation::NoSuchCompany);
    let token = TokenHash::of(&name);
    let token = Token::first(token, Grant::company(one.company.clone()), Millis(0));
    store.create_company(&one.company, &token).await.expect("write");
    let unknown = CompanyId::parse(&format!("{prefix}-unknown")).expect("a company id");
    let version = async || {
        let versions = store.config_versions(&[unknown.clone(), one.company.clone()]).await.expect("read");
        assert_eq!((versions.len(), versions.first()), (2, Some(&0)));
        versions.last().copied()
    };
    let before = version().await;
    assert_eq!(make(&one).await, WebhookCreation::Made);
    assert!(before < version().await, "a write raises the company's version");
    let same_code = Webhook { face: one.face.clone(), ..sample_webhook(&name, 2) };
    assert_eq!(make(&same_code).await, WebhookCreation::CodeTaken);
    let two = sample_webhook(&name, 2);
    assert_eq!(make(&two).await, WebhookCreation::Made);
    assert_eq!(store.list_webhooks(&one.company).await.expect("read"), [one.clone(), two.clone()]);
    assert_eq!(store.find_webhook(&one.company, one.id).await.expect("read"), Some(one.clone()));
    let stranger = CompanyId::parse(&format!("{prefix}-stranger")).expect("a company id");
    assert_eq!(store.find_webhook(&stranger, one.id).await.expect("read"), None);
    assert_eq!(store.list_webhooks(&stranger).await.expect("read"), []);
    let between = version().await;
    let changed = Webhook { is_active: false, version: 1, ..one.clone() };
    assert_eq!(store.replace_webhook((&changed).into()).await.expect("write"), Replacement::Done);
    assert_eq!(store.replace_webhook((&changed).into()).await.expect("write"), Replacement::Lost);
    assert!(between < version().await, "a change raises the company's version");
    assert_eq!(store.find_webhook(&one.company, one.id).await.expect("read"), Some(changed));
}

/// Checks that a webhook's secrets change with it or not at all, and belong to no other webhook.
async fn secrets(store: &(impl ConfigStore + LogStore), prefix: &str) {
    let webhook = sample_webhook(&format!("{prefix}-secrets"), 1);
    let (company, id) = (&webhook.company, webhook.id);
    let token = Token::first(TokenHash::of(company.as_str()), Grant::company(company.clone()), Millis(0));
    store.create_company(company, &token).await.expect("write");
    let first = Secrets::new(SigningSecret::from_random([1; 32]));
    store.create_webhook(&webhook, &first).await.expect("write");
    let read = async || store.find_secrets(company, id).await.expect("read");
    assert_eq!(read().await, Some(first.clone()));
    let stranger = CompanyId::parse(&format!("{prefix}-stranger")).expect("a company id");
    assert_eq!(store.find_secrets(&stranger, id).await.expect("read"), None);

    let mut second = first.rotated(SigningSecret::from_random([2; 32]), 60, Millis(5)).expect("allowed");
    second
        .headers
        .insert(HeaderName::parse("X-Key").expect("a name"), HeaderValue::parse("value").expect("a value"));
    let changed = Webhook { version: 1, credentials: second.credentials(1), ..webhook.clone() };
    let replacing = Replacing { webhook: &changed, secrets: Some(&second) };
    assert_eq!(store.replace_webhook(replacing).await.expect("write"), Replacement::Done);
    assert_eq!(read().await, Some(second.clone()));
    let late = Replacing { webhook: &changed, secrets: Some(&first) };
    assert_eq!(store.replace_webhook(late).await.expect("write"), Replacement::Lost);
    assert_eq!(read().await, Some(second.clone()), "then the secrets stay as well");
    let key = WebhookKey { company: company.clone(), webhook: id };
    let snapshot = store.snapshots(std::slice::from_ref(&key)).await.expect("read");
    let snapshot = snapshot.into_iter().next().expect("one");
    assert_eq!((snapshot.webhook.as_ref(), snapshot.secrets.as_ref()), (Some(&changed), Some(&second)));

    let third = second.without_retired();
    let gone = Webhook { credentials: third.credentials(2), ..changed.gone() };
    let backlog = snapshot.state.deactivated(Waiting::Keep, None, Millis(9));
    let with_line = Replacing { webhook: &gone, secrets: Some(&third) };
    let replaced = store.replace_with_state(with_line, &snapshot.state, &backlog).await.expect("write");
    assert_eq!((replaced, read().await), (Replacement::Done, Some(third)));
}

fn row(key: &WebhookKey, sequence: u64, attempt: u32, run: &str) -> LogRow {
    let position = |queue, number: u64| QueuePosition { queue: QueueName::new(queue), number: number.into() };
    LogRow {
        company: key.company.clone(),
        webhook: key.webhook,
        delivery: DeliveryId::of(EventId::of_message(&sequence.to_string()), key.webhook),
        event: EventId::of_message(&sequence.to_string()),
        accepted: position("events", sequence),
        queued: position("deliveries", sequence),
        attempt: Attempt {
            number: AttemptNumber { sequence, attempt },
            started_at: Millis(1000),
            duration_ms: 5,
            outcome: answer(500),
        },
        progress: Progress::Waiting { until: Millis(31_000) },
        given_up: 0,
        url: "https://receiver.example/".to_owned(),
        version: 0,
        run: RunId(run.to_owned()),
        is_replay: false,
        body: (attempt == 1).then(|| Body::new(format!("{{\"event\":{sequence}}}")).expect("small")),
        expires_at: None,
    }
}

async fn rows(store: &(impl ConfigStore + LogStore), prefix: &str) {
    let name = format!("{prefix}-hooks");
    let known = sample_webhook(&name, 1);
    let key = WebhookKey { company: known.company.clone(), webhook: known.id };
    let unknown = WebhookKey { webhook: WebhookId::from_bytes([99; 12]), ..key.clone() };
    let snapshot = store.snapshots(&[unknown.clone(), key.clone()]).await.expect("read");
    let ids: Vec<_> = snapshot.iter().map(|one| one.webhook.as_ref().map(|found| found.id)).collect();
    assert_eq!(ids, [None, Some(known.id)], "in the order asked");
    let secrets: Vec<_> = snapshot.iter().map(|one| one.secrets.is_some()).collect();
    assert_eq!(secrets, [false, true]);

    assert_eq!(store.last_row(&key).await.expect("read"), None);
    let put = async |sequence, attempt, run| {
        store.put_row(&row(&key, sequence, attempt, run)).await.expect("write")
    };
    for (sequence, attempt) in [(1, 1), (1, 2), (2, 1), (9, 1), (10, 1), (10, 2)] {
        assert_eq!(put(sequence, attempt, "a").await, Recorded::Mine);
    }
    assert_eq!(put(10, 2, "a").await, Recorded::Mine, "a repeat after a lost response");
    assert_eq!(put(10, 2, "b").await, Recorded::Another, "the fence");
    assert_eq!(store.last_row(&key).await.expect("read"), Some(row(&key, 10, 2, "a").last()));
    assert_eq!(store.last_row(&unknown).await.expect("read"), None);

    let list = async |before, limit| {
        let rows = store.list_rows(&key, before, limit).await.expect("read");
        for row in &rows {
            let body = format!("{{\"event\":{}}}", row.attempt.number.sequence);
            assert_eq!(row.body.as_ref().map(Body::as_str), Some(body.as_str()), "every row has its body");
        }
        rows.iter().map(|row| (row.attempt.number.sequence, row.attempt.number.attempt)).collect::<Vec<_>>()
    };
    assert_eq!(list(None, 100).await, [(10, 2), (10, 1), (9, 1), (2, 1), (1, 2), (1, 1)]);
    assert_eq!(list(None, 2).await, [(10, 2), (10, 1)]);
    assert_eq!(list(Some(AttemptNumber { sequence: 10, attempt: 1 }), 2).await, [(9, 1), (2, 1)]);
    assert_eq!(list(Some(AttemptNumber { sequence: 1, attempt: 1 }), 2).await, []);
    // The first attempt's row, which holds the body, is on the next page.
    assert_eq!(list(None, 1).await, [(10, 2)]);
}

/// Takes one queue through every change.
async fn queue_states(store: &(impl ConfigStore + LogStore), prefix: &str) {
    let known = sample_webhook(&format!("{prefix}-lines"), 1);
    let key = WebhookKey { company: known.company.clone(), webhook: known.id };
    let now = async || {
        let snapshot = store.snapshots(std::slice::from_ref(&key)).await.expect("read");
        snapshot.into_iter().next().expect("one").state
    };
    let change =
        async |from: &QueueState, to: &QueueState| store.change_state(&key, from, to).await.expect("write");
    let due = async |at| {
        let due = store.due_queues(Millis(at), 100, &HashSet::new()).await.expect("read");
        due.contains(&key)
    };
    let policy = SuspensionPolicy::default();
    let active = now().await;
    assert_eq!(active, QueueState::default());

    let last = LastRow { progress: Progress::Ended, given_up: 5, ..row(&key, 5, 3, "a").last() };
    let suspended = active.suspended(Some(&last), &policy, Millis(1000)).expect("due");
    let others = store.count_due_queues().await.expect("read");
    assert_eq!(change(&active, &suspended).await, Change::Done);
    assert_eq!(change(&active, &suspended).await, Change::Lost, "only once");
    assert_eq!(store.count_due_queues().await.expect("read"), others + 1, "not due yet");
    assert_eq!(now().await, suspended);
    assert!(!due(30_999).await && due(31_000).await);

    let parked = |sequence, run| LogRow { progress: Progress::Parked, ..row(&key, sequence, 1, run) };
    let park = async |row, generation| store.park(&row, generation).await.expect("write");
    assert_eq!(park(parked(6, "a"), suspended.generation).await, Parking::Parked);
    assert_eq!(park(parked(6, "b"), suspended.generation).await, Parking::Parked, "it existed");
    assert_eq!(park(parked(5, "a"), suspended.generation).await, Parking::Moved, "the backlog ends later");
    assert_eq!(store.put_row(&row(&key, 9, 1, "live")).await.expect("write"), Recorded::Mine);
    assert_eq!(park(parked(9, "a"), suspended.generation).await, Parking::Moved, "an attempt was made");
    assert_eq!(park(parked(7, "a"), suspended.generation + 1).await, Parking::Moved, "another generation");
    let other = LogRow { delivery: row(&key, 9, 1, "a").delivery, ..parked(6, "a") };
    assert_eq!(park(other, suspended.generation).await, Parking::Moved, "another event's row");
    assert_eq!(park(parked(7, "a"), suspended.generation).await, Parking::Parked);

    let from = now().await;
    let leased = from.leased(Lease { run: RunId("r".into()), until: Millis(9) }).expect("a backlog");
    let other = from.leased(Lease { run: RunId("s".into()), until: Millis(9) }).expect("a backlog");
    assert_eq!(change(&from, &leased).await, Change::Done);
    assert_eq!(change(&from, &other).await, Change::Lost, "one run at a time");

    let state = drained(store, &key, leased).await;
    assert_eq!(park(parked(8, "a"), state.generation).await, Parking::Parked);
    let closed = state.closed().expect("nothing waits, as far as it knows");
    assert_eq!(change(&state, &closed).await, Change::Lost, "one more was parked");
    let state = now().await;
    assert_eq!(state.closed(), None);
    let skipped = state.after_skip(Millis(41_000)).expect("a backlog");
    assert_eq!(change(&state, &skipped).await, Change::Done);
    let woken = skipped.woken(Millis(30_000)).expect("a backlog");
    assert_eq!(change(&skipped, &woken).await, Change::Done);
    assert_eq!(change(&skipped, &woken).await, Change::Lost, "woken once");
    assert_eq!(now().await, woken);
    let closed = woken.closed().expect("nothing waits");
    assert_eq!(change(&woken, &closed).await, Change::Done);
    assert_eq!(now().await, closed);
    assert!(due(40_000).await, "there is a change to publish");
    let published = closed.published();
    let more = closed.clone().noting(StateChange::Deactivated, Millis(50_000));
    assert_eq!(change(&closed, &published).await, Change::Done);
    assert_eq!(change(&closed, &more).await, Change::Lost, "it was published");
    assert_eq!(now().await, published);
    assert!(!due(u64::MAX / 2).await, "an active queue is never due");
}

/// Checks a queue and its webhook, which are changed together or not at all.
async fn interventions(store: &(impl ConfigStore + LogStore), prefix: &str) {
    let known = sample_webhook(&format!("{prefix}-interventions"), 1);
    let key = WebhookKey { company: known.company.clone(), webhook: known.id };
    let hash = TokenHash::of(known.company.as_str());
    let token = Token::first(hash, Grant::company(known.company.clone()), Millis(0));
    store.create_company(&known.company, &token).await.expect("write");
    let secrets = Secrets::new(SigningSecret::from_random([1; 32]));
    store.create_webhook(&known, &secrets).await.expect("write");
    let now = async || {
        let snapshot = store.snapshots(std::slice::from_ref(&key)).await.expect("read");
        snapshot.into_iter().next().expect("one")
    };

    let active = QueueState::default();
    let kept = active.deactivated(Waiting::Keep, None, Millis(1));
    let gone = known.gone();
    let replace = async |webhook: &Webhook, from: &QueueState, to: &QueueState| {
        store.replace_with_state(webhook.into(), from, to).await.expect("write")
    };
    let other = kept.woken(Millis(2)).expect("a backlog");
    assert_eq!(replace(&gone, &kept, &other).await, Replacement::Lost, "the queue is another");
    assert_eq!(now().await.webhook.as_ref(), Some(&known), "then the webhook stays as well");
    let before = store.config_versions(std::slice::from_ref(&known.company)).await.expect("read");
    assert_eq!(replace(&gone, &active, &kept).await, Replacement::Done);
    let snapshot = now().await;
    assert_eq!((snapshot.webhook.as_ref(), &snapshot.state), (Some(&gone), &kept));
    let after = store.config_versions(std::slice::from_ref(&known.company)).await.expect("read");
    assert!(before < after, "fan-out sees it");
    assert_eq!(replace(&gone, &kept, &other).await, Replacement::Lost, "the webhook is another");
    assert_eq!(now().await.state, kept, "then the queue stays as well");

    let range = ReplayRange { first: 1, last: 2, only_failed: true };
    let replaying = kept.replayed(range, None, Millis(2)).expect("none runs");
    let change =
        async |from: &QueueState, to: &QueueState| store.change_state(&key, from, to).await.expect("write");
    assert_eq!(change(&kept, &replaying).await, Change::Done);
    assert_eq!(change(&kept, &replaying).await, Change::Lost, "one replay at a time");
    assert_eq!(now().await.state, replaying);
    let moved = replaying.replay_at(2);
    assert_eq!(change(&replaying, &moved).await, Change::Done);
    let cancelled = replaying.replay_cancelled(Millis(3)).expect("one runs");
    assert_eq!(change(&replaying, &cancelled).await, Change::Lost, "it has moved");
    let cancelled = moved.replay_cancelled(Millis(3)).expect("one runs");
    assert_eq!(change(&moved, &cancelled).await, Change::Done);
    assert_eq!(change(&moved, &moved.replay_at(3)).await, Change::Lost, "it was cancelled");
    let dropped = cancelled.deactivated(Waiting::Drop, None, Millis(4));
    assert_eq!(change(&cancelled, &dropped).await, Change::Done);
    assert_eq!(now().await.state, dropped);
}

/// Returns a queue that has ended its first seven events one by one.
async fn drained(store: &impl LogStore, key: &WebhookKey, mut state: QueueState) -> QueueState {
    let attempt = HeadAttempt {
        outcome: &answer(200),
        version: 0,
        retry: RetryPolicy::default(),
        suspension: SuspensionPolicy::default(),
        ended_at: Millis(40_000),
    };
    let after = |state: &QueueState| state.after_attempt(attempt).expect("a backlog");
    for sequence in 1..=7 {
        let Step { progress, state: next, .. } = after(&state);
        let row = LogRow { progress, ..row(key, sequence, 4, "r") };
        assert_eq!(store.advance(&row, &state, &next).await.expect("write"), Change::Done);
        assert_eq!(store.advance(&row, &state, &next).await.expect("write"), Change::Done, "its own row");
        let another = LogRow { run: RunId("s".into()), ..row };
        assert_eq!(store.advance(&another, &state, &next).await.expect("write"), Change::Lost);
        state = next;
    }
    let numbers = async |sequence, limit| {
        let rows = store.rows_from(key, sequence, limit).await.expect("read");
        rows.iter().map(|row| (row.attempt.number.sequence, row.attempt.number.attempt)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(6, 3).await, [(6, 1), (6, 4), (7, 1)]);
    let newest = async |sequence| store.last_row_of(key, sequence).await.expect("read");
    assert_eq!(newest(6).await.expect("a row").attempt.number, AttemptNumber { sequence: 6, attempt: 4 });
    assert_eq!(newest(8).await, None);
    state
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    #[test]
    fn the_memory_store_keeps_the_contract() {
        super::check(&crate::memory::MemoryTables::default(), "memory").now_or_never().expect("never waits");
    }
}
