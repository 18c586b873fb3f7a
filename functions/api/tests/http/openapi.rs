//! The API's description of itself: it tells of every route, and a change of the contract is a visible change of a file.

use std::collections::BTreeSet;
use std::{env, fs, path};

use hookrail_api::{OPENAPI_PATH, PANEL_PATH, REFERENCE_PATH};
use serde_json::Value;

use crate::world::{Answer, Call, World};

/// The reviewed description, as it was when the contract last changed.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
/// The variable that makes the test write the file again.
const WRITE: &str = "HOOKRAIL_WRITE_OPENAPI";

async fn get(path: &str) -> Answer {
    World::new().await.send(Call::get(path).without("authorization")).await
}

async fn description() -> Value {
    get(OPENAPI_PATH).await.json()
}

/// The operation id, the method and the path of each route that is described.
async fn operations() -> Vec<(String, String, String)> {
    let routes = World::new().await.routes.into_iter();
    let named = routes.filter_map(|route| {
        let title = route.title?;
        Some((title.id.into_owned(), route.method.to_string(), route.path))
    });
    named.collect()
}

#[tokio::test]
async fn describes_every_route_except_panel_files_once() {
    let mut hidden = World::new().await.routes;
    hidden.retain(|route| route.title.is_none());
    assert!(hidden.iter().all(|route| route.path.starts_with(PANEL_PATH)), "{hidden:?}");

    let expected: BTreeSet<_> = operations().await.into_iter().collect();
    assert!(60 <= expected.len(), "{expected:?}");
    let ids: BTreeSet<_> = expected.iter().map(|(id, ..)| id).collect();
    assert_eq!(ids.len(), expected.len());

    let description = description().await;
    let paths = description["paths"].as_object().unwrap().iter();
    let shown = paths.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(|(method, operation)| {
            (operation["operationId"].as_str().unwrap().to_owned(), method.to_uppercase(), path.clone())
        })
    });
    assert_eq!(shown.collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn every_reference_has_a_schema_and_every_schema_is_used() {
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
async fn the_stored_contract_matches_the_api() {
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
async fn the_reference_page_shows_the_whole_contract_without_scripts() {
    let page = get(REFERENCE_PATH).await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let text = String::from_utf8(page.body.clone()).unwrap();
    assert!(!text.contains("<script"));
    for (id, method, path) in operations().await {
        assert!(text.contains(&format!("<code>{method} {path}</code>")), "{method} {path}");
        assert!(text.contains(&format!("href=\"#{id}\"")), "{id}");
    }
    for name in description().await["components"]["schemas"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("<section id=\"{name}\">")), "{name}");
    }
}
