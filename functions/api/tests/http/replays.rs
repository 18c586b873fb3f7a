//! Sending ended events again.

use hookrail_api::{LOGS_PATH, WEBHOOKS_PATH};
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::id::WebhookId;
use hookrail_domain::progress::Progress;
use hookrail_domain::replay::ReplayRange;
use hookrail_pipeline::store::{Change, LogStore, WebhookKey};
use hookrail_wire::timestamp;
use hookrail_wire::wake_up::WakeUp;
use serde_json::json;

use crate::queue::row;
use crate::world::{Call, NOW, OTHER, RECOVERY, World, company};

/// Acme's webhook with events 3 to 9, a minute apart, the first two have expired; and its path.
async fn ended() -> (World, WebhookKey, String) {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let key = WebhookKey { company: company("acme"), webhook: WebhookId::parse(&id).unwrap() };
    for sequence in 3..=9 {
        let mut row = row(&key, (sequence, 1), Progress::Ended, 0);
        row.attempt.started_at = NOW.plus_seconds(60 * sequence);
        world.tables.put_row(&row).await.unwrap();
    }
    (world, key, format!("{WEBHOOKS_PATH}/{id}/replay"))
}

async fn range(world: &World, key: &WebhookKey) -> ReplayRange {
    let snapshot = world.tables.snapshots(std::slice::from_ref(key)).await.unwrap().remove(0);
    snapshot.state.replay.unwrap().range
}

fn minute(number: u64) -> String {
    timestamp::render(NOW.plus_seconds(60 * number))
}

#[tokio::test]
async fn a_replay_finds_its_range_by_time_and_calls_recover() {
    for (body, first, last) in [
        ("{}".to_owned(), 1, 9),
        (format!(r#"{{"since":"{}"}}"#, minute(5)), 5, 9),
        (format!(r#"{{"until":"{}"}}"#, minute(5)), 1, 4),
        (format!(r#"{{"since":"{}","until":"{}"}}"#, minute(4), minute(8)), 4, 7),
        (format!(r#"{{"since":"{}","until":"2100-01-01T00:00:00Z"}}"#, minute(9)), 9, 9),
    ] {
        let (world, key, path) = ended().await;
        let answer = world.send(Call::post(&path, body.clone())).await;
        assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("running")), "{body}");
        assert_eq!(range(&world, &key).await, ReplayRange { first, last, only_failed: true }, "{body}");
        let sent = world.queue.sent();
        assert_eq!((sent.len(), sent[0].0.as_str()), (1, RECOVERY));
        WakeUp::decode(&sent[0].1.body).unwrap();
    }
}

#[tokio::test]
async fn a_replay_can_be_watched_and_cancelled_and_runs_alone() {
    let (world, _, path) = ended().await;
    world.send(Call::get(&path)).await.refuses(404, &[]);
    world.send(Call::delete(&path)).await.refuses(409, &[]);
    let answer = world.send(Call::post(&path, r#"{"result":"ALL"}"#)).await.json();
    assert_eq!((&answer["result"], &answer["seen"], &answer["of"]), (&json!("ALL"), &json!(0), &json!(9)));
    let again = world.send(Call::post(&path, "{}")).await;
    again.refuses(409, &[]);
    assert!(again.json()["detail"].as_str().unwrap().contains("a replay is running"));
    let skip = path.replace("/replay", "/queue/skip");
    world.send(Call::post(&skip, "{}")).await.refuses(409, &[]);
    assert_eq!(world.send(Call::delete(&path)).await.json()["state"], "cancelled");
    assert_eq!(world.send(Call::get(&path)).await.json()["state"], "cancelled");
    assert_eq!(world.send(Call::post(&path, "{}")).await.status, 202, "another one may begin");
}

#[tokio::test]
async fn distinguishes_bad_ranges_empty_ranges_and_inactive_webhooks() {
    let (world, _, path) = ended().await;
    world
        .send(Call::post(&path, r#"{"since":"yesterday","result":"x"}"#))
        .await
        .refuses(400, &["since", "result"]);
    let before = format!(r#"{{"until":"{}"}}"#, minute(0));
    world.send(Call::post(&path, before)).await.refuses(404, &[]);
    let after = format!(r#"{{"since":"{}"}}"#, minute(10));
    world.send(Call::post(&path, after)).await.refuses(404, &[]);
    for call in [Call::post(&path, "{}"), Call::get(&path), Call::delete(&path)] {
        world.send(call.by(OTHER)).await.refuses(404, &[]);
    }
    let webhook = path.trim_end_matches("/replay").to_owned();
    assert_eq!(world.send(Call::patch(&webhook, r#"{"isActive":false}"#)).await.status, 200);
    world.send(Call::post(&path, "{}")).await.refuses(409, &[]);
    assert!(world.queue.sent().is_empty());
}

#[tokio::test]
async fn redelivers_one_row_by_its_id() {
    let (world, key, path) = ended().await;
    let id = |sequence| AttemptNumber { sequence, attempt: 1 }.row_id(key.webhook);
    let redeliver = |row: String| Call::post(&format!("{LOGS_PATH}/{}/{row}/redeliver", key.webhook), "{}");
    world.send(redeliver(id(2).to_string())).await.refuses(404, &[]);
    world.send(redeliver("x".to_owned())).await.refuses(404, &[]);
    world.send(redeliver(id(5).to_string()).by(OTHER)).await.refuses(404, &[]);
    let answer = world.send(redeliver(id(5).to_string())).await;
    assert_eq!((answer.status, &answer.json()["of"]), (202, &json!(1)));
    assert_eq!(range(&world, &key).await, ReplayRange { first: 5, last: 5, only_failed: false });
    world.send(redeliver(id(6).to_string())).await.refuses(409, &[]);
    assert_eq!(world.send(Call::delete(&path)).await.status, 200);
}

#[tokio::test]
async fn does_not_redeliver_an_event_that_has_not_ended() {
    let (world, key, _) = ended().await;
    let until = NOW.plus_seconds(30);
    let open = row(&key, (10, 1), Progress::Waiting { until }, 0);
    world.tables.put_row(&open).await.unwrap();
    let id = open.attempt.number.row_id(key.webhook);
    let answer = world.send(Call::post(&format!("{LOGS_PATH}/{}/{id}/redeliver", key.webhook), "{}")).await;
    answer.refuses(409, &[]);
    assert!(answer.json()["detail"].as_str().unwrap().contains("has not ended"));
    let state = world.tables.snapshots(std::slice::from_ref(&key)).await.unwrap().remove(0).state;
    assert_eq!(world.tables.change_state(&key, &state, &state).await.unwrap(), Change::Done, "as it was");
    assert!(state.backlog.is_none());
}
