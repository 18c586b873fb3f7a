//! Tests of webhooks that are deactivated while events wait, by a person or a 410, and activated again.

use serde_json::json;

use crate::company::{Company, Row, brief};
use crate::receiver::{Act, Receiver};
use crate::stack::{COMMON, seconds};
use crate::wait::{PATIENCE, eventually};

#[tokio::test]
async fn deactivation_drops_the_queue_with_visible_rows_and_activation_resumes() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver =
        Receiver::start(|hit| Act::Answer(if hit.path == "/off" && hit.number() == 0 { 500 } else { 200 }))
            .await;
    let webhook = company.webhook(&receiver.url("/off")).await;
    company.webhook(&receiver.url("/on")).await;
    company.push_tasks([0, 1, 2]).await;
    receiver.wait_for("/off", 1, PATIENCE).await;
    company.change(&webhook, json!({ "isActive": false, "waiting": "drop" })).await;
    let rows = company.rows_to(&webhook, 3, PATIENCE).await;
    let skipped: Vec<_> = rows.iter().filter(|row| row.error.as_deref() == Some("disabled")).collect();
    assert_eq!(skipped.iter().map(|row| row.sequence).collect::<Vec<_>>(), [1, 2, 3], "{:?}", brief(&rows));
    assert!(skipped.iter().all(|row| row.is_final() && row.result == "FAILED" && row.status == 409));

    company.push_tasks([3]).await;
    receiver.wait_for("/on", 4, PATIENCE).await;
    company.change(&webhook, json!({ "isActive": true })).await;
    company.push_tasks([4]).await;
    let rows = company.rows_to(&webhook, 4, PATIENCE).await;
    // Sequence 4 belongs to the event after the activation: the one before it took none.
    assert_eq!(rows.last().map(Row::brief), Some((4, 1, 200)));
    assert_eq!(receiver.numbers_at("/off"), [0, 4]);
    assert_eq!(receiver.numbers_at("/on"), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn activation_sends_the_queue_kept_during_deactivation_first() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    // The webhook is deactivated while its first request is open.
    let receiver = Receiver::start(|hit| match (hit.number(), hit.attempt()) {
        (0, 1) => Act::Late(seconds(3), 500),
        _ => Act::Answer(200),
    })
    .await;
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks([0, 1, 2]).await;
    receiver.wait_for("/", 1, PATIENCE).await;
    company.change(&webhook, json!({ "isActive": false })).await;
    let parked = async || {
        let rows = company.rows(&webhook).await;
        let parked = rows.iter().filter(|row| row.result == "PARKED").count();
        if parked == 3 { Ok(()) } else { Err(format!("{:?}", brief(&rows))) }
    };
    eventually("all three are parked", PATIENCE, parked).await;
    assert_eq!(receiver.hits_at("/").len(), 1, "nothing is sent to an inactive webhook");
    company.change(&webhook, json!({ "isActive": true })).await;
    company.push_tasks([3]).await;
    let rows = company.rows_to(&webhook, 4, PATIENCE).await;
    assert_eq!(receiver.numbers_at("/"), [0, 1, 2, 3], "{:?}", brief(&rows));
}

#[tokio::test]
async fn a_gone_endpoint_deactivates_its_webhook_and_loses_nothing() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| Act::Answer(if hit.path == "/old" { 410 } else { 200 })).await;
    let webhook = company.webhook(&receiver.url("/old")).await;
    company.push_tasks([0, 1, 2]).await;
    let found = eventually("the webhook is deactivated", PATIENCE, async || {
        let webhook = company.find(&webhook).await;
        if webhook["isActive"] == false { Ok(webhook) } else { Err(webhook.to_string()) }
    })
    .await;
    assert_eq!(found["inactiveReason"], "the endpoint responded 410 Gone");
    assert_eq!(receiver.numbers_at("/old"), [0], "it is asked once");
    company.change(&webhook, json!({ "isActive": true, "url": receiver.url("/new") })).await;
    receiver.wait_for("/new", 3, PATIENCE).await;
    assert_eq!(receiver.numbers_at("/new"), [0, 1, 2]);
}
