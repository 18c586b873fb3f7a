//! A thousand events, twenty webhooks, one failing attempt in ten: tests of order, log and sequences.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;

use crate::company::{Company, EVENTS, Row, TASK_TRIGGER, USER_TRIGGER, brief};
use crate::event::{number_of, task_in, user};
use crate::random::Seed;
use crate::receiver::{Act, Hit, Receiver};
use crate::stack::{Stack, seconds};
use crate::wait::eventually;

const COMPANIES: u64 = 5;
const EVENTS_PER_COMPANY: u64 = 200;
const ATTEMPTS_MAX: u32 = 3;

/// A webhook, its path, and its events.
struct Line {
    webhook: String,
    path: String,
    owed: Vec<u64>,
}

/// Makes an event: every fourth is a user's, every fourth a task of the group `g2`, the others are tasks of `g1`.
fn event(company: &str, number: u64) -> String {
    match number % 4 {
        0 => user(company, number),
        1 => task_in(company, number, "g2"),
        _ => task_in(company, number, "g1"),
    }
}

/// Creates four webhooks: two for all tasks, one for the tasks of `g1`, one for users.
async fn make_lines((index, company): (u64, &Company<'_>), receiver: &Receiver) -> Vec<Line> {
    let all = || json!({});
    let owed = |wanted: fn(u64) -> bool| (0..EVENTS_PER_COMPANY).filter(|number| wanted(*number)).collect();
    let kinds: [(_, _, Vec<u64>); 4] = [
        (TASK_TRIGGER, all(), owed(|number| number % 4 != 0)),
        (TASK_TRIGGER, all(), owed(|number| number % 4 != 0)),
        (TASK_TRIGGER, json!({ "taskGroup": "g1" }), owed(|number| 2 <= number % 4)),
        (USER_TRIGGER, all(), owed(|number| number % 4 == 0)),
    ];
    let mut lines = Vec::new();
    for (kind, (trigger, context, owed)) in kinds.into_iter().enumerate() {
        let path = format!("/{index}/{kind}");
        let webhook = company.webhook_of(&receiver.url(&path), trigger, context).await;
        lines.push(Line { webhook, path, owed });
    }
    lines
}

/// Pushes a company's events in order with the operator's token, in calls of random sizes.
async fn push_all((index, company): (u64, &Company<'_>), seed: &Seed) {
    let mut next = 0;
    while next < EVENTS_PER_COMPANY {
        let end = (next + 1 + seed.of(&[index, next]) % 10).min(EVENTS_PER_COMPANY);
        let events: Vec<_> = (next..end).map(|number| event(&company.id, number)).collect();
        let call = match events.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(",")),
        };
        company.stack.post(EVENTS, &company.stack.ready.operator_token, call).await.expect(202);
        next = end;
    }
}

async fn check(company: &Company<'_>, line: &Line, hits: &[Hit]) {
    let firsts: Vec<_> = hits.iter().filter(|hit| hit.earlier == 0).map(Hit::number).collect();
    assert_eq!(firsts, line.owed, "{}: order of first arrivals", line.path);
    let rows = company.rows_by(&line.webhook, 37).await;
    let received: Vec<_> = hits.iter().map(Hit::brief).collect();
    assert_eq!(brief(&rows), received, "{}: rows and requests", line.path);
    for (row, hit) in rows.iter().zip(hits) {
        assert_eq!(row.event.get().as_bytes(), &*hit.body);
        assert_eq!(hit.webhook_id(), format!("{}_{}", row.delivery, row.sequence));
        let is_final = row.status == 200 || row.retry == ATTEMPTS_MAX;
        assert_eq!(row.is_final(), is_final, "{}: {:?}", line.path, row.brief());
    }
    let ended: Vec<_> = rows.iter().filter(|row| row.is_final()).map(|row| row.sequence).collect();
    let gapless: Vec<_> = (1..=line.owed.len() as u64).collect();
    assert_eq!(ended, gapless, "{}: each event ends once, under the next number", line.path);
    let mut attempts: HashMap<u64, u32> = HashMap::new();
    for row in &rows {
        let attempt = attempts.entry(row.sequence).or_default();
        *attempt += 1;
        assert_eq!(row.retry, *attempt, "{}: attempts are counted from 1", line.path);
    }
    let numbers: Vec<_> =
        rows.iter().filter(|row| row.is_final()).map(|row| number_of(row.event.get())).collect();
    assert_eq!(numbers, line.owed, "{}: sequence numbers follow the order of the push", line.path);
}

#[tokio::test]
async fn a_thousand_events_with_10_percent_failures_arrive_in_order_and_logged() {
    let seed = Arc::new(Seed::draw());
    let script = {
        let seed = Arc::clone(&seed);
        // Which attempts fail follows from the seed, not from the order in which they come.
        move |hit: &Hit| {
            let line = hit.path.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte));
            match seed.of(&[line, hit.number(), u64::from(hit.attempt())]) % 10 {
                0 => Act::Answer(500),
                _ => Act::Answer(200),
            }
        }
    };
    let stack = Stack::start("--retry-delay 1").await;
    let receiver = Receiver::start(script).await;
    let mut companies = Vec::new();
    for index in 0..COMPANIES {
        let company = Company::new(&stack).await;
        let lines = make_lines((index, &company), &receiver).await;
        companies.push((company, lines));
    }
    let pushes = (0..).zip(&companies).map(|(index, (company, _))| push_all((index, company), &seed));
    futures_util::future::join_all(pushes).await;
    eventually("every event has arrived everywhere", seconds(90), async || {
        let lines = || companies.iter().flat_map(|(_, lines)| lines);
        let late = |line: &&Line| receiver.numbers_at(&line.path).len() < line.owed.len();
        match lines().filter(late).count() {
            0 => Ok(()),
            late => Err(format!("{late} webhooks still wait for events")),
        }
    })
    .await;
    let mut failures = 0;
    for (company, lines) in &companies {
        for line in lines {
            company.rows_to(&line.webhook, line.owed.len() as u64, seconds(30)).await;
            let hits = receiver.hits_at(&line.path);
            failures += hits.iter().filter(|hit| hit.status == 500).count();
            check(company, line, &hits).await;
        }
    }
    // 2,250 deliveries. A much different number would mean that the script is wrong.
    assert!((100..500).contains(&failures), "{failures} failures");
}

#[tokio::test]
async fn order_is_kept_with_one_sandbox_and_batches_of_one() {
    let stack = Stack::start("--retry-delay 0 --concurrency 1 --batch-size 1").await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| match hit.number() % 5 {
        0 if hit.earlier < 2 => Act::Answer(500),
        1 if hit.earlier < 3 => Act::HangUp,
        _ => Act::Answer(200),
    })
    .await;
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks(0..20).await;
    let rows = company.rows_to(&webhook, 20, seconds(60)).await;
    assert_eq!(receiver.numbers_at("/"), (0..20).collect::<Vec<_>>());
    let attempts = |number: u64| -> Vec<_> {
        let of_number = |row: &&Row| row.sequence == number + 1;
        rows.iter().filter(of_number).map(|row| (row.retry, row.status)).collect()
    };
    for number in 0..20 {
        let expected: &[(u32, u16)] = match number % 5 {
            0 => &[(1, 500), (2, 500), (3, 200)],
            1 => &[(1, 409), (2, 409), (3, 409)],
            _ => &[(1, 200)],
        };
        assert_eq!(attempts(number), expected, "event {number}");
    }
    assert_eq!(rows.len(), receiver.hits_at("/").len());
}
