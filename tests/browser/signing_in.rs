//! Signing in and out.

use serde_json::json;

use crate::wait::{PATIENCE, eventually};
use crate::world::{World, quick};

#[tokio::test]
async fn a_token_signs_in_and_is_requested_again_after_signing_out() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    page.goto(&stack.ready.panel).await;
    page.fill("#token", "hkr_wrong").await;
    page.press("Sign in").await;
    page.sees("This token is not valid").await;
    page.fill("#token", &world.company.token).await;
    page.key("Enter").await;
    page.sees("No webhooks yet").await;
    page.press("Sign out").await;
    page.sees("You are signed out.").await;
    page.is("sessionStorage.length", 0).await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_link_signs_in_once_leaves_the_url_and_ends_at_sign_out() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let url = format!("{}#code={}", stack.ready.panel, world.code().await);
    page.goto(&url).await;
    page.sees("No webhooks yet").await;
    page.is("location.hash", "").await;
    page.is("localStorage.getItem('hookrail.session')", json!(null)).await;
    let token = page.js("JSON.parse(sessionStorage.getItem('hookrail.session')).token").await;
    page.press("Sign out").await;
    page.sees("You are signed out.").await;
    // Another sandbox of the API may have read the session a moment ago, and caches it for some seconds.
    eventually("the session is not valid", PATIENCE, async || {
        let own = stack.request(reqwest::Method::GET, "/api/v3/token/self", token.as_str());
        match own.send().await.unwrap().status().as_u16() {
            401 => Ok(()),
            status => Err(status.to_string()),
        }
    })
    .await;
    page.goto(&url).await;
    page.sees("The link was already used, or it has expired.").await;
    page.is_clean().await;
}

#[tokio::test]
async fn an_expired_session_is_reported_and_returns_to_the_same_page() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    world.open("#/webhooks?search=x").await;
    page.sees("No webhook has “x”").await;
    // As it is when its time is over.
    page.js("void sessionStorage.setItem('hookrail.session', sessionStorage.getItem('hookrail.session').replace('hkr_', 'hkr_0'))").await;
    page.press("Show all").await;
    page.sees("Your session has expired.").await;
    page.fill("#token", &world.company.token).await;
    page.press("Sign in").await;
    page.sees("No webhooks yet").await;
    page.is_clean().await;
}
