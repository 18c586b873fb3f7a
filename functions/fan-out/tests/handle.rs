//! The whole function over tables and queues in memory.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's set-up fails loudly")]

#[path = "handle/posted.rs"]
mod posted;
#[path = "handle/refused.rs"]
mod refused;
#[path = "handle/slow.rs"]
mod slow;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use hookrail_adapters::config::FanOutConfig;
use hookrail_adapters::scripts::{InProcessScripts, Scripts};
use hookrail_domain::attempt::ErrorClass;
use hookrail_domain::delivery::Destination;
use hookrail_domain::id::CompanyId;
use hookrail_domain::job::JobState;
use hookrail_domain::platform::webhook::{PlatformWebhook, WebhookScope};
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_domain::token::{Grant, Token, TokenHash};
use hookrail_domain::trigger::{Context, Trigger, TriggerType};
use hookrail_domain::webhook::{CotWebhook, Webhook, WebhookKind};
use hookrail_fan_out::cache::Cache;
use hookrail_fan_out::{App, handle};
use hookrail_pipeline::store::{ConfigStore as _, WebhookKey};
use hookrail_script::bindings::Bindings;
use hookrail_script::service::{Answer, Question};
use hookrail_script::workflow::WorkflowBase;
use hookrail_testkit::clock::ManualClock;
use hookrail_testkit::contract::platform::named;
use hookrail_testkit::contract::sample_webhook;
use hookrail_testkit::memory::MemoryTables;
use hookrail_testkit::queue::MemoryQueue;
use hookrail_wire::{event_json, queue_message};

const SAMPLE: &str = include_str!("../../../events/fan-out-task-create.json");
const COMPANY: &str = "625bcbdcc9a8e3a86dbf041c";
const DELIVERIES: &str = "http://queues/0/hookrail-deliveries.fifo";
const DEAD_LETTERS: &str = "http://queues/0/hookrail-events-dlq.fifo";
const NOW: Millis = Millis(1_651_780_500_000);
const DEADLINE: Millis = Millis(NOW.0 + 30_000);

type TestApp = App<MemoryTables, MemoryQueue, InProcessScripts, ManualClock>;

struct World {
    app: TestApp,
}

/// Makes the function over these tables.
fn app_over(store: MemoryTables) -> TestApp {
    let config = FanOutConfig {
        redacts: true,
        log_table: String::new(),
        config_table: String::new(),
        events_queue_urls: vec!["http://queues/0/hookrail-events.fifo".to_owned()],
        deliveries_queue_urls: vec![DELIVERIES.to_owned()],
        events_dlq_url: DEAD_LETTERS.to_owned(),
        workflow: None,
    };
    App {
        store,
        queue: MemoryQueue::default(),
        scripts: InProcessScripts,
        clock: ManualClock::at(NOW),
        config,
        cache: Cache::default(),
    }
}

impl World {
    /// Makes a company with two webhooks for every task event.
    async fn new() -> Self {
        let store = MemoryTables::default();
        let company = CompanyId::parse(COMPANY).unwrap();
        let grant = Grant::company(company.clone());
        store.create_company(&company, &Token::first(TokenHash::of("t"), grant, Millis(0))).await.unwrap();
        for number in [1, 2] {
            let secrets = Secrets::new(SigningSecret::from_random([number; 32]));
            store.create_webhook(&sample_webhook(COMPANY, number), &secrets).await.unwrap();
        }
        Self { app: app_over(store) }
    }

    async fn handle(&self, events: &SqsEvent) -> Vec<String> {
        let reply: SqsBatchResponse = handle(&self.app, events.clone(), DEADLINE).await;
        reply.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
    }
}

/// Makes the sample's record once per body, each with an id, handle and position of its own.
fn events(bodies: &[&str]) -> SqsEvent {
    let mut event: SqsEvent = serde_json::from_str(SAMPLE).unwrap();
    let template = event.records.remove(0);
    for (index, body) in bodies.iter().enumerate() {
        let mut record = template.clone();
        record.message_id = Some(format!("m{index}"));
        record.receipt_handle = Some(format!("handle-{index}"));
        record.attributes.insert("SequenceNumber".to_owned(), (100 + index).to_string());
        record.body = Some((*body).to_owned());
        event.records.push(record);
    }
    event
}

fn sample_body() -> String {
    let event: SqsEvent = serde_json::from_str(SAMPLE).unwrap();
    event.records[0].body.clone().unwrap()
}

#[tokio::test]
async fn the_sample_event_becomes_one_unchanged_delivery_per_matching_webhook() {
    let world = World::new().await;
    let event: SqsEvent = serde_json::from_str(SAMPLE).unwrap();
    assert!(world.handle(&event).await.is_empty());
    let sent = world.app.queue.sent();
    assert_eq!(sent.len(), 2);
    for ((url, message), number) in sent.iter().zip([1, 2]) {
        let delivery = queue_message::decode(&message.body).unwrap();
        assert_eq!(url, DELIVERIES);
        assert_eq!(message.group, sample_webhook(COMPANY, number).id.to_string());
        assert_eq!(message.deduplication_id, delivery.id.to_string());
        assert_eq!(delivery.body.as_str(), sample_body());
    }
}

#[tokio::test]
async fn a_user_password_is_removed_unless_the_operator_allows_it() {
    let mut world = World::new().await;
    let kind = TriggerType::find("create-edit-delete-user").unwrap();
    let trigger = Trigger::new(kind, Context::default()).unwrap();
    let face = WebhookKind::Cot(CotWebhook { trigger, ..sample_webhook(COMPANY, 3).cot().unwrap().clone() });
    let users = Webhook { face, ..sample_webhook(COMPANY, 3) };
    let secrets = Secrets::new(SigningSecret::from_random([3; 32]));
    world.app.store.create_webhook(&users, &secrets).await.unwrap();
    let body = format!(
        r#"{{ "company":"{COMPANY}","type":"COTUser","event":"edit","data":{{"a":1.0,"password":"h"}}}}"#
    );
    for (redacts, expected) in [(true, body.replace(r#","password":"h""#, "")), (false, body.clone())] {
        world.app.config.redacts = redacts;
        world.handle(&events(&[&body])).await;
        let (_, message) = world.app.queue.sent().pop().unwrap();
        assert_eq!(queue_message::decode(&message.body).unwrap().body.as_str(), expected);
    }
}

#[tokio::test]
async fn an_event_that_receivers_cannot_read_is_rejected_and_never_sent() {
    let mut world = World::new().await;
    let event = |kind: &str, data: &str| {
        format!(r#"{{"company":"{COMPANY}","type":"{kind}","event":"create","data":{data}}}"#)
    };
    let (name, value) = (r#"{"x\ud800":1,"password":"HASH"}"#, r#"{"a":"cut \ud83d","password":"HASH"}"#);
    let deep = format!(r#"{{"password":"HASH","a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let bodies =
        [event("COTUser", name), event("COTUser", value), event("COTUser", &deep), event("COTTask", name)];
    for redacts in [true, false] {
        world.app.config.redacts = redacts;
        assert!(world.handle(&events(&bodies.each_ref().map(String::as_str))).await.is_empty());
    }
    let sent = world.app.queue.sent();
    let reasons = sent.iter().map(|(url, message)| (url.as_str(), message.attributes[0].1.as_str()));
    assert_eq!(reasons.collect::<Vec<_>>(), [(DEAD_LETTERS, "not_json"); 8]);
}

#[tokio::test]
async fn a_second_run_sends_the_same_messages_with_the_same_ids() {
    let world = World::new().await;
    let body = sample_body();
    let batch = events(&[&body, &body]);
    world.handle(&batch).await;
    let first = world.app.queue.sent();
    world.handle(&batch).await;
    assert_eq!(world.app.queue.sent(), [first.clone(), first].concat());
}

#[tokio::test]
async fn an_invalid_event_is_dead_lettered_with_its_reason_and_blocks_nothing() {
    let world = World::new().await;
    let other = sample_body().replace(COMPANY, "625bcbdcc9a8e3a86dbf0000");
    let large = "x".repeat(256 * 1024 + 1);
    let body = sample_body();
    let batch = events(&["{", &other, &large, r#"{"company":"a","type":"X","event":"create"}"#, &body]);
    assert!(world.handle(&batch).await.is_empty());
    let sent = world.app.queue.sent();
    let dead: Vec<_> = sent
        .iter()
        .filter(|(url, _)| url == DEAD_LETTERS)
        .map(|(_, message)| (message.attributes[0].1.as_str(), message.group.as_str()))
        .collect();
    let reasons = ["not_json", "company_mismatch", "too_large", "unknown_event"];
    assert_eq!(dead, reasons.map(|reason| (reason, COMPANY)));
    assert_eq!(sent.len(), 4 + 2, "the event behind them reached both webhooks");
}

#[tokio::test]
async fn a_failed_send_keeps_the_event_and_later_events_of_its_company() {
    let world = World::new().await;
    let body = sample_body();
    // The first event's two deliveries pass, and one of the second's.
    world.app.queue.fail_sends_after(3);
    assert_eq!(world.handle(&events(&[&body, &body, &body])).await, ["m1", "m2"]);
    let held: Vec<_> = world.app.queue.holds().into_iter().skip(3).collect();
    assert_eq!(held, [("handle-1".to_owned(), 2), ("handle-2".to_owned(), 2)]);
    world.app.queue.heal();
    assert!(world.handle(&events(&[&body, &body, &body])).await.is_empty());
}

#[tokio::test]
async fn fan_out_does_not_touch_messages_claimed_by_another_run() {
    let world = World::new().await;
    let body = sample_body();
    world.app.queue.expire("handle-1");
    assert_eq!(world.handle(&events(&[&body, &body, &body])).await, ["m1", "m2"]);
    assert_eq!(world.app.queue.sent().len(), 2);
}

#[tokio::test]
async fn without_time_nothing_is_started_and_messages_return_at_once() {
    let world = World::new().await;
    world.app.clock.set(Millis(DEADLINE.0 - 1_000));
    let body = sample_body();
    assert_eq!(world.handle(&events(&[&body])).await, ["m0"]);
    assert!(world.app.queue.sent().is_empty());
    assert_eq!(world.app.queue.holds().last(), Some(&("handle-0".to_owned(), 0)));
}

#[tokio::test]
async fn a_webhook_changed_between_two_batches_applies_to_the_second() {
    let world = World::new().await;
    let body = sample_body();
    world.handle(&events(&[&body])).await;
    let mut changed = sample_webhook(COMPANY, 1);
    changed.is_active = false;
    changed.version = 1;
    world.app.store.replace_webhook((&changed).into()).await.unwrap();
    world.handle(&events(&[&body])).await;
    assert_eq!(world.app.queue.sent().len(), 2 + 1);
}

/// Makes a webhook on submitted forms with this filter and URL.
fn on_submitted(number: u8, filter: &str, url: &str) -> Webhook {
    let made = named(COMPANY, number, WebhookScope::Space, &format!("Webhook {number}"));
    let platform = made.platform().unwrap().clone();
    let platform = PlatformWebhook { filter: filter.to_owned(), url: url.to_owned(), ..platform };
    Webhook { face: WebhookKind::Platform(Box::new(platform)), ..made }
}

/// Returns the deliveries of the published event of a record to these webhooks, by the last digit of their
/// ids.
async fn deliveries_of(webhooks: &[Webhook]) -> (World, Vec<(u8, Destination)>) {
    let mut world = World::new().await;
    world.app.config.workflow = Some(WorkflowBase::parse("https://engine.example/x").unwrap());
    for webhook in webhooks {
        let secrets = Secrets::new(SigningSecret::from_random([9; 32]));
        world.app.store.create_webhook(webhook, &secrets).await.unwrap();
    }
    let body = include_str!("../../../shared/wire/fixtures/kinetic_event_submission_submitted.json");
    assert!(world.handle(&events(&[body])).await.is_empty());
    let sent = world.app.queue.sent();
    let deliveries = sent.iter().map(|(_, message)| queue_message::decode(&message.body).unwrap());
    let deliveries: Vec<_> = deliveries.map(|one| (one.webhook.as_bytes()[0], one.destination)).collect();
    (world, deliveries)
}

#[tokio::test]
async fn each_platform_webhook_gets_its_own_job_and_url() {
    let webhooks = [
        on_submitted(3, "", "https://a.io/${form('slug')}?m=${values('Model')}"),
        on_submitted(4, "values('Quantity') === '3'", "https://a.io/refused"),
        on_submitted(5, "form('attribute:Notify On').indexOf('Closed') > -1", "https://a.io/plain"),
        on_submitted(6, "", "/trees/${kapp('slug')}"),
    ];
    let (world, deliveries) = deliveries_of(&webhooks).await;
    let to = |url: &str| Destination::Resolved(TargetUrl::parse_unchecked(url).unwrap());
    let expected = [
        (3, to("https://a.io/request-laptop?m=X1")),
        (5, to("https://a.io/plain")),
        (6, to("https://engine.example/x/trees/services")),
    ];
    assert_eq!(deliveries, expected);
    for webhook in &webhooks {
        let key = WebhookKey { company: webhook.company.clone(), webhook: webhook.id };
        let jobs = world.app.store.jobs(&key);
        let wanted = expected.iter().find(|(number, _)| *number == webhook.id.as_bytes()[0]);
        assert_eq!(jobs.len(), usize::from(wanted.is_some()), "a filter that refuses makes no job");
        if let (Some(job), Some((_, Destination::Resolved(url)))) = (jobs.first(), wanted) {
            assert_eq!((job.url.as_ref(), job.state), (Some(url), JobState::Queued { sequence: None }));
        }
    }
}

#[tokio::test]
async fn a_failing_script_creates_a_job_without_a_destination() {
    let (_, deliveries) = deliveries_of(&[
        on_submitted(3, "values('Model').a.b", "https://a.io/"),
        on_submitted(4, "", "https://a.io/${values('Missing')}"),
        on_submitted(5, "(() => { for (;;) {} })()", "https://a.io/"),
    ])
    .await;
    let found: Vec<_> = deliveries
        .iter()
        .map(|(number, destination)| match destination {
            Destination::Nowhere(fault) => (*number, fault.class, fault.reason.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((found[0].0, found[0].1), (3, ErrorClass::Filter));
    assert!(found[0].2.starts_with("the filter threw TypeError"), "{}", found[0].2);
    assert_eq!((found[1].0, found[1].1), (4, ErrorClass::Template));
    assert_eq!(found[1].2, "the URL the value at line 1, column 16 is missing");
    assert_eq!((found[2].0, found[2].1), (5, ErrorClass::Filter));
}

/// Scripts that must not be asked.
#[derive(Debug)]
struct Unasked;

impl Scripts for Unasked {
    async fn ask(&self, _payload: &str, questions: &[Question]) -> Vec<Answer> {
        assert!(questions.is_empty(), "asked: {questions:?}");
        Vec::new()
    }
}

#[tokio::test]
async fn a_webhook_without_filter_and_url_values_runs_no_script() {
    let World { app: App { store, queue, clock, mut config, .. } } = World::new().await;
    let secrets = Secrets::new(SigningSecret::from_random([9; 32]));
    for webhook in [on_submitted(3, " ", "https://a.io/plain?x=$1"), on_submitted(4, "", "/trees/a")] {
        store.create_webhook(&webhook, &secrets).await.unwrap();
    }
    config.workflow = Some(WorkflowBase::parse("https://engine.example/x").unwrap());
    let app = App { store, queue, scripts: Unasked, clock, config, cache: Cache::default() };
    let body = include_str!("../../../shared/wire/fixtures/kinetic_event_submission_submitted.json");
    assert!(handle(&app, events(&[body]), DEADLINE).await.batch_item_failures.is_empty());
    let sent = app.queue.sent();
    let found = sent.iter().map(|(_, message)| queue_message::decode(&message.body).unwrap().destination);
    let to = |url: &str| Destination::Resolved(TargetUrl::parse_unchecked(url).unwrap());
    assert_eq!(
        found.collect::<Vec<_>>(),
        [to("https://a.io/plain?x=$1"), to("https://engine.example/x/trees/a")]
    );
}

#[test]
fn scripts_can_read_every_accepted_event() {
    let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let edge = |value: &str| format!(r#"{{"values":{{"v":{value},"v":2}}}}"#);
    for value in [
        &nested(event_json::DEPTH_MAX - 2),
        "1.7976931348623157e308",
        "-0",
        "1e-999",
        "0e9999999999",
        &format!("0.{}", "3".repeat(event_json::NUMBER_CHARS_MAX - 2)),
        r#""\ud83d\ude00\u0000""#,
    ] {
        event_json::check(&edge(value)).unwrap();
        Bindings::read(edge(value).as_bytes()).unwrap();
    }
}
