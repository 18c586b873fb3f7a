//! The table of receivers that misbehave.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use hookrail_domain::attempt::ErrorClass;
use hookrail_domain::limits::EVENT_BYTES_MAX;

use crate::steps::{EMPTY, OK, chunked, drip, forever, say};
use crate::{Behaviour, Logged, Second, Step};

/// Size of most events.
const EVENT_BYTES: usize = 100;

const TIMEOUT: Logged = Logged::No(ErrorClass::Timeout);
const PROTOCOL: Logged = Logged::No(ErrorClass::Protocol);
const TOO_LARGE: Logged = Logged::No(ErrorClass::BodyTooLarge);
const TLS: Logged = Logged::No(ErrorClass::Tls);

/// Name, steps, end of an attempt.
type Row = (&'static str, Vec<Step>, Logged);

/// Returns every receiver that misbehaves.
#[must_use]
pub fn table() -> Vec<Behaviour> {
    let row = |(name, steps, expected): Row| Behaviour {
        name,
        scheme: "http",
        steps,
        event_bytes: EVENT_BYTES,
        expected,
        second: None,
    };
    // The hello of a TLS client is read in no step, so that closing does not become a reset.
    let not_tls = not_tls().into_iter().map(|not_tls| Behaviour { scheme: "https", ..row(not_tls) });
    let unread = row(("closes before the request is read", vec![], PROTOCOL));
    let big = big().into_iter().map(|big| Behaviour { event_bytes: EVENT_BYTES_MAX, ..row(big) });
    let kept = kept().into_iter().map(|(name, steps, expected, connections)| {
        let second = Some(Second { expected, connections });
        Behaviour { second, ..row((name, asked(steps), Logged::Whole)) }
    });
    let asked = [slow_and_broken(), large(), odd()].concat().into_iter();
    let asked = asked.map(|(name, steps, expected)| row((name, self::asked(steps), expected)));
    asked.chain([unread]).chain(not_tls).chain(big).chain(kept).collect()
}

/// Adds a step that reads the request before anything else.
fn asked(steps: Vec<Step>) -> Vec<Step> {
    [vec![Step::Read], steps].concat()
}

/// Returns 64 MiB of nothing, compressed.
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

/// Returns responses that do not come, break off or take for ever. The request has been read.
fn slow_and_broken() -> Vec<Row> {
    vec![
        ("never responds", vec![Step::Hang], TIMEOUT),
        ("closes", vec![], PROTOCOL),
        ("resets", vec![Step::Reset], PROTOCOL),
        ("half a status line, then closes", vec![say("HTTP/1.1 20")], PROTOCOL),
        ("half a status line, then silence", vec![say("HTTP/1.1 20"), Step::Hang], TIMEOUT),
        ("half the headers, then closes", vec![say(OK), say("x-a: b\r\n")], PROTOCOL),
        ("a status line by the letter", vec![say("HTTP/1.1 200 "), drip("O")], TIMEOUT),
        ("a header by the letter", vec![say(OK), say("x-a: "), drip("b")], TIMEOUT),
        (
            "a body by the letter",
            vec![say(OK), say("content-length: 100000\r\n\r\n"), drip("x")],
            Logged::Cut,
        ),
        ("a body by the chunk", vec![chunked(), drip("1\r\nx\r\n")], Logged::Cut),
        ("no body after its head", vec![say(OK), say("content-length: 5\r\n\r\n"), Step::Hang], Logged::Cut),
        ("a shorter body than announced", vec![say(OK), say("content-length: 9\r\n\r\nx")], Logged::Cut),
        ("a longer body than announced", vec![say(OK), say("content-length: 1\r\n\r\nxxx")], Logged::Whole),
        ("a chunk that breaks off", vec![chunked(), say("5\r\nx")], Logged::Cut),
        ("provisional responses for ever", vec![forever("HTTP/1.1 102 Wait\r\n\r\n")], TOO_LARGE),
        (
            "a provisional response, then silence",
            vec![say("HTTP/1.1 100 Go on\r\n\r\n"), Step::Hang],
            TIMEOUT,
        ),
    ]
}

/// Returns responses that are large. The request has been read.
fn large() -> Vec<Row> {
    let endless = "400\r\n".to_owned() + &"x".repeat(1024) + "\r\n";
    let failing = "HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n";
    vec![
        ("headers for ever", vec![say(OK), forever("x-a: b\r\n")], TOO_LARGE),
        ("a header for ever", vec![say(OK), say("x-a: "), forever("b")], TOO_LARGE),
        ("a header name for ever", vec![say(OK), forever("x")], TOO_LARGE),
        ("a reason for ever", vec![say("HTTP/1.1 200 "), forever("O")], TOO_LARGE),
        ("100 headers", vec![say(&headers(100))], Logged::Whole),
        ("101 headers", vec![say(&headers(101))], TOO_LARGE),
        ("chunks for ever", vec![chunked(), forever(&endless)], Logged::Cut),
        ("a body for ever", vec![say(OK), say("\r\n"), forever("x")], Logged::Cut),
        ("a failure for ever", vec![say(failing), forever(&endless)], Logged::Status(500)),
        ("a chunk without end", vec![chunked(), say("ffffffff\r\n"), forever("x")], Logged::Cut),
        ("a bomb", vec![Step::Say(gzip_bomb())], Logged::Cut),
        ("a chunk's extension for ever", vec![chunked(), say("1;"), forever("x")], Logged::Cut),
        ("trailers for ever", vec![chunked(), say("0\r\n"), forever("x-a: b\r\n")], Logged::Cut),
    ]
}

/// Returns responses that are odd, or not HTTP/1.1. The request has been read.
fn odd() -> Vec<Row> {
    let after = |head: &str| vec![say(OK), say(head), say("\r\n"), Step::Hang];
    vec![
        ("no length but a word", after("content-length: x\r\n"), PROTOCOL),
        ("a negative length", after("content-length: -1\r\n"), PROTOCOL),
        ("two lengths", after("content-length: 1\r\ncontent-length: 2\r\n"), PROTOCOL),
        ("a chunk size that is none", vec![chunked(), say("x\r\n"), Step::Hang], Logged::Cut),
        ("a chunk size beyond 64 bits", vec![chunked(), say("fffffffffffffffff\r\n")], Logged::Cut),
        ("NUL in a header", after("x-a: a\0b\r\n"), PROTOCOL),
        ("a header without a colon", after("x-a\r\n"), Logged::Cut),
        ("a folded header", after("x-a: b\r\n c\r\ncontent-length: 0\r\n"), Logged::Whole),
        ("a space in a header's name", after("x a: b\r\ncontent-length: 0\r\n"), Logged::Whole),
        (
            "a failure whose body stalls",
            vec![say("HTTP/1.1 500 No\r\ncontent-length: 5\r\n\r\n"), Step::Hang],
            Logged::Status(500),
        ),
        ("a space before the colon", after("x-a : b\r\n"), Logged::Cut),
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
        ("two responses", vec![say(EMPTY), say(&EMPTY.replace("200", "500"))], Logged::Whole),
        (
            "a redirect to itself",
            vec![say("HTTP/1.1 302 Here\r\nlocation: /\r\ncontent-length: 0\r\n\r\n")],
            Logged::Status(302),
        ),
    ]
}

/// Returns receivers of a large request.
fn big() -> Vec<Row> {
    vec![
        (
            "responds to a big request before it is read",
            vec![Step::Glance, say(EMPTY), Step::Hang],
            Logged::Whole,
        ),
        ("never reads a big request", vec![Step::Hang], TIMEOUT),
    ]
}

/// Returns receivers that accept a request and keep the connection, but not for the next one: name, steps
/// after the first request was read, end of the second, connections after it.
fn kept() -> Vec<(&'static str, Vec<Step>, Logged, usize)> {
    let after = |steps: &[Step]| [&[say(EMPTY)], steps].concat();
    let later = |ms| Step::Wait(Duration::from_millis(ms));
    vec![
        ("closes when the next request comes", after(&[Step::Read]), Logged::Whole, 2),
        ("resets when the next request comes", after(&[Step::Read, Step::Reset]), Logged::Whole, 2),
        ("closes after each response", after(&[]), Logged::Whole, 2),
        ("closes 10 ms after each response", after(&[later(10)]), Logged::Whole, 2),
        ("closes 100 ms after each response, and reads no more", after(&[later(100)]), Logged::Whole, 2),
        ("a letter of the second response, then closes", after(&[Step::Read, say("H")]), PROTOCOL, 1),
        (
            "a provisional second response, then closes",
            after(&[Step::Read, say("HTTP/1.1 100 Go on\r\n\r\n")]),
            PROTOCOL,
            1,
        ),
        ("never responds to the second request", after(&[Step::Read, Step::Hang]), TIMEOUT, 1),
        ("never reads the second request", after(&[Step::Hang]), TIMEOUT, 1),
    ]
}

/// Returns receivers that do not speak TLS where it is expected.
fn not_tls() -> Vec<Row> {
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
        (
            "an alert that knows no suite",
            vec![Step::Say(b"\x15\x03\x01\0\x02\x02\x28".to_vec()), Step::Hang],
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
