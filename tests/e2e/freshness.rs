//! Tests that an event sees every change of a webhook that was confirmed before it was pushed.

use serde_json::json;

use crate::company::{Company, TASK_TRIGGER};
use crate::event::task_in;
use crate::receiver::{Act, Hit, Receiver};
use crate::stack::COMMON;
use crate::wait::PATIENCE;

const ROUNDS: u64 = 20;

#[tokio::test]
async fn an_event_pushed_right_after_its_webhook_was_created_is_delivered() {
    let stack = COMMON.get().await;
    // One company for all rounds, so that its webhooks are cached when the next one is created.
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    for round in 0..ROUNDS {
        let (path, group) = (format!("/{round}"), format!("g{round}"));
        let context = json!({ "taskGroup": group });
        company.webhook_of(&receiver.url(&path), TASK_TRIGGER, context).await;
        company.push(task_in(&company.id, round, &group)).await;
        receiver.wait_for(&path, 1, PATIENCE).await;
        assert_eq!(receiver.numbers_at(&path), [round]);
    }
}

#[tokio::test]
async fn an_event_pushed_right_after_a_change_uses_the_change() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    let everything = company.webhook(&receiver.url("/everything")).await;
    let narrowed = company.webhook(&receiver.url("/narrowed")).await;
    for round in 0..ROUNDS {
        let (group, arrived) = (format!("g{round}"), usize::try_from(round).unwrap() + 1);
        company.change(&narrowed, json!({ "context": { "taskGroup": group } })).await;
        company.push(task_in(&company.id, round, &group)).await;
        receiver.wait_for("/narrowed", arrived, PATIENCE).await;
        // Selected by the change of the previous round, and no longer.
        company.push(task_in(&company.id, 1000 + round, &format!("g{}", round.wrapping_sub(1)))).await;
    }
    company.rows_to(&everything, 2 * ROUNDS, PATIENCE).await;
    assert_eq!(receiver.numbers_at("/narrowed"), (0..ROUNDS).collect::<Vec<_>>());
    assert_eq!(company.rows_to(&narrowed, ROUNDS, PATIENCE).await.len() as u64, ROUNDS);
}

#[tokio::test]
async fn a_waiting_event_is_sent_to_the_current_url() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| Act::Answer(if hit.path == "/old" { 500 } else { 200 })).await;
    let webhook = company.webhook(&receiver.url("/old")).await;
    company.push_tasks([0, 1]).await;
    receiver.wait_for("/old", 1, PATIENCE).await;
    company.change(&webhook, json!({ "url": receiver.url("/new") })).await;
    receiver.wait_for("/new", 2, PATIENCE).await;
    assert_eq!(receiver.numbers_at("/new"), [0, 1]);
    let ids: Vec<_> = receiver.hits_at("/new").iter().map(|hit| hit.webhook_id().to_owned()).collect();
    assert_eq!(ids.first().map(String::as_str), receiver.hits_at("/old").first().map(Hit::webhook_id));
}
