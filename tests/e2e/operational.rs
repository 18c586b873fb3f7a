//! Tests of operational events.

use serde_json::{Value, json};

use crate::company::Company;
use crate::event;
use crate::receiver::{Act, Receiver};
use crate::stack::Stack;
use crate::wait::{PATIENCE, eventually};

#[tokio::test]
async fn a_company_receives_operational_events_of_its_webhooks_without_loops() {
    // The endpoint of the operational webhook is dead as well: its own failures must not become events.
    let stack = Stack::start("--retry-delay 1 --attempts 2 --suspend-after 2").await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| {
        Act::Answer(match hit.path.as_str() {
            "/dead" | "/deaf" => 500,
            "/gone" => 410,
            _ => 200,
        })
    })
    .await;
    let told = company.webhook_of(&receiver.url("/told"), "hookrail-operational", json!({})).await;
    let deaf = company.webhook_of(&receiver.url("/deaf"), "hookrail-operational", json!({})).await;
    let dead = company.webhook(&receiver.url("/dead")).await;
    let gone = company.webhook_of(&receiver.url("/gone"), "create-edit-delete-user", json!({})).await;
    company.push_tasks([0, 1, 2]).await;
    company.push(event::user(&company.id, 0)).await;

    let expected = vec![
        (dead.clone(), "delivery.exhausted".to_owned()),
        (dead.clone(), "delivery.exhausted".to_owned()),
        (dead.clone(), "webhook.suspended".to_owned()),
        (gone.clone(), "delivery.exhausted".to_owned()),
        (gone.clone(), "webhook.deactivated".to_owned()),
    ];
    eventually("every operational event arrives", PATIENCE, async || {
        let hits = receiver.hits_at("/told");
        let mut seen: Vec<_> = hits
            .iter()
            .map(|hit| {
                let event: Value = serde_json::from_slice(&hit.body).unwrap();
                let text =
                    |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
                (text("/data/subscription"), text("/event"))
            })
            .collect();
        let mut expected = expected.clone();
        seen.sort();
        expected.sort();
        if seen == expected { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
    // Suspended after two events, without an operational event about that.
    eventually("the operational webhook is suspended", PATIENCE, async || {
        let rows = company.rows(&deaf).await;
        if rows.iter().any(|row| row.result == "PARKED") {
            Ok(())
        } else {
            Err(format!("{} rows", rows.len()))
        }
    })
    .await;
    let rows = company.rows_to(&told, 5, PATIENCE).await;
    assert_eq!(rows.len(), 5, "no event about an operational webhook");
}
