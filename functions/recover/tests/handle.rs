//! The whole function over tables, queues and receivers in memory.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's set-up fails loudly")]

#[path = "handle/by_hand.rs"]
mod by_hand;
#[path = "handle/notices.rs"]
mod notices;
#[path = "handle/jobs.rs"]
mod jobs;

use std::collections::HashMap;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage, SqsMessageAttribute};
use hookrail_adapters::config::{NoticeConfig, RecoverConfig};
use hookrail_adapters::store::rejected::RejectedStore as _;
use hookrail_adapters::store::{Change, ConfigStore as _, LineKey, LogStore as _, Parking};
use hookrail_domain::aside::Mode;
use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome};
use hookrail_domain::delivery::{Delivery, Destination, QueueName, QueuePosition};
use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId, EventId};
use hookrail_domain::line::Progress;
use hookrail_domain::log_row::{LogRow, RunId};
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::retry::RetryPolicy;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::suspension::{Line, SuspensionPolicy};
use hookrail_domain::target::TargetPolicy;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Holder, Token, TokenHash};
use hookrail_recover::drain::PARKED_DAYS_MAX;
use hookrail_recover::{App, Invocation, dead_letter, handle, sweep};
use hookrail_testkit::clock::ManualClock;
use hookrail_testkit::contract::subscription;
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
    app: App<MemoryTables, MemoryQueue, ScriptedSender, ManualClock>,
}

fn key() -> LineKey {
    LineKey { company: CompanyId::parse(COMPANY).unwrap(), subscription: subscription(COMPANY, 1).id }
}

fn delivery(number: u8) -> Delivery {
    let event = EventId::of_message(&number.to_string());
    Delivery {
        id: DeliveryId::of(event, key().subscription),
        event,
        company: key().company,
        subscription: key().subscription,
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
    let outcome = Outcome::Unsent { error: ErrorClass::Parked, reason: "set aside".to_owned() };
    let made = Attempt { number: number_of_attempt, started_at: NOW, duration_ms: 0, outcome };
    let queued = place("deliveries", number);
    LogRow::of((&delivery(number), &queued), (made, progress, 0), None, &RunId("deliver".into()), None)
}

impl World {
    /// A webhook with events 1 to `parked` set aside; the receiver answers as scripted, then 200.
    async fn new(mode: Mode, parked: u8, outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let store = MemoryTables::default();
        let grant = Grant::company(key().company);
        store
            .create_company(&key().company, &Token::first(TokenHash::of("t"), grant, Millis(0)))
            .await
            .unwrap();
        let secrets = Secrets::new(SigningSecret::from_random([7; 32]));
        store.create_subscription(&subscription(COMPANY, 1), &secrets).await.unwrap();
        let config = RecoverConfig {
            config_table: String::new(),
            log_table: String::new(),
            notices: NoticeConfig::default(),
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
            let mut line = Line::default();
            let course = line.course((1, 1), Millis(0), &POLICY, NOW);
            let hookrail_domain::suspension::Course::SetAside(mut to) = course else { panic!("it is late") };
            to.aside.as_mut().unwrap().mode = mode;
            assert_eq!(world.app.store.change_line(&key(), &line, &to).await.unwrap(), Change::Done);
            line = *to;
            for number in 1..=parked {
                let parking = world.app.store.park(&row(number, 1, Progress::Parked), line.generation).await;
                assert_eq!(parking.unwrap(), Parking::Parked);
            }
        }
        world
    }

    fn line(&self) -> Line {
        self.app.store.line(&key())
    }

    /// One invocation with the line's current wake-up, or an older one.
    async fn wake(&self, run: &str, older: u64) -> usize {
        let wake = self.line().wake - older;
        let wake_up = WakeUp { company: key().company, subscription: key().subscription, wake };
        self.handle(run, RECOVERY, &wake_up.name(), wake_up.encode()).await
    }

    /// Returns how many messages stay in the queue.
    async fn handle(&self, run: &str, queue_url: &str, group: &str, body: String) -> usize {
        self.handle_named(run, queue_url, (group, body), HashMap::new()).await
    }

    /// The same for a message with attributes of its sender's.
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
        let now = hookrail_adapters::clock::Clock::now(&self.app.clock);
        Invocation { run: RunId(run.to_owned()), deadline: Millis(now.0 + 30_000) }
    }

    /// Sequence, attempt and status of every row but those of parking.
    fn log(&self) -> Vec<(u64, u32, u16)> {
        let rows = self.app.store.rows(&key());
        let parked = Some(ErrorClass::Parked);
        let sent = rows.iter().filter(|row| row.attempt.outcome.error() != parked);
        sent.map(|row| {
            (row.attempt.number.sequence, row.attempt.number.attempt, row.attempt.outcome.status())
        })
        .collect()
    }

    /// Seconds of the last hold, the claim apart.
    fn held(&self) -> u64 {
        self.app.queue.holds().last().unwrap().1
    }
}

#[tokio::test]
async fn an_endpoint_that_is_back_gets_everything_in_order_and_its_line_is_active_again() {
    let world = World::new(Mode::Suspended, 60, []).await;
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.log(), (1..=60).map(|number| (number, 2, 200)).collect::<Vec<_>>());
    assert_eq!(world.line().aside, None);
    let bodies: Vec<_> = world.app.sender.requests().iter().map(|one| one.body.as_str().to_owned()).collect();
    assert_eq!(bodies, (1..=60).map(|number| format!("{{\"event\":{number}}}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_dead_endpoint_is_probed_with_the_oldest_event_and_comes_later_each_time() {
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
async fn an_event_probed_for_days_has_more_rows_than_a_page_and_still_one_number_each() {
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
async fn a_failed_event_of_a_lagging_line_is_tried_again_after_the_delay() {
    let world = World::new(Mode::Lagging, 2, [answer(500)]).await;
    assert_eq!(world.wake("a", 0).await, 1);
    assert_eq!(world.held(), 30);
    assert_eq!(world.line().aside.unwrap().lease, None, "nobody is at work meanwhile");
    world.app.clock.advance_ms(30_000);
    assert_eq!(world.wake("b", 0).await, 0);
    assert_eq!(world.log(), [(1, 2, 500), (1, 3, 200), (2, 2, 200)]);
}

#[tokio::test]
async fn a_void_wake_up_and_one_for_an_active_line_end_without_a_word() {
    let world = World::new(Mode::Suspended, 1, []).await;
    assert_eq!(world.wake("a", 1).await, 0);
    assert!(world.log().is_empty());
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.wake("a", 0).await, 0, "active by now");
    assert_eq!(world.log().len(), 1);
    assert_eq!(world.handle("a", RECOVERY, "x", "no wake-up".to_owned()).await, 0);
}

#[tokio::test]
async fn while_one_run_is_at_work_another_waits_for_the_end_of_its_lease() {
    let world = World::new(Mode::Suspended, 1, []).await;
    let line = world.line();
    let lease = hookrail_domain::aside::Lease { run: RunId("a".into()), until: NOW.plus_seconds(40) };
    world.app.store.change_line(&key(), &line, &line.leased(lease).unwrap()).await.unwrap();
    assert_eq!(world.wake("b", 0).await, 1);
    assert_eq!((world.held(), world.log().len()), (40, 0));
    world.app.clock.advance_ms(40_000);
    assert_eq!(world.wake("b", 0).await, 0);
}

#[tokio::test]
async fn out_of_time_the_rest_comes_back_at_once() {
    let world = World::new(Mode::Lagging, 1, []).await;
    let wake_up =
        WakeUp { company: key().company, subscription: key().subscription, wake: world.line().wake };
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
    assert_eq!(world.line().aside.unwrap().lease, None);
}

#[tokio::test]
async fn a_deactivated_webhook_keeps_what_is_parked() {
    let world = World::new(Mode::Suspended, 1, []).await;
    let off = Subscription { is_active: false, version: 1, ..subscription(COMPANY, 1) };
    world.app.store.replace_subscription((&off).into()).await.unwrap();
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!((world.line().aside.unwrap().due_at, world.log().len()), (NOW.plus_seconds(900), 0));
}

#[tokio::test]
async fn what_was_parked_for_too_long_ends_in_its_turn() {
    let world = World::new(Mode::Suspended, 2, []).await;
    world.app.clock.advance_ms(PARKED_DAYS_MAX * 24 * 60 * 60 * 1000);
    assert_eq!(world.wake("a", 0).await, 0);
    assert_eq!(world.log(), [(1, 2, 409), (2, 2, 409)]);
    let rows = world.app.store.rows(&key());
    assert_eq!(rows.last().unwrap().attempt.outcome.error(), Some(ErrorClass::Expired));
    assert!(world.app.sender.requests().is_empty());
}

#[tokio::test]
async fn the_schedule_wakes_what_is_overdue_and_nobody_is_at_work_on() {
    let world = World::new(Mode::Suspended, 1, []).await;
    sweep::run(&world.app, &world.invocation("s")).await;
    assert!(world.app.queue.sent().is_empty(), "its own wake-up may still come");
    world.app.clock.advance_ms(sweep::GRACE_MS);
    sweep::run(&world.app, &world.invocation("s")).await;
    let sent = world.app.queue.sent();
    assert_eq!((sent.len(), sent[0].0.as_str()), (1, RECOVERY));
    assert_eq!(WakeUp::decode(&sent[0].1.body).unwrap().wake, world.line().wake);
    assert_eq!(world.wake("a", 1).await, 0, "the older one is void");
    assert!(world.log().is_empty());
    let line = world.line();
    let until = NOW.plus_seconds(10_000);
    let lease = hookrail_domain::aside::Lease { run: RunId("a".into()), until };
    world.app.store.change_line(&key(), &line, &line.leased(lease).unwrap()).await.unwrap();
    world.app.clock.advance_ms(sweep::GRACE_MS);
    sweep::run(&world.app, &world.invocation("s")).await;
    assert_eq!(world.app.queue.sent().len(), 1, "a run is at work");
}

#[tokio::test]
async fn a_dead_letter_ends_in_a_row_behind_everything_that_went_on() {
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
    assert_eq!(rows[2].accepted, place("events", 3), "places never go back");
    assert_eq!(world.handle("a", DEAD_LETTERS, "g", letter(3)).await, 0);
    assert_eq!(world.log().len(), 3, "that one had ended");
}

#[tokio::test]
async fn what_was_no_event_is_kept_once_for_the_company_of_its_group() {
    let world = World::new(Mode::Suspended, 0, []).await;
    for _ in 0..2 {
        assert_eq!(world.handle("a", DEAD_EVENTS, COMPANY, "no json".to_owned()).await, 0);
    }
    assert_eq!(world.handle("a", DEAD_EVENTS, "no/company!", "nobody's".to_owned()).await, 0);
    let texts = async |of: &Holder| {
        let kept = world.app.store.list_rejected(of, None, 10).await.unwrap();
        kept.iter().map(RejectedEvent::text).collect::<Vec<_>>()
    };
    assert_eq!(texts(&Holder::Company(key().company)).await, ["no json"]);
    assert_eq!(texts(&Holder::Operator).await, ["nobody's"]);
    world.app.store.go_away();
    assert_eq!(world.handle("a", DEAD_EVENTS, COMPANY, "later".to_owned()).await, 1, "it comes back");
}

#[tokio::test]
async fn a_dead_letter_that_is_no_delivery_is_left_for_a_person() {
    let world = World::new(Mode::Suspended, 0, []).await;
    assert_eq!(world.handle("a", DEAD_LETTERS, "g", "what is this".to_owned()).await, 1);
    assert_eq!(world.held(), dead_letter::POISON_HOLD_SECONDS);
}

#[tokio::test]
async fn a_dead_letter_waits_until_nothing_is_set_aside() {
    let world = World::new(Mode::Suspended, 1, []).await;
    assert_eq!(world.handle("a", DEAD_LETTERS, "g", queue_message::encode(&delivery(9))).await, 1);
    assert!(world.log().is_empty());
}
