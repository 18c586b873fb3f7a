//! Vectors for verifiers of signatures, one JSON object per line: a signed body, and cases of it that must be
//! accepted or refused.
//!
//! `signature-vectors COUNT SECONDS SEED`: signed at this Unix time, for published verifiers compare with the
//! clock.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: what cannot be drawn or written fails it"
)]

use std::io::{BufWriter, Write, stdout};

use hookrail_domain::event::Body;
use hookrail_domain::id::{DeliveryId, EventId, WebhookId};
use hookrail_domain::limits::EVENT_BYTES_MAX;
use hookrail_domain::signature::{SECRET_BYTES_RANGE, SigningSecret};
use hookrail_domain::time::Millis;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// One in this many bodies is as large as an event may be.
const LARGEST_EVERY: u64 = 250;
/// Older than any verifier lets pass: five minutes, and one second.
const STALE_SECONDS: u64 = 301;
/// Newer than any verifier lets pass, however long the run takes.
const FUTURE_SECONDS: u64 = 1_800;

fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let [count, seconds, seed] = arguments[..] else { panic!("signature-vectors COUNT SECONDS SEED") };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let mut out = BufWriter::new(stdout().lock());
    for number in 0..count {
        let drawn = drawn().new_tree(&mut runner).unwrap().current();
        let vector =
            if number % LARGEST_EVERY == 0 { Drawn { body: largest(number), ..drawn } } else { drawn };
        writeln!(out, "{}", vector.written(number, seconds)).unwrap();
    }
    out.flush().unwrap();
}

/// The random part of a vector.
#[derive(Debug)]
struct Drawn {
    /// The key, the one that replaces it, and an unrelated one.
    secrets: [SigningSecret; 3],
    delivery: DeliveryId,
    sequence: u64,
    body: String,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let sequence = prop_oneof![1..1_000_u64, 1..1_u64 << 53];
    ([secret(), secret(), secret()], any::<u64>(), sequence, object()).prop_map(
        |(secrets, number, sequence, body)| {
            let event = EventId::of_message(&number.to_string());
            let delivery = DeliveryId::of(event, WebhookId::from_bytes([1; 12]));
            Drawn { secrets, delivery, sequence, body }
        },
    )
}

/// Makes a secret: one of ours, or an imported one of any size.
fn secret() -> impl Strategy<Value = SigningSecret> {
    prop_oneof![
        any::<[u8; 32]>().prop_map(SigningSecret::from_random),
        vec(any::<u8>(), SECRET_BYTES_RANGE).prop_map(|bytes| {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            SigningSecret::parse(&format!("whsec_{text}")).unwrap()
        }),
    ]
}

impl Drawn {
    /// Returns the vector, with every case of it.
    fn written(&self, number: u64, seconds: u64) -> Value {
        let Self { secrets: [old, new, unrelated], body, .. } = self;
        let id = format!("{}_{}", self.delivery, self.sequence);
        let other = format!("{}_{}", self.delivery, self.sequence + 1);
        assert!(Body::new(body.as_str()).is_ok() && serde_json::from_str::<Value>(body).is_ok(), "{body}");

        let signed = |secret: &SigningSecret, at: u64| secret.sign(&id, Millis(at * 1000), body).unwrap();
        let by_old = signed(old, seconds);
        let by_both = format!("{} {by_old}", signed(new, seconds));
        let (before, after) = (seconds - STALE_SECONDS, seconds + FUTURE_SECONDS);
        let sent = headers(&id, seconds, &by_old);
        let without = |name: &str| {
            let mut headers = sent.clone();
            headers.as_object_mut().unwrap().remove(name);
            headers
        };
        let rotating = headers(&id, seconds, &by_both);
        let mut altered = case("altered body", false, old, sent.clone());
        altered["body"] = match body.len() {
            EVENT_BYTES_MAX => json!(body.replacen("number", "Number", 1)),
            // The same to every JSON parser: the bytes are what is signed.
            _ => json!(format!("{body} ")),
        };
        json!({"number": number, "body": body, "cases": [
            case("one signature", true, old, sent.clone()),
            case("two signatures, old key", true, old, rotating.clone()),
            case("two signatures, new key", true, new, rotating.clone()),
            case("wrong key", false, unrelated, sent.clone()),
            case("two signatures, wrong key", false, unrelated, rotating),
            altered,
            case("altered sequence", false, old, headers(&other, seconds, &by_old)),
            case("altered timestamp", false, old, headers(&id, seconds - 1, &by_old)),
            case("old timestamp", false, old, headers(&id, before, &signed(old, before))),
            case("future timestamp", false, old, headers(&id, after, &signed(old, after))),
            case("no webhook-id", false, old, without("webhook-id")),
            case("no webhook-timestamp", false, old, without("webhook-timestamp")),
            case("no webhook-signature", false, old, without("webhook-signature")),
        ]})
    }
}

fn headers(id: &str, at: u64, signature: &str) -> Value {
    json!({"webhook-id": id, "webhook-timestamp": at.to_string(), "webhook-signature": signature})
}

/// Makes a request with the answer whether a verifier with the secret must accept it.
fn case(name: &str, accept: bool, secret: &SigningSecret, headers: Value) -> Value {
    let mut case = json!({"case": name, "accept": accept, "secret": secret.reveal()});
    case["headers"] = headers;
    case
}

/// Makes an event of the largest size, mostly of characters of more than one byte.
fn largest(number: u64) -> String {
    let (head, tail) = (format!("{{\"number\":{number},\"text\":\""), "\"}");
    let room = EVENT_BYTES_MAX - head.len() - tail.len();
    let text = "é漢🦀".repeat(room / 9) + &"x".repeat(room % 9);
    let body = head + &text + tail;
    assert_eq!(body.len(), EVENT_BYTES_MAX);
    body
}

/// Makes a JSON object in a form that no serialiser would write: any spacing, any escapes, keys that repeat.
fn object() -> impl Strategy<Value = String> {
    members(value())
}

fn value() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        select(&["null", "true", "false", "0", "-0.0", "1e3", "1.50", "12345678901234567890"][..])
            .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        text(),
    ];
    let nested = leaf.prop_recursive(4, 48, 6, |inner| {
        let items = vec((space(), inner.clone()), 0..6).prop_map(|items| {
            let items: Vec<_> = items.into_iter().map(|(space, item)| space + &item).collect();
            format!("[{}]", items.join(","))
        });
        prop_oneof![items, members(inner)]
    });
    nested.boxed()
}

fn members(inner: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    vec((space(), text(), space(), inner), 0..6).prop_map(|members| {
        let members: Vec<_> = members
            .into_iter()
            .map(|(before, key, between, value)| format!("{before}{key}{between}:{between}{value}{before}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

fn space() -> impl Strategy<Value = String> {
    select(&["", "", " ", "\n", "\r\n", "\t", "  "][..]).prop_map(str::to_owned)
}

/// Makes a JSON string of characters of every kind, each as it is or escaped.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => proptest::char::range(' ', '~'),
        1 => proptest::char::range('\0', '\u{1f}'),
        1 => proptest::char::range('\u{7f}', '\u{24f}'),
        // Combining marks, right to left, line separators, ideographs.
        1 => proptest::char::range('\u{300}', '\u{36f}'),
        1 => proptest::char::range('\u{5d0}', '\u{6ff}'),
        1 => proptest::char::range('\u{2000}', '\u{206f}'),
        1 => proptest::char::range('\u{4e00}', '\u{9fff}'),
        1 => proptest::char::range('\u{1f300}', '\u{1faff}'),
        1 => any::<char>(),
    ];
    vec((character, proptest::bool::weighted(0.1)), 0..40).prop_map(|characters| {
        let written: String = characters.into_iter().map(|(one, escape)| spelled(one, escape)).collect();
        format!("\"{written}\"")
    })
}

fn spelled(character: char, escape: bool) -> String {
    if !escape && ' ' <= character && character != '"' && character != '\\' {
        return character.to_string();
    }
    character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}
