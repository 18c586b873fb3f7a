//! Who may do what.

use hookrail_adapters::store::ConfigStore;
use hookrail_api::{COMPANIES_PATH, EVENTS_PATH, LOGS_PATH, WEBHOOKS_PATH};
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Scope, TokenHash};

use crate::world::{ACME, Call, NOW, OPERATOR, World, company, event, webhook};

const ID: &str = "62685990d918fb5557f9f992";

/// One call of each route, with the scope that it needs.
fn calls() -> Vec<(Call, Scope)> {
    vec![
        (Call::get(WEBHOOKS_PATH), Scope::WebhooksRead),
        (Call::post(WEBHOOKS_PATH, webhook("a")), Scope::WebhooksWrite),
        (Call::get(&format!("{WEBHOOKS_PATH}/{ID}")), Scope::WebhooksRead),
        (Call::patch(&format!("{WEBHOOKS_PATH}/{ID}"), "{}"), Scope::WebhooksWrite),
        (Call::get(&format!("{LOGS_PATH}/{ID}")), Scope::LogsRead),
        (Call::get(&format!("{WEBHOOKS_PATH}/{ID}/queue")), Scope::LogsRead),
        (Call::post(&format!("{WEBHOOKS_PATH}/{ID}/queue/resume"), "{}"), Scope::DeliveriesWrite),
        (Call::post(&format!("{WEBHOOKS_PATH}/{ID}/queue/retry"), "{}"), Scope::DeliveriesWrite),
        (Call::post(&format!("{WEBHOOKS_PATH}/{ID}/queue/skip"), "{}"), Scope::DeliveriesWrite),
        (Call::get(&format!("{WEBHOOKS_PATH}/{ID}/replay")), Scope::LogsRead),
        (Call::post(&format!("{WEBHOOKS_PATH}/{ID}/replay"), "{}"), Scope::DeliveriesWrite),
        (Call::delete(&format!("{WEBHOOKS_PATH}/{ID}/replay")), Scope::DeliveriesWrite),
        (Call::post(&format!("{LOGS_PATH}/{ID}/{ID}/redeliver"), "{}"), Scope::DeliveriesWrite),
        (Call::push(event("acme")), Scope::EventsWrite),
        (Call::post(COMPANIES_PATH, "{}"), Scope::Operator),
    ]
}

#[tokio::test]
async fn every_route_asks_for_a_bearer_token_and_never_for_a_password() {
    let world = World::new().await;
    for (call, _) in calls() {
        let answer = world.send(call.without("authorization")).await;
        answer.refuses(401, &[]);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn what_is_no_known_bearer_token_is_refused() {
    let world = World::new().await;
    for value in ["Bearer unknown", "Bearer ", "Bearer", "Basic YTpi", ACME, &format!("Bearer {ACME}x")] {
        world.send(Call::get(WEBHOOKS_PATH).header("authorization", value)).await.refuses(401, &[]);
    }
    for value in [format!("bearer {ACME}"), format!("BEARER  {ACME}")] {
        assert_eq!(world.send(Call::get(WEBHOOKS_PATH).header("authorization", value)).await.status, 200);
    }
}

#[tokio::test]
async fn a_token_works_until_it_expires_and_no_longer() {
    let world = World::new().await;
    let expires_at = Some(NOW.plus_seconds(2));
    world.grant("short", &Grant { expires_at, ..Grant::company(company("brief")) }, "brief").await;
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH).by("short")).await.status, 200);
    world.clock.set(NOW.plus_seconds(2));
    world.send(Call::get(WEBHOOKS_PATH).by("short")).await.refuses(401, &[]);
}

#[tokio::test]
async fn every_route_names_the_scope_that_a_token_lacks() {
    let world = World::new().await;
    for (index, (call, scope)) in calls().into_iter().enumerate() {
        let (token, name) = (format!("token-{index}"), format!("company-{index}"));
        let scopes = Scope::COMPANY.into_iter().filter(|one| *one != scope).collect();
        world.grant(&token, &Grant { scopes, ..Grant::company(company(&name)) }, &name).await;
        let answer = world.send(call.by(&token)).await;
        answer.refuses(403, &[]);
        assert_eq!(answer.json()["detail"], format!("the token lacks the scope {}", scope.name()));
    }
}

#[tokio::test]
async fn one_scope_opens_its_own_routes() {
    let world = World::new().await;
    for (index, (call, scope)) in calls().into_iter().enumerate().take(6) {
        let (token, name) = (format!("token-{index}"), format!("company-{index}"));
        world.grant(&token, &Grant { scopes: vec![scope], ..Grant::company(company(&name)) }, &name).await;
        let status = world.send(call.by(&token)).await.status;
        assert!(![401, 403].contains(&status), "{} answered {status}", scope.name());
    }
}

#[tokio::test]
async fn an_operator_has_no_webhooks_and_no_logs() {
    let world = World::new().await;
    for (call, _) in calls().into_iter().take(5) {
        world.send(call.by(OPERATOR)).await.refuses(403, &[]);
    }
}

#[tokio::test]
async fn what_was_read_about_a_token_is_believed_for_five_seconds_only() {
    let world = World::new().await;
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.status, 200);
    world.tables.fail_at("find_grant");
    world.clock.set(Millis(NOW.0 + 4_999));
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.status, 200);
    world.clock.set(Millis(NOW.0 + 5_000));
    world.send(Call::get(WEBHOOKS_PATH)).await.refuses(503, &[]);
}

#[tokio::test]
async fn a_token_made_after_it_was_refused_works_at_once() {
    let world = World::new().await;
    world.send(Call::get(WEBHOOKS_PATH).by("new")).await.refuses(401, &[]);
    let grant = Grant::company(company("new"));
    world.tables.create_company(&company("new"), TokenHash::of("new"), &grant).await.unwrap();
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH).by("new")).await.status, 200);
}

#[tokio::test]
async fn writes_from_pages_of_other_sites_are_refused_and_reads_are_not() {
    let world = World::new().await;
    let foreign = |call: Call| call.header("origin", "https://evil.example.com");
    world.send(foreign(Call::push(event("acme")))).await.refuses(403, &[]);
    world.send(foreign(Call::post(WEBHOOKS_PATH, webhook("a")))).await.refuses(403, &[]);
    world.send(Call::push(event("acme")).header("origin", "null")).await.refuses(403, &[]);
    assert_eq!(world.send(foreign(Call::get(WEBHOOKS_PATH))).await.status, 200);
    let own = Call::push(event("acme")).header("origin", "https://api.example.com");
    assert_eq!(world.send(own).await.status, 202);
    assert_eq!(world.sent_bodies(), [event("acme")]);
}

#[tokio::test]
async fn paths_name_what_the_reference_system_names() {
    assert_eq!(WEBHOOKS_PATH, "/api/v3/webhook/subscription");
    assert_eq!(LOGS_PATH, "/api/v3/webhook/subscription/logs");
    assert_eq!((EVENTS_PATH, COMPANIES_PATH), ("/api/v3/event", "/api/v3/company"));
}
