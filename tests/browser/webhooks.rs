//! The list of webhooks.

use serde_json::json;

use crate::world::{World, quick};

const NAMES: &str = "table.webhooks tbody th";

#[tokio::test]
async fn webhooks_are_searched_paged_and_linked() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    for number in 10..22 {
        world
            .webhook(
                &format!("Orders {number}"),
                &format!("https://example.com/{number}"),
                json!({ "code": format!("orders_{number}") }),
            )
            .await;
    }
    world.webhook("Old", "https://example.com/old", json!({ "isActive": false })).await;
    world.open("#/webhooks").await;
    page.texts(NAMES, 10).await;
    page.sees("1 – 10 of 12").await;
    let heads = page
        .js("[...document.querySelectorAll('.webhooks thead th:not(.check)')].map((each) => each.innerText)")
        .await;
    assert_eq!(heads, json!(["Name", "Trigger", "URL", "State", "Last 24 h", "Edit"]));
    page.press("Next").await;
    page.texts(NAMES, 2).await;
    page.until("location.hash.includes('page=2')").await;
    page.press("Previous").await;
    page.texts(NAMES, 10).await;
    page.js("history.back()").await;
    page.texts(NAMES, 2).await;
    page.press("First").await;
    page.texts(NAMES, 10).await;
    page.choose(".pager select", "25").await;
    page.texts(NAMES, 12).await;
    page.press("More options").await;
    page.click("#disabled").await;
    page.texts(NAMES, 13).await;
    page.sees("Disabled").await;
    page.fill("#search", "orders_15").await;
    assert_eq!(page.texts(NAMES, 1).await, ["Orders 15"]);
    let shared = page.js("location.href").await;
    page.fill("#search", "nothing like this").await;
    page.sees("No webhook has “nothing like this”").await;
    page.press("Show all").await;
    page.texts(NAMES, 13).await;
    // The same address in the same tab shows the same.
    page.goto(shared.as_str().unwrap()).await;
    assert_eq!(page.texts(NAMES, 1).await, ["Orders 15"]);
    page.is_clean().await;
}

#[tokio::test]
async fn selected_webhooks_are_deactivated_after_confirmation_and_reactivated() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    for name in ["Alpha", "Beta", "Gamma"] {
        world.webhook(name, "https://example.com/", json!({})).await;
    }
    world.open("#/webhooks").await;
    page.texts(NAMES, 3).await;
    page.press("Select Alpha").await;
    page.sees("1 selected").await;
    page.press("Select all").await;
    page.sees("3 selected").await;
    page.press("Select Gamma").await;
    page.sees("2 selected").await;
    page.press("Deactivate").await;
    page.sees("No more events are sent to:").await;
    page.press("Cancel").await;
    page.misses("No more events are sent to:").await;
    page.press("Deactivate").await;
    page.click("dialog input[value=drop]").await;
    page.click("dialog .danger").await;
    page.sees("Deactivated: 2.").await;
    page.texts(NAMES, 1).await;
    page.press("More options").await;
    page.click("#disabled").await;
    page.texts(NAMES, 3).await;
    page.press("Select all").await;
    page.press("Activate").await;
    page.sees("Activated: 2.").await;
    page.misses("Disabled").await;
    page.is_clean().await;
}

#[tokio::test]
async fn an_empty_list_has_one_button_and_each_row_opens_its_webhook() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    world.open("").await;
    page.press("Create a webhook").await;
    page.sees("Create webhook").await;
    let id = world.webhook("Alpha", "https://example.com/", json!({})).await;
    page.place("#/webhooks").await;
    page.press("Edit Alpha").await;
    page.until("document.querySelector('#save') !== null").await;
    page.is("location.hash", format!("#/webhooks/{id}")).await;
    page.press("All webhooks").await;
    page.press("Alpha").await;
    page.sees("No records found").await;
    page.press("All webhooks").await;
    page.click("#create").await;
    page.sees("Create webhook").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_row_shows_the_health_of_its_webhook() {
    let stack = crate::world::patient().await;
    let world = World::new(&stack).await;
    let receiver = crate::world::receiver().await;
    let page = &world.page;
    let bad = world.webhook("Bad", &receiver.url("/bad"), json!({})).await;
    let good = world.webhook("Good", &receiver.url("/good"), json!({})).await;
    world.company.push_tasks([1, 2]).await;
    receiver.wait_for("/good", 2, crate::wait::PATIENCE).await;
    world.company.rows_to(&good, 2, crate::wait::PATIENCE).await;
    receiver.wait_for("/bad", 1, crate::wait::PATIENCE).await;
    crate::logs::has_row(&world, &bad).await;
    world.open("#/webhooks").await;
    page.sees("Event #1: attempt 1 of 3 failed").await;
    let day = |id: &str| format!("document.querySelector('[data-id=\"{id}\"] .day').textContent");
    assert!(page.until(&day(&good)).await.as_str().unwrap().starts_with("2 accepted 0 failed"));
    assert!(page.until(&day(&bad)).await.as_str().unwrap().starts_with("0 accepted 1 failed"));
    page.is_clean().await;
}

#[tokio::test]
async fn the_chosen_page_size_applies_and_is_in_the_url() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = crate::world::receiver().await;
    let page = &world.page;
    let logged = world.webhook("Logged", &receiver.url("/ok"), json!({ "code": "logged" })).await;
    for number in 1..=100 {
        let more = json!({ "code": format!("w{number}"), "trigger": "create-edit-delete-user" });
        world.webhook(&format!("Webhook {number}"), "https://example.com/", more).await;
    }
    world.company.push_tasks(1..=101).await;
    world.company.rows_to(&logged, 101, crate::wait::PATIENCE).await;
    world.open("#/webhooks").await;
    for (place, items) in [
        ("#/webhooks".to_owned(), NAMES),
        (format!("#/webhooks/{logged}/logs"), "table.logs tbody tr:not(.earlier)"),
    ] {
        page.place(&place).await;
        page.texts(items, 10).await;
        let sizes =
            page.js("[...document.querySelector('.pager select').options].map((each) => each.value)").await;
        assert_eq!(sizes, json!(["10", "25", "50", "100"]));
        for size in [25, 50, 100, 10] {
            page.choose(".pager select", &size.to_string()).await;
            page.texts(items, size).await;
            page.until(&format!("location.hash.includes('size={size}')")).await;
            page.reload().await;
            page.texts(items, size).await;
            page.is("document.querySelector('.pager select').value", size.to_string()).await;
        }
        page.choose(".pager select", "100").await;
        page.texts(items, 100).await;
        page.press("Next").await;
        page.texts(items, 1).await;
    }
    page.is_clean().await;
}
