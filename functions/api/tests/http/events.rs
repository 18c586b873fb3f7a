//! Pushing events: all or nothing checked, one by one sent, the same call twice accepted once.

use hookrail_domain::id::{EventId, shard};
use hookrail_domain::limits::{EVENT_BYTES_MAX, INGEST_BYTES_MAX};
use hookrail_pipeline::queue::{HoldResult, Outgoing, Queue, QueueError, SendResult};
use serde_json::json;

use crate::world::{ACME, Call, NOW, OPERATOR, OTHER, World, event};

pub(crate) fn array(events: &[String]) -> String {
    format!("[{}]", events.join(","))
}

/// Acme's event with a number in it, to tell it from others.
pub(crate) fn numbered(number: usize) -> String {
    format!(r#"{{"company":"acme","type":"COTTask","event":"create","n":{number}}}"#)
}

fn sized(bytes: usize) -> String {
    let (head, tail) = (r#"{"company":"acme","type":"COTTask","event":"create","pad":""#, "\"}");
    format!("{head}{}{tail}", "x".repeat(bytes - head.len() - tail.len()))
}

#[tokio::test]
async fn an_event_is_queued_under_its_company_and_its_id_is_returned() {
    let world = World::new().await;
    let answer = world.send(Call::push(event("acme")).key("k1")).await;
    let (url, Outgoing { group, body, attributes, deduplication_id }) = world.queue.sent()[0].clone();
    assert_eq!((url.as_str(), group.as_str(), body), ("http://sqs/events.fifo", "acme", event("acme")));
    assert_eq!((attributes, deduplication_id.len()), (vec![], 64));
    let id = EventId::of_message(&format!("message-{deduplication_id}")).to_string();
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json(), json!({"idempotencyKey": "k1", "events": [{"id": id}]}));
    assert_eq!(answer.header("idempotency-key"), Some("k1"));
    assert_eq!(answer.header("idempotent-replayed"), None);
}

#[tokio::test]
async fn a_call_without_a_key_gets_one_that_makes_repeats_safe() {
    let world = World::new().await;
    let answer = world.send(Call::push(event("acme"))).await;
    let key = answer.json()["idempotencyKey"].as_str().unwrap().to_owned();
    assert_eq!((key.len(), answer.header("idempotency-key")), (32, Some(key.as_str())));
    assert_eq!(world.send(Call::push(event("acme")).key(&key)).await.event_ids(), answer.event_ids());
    let another = world.send(Call::push(event("acme"))).await;
    assert_ne!(another.json()["idempotencyKey"], key);
    assert_ne!(another.event_ids(), answer.event_ids());
}

#[tokio::test]
async fn the_body_of_a_single_event_is_queued_byte_for_byte() {
    let world = World::new().await;
    let odd = " \r\n{ \"event\" : \"cr\\u0065ate\",\t\"company\":\"acme\" ,\"n\":1.50E+01,\"type\":\"COTTask\",\
               \"s\":\"\\u00e9\\/é😀\\ud83d\\ude00\", \"n\" : 2 }\n ";
    assert_eq!(world.send(Call::push(odd)).await.status, 202);
    assert_eq!(world.sent_bodies(), [odd]);
}

#[tokio::test]
async fn the_events_of_an_array_are_queued_in_order_and_byte_for_byte() {
    let world = World::new().await;
    let odd = r#"{ "type":"COTTask" , "company":"acme","event":"edit", "é" : "\u0041" }"#;
    let body = format!("\n[ {odd} ,\n\t{},{} ]\n", numbered(1), numbered(2));
    let answer = world.send(Call::push(body)).await;
    assert_eq!((answer.status, answer.event_ids().len()), (202, 3));
    assert_eq!(world.sent_bodies(), [odd.to_owned(), numbered(1), numbered(2)]);
}

#[tokio::test]
async fn equal_events_of_one_call_are_separate_events() {
    let world = World::new().await;
    let ids = world.send(Call::push(array(&[event("acme"), event("acme")]))).await.event_ids();
    assert_ne!(ids[0], ids[1]);
    let sent = world.queue.sent();
    assert_ne!(sent[0].1.deduplication_id, sent[1].1.deduplication_id);
}

#[tokio::test]
async fn accepts_100_events_and_rejects_101() {
    let world = World::new().await;
    let events: Vec<_> = (0..101).map(numbered).collect();
    world.send(Call::push(array(&events))).await.refuses(400, &[""]);
    assert_eq!(world.sent_bodies(), [""; 0]);
    assert_eq!(world.send(Call::push(array(&events[..100]))).await.event_ids().len(), 100);
    assert_eq!(world.sent_bodies(), events[..100]);
}

#[tokio::test]
async fn accepts_an_event_of_256_kib_and_rejects_one_byte_more() {
    let world = World::new().await;
    assert_eq!(world.send(Call::push(sized(EVENT_BYTES_MAX))).await.status, 202);
    world.send(Call::push(sized(EVENT_BYTES_MAX + 1))).await.refuses(413, &[""]);
    let call = Call::push(array(&[numbered(1), sized(EVENT_BYTES_MAX + 1)]));
    world.send(call).await.refuses(413, &["[1]"]);
    assert_eq!(world.sent_bodies(), [sized(EVENT_BYTES_MAX)]);
}

#[tokio::test]
async fn rejects_a_call_above_the_size_limit_as_a_whole() {
    let world = World::new().await;
    let events = vec![sized(EVENT_BYTES_MAX); INGEST_BYTES_MAX / EVENT_BYTES_MAX - 1];
    let fitting = array(&events);
    assert_eq!(world.send(Call::push(fitting.clone())).await.status, 202);
    let too_large = format!("{fitting}{}", " ".repeat(INGEST_BYTES_MAX + 1 - fitting.len()));
    world.send(Call::push(too_large)).await.refuses(413, &[""]);
    assert_eq!(world.queue.sent().len(), events.len());
}

#[tokio::test]
async fn one_bad_event_rejects_the_call_and_every_bad_event_is_named() {
    let world = World::new().await;
    let bad = [
        numbered(1),
        r#"{"company":"acme","type":"COTPlanet","event":"create"}"#.to_owned(),
        r#"{"company":"acme","type":"COTTask","event":"explode"}"#.to_owned(),
        event("other"),
        "null".to_owned(),
        r#"{"type":"COTTask","event":"create"}"#.to_owned(),
    ];
    let answer = world.send(Call::push(array(&bad))).await;
    answer.refuses(400, &["[1].type", "[2].event", "[3].company", "[4]", "[5].company"]);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("[3].company must be acme, the company of the token"), "{detail}");
    assert_eq!(world.sent_bodies(), [""; 0]);
}

#[tokio::test]
async fn rejects_bodies_without_a_valid_event() {
    let world = World::new().await;
    let invalid_utf8 =
        [&b"{\"company\":\"acme\",\"type\":\"COTTask\",\"event\":\"create\",\"x\":\"\xff\"}"[..]].concat();
    for body in [&b""[..], b"{", b"[", b"[]", b"7", b"\"x\"", b"{} {}", b"[{}", &invalid_utf8] {
        world.send(Call::push(body)).await.refuses(400, &[""]);
    }
    world.send(Call::push("{}")).await.refuses(400, &["company"]);
    world.send(Call::push(event("other"))).await.refuses(400, &["company"]);
    world.send(Call::push(event("acme")).header("content-type", "text/plain")).await.refuses(415, &[]);
    assert_eq!(world.sent_bodies(), [""; 0]);
}

#[tokio::test]
async fn rejects_json_that_receivers_cannot_read_by_its_path() {
    let world = World::new().await;
    let event = |data: &str| format!(r#"{{"company":"acme","type":"COTUser","event":"edit","data":{data}}}"#);
    let (deep, digits) =
        (format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), format!("[{}]", "1".repeat(100_000)));
    for (data, field) in [
        (r#"{"x\ud800":1,"password":"HASH"}"#, "data"),
        (r#"{"a":{"b":"cut \ud83d"}}"#, "data.a.b"),
        ("[1,1e400]", "data[1]"),
        (digits.as_str(), "data[0]"),
        (deep.as_str(), "data[0][0][0][0][0][0][0]…"),
        ("{\"a\":\"pasted \u{FFFF}\"}", "data.a"),
    ] {
        world.send(Call::push(event(data))).await.refuses(400, &[field]);
        world
            .send(Call::push(array(&[numbered(1), event(data)])))
            .await
            .refuses(400, &[&format!("[1].{field}")]);
    }
    assert_eq!(world.sent_bodies(), [""; 0]);
}

#[tokio::test]
async fn names_a_byte_order_mark_and_compression_in_a_body() {
    let world = World::new().await;
    for (begin, word) in [(&b"\xEF\xBB\xBF"[..], "byte order mark"), (b"\x1F\x8B\x08", "gzip")] {
        let answer = world.send(Call::push([begin, event("acme").as_bytes()].concat())).await;
        answer.refuses(400, &[""]);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(word), "{detail}");
    }
    let call =
        Call::push(event("acme")).header("content-type", "application/cloudevents+json; charset=utf-8");
    assert_eq!(world.send(call).await.status, 202);
}

#[tokio::test]
async fn an_error_does_not_repeat_the_rejected_body() {
    let world = World::new().await;
    for body in [r#"{"password":"hunter2""#, r#"{"company":"hunter2","type":"COTTask","event":"create"}"#] {
        let answer = world.send(Call::push(body)).await;
        assert!(!String::from_utf8(answer.body).unwrap().contains("hunter2"));
    }
}

#[tokio::test]
async fn a_repeated_call_returns_the_first_response_and_sends_once() {
    let world = World::new().await;
    let first = world.send(Call::push(event("acme")).key("k")).await;
    let again = world.send(Call::push(event("acme")).key("k")).await;
    assert_eq!((again.status, &again.body), (202, &first.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("idempotency-key"), Some("k"));
    assert_eq!(world.sent_bodies(), [event("acme")]);
}

#[tokio::test]
async fn rejects_a_key_with_another_body() {
    let world = World::new().await;
    world.send(Call::push(numbered(1)).key("k")).await;
    world.send(Call::push(numbered(2)).key("k")).await.refuses(422, &["Idempotency-Key"]);
    assert_eq!(world.sent_bodies(), [numbered(1)]);
}

#[tokio::test]
async fn a_key_can_be_used_again_after_a_day() {
    let world = World::new().await;
    world.send(Call::push(numbered(1)).key("k")).await;
    world.clock.set(NOW.plus_seconds(24 * 60 * 60 - 1));
    world.send(Call::push(numbered(2)).key("k")).await.refuses(422, &["Idempotency-Key"]);
    world.clock.set(NOW.plus_seconds(24 * 60 * 60));
    assert_eq!(world.send(Call::push(numbered(2)).key("k")).await.status, 202);
}

#[tokio::test]
async fn keys_of_companies_and_the_operator_are_separate() {
    let world = World::new().await;
    for (token, company) in [(ACME, "acme"), (OTHER, "other"), (OPERATOR, "acme"), (OPERATOR, "other")] {
        let answer = world.send(Call::push(event(company)).by(token).key("k")).await;
        assert_eq!((answer.status, answer.header("idempotent-replayed")), (202, None), "{token} {company}");
    }
    let ids: Vec<_> = world.queue.sent().into_iter().map(|(_, message)| message.deduplication_id).collect();
    assert!(ids.iter().enumerate().all(|(index, id)| !ids[..index].contains(id)));
}

#[tokio::test]
async fn a_key_is_visible_ascii_of_at_most_255_characters() {
    let world = World::new().await;
    for bad in ["", "a b", "é", "a\tb", &"k".repeat(256)] {
        let call = Call::push(event("acme")).key(bad);
        world.send(call).await.refuses(400, &["Idempotency-Key"]);
    }
    assert_eq!(world.send(Call::push(event("acme")).key(&"~".repeat(255))).await.status, 202);
}

#[tokio::test]
async fn an_interrupted_call_lists_the_accepted_events_and_can_be_repeated() {
    let world = World::new().await;
    let body = array(&[numbered(0), numbered(1), numbered(2)]);
    world.queue.fail_sends_after(2);
    let broken = world.send(Call::push(body.clone()).key("k")).await;
    broken.refuses(503, &[]);
    assert_eq!((broken.header("retry-after"), broken.header("idempotency-key")), (Some("1"), Some("k")));
    assert_eq!((broken.event_ids().len(), &broken.json()["idempotencyKey"]), (2, &json!("k")));
    world.queue.heal();
    let repeated = world.send(Call::push(body).key("k")).await;
    assert_eq!((repeated.status, repeated.header("idempotent-replayed")), (202, None));
    assert_eq!(repeated.event_ids()[..2], broken.event_ids());
    let ids: Vec<_> = world.queue.sent().into_iter().map(|(_, message)| message.deduplication_id).collect();
    assert_eq!(ids[..2], ids[2..4], "the queue is given the same ids, and so takes each event once");
}

#[tokio::test]
async fn sends_nothing_after_an_event_that_was_not_accepted() {
    let world = World::new().await;
    world.queue.fail_sends_after(0);
    let answer = world.send(Call::push(array(&[numbered(0), numbered(1)]))).await;
    answer.refuses(503, &[]);
    assert_eq!(answer.event_ids(), [""; 0]);
    assert_eq!(answer.header("idempotency-key"), answer.json()["idempotencyKey"].as_str());
    assert_eq!(world.sent_bodies(), [""; 0]);
}

type Sending = Result<Vec<SendResult>, QueueError>;

/// A queue that answers to every send as it is told.
struct Answering<F>(F);

impl<F: Fn() -> Sending + Send + Sync> Queue for Answering<F> {
    async fn send(&self, _url: &str, _messages: &[Outgoing]) -> Sending {
        (self.0)()
    }

    async fn hold(&self, _url: &str, _holds: &[(String, u64)]) -> Result<Vec<HoldResult>, QueueError> {
        Ok(Vec::new())
    }

    async fn delete(&self, _url: &str, _handles: &[String]) -> Result<(), QueueError> {
        Ok(())
    }

    async fn length(&self, _url: &str) -> Result<u64, QueueError> {
        Ok(0)
    }
}

#[tokio::test]
async fn a_slow_call_responds_before_the_caller_times_out() {
    let world = World::new().await;
    let (clock, slow) = (world.clock.clone(), world.clock.clone());
    let queue = Answering(move || {
        slow.advance_ms(2000);
        Ok(vec![SendResult::Sent { message_id: "m".into() }])
    });
    let events: Vec<_> = (0..20).map(numbered).collect();
    let answer = world.over(queue, clock).send(Call::push(array(&events))).await;
    answer.refuses(503, &[]);
    assert_eq!(answer.event_ids().len(), 8, "fifteen seconds of sending, and what was begun in them");
}

#[tokio::test]
async fn a_temporary_queue_failure_is_503_and_a_permanent_one_is_500() {
    let answers: [(fn() -> Sending, u16); 4] = [
        (|| Err(QueueError("connection reset".into())), 503),
        (|| Ok(vec![SendResult::Failed]), 503),
        (|| Ok(vec![]), 503),
        (|| Ok(vec![SendResult::Refused]), 500),
    ];
    for (answer, status) in answers {
        let world = World::new().await;
        let clock = world.clock.clone();
        let answer = world.over(Answering(answer), clock).send(Call::push(event("acme"))).await;
        answer.refuses(status, &[]);
        assert_eq!(answer.event_ids(), [""; 0]);
        assert_eq!(answer.header("retry-after"), (status == 503).then_some("1"));
    }
}

#[tokio::test]
async fn another_body_under_the_key_of_an_interrupted_call_is_not_deduplicated() {
    let world = World::new().await;
    world.queue.fail_sends_after(1);
    world.send(Call::push(array(&[numbered(0), numbered(1)])).key("k")).await.refuses(503, &[]);
    world.queue.heal();
    world.send(Call::push(numbered(7)).key("k")).await;
    let sent = world.queue.sent();
    assert_ne!(sent[0].1.deduplication_id, sent[1].1.deduplication_id, "it would be dropped as a duplicate");
}

#[tokio::test]
async fn an_operator_pushes_for_any_company() {
    let world = World::new().await;
    let body = array(&[event("acme"), event("other"), event("third")]);
    assert_eq!(world.send(Call::push(body).by(OPERATOR)).await.event_ids().len(), 3);
    let groups: Vec<_> = world.queue.sent().into_iter().map(|(_, message)| message.group).collect();
    assert_eq!(groups, ["acme", "other", "third"]);
}

#[tokio::test]
async fn all_events_of_a_company_go_to_the_queue_of_its_shard() {
    let urls = ["http://sqs/events-0.fifo", "http://sqs/events-1.fifo", "http://sqs/events-2.fifo"];
    let world = World::with_queues(&urls).await;
    for number in 0..3 {
        for company in ["acme", "other", "third", "fourth"] {
            let body = format!(r#"{{"company":"{company}","type":"COTTask","event":"edit","n":{number}}}"#);
            world.send(Call::push(body).by(OPERATOR)).await;
        }
    }
    for (url, message) in world.queue.sent() {
        assert_eq!(url, urls[shard(&message.group, urls.len())]);
    }
}

#[tokio::test]
async fn accepted_events_stay_accepted_if_their_response_cannot_be_stored() {
    let world = World::new().await;
    world.tables.fail_at("keep_answer");
    assert_eq!(world.send(Call::push(event("acme")).key("k")).await.status, 202);
    assert_eq!(world.sent_bodies(), [event("acme")]);
}

#[tokio::test]
async fn sends_nothing_while_earlier_responses_cannot_be_read() {
    let world = World::new().await;
    world.tables.fail_at("find_answer");
    world.send(Call::push(event("acme")).key("k")).await.refuses(503, &[]);
    assert_eq!(world.sent_bodies(), [""; 0]);
}
