//! Webhooks by name: made, read, changed, renamed, deleted.

use hookrail_api::{AUDIT_PATH, NAMED_PATH, TOKENS_PATH, WEBHOOKS_PATH};
use hookrail_domain::id::WebhookId;
use hookrail_pipeline::store::{ConfigStore, LogStore, Replacing};
use serde_json::{Value, json};

use super::{encoded, kapp, made, named_webhook, names, put, webhook_of};
use crate::world::{Call, NOW, OTHER, RECOVERY, World, company};

/// Names that a path must carry whole.
const NAMES: [&str; 6] =
    ["Submission Submitted", "a/b /c", "50% off & more + \"q\"", "é 日本;=,'", "true", "/x"];

#[tokio::test]
async fn space_webhooks_are_managed_by_their_encoded_names() {
    let world = World::new().await;
    for name in NAMES {
        let new = made(&world, NAMED_PATH, name).await;
        let one = format!("{NAMED_PATH}/{}", encoded(name));
        assert_eq!(webhook_of(&world.send(Call::get(&one)).await), new);
        assert_eq!(webhook_of(&put(&world, name, json!({"event": "Closed"})).await)["event"], "Closed");
    }
    let mut sorted = NAMES.to_vec();
    sorted.sort_unstable();
    assert_eq!(names(&world, NAMED_PATH).await, sorted);
    for name in NAMES {
        let one = format!("{NAMED_PATH}/{}", encoded(name));
        let deleted = webhook_of(&world.send(Call::delete(&one)).await);
        assert_eq!((&deleted["name"], &deleted["event"]), (&json!(name), &json!("Closed")));
        world.send(Call::get(&one)).await.errs(404, "no such webhook");
        world.send(Call::delete(&one)).await.errs(404, "no such webhook");
    }
    assert!(names(&world, NAMED_PATH).await.is_empty());
}

#[tokio::test]
async fn a_path_decoded_by_a_gateway_names_the_same_webhook() {
    let world = World::new().await;
    for name in NAMES {
        made(&world, NAMED_PATH, name).await;
        let invocation = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": format!("{NAMED_PATH}/{name}"), "rawQueryString": "",
            "headers": {"host": "api.example.com", "authorization": "Bearer acme-token"}, "isBase64Encoded": false,
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "api.example.com", "domainPrefix": "api",
                "requestId": "r", "routeKey": "$default", "stage": "$default", "timeEpoch": 0, "time": "",
                "http": {"method": "GET", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "::1", "userAgent": ""},
            },
        });
        let request = lambda_http::request::from_str(&invocation.to_string()).unwrap();
        assert_eq!(webhook_of(&world.request(request).await)["name"], name);
    }
}

#[tokio::test]
async fn rejects_names_that_a_decoded_path_would_change() {
    let world = World::new().await;
    for name in ["a?b", "a#b", "a\\b", "a\nb", "100%25", "..", "a/./b", "a "] {
        world.send(Call::post(NAMED_PATH, named_webhook(name))).await.errs(400, "name must not hold");
    }
}

#[tokio::test]
async fn kapp_webhooks_are_separate_from_the_space_and_other_kapps() {
    let world = World::new().await;
    let (mine, other) = (kapp("services"), kapp("catalog"));
    let places = [NAMED_PATH, &mine, &other];
    for place in places {
        made(&world, place, "Same").await;
    }
    let one = format!("{mine}/Same");
    assert_eq!(webhook_of(&world.send(Call::put(&one, r#"{"name":"Mine"}"#)).await)["name"], "Mine");
    let mut lists = Vec::new();
    for place in places {
        lists.push(names(&world, place).await);
    }
    assert_eq!(lists, [["Same"], ["Mine"], ["Same"]]);
    webhook_of(&world.send(Call::delete(&format!("{mine}/Mine"))).await);
    assert!(names(&world, &mine).await.is_empty());
    assert_eq!(names(&world, &other).await, ["Same"]);
    world.send(Call::get(&kapp("no%20slug"))).await.errs(404, "no such kapp");
}

#[tokio::test]
async fn lists_and_webhooks_have_envelopes_and_a_deletion_returns_the_webhook() {
    let world = World::new().await;
    assert_eq!(world.send(Call::get(NAMED_PATH)).await.json(), json!({"webhooks": []}));
    let answer = world.send(Call::post(NAMED_PATH, named_webhook("A"))).await;
    let new = webhook_of(&answer);
    let id = new["id"].as_str().unwrap();
    assert_eq!(id.len(), 24);
    let expected = json!({
        "name": "A", "type": "Submission", "event": "Submitted", "filter": "",
        "url": "https://www.server.com/${form('slug')}", "authStrategy": null, "id": id,
        "scopeType": "Space", "scopeId": "acme", "isActive": true,
    });
    assert_eq!(new, expected);
    assert_eq!(world.send(Call::get(NAMED_PATH)).await.json(), json!({"webhooks": [expected]}));
    let deleted = world.send(Call::delete(&format!("{NAMED_PATH}/A"))).await;
    assert_eq!((deleted.status, deleted.json()), (200, json!({"webhook": expected})));
}

#[tokio::test]
async fn name_type_event_and_url_are_required_and_not_blank() {
    let world = World::new().await;
    for field in ["name", "type", "event", "url"] {
        for blank in [None, Some(Value::Null), Some(json!("")), Some(json!(" ")), Some(json!(7))] {
            let mut body: Value = serde_json::from_str(&named_webhook("A")).unwrap();
            match blank {
                None => body.as_object_mut().unwrap().remove(field),
                Some(blank) => body.as_object_mut().unwrap().insert(field.to_owned(), blank),
            };
            world.send(Call::post(NAMED_PATH, body.to_string())).await.errs(400, &format!("{field} "));
        }
    }
    world.send(Call::post(NAMED_PATH, "{}")).await.errs(400, "name is missing; type is missing");
    world.send(Call::post(NAMED_PATH, "[]")).await.errs(400, "must be a JSON object");
    assert!(names(&world, NAMED_PATH).await.is_empty());
}

#[tokio::test]
async fn ignores_unknown_fields() {
    let world = World::new().await;
    let mut body: Value = serde_json::from_str(&named_webhook("A")).unwrap();
    body["space"] = json!({"slug": "acme"});
    body["createdBy"] = json!("another author");
    webhook_of(&world.send(Call::post(NAMED_PATH, body.to_string())).await);
    webhook_of(&put(&world, "A", body).await);
}

#[tokio::test]
async fn rejects_a_duplicate_name_with_an_error_key() {
    let world = World::new().await;
    for name in ["A", "B"] {
        made(&world, NAMED_PATH, name).await;
    }
    let twice = world.send(Call::post(NAMED_PATH, named_webhook("A"))).await;
    let renamed = put(&world, "A", json!({"name": "B"})).await;
    for answer in [twice, renamed] {
        answer.errs(400, "name is taken");
        assert_eq!(answer.json()["errorKey"], "uniqueness_violation");
    }
    // To the letter, and by another company.
    made(&world, NAMED_PATH, "a").await;
    assert_eq!(world.send(Call::post(NAMED_PATH, named_webhook("A")).by(OTHER)).await.status, 200);
}

#[tokio::test]
async fn a_new_name_replaces_the_old_one() {
    let world = World::new().await;
    let before = made(&world, NAMED_PATH, "Old").await;
    let after = webhook_of(&put(&world, "Old", json!({"name": "New/er"})).await);
    assert_eq!((&after["name"], &after["id"]), (&json!("New/er"), &before["id"]));
    world.send(Call::get(&format!("{NAMED_PATH}/Old"))).await.errs(404, "no such webhook");
    put(&world, "Old", json!({})).await.errs(404, "no such webhook");
    assert_eq!(webhook_of(&world.send(Call::get(&format!("{NAMED_PATH}/New%2Fer"))).await), after);
    // What was left is free.
    made(&world, NAMED_PATH, "Old").await;
}

#[tokio::test]
async fn a_platform_change_keeps_the_other_fields() {
    let world = World::new().await;
    let mut expected = made(&world, NAMED_PATH, "A").await;
    for (field, value) in [
        ("filter", json!("form('slug') === 'laptop'")),
        ("url", json!("https://b.io/${submission('id')}")),
        ("event", json!("Closed")),
        ("isActive", json!(false)),
        ("isActive", json!(true)),
        ("filter", json!("")),
    ] {
        expected[field] = value.clone();
        let changed = webhook_of(&put(&world, "A", json!({ field: value })).await);
        assert_eq!(changed, expected, "{field}");
        assert_eq!(webhook_of(&world.send(Call::get(&format!("{NAMED_PATH}/A"))).await), expected);
    }
    assert_eq!(webhook_of(&put(&world, "A", json!({})).await), expected);
    assert_eq!(webhook_of(&put(&world, "A", expected.clone()).await), expected, "what is shown, sent back");
    assert_eq!(webhook_of(&put(&world, "A", json!({"filter": null})).await)["filter"], "");
}

#[tokio::test]
async fn details_show_authors_and_times_only_on_request() {
    let world = World::new().await;
    let details = ["createdAt", "createdBy", "updatedAt", "updatedBy"];
    let new = made(&world, NAMED_PATH, "A").await;
    assert!(details.iter().all(|field| new.get(field).is_none()), "{new}");
    world.clock.set(NOW.plus_seconds(60));
    let second = r#"{"name":"ben","scopes":["webhooks:write"]}"#;
    let second = world.send(Call::post(TOKENS_PATH, second)).await.json();
    let path = format!("{NAMED_PATH}/A?include=details,attributes");
    let changed = webhook_of(&world.send(Call::put(&path, "{}").by(second["token"].as_str().unwrap())).await);
    let shown: Vec<_> = details.iter().map(|field| changed[*field].as_str().unwrap()).collect();
    assert_eq!(shown, ["2022-05-05T19:54:40.000Z", "first", "2022-05-05T19:55:40.000Z", "ben"]);
    let list = world.send(Call::get(&format!("{NAMED_PATH}?include=details"))).await.json();
    assert_eq!(list["webhooks"], json!([changed]));
    for path in ["", "?include=kapp", "?debug=details"] {
        let plain = webhook_of(&world.send(Call::get(&format!("{NAMED_PATH}/A{path}"))).await);
        assert!(details.iter().all(|field| plain.get(field).is_none()), "{path}: {plain}");
    }
}

#[tokio::test]
async fn rejects_an_event_that_does_not_belong_to_its_type() {
    let world = World::new().await;
    let post = async |path: &str, kind: &str, event: &str| {
        let body = json!({"name": "n", "type": kind, "event": event, "url": "https://a.io/"});
        world.send(Call::post(path, body.to_string())).await
    };
    for (kind, event, text) in [
        ("Submission", "Restored", "event must be one of Created, Saved"),
        ("Submission", "Submission Submitted", "event must be"),
        ("Submission", "submitted", "event must be"),
        ("Submission Submitted", "Submitted", "type must be one of Space, User"),
        ("Kapp", "Created", "type must be"),
        ("user", "Login", "type must be"),
    ] {
        post(NAMED_PATH, kind, event).await.errs(400, text);
    }
    for kind in ["Space", "User", "Team", "Discussion", "Datastore Form"] {
        post(&kapp("services"), kind, "Created").await.errs(400, "type must be one of Form, Submission");
    }
    made(&world, NAMED_PATH, "A").await;
    put(&world, "A", json!({"type": "Team"})).await.errs(400, "event must be one of Created, Updated");
    put(&world, "A", json!({"event": "Login"})).await.errs(400, "event must be");
    // Its URL names the form, which a team's events do not have.
    put(&world, "A", json!({"type": "Team", "event": "Restored"})).await.errs(400, "url uses a name");
    let team = json!({"type": "Team", "event": "Restored", "url": "https://a.io/${team('slug')}"});
    let moved = webhook_of(&put(&world, "A", team).await);
    assert_eq!((&moved["type"], &moved["event"]), (&json!("Team"), &json!("Restored")));
}

#[tokio::test]
async fn a_platform_webhook_shows_a_gone_endpoint_until_a_change_activates_it() {
    let world = World::new().await;
    let made = made(&world, NAMED_PATH, "A").await;
    let id = WebhookId::parse(made["id"].as_str().unwrap()).unwrap();
    let acme = company("acme");
    let stored = world.tables.find_webhook(&acme, id).await.unwrap().unwrap();
    let gone = stored.gone();
    world.tables.replace_webhook(Replacing::from(&gone)).await.unwrap();
    let shown = webhook_of(&put(&world, "A", json!({"filter": "true"})).await);
    assert_eq!(
        (&shown["isActive"], &shown["inactiveReason"]),
        (&json!(false), &json!("the endpoint responded 410 Gone"))
    );
    let active = webhook_of(&put(&world, "A", json!({"isActive": true})).await);
    assert_eq!((&active["isActive"], active.get("inactiveReason")), (&json!(true), None));
}

#[tokio::test]
async fn deactivation_parks_the_queue_and_activation_delivers_the_backlog() {
    let world = World::new().await;
    let made = made(&world, NAMED_PATH, "A").await;
    let id = WebhookId::parse(made["id"].as_str().unwrap()).unwrap();
    let state = hookrail_pipeline::store::WebhookKey { company: company("acme"), webhook: id };
    put(&world, "A", json!({"isActive": false})).await;
    let snapshot = world.tables.snapshots(std::slice::from_ref(&state)).await.unwrap().remove(0);
    assert!(!snapshot.webhook.unwrap().is_active);
    assert!(snapshot.state.backlog.is_some(), "{:?}", snapshot.state);
    webhook_of(&put(&world, "A", json!({"isActive": true, "name": "B"})).await);
    let woken = world.queue.sent().iter().filter(|(queue, _)| queue == RECOVERY).count();
    assert_eq!(woken, 1);
}

#[tokio::test]
async fn one_call_cannot_rename_and_deactivate() {
    let world = World::new().await;
    made(&world, NAMED_PATH, "A").await;
    put(&world, "A", json!({"name": "B", "isActive": false})).await.errs(400, "isActive cannot become false");
    assert_eq!(names(&world, NAMED_PATH).await, ["A"]);
    put(&world, "A", json!({"isActive": false})).await;
    let renamed = webhook_of(&put(&world, "A", json!({"name": "B", "isActive": false})).await);
    assert_eq!((&renamed["name"], &renamed["isActive"]), (&json!("B"), &json!(false)));
}

#[tokio::test]
async fn a_lost_race_changes_nothing_and_returns_409() {
    let world = World::new().await;
    made(&world, NAMED_PATH, "A").await;
    world.tables.fail_at("race");
    put(&world, "A", json!({"event": "Closed"})).await.errs(409, "changed meanwhile");
    put(&world, "A", json!({"name": "B"})).await.errs(409, "changed meanwhile");
    world.send(Call::delete(&format!("{NAMED_PATH}/A"))).await.errs(409, "changed meanwhile");
    world.tables.fail_at("nothing");
    let kept = webhook_of(&world.send(Call::get(&format!("{NAMED_PATH}/A"))).await);
    assert_eq!(kept["event"], "Submitted");
}

#[tokio::test]
async fn each_webhook_kind_lists_its_own_webhooks_only() {
    let world = World::new().await;
    let id = made(&world, NAMED_PATH, "A").await["id"].as_str().unwrap().to_owned();
    let cot = world.make_webhook("cot").await;
    assert_eq!(names(&world, NAMED_PATH).await, ["A"]);
    world.send(Call::get(&format!("{NAMED_PATH}/Work%20Orders"))).await.errs(404, "no such webhook");
    let list = world.send(Call::get(WEBHOOKS_PATH)).await.json();
    assert_eq!(list.as_array().unwrap().iter().map(|one| &one["_id"]).collect::<Vec<_>>(), [&json!(cot)]);
    for call in
        [Call::get(&format!("{WEBHOOKS_PATH}/{id}")), Call::patch(&format!("{WEBHOOKS_PATH}/{id}"), "{}")]
    {
        world.send(call).await.refuses(404, &[]);
    }
}

#[tokio::test]
async fn changes_by_name_are_audited_under_the_webhook_id() {
    let world = World::new().await;
    let id = made(&world, NAMED_PATH, "A").await["id"].clone();
    let mut at = NOW;
    for body in [
        json!({"name": "B", "url": "https://b.io/?key=in-url"}),
        json!({"name": "A"}),
        json!({"isActive": false}),
    ] {
        at = at.plus_seconds(1);
        world.clock.set(at);
        let name = if body["name"] == "A" { "B" } else { "A" };
        put(&world, name, body).await;
    }
    world.clock.set(at.plus_seconds(1));
    world.send(Call::delete(&format!("{NAMED_PATH}/A"))).await;
    let log = world.send(Call::get(AUDIT_PATH)).await;
    assert!(!String::from_utf8_lossy(&log.body).contains("in-url"));
    let log = log.json();
    let found: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| (entry["action"].as_str().unwrap(), &entry["subject"], &entry["fields"]))
        .collect();
    let expected = [
        ("webhook.create", &id, &Value::Null),
        ("webhook.change", &id, &json!(["name", "url"])),
        ("webhook.change", &id, &json!(["name"])),
        ("webhook.deactivate", &id, &json!(["isActive"])),
        ("webhook.delete", &id, &Value::Null),
    ];
    assert_eq!(found, expected);
}
