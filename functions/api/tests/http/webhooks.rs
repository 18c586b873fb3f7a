//! Webhooks: made, listed, shown, changed, and kept apart.

use hookrail_api::{LOGS_PATH, WEBHOOKS_PATH};
use hookrail_domain::id::WebhookId;
use hookrail_domain::limits::{CONFIG_BYTES_MAX, WEBHOOKS_PER_COMPANY_MAX};
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::target::TargetPolicy;
use hookrail_domain::time::Millis;
use hookrail_domain::token::Grant;
use hookrail_pipeline::store::{ConfigStore, LogStore, WebhookKey};
use hookrail_wire::cot_webhook;
use serde_json::{Value, json};

use crate::world::{Call, NOW, OTHER, World, company, webhook};

fn path(id: &str) -> String {
    format!("{WEBHOOKS_PATH}/{id}")
}

#[tokio::test]
async fn the_published_webhook_is_created_with_every_field() {
    let world = World::new().await;
    let text = include_str!("../../../../events/samples/cot_webhook.json");
    let answer = world.send(Call::post(WEBHOOKS_PATH, text)).await;
    assert_eq!(answer.status, 201);
    let made = answer.json();
    let id = made["_id"].as_str().unwrap();
    assert_eq!(id.len(), 24);
    assert_eq!(answer.header("location"), Some(path(id).as_str()));
    let mut expected: Value = serde_json::from_str(text).unwrap();
    expected["_id"] = json!(id);
    expected["company"] = json!("acme");
    expected["__v"] = json!(0);
    assert_eq!(made, expected);
    assert_eq!(world.send(Call::get(&path(id))).await.json(), made);
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.json(), json!([made]));
}

#[tokio::test]
async fn a_new_webhook_is_active_and_matches_all_events_of_its_trigger() {
    let world = World::new().await;
    let made = world.send(Call::post(WEBHOOKS_PATH, webhook("a"))).await.json();
    assert_eq!(made["isActive"], true);
    assert_eq!(made["context"], json!({"survey": "", "group": "", "taskGroup": ""}));
}

#[tokio::test]
async fn a_new_webhook_has_a_signing_secret_that_no_response_shows() {
    let world = World::new().await;
    let answer = world.send(Call::post(WEBHOOKS_PATH, webhook("a"))).await;
    assert!(!String::from_utf8_lossy(&answer.body).contains("whsec_"));
    let webhook = WebhookId::parse(answer.json()["_id"].as_str().unwrap()).unwrap();
    let key = WebhookKey { company: company("acme"), webhook };
    assert!(world.tables.snapshots(&[key]).await.unwrap()[0].secrets.is_some());
}

#[tokio::test]
async fn names_every_bad_field_of_a_new_webhook() {
    let world = World::new().await;
    let post = |body: &str| world.send(Call::post(WEBHOOKS_PATH, body));
    post("{}").await.refuses(400, &["name", "code", "url", "trigger"]);
    post(r#"{"name":" ","code":"Bad","url":"nope","trigger":"x","isActive":1}"#)
        .await
        .refuses(400, &["name", "code", "url", "trigger", "isActive"]);
    post(r#"{"name":"n","code":"c","url":"https://127.0.0.1","trigger":"logout-user","context":null}"#)
        .await
        .refuses(400, &["url", "context"]);
    post(
        r#"{"name":"n","code":"c","url":"https://a.io","trigger":"logout-user","context":{"taskGroup":"t"}}"#,
    )
    .await
    .refuses(400, &["context.taskGroup"]);
    for not_an_object in ["", "{", "[]", "7", "\u{FEFF}{}"] {
        post(not_an_object).await.refuses(400, &[""]);
    }
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.json(), json!([]));
}

#[tokio::test]
async fn a_code_is_unique_within_a_company() {
    let world = World::new().await;
    world.make_webhook("orders").await;
    world.send(Call::post(WEBHOOKS_PATH, webhook("orders"))).await.refuses(409, &["code"]);
    assert_eq!(world.send(Call::post(WEBHOOKS_PATH, webhook("orders")).by(OTHER)).await.status, 201);
}

#[tokio::test]
async fn a_company_has_at_most_1000_webhooks() {
    let world = World::new().await;
    for number in 0..WEBHOOKS_PER_COMPANY_MAX {
        world.make_webhook(&format!("c{number}")).await;
    }
    let answer = world.send(Call::post(WEBHOOKS_PATH, webhook("one_more"))).await;
    answer.refuses(409, &[]);
    let full = "the company has 1000 webhooks, the most that it may have; delete one that is not used";
    assert_eq!(answer.json()["detail"], full);
    let page = world.send(Call::get(WEBHOOKS_PATH)).await;
    assert_eq!((page.json().as_array().unwrap().len(), page.next().is_some()), (100, true));

    let newest = path(page.json()[0]["_id"].as_str().unwrap());
    assert_eq!(world.send(Call::patch(&newest, r#"{"isActive":false}"#)).await.status, 200);
    world.send(Call::post(WEBHOOKS_PATH, webhook("one_more"))).await.refuses(409, &[]);
    assert_eq!(world.send(Call::delete(&newest)).await.status, 204);
    world.make_webhook("one_more").await;
}

#[tokio::test]
async fn a_token_of_a_missing_company_creates_no_webhook() {
    let world = World::new().await;
    world.grant("ghost-token", &Grant::company(company("ghost")), "real").await;
    world.send(Call::post(WEBHOOKS_PATH, webhook("a")).by("ghost-token")).await.refuses(404, &[]);
}

#[tokio::test]
async fn accepts_the_largest_webhook_body_and_rejects_one_byte_more() {
    let world = World::new().await;
    let sized = |code: &str, bytes: usize| {
        let text = webhook(code);
        format!("{text}{}", " ".repeat(bytes - text.len()))
    };
    let post = |body: String| world.send(Call::post(WEBHOOKS_PATH, body));
    assert_eq!(post(sized("a", CONFIG_BYTES_MAX)).await.status, 201);
    post(sized("b", CONFIG_BYTES_MAX + 1)).await.refuses(413, &[""]);
}

#[tokio::test]
async fn a_write_needs_a_json_content_type() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    for value in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let call = Call::post(WEBHOOKS_PATH, webhook("b")).header("content-type", value);
        world.send(call).await.refuses(415, &[]);
    }
    world.send(Call::patch(&path(&id), "{}").without("content-type")).await.refuses(415, &[]);
    let call = Call::patch(&path(&id), "{}").header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(world.send(call).await.status, 200);
}

#[tokio::test]
async fn a_change_keeps_the_other_fields_and_raises_the_version() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let before = world.send(Call::get(&path(&id))).await.json();
    let answer = world.send(Call::patch(&path(&id), r#"{"isActive":false,"description":"d"}"#)).await;
    let mut expected = before;
    expected["isActive"] = json!(false);
    expected["description"] = json!("d");
    expected["__v"] = json!(1);
    assert_eq!((answer.status, answer.json()), (200, expected.clone()));
    assert_eq!(world.send(Call::get(&path(&id))).await.json(), expected);
    assert_eq!(
        world.send(Call::get(WEBHOOKS_PATH)).await.json(),
        json!([expected]),
        "inactive ones are listed"
    );
}

#[tokio::test]
async fn an_empty_change_raises_the_version_too() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    assert_eq!(world.send(Call::patch(&path(&id), "{}")).await.json()["__v"], 1);
    assert_eq!(world.send(Call::patch(&path(&id), "{}")).await.json()["__v"], 2);
}

#[tokio::test]
async fn a_bad_change_names_its_fields_and_changes_nothing() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let patch = |body: &str| world.send(Call::patch(&path(&id), body));
    patch(r#"{"code":"b"}"#).await.refuses(400, &["code"]);
    patch(r#"{"url":"ftp://a.io","trigger":"x"}"#).await.refuses(400, &["url", "trigger"]);
    patch(r#"{"context":null}"#).await.refuses(400, &["context"]);
    patch(r#"{"context":{"survey":"s"}}"#).await.refuses(400, &["context.survey"]);
    patch("not json").await.refuses(400, &[""]);
    assert_eq!(world.send(Call::get(&path(&id))).await.json()["__v"], 0);
}

#[tokio::test]
async fn rejects_a_change_based_on_another_version() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let patch = |body: &str| world.send(Call::patch(&path(&id), body));
    patch(r#"{"name":"n","__v":1}"#).await.refuses(409, &["__v"]);
    assert_eq!(patch(r#"{"name":"n","__v":0}"#).await.status, 200);
    patch(r#"{"name":"m","__v":0}"#).await.refuses(409, &["__v"]);
    assert_eq!(world.send(Call::get(&path(&id))).await.json()["name"], "n");
}

#[tokio::test]
async fn rejects_a_change_that_loses_its_race() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    world.tables.fail_at("race");
    world.send(Call::patch(&path(&id), r#"{"name":"n"}"#)).await.refuses(409, &["__v"]);
}

#[tokio::test]
async fn another_companys_webhook_does_not_exist() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    world.send(Call::get(&path(&id)).by(OTHER)).await.refuses(404, &[]);
    world.send(Call::patch(&path(&id), r#"{"name":"stolen"}"#).by(OTHER)).await.refuses(404, &[]);
    world.send(Call::patch(&path(&id), "not json").by(OTHER)).await.refuses(404, &[]);
    world.send(Call::get(&format!("{LOGS_PATH}/{id}")).by(OTHER)).await.refuses(404, &[]);
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH).by(OTHER)).await.json(), json!([]));
    assert_eq!(world.send(Call::get(&path(&id))).await.json()["name"], "Work Orders");
}

#[tokio::test]
async fn unknown_and_malformed_ids_are_not_found() {
    let world = World::new().await;
    for id in ["62685990d918fb5557f9f992", "1", "logs", "%ff", "..", "a%2Fb", "62685990d918fb5557f9f9922"] {
        world.send(Call::get(&path(id))).await.refuses(404, &[]);
        world.send(Call::patch(&path(id), "{}")).await.refuses(404, &[]);
        world.send(Call::get(&format!("{LOGS_PATH}/{id}"))).await.refuses(404, &[]);
    }
}

#[tokio::test]
async fn list_pages_hold_every_webhook_once_newest_first() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for (code, at) in [("a", 0), ("b", 1), ("c", 2), ("d", 500), ("e", 1000)] {
        world.clock.set(Millis(NOW.0 + at));
        ids.insert(0, world.make_webhook(code).await);
    }
    let (mut path, mut listed, mut sizes) = (format!("{WEBHOOKS_PATH}?limit=2"), Vec::new(), Vec::new());
    loop {
        let answer = world.send(Call::get(&path)).await;
        let page = answer.json();
        sizes.push(page.as_array().unwrap().len());
        listed.extend(page.as_array().unwrap().iter().map(|one| one["_id"].as_str().unwrap().to_owned()));
        let Some(next) = answer.next() else { break };
        path = next;
    }
    assert_eq!((listed, sizes), (ids, vec![2, 2, 1]));
}

/// Every code from `path` on, and how many pages they were on.
async fn codes(world: &World, path: &str) -> (Vec<String>, usize) {
    let (mut path, mut codes, mut pages) = (path.to_owned(), Vec::new(), 0);
    loop {
        let answer = world.send(Call::get(&path)).await;
        let page = answer.json();
        codes.extend(page.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = answer.next() else { return (codes, pages) };
        path = next;
    }
}

#[tokio::test]
async fn filters_webhooks_by_state_trigger_and_text() {
    let world = World::new().await;
    for (number, code) in ["alpha", "beta", "gamma"].into_iter().enumerate() {
        world.clock.set(NOW.plus_seconds(number.try_into().unwrap()));
        let id = world.make_webhook(code).await;
        if code == "beta" {
            world.send(Call::patch(&path(&id), r#"{"isActive":false,"url":"https://b.io/IN"}"#)).await;
        }
        if code == "gamma" {
            world.send(Call::patch(&path(&id), r#"{"trigger":"logout-user","name":"Good Bye"}"#)).await;
        }
    }
    for (query, expected) in [
        ("", vec!["gamma", "beta", "alpha"]),
        ("?isActive=all", vec!["gamma", "beta", "alpha"]),
        ("?isActive=true", vec!["gamma", "alpha"]),
        ("?isActive=false", vec!["beta"]),
        ("?trigger=logout-user", vec!["gamma"]),
        ("?search=b.io%2Fin", vec!["beta"]),
        ("?search=good+bye", vec!["gamma"]),
        ("?search=LPH", vec!["alpha"]),
        ("?search=a&isActive=true&trigger=create-edit-delete-task", vec!["alpha"]),
        ("?search=nothing", vec![]),
        ("?search=a&limit=1", vec!["gamma", "beta", "alpha"]),
    ] {
        assert_eq!(codes(&world, &format!("{WEBHOOKS_PATH}{query}")).await.0, expected, "{query}");
    }
    let next = world.send(Call::get(&format!("{WEBHOOKS_PATH}?search=a&limit=1"))).await.next().unwrap();
    world.send(Call::get(&next.replace("search=a", "search=b"))).await.refuses(400, &["cursor"]);
}

#[tokio::test]
async fn paging_lists_each_webhook_once_while_others_are_created() {
    let world = World::new().await;
    for number in 0..5_u64 {
        world.clock.set(NOW.plus_seconds(number));
        world.make_webhook(&format!("w{number}")).await;
    }
    let (mut path, mut seen) = (format!("{WEBHOOKS_PATH}?limit=2"), Vec::new());
    for number in 5.. {
        let answer = world.send(Call::get(&path)).await;
        let page = answer.json();
        seen.extend(page.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()));
        let Some(next) = answer.next() else { break };
        world.clock.set(NOW.plus_seconds(number));
        world.make_webhook(&format!("w{number}")).await;
        path = next;
    }
    assert_eq!(seen, ["w4", "w3", "w2", "w1", "w0"]);
}

#[tokio::test]
async fn a_search_of_the_largest_company_is_bounded_and_complete() {
    let world = World::new().await;
    let secrets = Secrets::new(SigningSecret::from_random([1; 32]));
    for number in 0..WEBHOOKS_PER_COMPANY_MAX {
        let made =
            cot_webhook::parse_new(webhook(&format!("w{number}")).as_bytes(), &TargetPolicy::default());
        let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
        let id = WebhookId::made_at(NOW, [0, 0, 0, 0, high, low]);
        let made = made.unwrap().into_webhook(id, company("acme"), &secrets);
        world.tables.create_webhook(&made, &secrets).await.unwrap();
    }
    let (found, pages) = codes(&world, &format!("{WEBHOOKS_PATH}?search=w7&limit=100")).await;
    assert_eq!((found.len(), found.first().unwrap().as_str()), (111, "w799"));
    assert!(pages <= 3, "{pages}");
    let (all, pages) = codes(&world, WEBHOOKS_PATH).await;
    assert_eq!((all.len(), pages), (WEBHOOKS_PER_COMPANY_MAX, 10));
}

#[tokio::test]
async fn a_full_last_page_has_no_next_link() {
    let world = World::new().await;
    for code in ["a", "b"] {
        world.make_webhook(code).await;
    }
    assert_eq!(world.send(Call::get(&format!("{WEBHOOKS_PATH}?limit=2"))).await.next(), None);
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.next(), None);
}

#[tokio::test]
async fn an_invalid_list_query_names_its_parameters() {
    let world = World::new().await;
    for limit in ["0", "101", "-1", "x", "", "1.5", "99999999999999999999"] {
        world.send(Call::get(&format!("{WEBHOOKS_PATH}?limit={limit}"))).await.refuses(400, &["limit"]);
    }
    for cursor in ["", "x", "AAAA", "%00"] {
        world.send(Call::get(&format!("{WEBHOOKS_PATH}?cursor={cursor}"))).await.refuses(400, &["cursor"]);
    }
    for (query, fields) in [
        ("limit=1&limit=2", vec!["limit"]),
        ("cursor=a&cursor=b", vec!["cursor"]),
        ("isActive=yes", vec!["isActive"]),
        ("limit=100&other=1", vec!["other"]),
        ("limit=x&isActive=1&trigger=task&search=%20", vec!["limit", "isActive", "trigger", "search"]),
    ] {
        world.send(Call::get(&format!("{WEBHOOKS_PATH}?{query}"))).await.refuses(400, &fields);
    }
}

#[tokio::test]
async fn rejects_a_cursor_of_another_company_or_list() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    world.make_webhook("b").await;
    let next = world.send(Call::get(&format!("{WEBHOOKS_PATH}?limit=1"))).await.next().unwrap();
    world.send(Call::get(&next).by(OTHER)).await.refuses(400, &["cursor"]);
    let (_, query) = next.split_once('?').unwrap();
    world.send(Call::get(&format!("{LOGS_PATH}/{id}?{query}"))).await.refuses(400, &["cursor"]);
    assert_eq!(world.send(Call::get(&next)).await.status, 200);
}

#[tokio::test]
async fn unavailable_tables_return_503_with_retry_after() {
    for (broken, call) in [
        ("find_token", Call::get(WEBHOOKS_PATH)),
        ("page_subscriptions", Call::get(WEBHOOKS_PATH)),
        ("create_subscription", Call::post(WEBHOOKS_PATH, webhook("b"))),
        ("find_subscription", Call::get(&path("62685990d918fb5557f9f992"))),
        ("find_subscription", Call::patch(&path("62685990d918fb5557f9f992"), "{}")),
    ] {
        let world = World::new().await;
        world.tables.fail_at(broken);
        let answer = world.send(call).await;
        answer.refuses(503, &[]);
        assert_eq!(answer.header("retry-after"), Some("1"), "{broken}");
    }
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    world.tables.fail_at("replace_subscription");
    world.send(Call::patch(&path(&id), "{}")).await.refuses(503, &[]);
}
