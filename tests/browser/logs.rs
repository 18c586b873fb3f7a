//! A webhook's log.

use serde_json::{Value, json};

use crate::wait::{PATIENCE, eventually};
use crate::world::{World, patient, quick, receiver};

const EVENTS: &str = "table.logs tbody tr:not(.earlier)";

/// Waits until the log of a webhook has a row.
pub(crate) async fn has_row(world: &World<'_>, webhook: &str) {
    eventually("a row", PATIENCE, async || {
        if world.company.rows(webhook).await.is_empty() { Err("none".to_owned()) } else { Ok(()) }
    })
    .await;
}

pub(crate) async fn keep_copies(world: &World<'_>) {
    world.page.js("void (navigator.clipboard.writeText = async (text) => { window.copied = text; })").await;
}

#[tokio::test]
async fn attempts_of_an_event_are_grouped_and_open_in_a_side_panel() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/once"), json!({})).await;
    world.company.push_tasks([1]).await;
    let company = &world.company.id;
    let diff = r#"{"/status":{"previous":"open","changedTo":"done"}}"#;
    world
        .company
        .push(format!(
            r#"{{"company":"{company}","type":"COTTask","event":"edit","data":{{"number":2}},"diff":{diff}}}"#
        ))
        .await;
    world.company.rows_to(&id, 2, PATIENCE).await;
    world.open(&format!("#/webhooks/{id}/logs")).await;
    page.texts(EVENTS, 2).await;
    page.press("Earlier attempts: 1").await;
    page.texts("table.logs tr.earlier", 1).await;
    let exact = page.js("document.querySelector('time').title").await;
    assert!(is_exact(exact.as_str().unwrap()), "{exact}");

    page.press("Open event 2, attempt 2").await;
    page.sees("The receiver accepted the event (status 200).").await;
    page.until("location.hash.includes('log=')").await;
    page.is("document.activeElement.id", "detail-title").await;
    page.texts(".timeline li", 2).await;
    let keys = page.js("[...document.querySelectorAll('.json > details > :is(details, div)')].map((each) => each.querySelector('.key').textContent)").await;
    assert_eq!(keys, json!(["company", "type", "event", "data", "diff"]), "in the order of the event");
    page.sees("/status").await;
    keep_copies(&world).await;
    page.press("Copy: Response").await;
    page.until("window.copied").await;
    page.is("window.copied", r#"{"received":true}"#).await;
    page.press("Copy: Event").await;
    page.until("JSON.parse(window.copied).type === 'COTTask'").await;
    page.press("Copy link").await;
    page.until("window.copied === location.href").await;
    let link = page.js("location.href").await;
    page.key("Escape").await;
    page.until("document.querySelector('.detail') === null").await;
    page.press("Open event 1, attempt 2").await;
    page.sees("Event #1").await;
    page.press("Close").await;
    page.until("document.querySelector('.detail') === null && !location.hash.includes('log=')").await;
    page.js("history.back()").await;
    page.sees("Event #1").await;
    page.goto(link.as_str().unwrap()).await;
    page.sees("Event #2").await;
    page.is_clean().await;
}

/// Returns whether a text is a time as `DD/MM/YY - HH:mm:ss`.
fn is_exact(text: &str) -> bool {
    let shape: String =
        text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    shape == "00/00/00 - 00:00:00"
}

#[tokio::test]
async fn log_filters_are_in_the_url_and_pages_use_cursors() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/ok"), json!({})).await;
    world.company.push_tasks(1..=12).await;
    world.company.rows_to(&id, 12, PATIENCE).await;
    world.open(&format!("#/webhooks/{id}/logs")).await;
    let rows = page.texts(EVENTS, 10).await;
    assert!(rows[0].ends_with("#12") && rows[9].ends_with("#3"), "newest first: {rows:?}");
    let heads =
        page.js("[...document.querySelectorAll('.logs thead th')].map((each) => each.innerText)").await;
    assert_eq!(heads, json!(["Result", "Execution Date", "Status", "Duration", "Attempt", "Logs"]));
    page.press("Next").await;
    page.texts(EVENTS, 2).await;
    page.press("Previous").await;
    page.texts(EVENTS, 10).await;
    page.press("Next").await;
    page.press("First").await;
    page.texts(EVENTS, 10).await;
    page.choose(".pager select", "25").await;
    page.texts(EVENTS, 12).await;
    page.choose("#result", "FAILED").await;
    page.sees("No records found").await;
    page.until("location.hash.includes('result=FAILED')").await;
    page.reload().await;
    page.sees("No records found").await;
    page.choose("#result", "SUCCESS").await;
    page.texts(EVENTS, 12).await;
    page.choose("#from", "2999-01-01T00:00").await;
    page.sees("No records found").await;
    page.until("location.hash.includes('from=2999')").await;
    page.click("#clear").await;
    page.texts(EVENTS, 12).await;
    page.choose("#to", "2001-01-01T00:00").await;
    page.sees("No records found").await;
    page.is_clean().await;
}

#[tokio::test]
async fn new_rows_appear_on_request_without_moving_the_list() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/ok"), json!({})).await;
    world.company.push_tasks(1..=3).await;
    world.company.rows_to(&id, 3, PATIENCE).await;
    world.open(&format!("#/webhooks/{id}/logs")).await;
    page.texts(EVENTS, 3).await;
    let place = "document.querySelector('[data-sequence=\"2\"]').getBoundingClientRect().top";
    let before = page.js(place).await;
    world.company.push_tasks([4, 5]).await;
    page.sees("Show new events: 2").await;
    page.texts(EVENTS, 3).await;
    assert_eq!(page.js(place).await, before);
    page.click("#news").await;
    page.texts(EVENTS, 5).await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_waiting_event_counts_down_and_a_parked_one_is_marked() {
    let stack = patient().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/bad"), json!({})).await;
    world.company.push_tasks([1]).await;
    has_row(&world, &id).await;
    world.open(&format!("#/webhooks/{id}/logs")).await;
    page.sees("WAITING").await;
    page.sees("attempt 1 of 3").await;
    let left = "document.querySelector('.next [data-until]').textContent";
    let first = page.until(left).await;
    page.until(&format!("{left} !== {first}")).await;
    page.choose("#result", "WAITING").await;
    page.texts(EVENTS, 1).await;
    world.company.change(&id, json!({ "isActive": false, "waiting": "keep" })).await;
    page.choose("#result", "").await;
    page.sees("Disabled").await;
    page.is_clean().await;
}

#[tokio::test]
async fn an_event_is_redelivered_after_confirmation() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/ok"), json!({})).await;
    world.company.push_tasks([1]).await;
    let rows = world.company.rows_to(&id, 1, PATIENCE).await;
    world.open(&format!("#/webhooks/{id}/logs?log={}", rows[0].id)).await;
    page.press("Redeliver").await;
    page.sees("Send event #1 again?").await;
    page.click("dialog .primary").await;
    page.sees("Event #1 is being sent again.").await;
    let hits = receiver.wait_for("/ok", 2, PATIENCE).await;
    assert_eq!(hits[0].webhook_id(), hits[1].webhook_id());
    page.sees("manual").await;
    let log: Value = page.js("document.querySelector('.logs tbody tr').innerText").await;
    assert!(log.as_str().unwrap().contains("attempt 2"), "{log}");
    page.is_clean().await;
}

#[tokio::test]
async fn a_paused_log_stays_unchanged_until_it_is_live_again() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    page.hold_time().await;
    let id = world.webhook("Alpha", &receiver.url("/ok"), json!({})).await;
    world.company.push_tasks([1]).await;
    world.company.rows_to(&id, 1, PATIENCE).await;
    world.open(&format!("#/webhooks/{id}/logs")).await;
    page.sees("as of").await;
    page.texts(EVENTS, 1).await;
    page.click("#live").await;
    page.misses("as of").await;
    world.company.push_tasks([2, 3]).await;
    world.company.rows_to(&id, 3, PATIENCE).await;
    let calls =
        "performance.getEntriesByType('resource').filter((each) => each.name.includes('/logs/')).length";
    let before = page.js(calls).await;
    page.time_passes().await;
    assert_eq!(page.js(calls).await, before, "nothing is asked for");
    page.texts(EVENTS, 1).await;
    page.is("document.querySelector('#news')", Value::Null).await;
    page.click("#live").await;
    page.sees("Show new events: 2").await;
    page.texts(EVENTS, 1).await;
    world.company.push_tasks([4]).await;
    world.company.rows_to(&id, 4, PATIENCE).await;
    page.time_passes().await;
    page.sees("Show new events: 3").await;
    page.click("#news").await;
    page.texts(EVENTS, 4).await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_large_event_shows_its_beginning_and_the_rest_on_request() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/ok"), json!({})).await;
    let company = &world.company.id;
    let list: Vec<_> = (0..450).collect();
    let diff: serde_json::Map<_, _> = (0..2_000)
        .map(|number| (format!("/field/{number}"), json!({ "previous": number, "changedTo": null })))
        .collect();
    let data = json!({ "number": 1, "list": list, "deep": { "deeper": { "deepest": "found" } } });
    let diff = Value::Object(diff);
    world
        .company
        .push(format!(
            r#"{{"company":"{company}","type":"COTTask","event":"edit","data":{data},"diff":{diff}}}"#
        ))
        .await;
    let rows = world.company.rows_to(&id, 1, PATIENCE).await;
    world.open(&format!("#/webhooks/{id}/logs?log={}", rows[0].id)).await;
    // The table of changes first, then the tree, of which two levels are open.
    page.texts(".diff tbody tr", 200).await;
    page.press("Show 1800 more").await;
    page.texts(".diff tbody tr", 2_000).await;
    let of = |key: &str| {
        format!(
            "[...document.querySelectorAll('.json details')].find((each) => each.querySelector('.key')?.textContent === '{key}')"
        )
    };
    page.is(&format!("{}.open", of("data")), true).await;
    page.is(&format!("{}.open", of("list")), false).await;
    page.js(&format!("{}.querySelector('summary').id = 'list'", of("list"))).await;
    page.click("#list").await;
    let entries = format!("{}.querySelectorAll(':scope > div').length", of("list"));
    page.until(&format!("{entries} === 200")).await;
    page.press("Show 250 more").await;
    page.until(&format!("{entries} === 450")).await;
    page.is(&format!("{}.lastChild.textContent", of("list")), "449: 449").await;
    page.misses("deepest").await;
    for level in ["deep", "deeper"] {
        // What is inside a level is made after it has opened.
        page.until(&format!(
            "{found} && ({found}.querySelector('summary').id = '{level}')",
            found = of(level)
        ))
        .await;
        page.click(&format!("#{level}")).await;
    }
    page.sees("found").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_failed_copy_is_reported() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/ok"), json!({})).await;
    world.company.push_tasks([1]).await;
    let rows = world.company.rows_to(&id, 1, PATIENCE).await;
    world.open(&format!("#/webhooks/{id}/logs?log={}", rows[0].id)).await;
    page.js("void (navigator.clipboard.writeText = () => Promise.reject(new Error('denied')))").await;
    page.press("Copy: Response").await;
    page.sees("The browser does not allow copying").await;
    page.is_clean().await;
}

#[tokio::test]
async fn a_link_to_an_attempt_opens_it_with_the_earlier_attempts() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let id = world.webhook("Alpha", &receiver.url("/once"), json!({})).await;
    world.company.push_tasks(1..=4).await;
    let rows = world.company.rows_to(&id, 4, PATIENCE).await;
    world.open(&format!("#/webhooks/{id}/logs")).await;
    page.texts(EVENTS, 4).await;
    // Behind the first page, with the attempt before it.
    world.company.push_tasks(5..=12).await;
    world.company.rows_to(&id, 12, PATIENCE).await;
    assert_eq!((rows[3].sequence, rows[3].retry), (2, 2));
    page.goto(&format!("{}#/webhooks/{id}/logs?log={}", stack.ready.panel, rows[3].id)).await;
    page.sees("Event #2").await;
    page.texts(".timeline li", 2).await;
    let other = "0".repeat(24);
    page.place(&format!("#/webhooks/{id}/logs?log={other}")).await;
    page.sees("This attempt is no longer in the log.").await;
    page.is_clean().await;
}
