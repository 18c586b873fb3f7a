//! Connections that are kept for the next request of an invocation, and end before or during it.

use std::env;
use std::time::Duration;

use futures_util::future::join_all;
use hookrail_pipeline::sender::Sender as _;
use hookrail_receivers::{EMPTY, Logged, OK, Receiver, Step, chunked, forever, say, table};
use tokio::time::{Instant, sleep};

use crate::{LONG_SECONDS, SHORT_SECONDS, request, seconds_for, sender};

/// Requests one after another to each receiver that closes a while after its response. More of them find
/// rarer moments.
const REQUESTS: &str = "HOOKRAIL_TEST_REQUESTS";
const REQUESTS_DEFAULT: u32 = 20;
/// Time after its response at which such a receiver closes, in milliseconds.
const CLOSING_MS: [u64; 5] = [0, 3, 10, 30, 100];

#[tokio::test]
async fn replaces_a_reused_connection_that_breaks_before_the_response() {
    let rows: Vec<_> = table().into_iter().filter_map(|row| row.second.map(|second| (row, second))).collect();
    assert!(rows.len() >= 8);
    let sender = &sender();
    let _connections = sender.keep_connections();
    let tried = rows.iter().map(async |(row, second)| {
        let receiver = Receiver::start(row.steps.clone());
        let url = receiver.url(row.scheme);
        let first = sender.send(&request(&url, row.event_bytes, LONG_SECONDS)).await;
        let outcome = sender.send(&request(&url, row.event_bytes, seconds_for(second.expected))).await;
        let found = (Logged::of(&first), Logged::of(&outcome), receiver.connections());
        let expected = (row.expected, second.expected, second.connections);
        (found != expected).then(|| format!("{}: {found:?} instead of {expected:?}, {outcome:?}", row.name))
    });
    let wrong: Vec<_> = join_all(tried).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn resends_once_and_never_after_the_first_response_byte() {
    let after_the_first = |steps: &[Step]| [&[Step::Read, say(EMPTY), Step::Read], steps].concat();
    let sender = sender();
    let _connections = sender.keep_connections();
    for (steps, requests) in [(after_the_first(&[]), 3), (after_the_first(&[say("H")]), 2)] {
        let receiver = Receiver::start(steps);
        for _ in 0..2 {
            sender.send(&request(&receiver.url("http"), 100, LONG_SECONDS)).await;
        }
        assert_eq!(receiver.requests(), requests);
    }
    // A fresh connection that ends is not replaced.
    let receiver = Receiver::start(vec![Step::Read]);
    let outcome = sender.send(&request(&receiver.url("http"), 100, LONG_SECONDS)).await;
    assert_eq!((outcome.status(), receiver.requests(), receiver.connections()), (409, 1, 1));
}

/// The receiver closes while the next request is on its way, or has it in its buffer unread.
#[expect(clippy::disallowed_methods, reason = "more requests are set by hand")]
#[tokio::test]
async fn connections_closed_after_a_response_fail_no_attempt() {
    let requests = env::var(REQUESTS).map_or(REQUESTS_DEFAULT, |number| number.parse().unwrap());
    let sender = &sender();
    let _connections = sender.keep_connections();
    let tried = CLOSING_MS.map(async |ms| {
        let closing = Duration::from_millis(ms);
        let receiver = Receiver::start(vec![Step::Read, say(EMPTY), Step::Wait(closing)]);
        let mut failed = 0;
        for number in 0..requests {
            let outcome = sender.send(&request(&receiver.url("http"), 100, LONG_SECONDS)).await;
            failed += u32::from(!outcome.is_success());
            // Around the moment when the receiver closes: from half of its time to one and a half.
            sleep(closing / 2 + closing * (number % 16) / 16).await;
        }
        (ms, failed, receiver.connections())
    });
    let found = join_all(tried).await;
    println!("closing after ms, failed of {requests}, connections: {found:?}");
    assert!(found.iter().all(|(_, failed, _)| *failed == 0), "{found:?}");
}

/// A sandbox that was frozen finds its peers gone without notice: here, one that neither reads nor responds
/// any longer.
#[tokio::test]
async fn no_connection_outlives_an_invocation() {
    let receiver = Receiver::start(vec![Step::Read, say(EMPTY), Step::Hang]);
    let sender = sender();
    let url = receiver.url("http");
    for invocation in 1..=3 {
        let _connections = sender.keep_connections();
        let begun = Instant::now();
        let outcome = sender.send(&request(&url, 100, LONG_SECONDS)).await;
        assert!(outcome.is_success() && begun.elapsed() < Duration::from_secs(LONG_SECONDS), "{outcome:?}");
        assert_eq!(receiver.connections(), invocation);
    }
    // Outside an invocation no connection is kept.
    for connections in 4..=5 {
        assert!(sender.send(&request(&url, 100, LONG_SECONDS)).await.is_success());
        assert_eq!(receiver.connections(), connections);
    }
    // The proof that this receiver costs the whole time if its connection is kept.
    let _connections = sender.keep_connections();
    assert!(sender.send(&request(&url, 100, LONG_SECONDS)).await.is_success());
    let outcome = sender.send(&request(&url, 100, SHORT_SECONDS)).await;
    assert_eq!(Logged::of(&outcome), crate::TIMEOUT);
}

#[tokio::test]
async fn reuses_a_connection_after_a_complete_response_only() {
    let whole = [Step::Read, say(EMPTY), Step::Read, say(EMPTY)].to_vec();
    let cut = vec![Step::Read, chunked(), forever("1\r\nx\r\n")];
    let cut_by_length =
        vec![Step::Read, say(OK), say("content-length: 100000\r\n\r\n"), forever("x"), Step::Hang];
    let sender = sender();
    let _connections = sender.keep_connections();
    for (steps, connections) in [(whole, 1), (cut, 2), (cut_by_length, 2)] {
        let receiver = Receiver::start(steps.clone());
        let url = receiver.url("http");
        for _ in 0..2 {
            let outcome = sender.send(&request(&url, 100, LONG_SECONDS)).await;
            assert!(outcome.is_success(), "{steps:?}: {outcome:?}");
        }
        assert_eq!(receiver.connections(), connections);
    }
}
