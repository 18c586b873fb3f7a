//! Tests of the commands on a queue: retry, redeliver, replay.

use reqwest::Method;
use serde_json::{Value, json};

use crate::company::{Company, LOGS, WEBHOOKS, brief};
use crate::receiver::{Act, Hit, Receiver};
use crate::stack::{COMMON, Stack};
use crate::wait::{PATIENCE, eventually};

/// Waits for the end of the webhook's replay, and returns its document.
async fn replayed(company: &Company<'_>, webhook: &str) -> Value {
    let path = format!("{WEBHOOKS}/{webhook}/replay");
    eventually("the replay has ended", PATIENCE, async || {
        let (_, replay) = company.ask(Method::GET, &path, Value::Null).await;
        let state = replay.get("state").and_then(Value::as_str);
        if state == Some("running") { Err(replay.to_string()) } else { Ok(replay) }
    })
    .await
}

#[tokio::test]
async fn retry_sends_a_waiting_event_at_once() {
    let stack = Stack::start("--retry-delay 600").await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| Act::Answer(if hit.attempt() == 1 { 500 } else { 200 })).await;
    let webhook = company.webhook(&receiver.url("/")).await;
    let queue = format!("{WEBHOOKS}/{webhook}/queue");
    let (nothing, _) = company.ask(Method::POST, &format!("{queue}/retry"), json!({})).await;
    assert_eq!(nothing, 409);
    company.push_tasks([0]).await;
    receiver.wait_for("/", 1, PATIENCE).await;
    eventually("the event waits", PATIENCE, async || {
        let (_, view) = company.ask(Method::GET, &queue, Value::Null).await;
        if view["head"]["attempts"] == 1 { Ok(()) } else { Err(view.to_string()) }
    })
    .await;
    let (asked, view) = company.ask(Method::POST, &format!("{queue}/retry"), json!({})).await;
    assert_eq!(asked, 202, "{view}");
    let rows = company.rows_to(&webhook, 1, PATIENCE).await;
    assert_eq!(brief(&rows), [(1, 1, 500), (1, 2, 200)], "ten minutes early");
}

#[tokio::test]
async fn a_replay_sends_failed_events_in_order_with_their_ids_first() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let door = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let receiver = {
        let door = std::sync::Arc::clone(&door);
        Receiver::start(move |hit| {
            let is_open = door.load(std::sync::atomic::Ordering::Relaxed);
            Act::Answer(if is_open || hit.number().is_multiple_of(2) { 200 } else { 500 })
        })
        .await
    };
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks(0..6).await;
    let rows = company.rows_to(&webhook, 6, PATIENCE).await;
    let before = receiver.hits_at("/");

    door.store(true, std::sync::atomic::Ordering::Relaxed);
    let path = format!("{WEBHOOKS}/{webhook}/replay");
    let (status, replay) = company.ask(Method::POST, &path, json!({"since": rows[0].created_at})).await;
    assert_eq!((status, &replay["of"]), (202, &json!(6)), "{replay}");
    company.push_tasks(6..10).await;
    let ended = replayed(&company, &webhook).await;
    assert_eq!(
        (&ended["state"], &ended["accepted"], &ended["failed"]),
        (&json!("done"), &json!(3), &json!(0))
    );
    company.rows_to(&webhook, 10, PATIENCE).await;
    let hits = receiver.hits_at("/");
    let numbers: Vec<_> = hits[before.len()..].iter().map(Hit::number).collect();
    let again: Vec<_> = numbers.iter().copied().filter(|number| *number < 6).collect();
    let live: Vec<_> = numbers.iter().copied().filter(|number| 6 <= *number).collect();
    assert_eq!((again, live), (vec![1, 3, 5], (6..10).collect()));
    for hit in &hits[before.len()..] {
        if let Some(first) = before.iter().find(|first| first.number() == hit.number()) {
            assert_eq!(hit.webhook_id(), first.webhook_id());
        }
    }

    let row = rows.first().unwrap();
    let (status, _) =
        company.ask(Method::POST, &format!("{LOGS}/{webhook}/{}/redeliver", row.id), json!({})).await;
    assert_eq!(status, 202);
    assert_eq!(replayed(&company, &webhook).await["accepted"], 1, "accepted before, and asked for");
    assert_eq!(receiver.hits_at("/").last().map(Hit::number), Some(0));
}
