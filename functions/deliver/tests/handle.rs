//! The whole function over tables, queues and receivers in memory.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails loudly")]

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lambda_events::sqs::SqsEvent;
use doubles::{BusyReceivers, HastyClock, Lines};
use hookrail_adapters::config::DeliverConfig;
use hookrail_deliver::{App, Invocation, handle};
use hookrail_domain::attempt::{ErrorClass, Outcome};
use hookrail_domain::id::{CompanyId, DeliveryId, EventId, WebhookId};
use hookrail_domain::log_row::{LogRow, RunId};
use hookrail_domain::progress::Progress;
use hookrail_domain::retry::RetryPolicy;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::suspension::SuspensionPolicy;
use hookrail_domain::target::TargetPolicy;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Token, TokenHash};
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::clock::Clock as _;
use hookrail_pipeline::operational_events::OperationalEventConfig;
use hookrail_pipeline::store::{ConfigStore as _, WebhookKey};
use hookrail_testkit::clock::ManualClock;
use hookrail_testkit::contract::sample_webhook;
use hookrail_testkit::memory::MemoryTables;
use hookrail_testkit::queue::MemoryQueue;
use hookrail_testkit::script::{ScriptedSender, answer, timeout};
use hookrail_wire::queue_message;

#[path = "handle/doubles.rs"]
mod doubles;
#[path = "handle/parking.rs"]
mod parking;

const SAMPLE: &str = include_str!("../../../events/deliver-task-create.json");
const COMPANY: &str = "625bcbdcc9a8e3a86dbf041c";
const SAMPLE_WEBHOOK: &str = "62685990d918fb5557f9f992";
const DEAD_LETTERS: &str = "http://queues/0/hookrail-deliveries-dlq.fifo";
const RECOVERY: &str = "http://queues/0/hookrail-recovery.fifo";
const NOW: Millis = Millis(1_651_780_500_000);

struct World {
    app: App<(MemoryTables, MemoryQueue, ScriptedSender, ManualClock)>,
    runs: AtomicU32,
}

impl World {
    /// Makes webhooks 1 and 2, and the one of the sample. The receivers respond as scripted, then with
    /// 200.
    async fn new(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let store = MemoryTables::default();
        let company = CompanyId::parse(COMPANY).unwrap();
        let grant = Grant::company(company.clone());
        store.create_company(&company, &Token::first(TokenHash::of("t"), grant, Millis(0))).await.unwrap();
        let sample = Webhook { id: WebhookId::parse(SAMPLE_WEBHOOK).unwrap(), ..sample_webhook(COMPANY, 3) };
        for webhook in [sample_webhook(COMPANY, 1), sample_webhook(COMPANY, 2), sample] {
            let secrets = Secrets::new(SigningSecret::from_random([7; 32]));
            store.create_webhook(&webhook, &secrets).await.unwrap();
        }
        let config = DeliverConfig {
            config_table: String::new(),
            log_table: String::new(),
            deliveries_queue_urls: vec!["http://queues/0/hookrail-deliveries.fifo".to_owned()],
            deliveries_dlq_url: DEAD_LETTERS.to_owned(),
            operational_events: OperationalEventConfig::default(),
            recovery_queue_url: RECOVERY.to_owned(),
            policy: RetryPolicy::default(),
            suspension: SuspensionPolicy { suspend_after: 2, ..SuspensionPolicy::default() },
            targets: TargetPolicy::default(),
        };
        let app = App {
            store,
            queue: MemoryQueue::default(),
            sender: ScriptedSender::with(outcomes),
            clock: ManualClock::at(NOW),
            config,
        };
        Self { app, runs: AtomicU32::new(0) }
    }

    /// Runs one invocation, under a run id of its own.
    async fn handle(&self, events: &SqsEvent) -> Vec<String> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let invocation =
            Invocation { run: RunId(run.to_string()), deadline: Millis(self.app.clock.now().0 + 30_000) };
        let reply = handle(&self.app, events.clone(), &invocation).await;
        reply.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }

    fn rows(&self, webhook: u8) -> Vec<LogRow> {
        self.app.store.rows(&key_of(webhook))
    }

    /// Returns sequence, attempt and status of every row.
    fn log(&self, webhook: u8) -> Vec<(u64, u32, u16)> {
        let rows = self.rows(webhook);
        rows.iter()
            .map(|row| {
                let number = row.attempt.number;
                (number.sequence, number.attempt, row.attempt.outcome.status())
            })
            .collect()
    }

    /// Returns the holds after the claim, which is one for every record.
    fn holds(&self, claimed: usize) -> Vec<(String, u64)> {
        self.app.queue.holds().into_iter().skip(claimed).collect()
    }
}

fn key_of(webhook: u8) -> WebhookKey {
    WebhookKey { company: CompanyId::parse(COMPANY).unwrap(), webhook: sample_webhook(COMPANY, webhook).id }
}

/// Makes messages `(webhook, number)`: number is event, position and name at once.
fn events(messages: &[(u8, u8)]) -> SqsEvent {
    let mut event: SqsEvent = serde_json::from_str(SAMPLE).unwrap();
    let template = event.records.remove(0);
    let sample = queue_message::decode(template.body.as_deref().unwrap()).unwrap();
    for (webhook, number) in messages {
        let mut delivery = sample.clone();
        delivery.webhook = sample_webhook(COMPANY, *webhook).id;
        delivery.event = EventId::of_message(&number.to_string());
        delivery.id = DeliveryId::of(delivery.event, delivery.webhook);
        delivery.accepted.number = (*number).into();
        let mut record = template.clone();
        record.message_id = Some(format!("m{webhook}-{number}"));
        record.receipt_handle = Some(format!("h{webhook}-{number}"));
        record.body = Some(queue_message::encode(&delivery));
        record.attributes.insert("MessageGroupId".to_owned(), delivery.webhook.to_string());
        record.attributes.insert("SequenceNumber".to_owned(), number.to_string());
        event.records.push(record);
    }
    event
}

#[tokio::test]
async fn the_sample_delivery_is_sent_and_logged() {
    let world = World::new([]).await;
    let event: SqsEvent = serde_json::from_str(SAMPLE).unwrap();
    assert!(world.handle(&event).await.is_empty());
    let requests = world.app.sender.requests();
    let body = event.records[0].body.clone().unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].body.as_str(), body.split_once('\n').unwrap().1);
    let key = WebhookKey { webhook: WebhookId::parse(SAMPLE_WEBHOOK).unwrap(), ..key_of(1) };
    assert_eq!(world.app.store.rows(&key).len(), 1);
}

#[tokio::test]
async fn a_failure_holds_the_rest_of_its_group_only() {
    let world = World::new([answer(200), answer(500)]).await;
    let batch = events(&[(1, 1), (1, 2), (1, 3), (2, 4)]);
    assert_eq!(world.handle(&batch).await, ["m1-2", "m1-3"]);
    assert_eq!(world.holds(4), [("h1-2".to_owned(), 30), ("h1-3".to_owned(), 30)]);
    assert_eq!(world.log(1).len() + world.log(2).len(), 3);
}

#[tokio::test]
async fn the_third_failure_exhausts_an_event_and_the_next_is_sent() {
    let world = World::new([answer(500), timeout(), answer(301)]).await;
    for wait_ms in [0, 30_000, 30_000] {
        world.app.clock.advance_ms(wait_ms);
        world.handle(&events(&[(1, 1), (1, 2)])).await;
    }
    assert_eq!(world.log(1), [(1, 1, 500), (1, 2, 409), (1, 3, 301), (2, 1, 200)]);
    let progress: Vec<_> = world.rows(1).iter().map(|row| row.progress == Progress::Ended).collect();
    assert_eq!(progress, [false, false, true, true]);
    assert_eq!(world.rows(1)[1].attempt.outcome.error(), Some(ErrorClass::Timeout));
}

#[tokio::test]
async fn every_attempt_keeps_the_webhook_id() {
    let world = World::new([answer(500)]).await;
    world.handle(&events(&[(1, 1)])).await;
    world.app.clock.advance_ms(30_000);
    world.handle(&events(&[(1, 1)])).await;
    let ids: Vec<_> = world
        .app
        .sender
        .requests()
        .iter()
        .map(|request| request.headers.iter().find(|(name, _)| *name == "webhook-id").unwrap().1.clone())
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_logged_batch_received_again_sends_nothing() {
    let world = World::new([]).await;
    let batch = events(&[(1, 1), (1, 2), (1, 3)]);
    world.handle(&batch).await;
    assert!(world.handle(&batch).await.is_empty());
    assert_eq!(world.app.sender.requests().len(), 3);
    assert_eq!(world.log(1).len(), 3);
}

#[tokio::test]
async fn an_early_head_waits_for_the_rest_of_its_delay() {
    let world = World::new([answer(500)]).await;
    world.handle(&events(&[(1, 1)])).await;
    world.app.clock.advance_ms(12_000);
    assert_eq!(world.handle(&events(&[(1, 1), (1, 2)])).await, ["m1-1", "m1-2"]);
    assert_eq!(world.holds(4), [("h1-1".to_owned(), 18), ("h1-2".to_owned(), 18)]);
    assert_eq!(world.app.sender.requests().len(), 1);
}

#[tokio::test]
async fn deliver_does_not_touch_messages_claimed_by_another_run() {
    let world = World::new([]).await;
    world.app.queue.expire("h1-2");
    assert_eq!(world.handle(&events(&[(1, 1), (1, 2), (1, 3), (2, 4)])).await, ["m1-2", "m1-3"]);
    assert_eq!(world.app.sender.requests().len(), 2);
}

#[tokio::test]
async fn without_time_for_an_attempt_nothing_is_sent_or_counted() {
    let world = World::new([]).await;
    let invocation = Invocation { run: RunId("r".into()), deadline: Millis(NOW.0 + 11_999) };
    let reply = handle(&world.app, events(&[(1, 1)]), &invocation).await;
    assert_eq!(reply.batch_item_failures.len(), 1);
    assert_eq!(world.holds(1), [("h1-1".to_owned(), 0)]);
    assert!(world.app.sender.requests().is_empty() && world.log(1).is_empty());
    let invocation = Invocation { deadline: Millis(NOW.0 + 12_000), ..invocation };
    handle(&world.app, events(&[(1, 1)]), &invocation).await;
    assert_eq!(world.log(1), [(1, 1, 200)], "the margin is part of the time");
}

#[tokio::test]
async fn a_malformed_message_is_dead_lettered_and_the_next_is_sent() {
    let world = World::new([]).await;
    let mut batch = events(&[(1, 1), (1, 2)]);
    batch.records[0].body = Some("not a message".to_owned());
    assert!(world.handle(&batch).await.is_empty());
    let sent = world.app.queue.sent();
    assert_eq!((sent.len(), sent[0].0.as_str()), (1, DEAD_LETTERS));
    assert_eq!(world.log(1), [(1, 1, 200)]);
}

#[tokio::test]
async fn a_message_in_another_webhooks_group_is_dead_lettered() {
    let world = World::new([]).await;
    let mut batch = events(&[(1, 1), (2, 2)]);
    let foreign = batch.records[1].body.clone();
    batch.records.truncate(1);
    batch.records[0].body = foreign;
    assert!(world.handle(&batch).await.is_empty());
    assert!(world.app.sender.requests().is_empty());
    assert_eq!(world.app.queue.sent().len(), 1);
}

#[tokio::test]
async fn an_event_of_a_deactivated_webhook_ends_with_a_row() {
    let world = World::new([]).await;
    let off = Webhook { is_active: false, version: 1, ..sample_webhook(COMPANY, 1) };
    world.app.store.replace_webhook((&off).into()).await.unwrap();
    assert!(world.handle(&events(&[(1, 1)])).await.is_empty());
    assert!(world.app.sender.requests().is_empty());
    let rows = world.rows(1);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].attempt.outcome.error(), Some(ErrorClass::Disabled));
    assert_eq!(rows[0].progress, Progress::Ended);
}

#[tokio::test]
async fn sequences_continue_after_every_row_has_expired() {
    let world = World::new([]).await;
    world.handle(&events(&[(1, 1), (1, 2)])).await;
    world.app.store.expire_rows(&key_of(1), 2);
    world.handle(&events(&[(1, 3)])).await;
    assert_eq!(world.log(1), [(3, 1, 200)]);
}

#[tokio::test]
async fn a_message_that_cannot_be_dead_lettered_holds_its_group() {
    let world = World::new([]).await;
    world.app.queue.fail_sends_after(0);
    let mut batch = events(&[(1, 1), (1, 2)]);
    batch.records[0].body = Some("not a message".to_owned());
    assert_eq!(world.handle(&batch).await, ["m1-1", "m1-2"]);
    assert_eq!(world.holds(2), [("h1-1".to_owned(), 30), ("h1-2".to_owned(), 30)]);
    assert!(world.app.sender.requests().is_empty());
}

#[tokio::test]
async fn nothing_is_sent_while_tables_are_unavailable_and_every_group_waits() {
    let World { app, .. } = World::new([]).await;
    app.store.go_away();
    let mut batch = events(&[(1, 1), (2, 2), (1, 3)]);
    batch.records[1].attributes.insert("ApproximateReceiveCount".to_owned(), "3".to_owned());
    let invocation = Invocation { run: RunId("r".into()), deadline: Millis(NOW.0 + 30_000) };
    let reply = handle(&app, batch, &invocation).await;
    let mut failed: Vec<_> =
        reply.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    failed.sort();
    assert_eq!(failed, ["m1-1", "m1-3", "m2-2"]);
    let mut holds: Vec<_> = app.queue.holds().into_iter().skip(3).collect();
    holds.sort();
    let expected = [("h1-1", 30), ("h1-3", 30), ("h2-2", 120)];
    assert_eq!(holds, expected.map(|(handle, seconds)| (handle.to_owned(), seconds)));
    assert!(app.sender.requests().is_empty());
}

#[tokio::test]
async fn a_finished_message_is_deleted_while_another_in_its_batch_is_busy() {
    let World { app: App { store, queue, config, .. }, .. } = World::new([]).await;
    let sender =
        BusyReceivers { url: sample_webhook(COMPANY, 2).cot().unwrap().url.clone(), queue: queue.clone() };
    let app: App<(_, _, BusyReceivers, _)> = App { store, queue, sender, clock: HastyClock(NOW), config };
    let invocation = Invocation { run: RunId("r".into()), deadline: Millis(NOW.0 + 30_000) };
    let reply = handle(&app, events(&[(1, 1), (2, 2)]), &invocation).await;
    assert!(reply.batch_item_failures.is_empty(), "the busy one responded after the other was deleted");
    assert_eq!(app.queue.deleted().first().map(String::as_str), Some("h1-1"));
}

#[tokio::test]
async fn an_attempt_is_one_log_entry_without_body_url_or_secret() {
    let (states, world) = (Lines::default(), World::new([answer(503)]).await);
    let writer = states.clone();
    // For the whole process: with a subscriber of one thread, the calls of other threads would decide
    // whether it is used.
    tracing_subscriber::fmt().json().with_writer(move || writer.clone()).init();
    // No other test has this event.
    world.handle(&events(&[(1, 77)])).await;
    let delivery = DeliveryId::of(EventId::of_message("77"), sample_webhook(COMPANY, 1).id).to_string();
    let log = String::from_utf8(states.0.lock().unwrap().clone()).unwrap();
    let logged: Vec<_> = log.lines().filter(|state| state.contains(&delivery)).collect();
    assert_eq!(logged.len(), 1, "{log}");
    let state: serde_json::Value = serde_json::from_str(logged[0]).unwrap();
    let fields = &state["fields"];
    assert_eq!(fields["message"], "delivery.attempted");
    assert_eq!((&fields["attempt.status"], &fields["attempt.number"]), (&503.into(), &1.into()));
    assert!(fields["progress"].as_str().unwrap().starts_with("Waiting"), "{log}");
    for secret in ["receiver.example", "whsec", "taskGroup", "status 503"] {
        assert!(!logged[0].contains(secret), "{log}");
    }
}

#[test]
fn the_metric_counts_exhausted_events_only() {
    // Metrics are written in Lambda only, to standard output: hence a process of its own, with one test
    // to run.
    let third_failure = "the_third_failure_exhausts_an_event_and_the_next_is_sent";
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", third_failure, "--nocapture"])
        .env("AWS_LAMBDA_FUNCTION_NAME", "deliver")
        .output()
        .unwrap();
    let written = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success() && written.contains("1 passed"), "{written}");
    assert_eq!(written.matches("\"DeliveriesExhausted\":1").count(), 1, "{written}");
}
