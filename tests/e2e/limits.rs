//! Tests of the largest events, end to end, and of one byte more.

use crate::company::{Company, EVENTS};
use crate::event::{task, task_of_size};
use crate::random::Seed;
use crate::receiver::{Act, Receiver};
use crate::stack::{COMMON, seconds};
use crate::wait::PATIENCE;

const EVENT_BYTES_MAX: usize = 256 * 1024;

#[tokio::test]
async fn the_largest_event_is_delivered_and_logged_byte_for_byte() {
    let seed = Seed::draw();
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    // Two attempts, since only the first row stores the body.
    let receiver = Receiver::start(|hit| Act::Answer(if hit.earlier == 0 { 500 } else { 200 })).await;
    let webhook = company.webhook(&receiver.url("/large")).await;
    let by_api = task_of_size(&company.id, 1, EVENT_BYTES_MAX, |chars| seed.text(chars));
    let by_sqs = task_of_size(&company.id, 2, EVENT_BYTES_MAX, |chars| seed.text(chars));
    company.push(by_api.as_str()).await;
    stack.send_event(&company.id, "by-sqs", &by_sqs).await;
    let rows = company.rows_to(&webhook, 2, PATIENCE).await;
    let hits = receiver.hits_at("/large");
    let expected = [&by_api, &by_api, &by_sqs, &by_sqs];
    assert_eq!((rows.len(), hits.len()), (4, 4));
    for ((hit, row), event) in hits.iter().zip(&rows).zip(expected) {
        assert!(&*hit.body == event.as_bytes(), "request {:?} differs", hit.brief());
        assert!(row.event.get() == event, "row {:?} differs", row.brief());
    }
}

#[tokio::test]
async fn the_api_refuses_one_byte_more_and_fan_out_rejects_it() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    company.webhook(&receiver.url("/more")).await;
    let too_large = task_of_size(&company.id, 1, EVENT_BYTES_MAX + 1, |chars| "x".repeat(chars));
    let answer = stack.post(EVENTS, &company.token, too_large.as_str()).await.expect(413);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    // In the middle of a call, the whole call is refused, and the error names the event.
    let call = format!("[{},{too_large}]", task(&company.id, 2));
    let answer = stack.post(EVENTS, &company.token, call).await.expect(413).json();
    assert_eq!(answer.pointer("/errors/0/field").unwrap(), "[1]");
    stack.send_event(&company.id, "too-large", &too_large).await;
    stack.send_event(&company.id, "next", &task(&company.id, 3)).await;
    receiver.wait_for("/more", 1, PATIENCE).await;
    assert_eq!(receiver.numbers_at("/more"), [3]);
    let rejected = company.rejected(1).await;
    assert_eq!(rejected[0]["errors"][0]["reason"], "the event is larger than 262144 bytes");
    assert!(rejected[0]["body"] == too_large, "the event is kept whole");
}

#[tokio::test]
async fn an_event_of_the_largest_queue_message_size_is_rejected() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    company.webhook(&receiver.url("/largest")).await;
    let largest = task_of_size(&company.id, 1, 1024 * 1024, |chars| "x".repeat(chars));
    stack.send_event(&company.id, "largest", &largest).await;
    stack.send_event(&company.id, "next", &task(&company.id, 2)).await;
    receiver.wait_for("/largest", 1, PATIENCE).await;
    assert_eq!(receiver.numbers_at("/largest"), [2]);
    let rejected = company.rejected(1).await;
    assert!(rejected[0]["body"] == largest, "the message is kept whole");
}

#[tokio::test]
async fn ten_largest_escaped_events_fit_one_invocation_and_a_paged_log() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    // The first attempt of all fails, so that the ten are received together afterwards.
    let receiver =
        Receiver::start(|hit| Act::Answer(if hit.earlier == 0 && hit.number() == 0 { 500 } else { 200 }))
            .await;
    let webhook = company.webhook(&receiver.url("/escapes")).await;
    // Each pair is escaped again on its way through the queue and the function's event.
    let escapes = |chars: usize| format!("{}{}", "\\\"".repeat(chars / 2), "x".repeat(chars % 2));
    let event = |number| task_of_size(&company.id, number, EVENT_BYTES_MAX, escapes);
    for number in 0..10 {
        company.push(event(number)).await;
    }
    let rows = company.rows_to(&webhook, 10, seconds(60)).await;
    let hits = receiver.hits_at("/escapes");
    assert_eq!(receiver.numbers_at("/escapes"), (0..10).collect::<Vec<_>>());
    assert_eq!((hits.len(), rows.len()), (11, 11));
    for (hit, row) in hits.iter().zip(&rows) {
        assert!(&*hit.body == event(hit.number()).as_bytes(), "request {:?} differs", hit.brief());
        assert!(row.event.get().as_bytes() == &*hit.body, "row {:?} differs", row.brief());
    }
}
