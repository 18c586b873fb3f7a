//! Tests of rejected events: they are kept with the reason, and delay no other event.

use hookrail_api::REJECTED_PATH;
use reqwest::Method;
use serde_json::{Value, json};

use crate::company::Company;
use crate::event::task;
use crate::receiver::Receiver;
use crate::stack::{Answer, COMMON, Stack};
use crate::wait::{PATIENCE, eventually};

#[tokio::test]
async fn an_invalid_event_is_rejected_with_a_reason_and_order_is_kept() {
    // Its own stack, so that few dead letters have to be read.
    let stack = Stack::start("--retry-delay 1").await;
    let (company, other) = (Company::new(&stack).await, Company::new(&stack).await);
    let receiver = Receiver::accepting().await;
    company.webhook(&receiver.url("/own")).await;
    other.webhook(&receiver.url("/other")).await;
    let good = |number| task(&company.id, number);
    let bad = [
        ("is not JSON", "no json".to_owned()),
        ("must be a JSON object", "[1]".to_owned()),
        ("the company of the token", task(&other.id, 66)),
        ("is not an event type", good(66).replace("COTTask", "COTPlanet")),
        ("is not an action", good(66).replace("edit", "explode")),
        ("must be a string", good(66).replace(r#""type":"COTTask""#, r#""type":7"#)),
        ("is missing", r#"{"type":"COTTask","event":"edit"}"#.to_owned()),
    ];
    for (number, (_, body)) in (0..).zip(&bad) {
        stack.send_event(&company.id, &format!("good-{number}"), &good(number)).await;
        stack.send_event(&company.id, &format!("bad-{number}"), body).await;
    }
    stack.send_event(&company.id, "good-last", &good(bad.len() as u64)).await;
    let expected: Vec<_> = (0..=bad.len() as u64).collect();
    eventually("the good ones arrive in order", PATIENCE, async || match receiver.numbers_at("/own") {
        numbers if numbers == expected => Ok(()),
        numbers => Err(format!("{numbers:?}")),
    })
    .await;
    let rejected = company.rejected(bad.len()).await;
    for ((reason, body), rejected) in bad.iter().zip(&rejected) {
        let told = rejected["errors"][0].to_string();
        assert_eq!((&rejected["body"], told.contains(reason)), (&json!(body), true), "{reason}: {told}");
    }
    assert!(receiver.hits_at("/other").is_empty(), "no company receives another company's event");
    let events_left = stack.depth(&stack.ready.events_queue_url).await.all();
    assert_eq!(events_left, 0, "a rejected event is acknowledged");
}

#[tokio::test]
async fn a_corrected_rejected_event_is_sent_after_newer_events() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    company.webhook(&receiver.url("/corrected")).await;
    stack.send_event(&company.id, "bad", &task(&company.id, 1).replace("COTTask", "COTPlanet")).await;
    let rejected = company.rejected(1).await;
    company.push_tasks([2]).await;
    receiver.wait_for("/corrected", 1, PATIENCE).await;
    let path = format!("{REJECTED_PATH}/{}/push", rejected[0]["_id"].as_str().unwrap());
    let corrected = task(&company.id, 1);
    let answer = stack.post(&path, &company.token, corrected.as_str()).await.expect(202).json();
    receiver.wait_for("/corrected", 2, PATIENCE).await;
    assert_eq!(receiver.numbers_at("/corrected"), [2, 1]);
    let event = format!("/api/v3/event/{}", answer["event"].as_str().unwrap());
    let shown = eventually("the event is found across webhooks", PATIENCE, async || {
        match company.ask(Method::GET, &event, Value::Null).await {
            (200, shown) => Ok(shown),
            (status, _) => Err(status.to_string()),
        }
    });
    let shown = shown.await;
    assert_eq!(
        (&shown["deliveries"][0]["result"], &shown["deliveries"][0]["sequence"]),
        (&json!("SUCCESS"), &json!(2))
    );
}

#[tokio::test]
async fn an_event_of_an_invalid_company_is_listed_for_the_operator() {
    let stack = Stack::start("").await;
    stack.send_event("no/company!", "1", &task("acme", 1)).await;
    let body = eventually("the event is listed", PATIENCE, async || {
        let call = stack.request(Method::GET, REJECTED_PATH, Some(&stack.ready.operator_token));
        let listed = Answer::to(call).await.expect(200).json();
        listed[0]["body"].as_str().map(ToOwned::to_owned).ok_or_else(|| listed.to_string())
    });
    assert_eq!(body.await, task("acme", 1));
}
