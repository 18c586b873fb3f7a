//! The queue of a webhook, and its manual actions.

use serde_json::json;

use crate::logs::has_row;
use crate::wait::PATIENCE;
use crate::world::{World, patient, quick, receiver};

#[tokio::test]
async fn the_head_of_the_queue_is_shown_retried_and_skipped() {
    let stack = patient().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/bad"), json!({})).await;
    world.company.push_tasks([1, 2]).await;
    has_row(&world, &id).await;
    world.open(&format!("#/webhooks/{id}/queue")).await;
    page.sees("attempt 1 of 3").await;
    page.sees("Blocked since").await;
    let left = page.until("document.querySelector('#queue [data-until]').textContent").await;
    assert!(left.as_str().unwrap().starts_with("09:") || left == "10:00", "{left}");
    page.click("#retry").await;
    page.sees("The event is being sent now.").await;
    receiver.wait_for("/bad", 2, PATIENCE).await;
    page.sees("attempt 2 of 3").await;
    page.click("#skip").await;
    page.sees("Skip event #1?").await;
    page.click("dialog .danger").await;
    page.sees("The event was skipped.").await;
    // The next event comes when its own delay is over.
    page.sees("No events are waiting").await;
    let rows = world.company.rows(&id).await;
    assert_eq!(rows.last().and_then(|row| row.error.as_deref()), Some("skipped"));
    page.is_clean().await;
}

#[tokio::test]
async fn a_suspended_webhook_shows_its_reason_and_is_resumed() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/bad"), json!({ "suspendAfter": 1 })).await;
    world.company.push_tasks([1, 2, 3]).await;
    world.open(&format!("#/webhooks/{id}/queue")).await;
    page.sees("Suspended").await;
    page.sees("They are delivered in order when it recovers.").await;
    let hits = receiver.hits_at("/bad").len();
    page.click("#resume").await;
    page.sees("The oldest parked event is being sent now.").await;
    receiver.wait_for("/bad", hits + 1, PATIENCE).await;
    page.place(&format!("#/webhooks/{id}/logs")).await;
    page.sees("PARKED").await;
    page.choose("#result", "PARKED").await;
    page.until("location.hash.includes('result=PARKED')").await;
    page.sees("PARKED").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_range_is_replayed_with_progress_and_a_chart_of_the_day() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/ok"), json!({})).await;
    world.company.push_tasks(1..=5).await;
    world.company.rows_to(&id, 5, PATIENCE).await;
    world.open(&format!("#/webhooks/{id}/queue")).await;
    page.sees("No replay yet.").await;
    let chart = page.until("document.querySelector('.chart svg')?.getAttribute('aria-label')").await;
    assert_eq!(chart, "Attempts of the last 24 hours, by the hour: 5 accepted, 0 failed");
    page.until("document.querySelector('.screen:has(#queue dl):has(#replay p) .chart svg') !== null").await;
    page.click("#start-replay").await;
    page.choose("dialog [name=since]", "2999-01-01T00:00").await;
    page.choose("dialog [name=result]", "ALL").await;
    page.click("dialog .primary").await;
    page.sees("the webhook's log has no event of this time").await;
    page.choose("dialog [name=since]", "").await;
    page.click("dialog .primary").await;
    page.sees("events #1 to #5").await;
    receiver.wait_for("/ok", 10, PATIENCE).await;
    page.sees("5 of 5 processed, 5 accepted, 0 failed").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_replay_is_cancelled_after_confirmation() {
    let stack = patient().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/ok"), json!({})).await;
    world.company.push_tasks([1, 2]).await;
    world.company.rows_to(&id, 2, PATIENCE).await;
    world.company.change(&id, json!({ "url": receiver.url("/bad") })).await;
    world.open(&format!("#/webhooks/{id}/queue")).await;
    page.until("document.querySelector('.screen:has(#queue dl):has(#replay p) .chart svg') !== null").await;
    page.click("#start-replay").await;
    page.choose("dialog [name=result]", "ALL").await;
    page.click("dialog .primary").await;
    page.click("#cancel").await;
    page.sees("Cancel the replay?").await;
    page.click("dialog .danger").await;
    page.sees("Cancelled").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_replay_ends_before_the_given_time() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/ok"), json!({})).await;
    world.company.push_tasks(1..=3).await;
    world.company.rows_to(&id, 3, PATIENCE).await;
    world.open(&format!("#/webhooks/{id}/queue")).await;
    // The field takes whole seconds, in the time of the browser.
    let until = page
        .js("window.border = Math.ceil((Date.now() + 1) / 1000) * 1000; \
             new Date(border - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 19)")
        .await;
    page.until("border <= Date.now()").await;
    world.company.push_tasks([4, 5]).await;
    world.company.rows_to(&id, 5, PATIENCE).await;
    page.until("document.querySelector('.screen:has(#queue dl):has(#replay p) .chart svg') !== null").await;
    page.click("#start-replay").await;
    page.choose("dialog [name=until]", until.as_str().unwrap()).await;
    page.choose("dialog [name=result]", "ALL").await;
    page.click("dialog .primary").await;
    page.sees("events #1 to #3").await;
    page.sees("3 of 3 processed, 3 accepted, 0 failed").await;
    let numbers: Vec<_> = receiver.hits_at("/ok").iter().map(crate::receiver::Hit::number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 1, 2, 3]);
    page.is_clean().await;
}
