//! Tokens and panel sessions.

use hookrail_api::{AUDIT_PATH, EVENTS_PATH, LINKS_PATH, SESSION_PATH, TOKENS_PATH, WEBHOOKS_PATH};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Scope};
use serde_json::{Value, json};

use crate::world::{ACME, Answer, Call, NOW, OPERATOR, OTHER, World, company};

async fn make(world: &World, by: &str, body: &Value) -> Answer {
    world.send(Call::post(TOKENS_PATH, body.to_string()).by(by)).await
}

async fn made(world: &World, by: &str, body: Value) -> (String, String) {
    let answer = make(world, by, &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let text = |field: &str| answer.json()[field].as_str().unwrap().to_owned();
    (text("_id"), text("token"))
}

async fn status(world: &World, token: &str) -> u16 {
    world.send(Call::get(WEBHOOKS_PATH).by(token)).await.status
}

#[tokio::test]
async fn a_token_has_its_scopes_until_it_is_revoked() {
    let world = World::new().await;
    let (id, token) = made(&world, ACME, json!({"name": "ci", "scopes": ["webhooks:read"]})).await;
    assert!(token.starts_with("hkr_") && token.len() == 68, "{token}");
    assert_eq!(status(&world, &token).await, 200);
    world.send(Call::post(WEBHOOKS_PATH, "{}").by(&token)).await.refuses(403, &[]);
    let path = format!("{TOKENS_PATH}/{id}");
    assert_eq!(world.send(Call::delete(&path)).await.status, 204);
    assert_eq!(status(&world, &token).await, 401, "at once, in the sandbox that was told");
    world.send(Call::delete(&path)).await.refuses(404, &[]);
}

#[tokio::test]
async fn another_sandbox_accepts_a_revoked_token_for_at_most_five_seconds() {
    let world = World::new().await;
    let (id, token) = made(&world, ACME, json!({"name": "ci", "scopes": ["webhooks:read"]})).await;
    let other = world.sandbox();
    let asked = async |at: u64| {
        world.clock.set(Millis(NOW.0 + at));
        let request = Call::get(WEBHOOKS_PATH).by(&token).into_request();
        World::answer(&other, request).await.status
    };
    assert_eq!(asked(0).await, 200);
    assert_eq!(world.send(Call::delete(&format!("{TOKENS_PATH}/{id}"))).await.status, 204);
    assert_eq!(asked(4_999).await, 200);
    assert_eq!(asked(5_000).await, 401);
}

#[tokio::test]
async fn lists_tokens_without_their_text_and_with_their_last_use() {
    let world = World::new().await;
    world.clock.set(NOW.plus_seconds(1));
    let (id, token) = made(&world, ACME, json!({"name": "ci", "scopes": ["webhooks:read"]})).await;
    assert_eq!(status(&world, &token).await, 200);
    let answer = world.send(Call::get(TOKENS_PATH)).await;
    let listed = answer.json();
    let [newest, first] = listed.as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!((&newest["_id"], &newest["name"], &newest["kind"]), (&json!(id), &json!("ci"), &json!("api")));
    assert_eq!(newest["lastUsedAt"], "2022-05-05T19:54:41.000Z");
    assert_eq!(newest["createdBy"], first["_id"], "made by the first");
    let text = String::from_utf8(answer.body).unwrap();
    assert!(!text.contains(&token) && !text.contains("\"token\""), "{text}");
    let others = world.send(Call::get(TOKENS_PATH).by(OTHER)).await.json();
    assert_eq!(others.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_succeeds_if_the_use_of_its_token_cannot_be_recorded() {
    let world = World::new().await;
    world.tables.fail_at("mark_used");
    assert_eq!(status(&world, ACME).await, 200);
}

#[tokio::test]
async fn a_token_cannot_create_a_more_powerful_token() {
    let world = World::new().await;
    let end = NOW.plus_seconds(60);
    let scopes = vec![Scope::TokensWrite, Scope::LogsRead];
    world.token("narrow", &Grant { scopes, expires_at: Some(end), ..Grant::company(company("acme")) }).await;
    let soon = hookrail_wire::timestamp::render(end);
    for (body, field) in [
        (json!({"name": "a", "scopes": ["secrets:read"], "expiresAt": soon}), "scopes"),
        (json!({"name": "a", "scopes": ["operator"], "expiresAt": soon}), "scopes"),
        (json!({"name": "a", "scopes": ["logs:read"]}), "expiresAt"),
        (json!({"name": "a", "scopes": ["logs:read"], "expiresAt": soon, "company": "other"}), "company"),
    ] {
        make(&world, "narrow", &body).await.refuses(400, &[field]);
    }
    made(&world, "narrow", json!({"name": "a", "scopes": ["logs:read"], "expiresAt": soon})).await;
}

#[tokio::test]
async fn an_operator_creates_tokens_of_companies_and_operators() {
    let world = World::new().await;
    let body = json!({"name": "a", "scopes": ["webhooks:read"], "company": "acme"});
    let (id, token) = made(&world, OPERATOR, body).await;
    assert_eq!(status(&world, &token).await, 200);
    let path = format!("{TOKENS_PATH}/{id}");
    world.send(Call::delete(&path).by(OPERATOR)).await.refuses(404, &[]);
    assert_eq!(world.send(Call::delete(&format!("{path}?company=acme")).by(OPERATOR)).await.status, 204);
    let (_, token) = made(&world, OPERATOR, json!({"name": "second", "scopes": ["operator"]})).await;
    assert_eq!(world.send(Call::post("/api/v3/company", "{}").by(&token)).await.status, 201);
    let unknown = json!({"name": "a", "scopes": ["logs:read"], "company": "nobody"});
    make(&world, OPERATOR, &unknown).await.refuses(400, &["company"]);
    let mixed = json!({"name": "a", "scopes": ["operator"], "company": "acme"});
    make(&world, OPERATOR, &mixed).await.refuses(400, &["scopes"]);
}

#[tokio::test]
async fn a_caller_can_read_its_own_token() {
    let world = World::new().await;
    let own = world.send(Call::get(&format!("{TOKENS_PATH}/self"))).await.json();
    assert_eq!((&own["company"], own["scopes"].as_array().unwrap().len()), (&json!("acme"), 7));
    let operator = world.send(Call::get(&format!("{TOKENS_PATH}/self")).by(OPERATOR)).await.json();
    assert_eq!(operator, json!({"name": "operator", "scopes": ["operator"]}));
}

#[tokio::test]
async fn a_company_has_at_most_200_tokens() {
    let world = World::new().await;
    for number in 1..200 {
        world.token(&number.to_string(), &Grant::company(company("acme"))).await;
    }
    let answer = make(&world, ACME, &json!({"name": "a", "scopes": ["logs:read"]})).await;
    answer.refuses(409, &[]);
    assert!(answer.json()["detail"].as_str().unwrap().contains("200 tokens"));
}

async fn link(world: &World, by: &str, body: &Value) -> Answer {
    world.send(Call::post(LINKS_PATH, body.to_string()).by(by)).await
}

async fn exchange(world: &World, code: &str) -> Answer {
    let call = Call::post(SESSION_PATH, json!({ "code": code }).to_string()).without("authorization");
    world.send(call).await
}

/// A session of acme's panel by a link of this token.
async fn session(world: &World, by: &str, body: Value) -> Value {
    let made = link(world, by, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let started = exchange(world, made.json()["code"].as_str().unwrap()).await;
    assert_eq!(started.status, 201, "{started:?}");
    started.json()
}

#[tokio::test]
async fn a_link_code_is_exchanged_once_for_a_session_of_eight_hours() {
    let world = World::new().await;
    let made = link(&world, ACME, &json!({})).await.json();
    let code = made["code"].as_str().unwrap();
    assert_eq!(made["path"], format!("/panel#code={code}"));
    assert_eq!(made["expiresAt"], "2022-05-05T19:59:40.000Z");
    let started = exchange(&world, code).await.json();
    assert_eq!(
        (&started["company"], &started["expiresAt"]),
        (&json!("acme"), &json!("2022-05-06T03:54:40.000Z"))
    );
    let token = started["token"].as_str().unwrap();
    assert_eq!(status(&world, token).await, 200);
    exchange(&world, code).await.refuses(401, &[]);
    world.clock.set(NOW.plus_seconds(8 * 3600));
    assert_eq!(status(&world, token).await, 401);
}

#[tokio::test]
async fn a_link_code_expires_after_five_minutes() {
    let world = World::new().await;
    let made = link(&world, ACME, &json!({})).await.json();
    world.clock.set(NOW.plus_seconds(300));
    exchange(&world, made["code"].as_str().unwrap()).await.refuses(401, &[]);
}

#[tokio::test]
async fn a_session_has_at_most_the_scopes_and_lifetime_of_its_parent_token() {
    let world = World::new().await;
    let scopes = vec![Scope::TokensWrite, Scope::LogsRead];
    let end = NOW.plus_seconds(90);
    world.token("narrow", &Grant { scopes, expires_at: Some(end), ..Grant::company(company("acme")) }).await;
    link(&world, "narrow", &json!({"scopes": ["webhooks:read"]})).await.refuses(400, &["scopes"]);
    let started = session(&world, "narrow", json!({})).await;
    assert_eq!(started["scopes"], json!(["logs:read"]));
    assert_eq!(started["expiresAt"], hookrail_wire::timestamp::render(end));
    let brief = session(&world, ACME, json!({"sessionSeconds": 60})).await;
    assert_eq!(brief["expiresAt"], hookrail_wire::timestamp::render(NOW.plus_seconds(60)));
}

#[tokio::test]
async fn a_session_ends_when_its_parent_token_is_revoked() {
    let world = World::new().await;
    let body = json!({"name": "backend", "scopes": ["tokens:write", "webhooks:read"]});
    let (id, maker) = made(&world, ACME, body).await;
    let started = session(&world, &maker, json!({})).await;
    let unused = link(&world, &maker, &json!({})).await.json();
    let token = started["token"].as_str().unwrap();
    assert_eq!(status(&world, token).await, 200);
    let other = world.sandbox();
    assert_eq!(world.send(Call::delete(&format!("{TOKENS_PATH}/{id}"))).await.status, 204);
    assert_eq!(status(&world, token).await, 401);
    let request = Call::get(WEBHOOKS_PATH).by(token).into_request();
    assert_eq!(World::answer(&other, request).await.status, 401);
    exchange(&world, unused["code"].as_str().unwrap()).await.refuses(401, &[]);
}

#[tokio::test]
async fn revoking_a_token_ends_every_descendant_session() {
    let world = World::new().await;
    let body = json!({"name": "backend", "scopes": ["tokens:write", "webhooks:read"]});
    let (id, maker) = made(&world, ACME, body).await;
    let scopes = json!({"scopes": ["tokens:write", "webhooks:read"]});
    let mut sessions = Vec::new();
    let mut by = maker;
    for _ in 0..4 {
        by = session(&world, &by, scopes.clone()).await["token"].as_str().unwrap().to_owned();
        assert_eq!(status(&world, &by).await, 200);
        sessions.push(by.clone());
    }
    let unused = link(&world, &by, &scopes).await.json();
    assert_eq!(world.send(Call::delete(&format!("{TOKENS_PATH}/{id}"))).await.status, 204);
    // Another sandbox, which has read none of them yet.
    let other = world.sandbox();
    for session in &sessions {
        let request = Call::get(WEBHOOKS_PATH).by(session).into_request();
        assert_eq!(World::answer(&other, request).await.status, 401);
    }
    exchange(&world, unused["code"].as_str().unwrap()).await.refuses(401, &[]);
}

#[tokio::test]
async fn limits_the_length_of_a_session_chain() {
    let world = World::new().await;
    let scopes = json!({"scopes": ["tokens:write", "webhooks:read"]});
    let (_, mut by) =
        made(&world, ACME, json!({"name": "b", "scopes": ["tokens:write", "webhooks:read"]})).await;
    for _ in 0..8 {
        by = session(&world, &by, scopes.clone()).await["token"].as_str().unwrap().to_owned();
        assert_eq!(status(&world, &by).await, 200);
    }
    let ninth = link(&world, &by, &scopes).await.json();
    exchange(&world, ninth["code"].as_str().unwrap()).await.refuses(401, &[]);
}

#[tokio::test]
async fn the_api_rejects_deliveries_of_hookrail_itself() {
    let world = World::new().await;
    for (path, header) in [
        (EVENTS_PATH, "hookrail-sequence"),
        (WEBHOOKS_PATH, "hookrail-attempt"),
        (TOKENS_PATH, "hookrail-test"),
    ] {
        let refused = world.send(Call::post(path, "{}").header(header, "1")).await;
        assert_eq!(refused.status, 508, "{path}: {refused:?}");
        assert!(refused.json()["detail"].as_str().unwrap().contains("must not call"), "{refused:?}");
    }
    assert_eq!(status(&world, ACME).await, 200);
}

#[tokio::test]
async fn a_session_can_sign_itself_out_only() {
    let world = World::new().await;
    let started = session(&world, OPERATOR, json!({"company": "acme"})).await;
    let token = started["token"].as_str().unwrap();
    assert_eq!(started["scopes"].as_array().unwrap().len(), 5);
    assert_eq!(world.send(Call::delete(SESSION_PATH).by(token)).await.status, 204);
    assert_eq!(status(&world, token).await, 401);
    world.send(Call::delete(SESSION_PATH)).await.refuses(403, &[]);
    assert_eq!(status(&world, ACME).await, 200);
}

#[tokio::test]
async fn an_operator_link_names_its_company() {
    let world = World::new().await;
    link(&world, OPERATOR, &json!({})).await.refuses(400, &["company"]);
    link(&world, OPERATOR, &json!({"company": "nobody"})).await.refuses(400, &["company"]);
    link(&world, ACME, &json!({"company": "other"})).await.refuses(400, &["company"]);
}

#[tokio::test]
async fn the_audit_log_records_links_and_sessions() {
    let world = World::new().await;
    let started = session(&world, ACME, json!({})).await;
    let token = started["token"].as_str().unwrap().to_owned();
    assert_eq!(world.send(Call::delete(SESSION_PATH).by(&token)).await.status, 204);
    let log = world.send(Call::get(AUDIT_PATH)).await.json();
    let mut actions: Vec<_> =
        log.as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["link.create", "session.end", "session.start"]);
    assert!(!log.to_string().contains(&token) && !log.to_string().contains("hkl_"));
}
