//! A webhook's log.

use hookrail_adapters::store::LogStore;
use hookrail_api::LOGS_PATH;
use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome, ResponseText};
use hookrail_domain::delivery::{QueueName, QueuePosition};
use hookrail_domain::event::Body;
use hookrail_domain::id::{DeliveryId, EventId, SubscriptionId};
use hookrail_domain::limits::EVENT_BYTES_MAX;
use hookrail_domain::line::Progress;
use hookrail_domain::log_row::{LogRow, RunId};
use serde_json::{Value, json};

use crate::world::{Call, NOW, World, company, event};

fn row(webhook: &str, (sequence, attempt): (u64, u32), body: &str) -> LogRow {
    let (subscription, event) = (SubscriptionId::parse(webhook).unwrap(), EventId::of_message("m"));
    let position = QueuePosition { queue: QueueName::new("q"), number: u128::from(sequence) };
    LogRow {
        company: company("acme"),
        subscription,
        delivery: DeliveryId::of(event, subscription),
        event,
        accepted: position.clone(),
        queued: position,
        attempt: Attempt {
            number: AttemptNumber { sequence, attempt },
            started_at: NOW,
            duration_ms: 12,
            outcome: if attempt == 1 {
                Outcome::NoAnswer { error: ErrorClass::Timeout, reason: "no answer within 10 s".into() }
            } else {
                Outcome::Answered {
                    status: 200,
                    response: ResponseText::keep(b"ok"),
                    retry_after_seconds: None,
                }
            },
        },
        progress: Progress::Ended,
        given_up: 0,
        url: "https://www.server.com".into(),
        version: 0,
        run: RunId("r".into()),
        is_replay: false,
        body: (attempt == 1).then(|| Body::new(body).unwrap()),
        expires_at: None,
    }
}

/// Acme's webhook with these rows.
async fn with_rows(numbers: &[(u64, u32)], body: &str) -> (World, String) {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    for number in numbers {
        world.tables.put_row(&row(&id, *number, body)).await.unwrap();
    }
    (world, format!("{LOGS_PATH}/{id}"))
}

fn numbers(page: &Value) -> Vec<(u64, u64)> {
    let rows = page.as_array().unwrap().iter();
    rows.map(|row| (row["sequence"].as_u64().unwrap(), row["retry"].as_u64().unwrap())).collect()
}

/// Every page from `path` on.
async fn pages(world: &World, path: String) -> Vec<Vec<(u64, u64)>> {
    let (mut path, mut pages) = (path, Vec::new());
    loop {
        let answer = world.send(Call::get(&path)).await;
        pages.push(numbers(&answer.json()));
        let Some(next) = answer.next() else { return pages };
        path = next;
    }
}

#[tokio::test]
async fn a_new_webhooks_log_is_empty() {
    let (world, path) = with_rows(&[], "{}").await;
    assert_eq!(world.send(Call::get(&path)).await.json(), json!([]));
}

#[tokio::test]
async fn attempts_are_listed_newest_first_each_with_the_event_that_was_sent() {
    let body = event("acme");
    let (world, path) = with_rows(&[(1, 1), (1, 2), (2, 1)], &body).await;
    let answer = world.send(Call::get(&path)).await;
    let page = answer.json();
    assert_eq!((answer.status, numbers(&page)), (200, vec![(2, 1), (1, 2), (1, 1)]));
    let event: Value = serde_json::from_str(&body).unwrap();
    assert!(page.as_array().unwrap().iter().all(|row| row["event"] == event));
    assert_eq!((&page[0]["status"], &page[0]["response"]), (&json!(409), &json!("no answer within 10 s")));
    assert_eq!((&page[1]["status"], &page[1]["response"]), (&json!(200), &json!("ok")));
}

#[tokio::test]
async fn pages_of_the_log_hold_every_attempt_once() {
    let (world, path) = with_rows(&[(1, 1), (1, 2), (1, 3), (2, 1), (3, 1)], "{}").await;
    let expected = [vec![(3, 1), (2, 1)], vec![(1, 3), (1, 2)], vec![(1, 1)]];
    assert_eq!(pages(&world, format!("{path}?limit=2")).await, expected);
}

#[tokio::test]
async fn a_page_holds_fifty_attempts_unless_told_otherwise() {
    let all: Vec<_> = (1..=51).map(|sequence| (sequence, 1)).collect();
    let (world, path) = with_rows(&all, "{}").await;
    let sizes: Vec<_> = pages(&world, path).await.iter().map(Vec::len).collect();
    assert_eq!(sizes, [50, 1]);
}

#[tokio::test]
async fn a_page_of_large_events_ends_before_lambda_would_refuse_it() {
    let body = format!("\"{}\"", "x".repeat(EVENT_BYTES_MAX - 2));
    let all: Vec<_> = (1..=20).map(|sequence| (sequence, 1)).collect();
    let (world, path) = with_rows(&all, &body).await;
    let answer = world.send(Call::get(&format!("{path}?limit=100"))).await;
    assert!(answer.body.len() <= 3_000_000, "{} bytes", answer.body.len());
    let pages = pages(&world, format!("{path}?limit=100")).await;
    let listed: Vec<_> = pages.into_iter().flatten().map(|(sequence, _)| sequence).collect();
    assert_eq!(listed, (1..=20).rev().collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_log_query_that_makes_no_sense_names_its_parameter() {
    let (world, path) = with_rows(&[(1, 1), (2, 1)], "{}").await;
    for limit in ["0", "101", "x"] {
        world.send(Call::get(&format!("{path}?limit={limit}"))).await.refuses(400, &["limit"]);
    }
    let next = world.send(Call::get(&format!("{path}?limit=1"))).await.next().unwrap();
    let tampered = next.replace("cursor=AAAA", "cursor=BAAA");
    assert_ne!(tampered, next);
    world.send(Call::get(&tampered)).await.refuses(400, &["cursor"]);
    let other = world.make_webhook("b").await;
    let (_, query) = next.split_once('?').unwrap();
    world.send(Call::get(&format!("{LOGS_PATH}/{other}?{query}"))).await.refuses(400, &["cursor"]);
}

#[tokio::test]
async fn a_log_that_cannot_be_read_answers_503() {
    for broken in ["find_subscription", "list_rows"] {
        let (world, path) = with_rows(&[(1, 1)], "{}").await;
        world.tables.fail_at(broken);
        world.send(Call::get(&path)).await.refuses(503, &[]);
    }
}
