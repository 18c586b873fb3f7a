//! Test sends, and URLs that are vetted where they are saved.

use hookrail_api::{LOGS_PATH, TEST_PATH, WEBHOOKS_PATH};
use hookrail_domain::id::WebhookId;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::target::{InvalidTarget, TargetUrl};
use hookrail_pipeline::sender::Vetted;
use hookrail_pipeline::store::{LogStore, WebhookKey};
use hookrail_testkit::script::{answer, timeout};
use serde_json::json;

use crate::world::{Call, NOW, OTHER, World, company, webhook};

fn url(text: &str) -> TargetUrl {
    TargetUrl::parse_unchecked(text).unwrap()
}

#[tokio::test]
async fn a_test_send_is_signed_and_shows_its_response_at_once() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let path = format!("{WEBHOOKS_PATH}/{id}/test");
    let shown = world.send(Call::post(&path, "")).await.json();
    assert_eq!(
        (&shown["result"], &shown["status"], &shown["response"]),
        (&json!("SUCCESS"), &json!(200), &json!("status 200"))
    );
    let [request] = world.sender.requests().try_into().unwrap();
    assert_eq!(request.url, url("https://www.server.com"));
    let header = |name| request.headers.iter().find(|(other, _)| other == name).unwrap().1.clone();
    assert_eq!(
        (header("webhook-id"), header("hookrail-test")),
        (shown["webhookId"].as_str().unwrap().to_owned(), "true".to_owned())
    );
    let body: serde_json::Value = serde_json::from_str(request.body.as_str()).unwrap();
    assert_eq!(
        (&body["type"], &body["event"], &body["company"]),
        (&json!("COTTask"), &json!("create"), &json!("acme"))
    );
    let key = WebhookKey { company: company("acme"), webhook: WebhookId::parse(&id).unwrap() };
    assert_eq!(world.tables.last_row(&key).await.unwrap(), None, "the line knows nothing of it");
}

#[tokio::test]
async fn a_test_send_can_use_its_own_event_byte_for_byte() {
    let world = World::new().await;
    let path = format!("{WEBHOOKS_PATH}/{}/test", world.make_webhook("a").await);
    world.sender.then(answer(500));
    let shown = world.send(Call::post(&path, r#"{"event": { "a" : 1.50 }}"#)).await.json();
    assert_eq!((&shown["result"], &shown["error"]), (&json!("FAILED"), &json!("http_status")));
    assert_eq!(world.sender.requests()[0].body.as_str(), r#"{ "a" : 1.50 }"#);
    world.sender.then(timeout());
    let shown = world.send(Call::post(&path, "{}")).await.json();
    assert_eq!((&shown["status"], &shown["error"]), (&json!(409), &json!("timeout")));
}

#[tokio::test]
async fn does_not_send_a_test_without_a_valid_event() {
    let world = World::new().await;
    let path = format!("{WEBHOOKS_PATH}/{}/test", world.make_webhook("a").await);
    let large = format!(r#"{{"event":{{"a":"{}"}}}}"#, "x".repeat(256 * 1024));
    for (body, field) in [
        ("{", ""),
        ("[]", ""),
        (r#"{"event":[]}"#, "event"),
        (r#"{"body":{}}"#, "body"),
        (large.as_str(), "event"),
    ] {
        world.send(Call::post(&path, body)).await.refuses(400, &[field]);
    }
    assert_eq!(world.sender.requests(), []);
}

#[tokio::test]
async fn test_sends_are_stored_outside_the_log_and_listed_newest_first() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let path = format!("{WEBHOOKS_PATH}/{id}/test");
    assert_eq!(world.send(Call::get(&path)).await.json(), json!([]));
    let mut shown = Vec::new();
    for (number, status) in [(1, 200), (2, 500), (3, 204)] {
        world.clock.set(NOW.plus_seconds(number));
        world.sender.then(answer(status));
        let event = format!(r#"{{"event":{{"n":{number}}}}}"#);
        shown.insert(0, world.send(Call::post(&path, event)).await.json());
    }
    assert_eq!(world.send(Call::get(&path)).await.json(), json!(shown));
    let (mut next, mut walked) = (Some(format!("{path}?limit=2")), Vec::new());
    while let Some(page) = next {
        let answer = world.send(Call::get(&page)).await;
        walked.push(answer.json().as_array().unwrap().len());
        next = answer.next();
    }
    assert_eq!(walked, [2, 1]);
    let key = WebhookKey { company: company("acme"), webhook: WebhookId::parse(&id).unwrap() };
    assert_eq!(world.tables.last_row(&key).await.unwrap(), None, "the line knows nothing of them");
    assert_eq!(world.send(Call::get(&format!("{LOGS_PATH}/{id}"))).await.json(), json!([]));
    world.send(Call::get(&path).by(OTHER)).await.refuses(404, &[]);
}

#[tokio::test]
async fn a_test_send_succeeds_even_if_it_cannot_be_stored() {
    let world = World::new().await;
    let path = format!("{WEBHOOKS_PATH}/{}/test", world.make_webhook("a").await);
    world.tables.fail_at("put_test");
    assert_eq!(world.send(Call::post(&path, "")).await.json()["result"], "SUCCESS");
    world.tables.fail_at("list_tests");
    world.send(Call::get(&path)).await.refuses(503, &[]);
}

#[tokio::test]
async fn tests_a_url_before_saving_with_a_secret_that_is_shown() {
    let world = World::new().await;
    let body = r#"{"url":"https://b.io/in","trigger":"logout-user","event":{ "a" : 1.50 }}"#;
    let shown = world.send(Call::post(TEST_PATH, body)).await.json();
    assert_eq!((&shown["result"], &shown["url"]), (&json!("SUCCESS"), &json!("https://b.io/in")));
    let [request] = world.sender.requests().try_into().unwrap();
    assert_eq!((request.url, request.body.as_str()), (url("https://b.io/in"), r#"{ "a" : 1.50 }"#));
    let header = |name| request.headers.iter().find(|(other, _)| other == name).unwrap().1.clone();
    let secrets = Secrets::new(SigningSecret::parse(shown["secret"].as_str().unwrap()).unwrap());
    let signature = secrets.sign(&header("webhook-id"), NOW, r#"{ "a" : 1.50 }"#).unwrap();
    assert_eq!(header("webhook-signature"), signature);
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.json(), json!([]), "nothing is made");
}

#[tokio::test]
async fn does_not_test_a_url_that_no_webhook_can_have() {
    let world = World::new().await;
    world.sender.judge(&url("https://b.io/"), Vetted::Forbidden(InvalidTarget::ForbiddenAddress));
    for (body, fields) in [
        (r#"{"url":"https://b.io/","trigger":"logout-user"}"#, vec!["url"]),
        (r#"{"url":"https://127.0.0.1/","trigger":"logout-user"}"#, vec!["url"]),
        (r#"{"url":"https://a.io/","trigger":"x","event":7}"#, vec!["trigger", "event"]),
        ("{}", vec!["url", "trigger"]),
    ] {
        world.send(Call::post(TEST_PATH, body)).await.refuses(400, &fields);
    }
    assert_eq!(world.sender.requests(), []);
}

#[tokio::test]
async fn does_not_save_a_host_name_with_a_forbidden_address() {
    let world = World::new().await;
    world.sender.judge(&url("https://www.server.com"), Vetted::Forbidden(InvalidTarget::ForbiddenAddress));
    world.send(Call::post(WEBHOOKS_PATH, webhook("a"))).await.refuses(400, &["url"]);
    world.sender.judge(&url("https://www.server.com"), Vetted::Unresolved);
    let id = world.make_webhook("a").await;
    world.sender.judge(&url("https://b.io/"), Vetted::Forbidden(InvalidTarget::ForbiddenAddress));
    let path = format!("{WEBHOOKS_PATH}/{id}");
    world.send(Call::patch(&path, r#"{"url":"https://b.io/"}"#)).await.refuses(400, &["url"]);
    assert_eq!(world.send(Call::patch(&path, r#"{"name":"n"}"#)).await.status, 200);
}
