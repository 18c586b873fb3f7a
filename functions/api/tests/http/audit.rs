//! Audit entries of every action.

use hookrail_api::{AUDIT_PATH, COMPANIES_PATH, TOKENS_PATH, WEBHOOKS_PATH};
use serde_json::{Value, json};

use crate::world::{Call, NOW, OPERATOR, OTHER, World, event, webhook};

async fn log(world: &World, call: Call) -> Vec<Value> {
    world.send(call).await.json().as_array().unwrap().clone()
}

fn brief(entry: &Value) -> (&str, &Value, &Value) {
    (entry["action"].as_str().unwrap(), &entry["subject"], &entry["status"])
}

#[tokio::test]
async fn an_audit_entry_records_actor_action_and_status() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let path = format!("{WEBHOOKS_PATH}/{id}");
    let mut at = NOW;
    for call in [
        Call::patch(&path, r#"{"name":"n","url":"https://b.io/?key=in-url"}"#),
        Call::patch(&path, r#"{"isActive":false}"#),
        Call::patch(&path, r#"{"isActive":true}"#),
        Call::get(&format!("{path}/secret")),
        Call::post(&format!("{path}/secret/rotate"), "{}"),
        Call::post(&format!("{path}/queue/skip"), "{}"),
        Call::post(WEBHOOKS_PATH, "{}"),
        // Neither reading nor traffic is an action.
        Call::get(&path),
        Call::push(event("acme")),
    ] {
        at = at.plus_seconds(1);
        world.clock.set(at);
        world.send(call).await;
    }
    let entries = log(&world, Call::get(AUDIT_PATH)).await;
    let subject = json!(id);
    let found: Vec<_> = entries.iter().rev().map(brief).collect();
    let expected = [
        ("webhook.create", &subject, &json!(201)),
        ("webhook.change", &subject, &json!(200)),
        ("webhook.deactivate", &subject, &json!(200)),
        ("webhook.activate", &subject, &json!(200)),
        ("secret.reveal", &subject, &json!(200)),
        ("secret.rotate", &subject, &json!(200)),
        ("queue.skip", &subject, &json!(409)),
        ("webhook.create", &Value::Null, &json!(400)),
    ];
    assert_eq!(found, expected);
    let change = &entries[entries.len() - 2];
    assert_eq!((&change["fields"], &change["actor"]), (&json!(["name", "url"]), &json!("first")));
    assert_eq!(change["actorToken"].as_str().unwrap().len(), 24);
    assert!(!json!(entries).to_string().contains("in-url"), "names of fields, never their values");
}

#[tokio::test]
async fn an_action_fails_if_its_audit_entry_cannot_be_written() {
    let world = World::new().await;
    world.tables.fail_at("begin_audit");
    world.send(Call::post(WEBHOOKS_PATH, webhook("a"))).await.refuses(503, &[]);
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.json(), json!([]));
}

#[tokio::test]
async fn an_action_without_a_completed_audit_entry_stands_as_unknown() {
    let world = World::new().await;
    world.tables.fail_at("end_audit");
    assert_eq!(world.send(Call::post(WEBHOOKS_PATH, webhook("a"))).await.status, 201);
    let entries = log(&world, Call::get(AUDIT_PATH)).await;
    assert_eq!(
        entries.iter().map(brief).collect::<Vec<_>>(),
        [("webhook.create", &Value::Null, &Value::Null)]
    );
}

#[tokio::test]
async fn an_audit_log_is_paged_and_separate_for_each_company() {
    let world = World::new().await;
    for number in 0..7_u64 {
        world.clock.set(NOW.plus_seconds(number));
        world.send(Call::post(WEBHOOKS_PATH, webhook(&format!("w{number}")))).await;
    }
    let (mut path, mut seen) = (format!("{AUDIT_PATH}?limit=3"), Vec::new());
    loop {
        let page = world.send(Call::get(&path)).await;
        seen.extend(
            page.json().as_array().unwrap().iter().map(|entry| entry["at"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page.next() else { break };
        world.send(Call::get(&next).by(OTHER)).await.refuses(400, &["cursor"]);
        path = next;
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.is_sorted_by(|one, next| next < one), "{seen:?}");
    assert_eq!(log(&world, Call::get(AUDIT_PATH).by(OTHER)).await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_company_sees_operator_actions_even_with_an_unknown_end() {
    let world = World::new().await;
    world.tables.fail_at("end_audit");
    let body = r#"{"name":"n","scopes":["secrets:read"],"company":"acme"}"#;
    assert_eq!(world.send(Call::post(TOKENS_PATH, body).by(OPERATOR)).await.status, 201);
    let entries = log(&world, Call::get(AUDIT_PATH)).await;
    assert_eq!(entries.iter().map(brief).collect::<Vec<_>>(), [("token.create", &Value::Null, &Value::Null)]);
    assert_eq!(entries[0]["actor"], "operator");
}

#[tokio::test]
async fn an_operator_action_is_in_its_own_log_and_the_companys() {
    let world = World::new().await;
    world.send(Call::post(COMPANIES_PATH, r#"{"company":"new-co"}"#).by(OPERATOR)).await;
    let own = log(&world, Call::get(AUDIT_PATH).by(OPERATOR)).await;
    let theirs = log(&world, Call::get(&format!("{AUDIT_PATH}?company=new-co")).by(OPERATOR)).await;
    assert_eq!(own, theirs);
    assert_eq!(
        own.iter().map(brief).collect::<Vec<_>>(),
        [("company.create", &json!("new-co"), &json!(201))]
    );
    assert_eq!((&own[0]["actor"], own[0].get("actorToken")), (&json!("operator"), None));
    world.send(Call::get(&format!("{AUDIT_PATH}?company=other"))).await.refuses(400, &["company"]);
}
