//! Filters and URLs tried before they are saved.

use hookrail_adapters::config::ApiConfig;
use hookrail_api::META_PATH;
use hookrail_script::workflow::WorkflowBase;
use serde_json::{Value, json};

use crate::world::{Answer, Call, World, company, config};

async fn send(world: &World, body: Value) -> Answer {
    world.send(Call::post(&format!("{META_PATH}/try"), body.to_string())).await
}

async fn tried(world: &World, filter: &str, url: &str) -> Value {
    let event = json!({"form": {"slug": "lap top"}, "kapp": {"slug": "services"}});
    let answer = send(world, json!({"type": "Form", "filter": filter, "url": url, "event": event})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn evaluates_filter_and_url_for_a_given_event() {
    let world = World::new().await;
    let before = world.tables.everything_of(&company("acme"));
    let url = "https://a.io/${kapp('slug')}/${form('slug')}";
    let resolved = "https://a.io/services/lap%20top";
    for (filter, expected) in
        [("", true), ("form('slug') === 'lap top'", true), ("kapp('slug') === 'x'", false)]
    {
        assert_eq!(
            tried(&world, filter, url).await,
            json!({"filter": expected, "url": resolved}),
            "{filter}"
        );
    }
    let bare = send(&world, json!({"type": "Space", "event": {}})).await;
    assert_eq!(bare.json(), json!({"filter": true}));
    assert_eq!(world.tables.everything_of(&company("acme")), before);
    assert!(world.sender.requests().is_empty() && world.queue.sent().is_empty());
}

#[tokio::test]
async fn a_failing_script_has_an_error_and_the_other_a_result() {
    let world = World::new().await;
    for (filter, code, text) in [
        ("user('username') === 'x'", "threw", "user is not defined at line 1, column 1"),
        ("form('slug') ===", "ends_early", "line 1"),
        ("(() => { for (;;) {} })()", "took_too_long", "did more"),
    ] {
        let answer = tried(&world, filter, "https://a.io/").await;
        assert_eq!(
            (&answer["filter"]["code"], &answer["url"]),
            (&json!(code), &json!("https://a.io/")),
            "{answer}"
        );
        assert!(answer["filter"]["error"].as_str().unwrap().contains(text), "{answer}");
    }
    for (url, code) in [
        ("https://a.io/${form('name')}", "missing"),
        ("https://a.io/${form(}", "ends_early"),
        ("https://127.0.0.1/", "no_target"),
        ("/run-tree/${form('slug')}", "no_workflow_engine"),
    ] {
        let answer = tried(&world, "true", url).await;
        assert_eq!((&answer["filter"], &answer["url"]["code"]), (&json!(true), &json!(code)), "{answer}");
    }
}

#[tokio::test]
async fn shows_a_relative_url_below_the_workflow_engine() {
    let workflow = Some(WorkflowBase::parse("https://engine.internal/kinetic-task").unwrap());
    let world = World::with(ApiConfig { workflow, ..config(&[]) }).await;
    let answer = tried(&world, "", "/run-tree/${form('slug')}").await;
    assert_eq!(answer["url"], "https://engine.internal/kinetic-task/run-tree/lap%20top");
}

#[tokio::test]
async fn a_trial_needs_a_type_and_an_event_object() {
    let world = World::new().await;
    for (body, text) in [
        (json!({"event": {}}), "type is missing"),
        (json!({"type": "Kapp", "event": {}}), "type must be one of"),
        (json!({"type": "Form"}), "event is missing"),
        (json!({"type": "Form", "event": "{}"}), "event must be an object"),
        (json!({"type": "Form", "event": {}, "filter": 1}), "filter must be a string"),
        (json!({"type": "Form", "event": {}, "url": " "}), "url must not be empty"),
    ] {
        send(&world, body).await.errs(400, text);
    }
    let large = json!({"type": "Form", "event": {"form": {"description": "x".repeat(257 * 1024)}}});
    assert_eq!(send(&world, large).await.json()["filter"]["code"], "unreadable_event");
    let larger = json!({"type": "Form", "event": {"form": {"description": "x".repeat(321 * 1024)}}});
    send(&world, larger).await.errs(413, "larger than");
}
