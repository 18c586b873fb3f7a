//! Tests of `kill -9` at any time: nothing is lost, the order is kept, and it costs seconds.
//!
//! A crash costs at most the function's time-out and ten seconds; the queue's own visibility is six time-outs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join;
use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::company::{Company, EVENTS as EVENTS_PATH, Row};
use crate::event;
use crate::process::{Process, signal};
use crate::receiver::{Act, Hit, Receiver};
use crate::stack::{Answer, Pids, Stack, read, seconds};
use crate::wait::{PATIENCE, eventually};

const EVENTS: u64 = 200;
/// Paths of the two webhooks of the fan-out test.
const PATHS: [&str; 2] = ["/one", "/two"];
/// `--function-timeout` of these tests. Fan-out begins no event with less than five seconds left.
const FUNCTION_TIMEOUT: u64 = 8;
/// Longest cost of a crash: that of the promise, and some time for a busy machine. Well below the queue's visibility of 48 s.
const COST_MAX: Duration = seconds(FUNCTION_TIMEOUT + 10 + 10);

/// Checks a queue after crashes: events arrived first in order, repeats name the same delivery, sequences have no gaps,
/// and each event ends once.
#[track_caller]
fn check(hits: &[Hit], rows: &[Row]) {
    let firsts: Vec<_> = hits.iter().filter(|hit| hit.earlier == 0).map(Hit::number).collect();
    assert_eq!(firsts, (0..EVENTS).collect::<Vec<_>>(), "order of first arrivals");
    let mut ids: HashMap<u64, &str> = HashMap::new();
    for hit in hits {
        let id = *ids.entry(hit.number()).or_insert_with(|| hit.webhook_id());
        assert_eq!(hit.webhook_id(), id, "event {} under another webhook-id", hit.number());
        assert_eq!(hit.sequence(), hit.number() + 1, "sequence of event {}", hit.number());
    }
    let ended: Vec<_> = rows.iter().filter(|row| row.is_final()).map(|row| row.sequence).collect();
    assert_eq!(ended, (1..=EVENTS).collect::<Vec<_>>(), "each event ends once");
}

/// The stack whose sandboxes a script kills, set once it runs.
type Victim = Arc<OnceLock<Arc<Process>>>;

#[tokio::test]
async fn a_killed_deliver_costs_seconds_and_repeats_only_requests_in_flight() {
    const CUT_OFF: [u64; 2] = [45, 126];
    let victim = Victim::default();
    let script = {
        let victim = Arc::clone(&victim);
        // Killed between a request and its row, in the middle of a batch of ten whose first events have theirs: the
        // first event of the queue fails once, so that the others wait behind it.
        move |hit: &Hit| match hit.path == "/cut" && hit.earlier == 0 {
            true if hit.number() == 0 => Act::Answer(500),
            true if CUT_OFF.contains(&hit.number()) => {
                signal("KILL", &read(victim.get().unwrap()).pids.deliver);
                Act::Answer(200)
            }
            _ => Act::Answer(200),
        }
    };
    let flags = format!("--retry-delay 2 --timeout 4 --function-timeout {FUNCTION_TIMEOUT}");
    let stack = Stack::start(&flags).await;
    victim.set(Arc::clone(&stack.process)).unwrap();
    let receiver = Receiver::start(script).await;
    let company = Company::new(&stack).await;
    let cut = company.webhook(&receiver.url("/cut")).await;
    let other = company.webhook(&receiver.url("/other")).await;
    company.push_tasks(0..EVENTS).await;
    for (webhook, path, possible) in [(&cut, "/cut", 2..=2), (&other, "/other", 0..=2)] {
        let rows = company.rows_to(webhook, EVENTS, 3 * COST_MAX).await;
        let hits = receiver.hits_at(path);
        check(&hits, &rows);
        // Each kill cuts off at most one request of a webhook, which was received but not recorded.
        let unrecorded = hits.len() - rows.len();
        assert!(possible.contains(&unrecorded), "{unrecorded} requests to {path} without a row");
    }
    let hits = receiver.hits_at("/cut");
    for number in CUT_OFF {
        let at: Vec<_> = hits.iter().filter(|hit| hit.number() == number).map(|hit| hit.at).collect();
        let [killed_at, repeated_at] = at.as_slice() else {
            panic!("event {number} came {} times", at.len())
        };
        let cost = *repeated_at - *killed_at;
        assert!(cost < COST_MAX, "the crash at event {number} cost {cost:?}");
    }
}

#[tokio::test]
async fn a_call_interrupted_by_a_killed_api_can_be_repeated_safely() {
    const PUSHED: u64 = 100;
    let stack = Stack::start("--retry-delay 1").await;
    let receiver = Receiver::accepting().await;
    let company = Company::new(&stack).await;
    let webhook = company.webhook(&receiver.url("/")).await;
    let events: Vec<_> = (0..PUSHED).map(|number| event::task(&company.id, number)).collect();
    let push = async || {
        let call = stack.request(Method::POST, EVENTS_PATH, Some(&company.token));
        let call = call.header("idempotency-key", "cut-off").header("content-type", "application/json");
        Answer::to(call.body(format!("[{}]", events.join(",")))).await
    };
    // Stopped during the call, so that the events queue shows its progress.
    let fan_out = stack.read_ready().pids.fan_out;
    signal("STOP", &fan_out);
    let crash = kill_once(
        &stack,
        |pids| &pids.api,
        async || {
            let depth = stack.depth(&stack.ready.events_queue_url).await;
            if (1..PUSHED).contains(&depth.all()) { Ok(()) } else { Err(format!("{depth:?}")) }
        },
    );
    let (answer, ()) = join(push(), crash).await;
    answer.expect(500);
    signal("CONT", &fan_out);
    let answer = push().await.expect(202).json();
    assert_eq!(answer.pointer("/events").and_then(Value::as_array).map(Vec::len), Some(events.len()));
    let rows = company.rows_to(&webhook, PUSHED, PATIENCE).await;
    let numbers: Vec<_> = receiver.hits_at("/").iter().map(Hit::number).collect();
    assert_eq!(numbers, (0..PUSHED).collect::<Vec<_>>());
    assert_eq!(rows.len(), events.len());
}

#[tokio::test]
async fn a_killed_fan_out_costs_seconds_and_neither_loses_nor_repeats_events() {
    // The receiver refuses everything until both crashes are over, so that the deliveries queue shows how far
    // fan-out has come; attempts and delay are chosen so that nothing is exhausted before that.
    let flags = format!("--retry-delay 8 --attempts 10 --timeout 2 --function-timeout {FUNCTION_TIMEOUT}");
    let stack = Stack::start(&flags).await;
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    let script = move |_: &Hit| Act::Answer(if opened.load(Ordering::Relaxed) { 200 } else { 500 });
    let receiver = Receiver::start(script).await;
    let company = Company::new(&stack).await;
    let mut webhooks = Vec::new();
    for path in PATHS {
        webhooks.push(company.webhook(&receiver.url(path)).await);
    }
    // Stopped while the events are pushed, so that there is enough work to be killed at, twice.
    signal("STOP", &stack.read_ready().pids.fan_out);
    company.push_tasks(0..EVENTS).await;
    signal("CONT", &stack.read_ready().pids.fan_out);
    for crash in 1..=2 {
        let reached = kill_fan_out_at_work(&stack).await;
        let killed_at = Instant::now();
        eventually("fan-out continues", COST_MAX, async || match fanned_out(&stack).await {
            now if reached < now => Ok(()),
            now => Err(format!("{now} deliveries")),
        })
        .await;
        let cost = killed_at.elapsed();
        assert!(cost < COST_MAX, "crash {crash} cost {cost:?}");
    }
    is_open.store(true, Ordering::Relaxed);
    for (webhook, path) in webhooks.iter().zip(PATHS) {
        let rows = company.rows_to(webhook, EVENTS, seconds(60)).await;
        let hits = receiver.hits_at(path);
        check(&hits, &rows);
        assert_eq!(hits.len(), rows.len(), "no attempt was cut off, so each has its row");
    }
}

/// Returns the number of deliveries in the queue. None ends while the receiver refuses everything.
async fn fanned_out(stack: &Stack) -> u64 {
    stack.depth(stack.ready.deliveries_queue_urls.first().unwrap()).await.all()
}

/// Kills fan-out between two events of a batch, and returns the number of deliveries that it had made: more than those of
/// the batches that it had reported as done.
async fn kill_fan_out_at_work(stack: &Stack) -> u64 {
    kill_once(
        stack,
        |pids| &pids.fan_out,
        async || {
            let reached = fanned_out(stack).await;
            let depth = stack.depth(&stack.ready.events_queue_url).await;
            let reported = (EVENTS - depth.all()) * PATHS.len() as u64;
            let is_at_work = 0 < depth.in_flight && reported < reached;
            if is_at_work { Ok(reached) } else { Err(format!("{depth:?}, {reached} deliveries")) }
        },
    )
    .await
}

/// Kills every sandbox of a function once `look` finds a result. They are stopped during each look.
async fn kill_once<T>(
    stack: &Stack,
    pids_of: fn(&Pids) -> &Vec<u32>,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    eventually("the function is at work", PATIENCE, async || {
        let pids = pids_of(&stack.read_ready().pids).clone();
        if pids.is_empty() || !signal("STOP", &pids) {
            return Err("no sandbox".to_owned());
        }
        let found = look().await;
        signal(if found.is_ok() { "KILL" } else { "CONT" }, &pids);
        found
    })
    .await
}
