//! Fields and query parameters that a call does not know: refused by name on every route.

use hookrail_api::auth::Access;
use hookrail_api::route::Route;
use hookrail_api::{JOBS_PATH, LOGS_PATH, NAMED_PATH, TOKENS_PATH, WEBHOOKS_PATH};
use http::Method;
use serde_json::{Value, json};

use crate::matrix::{acme, good};
use crate::platform::named_webhook;
use crate::world::{ACME, Answer, Call, OPERATOR, World, webhook};

const UNKNOWN: &str = "unknownField";

/// Calls whose body is an event: its fields are the platform's.
const EVENTS: [&str; 2] = ["/api/v3/event", "/api/v3/event/rejected/{id}/push"];

fn owner(route: &Route) -> &'static str {
    if route.access == Access::Operator { OPERATOR } else { ACME }
}

/// Returns the state that calls of acme can change, and the number of sent messages.
async fn state(world: &World) -> (Vec<Value>, usize) {
    let mut lists = Vec::new();
    for path in [WEBHOOKS_PATH, NAMED_PATH, JOBS_PATH, TOKENS_PATH] {
        lists.push(world.send(Call::get(path)).await.json());
    }
    (lists, world.queue.sent().len())
}

#[track_caller]
fn names_it(route: &Route, answer: &Answer, reason: &str) {
    let problem = answer.json();
    assert_eq!(answer.status, 400, "{} {}: {problem}", route.method, route.path);
    let expected = json!([{ "field": UNKNOWN, "reason": reason }]);
    assert_eq!(problem["errors"], expected, "{} {}: {problem}", route.method, route.path);
}

#[tokio::test]
async fn every_call_refuses_an_unknown_field_by_name() {
    let routes = World::new().await.routes;
    let with_body = |route: &&Route| [Method::POST, Method::PATCH, Method::PUT].contains(&route.method);
    let mut events = Vec::new();
    for route in routes.iter().filter(with_body) {
        if EVENTS.contains(&route.path.as_str()) {
            events.push(route.path.as_str());
            continue;
        }
        let world = World::new().await;
        let (call, _) = good(route, &acme(&world).await);
        let before = state(&world).await;
        let mut fields: Value = serde_json::from_slice(&call.body).unwrap();
        fields[UNKNOWN] = json!(1);
        let call = Call { body: fields.to_string().into_bytes(), ..call };
        let answer = world.send(call.by(owner(route))).await;
        names_it(route, &answer, "is an unknown field");
        assert_eq!(state(&world).await, before, "{} {}", route.method, route.path);
    }
    assert_eq!(events, EVENTS);
}

#[tokio::test]
async fn every_call_refuses_an_unknown_query_parameter_by_name() {
    for route in &World::new().await.routes {
        if route.access == Access::Anyone {
            continue;
        }
        let world = World::new().await;
        let (call, status) = good(route, &acme(&world).await);
        let path = call.path.clone();
        let asked = |query: &str| Call { path: format!("{path}?{query}"), ..call.clone() }.by(owner(route));
        let answer = world.send(asked(&format!("{UNKNOWN}=1"))).await;
        names_it(route, &answer, "is an unknown query parameter");
        // What clients of the reference systems send is not in the way.
        let answer = world.send(asked("debug=true&include=x")).await;
        assert_eq!(answer.status, status, "{} {}: {answer:?}", route.method, route.path);
    }
}

fn reasons(answer: &Answer) -> Vec<(String, String)> {
    let problem = answer.json();
    let errors = problem["errors"].as_array().unwrap().iter();
    let text = |error: &Value, key: &str| error[key].as_str().unwrap().to_owned();
    errors.map(|error| (text(error, "field"), text(error, "reason"))).collect()
}

#[tokio::test]
async fn a_misspelt_change_changes_nothing() {
    let world = World::new().await;
    let path = format!("{WEBHOOKS_PATH}/{}", world.make_webhook("mine").await);
    let before = world.send(Call::get(&path)).await.json();
    let refused =
        world.send(Call::patch(&path, r#"{"active":false,"isactive":false,"suspend_after":3}"#)).await;
    let expected = [
        ("active", "is an unknown field; did you mean isActive?"),
        ("isactive", "is an unknown field; did you mean isActive?"),
        ("suspend_after", "is an unknown field; did you mean suspendAfter?"),
    ];
    let expected = expected.map(|(field, reason)| (field.to_owned(), reason.to_owned()));
    assert_eq!((refused.status, reasons(&refused)), (400, expected.to_vec()));
    assert_eq!(world.send(Call::get(&path)).await.json(), before);

    let outside = webhook("wide").replace('}', r#","taskGroup":"g1"}"#);
    let refused = world.send(Call::post(WEBHOOKS_PATH, outside)).await;
    let reason = "is an unknown field; did you mean context.taskGroup?";
    assert_eq!(reasons(&refused), [("taskGroup".to_owned(), reason.to_owned())]);
    assert_eq!(world.send(Call::get(WEBHOOKS_PATH)).await.json(), json!([before]));

    let resut =
        world.send(Call::get(&format!("{}?resut=FAILED", path.replace(WEBHOOKS_PATH, LOGS_PATH)))).await;
    let reason = "is an unknown query parameter; did you mean result?";
    assert_eq!(reasons(&resut), [("resut".to_owned(), reason.to_owned())]);

    let secret = world.send(Call::patch(&path, r#"{"secret":"whsec_x"}"#)).await;
    assert!(reasons(&secret)[0].1.contains("/secret/rotate"), "{secret:?}");
}

#[tokio::test]
async fn what_the_api_shows_can_be_sent_back() {
    let world = World::new().await;
    let path = format!("{WEBHOOKS_PATH}/{}", world.make_webhook("mine").await);
    let mut shown = world.send(Call::get(&path)).await.json();
    for (field, value) in [("createdAt", json!("2022-05-05T20:04:40.084Z")), ("modifiedAt", json!(null))] {
        shown[field] = value;
    }
    assert_eq!(world.send(Call::patch(&path, shown.to_string())).await.status, 200);
    shown["code"] = json!("copy");
    assert_eq!(world.send(Call::post(WEBHOOKS_PATH, shown.to_string())).await.status, 201);

    assert_eq!(world.send(Call::post(NAMED_PATH, named_webhook("n"))).await.status, 200);
    let path = format!("{NAMED_PATH}/n?include=details");
    let shown = world.send(Call::get(&path)).await.json()["webhook"].clone();
    assert_eq!(world.send(Call::put(&path, shown.to_string())).await.status, 200);
}
