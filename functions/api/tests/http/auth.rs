//! Permissions of tokens.

use hookrail_api::{COMPANIES_PATH, EVENTS_PATH, LOGS_PATH, WEBHOOKS_PATH};
use hookrail_domain::time::Millis;
use hookrail_domain::token::Grant;

use crate::world::{ACME, Call, NOW, World, company, event, webhook};

#[tokio::test]
async fn a_call_without_a_token_is_refused_with_a_bearer_challenge() {
    let world = World::new().await;
    let answer = world.send(Call::get(WEBHOOKS_PATH).without("authorization")).await;
    answer.refuses(401, &[]);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn rejects_unknown_bearer_tokens() {
    let world = World::new().await;
    for value in ["Bearer unknown", "Bearer ", "Bearer", "Basic YTpi", ACME, &format!("Bearer {ACME}x")] {
        world.send(Call::get(WEBHOOKS_PATH).header("authorization", value)).await.refuses(401, &[]);
    }
    for value in [format!("bearer {ACME}"), format!("BEARER  {ACME}")] {
        assert_eq!(world.send(Call::get(WEBHOOKS_PATH).header("authorization", value)).await.status, 200);
    }
}

#[tokio::test]
async fn a_token_works_until_it_expires() {
    let world = World::new().await;
    let expires_at = Some(NOW.plus_seconds(2));
    world.grant("short", &Grant { expires_at, ..Grant::company(company("brief")) }, "brief").await;
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH).by("short")).await.status, 200);
    world.clock.set(NOW.plus_seconds(2));
    world.send(Call::get(WEBHOOKS_PATH).by("short")).await.refuses(401, &[]);
}

#[tokio::test]
async fn an_oversized_token_is_rejected_without_a_lookup() {
    let world = World::new().await;
    world.tables.fail_at("find_token");
    let call = |chars: usize| Call::get(WEBHOOKS_PATH).by(&"a".repeat(chars));
    world.send(call(8193)).await.refuses(401, &[]);
    world.send(call(8192)).await.refuses(503, &[]);
}

#[tokio::test]
async fn a_token_lookup_is_cached_for_five_seconds() {
    let world = World::new().await;
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.status, 200);
    world.tables.fail_at("find_token");
    world.clock.set(Millis(NOW.0 + 4_999));
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.status, 200);
    world.clock.set(Millis(NOW.0 + 5_000));
    world.send(Call::get(WEBHOOKS_PATH)).await.refuses(503, &[]);
}

#[tokio::test]
async fn a_token_created_after_its_rejection_works_at_once() {
    let world = World::new().await;
    world.send(Call::get(WEBHOOKS_PATH).by("new")).await.refuses(401, &[]);
    world.grant("new", &Grant::company(company("new")), "new").await;
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH).by("new")).await.status, 200);
}

#[tokio::test]
async fn refuses_writes_from_other_sites_and_allows_reads() {
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
async fn paths_match_the_reference_system() {
    assert_eq!(WEBHOOKS_PATH, "/api/v3/webhook/subscription");
    assert_eq!(LOGS_PATH, "/api/v3/webhook/subscription/logs");
    assert_eq!((EVENTS_PATH, COMPANIES_PATH), ("/api/v3/event", "/api/v3/company"));
}
