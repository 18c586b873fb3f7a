//! Tests of receivers that fail, in every way.

use std::collections::HashSet;
use std::time::Duration;

use crate::company::{Company, Row, brief};
use crate::process::signal;
use crate::receiver::{Act, Hit, Receiver};
use crate::stack::{COMMON, Stack};
use crate::wait::{PATIENCE, eventually};

const RESPONSE_BYTES_MAX: usize = 16 * 1024;

/// Starts a receiver that fails event 0 in this way and accepts all others.
async fn failing_once(act: impl Fn() -> Act + Send + Sync + 'static) -> Receiver {
    Receiver::start(move |hit| if hit.number() == 0 { act() } else { Act::Answer(200) }).await
}

/// Reads the rows of events 0 and 1 of one webhook.
async fn rows_of_two(receiver: &Receiver, company: &Company<'_>) -> Vec<Row> {
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks([0, 1]).await;
    company.rows_to(&webhook, 2, PATIENCE).await
}

/// Returns the error of each attempt.
fn errors(rows: &[Row]) -> Vec<Option<&str>> {
    rows.iter().map(|row| row.error.as_deref()).collect()
}

#[tokio::test]
async fn three_failed_requests_exhaust_an_event_and_the_next_is_sent() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = failing_once(|| Act::Say(500, "no".to_owned())).await;
    let rows = rows_of_two(&receiver, &company).await;
    assert_eq!(brief(&rows), [(1, 1, 500), (1, 2, 500), (1, 3, 500), (2, 1, 200)]);
    assert_eq!(brief(&rows), receiver.hits_at("/").iter().map(Hit::brief).collect::<Vec<_>>());
    assert_eq!(rows.iter().map(Row::is_final).collect::<Vec<_>>(), [false, false, true, true]);
    let results: Vec<_> = rows.iter().map(|row| row.result.as_str()).collect();
    assert_eq!(results, ["FAILED", "FAILED", "FAILED", "SUCCESS"]);
    assert_eq!(errors(&rows), [Some("http_status"), Some("http_status"), Some("http_status"), None]);
    let ids: HashSet<_> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), 4, "each row has an id of its own");
    assert!(rows.iter().take(3).all(|row| row.response == "no"));
}

#[tokio::test]
async fn retries_only_after_the_delay() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = failing_once(|| Act::Answer(500)).await;
    rows_of_two(&receiver, &company).await;
    let hits = receiver.hits_at("/");
    for pair in hits.windows(2).take(2) {
        let [before, after] = pair else { panic!("windows of two") };
        let gap = after.at - before.at;
        // `--retry-delay 1`. The receiver fails at once, so the delay begins with the request.
        assert!(Duration::from_millis(990) <= gap, "{:?} came after {gap:?}", after.brief());
    }
}

#[tokio::test]
async fn statuses_200_to_209_succeed_and_210_fails() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| Act::Answer(u16::try_from(hit.number()).unwrap())).await;
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks([200, 201, 204, 209, 210]).await;
    let rows = company.rows_to(&webhook, 5, PATIENCE).await;
    let expected =
        [(1, 1, 200), (2, 1, 201), (3, 1, 204), (4, 1, 209), (5, 1, 210), (5, 2, 210), (5, 3, 210)];
    assert_eq!(brief(&rows), expected);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let elsewhere = Receiver::accepting().await;
    let url = elsewhere.url("/elsewhere");
    let receiver = failing_once(move || Act::Redirect(url.clone())).await;
    let rows = rows_of_two(&receiver, &company).await;
    assert_eq!(brief(&rows), [(1, 1, 302), (1, 2, 302), (1, 3, 302), (2, 1, 200)]);
    assert_eq!(errors(&rows), [Some("http_status"), Some("http_status"), Some("http_status"), None]);
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_connection_closed_without_a_response_is_one_row_per_attempt() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    // Event 0 has a response and leaves its connection open; event 1 arrives over it and has none.
    let receiver =
        Receiver::start(|hit| if hit.number() == 1 { Act::HangUp } else { Act::Answer(200) }).await;
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks([0, 1, 2]).await;
    let rows = company.rows_to(&webhook, 3, PATIENCE).await;
    assert_eq!(brief(&rows), [(1, 1, 200), (2, 1, 409), (2, 2, 409), (2, 3, 409), (3, 1, 200)]);
    assert_eq!(errors(&rows), [None, Some("protocol"), Some("protocol"), Some("protocol"), None]);
    let mut attempts: Vec<_> = receiver
        .hits_at("/")
        .iter()
        .map(|hit| (hit.sequence(), hit.attempt(), hit.webhook_id().to_owned()))
        .collect();
    let requests = attempts.len();
    attempts.dedup();
    let numbers: Vec<_> = attempts.iter().map(|(sequence, attempt, _)| (*sequence, *attempt)).collect();
    assert_eq!(numbers, [(1, 1), (2, 1), (2, 2), (2, 3), (3, 1)]);
    // The request over the connection of event 0 was sent again over a fresh one, if one invocation had both events.
    assert!((5..=6).contains(&requests), "{requests} requests");
}

#[tokio::test]
async fn a_connection_closed_at_once_is_one_connection_and_one_row() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = hookrail_receivers::Receiver::start(Vec::new());
    let webhook = company.webhook(&receiver.url("http")).await;
    company.push_tasks([0]).await;
    let rows = company.rows_to(&webhook, 1, PATIENCE).await;
    assert_eq!(brief(&rows), [(1, 1, 409), (1, 2, 409), (1, 3, 409)]);
    assert_eq!(receiver.connections(), 3);
    assert!(errors(&rows).iter().all(|error| matches!(error, Some("protocol" | "connect"))), "{rows:?}");
}

#[tokio::test]
async fn an_unreachable_receiver_is_logged_as_a_connection_error() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let url = {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let webhook = company.webhook(&url).await;
    let unknown = company.webhook("http://no-such-host.invalid/").await;
    let plain = Receiver::accepting().await;
    let encrypted = company.webhook(&plain.url("/").replace("http:", "https:")).await;
    company.push_tasks([0]).await;
    for (webhook, class, reason) in [
        (&webhook, "connect", "the connection was refused"),
        // The rest depends on whether a name server can be reached.
        (&unknown, "dns", "the host name"),
        (&encrypted, "tls", "the receiver does not speak TLS on this port"),
    ] {
        let rows = company.rows_to(webhook, 1, PATIENCE).await;
        assert_eq!(brief(&rows), [(1, 1, 409), (1, 2, 409), (1, 3, 409)]);
        assert_eq!(errors(&rows), [Some(class); 3]);
        assert!(rows.iter().all(|row| row.response.starts_with(reason)), "{class}: {rows:?}");
    }
}

#[tokio::test]
async fn a_response_without_a_head_times_out() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|_| Act::Late(PATIENCE, 200)).await;
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks([0]).await;
    let row = first_row(&company, &webhook).await;
    assert_eq!((row.brief(), row.error.as_deref()), ((1, 1, 409), Some("timeout")));
    assert_eq!(row.response, "no complete response within 5 s");
    // `--timeout 5`, and time for a busy machine.
    assert!((5_000..9_000).contains(&row.duration_ms), "{} ms", row.duration_ms);
}

#[tokio::test]
async fn a_success_with_an_endless_body_stays_a_success_with_a_truncated_body() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|_| Act::Stall).await;
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks([0]).await;
    let row = first_row(&company, &webhook).await;
    assert_eq!((row.brief(), row.error.as_deref()), ((1, 1, 200), None));
    assert_eq!((row.response.as_str(), row.response_truncated), ("", true));
}

async fn first_row(company: &Company<'_>, webhook: &str) -> Row {
    eventually("the attempt has its row", PATIENCE, async || {
        company.rows(webhook).await.into_iter().next().ok_or_else(|| "no row".to_owned())
    })
    .await
}

#[tokio::test]
async fn keeps_16_kib_of_a_response_and_cuts_the_rest() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| {
        let bytes = RESPONSE_BYTES_MAX + usize::try_from(hit.number()).unwrap();
        Act::Say(200, "r".repeat(bytes))
    })
    .await;
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks([0, 1, 1_000_000]).await;
    let rows = company.rows_to(&webhook, 3, PATIENCE).await;
    assert_eq!(brief(&rows), [(1, 1, 200), (2, 1, 200), (3, 1, 200)]);
    let kept: Vec<_> = rows.iter().map(|row| (row.response.len(), row.response_truncated)).collect();
    assert_eq!(kept, [(RESPONSE_BYTES_MAX, false), (RESPONSE_BYTES_MAX, true), (RESPONSE_BYTES_MAX, true)]);
}

#[tokio::test]
async fn retry_after_delays_a_busy_receiver_and_no_other_failure() {
    let stack = COMMON.get().await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::start(|hit| match (hit.path.as_str(), hit.earlier) {
        ("/busy", 0) => Act::NotBefore(3, 503),
        ("/failing", 0) => Act::NotBefore(60, 500),
        _ => Act::Answer(200),
    })
    .await;
    company.webhook(&receiver.url("/busy")).await;
    company.webhook(&receiver.url("/failing")).await;
    company.push_tasks([0]).await;
    for (path, delay) in [("/busy", 3_000), ("/failing", 1_000)] {
        let hits = receiver.wait_for(path, 2, PATIENCE).await;
        let [first, second] = hits.as_slice() else { panic!("{} requests to {path}", hits.len()) };
        let gap = second.at - first.at;
        // From the failure, which comes at once. The hold is rounded up to whole seconds.
        assert!(Duration::from_millis(delay - 10) <= gap, "{path}: {gap:?}");
    }
}

#[tokio::test]
async fn a_connection_closed_during_a_freeze_costs_no_attempt() {
    let stack = Stack::start("--retry-delay 1").await;
    let company = Company::new(&stack).await;
    let receiver = Receiver::accepting().await;
    let webhook = company.webhook(&receiver.url("/")).await;
    company.push_tasks([0]).await;
    company.rows_to(&webhook, 1, PATIENCE).await;
    stack.wait_until_idle().await;
    // Lambda freezes an idle sandbox in this way.
    let sandboxes = stack.read_ready().pids.deliver;
    signal("STOP", &sandboxes);
    receiver.close_idle();
    company.push_tasks([1]).await;
    let queue = stack.ready.deliveries_queue_urls.first().unwrap();
    eventually("the event is with the sandbox", PATIENCE, async || match stack.depth(queue).await {
        depth if depth.in_flight == 1 => Ok(()),
        depth => Err(format!("{depth:?}")),
    })
    .await;
    signal("CONT", &sandboxes);
    let rows = company.rows_to(&webhook, 2, PATIENCE).await;
    assert_eq!(brief(&rows), [(1, 1, 200), (2, 1, 200)]);
    assert_eq!(receiver.connections(), 2);
}
