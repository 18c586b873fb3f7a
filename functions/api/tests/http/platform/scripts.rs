//! Checks of a filter and a URL at save.

use hookrail_adapters::config::ApiConfig;
use hookrail_api::NAMED_PATH;
use hookrail_domain::target::{InvalidTarget, TargetUrl};
use hookrail_pipeline::sender::Vetted;
use hookrail_script::workflow::WorkflowBase;
use serde_json::json;

use super::{names, put, webhook_of};
use crate::world::{Answer, Call, World, config};

/// The answer to a new webhook of this filter and URL.
async fn saved(world: &World, filter: &str, url: &str) -> Answer {
    let body = json!({"name": "n", "type": "Form", "event": "Created", "filter": filter, "url": url});
    world.send(Call::post(NAMED_PATH, body.to_string())).await
}

#[tokio::test]
async fn rejects_an_unparsable_filter_or_url_with_line_and_column() {
    let world = World::new().await;
    let url = "https://a.io/";
    saved(&world, "form('slug') ===\n  )", url).await.errs(400, "filter line 2, column 3");
    saved(&world, "const x = 1", url).await.errs(400, "filter line 1, column 1");
    saved(&world, &"x".repeat(2_001), url).await.errs(400, "filter line 1, column ");
    saved(&world, "", "https://a.io/${form('slug'}").await.errs(400, "url line 1, column ");
    saved(&world, "(", "https://${form('slug')}.io/")
        .await
        .errs(400, "values may stand in path and query only");
    assert!(names(&world, NAMED_PATH).await.is_empty());
    // Its result for an event does not refuse it.
    assert_eq!(saved(&world, "(() => { throw 1 })()", url).await.status, 200);
    put(&world, "n", json!({"filter": "("})).await.errs(400, "filter line 1");
    // For clients that show it next to the field.
    let errors = put(&world, "n", json!({"filter": "(", "url": "x"})).await.json()["errors"].clone();
    assert_eq!((&errors[0]["field"], &errors[1]["field"]), (&json!("filter"), &json!("url")));
    assert!(errors[0]["reason"].as_str().unwrap().starts_with("line 1, column "), "{errors}");
    put(&world, "n", json!({"url": "https://a.io/${"})).await.errs(400, "url line 1");
}

#[tokio::test]
async fn a_script_that_uses_a_name_that_does_not_exist_is_refused_with_the_name() {
    let world = World::new().await;
    let url = "https://a.io/";
    for (filter, text) in [
        ("new Date() > 1", "filter uses Date, which does not exist"),
        ("form('slug') === 'x' && Date.now() > 1", "filter uses Date, which does not exist"),
        (
            "form('slug') === null || submission('id')",
            "filter uses a name that does not exist: submission is not",
        ),
        ("formm('slug')", "filter uses a name that does not exist: formm is not defined at line 1, column 1"),
        ("new.target", "must not use `new.target`"),
        ("false && arguments", "must not use `arguments`"),
    ] {
        saved(&world, filter, url).await.errs(400, text);
    }
    saved(&world, "", "https://a.io/${Date.now()}").await.errs(400, "url uses Date");
    saved(&world, "", "https://a.io/${slug}")
        .await
        .errs(400, "url uses a name that does not exist: slug is not");
    assert!(names(&world, NAMED_PATH).await.is_empty());
    let encoded = "https://a.io/?q=${encodeURIComponent(form('slug'))}";
    assert_eq!(saved(&world, "form('Date') !== 'new Date()'", encoded).await.status, 200);
    // One that was saved before such names were refused can still be changed otherwise.
    put(&world, "n", json!({"filter": "Date.now()"})).await.errs(400, "filter uses Date");
    assert_eq!(put(&world, "n", json!({"event": "Updated"})).await.status, 200);
}

#[tokio::test]
async fn rejects_a_template_whose_host_is_not_an_allowed_target() {
    let world = World::new().await;
    for (url, text) in [
        ("http://a.io/", "url must begin with https://"),
        ("https://127.0.0.1/${form('slug')}", "url points to an address"),
        ("https://a.io:22/", "url uses a port"),
        ("https://u:p@a.io/", "url must not hold a user name"),
        ("ftp://a.io/", "url line 1"),
    ] {
        saved(&world, "", url).await.errs(400, text);
    }
    let inside = TargetUrl::parse("https://inside.example/x", &config(&[]).targets).unwrap();
    world.sender.judge(&inside, Vetted::Forbidden(InvalidTarget::ForbiddenAddress));
    let answer = saved(&world, "", "https://inside.example/${form('slug')}").await;
    answer.errs(400, "url points to an address");
    assert!(names(&world, NAMED_PATH).await.is_empty());
}

#[tokio::test]
async fn a_relative_url_needs_a_configured_workflow_engine() {
    let relative = "/app/api/v1/run-tree/${form('slug')}/Created";
    saved(&World::new().await, "", relative)
        .await
        .errs(400, "the operator has not configured a workflow engine");
    let workflow = Some(WorkflowBase::parse("https://engine.internal/kinetic-task").unwrap());
    let world = World::with(ApiConfig { workflow, ..config(&[]) }).await;
    assert_eq!(webhook_of(&saved(&world, "", relative).await)["url"], relative);
    saved(&world, "", "//evil.example/").await.errs(400, "url line 1");
    saved(&world, "", "/a/../../b").await.errs(400, "url line 1");
}
