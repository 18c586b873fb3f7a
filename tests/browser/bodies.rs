//! Bodies are shown and copied exactly as they are stored: never parsed and written again.

use serde_json::{Value, json};

use crate::logs::{has_row, keep_copies};
use crate::page::Page;
use crate::receiver::{Act, Hit, Receiver};
use crate::wait::PATIENCE;
use crate::world::{World, quick};

/// A number beyond doubles, a number with a zero at the end, names that look like numbers, a repeated name.
const DATA: &str = r#"{"id":12345678901234567891,"n":1.50,"10":1,"2":1,"a":1,"a":2}"#;

/// The levels that an event may have below its own fields.
const DEEP: usize = 98;

/// Returns the text of the part of the details with this title, opened, and the copy of it.
async fn shown_and_copied(page: &Page, title: &str) -> (Value, Value) {
    page.js("void (window.copied = undefined)").await;
    page.press(&format!("Copy: {title}")).await;
    page.until("window.copied !== undefined").await;
    let shown = format!("document.querySelector('.detail pre[aria-label={title}]').textContent");
    (page.js(&shown).await, page.js("window.copied").await)
}

/// Returns the lines of the tree below the name.
async fn lines_of(page: &Page, name: &str) -> Value {
    let found = format!(
        "[...document.querySelectorAll('.json details')].find((each) => each.querySelector('.key')?.textContent === '{name}')"
    );
    page.until(&format!("{found}?.open")).await;
    page.js(&format!(
        "[...{found}.querySelectorAll(':scope > :is(div, details)')].map((each) => each.textContent)"
    ))
    .await
}

/// Makes an event with this text as its data, in the company's own spelling.
fn event_of(company: &str, data: &str) -> String {
    format!("{{\"company\": \"{company}\",\t\"type\":\"COTTask\",\"event\":\"edit\",\"data\":{data} }}")
}

#[tokio::test]
async fn an_event_and_its_response_appear_and_are_copied_byte_for_byte() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    // Half surrogates and numbers beyond doubles are refused in events; a response may have them.
    let answer = r#"{"half":"\ud83d","half twice":"\ude00\ud83d","large":1e400,"n":1.50,"a":1,"a":2}"#;
    let receiver = Receiver::start(move |_: &Hit| Act::Say(200, answer.to_owned())).await;
    let id = world.webhook("Exact", &receiver.url("/"), json!({})).await;
    let deep = format!("{}1.0{}", "[".repeat(DEEP), "]".repeat(DEEP));
    let bodies = [DATA, r#"{"é\u00e9\ud83d\ude00":"\u0041\/ \"}","e":1E+300,"-":-0.0}"#, &deep];
    for data in bodies {
        world.company.push(event_of(&world.company.id, data)).await;
    }
    let rows = world.company.rows_to(&id, bodies.len().try_into().unwrap(), PATIENCE).await;
    world.open(&format!("#/webhooks/{id}/logs")).await;
    keep_copies(&world).await;
    for (row, data) in rows.iter().zip(bodies) {
        page.place(&format!("#/webhooks/{id}/logs?log={}", row.id)).await;
        page.is("document.querySelector('#detail-title')?.textContent", format!("Event #{}", row.sequence))
            .await;
        let event = event_of(&world.company.id, data);
        assert_eq!(shown_and_copied(page, "Event").await, (json!(event), json!(event)));
        assert_eq!(shown_and_copied(page, "Response").await, (json!(answer), json!(answer)));
    }
    page.place(&format!("#/webhooks/{id}/logs?log={}", rows[0].id)).await;
    page.is("document.querySelector('#detail-title')?.textContent", "Event #1").await;
    let lines = json!(["id: 12345678901234567891", "n: 1.50", "10: 1", "2: 1", "a: 1", "a: 2"]);
    assert_eq!(lines_of(page, "data").await, lines);
    page.click(".detail .bytes summary").await;
    page.sees(&event_of(&world.company.id, DATA)).await;
    page.is_clean().await;
}

#[tokio::test]
async fn the_content_of_a_job_s_request_appears_and_is_copied_byte_for_byte() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let receiver = Receiver::start(|_: &Hit| Act::Say(200, DATA.to_owned())).await;
    world.record_webhook("Exact", &receiver.url("/"), json!({})).await;
    let body = format!(
        "{{ \"event\":{{\"type\":\"Submission\",\"action\":\"Submitted\"}},\"values\":{DATA},\"x\":[1.50,\t{{}}] }}"
    );
    world.company.push(body.clone()).await;
    let job = world.company.jobs("all=true", &["Complete"]).await.remove(0);
    world.open(&format!("#/jobs?job={}", job["id"].as_str().unwrap())).await;
    keep_copies(&world).await;
    page.sees("Job of Exact").await;
    assert_eq!(shown_and_copied(page, "Request").await, (json!(body), json!(body)));
    assert_eq!(shown_and_copied(page, "Response").await, (json!(DATA), json!(DATA)));
    let lines = json!(["id: 12345678901234567891", "n: 1.50", "10: 1", "2: 1", "a: 1", "a: 2"]);
    assert_eq!(lines_of(page, "values").await, lines);
    page.is_clean().await;
}

#[tokio::test]
async fn a_test_sends_the_event_as_it_was_typed() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let receiver = Receiver::start(|_: &Hit| Act::Answer(200)).await;
    let id = world.webhook("Exact", &receiver.url("/typed"), json!({})).await;
    world.open(&format!("#/webhooks/{id}")).await;
    page.fill("[name=event]", DATA).await;
    page.click("#test").await;
    page.sees("Status 200 in").await;
    let hit = receiver.wait_for("/typed", 1, PATIENCE).await.remove(0);
    assert_eq!(String::from_utf8(hit.body.to_vec()).unwrap(), DATA);
    page.is_clean().await;
}

#[tokio::test]
async fn a_row_that_is_linked_shows_its_event_too() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let page = &world.page;
    let receiver = Receiver::start(|_: &Hit| Act::Answer(200)).await;
    let id = world.webhook("Exact", &receiver.url("/"), json!({})).await;
    let event = event_of(&world.company.id, DATA);
    world.company.push(event.clone()).await;
    has_row(&world, &id).await;
    let row = world.company.rows_to(&id, 1, PATIENCE).await.remove(0).id;
    // A filter that the row does not pass: it is read by its id.
    world.open(&format!("#/webhooks/{id}/logs?result=FAILED&log={row}")).await;
    page.is("document.querySelector('.detail pre[aria-label=Event]')?.textContent", event).await;
    page.is_clean().await;
}
