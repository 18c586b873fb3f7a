//! The event types and scopes of platform webhooks.

use hookrail_adapters::config::ApiConfig;
use hookrail_api::{KAPPS_PATH, META_PATH, NAMED_PATH};
use hookrail_script::workflow::WorkflowBase;
use serde_json::{Value, json};

use super::webhook_of;
use crate::world::{Call, World, config};

async fn meta(world: &World, tail: &str) -> Value {
    let answer = world.send(Call::get(&format!("{META_PATH}/{tail}"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn types_and_events_depend_on_the_scope() {
    let world = World::new().await;
    let current = json!(["Space", "User", "Team", "Form", "Submission"]);
    let legacy = json!(["Datastore Form", "Datastore Submission", "Discussion"]);
    let all: Vec<_> = [&current, &legacy].iter().flat_map(|list| list.as_array().unwrap()).cloned().collect();
    assert_eq!(meta(&world, "types/space").await, json!(all));
    assert_eq!(meta(&world, "types/kapp").await, json!(["Form", "Submission"]));
    let form = json!(["Created", "Updated", "Deleted", "Restored"]);
    let submission = json!(["Created", "Saved", "Submitted", "Updated", "Closed", "Deleted"]);
    let space = meta(&world, "events/space").await;
    assert_eq!(space["Space"], json!(["Login Failure"]));
    assert_eq!(space["Team"], json!(["Created", "Updated", "Deleted", "Restored", "Membership Change"]));
    assert_eq!(meta(&world, "events/kapp").await, json!({"Form": form, "Submission": submission}));
    for (kind, events) in space.as_object().unwrap() {
        let tail = format!("events/space/{}", kind.replace(' ', "%20"));
        assert_eq!(meta(&world, &tail).await, *events, "{kind}");
    }
    assert_eq!(space.as_object().unwrap().len(), all.len());
    assert_eq!(meta(&world, "events/kapp/Form").await, form);
    for nothing in
        ["types/form", "events/other", "events/kapp/Team", "events/space/Kapp", "events/space/form"]
    {
        world.send(Call::get(&format!("{META_PATH}/{nothing}"))).await.errs(404, "");
    }
}

#[tokio::test]
async fn a_kapp_offers_and_accepts_forms_and_submissions_only() {
    let world = World::new().await;
    let path = format!("{KAPPS_PATH}/catalog/webhooks");
    let offered = meta(&world, "types/kapp").await;
    for kind in meta(&world, "types/space").await.as_array().unwrap() {
        let events = meta(&world, "events/space").await[kind.as_str().unwrap()].clone();
        for event in events.as_array().unwrap() {
            let name = format!("{} {}", kind.as_str().unwrap(), event.as_str().unwrap());
            let body =
                json!({"name": name, "type": kind, "event": event, "url": "https://a.io/"}).to_string();
            let expected = if offered.as_array().unwrap().contains(kind) { 200 } else { 400 };
            assert_eq!(world.send(Call::post(&path, body.clone())).await.status, expected, "{name}");
            // A space takes whatever it offers.
            assert_eq!(world.send(Call::post(NAMED_PATH, body)).await.status, 200, "{name}");
        }
    }
}

#[tokio::test]
async fn the_catalogue_marks_legacy_types_and_lists_filter_functions() {
    let world = World::new().await;
    let catalogue = meta(&world, "catalogue").await;
    let types = catalogue["types"].as_array().unwrap();
    let names = |legacy: bool| {
        let marked = types.iter().filter(|kind| kind["isLegacy"] == legacy);
        marked.map(|kind| kind["name"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names(false), ["Space", "User", "Team", "Form", "Submission"]);
    assert_eq!(names(true), ["Datastore Form", "Datastore Submission", "Discussion"]);
    let form = types.iter().find(|kind| kind["name"] == "Form").unwrap();
    assert_eq!(form["scopes"], json!(["space", "kapp"]));
    let bindings: Vec<_> =
        form["bindings"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(bindings, ["space", "kapp", "form"]);
    assert_eq!(form["bindings"][0]["keys"], json!(["name", "slug", "attribute:"]));
    let submission = types.iter().find(|kind| kind["name"] == "Submission").unwrap();
    let values =
        submission["bindings"].as_array().unwrap().iter().find(|one| one["name"] == "values").unwrap();
    assert_eq!(values["takesAnyKey"], true);
}

#[tokio::test]
async fn every_preset_creates_a_webhook_that_starts_its_tree() {
    let workflow = Some(WorkflowBase::parse("https://engine.internal/kinetic-task").unwrap());
    let world = World::with(ApiConfig { workflow, ..config(&[]) }).await;
    let catalogue = meta(&world, "catalogue").await;
    let attribute = catalogue["sourceAttribute"].as_str().unwrap();
    let event = json!({
        "space": {"attributesMap": {attribute: ["Kinetic Request CE"]}}, "kapp": {"slug": "services"},
        "form": {"slug": "laptop"},
    });
    let mut urls = Vec::new();
    for kind in catalogue["types"].as_array().unwrap() {
        for preset in kind["presets"].as_array().unwrap() {
            let name = format!("{} {}", kind["name"].as_str().unwrap(), preset["event"].as_str().unwrap());
            let new =
                json!({"name": name, "type": kind["name"], "event": preset["event"], "url": preset["url"]});
            webhook_of(&world.send(Call::post(NAMED_PATH, new.to_string())).await);
            let trial = json!({"type": kind["name"], "url": preset["url"], "event": event}).to_string();
            let tried = world.send(Call::post(&format!("{META_PATH}/try"), trial)).await.json();
            urls.push((name, tried["url"].as_str().unwrap().to_owned()));
        }
    }
    let base = "https://engine.internal/kinetic-task/app/api/v1/run-tree/Kinetic%20Request%20CE/";
    assert_eq!(urls.len(), 14);
    for (name, tail) in [
        ("User Created", "Users/Created"),
        ("Datastore Form Updated", "Datastore%20Forms%20%3E%20laptop/Updated"),
        ("Form Created", "services%20%3E%20laptop/Created"),
        ("Submission Submitted", "Submissions%20%3E%20services%20%3E%20laptop/Submitted"),
    ] {
        assert!(urls.contains(&(name.to_owned(), format!("{base}{tail}"))), "{name}: {urls:?}");
    }
}
