//! A webhook's log.

use hookrail_api::LOGS_PATH;
use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome, ResponseText};
use hookrail_domain::delivery::{QueueName, QueuePosition};
use hookrail_domain::event::Body;
use hookrail_domain::id::{DeliveryId, EventId, WebhookId};
use hookrail_domain::limits::EVENT_BYTES_MAX;
use hookrail_domain::log_row::{LogRow, RunId};
use hookrail_domain::progress::Progress;
use hookrail_pipeline::store::LogStore;
use hookrail_wire::timestamp;
use serde_json::{Value, json};

use crate::world::{Call, NOW, OTHER, World, company, event};

pub(crate) fn row(webhook: &str, (sequence, attempt): (u64, u32), body: &str) -> LogRow {
    let (webhook, event) = (WebhookId::parse(webhook).unwrap(), EventId::of_message("m"));
    let position = QueuePosition { queue: QueueName::new("q"), number: u128::from(sequence) };
    LogRow {
        company: company("acme"),
        webhook,
        delivery: DeliveryId::of(event, webhook),
        event,
        accepted: position.clone(),
        queued: position,
        attempt: Attempt {
            number: AttemptNumber { sequence, attempt },
            started_at: NOW,
            duration_ms: 12,
            outcome: if attempt == 1 {
                Outcome::NoResponse { error: ErrorClass::Timeout, reason: "no answer within 10 s".into() }
            } else {
                Outcome::Responded {
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
async fn lists_attempts_newest_first_with_their_events() {
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
async fn log_pages_hold_every_attempt_once() {
    let (world, path) = with_rows(&[(1, 1), (1, 2), (1, 3), (2, 1), (3, 1)], "{}").await;
    let expected = [vec![(3, 1), (2, 1)], vec![(1, 3), (1, 2)], vec![(1, 1)]];
    assert_eq!(pages(&world, format!("{path}?limit=2")).await, expected);
}

#[tokio::test]
async fn a_log_page_has_50_attempts_by_default() {
    let all: Vec<_> = (1..=51).map(|sequence| (sequence, 1)).collect();
    let (world, path) = with_rows(&all, "{}").await;
    let sizes: Vec<_> = pages(&world, path).await.iter().map(Vec::len).collect();
    assert_eq!(sizes, [50, 1]);
}

#[tokio::test]
async fn a_page_of_large_events_stays_below_the_lambda_limit() {
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
async fn an_invalid_log_query_names_its_parameters() {
    let (world, path) = with_rows(&[(1, 1), (2, 1)], "{}").await;
    let bad = "result=OK&status=42&event=1&from=then&to=now&limit=0";
    let fields = ["limit", "result", "status", "event", "from", "to"];
    world.send(Call::get(&format!("{path}?{bad}"))).await.refuses(400, &fields);
    let backwards = "from=2022-01-02T00:00:00Z&to=2022-01-01T00:00:00Z";
    world.send(Call::get(&format!("{path}?{backwards}"))).await.refuses(400, &["to"]);
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

fn answered(status: u16) -> Outcome {
    Outcome::Responded { status, response: ResponseText::keep(b""), retry_after_seconds: None }
}

/// Events 1 to 5, one an hour from `NOW` on: accepted after a failure, given up, parked and then accepted, accepted,
/// between two attempts.
async fn told() -> (World, String) {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let (ended, waiting) = (Progress::Ended, Progress::Waiting { until: NOW });
    let parked = Outcome::Unsent { error: ErrorClass::Parked, reason: "aside".into() };
    for ((sequence, attempt), outcome, progress) in [
        ((1, 1), answered(500), waiting),
        ((1, 2), answered(200), ended),
        ((2, 1), answered(404), ended),
        ((3, 1), parked, Progress::Parked),
        ((3, 2), answered(201), ended),
        ((4, 1), answered(200), ended),
        ((5, 1), answered(503), waiting),
        ((5, 2), answered(503), waiting),
    ] {
        let mut row = row(&id, (sequence, attempt), &format!("{{\"n\":{sequence}}}"));
        row.event = EventId::from_bytes([sequence.try_into().unwrap(); 12]);
        row.attempt.outcome = outcome;
        row.attempt.started_at = NOW.plus_seconds(sequence * 3600 + u64::from(attempt) * 30);
        row.progress = progress;
        world.tables.put_row(&row).await.unwrap();
    }
    (world, format!("{LOGS_PATH}/{id}"))
}

#[tokio::test]
async fn filters_the_log_by_result_status_event_and_time() {
    let (world, path) = told().await;
    let hour = |hours: u64| timestamp::render(NOW.plus_seconds(hours * 3600));
    let (second, fourth) = (hour(2), hour(4));
    for (query, expected) in [
        ("result=SUCCESS".to_owned(), vec![(4, 1), (3, 2), (1, 2)]),
        ("result=FAILED".to_owned(), vec![(5, 2), (5, 1), (2, 1), (1, 1)]),
        ("result=PARKED".to_owned(), vec![(3, 1)]),
        ("result=WAITING".to_owned(), vec![(5, 2)]),
        ("status=200".to_owned(), vec![(4, 1), (1, 2)]),
        ("status=409".to_owned(), vec![(3, 1)]),
        ("event=030303030303030303030303".to_owned(), vec![(3, 2), (3, 1)]),
        (format!("from={fourth}"), vec![(5, 2), (5, 1), (4, 1)]),
        (format!("to={second}"), vec![(1, 2), (1, 1)]),
        (format!("from={second}&to={fourth}"), vec![(3, 2), (3, 1), (2, 1)]),
        (format!("result=FAILED&to={fourth}"), vec![(2, 1), (1, 1)]),
        (format!("to={}", hour(0)), vec![]),
        ("event=0303030303030303030303ff".to_owned(), vec![]),
    ] {
        for limit in ["", "&limit=1", "&limit=2"] {
            let found = pages(&world, format!("{path}?{query}{limit}")).await.concat();
            assert_eq!(found, expected, "{query}{limit}");
        }
    }
    let page = world.send(Call::get(&format!("{path}?event=030303030303030303030303"))).await.json();
    assert_eq!((&page[0]["event"], &page[1]["event"]), (&json!({"n": 3}), &json!({"n": 3})));
}

#[tokio::test]
async fn a_log_search_is_bounded_per_page_and_finds_every_row() {
    let all: Vec<_> =
        (1..=9_000).map(|sequence| (sequence, if sequence % 4_000 == 0 { 2 } else { 1 })).collect();
    let (world, path) = with_rows(&all, "{}").await;
    let pages = pages(&world, format!("{path}?result=SUCCESS")).await;
    // A page looks at 4,000 rows: the first and the last of these hold nothing that is not on another.
    assert_eq!(pages.len(), 3);
    assert_eq!(pages.concat(), [(8_000, 2), (4_000, 2)]);
}

#[tokio::test]
async fn paging_lists_each_row_once_while_rows_arrive() {
    let (world, path) = with_rows(&[(1, 1), (2, 1), (2, 2), (3, 1)], "{}").await;
    let id = path.rsplit('/').next().unwrap().to_owned();
    for filter in ["", "&from=2000-01-01T00:00:00Z"] {
        let (mut next, mut seen) = (Some(format!("{path}?limit=1{filter}")), Vec::new());
        for sequence in 4.. {
            let Some(page) = next else { break };
            let answer = world.send(Call::get(&page)).await;
            seen.extend(numbers(&answer.json()));
            next = answer.next();
            // A newer event, and a newer attempt of one that was listed already.
            world.tables.put_row(&row(&id, (sequence, 1), "{}")).await.unwrap();
            world.tables.put_row(&row(&id, (3, u32::try_from(sequence).unwrap()), "{}")).await.unwrap();
        }
        let old: Vec<_> = seen.iter().filter(|(sequence, _)| *sequence < 3).copied().collect();
        assert_eq!(old, [(2, 2), (2, 1), (1, 1)]);
        let mut once = seen.clone();
        once.dedup();
        assert_eq!(seen, once);
    }
}

#[tokio::test]
async fn finds_a_row_by_its_id() {
    let body = event("acme");
    let (world, path) = with_rows(&[(1, 1), (1, 2), (2, 1)], &body).await;
    let page = world.send(Call::get(&path)).await.json();
    for shown in page.as_array().unwrap() {
        let row = world.send(Call::get(&format!("{path}/{}", shown["_id"].as_str().unwrap()))).await;
        assert_eq!((row.status, &row.json()), (200, shown));
    }
    let other = world.make_webhook("b").await;
    let id = page[0]["_id"].as_str().unwrap();
    for missing in [
        format!("{LOGS_PATH}/{other}/{id}"),
        format!("{path}/{other}"),
        format!("{path}/x"),
        format!("{LOGS_PATH}/x/{id}"),
    ] {
        world.send(Call::get(&missing)).await.refuses(404, &[]);
    }
    world.send(Call::get(&format!("{path}/{id}")).by(OTHER)).await.refuses(404, &[]);
}

#[tokio::test]
async fn an_unreadable_log_returns_503() {
    for broken in ["find_subscription", "list_rows"] {
        let (world, path) = with_rows(&[(1, 1)], "{}").await;
        world.tables.fail_at(broken);
        world.send(Call::get(&path)).await.refuses(503, &[]);
    }
    for broken in ["scan_rows", "last_row", "rows_from"] {
        let (world, path) = with_rows(&[(1, 1)], "{}").await;
        world.tables.fail_at(broken);
        let narrowed = format!("{path}?to=2100-01-01T00:00:00Z");
        world.send(Call::get(&narrowed)).await.refuses(503, &[]);
    }
}
