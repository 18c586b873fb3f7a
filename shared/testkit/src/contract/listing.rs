//! Lists for people: every entry once, in order, for any page size.

use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId, EventId, WebhookId};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::test_row::{TestPosition, TestRow};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Token, TokenHash};
use hookrail_pipeline::store::listing::{EventPosition, ListStore};
use hookrail_pipeline::store::{ConfigStore, LogStore, WebhookKey};

use super::{row, sample_webhook};
use crate::script::answer;

pub(super) async fn check(store: &(impl ConfigStore + LogStore + ListStore), prefix: &str) {
    webhooks(store, prefix).await;
    rows(store, prefix).await;
    tests(store, prefix).await;
    places(store, prefix).await;
}

async fn webhooks(store: &(impl ConfigStore + ListStore), prefix: &str) {
    let name = format!("{prefix}-pages");
    let company = CompanyId::parse(&name).expect("a company id");
    let token = Token::first(TokenHash::of(&name), Grant::company(company.clone()), Millis(0));
    store.create_company(&company, &token).await.expect("write");
    let secrets = Secrets::new(SigningSecret::from_random([1; 32]));
    for number in [3, 1, 5, 2, 4] {
        store.create_webhook(&sample_webhook(&name, number), &secrets).await.expect("write");
    }
    let id = |number| WebhookId::from_bytes([number; 12]);
    let page = async |before: Option<u8>, limit| {
        let found = store.page_webhooks(&company, before.map(id), limit).await.expect("read");
        found.iter().filter_map(|one| one.id.as_bytes().first().copied()).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 100).await, [5, 4, 3, 2, 1]);
    assert_eq!(page(None, 2).await, [5, 4]);
    assert_eq!(page(Some(4), 2).await, [3, 2]);
    assert_eq!(page(Some(2), 2).await, [1]);
    assert_eq!(page(Some(1), 2).await, [] as [u8; 0]);
    // Webhooks created in the meantime do not move the ones behind the cursor.
    store.create_webhook(&sample_webhook(&name, 9), &secrets).await.expect("write");
    assert_eq!(page(Some(4), 2).await, [3, 2]);
    let stranger = CompanyId::parse(&format!("{prefix}-stranger")).expect("a company id");
    assert_eq!(store.page_webhooks(&stranger, None, 10).await.expect("read"), []);
}

async fn rows(store: &(impl LogStore + ListStore), prefix: &str) {
    let company = CompanyId::parse(&format!("{prefix}-pages")).expect("a company id");
    let key = WebhookKey { company, webhook: WebhookId::from_bytes([1; 12]) };
    let numbers = [(1, 1), (1, 2), (2, 1), (10, 1), (10, 2)];
    for (sequence, attempt) in numbers {
        store.put_row(&row(&key, sequence, attempt, "a")).await.expect("write");
    }
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let scanned = store.scan_rows(&key, before, 2).await.expect("read");
        assert!(scanned.rows.len() <= 3, "one more at most, which a cursor would have taken");
        before = scanned.rows.last().map(|row| row.attempt.number).or(before);
        found.extend(scanned.rows);
        if scanned.is_end {
            break;
        }
    }
    let bare = |(sequence, attempt)| LogRow { body: None, ..row(&key, sequence, attempt, "a") };
    assert_eq!(found, numbers.into_iter().rev().map(bare).collect::<Vec<_>>());
    let older = AttemptNumber { sequence: 1, attempt: 1 };
    let none = store.scan_rows(&key, Some(older), 2).await.expect("read");
    assert!(none.rows.is_empty() && none.is_end);
}

/// Checks that test sends are listed by themselves, apart from the queue and its log.
async fn tests(store: &(impl LogStore + ListStore), prefix: &str) {
    let company = CompanyId::parse(&format!("{prefix}-pages")).expect("a company id");
    let key = WebhookKey { company, webhook: WebhookId::from_bytes([2; 12]) };
    let test = |at, chance| TestRow {
        place: TestPosition { at: Millis(at), chance },
        delivery: DeliveryId::from_bytes([3; 12]),
        outcome: answer(500),
        duration_ms: 5,
        url: "https://receiver.example/".to_owned(),
        body: Body::new("{ }").expect("small"),
    };
    let rows = [test(1, 9), test(20, 1), test(20, 2), test(100, 0)];
    for row in &rows {
        store.put_test(&key, row).await.expect("write");
    }
    let list = async |before, limit| store.list_tests(&key, before, limit).await.expect("read");
    let [first, second, third, fourth] = rows;
    assert_eq!(list(None, 10).await, [fourth.clone(), third.clone(), second.clone(), first.clone()]);
    assert_eq!(list(None, 1).await.first(), Some(&fourth));
    assert_eq!(list(Some(third.place), 1).await, [second]);
    assert_eq!(list(Some(first.place), 1).await, []);
    assert_eq!(store.last_row(&key).await.expect("read"), None);
    assert_eq!(store.list_rows(&key, None, 10).await.expect("read"), []);
    assert!(store.scan_rows(&key, None, 10).await.expect("read").rows.is_empty());
    assert!(store.rows_from(&key, 0, 10).await.expect("read").is_empty());
    let other = WebhookKey { webhook: WebhookId::from_bytes([1; 12]), ..key };
    assert_eq!(store.list_tests(&other, None, 10).await.expect("read"), []);
}

/// Checks that an event is found in the logs of its own company's webhooks, for any number of attempts.
async fn places(store: &(impl LogStore + ListStore), prefix: &str) {
    let company = |name: &str| CompanyId::parse(&format!("{prefix}-{name}")).expect("a company id");
    let id = |number| WebhookId::from_bytes([number; 12]);
    let state = |name: &str, number| WebhookKey { company: company(name), webhook: id(number) };
    for number in [30, 10, 20] {
        let state = state("places", number);
        for attempt in [1, 2] {
            store.put_row(&row(&state, u64::from(number), attempt, "a")).await.expect("write");
        }
        // The contract's rows have an event for each sequence; this one is in every log.
        let shared = LogRow { event: EventId::of_message("shared"), ..row(&state, 40, 1, "a") };
        store.put_row(&shared).await.expect("write");
    }
    let stranger =
        LogRow { event: EventId::of_message("shared"), ..row(&state("strangers", 10), 40, 1, "a") };
    store.put_row(&stranger).await.expect("write");
    let found = async |name: &str, event: &str, after: Option<u8>, limit| {
        let event = EventId::of_message(event);
        let places = store.places_of(&company(name), event, after.map(id), limit).await.expect("read");
        places.into_iter().map(|EventPosition { webhook, sequence }| (webhook, sequence)).collect::<Vec<_>>()
    };
    assert_eq!(found("places", "20", None, 10).await, [(id(20), 20)]);
    let all = [(id(10), 40), (id(20), 40), (id(30), 40)];
    assert_eq!(found("places", "shared", None, 10).await, all);
    assert_eq!(found("places", "shared", None, 2).await, all[..2]);
    assert_eq!(found("places", "shared", Some(20), 2).await, all[2..]);
    assert_eq!(found("strangers", "shared", None, 10).await, all[..1]);
    assert_eq!(found("places", "nowhere", None, 10).await, []);
}
