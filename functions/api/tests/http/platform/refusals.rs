//! Permissions of callers, and the form of a refusal.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookrail_api::{KAPPS_PATH, META_PATH, NAMED_PATH, WEBHOOKS_PATH};
use hookrail_domain::token::{Grant, Scope};
use lambda_http::{Context, RequestExt};
use serde_json::Value;

use super::{named_webhook, names};
use crate::common::Lines;
use crate::world::{ACME, Call, World, company};

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test]
async fn only_platform_routes_accept_a_token_as_basic_auth_password() {
    let world = World::new().await;
    for user in ["", "admin", "ana@acme.example"] {
        let call = Call::get(NAMED_PATH).header("authorization", basic(user, ACME));
        assert_eq!(world.send(call).await.status, 200, "{user}");
    }
    for bad in [
        basic("admin", "wrong"),
        basic(ACME, ""),
        "Basic".into(),
        "Basic %%%".into(),
        format!("Basic {ACME}"),
    ] {
        let answer = world.send(Call::get(NAMED_PATH).header("authorization", &bad)).await;
        answer.errs(401, "");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{bad}");
    }
    world.send(Call::get(WEBHOOKS_PATH).header("authorization", basic("u", ACME))).await.refuses(401, &[]);
}

#[tokio::test]
async fn reading_and_writing_platform_webhooks_needs_the_matching_scope() {
    let world = World::new().await;
    for (token, scope) in [("reader", Scope::WebhooksRead), ("writer", Scope::WebhooksWrite)] {
        world.token(token, &Grant { scopes: vec![scope], ..Grant::company(company("acme")) }).await;
    }
    let kapp = format!("{KAPPS_PATH}/catalog/webhooks");
    for path in [NAMED_PATH, &kapp] {
        let one = format!("{path}/A");
        let make = || Call::post(path, named_webhook("A"));
        world.send(make().by("reader")).await.errs(403, "webhooks:write");
        assert_eq!(world.send(make().by("writer")).await.status, 200);
        world.send(Call::put(&one, "{}").by("reader")).await.errs(403, "webhooks:write");
        world.send(Call::delete(&one).by("reader")).await.errs(403, "webhooks:write");
        world.send(Call::get(&one).by("writer")).await.errs(403, "webhooks:read");
        assert_eq!(world.send(Call::get(&one).by("reader")).await.status, 200);
        assert_eq!(names(&world, path).await, ["A"]);
    }
}

#[tokio::test]
async fn errors_below_the_platform_path_have_the_platform_format() {
    let world = World::new().await;
    let large = "x".repeat(70 * 1024);
    for (call, status) in [
        (Call::get(NAMED_PATH).without("authorization"), 401),
        (Call::get(&format!("{NAMED_PATH}/nothing")), 404),
        (Call::get("/app/api/v1"), 404),
        (Call::get("/app/api/v1/forms"), 404),
        (Call::get(&format!("{NAMED_PATH}/%FF")), 404),
        (Call::get(&format!("{META_PATH}/types/form")), 404),
        (Call::patch(NAMED_PATH, "{}"), 405),
        (Call::post(&format!("{NAMED_PATH}/A"), "{}"), 405),
        (Call::post(NAMED_PATH, large.clone()), 413),
        (Call::post(NAMED_PATH, named_webhook("A")).header("content-type", "text/plain"), 415),
        (Call::post(NAMED_PATH, named_webhook("A")).header("origin", "https://evil.example.com"), 403),
        (Call::delete(&format!("{NAMED_PATH}/A")).header("origin", "https://evil.example.com"), 403),
        (Call::get(&format!("{NAMED_PATH}?include={}", "x".repeat(11 * 1024))), 431),
    ] {
        world.send(call).await.errs(status, "");
    }
    let wrong = world.send(Call::patch(NAMED_PATH, "{}")).await;
    assert_eq!(wrong.header("allow"), Some("GET,HEAD,POST"));
    let wrong = world.send(Call::post(&format!("{NAMED_PATH}/A"), "{}")).await;
    assert_eq!(wrong.header("allow"), Some("GET,HEAD,PUT,DELETE"));
    world.tables.fail_at("find_named");
    let away = world.send(Call::get(&format!("{NAMED_PATH}/A"))).await;
    away.errs(503, "the tables cannot be reached");
    assert_eq!(away.header("retry-after"), Some("1"));
    // The other face keeps its own.
    world.send(Call::get("/app/api/v10")).await.refuses(404, &[]);
}

/// The fields of the one line that a failing call writes, and what its caller is told.
async fn failing(context: Option<Context>) -> (Value, Value) {
    let (lines, world) = (Lines::default(), World::new().await);
    world.tables.fail_at("list_subscriptions");
    let logging = lines.subscribe();
    let request = Call::get(NAMED_PATH).into_request();
    let answer = match context {
        Some(context) => world.request(request.with_lambda_context(context)).await,
        None => world.request(request).await,
    };
    drop(logging);
    answer.errs(503, "");
    let line: Value = serde_json::from_str(&lines.text()).unwrap();
    (line["fields"].clone(), answer.json())
}

#[tokio::test]
async fn the_log_and_the_response_share_a_correlation_id() {
    let (line, told) = failing(None).await;
    assert_eq!(line["correlation_id"], told["correlationId"]);
    assert_eq!(told["correlationId"].as_str().unwrap().len(), 32);
    assert_ne!(failing(None).await.1["correlationId"], told["correlationId"]);
    let mut context = Context::default();
    context.request_id = "8a2f2c1e-invocation".to_owned();
    let (line, told) = failing(Some(context)).await;
    assert_eq!(
        (&line["correlation_id"], &told["correlationId"]),
        (&told["correlationId"], &"8a2f2c1e-invocation".into())
    );
}
