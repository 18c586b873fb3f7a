//! Webhooks deleted by their id.

use hookrail_api::{LOGS_PATH, WEBHOOKS_PATH};
use hookrail_domain::id::WebhookId;
use hookrail_domain::progress::Progress;
use hookrail_pipeline::store::{LogStore, WebhookKey};
use serde_json::json;

use crate::queue::row;
use crate::world::{Call, OTHER, World, company};

fn path(id: &str) -> String {
    format!("{WEBHOOKS_PATH}/{id}")
}

#[tokio::test]
async fn an_inactive_webhook_is_deleted_and_its_log_stays() {
    let world = World::new().await;
    let id = world.make_webhook("orders").await;
    let key = WebhookKey { company: company("acme"), webhook: WebhookId::parse(&id).unwrap() };
    world.tables.put_row(&row(&key, (1, 1), Progress::Ended, 0)).await.unwrap();
    world.send(Call::delete(&path(&id))).await.refuses(409, &[]);
    assert_eq!(world.send(Call::get(&path(&id))).await.status, 200);
    assert_eq!(world.send(Call::patch(&path(&id), r#"{"isActive":false}"#)).await.status, 200);
    world.send(Call::delete(&path(&id)).by(OTHER)).await.refuses(404, &[]);
    assert_eq!(world.send(Call::delete(&path(&id))).await.status, 204);
    world.send(Call::get(&path(&id))).await.refuses(404, &[]);
    world.send(Call::delete(&path(&id))).await.refuses(404, &[]);
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.json(), json!([]));
    let log = format!("{LOGS_PATH}/{id}");
    let rows = world.send(Call::get(&log)).await.json();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    let one = format!("{log}/{}", rows[0]["_id"].as_str().unwrap());
    assert_eq!(world.send(Call::get(&one)).await.json(), rows[0]);
    world.send(Call::get(&log).by(OTHER)).await.refuses(404, &[]);
    let entries = world.send(Call::get("/api/v3/audit")).await.json();
    let deleted = entries.as_array().unwrap().iter().find(|entry| entry["status"] == 204).unwrap();
    assert_eq!((&deleted["action"], &deleted["subject"]), (&json!("webhook.delete"), &json!(id)));
    world.make_webhook("orders").await;
}
