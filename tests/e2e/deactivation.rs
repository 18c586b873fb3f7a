//! A webhook that is switched off while events wait, and on again.

use serde_json::json;

use crate::company::{Company, Row, brief};
use crate::receiver::{Act, Receiver};
use crate::stack::COMMON;
use crate::wait::PATIENCE;

#[tokio::test]
async fn deactivation_ends_what_waits_with_a_visible_row_and_reactivation_resumes() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver =
        Receiver::start(|hit| Act::Answer(if hit.path == "/off" && hit.number() == 0 { 500 } else { 200 }))
            .await;
    let webhook = company.webhook(&receiver.url("/off")).await;
    company.webhook(&receiver.url("/on")).await;
    company.push_tasks([0, 1, 2]).await;
    receiver.wait_for("/off", 1, PATIENCE).await;
    company.change(&webhook, json!({ "isActive": false })).await;
    let rows = company.rows_to(&webhook, 3, PATIENCE).await;
    let skipped: Vec<_> = rows.iter().filter(|row| row.error.as_deref() == Some("disabled")).collect();
    assert_eq!(skipped.iter().map(|row| row.sequence).collect::<Vec<_>>(), [1, 2, 3], "{:?}", brief(&rows));
    assert!(skipped.iter().all(|row| row.is_final() && row.result == "FAILED" && row.status == 409));

    company.push_tasks([3]).await;
    receiver.wait_for("/on", 4, PATIENCE).await;
    company.change(&webhook, json!({ "isActive": true })).await;
    company.push_tasks([4]).await;
    let rows = company.rows_to(&webhook, 4, PATIENCE).await;
    // Number 4 went to the event after reactivation: the one before it took none.
    assert_eq!(rows.last().map(Row::brief), Some((4, 1, 200)));
    assert_eq!(receiver.numbers_at("/off"), [0, 4]);
    assert_eq!(receiver.numbers_at("/on"), [0, 1, 2, 3, 4]);
}
