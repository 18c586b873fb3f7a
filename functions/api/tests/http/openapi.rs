//! The API's description of itself: it tells of every route, and a change of the contract is a visible change of a file.

use std::collections::BTreeSet;
use std::{env, fs, path};

use hookrail_api::openapi::OPERATIONS;
use hookrail_api::{OPENAPI_PATH, PANEL_PATH, REFERENCE_PATH};
use serde_json::Value;

use crate::world::{Answer, Call, World};

/// What people review: the description as it was when the contract last changed.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
/// Writes the file anew.
const WRITE: &str = "HOOKRAIL_WRITE_OPENAPI";

async fn get(path: &str) -> Answer {
    World::new().await.send(Call::get(path).without("authorization")).await
}

async fn description() -> Value {
    get(OPENAPI_PATH).await.json()
}

#[tokio::test]
async fn every_route_of_the_api_is_described_once_and_nothing_else_is() {
    let world = World::new().await;
    let routes = world.routes.iter().filter(|route| !route.path.starts_with(PANEL_PATH));
    let routes: BTreeSet<_> =
        routes.map(|route| (route.method.as_str().to_owned(), route.path.clone())).collect();
    let operations: Vec<_> = OPERATIONS.iter().copied().flatten().collect();
    let told: BTreeSet<_> =
        operations.iter().map(|one| (one.route.0.to_owned(), one.route.1.to_owned())).collect();
    assert_eq!(told, routes);
    let ids: BTreeSet<_> = operations.iter().map(|one| one.id).collect();
    assert_eq!(ids.len(), operations.len());

    let description = description().await;
    let paths = description["paths"].as_object().unwrap();
    let shown: usize = paths.values().map(|item| item.as_object().unwrap().len()).sum();
    assert_eq!(shown, operations.len());
}

#[tokio::test]
async fn every_reference_leads_to_a_schema_and_every_schema_is_used() {
    let description = description().await;
    let schemas = description["components"]["schemas"].as_object().unwrap();
    let text = description.to_string();
    let used: BTreeSet<_> = text
        .split("\"#/components/schemas/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    assert_eq!(used, schemas.keys().cloned().collect());
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test reads what its caller asks for")]
async fn a_change_of_the_contract_is_a_change_of_its_file() {
    let shown = serde_json::to_string_pretty(&description().await).unwrap() + "\n";
    if env::var_os(WRITE).is_some() {
        fs::write(KEPT, &shown).unwrap();
    }
    let kept = fs::read_to_string(path::Path::new(KEPT)).unwrap();
    let differs = kept.lines().zip(shown.lines()).find(|(kept, shown)| kept != shown);
    assert!(
        kept == shown,
        "the contract has changed, first here: {differs:?}; if it should, run with {WRITE}=1"
    );
}

#[tokio::test]
async fn people_read_the_same_on_one_page_without_scripts() {
    let page = get(REFERENCE_PATH).await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let text = String::from_utf8(page.body.clone()).unwrap();
    assert!(!text.contains("<script"));
    for operation in OPERATIONS.iter().copied().flatten() {
        let (method, path) = operation.route;
        assert!(text.contains(&format!("<code>{method} {path}</code>")), "{method} {path}");
        assert!(text.contains(&format!("href=\"#{}\"", operation.id)));
    }
    for name in description().await["components"]["schemas"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("<section id=\"{name}\">")), "{name}");
    }
}
