//! What the first load costs, and how long it takes until there is something to read.

use serde_json::{Value, json};

use crate::wait::{PATIENCE, eventually};
use crate::world::{World, quick, receiver};

/// Webhooks and rows behind the measurement, unless `HOOKRAIL_WEBHOOKS` and `HOOKRAIL_ROWS` say otherwise.
const WEBHOOKS: usize = 50;
const ROWS: u64 = 200;
const BYTES_MAX: u64 = 100_000;

#[expect(clippy::disallowed_methods, reason = "a measurement has no other arguments")]
fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::test]
async fn the_first_load_is_small_and_a_row_is_there_soon() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let (webhooks, rows) = (number("HOOKRAIL_WEBHOOKS", WEBHOOKS), number("HOOKRAIL_ROWS", ROWS));
    let logged = world.webhook("Logged", &receiver.url("/ok"), json!({})).await;
    for count in 1..webhooks {
        let more = json!({ "code": format!("w{count}"), "trigger": "create-edit-delete-user" });
        world.webhook(&format!("Webhook {count}"), "https://example.com/", more).await;
    }
    world.company.push_tasks(1..=rows).await;
    eventually("every event was received", PATIENCE * 20, async || {
        let seen = receiver.hits_at("/ok").len();
        if rows <= u64::try_from(seen).unwrap() { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;

    let code = world.code().await;
    page.goto(&format!("{}#code={code}", stack.ready.panel)).await;
    let row = "document.querySelector('table.webhooks tr[data-id]') !== null && performance.now()";
    let list = page.until(row).await.as_f64().unwrap();
    let files: Value = page
        .js("performance.getEntries().filter((each) => each.transferSize && !each.name.includes('/api/')) \
             .map((each) => each.transferSize)")
        .await;
    let sizes: Vec<u64> = serde_json::from_value(files).unwrap();
    let bytes: u64 = sizes.iter().sum();
    page.goto(&format!("{}#/webhooks/{logged}/logs", stack.ready.panel)).await;
    let row = "document.querySelector('tr[data-log]') !== null && performance.now()";
    let log = page.until(row).await.as_f64().unwrap();
    eprintln!("first load: {bytes} bytes in {} requests", sizes.len());
    eprintln!(
        "{webhooks} webhooks: first row after {list:.0} ms; {rows} rows: first row after {log:.0} ms (files kept)"
    );
    assert!(20 < sizes.len() && bytes < BYTES_MAX, "{bytes} bytes in {} requests", sizes.len());
    let again = page.js("performance.getEntriesByType('resource').filter((each) => !each.name.includes('/api/')).reduce((sum, each) => sum + each.transferSize, 0)").await;
    assert_eq!(again, 0, "files are kept for good");
}
