//! Companies, made by an operator.

use hookrail_api::{COMPANIES_PATH, WEBHOOKS_PATH};
use serde_json::json;

use crate::world::{Call, OPERATOR, World, event, webhook};

fn create(body: &str) -> Call {
    Call::post(COMPANIES_PATH, body).by(OPERATOR)
}

#[tokio::test]
async fn a_new_companys_token_has_all_company_scopes() {
    let world = World::new().await;
    let answer = world.send(create(r#"{"company":"new-co"}"#)).await;
    assert_eq!((answer.status, &answer.json()["company"]), (201, &json!("new-co")));
    let made = answer.json();
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("hkr_"));
    assert_eq!(
        world.send(Call::post(WEBHOOKS_PATH, webhook("a")).by(token)).await.json()["company"],
        "new-co"
    );
    assert_eq!(world.send(Call::push(event("new-co")).by(token)).await.status, 202);
    world.send(create("{}").by(token)).await.refuses(403, &[]);
}

#[tokio::test]
async fn a_company_without_a_name_gets_an_id_of_24_hexadecimal_digits() {
    let world = World::new().await;
    for call in [create("{}"), create("").without("content-type"), create("")] {
        let made = world.send(call).await.json();
        let company = made["company"].as_str().unwrap();
        assert!(company.len() == 24 && company.bytes().all(|byte| byte.is_ascii_hexdigit()), "{company}");
    }
}

#[tokio::test]
async fn a_company_is_created_only_once() {
    let world = World::new().await;
    world.send(create(r#"{"company":"acme"}"#)).await.refuses(409, &["company"]);
}

#[tokio::test]
async fn rejects_invalid_companies() {
    let world = World::new().await;
    world.send(create(r#"{"company":"a b"}"#)).await.refuses(400, &["company"]);
    world.send(create(r#"{"company":7}"#)).await.refuses(400, &["company"]);
    world.send(create("[]")).await.refuses(400, &[""]);
    world.send(create("{")).await.refuses(400, &[""]);
}

#[tokio::test]
async fn an_unwritable_company_returns_503() {
    let world = World::new().await;
    world.tables.fail_at("create_company");
    world.send(create("{}")).await.refuses(503, &[]);
}
