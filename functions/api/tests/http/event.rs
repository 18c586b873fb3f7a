//! One event: where it stands with each webhook that it went to.

use hookrail_domain::id::{EventId, WebhookId};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::progress::Progress;
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::{LogStore, WebhookKey};
use serde_json::{Value, json};

use crate::queue::row;
use crate::world::{Call, NOW, OTHER, World, company};

fn key(id: &str) -> WebhookKey {
    WebhookKey { company: company("acme"), webhook: WebhookId::parse(id).unwrap() }
}

/// A webhook with this event in its log, once for each of these states of an attempt.
async fn sent(world: &World, code: &str, sequence: u64, attempts: &[Progress]) -> String {
    let id = world.make_webhook(code).await;
    for (attempt, progress) in (1..).zip(attempts) {
        let row = row(&key(&id), (sequence, attempt), *progress, 0);
        let row = LogRow { event: EventId::of_message("shared"), ..row };
        world.tables.put_row(&row).await.unwrap();
    }
    id
}

fn path() -> String {
    format!("/api/v3/event/{}", EventId::of_message("shared"))
}

#[tokio::test]
async fn an_event_shows_its_state_for_each_webhook() {
    let world = World::new().await;
    let until = NOW.plus_seconds(30);
    let waiting = [Progress::Waiting { until: Millis(0) }, Progress::Waiting { until }];
    let one = sent(&world, "one", 7, &waiting).await;
    let two = sent(&world, "two", 1, &[Progress::Parked]).await;
    world.make_webhook("none").await;
    let answer = world.send(Call::get(&path())).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let shown = answer.json();
    assert_eq!((&shown["company"], &shown["event"]), (&json!("acme"), &json!({})));
    let of = |id: &str| {
        let all = shown["deliveries"].as_array().unwrap();
        all.iter().find(|one| one["subscription"] == id).cloned().unwrap_or_default()
    };
    assert_eq!(shown["deliveries"].as_array().unwrap().len(), 2);
    let (one, two) = (of(&one), of(&two));
    assert_eq!(
        (&one["result"], &one["status"], &one["attempts"]),
        (&json!("WAITING"), &json!(500), &json!(2))
    );
    assert_eq!((&one["sequence"], &one["error"]), (&json!(7), &json!("http_status")));
    assert!(one["nextAttemptAt"].as_str().is_some());
    assert_eq!(
        (&two["result"], &two["error"], &two["nextAttemptAt"]),
        (&json!("PARKED"), &json!("parked"), &Value::Null)
    );
    // The row that it names is in the webhook's log.
    let log = format!(
        "/api/v3/webhook/subscription/logs/{}/{}",
        one["subscription"].as_str().unwrap(),
        one["row"].as_str().unwrap()
    );
    assert_eq!(world.send(Call::get(&log)).await.json()["retry"], 2);
}

#[tokio::test]
async fn the_deliveries_of_an_event_are_paged_and_shown_once() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for number in 0..5 {
        expected.push(sent(&world, &format!("hook_{number}"), 1, &[Progress::Ended]).await);
    }
    expected.sort();
    let (mut next, mut found) = (format!("{}?limit=2", path()), Vec::new());
    loop {
        let answer = world.send(Call::get(&next)).await;
        for one in answer.json()["deliveries"].as_array().unwrap() {
            found.push(one["subscription"].as_str().unwrap().to_owned());
        }
        assert_eq!(answer.json()["event"], json!({}));
        let Some(link) = answer.header("link") else { break };
        next = link.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert_eq!(found, expected);
    assert_eq!(world.send(Call::get("/api/v3/event/7")).await.status, 404, "an invalid id returns 404");
    let cursor = next.split("cursor=").nth(1).unwrap();
    let other = format!("/api/v3/event/{}?cursor={cursor}", EventId::of_message("another"));
    assert_eq!(world.send(Call::get(&other)).await.status, 400, "a cursor is good for one event");
}

#[tokio::test]
async fn an_event_of_another_company_is_not_found() {
    let world = World::new().await;
    sent(&world, "one", 1, &[Progress::Ended]).await;
    assert_eq!(world.send(Call::get(&path()).by(OTHER)).await.status, 404);
    let unknown = format!("/api/v3/event/{}", EventId::of_message("unknown"));
    assert_eq!(world.send(Call::get(&unknown)).await.status, 404);
}
