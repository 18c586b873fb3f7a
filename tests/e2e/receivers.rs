//! The table of misbehaving receivers through a running stack.

use hookrail_domain::attempt::ErrorClass;
use hookrail_receivers::{EMPTY, Logged, Receiver, Step, say, table};

use crate::company::{Company, Row, brief};
use crate::event::task_of_size;
use crate::stack::Stack;
use crate::wait::PATIENCE;

/// The stack's default.
const ATTEMPTS: u32 = 3;

/// Returns the outcome in the log row of an attempt.
fn logged(row: &Row) -> (u16, Option<&str>, bool) {
    (row.status, row.error.as_deref(), row.response_truncated)
}

#[tokio::test]
async fn every_misbehaving_receiver_gets_the_attempts_and_rows_of_the_table() {
    let stack = Stack::start("--retry-delay 1 --timeout 5").await;
    let mut wrong = Vec::new();
    let rows = table();
    let mut sizes: Vec<_> = rows.iter().map(|row| row.event_bytes).collect();
    sizes.sort_unstable();
    sizes.dedup();
    for bytes in sizes {
        let company = Company::new(&stack).await;
        let mut receivers = Vec::new();
        for row in rows.iter().filter(|row| row.event_bytes == bytes) {
            let receiver = Receiver::start(row.steps.clone());
            let webhook = company.webhook(&receiver.url(row.scheme)).await;
            receivers.push((row, receiver, webhook));
        }
        // The smallest size is that of any small event.
        company
            .push(task_of_size(&company.id, 0, bytes.max(EVENT_BYTES_MIN), |chars| "x".repeat(chars)))
            .await;
        for (row, receiver, webhook) in &receivers {
            let found = company.rows_to(webhook, 1, 2 * PATIENCE).await;
            let expected = match row.expected {
                Logged::Whole => (200, None, false),
                Logged::Cut => (200, None, true),
                Logged::Status(status) => (status, Some("http_status"), false),
                // The time for a connection, TLS included, is over before that of the attempt.
                Logged::No(ErrorClass::Timeout) if row.scheme == "https" => (409, Some("connect"), false),
                Logged::No(class) => (409, Some(class.name()), false),
            };
            let attempts = usize::try_from(row.attempts(ATTEMPTS)).unwrap();
            // The table does not say whether a failure's body was cut.
            let is_as_told = found.iter().map(logged).all(|(status, error, is_cut)| {
                (status, error) == (expected.0, expected.1) && (error.is_some() || is_cut == expected.2)
            });
            if !is_as_told || found.len() != attempts || receiver.connections() != attempts {
                let seen: Vec<_> = found.iter().map(logged).collect();
                wrong.push(format!(
                    "{}: {seen:?}, {} connections, instead of {attempts} times {expected:?}",
                    row.name,
                    receiver.connections()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Room for the fields of an event.
const EVENT_BYTES_MIN: usize = 200;

#[tokio::test]
async fn a_receiver_that_dies_between_invocations_costs_no_attempt() {
    // One sandbox, so that it is asked again.
    let stack = Stack::start("--retry-delay 1 --timeout 5 --concurrency 1").await;
    let company = Company::new(&stack).await;
    // It goes silent, as a peer does while a sandbox is frozen.
    let receiver = Receiver::start(vec![Step::Read, say(EMPTY), Step::Hang]);
    let webhook = company.webhook(&receiver.url("http")).await;
    for sequence in 1..=3 {
        company.push_tasks([sequence]).await;
        company.rows_to(&webhook, sequence, PATIENCE).await;
    }
    let rows = company.rows(&webhook).await;
    assert_eq!(brief(&rows), [(1, 1, 200), (2, 1, 200), (3, 1, 200)]);
    assert_eq!(receiver.connections(), 3);
}
