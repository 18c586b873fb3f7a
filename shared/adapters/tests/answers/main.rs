//! What becomes of a request whose receiver misbehaves: it ends within its time, as what it was, and after one
//! connection. One row a misbehaviour, all at once.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says what went wrong")]

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::join_all;
use hookrail_adapters::sender::Sender as _;
use hookrail_adapters::sender::http::HttpSender;
use hookrail_adapters::sender::names::NameServers;
use hookrail_domain::attempt::{ErrorClass, Outcome};
use hookrail_domain::event::Body;
use hookrail_domain::limits::{EVENT_BYTES_MAX, RESPONSE_BYTES_MAX};
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::target::{TargetPolicy, TargetUrl};
use tokio::time::Instant;

use crate::misbehaviour::{Receiver, Step};

mod certificates;
mod misbehaviour;

/// The least that this matrix promises to hold.
const ROWS_MIN: usize = 20;
/// For those whose time runs out, and for those that end before, however busy the machine.
const SHORT_SECONDS: u64 = 1;
const LONG_SECONDS: u64 = 60;
/// What a busy machine may need beyond the time-out to tell of it.
const SLACK: Duration = Duration::from_secs(2);

/// What the log shall say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Logged {
    /// Status 200, whole or cut.
    Whole,
    Cut,
    Status(u16),
    No(ErrorClass),
}

const TIMEOUT: Logged = Logged::No(ErrorClass::Timeout);
const PROTOCOL: Logged = Logged::No(ErrorClass::Protocol);
const TOO_LARGE: Logged = Logged::No(ErrorClass::BodyTooLarge);
const TLS: Logged = Logged::No(ErrorClass::Tls);

pub(crate) fn sender() -> HttpSender {
    HttpSender::asking(NameServers::Only(Vec::new()), TargetPolicy::local()).unwrap()
}

pub(crate) fn request(url: &str, body_bytes: usize, timeout_seconds: u64) -> DeliveryRequest {
    let body = Body::new(format!("\"{}\"", "x".repeat(body_bytes.saturating_sub(2)))).unwrap();
    let url = TargetUrl::parse_unchecked(url).unwrap();
    DeliveryRequest { url, headers: Vec::new(), body, timeout_seconds }
}

fn logged(outcome: &Outcome) -> Logged {
    match outcome {
        Outcome::Answered { status: 200, response, .. } if response.truncated => Logged::Cut,
        Outcome::Answered { status: 200, .. } => Logged::Whole,
        Outcome::Answered { status, .. } => Logged::Status(*status),
        other => Logged::No(other.error().unwrap()),
    }
}

fn say(text: &str) -> Step {
    Step::Say(text.as_bytes().to_vec())
}

fn forever(text: &str) -> Step {
    Step::Forever(text.repeat(1024).into_bytes())
}

fn drip(text: &str) -> Step {
    Step::Drip(text.as_bytes().to_vec())
}

const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// 64 MiB of nothing.
fn gzip_bomb() -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..64 {
        packed.write_all(&vec![0; 1024 * 1024]).unwrap();
    }
    let body = packed.finish().unwrap();
    let head = format!("{OK}content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

fn headers(number: usize) -> String {
    let rest: String = (1..number).map(|number| format!("x-{number}: a\r\n")).collect();
    format!("{OK}content-length: 0\r\n{rest}\r\n")
}

/// Answers that do not come, break off or take for ever. The request has been read.
fn slow_and_broken() -> Vec<(&'static str, Vec<Step>, Logged)> {
    vec![
        ("never answers", vec![Step::Hang], TIMEOUT),
        ("closes", vec![], PROTOCOL),
        ("resets", vec![Step::Reset], PROTOCOL),
        ("half a status line, then closes", vec![say("HTTP/1.1 20")], PROTOCOL),
        ("half a status line, then silence", vec![say("HTTP/1.1 20"), Step::Hang], TIMEOUT),
        ("half the headers, then closes", vec![say(OK), say("x-a: b\r\n")], PROTOCOL),
        ("a status line by the letter", vec![say("HTTP/1.1 200 "), drip("O")], TIMEOUT),
        ("a header by the letter", vec![say(OK), say("x-a: "), drip("b")], TIMEOUT),
        ("a body by the letter", vec![say(OK), say("content-length: 100000\r\n\r\n"), drip("x")], TIMEOUT),
        ("a body by the chunk", vec![say(CHUNKED), drip("1\r\nx\r\n")], TIMEOUT),
        ("no body after its head", vec![say(OK), say("content-length: 5\r\n\r\n"), Step::Hang], TIMEOUT),
        ("a shorter body than announced", vec![say(OK), say("content-length: 9\r\n\r\nx")], PROTOCOL),
        ("a longer body than announced", vec![say(OK), say("content-length: 1\r\n\r\nxxx")], Logged::Whole),
        ("a chunk that breaks off", vec![say(CHUNKED), say("5\r\nx")], PROTOCOL),
        ("provisional answers for ever", vec![forever("HTTP/1.1 102 Wait\r\n\r\n")], TIMEOUT),
        ("a provisional answer, then silence", vec![say("HTTP/1.1 100 Go on\r\n\r\n"), Step::Hang], TIMEOUT),
    ]
}

/// Answers that are large. The request has been read.
fn large() -> Vec<(&'static str, Vec<Step>, Logged)> {
    let endless = "400\r\n".to_owned() + &"x".repeat(1024) + "\r\n";
    let failing = CHUNKED.replace("200 OK", "500 No");
    vec![
        ("headers for ever", vec![say(OK), forever("x-a: b\r\n")], TOO_LARGE),
        ("a header for ever", vec![say(OK), say("x-a: "), forever("b")], TOO_LARGE),
        ("a header name for ever", vec![say(OK), forever("x")], TOO_LARGE),
        ("a reason for ever", vec![say("HTTP/1.1 200 "), forever("O")], TOO_LARGE),
        ("100 headers", vec![say(&headers(100))], Logged::Whole),
        ("101 headers", vec![say(&headers(101))], TOO_LARGE),
        ("chunks for ever", vec![say(CHUNKED), forever(&endless)], Logged::Cut),
        ("a body for ever", vec![say(OK), say("\r\n"), forever("x")], Logged::Cut),
        ("a failure for ever", vec![say(&failing), forever(&endless)], Logged::Status(500)),
        ("a chunk without end", vec![say(CHUNKED), say("ffffffff\r\n"), forever("x")], Logged::Cut),
        ("a bomb", vec![Step::Say(gzip_bomb())], Logged::Cut),
        ("a chunk's extension for ever", vec![say(CHUNKED), say("1;"), forever("x")], PROTOCOL),
        ("trailers for ever", vec![say(CHUNKED), say("0\r\n"), forever("x-a: b\r\n")], PROTOCOL),
    ]
}

/// Answers that are no HTTP/1.1, or odd. The request has been read.
fn odd() -> Vec<(&'static str, Vec<Step>, Logged)> {
    let after = |head: &str| vec![say(OK), say(head), say("\r\n"), Step::Hang];
    vec![
        ("no length but a word", after("content-length: x\r\n"), PROTOCOL),
        ("a negative length", after("content-length: -1\r\n"), PROTOCOL),
        ("two lengths", after("content-length: 1\r\ncontent-length: 2\r\n"), PROTOCOL),
        ("a chunk size that is none", vec![say(CHUNKED), say("x\r\n"), Step::Hang], PROTOCOL),
        ("a chunk size beyond 64 bits", vec![say(CHUNKED), say("fffffffffffffffff\r\n")], PROTOCOL),
        ("NUL in a header", after("x-a: a\0b\r\n"), PROTOCOL),
        ("a header without a colon", after("x-a\r\n"), PROTOCOL),
        ("a space before the colon", after("x-a : b\r\n"), PROTOCOL),
        (
            "switches protocols",
            vec![say("HTTP/1.1 101 Other\r\nupgrade: x\r\n\r\n"), Step::Hang],
            Logged::Status(101),
        ),
        (
            "HTTP/2 frames",
            vec![Step::Say(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec()), Step::Hang],
            PROTOCOL,
        ),
        ("HTTP/2 in words", vec![say("HTTP/2 200 OK\r\n\r\n"), Step::Hang], PROTOCOL),
        ("HTTP/0.9", vec![say("<html>accepted</html>")], PROTOCOL),
        ("a TLS alert", vec![Step::Say(b"\x15\x03\x01\0\x02\x02\x28".to_vec())], PROTOCOL),
        ("noise", vec![Step::Say((0..=255).cycle().take(4096).collect())], PROTOCOL),
        ("status 999", vec![say("HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n")], Logged::Status(999)),
        ("status 000", vec![say("HTTP/1.1 000 Odd\r\ncontent-length: 0\r\n\r\n"), Step::Hang], PROTOCOL),
        ("status 2000", vec![say("HTTP/1.1 2000 Odd\r\ncontent-length: 0\r\n\r\n"), Step::Hang], PROTOCOL),
        ("two answers", vec![say(EMPTY), say(&EMPTY.replace("200", "500"))], Logged::Whole),
        (
            "a redirect to itself",
            vec![say("HTTP/1.1 302 Here\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")],
            Logged::Status(302),
        ),
    ]
}

/// What answers where TLS is expected.
fn not_tls() -> Vec<(&'static str, Vec<Step>, Logged)> {
    // A handshake of TLS 1.1: ServerHello, with a suite that both sides would know.
    let mut hello = b"\x16\x03\x02\0\x2a\x02\0\0\x26\x03\x02".to_vec();
    hello.extend([7; 32]);
    hello.extend(b"\0\xc0\x13\0");
    vec![
        ("plain HTTP", vec![say(EMPTY), Step::Hang], TLS),
        ("TLS 1.1", vec![Step::Say(hello), Step::Hang], TLS),
        (
            "an alert that asks for an older version",
            vec![Step::Say(b"\x15\x03\x01\0\x02\x02\x46".to_vec()), Step::Hang],
            TLS,
        ),
        ("closes in the handshake", vec![], TLS),
        ("resets in the handshake", vec![Step::Reset], TLS),
        ("says nothing in the handshake", vec![Step::Hang], TIMEOUT),
        (
            "speaks for ever in the handshake",
            vec![Step::Say(b"\x16\x03\x03\x40\0".to_vec()), drip("x")],
            TIMEOUT,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_misbehaving_receiver_costs_one_connection_and_the_time_allowed_and_is_told_as_what_it_is() {
    let after_the_request = |steps: Vec<Step>| [vec![Step::Read], steps].concat();
    let mut rows = Vec::new();
    for (name, steps, expected) in [slow_and_broken(), large(), odd()].concat() {
        rows.push((name, "http", after_the_request(steps), 100, expected));
    }
    for (name, steps, expected) in not_tls() {
        // The client's hello is read, so that closing is no reset.
        rows.push((name, "https", steps, 100, expected));
    }
    let big = EVENT_BYTES_MAX;
    rows.push(("closes before the request is read", "http", vec![], 100, PROTOCOL));
    rows.push(("answers before it is asked", "http", vec![say(EMPTY), Step::Hang], 100, PROTOCOL));
    let early = vec![Step::Glance, say(EMPTY), Step::Hang];
    rows.push(("answers a big request before it is read", "http", early, big, Logged::Whole));
    rows.push(("never reads a big request", "http", vec![Step::Hang], big, TIMEOUT));
    assert!(ROWS_MIN <= rows.len());
    // Each port has connections of its own.
    let sender = &sender();
    let tried = rows.iter().map(async |(name, scheme, steps, body_bytes, expected)| {
        let receiver = Receiver::start(steps.clone());
        let url = format!("{scheme}://127.0.0.1:{}/", receiver.port);
        let seconds = if *expected == TIMEOUT { SHORT_SECONDS } else { LONG_SECONDS };
        let begun = Instant::now();
        let outcome = sender.send(&request(&url, *body_bytes, seconds)).await;
        let took = begun.elapsed();
        let found = logged(&outcome);
        assert!(outcome.response().len() <= RESPONSE_BYTES_MAX, "{name}");
        assert!(!outcome.response().contains("127.0.0.1"), "{name}: {outcome:?}");
        let wrong =
            found != *expected || Duration::from_secs(seconds) + SLACK < took || receiver.connections() != 1;
        wrong.then(|| {
            format!(
                "{name}: {found:?} instead of {expected:?}, {took:?}, {} connections, {outcome:?}",
                receiver.connections()
            )
        })
    });
    let wrong: Vec<_> = join_all(tried).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    println!("{} misbehaviours", rows.len());
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_whole_answer_and_dropped_after_a_cut_one() {
    let whole = [Step::Read, say(EMPTY), Step::Read, say(EMPTY)].to_vec();
    let cut = vec![Step::Read, say(CHUNKED), forever("1\r\nx\r\n")];
    let cut_by_length =
        vec![Step::Read, say(OK), say("content-length: 100000\r\n\r\n"), forever("x"), Step::Hang];
    let sender = sender();
    for (steps, connections) in [(whole, 1), (cut, 2), (cut_by_length, 2)] {
        let receiver = Receiver::start(steps.clone());
        let url = format!("http://127.0.0.1:{}/", receiver.port);
        for _ in 0..2 {
            let outcome = sender.send(&request(&url, 100, LONG_SECONDS)).await;
            assert!(outcome.is_success(), "{steps:?}: {outcome:?}");
        }
        assert_eq!(receiver.connections(), connections);
    }
}
