//! Requests to receivers that misbehave: each ends within its time, in its class, and after one connection; a
//! kept connection that ends is replaced.
//! One row of the receivers' table each, all at once.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong")]

use std::time::Duration;

use futures_util::future::join_all;
use hookrail_adapters::sender::http::HttpSender;
use hookrail_adapters::sender::names::NameServers;
use hookrail_domain::attempt::{ErrorClass, Outcome, ResponseText};
use hookrail_domain::event::Body;
use hookrail_domain::limits::RESPONSE_BYTES_MAX;
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::target::{TargetPolicy, TargetUrl};
use hookrail_pipeline::sender::Sender as _;
use hookrail_receivers::{Logged, OK, Receiver, Step, say, table};
use tokio::time::Instant;

mod certificates;
mod kept;

/// The least number of rows that this matrix promises to hold.
const ROWS_MIN: usize = 60;
/// For those whose time runs out, and for those that end before, however busy the machine.
const SHORT_SECONDS: u64 = 1;
const LONG_SECONDS: u64 = 60;
/// Time beyond the time-out that a busy machine may need to report it.
const SLACK: Duration = Duration::from_secs(2);

const TIMEOUT: Logged = Logged::No(ErrorClass::Timeout);

pub(crate) fn sender() -> HttpSender {
    HttpSender::asking(NameServers::Only(Vec::new()), TargetPolicy::local()).unwrap()
}

pub(crate) fn request(url: &str, body_bytes: usize, timeout_seconds: u64) -> DeliveryRequest {
    let body = Body::new(format!("\"{}\"", "x".repeat(body_bytes.saturating_sub(2)))).unwrap();
    let url = TargetUrl::parse_unchecked(url).unwrap();
    DeliveryRequest { url, headers: Vec::new(), body, timeout_seconds }
}

fn seconds_for(expected: Logged) -> u64 {
    if expected == TIMEOUT { SHORT_SECONDS } else { LONG_SECONDS }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_misbehaving_receiver_costs_one_connection_and_is_classified_in_time() {
    let rows = table();
    assert!(ROWS_MIN <= rows.len());
    // Each port has connections of its own.
    let sender = &sender();
    let tried = rows.iter().map(async |row| {
        let receiver = Receiver::start(row.steps.clone());
        let seconds = seconds_for(row.expected);
        let begun = Instant::now();
        let outcome = sender.send(&request(&receiver.url(row.scheme), row.event_bytes, seconds)).await;
        let took = begun.elapsed();
        let (name, found) = (row.name, Logged::of(&outcome));
        assert!(outcome.response().len() <= RESPONSE_BYTES_MAX, "{name}");
        assert!(!outcome.response().contains("127.0.0.1"), "{name}: {outcome:?}");
        let is_late = Duration::from_secs(seconds) + SLACK < took;
        let wrong = found != row.expected || is_late || receiver.connections() != 1;
        wrong.then(|| {
            format!(
                "{name}: {found:?} instead of {:?}, {took:?}, {} connections, {outcome:?}",
                row.expected,
                receiver.connections()
            )
        })
    });
    let wrong: Vec<_> = join_all(tried).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    println!("{} misbehaviours", rows.len());
}

/// A body that never comes delays the next event by a second, not by the whole time allowed.
#[tokio::test]
async fn the_response_head_decides_and_a_stalled_body_is_cut_after_a_second() {
    let receiver = Receiver::start(vec![
        Step::Read,
        say(OK),
        say("retry-after: 99999999999999999999\r\ncontent-length: 9\r\n\r\nabc"),
        Step::Hang,
    ]);
    let started = Instant::now();
    let outcome = sender().send(&request(&receiver.url("http"), 100, LONG_SECONDS)).await;
    let response = ResponseText { text: "abc".into(), truncated: true };
    assert_eq!(outcome, Outcome::Responded { status: 200, response, retry_after_seconds: Some(900) });
    assert!(started.elapsed() < Duration::from_secs(1) + SLACK);
}

/// Without a receiver that speaks current TLS there is no certificate to judge.
#[tokio::test]
async fn a_failed_tls_handshake_is_logged_with_its_reason() {
    let reasons = [
        ("plain HTTP", "does not speak TLS"),
        ("TLS 1.1", "no TLS version or cipher suite in common"),
        ("an alert that asks for an older version", "no TLS version or cipher suite in common"),
        ("an alert that knows no suite", "no TLS version or cipher suite in common"),
        ("closes in the handshake", "the connection broke in the TLS handshake"),
    ];
    for (name, reason) in reasons {
        let row = table().into_iter().find(|row| row.name == name).unwrap();
        let receiver = Receiver::start(row.steps);
        let outcome = sender().send(&request(&receiver.url("https"), 100, LONG_SECONDS)).await;
        assert!(outcome.response().contains(reason), "{name}: {outcome:?}");
    }
}
