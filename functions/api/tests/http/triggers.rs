//! The catalogue of triggers.

use hookrail_api::{TRIGGERS_PATH, WEBHOOKS_PATH};

use crate::world::{Call, World};

#[tokio::test]
async fn every_trigger_of_the_catalogue_accepts_all_of_its_slots() {
    let world = World::new().await;
    let catalogue = world.send(Call::get(TRIGGERS_PATH)).await;
    assert_eq!(catalogue.status, 200);
    for (number, trigger) in catalogue.json().as_array().unwrap().iter().enumerate() {
        let slots = trigger["context"].as_array().unwrap().iter();
        let context: serde_json::Map<_, _> =
            slots.map(|slot| (slot["slot"].as_str().unwrap().to_owned(), "x1".into())).collect();
        let body = serde_json::json!({
            "name": trigger["label"], "code": format!("w{number}"), "url": "https://www.server.com",
            "trigger": trigger["name"], "context": context,
        });
        let made = world.send(Call::post(WEBHOOKS_PATH, body.to_string())).await;
        assert_eq!(made.status, 201, "{trigger}: {made:?}");
        assert!(trigger["example"]["createdAt"].is_string(), "{trigger}");
    }
}
