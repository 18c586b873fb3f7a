//! Tests that a slow or dead endpoint delays no other webhook.

use std::time::Duration;

use crate::company::{Company, brief};
use crate::queues::LOG_TABLE;
use crate::receiver::{Act, Receiver};
use crate::stack::{COMMON, Stack};
use crate::wait::PATIENCE;

/// Within the stack's time-out of 5 s, and far above the time that the fast endpoint needs.
const SLOW: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_dead_endpoint_does_not_delay_other_webhooks() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| Act::Answer(if hit.path == "/dead" { 500 } else { 200 })).await;
    let dead = company.webhook(&receiver.url("/dead")).await;
    company.webhook(&receiver.url("/healthy")).await;
    company.push_tasks(0..20).await;
    receiver.wait_for("/healthy", 20, PATIENCE).await;
    assert_eq!(receiver.numbers_at("/healthy"), (0..20).collect::<Vec<_>>());
    // Three attempts a second apart: the dead one needs two seconds for each event.
    let rows = company.rows(&dead).await;
    assert!(rows.last().is_none_or(|row| row.sequence < 10), "{:?}", brief(&rows));
}

#[tokio::test]
async fn a_fast_endpoint_continues_while_a_slow_one_of_its_batch_is_busy() {
    // Its own stack, so that events of other tests are not part of the batch.
    let stack = Stack::start("--retry-delay 1 --timeout 5").await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| match hit.path.as_str() {
        "/slow" => Act::Late(SLOW, 200),
        _ => Act::Late(Duration::from_millis(5), 200),
    })
    .await;
    let slow = company.webhook(&receiver.url("/slow")).await;
    let fast = company.webhook(&receiver.url("/fast")).await;
    company.push_tasks(0..5).await;
    let hits = receiver.wait_for("/fast", 5, PATIENCE).await;
    let slow_hits = receiver.wait_for("/slow", 1, PATIENCE).await;
    let began_at = slow_hits.first().unwrap().at;
    for hit in &hits {
        let after = hit.at - began_at.min(hit.at);
        assert!(after < SLOW / 2, "event {} came {after:?} after the slow one's first", hit.number());
    }
    // Both were in one batch, so the fast one was released early.
    company.rows_to(&slow, 1, PATIENCE).await;
    let mut runs = Vec::new();
    for webhook in [&slow, &fast] {
        let key = (&*format!("{}#{webhook}", company.id), &*format!("seq#{:020}#{:06}", 1, 1));
        runs.push(stack.attribute(LOG_TABLE, key, "run").await);
    }
    assert_eq!(runs.first(), runs.last(), "one invocation had both");
}

#[tokio::test]
async fn a_slow_endpoint_does_not_delay_retries_of_another_in_its_batch() {
    let stack = Stack::start("--retry-delay 1 --timeout 5").await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| match (hit.path.as_str(), hit.earlier) {
        ("/slow", _) => Act::Late(SLOW, 200),
        (_, 0) if hit.number() == 0 => Act::Answer(500),
        _ => Act::Answer(200),
    })
    .await;
    company.webhook(&receiver.url("/slow")).await;
    let failing = company.webhook(&receiver.url("/failing")).await;
    company.push_tasks(0..5).await;
    let hits = receiver.wait_for("/failing", 6, PATIENCE).await;
    let began_at = receiver.wait_for("/slow", 1, PATIENCE).await.first().unwrap().at;
    for hit in &hits {
        let after = hit.at - began_at.min(hit.at);
        assert!(after < SLOW, "{:?} came {after:?} after the slow one's first", hit.brief());
    }
    let rows = company.rows_to(&failing, 5, PATIENCE).await;
    assert_eq!(brief(&rows), [(1, 1, 500), (1, 2, 200), (2, 1, 200), (3, 1, 200), (4, 1, 200), (5, 1, 200)]);
}
