//! The list of platform webhooks, the way to it, and its Spanish texts.

use serde_json::json;

use crate::world::{World, quick};

const NAMES: &str = "table.records tbody th";

async fn several(world: &World<'_>) {
    let url = "https://example.com/${form('slug')}";
    for (name, more) in [
        ("Orders in", json!({})),
        (
            "Orders out",
            json!({ "kapp": "services", "event": "Closed", "filter": "values('Model') === 'X1'" }),
        ),
        ("Forms", json!({ "kapp": "catalog", "type": "Form", "event": "Created" })),
        ("People", json!({ "type": "User", "event": "Created", "url": "https://example.com/" })),
    ] {
        world.record_webhook(name, url, more).await;
    }
}

#[tokio::test]
async fn platform_webhooks_are_filtered_by_name_scope_type_and_event() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    several(&world).await;
    world.webhook("On tasks", "https://example.com/", json!({})).await;
    world.open("").await;
    page.press("Platform webhooks").await;
    assert_eq!(page.texts(NAMES, 4).await, ["Forms", "Orders in", "Orders out", "People"]);
    page.is("document.querySelector('.places [aria-current]').textContent", "Platform webhooks").await;
    let heads =
        page.js("[...document.querySelectorAll('.records thead th')].map((each) => each.textContent)").await;
    assert_eq!(heads, json!(["Name", "Scope", "Type", "Filter", "URL", "State", "Updated", "Delete"]));
    page.sees("Submission · Closed").await;
    page.sees("values('Model') === 'X1'").await;
    page.sees("all events").await;
    page.fill("#starts", "orders").await;
    page.texts(NAMES, 2).await;
    page.choose("#scope", "kapp:services").await;
    assert_eq!(page.texts(NAMES, 1).await, ["Orders out"]);
    let shared = page.js("location.href").await;
    page.choose("#scope", "space").await;
    assert_eq!(page.texts(NAMES, 1).await, ["Orders in"]);
    page.choose("#event", "Closed").await;
    page.sees("No webhook matches the filters.").await;
    page.press("Show all").await;
    page.texts(NAMES, 4).await;
    page.choose("#type", "User").await;
    assert_eq!(page.texts(NAMES, 1).await, ["People"]);
    let events = page.js("[...document.querySelector('#event').options].map((each) => each.value)").await;
    assert_eq!(events, json!(["", "Created", "Deleted", "Login", "Logout", "Membership Change", "Updated"]));
    // The same address in the same tab shows the same.
    page.goto(shared.as_str().unwrap()).await;
    assert_eq!(page.texts(NAMES, 1).await, ["Orders out"]);
    page.click("#create").await;
    page.is("document.querySelector('[name=kappSlug]')?.value", "services").await;
    page.is_clean().await;
}

#[tokio::test]
async fn deleting_asks_for_confirmation_and_removes_one_webhook() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    several(&world).await;
    world.open("#/records").await;
    page.press("Delete Orders out").await;
    page.sees("Delete Orders out?").await;
    page.sees("Kapp services. You cannot undo this.").await;
    page.press("Cancel").await;
    page.texts(NAMES, 4).await;
    page.press("Delete Orders out").await;
    page.click("dialog .danger").await;
    page.sees("Orders out was deleted.").await;
    assert_eq!(page.texts(NAMES, 3).await, ["Forms", "Orders in", "People"]);
    page.reload().await;
    page.texts(NAMES, 3).await;
    page.is_clean().await;
}

#[tokio::test]
async fn many_platform_webhooks_are_paged() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    for number in 10..22 {
        world.record_webhook(&format!("Orders {number}"), "https://example.com/", json!({})).await;
    }
    world.open("#/records").await;
    page.texts(NAMES, 10).await;
    page.sees("1 – 10 of 12").await;
    page.press("Next").await;
    page.texts(NAMES, 2).await;
    page.choose(".pager select", "25").await;
    page.texts(NAMES, 12).await;
    page.is_clean().await;
}

#[tokio::test]
async fn platform_webhooks_and_jobs_are_translated_to_spanish() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    several(&world).await;
    world.open("#/records").await;
    page.texts(NAMES, 4).await;
    page.choose("#language", "es").await;
    page.sees("Webhooks de plataforma").await;
    page.sees("todos los eventos").await;
    page.press("Orders in").await;
    page.sees("se borran el evento, el filtro y la URL.").await;
    page.press("Probar").await;
    page.sees("El filtro es verdadero").await;
    page.press("Trabajos").await;
    page.sees("En cola").await;
    page.sees("No se encontraron registros").await;
    page.is("document.documentElement.lang", "es").await;
    page.is_clean().await;
}
