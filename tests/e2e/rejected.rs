//! What is no event of its company is set aside with the reason, and holds up nobody.

use serde_json::Value;

use crate::company::Company;
use crate::event::task;
use crate::receiver::Receiver;
use crate::stack::Stack;
use crate::wait::{PATIENCE, eventually};

#[tokio::test]
async fn what_is_no_event_of_its_company_is_set_aside_with_the_reason_and_the_next_ones_go_out_in_order() {
    // Its own stack, so that the dead letters are few enough to be read at once.
    let stack = Stack::start("--retry-delay 1").await;
    let (company, other) = (Company::new(&stack).await, Company::new(&stack).await);
    let receiver = Receiver::accepting().await;
    company.webhook(&receiver.url("/own")).await;
    other.webhook(&receiver.url("/other")).await;
    let good = |number| task(&company.id, number);
    let bad = [
        ("not_json", "no json".to_owned()),
        ("not_json", "[1]".to_owned()),
        ("company_mismatch", task(&other.id, 66)),
        ("unknown_event", good(66).replace("COTTask", "COTPlanet")),
        ("unknown_event", good(66).replace("edit", "explode")),
        ("bad_field", good(66).replace(r#""type":"COTTask""#, r#""type":7"#)),
        ("bad_field", r#"{"type":"COTTask","event":"edit"}"#.to_owned()),
    ];
    for (number, (reason, body)) in (0..).zip(&bad) {
        stack.send_event(&company.id, &format!("good-{number}"), &good(number)).await;
        stack.send_event(&company.id, &format!("bad-{number}-{reason}"), body).await;
    }
    stack.send_event(&company.id, "good-last", &good(bad.len() as u64)).await;
    let expected: Vec<_> = (0..=bad.len() as u64).collect();
    eventually("the good ones arrive in order", PATIENCE, async || match receiver.numbers_at("/own") {
        numbers if numbers == expected => Ok(()),
        numbers => Err(format!("{numbers:?}")),
    })
    .await;
    let dead = stack.dead_events(&company.id).await;
    let dead: Vec<_> =
        dead.iter().map(|dead| (dead.reason.as_deref().unwrap_or("none"), dead.body.clone())).collect();
    assert_eq!(dead, bad);
    assert!(receiver.hits_at("/other").is_empty(), "nobody is sent another company's event");
    let events_left = stack.depth(&stack.ready.events_queue_url).await.all();
    assert_eq!(events_left, 0, "what is set aside is acknowledged");
}

#[tokio::test]
async fn a_group_that_is_no_company_is_set_aside() {
    let stack = Stack::start("").await;
    let group = "no/company!";
    stack.send_event(group, "1", &task("acme", 1)).await;
    let reasons = eventually("the event is set aside", PATIENCE, async || {
        let dead = stack.dead_events(group).await;
        if dead.is_empty() { Err("nothing".to_owned()) } else { Ok(dead) }
    })
    .await;
    let reasons: Vec<_> = reasons.into_iter().map(|dead| Value::from(dead.reason)).collect();
    assert_eq!(reasons, ["group_no_company"]);
}
