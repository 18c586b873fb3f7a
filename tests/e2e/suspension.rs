//! Tests of promise 8: the events of a dead endpoint are parked, and delivered in order when it recovers.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hookrail_domain::backlog::PROBE_SECONDS_MIN;

use crate::company::{Company, Row, brief};
use crate::process::{Process, signal};
use crate::queues::LOG_TABLE;
use crate::receiver::{Act, Hit, Receiver};
use crate::stack::{Stack, read, seconds};
use crate::wait::{PATIENCE, eventually};

/// Delay of the first probe of a suspended endpoint.
const FIRST_PROBE: Duration = seconds(PROBE_SECONDS_MIN);

/// Returns the rows of parked events.
fn parked(rows: &[Row]) -> Vec<u64> {
    rows.iter().filter(|row| row.result == "PARKED").map(|row| row.sequence).collect()
}

/// Returns the accepted events in order, with repeats.
fn accepted(hits: &[Hit]) -> Vec<u64> {
    hits.iter().filter(|hit| hit.status == 200).map(Hit::number).collect()
}

/// Checks the rules of every log: an event has one sequence and one `webhook-id` on every request, attempts count up,
/// each row exists once.
#[track_caller]
fn check_identity(hits: &[Hit], rows: &[Row]) {
    let mut ids: HashMap<u64, &str> = HashMap::new();
    for hit in hits {
        assert_eq!(hit.sequence(), hit.number() + 1, "sequence of event {}", hit.number());
        let id = *ids.entry(hit.number()).or_insert_with(|| hit.webhook_id());
        assert_eq!(hit.webhook_id(), id, "event {} under another webhook-id", hit.number());
    }
    let mut numbers: Vec<_> = rows.iter().map(|row| (row.sequence, row.retry)).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), rows.len(), "a row twice: {:?}", brief(rows));
}

async fn queue_is_empty(stack: &Stack, within: Duration) {
    eventually("the deliveries queue is empty", within, async || {
        match stack.depth(stack.ready.deliveries_queue_urls.first().unwrap()).await {
            depth if depth.all() == 0 => Ok(()),
            depth => Err(format!("{depth:?}")),
        }
    })
    .await;
}

/// Waits until recover has sent all these events, and fails the test with the events that came.
async fn wait_until_accepted(receiver: &Receiver, path: &str, events: u64, within: Duration) -> Vec<Hit> {
    eventually(&format!("event {events} is accepted"), within, async || {
        let hits = receiver.hits_at(path);
        if accepted(&hits).contains(&(events - 1)) { Ok(hits) } else { Err(format!("{:?}", accepted(&hits))) }
    })
    .await
}

/// A receiver state that a test switches.
#[derive(Debug, Clone, Default)]
struct Door(Arc<AtomicBool>);

impl Door {
    fn open(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn status(&self) -> u16 {
        if self.0.load(Ordering::Relaxed) { 200 } else { 500 }
    }
}

#[tokio::test]
async fn a_dead_endpoint_is_suspended_and_gets_its_backlog_in_order() {
    const RUN: Range<u64> = 0..5;
    const PARKED: Range<u64> = 5..60;
    const LIVE: Range<u64> = 60..80;
    let stack = Stack::start("--retry-delay 1 --attempts 2").await;
    let company = Company::new(&stack).await;
    let door = Door::default();
    let receiver = {
        let door = door.clone();
        Receiver::start(move |hit| Act::Answer(if hit.path == "/dead" { door.status() } else { 200 })).await
    };
    let dead = company.webhook(&receiver.url("/dead")).await;
    let healthy = company.webhook(&receiver.url("/healthy")).await;
    company.push_tasks(RUN.start..PARKED.end).await;

    // Long before the first probe, and with nothing in the queue: parking costs no attempt and no waiting.
    let rows = company.rows_to(&dead, PARKED.end, PATIENCE).await;
    queue_is_empty(&stack, PATIENCE).await;
    assert_eq!(parked(&rows), (PARKED.start + 1..=PARKED.end).collect::<Vec<_>>());
    let attempts: Vec<_> = RUN.flat_map(|number| [(number + 1, 1, 500), (number + 1, 2, 500)]).collect();
    assert_eq!(brief(&rows).get(..attempts.len()), Some(attempts.as_slice()));
    let hits = receiver.hits_at("/dead");
    assert_eq!(hits.iter().map(Hit::brief).collect::<Vec<_>>(), attempts, "no request for a parked event");
    receiver.wait_for("/healthy", usize::try_from(PARKED.end).unwrap(), PATIENCE).await;

    door.open();
    let patience = FIRST_PROBE + PATIENCE;
    receiver.wait_for("/dead", attempts.len() + 1, patience).await;
    // While parked events are drained, or just after: in both cases behind them.
    company.push_tasks(LIVE).await;
    let hits = wait_until_accepted(&receiver, "/dead", LIVE.end, PATIENCE).await;
    assert_eq!(accepted(&hits), (0..LIVE.end).collect::<Vec<_>>(), "each once, the run first");
    let rows = company.rows_to(&dead, LIVE.end, PATIENCE).await;
    check_identity(&hits, &rows);
    let succeeded: Vec<_> = rows.iter().filter(|row| row.status == 200).map(|row| row.sequence).collect();
    assert_eq!(succeeded, (1..=LIVE.end).collect::<Vec<_>>(), "one accepted attempt of each in the log");
    let again: Vec<_> = rows.iter().filter(|row| row.sequence <= RUN.end && row.status == 200).collect();
    assert!(again.iter().all(|row| row.retry == 3), "{:?}", brief(&rows));
    queue_is_empty(&stack, PATIENCE).await;
    company.rows_to(&healthy, LIVE.end, PATIENCE).await;
    assert_eq!(receiver.numbers_at("/healthy"), (0..LIVE.end).collect::<Vec<_>>());
}

#[tokio::test]
async fn suspend_after_1_skips_no_event() {
    const EVENTS: u64 = 40;
    const BEFORE: u64 = 7;
    let stack = Stack::start("--retry-delay 1 --attempts 2 --suspend-after 1").await;
    let company = Company::new(&stack).await;
    let door = Door::default();
    let receiver = {
        let door = door.clone();
        // A 400 is about the event, and would end it in another mode.
        Receiver::start(move |hit| match hit.number() {
            number if number < BEFORE => Act::Answer(200),
            _ => Act::Answer(if door.status() == 200 { 200 } else { 400 }),
        })
        .await
    };
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks(0..EVENTS).await;
    let rows = company.rows_to(&webhook, EVENTS, PATIENCE).await;
    assert_eq!(parked(&rows), (BEFORE + 2..=EVENTS).collect::<Vec<_>>(), "all behind the one that failed");
    // Although its attempts are exhausted it is sent again, before all others.
    door.open();
    let hits = wait_until_accepted(&receiver, "/", EVENTS, FIRST_PROBE + PATIENCE).await;
    assert_eq!(accepted(&hits), (0..EVENTS).collect::<Vec<_>>(), "each once and in order");
    assert!(hits.iter().filter(|hit| hit.status != 200).all(|hit| hit.number() == BEFORE), "only the head");
    check_identity(&hits, &company.rows(&webhook).await);
}

#[tokio::test]
async fn a_dead_endpoint_among_twenty_does_not_affect_the_others() {
    const WEBHOOKS: usize = 20;
    const EVENTS: u64 = 30;
    let stack = Stack::start("--retry-delay 1 --attempts 2").await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| Act::Answer(if hit.path == "/0" { 500 } else { 200 })).await;
    let mut webhooks = Vec::new();
    for path in 0..WEBHOOKS {
        webhooks.push(company.webhook(&receiver.url(&format!("/{path}"))).await);
    }
    company.push_tasks(0..EVENTS).await;
    let all: Vec<_> = (0..EVENTS).collect();
    for (path, webhook) in webhooks.iter().enumerate() {
        let rows = company.rows_to(webhook, EVENTS, PATIENCE).await;
        let path = format!("/{path}");
        let hits = receiver.hits_at(&path);
        check_identity(&hits, &rows);
        if path == "/0" {
            assert_eq!(parked(&rows), (6..=EVENTS).collect::<Vec<_>>(), "{path}");
        } else {
            assert_eq!(accepted(&hits), all, "{path}");
            assert_eq!(rows.len(), all.len(), "{path}: {:?}", brief(&rows));
        }
    }
    queue_is_empty(&stack, PATIENCE).await;
}

#[tokio::test]
async fn a_killed_recover_loses_nothing_and_repeats_only_requests_in_flight() {
    const EVENTS: u64 = 60;
    /// Killed at the first request for these.
    const CUT_OFF: [u64; 2] = [12, 33];
    // No exhausted event and no probe: late events are parked and drained at once.
    let stack =
        Stack::start("--retry-delay 2 --attempts 10 --timeout 4 --function-timeout 8 --park-after 2").await;
    let company = Company::new(&stack).await;
    let victim: Arc<Process> = Arc::clone(&stack.process);
    let killed = Arc::new(AtomicU64::new(0));
    let receiver = {
        let killed = Arc::clone(&killed);
        Receiver::start(move |hit| {
            // The first one fails twice, so that the others become late behind it.
            if hit.number() == 0 && hit.earlier < 2 {
                return Act::Answer(500);
            }
            if hit.earlier == 0 && CUT_OFF.contains(&hit.number()) {
                killed.fetch_add(1, Ordering::Relaxed);
                signal("KILL", &read(&victim).pids.recover);
            }
            Act::Answer(200)
        })
        .await
    };
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks(0..EVENTS).await;
    let rows = company.rows_to(&webhook, EVENTS, PATIENCE).await;
    assert!(!parked(&rows).is_empty(), "{:?}", brief(&rows));
    // Each crash costs the function's time-out and ten seconds, the length of the lease.
    let hits = wait_until_accepted(&receiver, "/", EVENTS, seconds(2 * (8 + 10)) + PATIENCE).await;
    assert_eq!(killed.load(Ordering::Relaxed), 2);
    assert_eq!(receiver.numbers_at("/"), (0..EVENTS).collect::<Vec<_>>(), "order of first arrivals");
    let repeated: Vec<_> =
        hits.iter().filter(|hit| 0 < hit.earlier && 0 < hit.number()).map(Hit::number).collect();
    assert_eq!(repeated, CUT_OFF, "only what was being sent");
    let rows = eventually("every event has its accepted row", PATIENCE, async || {
        let rows = company.rows(&webhook).await;
        let ended: Vec<_> = rows.iter().filter(|row| row.status == 200).map(|row| row.sequence).collect();
        if ended == (1..=EVENTS).collect::<Vec<_>>() { Ok(rows) } else { Err(format!("{ended:?}")) }
    })
    .await;
    check_identity(&hits, &rows);
    // The queue is active again: the index of due queues has no entry for it.
    let line = (&*format!("{}#{webhook}", company.id), "line");
    eventually("the queue is active", PATIENCE, async || {
        match stack.find_attribute(LOG_TABLE, line, "state").await {
            None => Ok(()),
            Some(state) => Err(state),
        }
    })
    .await;
}
