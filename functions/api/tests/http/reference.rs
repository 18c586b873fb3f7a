//! Behaviour that clients of the reference system rely on, as far as no other test covers it.

use hookrail_api::{LOGS_PATH, WEBHOOKS_PATH};
use hookrail_pipeline::store::LogStore;
use serde_json::{Value, json};

use crate::logs::row;
use crate::world::{Call, World, webhook};

const SURVEY: &str = r#"{"name":"n","code":"s","url":"https://a.io","trigger":"create-edit-delete-survey",
    "context":{"survey":"s1","group":"g1"}}"#;

#[tokio::test]
async fn a_webhook_needs_each_of_its_four_fields() {
    let world = World::new().await;
    for field in ["name", "code", "url", "trigger"] {
        let mut body: Value = serde_json::from_str(&webhook("a")).unwrap();
        body.as_object_mut().unwrap().remove(field).unwrap();
        world.send(Call::post(WEBHOOKS_PATH, body.to_string())).await.refuses(400, &[field]);
    }
    world.make_webhook("a").await;
}

#[tokio::test]
async fn a_context_is_kept_cleared_or_replaced_and_never_merged() {
    let world = World::new().await;
    let made = world.send(Call::post(WEBHOOKS_PATH, SURVEY)).await.json();
    let path = format!("{WEBHOOKS_PATH}/{}", made["_id"].as_str().unwrap());
    for (change, survey, group) in [
        (json!({"name": "m"}), "s1", "g1"),
        (json!({"context": {"survey": "s2"}}), "s2", ""),
        (json!({"context": {"group": "g2"}}), "", "g2"),
        (json!({"context": {}}), "", ""),
    ] {
        let changed = world.send(Call::patch(&path, change.to_string())).await;
        let expected = json!({"survey": survey, "group": group, "taskGroup": ""});
        assert_eq!((changed.status, &changed.json()["context"]), (200, &expected), "{change}");
        assert_eq!(world.send(Call::get(&path)).await.json()["context"], expected, "{change}");
    }
    world.send(Call::patch(&path, r#"{"context":null}"#)).await.refuses(400, &["context"]);
}

#[tokio::test]
async fn a_log_holds_the_attempts_of_its_own_webhook_only() {
    let world = World::new().await;
    let (one, two) = (world.make_webhook("a").await, world.make_webhook("b").await);
    for (id, numbers) in [(&one, vec![(1, 1)]), (&two, vec![(1, 1), (2, 1)])] {
        for number in numbers {
            world.tables.put_row(&row(id, number, "{}")).await.unwrap();
        }
    }
    for (id, count) in [(&one, 1), (&two, 2)] {
        let page = world.send(Call::get(&format!("{LOGS_PATH}/{id}"))).await.json();
        let webhooks: Vec<_> =
            page.as_array().unwrap().iter().map(|row| row["subscription"].as_str().unwrap()).collect();
        assert_eq!(webhooks, vec![id.as_str(); count]);
    }
}
