//! The bytes and calls of the first load, and the time until there is something to read.

use serde_json::{Value, json};

use crate::queues::LOG_TABLE;
use crate::wait::PATIENCE;
use crate::world::{World, quick, receiver};

/// Webhooks of a company, at most.
const WEBHOOKS: usize = 1_000;
const ROWS: u64 = 10_000;
/// Items that DynamoDB writes in one call.
const BATCH: usize = 25;
/// The page, its script, its style sheet and its icon.
const FILES: usize = 4;
/// The files with their headers.
const FILE_BYTES_MAX: u64 = 100_000;
/// Calls of the list: the exchange of the link, the first page, the triggers, and for each of ten rows its queue and its latest attempts.
const LIST_CALLS_MAX: u64 = 23;
const LIST_BYTES_MAX: u64 = 100_000;
/// Calls of the log: the webhook, its queue for the head of the page, a page of rows, the queue as of then.
const LOG_CALLS_MAX: u64 = 4;
const LOG_BYTES_MAX: u64 = 20_000;

/// Returns the calls to the API since the page was loaded, and their bytes.
async fn calls(world: &World<'_>) -> (u64, u64) {
    let sizes = world
        .page
        .js("performance.getEntriesByType('resource').filter((each) => each.name.includes('/api/')) \
             .map((each) => each.transferSize)")
        .await;
    let sizes: Vec<u64> = serde_json::from_value(sizes).unwrap();
    (u64::try_from(sizes.len()).unwrap(), sizes.iter().sum())
}

/// Fills a log with rows, straight in its table: copies of its one row, a second apart.
async fn fill(world: &World<'_>, webhook: &str, rows: u64) {
    let stack = world.company.stack;
    let query = json!({
        "TableName": LOG_TABLE,
        "KeyConditionExpression": "pk = :line AND begins_with(sk, :rows)",
        "ExpressionAttributeValues": { ":line": { "S": format!("{}#{webhook}", world.company.id) }, ":rows": { "S": "seq#" } },
    });
    let found = stack.dynamodb("Query", query).await;
    assert_eq!(found["Count"], 1);
    let row = &found["Items"][0];
    let started: u64 = row["startedAt"]["N"].as_str().unwrap().parse().unwrap();
    let copies: Vec<_> = (1..=rows)
        .map(|sequence| {
            let mut copy = row.clone();
            copy["sk"] = json!({ "S": format!("seq#{sequence:020}#{:06}", 1) });
            copy["startedAt"] = json!({ "N": (started - (rows - sequence) * 1000).to_string() });
            json!({ "PutRequest": { "Item": copy } })
        })
        .collect();
    for batch in copies.chunks(BATCH) {
        let written = stack.dynamodb("BatchWriteItem", json!({ "RequestItems": { LOG_TABLE: batch } })).await;
        assert_eq!(written["UnprocessedItems"], json!({}));
    }
}

#[tokio::test]
async fn the_first_load_stays_small_and_the_first_rows_need_few_calls() {
    let stack = quick().await;
    let world = World::new(&stack).await;
    let receiver = receiver().await;
    let page = &world.page;
    let logged = world.webhook("Logged", &receiver.url("/ok"), json!({})).await;
    world.company.push_tasks([1]).await;
    let oldest = world.company.rows_to(&logged, 1, PATIENCE).await.remove(0).id;
    fill(&world, &logged, ROWS).await;
    for count in 1..WEBHOOKS {
        let more = json!({ "code": format!("w{count}"), "trigger": "create-edit-delete-user" });
        world.webhook(&format!("Webhook {count}"), "https://example.com/", more).await;
    }

    let code = world.code().await;
    page.goto(&format!("{}#code={code}", stack.ready.panel)).await;
    let list = page
        .until("document.querySelector('tr[data-id]') !== null && performance.now()")
        .await
        .as_f64()
        .unwrap();
    page.until("document.querySelectorAll('tr[data-id] .day > span').length === 10").await;
    let files: Value = page
        .js("performance.getEntries().filter((each) => each.transferSize && !each.name.includes('/api/')) \
             .map((each) => each.transferSize)")
        .await;
    let files: Vec<u64> = serde_json::from_value(files).unwrap();
    let bytes: u64 = files.iter().sum();
    let list_calls = calls(&world).await;
    page.goto(&format!("{}#/webhooks/{logged}/logs", stack.ready.panel)).await;
    let log = page
        .until("document.querySelector('tr[data-log]') !== null && performance.now()")
        .await
        .as_f64()
        .unwrap();
    let log_calls = calls(&world).await;
    eprintln!("files: {bytes} bytes in {} requests", files.len());
    eprintln!(
        "{WEBHOOKS} webhooks: first row after {list:.0} ms; {} bytes in {} calls",
        list_calls.1, list_calls.0
    );
    eprintln!(
        "{ROWS} rows: first row after {log:.0} ms, files kept; {} bytes in {} calls",
        log_calls.1, log_calls.0
    );
    assert_eq!(files.len(), FILES, "{files:?}");
    assert!(bytes < FILE_BYTES_MAX, "{bytes} bytes");
    assert!(list_calls.0 <= LIST_CALLS_MAX && list_calls.1 <= LIST_BYTES_MAX, "{list_calls:?}");
    assert!(log_calls.0 <= LOG_CALLS_MAX && log_calls.1 <= LOG_BYTES_MAX, "{log_calls:?}");
    let again = page.js("performance.getEntriesByType('resource').filter((each) => !each.name.includes('/api/')).reduce((sum, each) => sum + each.transferSize, 0)").await;
    assert_eq!(again, 0, "files are kept for good");

    // The oldest row, linked from elsewhere, is found without looking through those before it.
    page.goto(&format!("{}#/webhooks/{logged}/logs?log={oldest}", stack.ready.panel)).await;
    page.sees("Event #1").await;
    let found = calls(&world).await;
    assert!(found.0 <= LOG_CALLS_MAX + 2, "{found:?}");
    page.is_clean().await;
}
