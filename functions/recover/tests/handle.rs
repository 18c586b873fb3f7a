//! The whole function over tables, queues and receivers in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's set-up fails loudly")]

#[path = "handle/by_hand.rs"]
mod by_hand;
#[path = "handle/operational_events.rs"]
mod operational_events;
#[path = "handle/jobs.rs"]
mod jobs;
#[path = "handle/shares.rs"]
mod shares;

use std::collections::HashMap;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage, SqsMessageAttribute};
use hookrail_adapters::config::RecoverConfig;
use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome};
use hookrail_domain::backlog::Mode;
use hookrail_domain::delivery::{Delivery, Destination, QueueName, QueuePosition, QueuedDelivery};
use hookrail_domain::drain::PARKED_DAYS_MAX;
use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId, EventId};
use hookrail_domain::log_row::{EndedAttempt, LogRow, RunId};
use hookrail_domain::progress::Progress;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::retry::RetryPolicy;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::suspension::{QueueState, SuspensionPolicy};
use hookrail_domain::target::TargetPolicy;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Owner, Token, TokenHash};
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::operational_events::OperationalEventConfig;
use hookrail_pipeline::store::rejected::RejectedStore as _;
use hookrail_pipeline::store::{Change, ConfigStore as _, LogStore as _, Parking, WebhookKey};
use hookrail_recover::{App, Invocation, dead_letter, handle, sweep};
use hookrail_testkit::clock::ManualClock;
use hookrail_testkit::contract::sample_webhook;
use hookrail_testkit::memory::MemoryTables;
use hookrail_testkit::queue::MemoryQueue;
use hookrail_testkit::script::{ScriptedSender, answer, timeout};
use hookrail_wire::queue_message;
use hookrail_wire::wake_up::WakeUp;

const COMPANY: &str = "625bcbdcc9a8e3a86dbf041c";
const RECOVERY: &str = "http://queues/0/hookrail-recovery.fifo";
const DEAD_LETTERS: &str = "http://queues/0/hookrail-deliveries-dlq.fifo";
const DEAD_EVENTS: &str = "http://queues/0/hookrail-events-dlq.fifo";
const NOW: Millis = Millis(1_651_780_500_000);
const POLICY: SuspensionPolicy =
    SuspensionPolicy { suspend_after: 5, park_after_seconds: 900, retires_gone: true };

struct World {
    app: App<(MemoryTables, MemoryQueue, ScriptedSender, ManualClock)>,
}

fn key() -> WebhookKey {
    WebhookKey { company: CompanyId::parse(COMPANY).unwrap(), webhook: sample_webhook(COMPANY, 1).id }
}

fn delivery(number: u8) -> Delivery {
    let event = EventId::of_message(&number.to_string());
    Delivery {
        id: DeliveryId::of(event, key().webhook),
        event,
        company: key().company,
        webhook: key().webhook,
        accepted: place("events", number),
        accepted_at: NOW,
        destination: Destination::Webhook,
        body: Body::new(format!("{{\"event\":{number}}}")).unwrap(),
    }
}

fn place(queue: &str, number: u8) -> QueuePosition {
    QueuePosition { queue: QueueName::new(queue), number: number.into() }
}

fn row(number: u8, attempt: u32, progress: Progress) -> LogRow {
    let number_of_attempt = AttemptNumber { sequence: number.into(), attempt };
    let outcome = Outcome::Unsent { error: ErrorClass::Parked, reason: "parked".to_owned() };
    let attempt = Attempt { number: number_of_attempt, started_at: NOW, duration_ms: 0, outcome };
    let (delivery, position) = (&delivery(number), &place("deliveries", number));
    let message = QueuedDelivery { delivery, position, sent_at: NOW };
    LogRow::of(message, EndedAttempt { attempt, progress, given_up: 0 }, None, &RunId("deliver".into()))
}

impl World {
    /// Makes a webhook with events 1 to `parked` parked; the receiver responds as scripted, then with
    /// 200.
    async fn new(mode: Mode, parked: u8, outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let store = MemoryTables::default();
        let grant = Grant::company(key().company);
        store
            .create_company(&key().company, &Token::first(TokenHash::of("t"), grant, Millis(0)))
            .await
            .unwrap();
        let secrets = Secrets::new(SigningSecret::from_random([7; 32]));
        store.create_webhook(&sample_webhook(COMPANY, 1), &secrets).await.unwrap();
        let config = RecoverConfig {
            config_table: String::new(),
            log_table: String::new(),
            operational_events: OperationalEventConfig::default(),
            recovery_queue_url: RECOVERY.to_owned(),
            deliveries_dlq_url: DEAD_LETTERS.to_owned(),
            events_dlq_url: DEAD_EVENTS.to_owned(),
            policy: RetryPolicy::default(),
            suspension: POLICY,
            targets: TargetPolicy::default(),
        };
        let sender = ScriptedSender::with(outcomes);
        let app = App { store, queue: MemoryQueue::default(), sender, clock: ManualClock::at(NOW), config };
        let world = Self { app };
        if 0 < parked {
            let mut to = QueueState::default().lagging(1, NOW);
            to.backlog.as_mut().unwrap().mode = mode;
            let opened = world.app.store.change_state(&key(), &QueueState::default(), &to).await;
            assert_eq!(opened.unwrap(), Change::Done);
            for number in 1..=parked {
                let parking = world.app.store.park(&row(number, 1, Progress::Parked), to.generation).await;
                assert_eq!(parking.unwrap(), Parking::Parked);
            }
        }
        world
    }

    fn state(&self) -> QueueState {
        self.app.store.state(&key())
    }

    /// Runs one invocation with the queue's current wake-up, or an older one.
    async fn wake(&self, run: &str, older: u64) -> usize {
        let wake = self.state().wake - older;
        let wake_up = WakeUp { company: key().company, webhook: key().webhook, wake };
        self.handle(run, RECOVERY, &wake_up.name(), wake_up.encode()).await
    }

    /// Returns how many messages stay in the queue.
    async fn handle(&self, run: &str, queue_url: &str, group: &str, body: String) -> usize {
        self.handle_named(run, queue_url, (group, body), HashMap::new()).await
    }

    /// Does the same for a message with attributes of its sender.
    async fn handle_named(
        &self,
        run: &str,
        queue_url: &str,
        (group, body): (&str, String),
        named: HashMap<String, SqsMessageAttribute>,
    ) -> usize {
        let mut message = SqsMessage::default();
        message.message_attributes = named;
        message.message_id = Some("m".to_owned());
        message.receipt_handle = Some("h".to_owned());
        message.body = Some(body);
        let queue = queue_url.rsplit('/').next().unwrap();
        message.event_source_arn = Some(format!("arn:aws:sqs:us-east-1:000000000000:{queue}"));
        for (name, value) in [
            ("MessageGroupId", group),
            ("SequenceNumber", "7"),
            ("SentTimestamp", "1651780500000"),
            ("ApproximateReceiveCount", "1"),
        ] {
            message.attributes.insert(name.to_owned(), value.to_owned());
        }
        let mut event = SqsEvent::default();
        event.records.push(message);
        handle(&self.app, event, &self.invocation(run)).await.batch_item_failures.len()
    }

    fn invocation(&self, run: &str) -> Invocation {
        let now = hookrail_pipeline::clock::Clock::now(&self.app.clock);
        Invocation { run: RunId(run.to_owned()), deadline: Millis(now.0 + 30_000) }
    }

    /// Returns sequence, attempt and status of every row but those of parking.
    fn log(&self) -> Vec<(u64, u32, u16)> {
        let rows = self.app.store.rows(&key());
        let parked = Some(ErrorClass::Parked);
        let sent = rows.iter().filter(|row| row.attempt.outcome.error() != parked);
        sent.map(|row| {
            (row.attempt.number.sequence, row.attempt.number.attempt, row.attempt.outcome.status())
        })
        .collect()
    }

    /// Returns the seconds of the last hold, apart from the claim.
    fn held(&self) -> u64 {
        self.app.queue.holds().last().unwrap().1
    }
}

#[tokio::test]
async fn a_recovered_endpoint_gets_its_backlog_in_order_and_its_queue_is_active() {
    let world = World::new(Mode::Suspended, 60, []).await;
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.log(), (1..=60).map(|number| (number, 2, 200)).collect::<Vec<_>>());
    assert_eq!(world.state().backlog, None);
    let bodies: Vec<_> = world.app.sender.requests().iter().map(|one| one.body.as_str().to_owned()).collect();
    assert_eq!(bodies, (1..=60).map(|number| format!("{{\"event\":{number}}}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_dead_endpoint_is_probed_with_the_oldest_event_at_growing_intervals() {
    let world = World::new(Mode::Suspended, 2, [timeout(), answer(500)]).await;
    for (run, seconds) in [("a", 60), ("b", 120)] {
        assert_eq!(world.wake(run, 0).await, 1);
        assert_eq!(world.held(), seconds);
        world.app.clock.advance_ms(seconds * 1000 - 1);
        assert_eq!(world.wake(run, 0).await, 1, "not yet");
        assert_eq!(world.held(), 1);
        world.app.clock.advance_ms(1);
    }
    assert_eq!(world.wake("c", 0).await, 0);
    assert_eq!(world.log(), [(1, 2, 409), (1, 3, 500), (1, 4, 200), (2, 2, 200)]);
}

#[tokio::test]
async fn an_event_probed_for_days_has_one_sequence_and_more_rows_than_a_page() {
    let world = World::new(Mode::Suspended, 2, std::iter::repeat_n(answer(503), 70)).await;
    for _ in 0..70 {
        assert_eq!(world.wake("a", 0).await, 1);
        world.app.clock.advance_ms(900_000);
    }
    assert_eq!(world.wake("a", 0).await, 0);
    let log = world.log();
    assert_eq!((log.len(), log[70], log[71]), (72, (1, 72, 200), (2, 2, 200)));
}

#[tokio::test]
async fn a_failed_event_of_a_draining_queue_is_retried_after_the_delay() {
    let world = World::new(Mode::Lagging, 2, [answer(500)]).await;
    assert_eq!(world.wake("a", 0).await, 1);
    assert_eq!(world.held(), 30);
    assert_eq!(world.state().backlog.unwrap().lease, None, "no run has the lease in the meantime");
    world.app.clock.advance_ms(30_000);
    assert_eq!(world.wake("b", 0).await, 0);
    assert_eq!(world.log(), [(1, 2, 500), (1, 3, 200), (2, 2, 200)]);
}

#[tokio::test]
async fn a_void_wake_up_and_one_of_an_active_queue_end_silently() {
    let world = World::new(Mode::Suspended, 1, []).await;
    assert_eq!(world.wake("a", 1).await, 0);
    assert!(world.log().is_empty());
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.wake("a", 0).await, 0, "active by now");
    assert_eq!(world.log().len(), 1);
    assert_eq!(world.handle("a", RECOVERY, "x", "not a wake-up".to_owned()).await, 0);
}

#[tokio::test]
async fn a_run_waits_for_the_lease_of_another_run() {
    let world = World::new(Mode::Suspended, 1, []).await;
    let state = world.state();
    let lease = hookrail_domain::backlog::Lease { run: RunId("a".into()), until: NOW.plus_seconds(40) };
    world.app.store.change_state(&key(), &state, &state.leased(lease).unwrap()).await.unwrap();
    assert_eq!(world.wake("b", 0).await, 1);
    assert_eq!((world.held(), world.log().len()), (40, 0));
    world.app.clock.advance_ms(40_000);
    assert_eq!(world.wake("b", 0).await, 0);
}

#[tokio::test]
async fn without_time_a_wake_up_returns_at_once() {
    let world = World::new(Mode::Lagging, 1, []).await;
    let wake_up = WakeUp { company: key().company, webhook: key().webhook, wake: world.state().wake };
    world.app.clock.advance_ms(0);
    let mut invocation = world.invocation("a");
    invocation.deadline = Millis(NOW.0 + 11_999);
    let mut event = SqsEvent::default();
    let mut message = SqsMessage::default();
    message.message_id = Some("m".to_owned());
    message.receipt_handle = Some("h".to_owned());
    message.body = Some(wake_up.encode());
    message.event_source_arn = Some("arn:aws:sqs:us-east-1:000000000000:hookrail-recovery.fifo".to_owned());
    for (name, value) in [
        ("MessageGroupId", "g"),
        ("SequenceNumber", "7"),
        ("SentTimestamp", "1651780500000"),
        ("ApproximateReceiveCount", "1"),
    ] {
        message.attributes.insert(name.to_owned(), value.to_owned());
    }
    event.records.push(message);
    let reply = handle(&world.app, event, &invocation).await;
    assert_eq!((reply.batch_item_failures.len(), world.held(), world.log().len()), (1, 0, 0));
    assert_eq!(world.state().backlog.unwrap().lease, None);
}

#[tokio::test]
async fn a_deactivated_webhook_keeps_its_backlog() {
    let world = World::new(Mode::Suspended, 1, []).await;
    let off = Webhook { is_active: false, version: 1, ..sample_webhook(COMPANY, 1) };
    world.app.store.replace_webhook((&off).into()).await.unwrap();
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!((world.state().backlog.unwrap().due_at, world.log().len()), (NOW.plus_seconds(900), 0));
}

#[tokio::test]
async fn an_event_parked_for_too_long_expires_in_its_turn() {
    let world = World::new(Mode::Suspended, 2, []).await;
    world.app.clock.advance_ms(PARKED_DAYS_MAX * 24 * 60 * 60 * 1000);
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.log(), [(1, 2, 409), (2, 2, 409)]);
    let rows = world.app.store.rows(&key());
    assert_eq!(rows.last().unwrap().attempt.outcome.error(), Some(ErrorClass::Expired));
    assert!(world.app.sender.requests().is_empty());
}

#[tokio::test]
async fn the_schedule_wakes_overdue_queues_without_a_lease() {
    let world = World::new(Mode::Suspended, 1, []).await;
    sweep::run(&world.app, &world.invocation("s")).await;
    assert!(world.app.queue.sent().is_empty(), "its own wake-up may still come");
    world.app.clock.advance_ms(sweep::GRACE_MS);
    sweep::run(&world.app, &world.invocation("s")).await;
    let sent = world.app.queue.sent();
    assert_eq!((sent.len(), sent[0].0.as_str()), (1, RECOVERY));
    assert_eq!(WakeUp::decode(&sent[0].1.body).unwrap().wake, world.state().wake);
    assert_eq!(world.wake("a", 1).await, 0, "the older one is void");
    assert!(world.log().is_empty());
    let state = world.state();
    let until = NOW.plus_seconds(10_000);
    let lease = hookrail_domain::backlog::Lease { run: RunId("a".into()), until };
    world.app.store.change_state(&key(), &state, &state.leased(lease).unwrap()).await.unwrap();
    world.app.clock.advance_ms(sweep::GRACE_MS);
    sweep::run(&world.app, &world.invocation("s")).await;
    assert_eq!(world.app.queue.sent().len(), 1, "a run is at work");
}

#[tokio::test]
async fn a_dead_letter_ends_in_a_row_after_all_later_deliveries() {
    let world = World::new(Mode::Suspended, 0, []).await;
    let ended = |number, sequence| {
        let mut row = row(number, 1, Progress::Ended);
        row.attempt.number.sequence = sequence;
        row.attempt.outcome = answer(200);
        row
    };
    for row in [ended(1, 1), ended(3, 2)] {
        world.app.store.put_row(&row).await.unwrap();
    }
    let letter = |number| queue_message::encode(&delivery(number));
    for _ in 0..2 {
        assert_eq!(world.handle("a", DEAD_LETTERS, "g", letter(2)).await, 0);
    }
    assert_eq!(world.log(), [(1, 1, 200), (2, 1, 200), (3, 1, 409)], "once");
    let rows = world.app.store.rows(&key());
    assert_eq!(rows[2].attempt.outcome.error(), Some(ErrorClass::DeadLettered));
    assert_eq!(rows[2].accepted, place("events", 3), "positions never go back");
    assert_eq!(world.handle("a", DEAD_LETTERS, "g", letter(3)).await, 0);
    assert_eq!(world.log().len(), 3, "that one had ended");
}

#[tokio::test]
async fn a_rejected_event_is_stored_once_for_the_company_of_its_group() {
    let world = World::new(Mode::Suspended, 0, []).await;
    for _ in 0..2 {
        assert_eq!(world.handle("a", DEAD_EVENTS, COMPANY, "not json".to_owned()).await, 0);
    }
    assert_eq!(world.handle("a", DEAD_EVENTS, "no/company!", "unknown company".to_owned()).await, 0);
    let texts = async |of: &Owner| {
        let kept = world.app.store.list_rejected(of, None, 10).await.unwrap();
        kept.iter().map(RejectedEvent::text).collect::<Vec<_>>()
    };
    assert_eq!(texts(&Owner::Company(key().company)).await, ["not json"]);
    assert_eq!(texts(&Owner::Operator).await, ["unknown company"]);
    world.app.store.go_away();
    assert_eq!(world.handle("a", DEAD_EVENTS, COMPANY, "later".to_owned()).await, 1, "it comes back");
}

#[tokio::test]
async fn a_malformed_dead_letter_is_kept_for_manual_handling() {
    let world = World::new(Mode::Suspended, 0, []).await;
    assert_eq!(world.handle("a", DEAD_LETTERS, "g", "not a delivery".to_owned()).await, 1);
    assert_eq!(world.held(), dead_letter::POISON_HOLD_SECONDS);
}

#[tokio::test]
async fn a_dead_letter_waits_until_the_backlog_is_empty() {
    let world = World::new(Mode::Suspended, 1, []).await;
    assert_eq!(world.handle("a", DEAD_LETTERS, "g", queue_message::encode(&delivery(9))).await, 1);
    assert!(world.log().is_empty());
}
