//! Tests of a platform that pushes by SQS with an ordinary client, and of the request to the receiver.

use standardwebhooks::Webhook;

use crate::company::Company;
use crate::event::task;
use crate::queues::CONFIG_TABLE;
use crate::receiver::{Act, Hit, Receiver};
use crate::stack::{COMMON, Stack};
use crate::wait::PATIENCE;

const SAMPLE: &str = include_str!("../../events/samples/cot_event_task_create.json");

/// Reads the signing secret of a webhook from the tables.
async fn secret_of(stack: &Stack, company: &str, webhook: &str) -> String {
    let key = (&*format!("company#{company}"), &*format!("secret#{webhook}"));
    stack.attribute(CONFIG_TABLE, key, "secret").await
}

#[tokio::test]
async fn the_published_sample_sent_by_sqs_arrives_unchanged_and_signed() {
    let stack = Stack::start("").await;
    let company = Company::first(&stack);
    let receiver = Receiver::accepting().await;
    let webhook = company.webhook(&receiver.url("/sample")).await;
    stack.send_event(&company.id, "sample-1", SAMPLE).await;
    let hits = receiver.wait_for("/sample", 1, PATIENCE).await;
    let hit = hits.first().unwrap();
    assert_eq!(std::str::from_utf8(&hit.body).unwrap(), SAMPLE);
    for (name, value) in [
        ("content-type", "application/json"),
        ("user-agent", concat!("Hookrail/", env!("CARGO_PKG_VERSION"))),
        ("accept-encoding", "identity"),
        ("hookrail-sequence", "1"),
        ("hookrail-attempt", "1"),
    ] {
        assert_eq!(hit.header(name), value, "{name}");
    }
    let (delivery, sequence) = hit.webhook_id().split_once('_').unwrap();
    assert_eq!((delivery.len(), sequence), (24, "1"));
    assert!(delivery.bytes().all(|byte| byte.is_ascii_hexdigit()), "{delivery}");
    let verifier = Webhook::new(&secret_of(&stack, &company.id, &webhook).await).unwrap();
    verifier.verify(&hit.body, &hit.headers).unwrap();
    // The verifier refuses another body, and the secret of another webhook.
    let forged = SAMPLE.replace("create", "delete");
    assert_eq!(
        verifier.verify(forged.as_bytes(), &hit.headers).unwrap_err().to_string(),
        "signature invalid"
    );
    let other = company.webhook(&receiver.url("/other")).await;
    let other = Webhook::new(&secret_of(&stack, &company.id, &other).await).unwrap();
    assert_eq!(other.verify(&hit.body, &hit.headers).unwrap_err().to_string(), "signature invalid");
    let rows = company.rows_to(&webhook, 1, PATIENCE).await;
    assert_eq!(
        rows.iter().map(|row| (row.delivery.as_str(), row.event.get())).collect::<Vec<_>>(),
        [(delivery, SAMPLE.trim())]
    );
}

#[tokio::test]
async fn a_retry_keeps_its_webhook_id_with_a_new_attempt_number_and_signature() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| Act::Answer(if hit.earlier == 0 { 500 } else { 200 })).await;
    let webhook = company.webhook(&receiver.url("/retry")).await;
    company.push_tasks([1]).await;
    let hits = receiver.wait_for("/retry", 2, PATIENCE).await;
    let [first, second] = hits.as_slice() else { panic!("{} requests", hits.len()) };
    assert_eq!(first.webhook_id(), second.webhook_id());
    assert_eq!((first.brief(), second.brief()), ((1, 1, 500), (1, 2, 200)));
    assert_eq!(first.body, second.body);
    assert_ne!(first.header("webhook-timestamp"), second.header("webhook-timestamp"));
    let verifier = Webhook::new(&secret_of(&stack, &company.id, &webhook).await).unwrap();
    for hit in [first, second] {
        verifier.verify(&hit.body, &hit.headers).unwrap();
    }
}

#[tokio::test]
async fn an_event_sent_twice_with_one_deduplication_id_is_delivered_once() {
    let stack = COMMON.get().await;
    let (one, other) = (Company::new(&stack).await, Company::new(&stack).await);
    let receiver = Receiver::accepting().await;
    for (company, path) in [(&one, "/one"), (&other, "/other")] {
        company.webhook(&receiver.url(path)).await;
        for (id, number) in [("a", 1), ("a", 1), ("b", 2)] {
            stack.send_event(&company.id, id, &task(&company.id, number)).await;
        }
    }
    // The same ids of another company are other events.
    for path in ["/one", "/other"] {
        receiver.wait_for(path, 2, PATIENCE).await;
        assert_eq!(receiver.hits_at(path).iter().map(Hit::number).collect::<Vec<_>>(), [1, 2]);
    }
}
