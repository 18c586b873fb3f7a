//! Every route times every kind of caller. The routes come from the router's own list: a new one fails here until it
//! says what a good call of it looks like.

use hookrail_api::auth::Access;
use hookrail_api::route::Route;
use hookrail_api::{KAPPS_PATH, NAMED_PATH, TEST_PATH, TRIGGERS_PATH, WEBHOOKS_PATH};
use hookrail_domain::id::{KappSlug, TokenId, WebhookId};
use hookrail_domain::job::Job;
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::progress::Progress;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::token::{Grant, Owner, Scope, TokenHash, TokenRef};
use hookrail_pipeline::store::access::AccessStore;
use hookrail_pipeline::store::jobs::JobStore;
use hookrail_pipeline::store::rejected::RejectedStore;
use hookrail_pipeline::store::{LogStore, WebhookKey};
use hookrail_testkit::contract::jobs::job;
use hookrail_wire::webhook_job;
use http::Method;
use serde_json::json;

use crate::platform::named_webhook;
use crate::queue::row;
use crate::world::{ACME, Answer, Call, NOW, OPERATOR, OTHER, World, company, event, webhook};

/// The objects of acme: a webhook, a row of its log, a second token.
pub(crate) struct Ids {
    webhook: String,
    /// The name of another, in its space and in a kapp.
    named: String,
    row: String,
    token: String,
    /// The row's.
    event: String,
    rejected: String,
    job: String,
}

const KAPP: &str = "catalog";
const SPARE: &str = "spare-token";
const REVOKED: &str = "revoked-token";
const EXPIRED: &str = "expired-token";

pub(crate) async fn acme(world: &World) -> Ids {
    let webhook = world.make_webhook("mine").await;
    let named = "Mine/Submitted".to_owned();
    for path in [NAMED_PATH.to_owned(), format!("{KAPPS_PATH}/{KAPP}/webhooks")] {
        assert_eq!(world.send(Call::post(&path, named_webhook(&named))).await.status, 200);
    }
    let id = WebhookId::parse(&webhook).unwrap();
    let key = WebhookKey { company: company("acme"), webhook: id };
    let row = row(&key, (1, 1), Progress::Ended, 0);
    world.tables.put_row(&row).await.unwrap();
    let rejected = RejectedEvent::new(NOW, "m", &event("acme"));
    // Of acme's, and the same of the operator's, who reads his own.
    for of in [Owner::Company(company("acme")), Owner::Operator] {
        world.tables.keep_rejected(&of, &rejected).await.unwrap();
    }
    let scope = WebhookScope::Kapp(KappSlug::parse(KAPP).unwrap());
    let job = Job { scope, ..job("acme", 7, NOW.0) };
    world.tables.put_job(&job).await.unwrap();
    world.token(SPARE, &Grant::company(company("acme"))).await;
    world.token(REVOKED, &Grant::company(company("acme"))).await;
    let revoked =
        TokenRef { owner: Owner::Company(company("acme")), id: TokenId::of(TokenHash::of(REVOKED)) };
    assert!(world.tables.revoke_token(&revoked).await.unwrap());
    let ended = Grant { expires_at: Some(NOW), ..Grant::company(company("acme")) };
    world.token(EXPIRED, &ended).await;
    Ids {
        webhook,
        named,
        row: row.attempt.number.row_id(id).to_string(),
        token: TokenId::of(TokenHash::of(SPARE)).to_string(),
        event: row.event.to_string(),
        rejected: rejected.id.to_string(),
        job: webhook_job::render_id(&job),
    }
}

/// A good call of the route by its owner, and the status that it gets.
pub(crate) fn good(route: &Route, ids: &Ids) -> (Call, u16) {
    let id = match &route.path {
        path if path.contains("/token/") => &ids.token,
        path if path.contains("/webhookJobs/") => &ids.job,
        path if path.contains("/event/rejected/") => &ids.rejected,
        path if path.contains("/event/") => &ids.event,
        _ => &ids.webhook,
    };
    let path = route.path.replace("{id}", id).replace("{row}", &ids.row);
    let path = path.replace("{*file}", "nothing").replace("{name}", &ids.named.replace('/', "%2F"));
    let path = path.replace("{kappSlug}", KAPP).replace("{scope}", "kapp").replace("{type}", "Form");
    let tail = route.path.strip_prefix(WEBHOOKS_PATH).unwrap_or(&route.path);
    let (body, status) = match (route.method.as_str(), tail) {
        ("POST", "") => (webhook("new"), 201),
        // The webhook of the call is not there for anyone else; the call is answered all the same.
        ("POST", "/bulk") => (r#"{"ids":["62685990d918fb5557f9f992"],"isActive":true}"#.into(), 200),
        ("PATCH", "/{id}") => (r#"{"name":"n"}"#.into(), 200),
        (
            "GET",
            "" | "/{id}" | "/{id}/secret" | "/logs/{id}" | "/logs/{id}/{row}" | "/{id}/queue" | "/{id}/test",
        ) => (String::new(), 200),
        // It is active: its owner is told to deactivate it first.
        ("DELETE", "/{id}") => (String::new(), 409),
        ("POST", "/{id}/secret/rotate" | "/{id}/secret/expire" | "/{id}/test") => ("{}".into(), 200),
        // Nothing waits and nothing was replayed: the owner is told so.
        ("POST", "/{id}/queue/resume" | "/{id}/queue/retry" | "/{id}/queue/skip") => ("{}".into(), 409),
        ("GET", "/{id}/replay") => (String::new(), 404),
        ("DELETE", "/{id}/replay") => (String::new(), 409),
        ("POST", "/{id}/replay" | "/logs/{id}/{row}/redeliver") => ("{}".into(), 202),
        ("POST", "/api/v3/webhook/test") => {
            (r#"{"url":"https://www.server.com","trigger":"logout-user"}"#.into(), 200)
        }
        ("POST", "/api/v3/event" | "/api/v3/event/rejected/{id}/push") => (event("acme"), 202),
        ("POST", "/api/v3/company") => ("{}".into(), 201),
        ("POST", "/api/v3/token") => (r#"{"name":"n","scopes":["logs:read"]}"#.into(), 201),
        (
            "GET",
            "/api/v3/trigger"
            | "/api/v3/token"
            | "/api/v3/token/self"
            | "/api/v3/audit"
            | "/api/v3/event/{id}"
            | "/api/v3/event/rejected"
            | "/api/v3/event/rejected/{id}",
        ) => (String::new(), 200),
        ("DELETE", "/api/v3/token/{id}") => (String::new(), 204),
        ("POST", "/api/v3/panel/link") => ("{}".into(), 201),
        // A code that was never made; a token that is not a session's.
        ("POST", "/api/v3/panel/session") => (r#"{"code":"hkl_x"}"#.into(), 401),
        ("DELETE", "/api/v3/panel/session") => (String::new(), 403),
        ("GET", "/api/v3/openapi.json" | "/api/v3/reference" | "/panel" | "/panel/") => (String::new(), 200),
        ("POST", "/app/api/v1/webhooks" | "/app/api/v1/kapps/{kappSlug}/webhooks") => {
            (named_webhook("New"), 200)
        }
        ("PUT", "/app/api/v1/webhooks/{name}" | "/app/api/v1/kapps/{kappSlug}/webhooks/{name}") => {
            (r#"{"isActive":false}"#.into(), 200)
        }
        ("PUT", path) if path.contains("/webhookJobs/") => ("{}".into(), 200),
        ("POST", path) if path.ends_with("/webhookJobs") => {
            let content = r#"{"event":{"type":"Form","action":"Created"},"kapp":{"slug":"catalog"}}"#;
            let body = json!({ "url": "https://www.server.com/x", "requestContent": content });
            (body.to_string(), 200)
        }
        ("POST", "/app/api/v1/meta/webhooks/try") => (r#"{"type":"Form","event":{}}"#.into(), 200),
        ("GET" | "DELETE", path) if path.starts_with("/app/api/v1/") => (String::new(), 200),
        // A file that never was.
        ("GET", "/panel/{*file}") => (String::new(), 404),
        (method, path) => panic!("say what a good call of {method} {path} is"),
    };
    let call = Call::new(route.method.clone(), &path, body.into_bytes());
    let has_body = [Method::POST, Method::PATCH, Method::PUT].contains(&route.method);
    (if has_body { call.header("content-type", "application/json") } else { call }, status)
}

/// Returns whether the route responds in the form of the platform API.
fn is_platform(route: &Route) -> bool {
    route.path.starts_with("/app/api/v1/")
}

async fn sent(route: &Route, by: impl FnOnce(Call) -> Call) -> Answer {
    let world = World::new().await;
    let ids = acme(&world).await;
    world.send(by(good(route, &ids).0)).await
}

#[track_caller]
fn check(route: &Route, who: &str, answer: &Answer, expected: u16) {
    assert_eq!(answer.status, expected, "{} {} by {who}: {answer:?}", route.method, route.path);
}

#[tokio::test]
async fn each_route_serves_its_owner_only() {
    let routes = World::new().await.routes;
    assert!(25 <= routes.len(), "{routes:?}");
    for route in &routes {
        let world = World::new().await;
        let (_, status) = good(route, &acme(&world).await);
        let own = match route.access {
            Access::Operator => OPERATOR,
            _ => ACME,
        };
        check(route, "its owner", &sent(route, |call| call.by(own)).await, status);
        let anonymous = sent(route, |call| call.without("authorization")).await;
        if route.access == Access::Anyone {
            check(route, "anonymous", &anonymous, status);
            continue;
        }
        check(route, "anonymous", &anonymous, 401);
        for token in ["malformed token", "", REVOKED, EXPIRED, "hkr_unknown"] {
            check(route, token, &sent(route, |call| call.by(token)).await, 401);
        }
        let basic = |call: Call| call.header("authorization", "Basic YTpi");
        check(route, "basic auth", &sent(route, basic).await, 401);
    }
}

#[tokio::test]
async fn each_route_names_the_missing_scope_of_a_token() {
    for route in &World::new().await.routes {
        let scope = match route.access {
            Access::Company(scope) | Access::CompanyOrOperator(scope) => scope,
            Access::Operator => Scope::Operator,
            Access::AnyToken | Access::Anyone => continue,
        };
        let world = World::new().await;
        let ids = acme(&world).await;
        let scopes = Scope::COMPANY.into_iter().filter(|one| *one != scope).collect();
        world.token("narrow", &Grant { scopes, ..Grant::company(company("acme")) }).await;
        let answer = world.send(good(route, &ids).0.by("narrow")).await;
        check(route, "a narrow token", &answer, 403);
        let detail = if is_platform(route) { "error" } else { "detail" };
        assert_eq!(answer.json()[detail], format!("the token lacks the scope {}", scope.name()));
        // And that scope alone is enough.
        if scope != Scope::Operator {
            world.token("just", &Grant { scopes: vec![scope], ..Grant::company(company("acme")) }).await;
            let status = world.send(good(route, &ids).0.by("just")).await.status;
            assert!(![401, 403].contains(&status), "{} {}: {status}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn no_route_reads_or_changes_another_company() {
    for route in &World::new().await.routes {
        let world = World::new().await;
        let ids = acme(&world).await;
        let before = world.tables.everything_of(&company("acme"));
        let (call, status) = good(route, &ids);
        let answer = world.send(call.by(OTHER)).await;
        let expected = match route.access {
            Access::Operator => 403,
            // Another company in the body.
            _ if route.path.ends_with("/event") => 400,
            _ if route.path.contains("{id}") || route.path.contains("{name}") => 404,
            _ => status,
        };
        check(route, "another company", &answer, expected);
        let text = String::from_utf8_lossy(&answer.body);
        let of_acme = [&ids.webhook, &ids.named, &ids.row, &ids.token, "acme", "whsec_"];
        // What everyone is told alike, published samples among it.
        let is_public = route.access == Access::Anyone || route.path == TRIGGERS_PATH;
        let is_told = of_acme.iter().find(|secret| text.contains(**secret) && !is_public);
        // A secret made for this one test, and its caller's own.
        let is_told = is_told.filter(|secret| (**secret, route.path.as_str()) != ("whsec_", TEST_PATH));
        assert_eq!(is_told, None, "{} {}: {text}", route.method, route.path);
        assert_eq!(world.tables.everything_of(&company("acme")), before, "{} {}", route.method, route.path);
        assert!(world.queue.sent().iter().all(|(_, message)| !message.group.contains("acme")));
    }
}

#[tokio::test]
async fn an_operator_acts_for_named_companies_and_cannot_read_theirs_by_id() {
    for route in &World::new().await.routes {
        let world = World::new().await;
        let (call, status) = good(route, &acme(&world).await);
        let answer = world.send(call.by(OPERATOR)).await;
        let expected = match (route.access, route.path.as_str()) {
            (Access::Company(_), _) => 403,
            // Acme's token is none of the operator's own, who must name acme.
            (_, "/api/v3/token/{id}") => 404,
            // An operator's token of a company's scope; whose panel is not said.
            (_, "/api/v3/token") if route.method == Method::POST => 400,
            (_, "/api/v3/panel/link") => 400,
            _ => status,
        };
        check(route, "an operator", &answer, expected);
    }
}
