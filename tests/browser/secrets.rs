//! A webhook's signing secret.

use serde_json::json;

use crate::world::{World, quick};

#[tokio::test]
async fn the_secret_is_masked_revealed_copied_rotated_and_expired() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let id = world.webhook("Alpha", "https://example.com/", json!({})).await;
    world.open(&format!("#/webhooks/{id}")).await;
    let text = "(document.querySelector('.secret')?.textContent ?? '')";
    page.until(&format!("{text}.includes('••••')")).await;
    page.click("#reveal").await;
    let first = page.until(&format!("!{text}.includes('•') && {text}")).await;
    assert!(first.as_str().unwrap().starts_with("whsec_"));
    page.click("#reveal").await;
    page.until(&format!("{text}.includes('••••')")).await;

    // A headless browser has no clipboard of its own: the written text is kept instead.
    page.js("void (navigator.clipboard.writeText = async (text) => { window.copied = text; })").await;
    page.press("Copy the signing secret").await;
    page.until("window.copied").await;
    page.is("window.copied", first.clone()).await;

    page.click("#rotate").await;
    page.fill("[name=overlapSeconds]", "1000").await;
    page.click("dialog .danger").await;
    page.until("document.querySelector('[data-field=overlapSeconds] .error').textContent !== ''").await;
    page.fill("[name=overlapSeconds]", "2").await;
    page.click("dialog .danger").await;
    page.sees("An older secret is still valid until").await;
    page.click("#reveal").await;
    let second = page.until(&format!("!{text}.includes('•') && {text}")).await;
    assert_ne!(first, second);
    page.click("#expire").await;
    page.sees("The old secret is no longer valid.").await;
    // The form on the page can still be saved.
    page.fill("[name=name]", "Beta").await;
    page.press("Save").await;
    page.sees("Saved.").await;
    page.is_clean().await;
}
