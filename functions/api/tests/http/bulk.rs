//! Several webhooks activated or deactivated in one call.

use hookrail_api::{AUDIT_PATH, WEBHOOKS_PATH};
use hookrail_domain::id::WebhookId;
use hookrail_domain::progress::Progress;
use hookrail_pipeline::store::{LogStore, WebhookKey};
use serde_json::{Value, json};

use crate::queue::row;
use crate::world::{Answer, Call, OTHER, World, company};

const UNKNOWN: &str = "62685990d918fb5557f9f992";

async fn bulk(world: &World, body: Value) -> Answer {
    world.send(Call::post(&format!("{WEBHOOKS_PATH}/bulk"), body.to_string())).await
}

async fn is_active(world: &World, id: &str) -> bool {
    world.send(Call::get(&format!("{WEBHOOKS_PATH}/{id}"))).await.json()["isActive"].as_bool().unwrap()
}

#[tokio::test]
async fn a_bulk_call_returns_one_result_per_webhook_in_order() {
    let world = World::new().await;
    let (one, two) = (world.make_webhook("a").await, world.make_webhook("b").await);
    let answer = bulk(&world, json!({"ids": [two, UNKNOWN, one], "isActive": false})).await;
    let missing = "the company has no such webhook";
    let expected = json!({"results": [
        {"id": two, "status": 200},
        {"id": UNKNOWN, "status": 404, "reason": missing},
        {"id": one, "status": 200},
    ]});
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert!(!is_active(&world, &one).await && !is_active(&world, &two).await);
    bulk(&world, json!({"ids": [one], "isActive": true})).await;
    assert!(is_active(&world, &one).await && !is_active(&world, &two).await);
}

#[tokio::test]
async fn each_change_of_a_bulk_call_has_its_own_audit_entry() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    bulk(&world, json!({"ids": [id, UNKNOWN], "isActive": false})).await;
    let entries = world.send(Call::get(AUDIT_PATH)).await.json();
    let mut found: Vec<_> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (entry["action"].as_str().unwrap(), entry["subject"].clone(), entry["status"].as_u64().unwrap())
        })
        .collect();
    found.sort_by_key(|(_, _, status)| *status);
    let expected = [
        ("webhook.deactivate", json!(id), 200),
        ("webhook.create", json!(id), 201),
        ("webhook.deactivate", json!(UNKNOWN), 404),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_unchanged_state_is_not_written_again() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    for is_active in [true, false, false] {
        assert_eq!(bulk(&world, json!({"ids": [id], "isActive": is_active})).await.status, 200);
    }
    let shown = world.send(Call::get(&format!("{WEBHOOKS_PATH}/{id}"))).await.json();
    assert_eq!(shown["__v"], 1);
}

#[tokio::test]
async fn a_bulk_deactivation_keeps_or_drops_the_queue() {
    let world = World::new().await;
    for (waiting, is_dropped) in [("keep", false), ("drop", true)] {
        let id = world.make_webhook(waiting).await;
        let key = WebhookKey { company: company("acme"), webhook: WebhookId::parse(&id).unwrap() };
        let waits = Progress::Waiting { until: crate::world::NOW };
        world.tables.put_row(&row(&key, (1, 1), waits, 0)).await.unwrap();
        bulk(&world, json!({"ids": [id], "isActive": false, "waiting": waiting})).await;
        let snapshot = world.tables.snapshots(&[key]).await.unwrap();
        let backlog = snapshot[0].state.backlog.as_ref();
        assert_eq!(backlog.is_some_and(|backlog| !backlog.is_dropped), !is_dropped, "{waiting}");
    }
}

#[tokio::test]
async fn an_invalid_bulk_call_changes_nothing_and_names_its_fields() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    bulk(&world, json!({})).await.refuses(400, &["ids", "isActive"]);
    bulk(&world, json!({"ids": [id, "x"], "isActive": false})).await.refuses(400, &["ids[1]"]);
    bulk(&world, json!({"ids": [id, id], "isActive": false})).await.refuses(400, &["ids[1]"]);
    bulk(&world, json!({"ids": [], "isActive": false})).await.refuses(400, &["ids"]);
    assert!(is_active(&world, &id).await);
}

#[tokio::test]
async fn a_bulk_call_cannot_change_webhooks_of_another_company() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let call =
        Call::post(&format!("{WEBHOOKS_PATH}/bulk"), json!({"ids": [id], "isActive": false}).to_string());
    assert_eq!(world.send(call.by(OTHER)).await.json()["results"][0]["status"], 404);
    assert!(is_active(&world, &id).await);
}

#[tokio::test]
async fn a_failing_webhook_of_a_bulk_call_does_not_stop_the_others() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    bulk(&world, json!({"ids": [id], "isActive": false})).await;
    for (broken, expected) in [("race", 409), ("begin_audit", 503), ("find_subscription", 503)] {
        world.tables.fail_at(broken);
        let results = bulk(&world, json!({"ids": [id], "isActive": true})).await.json();
        let result = &results["results"][0];
        assert_eq!((&result["status"], result["reason"].is_string()), (&json!(expected), true), "{broken}");
    }
    world.tables.fail_at("nothing");
    assert!(!is_active(&world, &id).await);
}
