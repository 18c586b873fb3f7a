//! Scripts that take long, or cannot be evaluated.

use std::sync::{Arc, Mutex};

use hookrail_fan_out::EVALUATION_HOLD_SECONDS;
use hookrail_fan_out::scripted::{FAULTS_MAX, SCRIPTS_MS_MAX};
use hookrail_pipeline::clock::Clock as _;
use hookrail_script::service::Fault;

use super::*;

const EVENT: &str = include_str!("../../../../shared/wire/fixtures/kinetic_event_submission_submitted.json");

/// Scripts that take this long for each question, by the clock of the function.
#[derive(Debug)]
struct Slow(ManualClock, u64);

impl Scripts for Slow {
    async fn ask(&self, payload: &str, questions: &[Question]) -> Vec<Answer> {
        let Self(clock, seconds) = self;
        clock.advance_ms(seconds * 1_000);
        InProcessScripts.ask(payload, questions).await
    }
}

#[tokio::test]
async fn events_without_time_left_after_slow_scripts_return_unstarted() {
    let World { app: App { store, queue, clock, config, .. } } = World::new().await;
    let secrets = Secrets::new(SigningSecret::from_random([9; 32]));
    store.create_webhook(&on_submitted(3, "true", "https://a.io/${form('slug')}"), &secrets).await.unwrap();
    let scripts = Slow(clock.clone(), 6);
    let app = App { store, queue, scripts, clock, config, cache: Cache::default() };
    let reply = handle(&app, events(&[EVENT, EVENT, EVENT]), DEADLINE).await;
    let failed: Vec<_> = reply.batch_item_failures.into_iter().map(|one| one.item_identifier).collect();
    assert_eq!(failed, ["m1", "m2"], "the first one took 12 of 30 seconds");
    assert_eq!(app.queue.sent().len(), 1);
}

/// The filter that takes a second and then has no result.
const HEAVY: &str = "heavy";
/// As [`HEAVY`], by a fault of ours.
const BROKEN: &str = "broken";
/// Time of one call, and of one heavy question in it.
const CALL_MS: u64 = 4_000;
const QUESTION_MS: u64 = 1_000;

/// Scripts that take time by the clock of the function, and the filters that they were asked in each call.
#[derive(Debug, Clone)]
struct Timed(ManualClock, Arc<Mutex<Vec<Vec<String>>>>);

impl Scripts for Timed {
    async fn ask(&self, _payload: &str, questions: &[Question]) -> Vec<Answer> {
        let (mut answers, mut asked, mut spent_ms) = (Vec::new(), Vec::new(), 0);
        for question in questions {
            let Question::Filter { source, .. } = question else { unreachable!("{question:?}") };
            if CALL_MS <= spent_ms {
                break;
            }
            asked.push(source.clone());
            answers.push(match source.split(' ').next() {
                Some(HEAVY) => {
                    spent_ms += QUESTION_MS;
                    question.failed(Fault::new("took_too_long", &"took too long"))
                }
                Some(BROKEN) => question.failed(Fault::engine()),
                _ => Answer::Filter(Ok(true)),
            });
        }
        self.0.advance_ms(spent_ms);
        self.1.lock().unwrap().push(asked);
        answers
    }
}

type SlowApp = App<MemoryTables, MemoryQueue, Timed, ManualClock>;

/// Makes this many webhooks with a heavy filter, and this one behind them.
async fn app_with(heavy: u8, last: &str) -> SlowApp {
    let World { app: App { store, queue, clock, config, .. } } = World::new().await;
    let secrets = Secrets::new(SigningSecret::from_random([9; 32]));
    let filters = (0..heavy).map(|number| format!("{HEAVY} {number}")).chain([last.to_owned()]);
    for (number, filter) in (10..).zip(filters) {
        let webhook = on_submitted(number, &filter, &format!("https://a.io/{number}"));
        store.create_webhook(&webhook, &secrets).await.unwrap();
    }
    let scripts = Timed(clock.clone(), Arc::default());
    App { store, queue, scripts, clock, config, cache: Cache::default() }
}

/// Runs an invocation with 30 s and returns the messages that stay.
async fn invoke(app: &SlowApp, events: SqsEvent) -> Vec<String> {
    let deadline = app.clock.now().plus_seconds(30);
    let reply = handle(app, events, deadline).await;
    reply.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

/// Returns the number of each delivery's webhook, and the reason why it goes nowhere.
fn sent(app: &SlowApp) -> Vec<(u8, String)> {
    let sent = app.queue.sent().into_iter();
    sent.map(|(_, message)| {
        let delivery = queue_message::decode(&message.body).unwrap();
        let reason = match delivery.destination {
            Destination::Nowhere(fault) => fault.reason,
            Destination::Resolved(_) | Destination::Webhook => String::new(),
        };
        (delivery.webhook.as_bytes()[0], reason)
    })
    .collect()
}

#[tokio::test]
async fn what_slow_scripts_leave_no_time_for_is_evaluated_in_the_next_turn() {
    let app = app_with(5, "cheap").await;
    assert!(invoke(&app, events(&[EVENT, EVENT])).await.is_empty());
    let late = |number| (number, "the filter took too long".to_owned());
    let one = [late(10), late(11), late(12), late(13), late(14), (15, String::new())];
    // The second time the cheap one comes first.
    let two = [late(10), late(11), late(12), late(13), (15, String::new()), late(14)];
    assert_eq!(sent(&app), [one, two].concat());
    let calls = app.scripts.1.lock().unwrap();
    assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2, 5, 1]);
    assert_eq!(calls[2][0], "cheap");
}

#[tokio::test]
async fn an_event_goes_on_where_the_invocation_before_stopped_and_nothing_is_sent_twice() {
    let app = app_with(40, "cheap").await;
    let mut invocations = 1;
    while !invoke(&app, events(&[EVENT])).await.is_empty() {
        invocations += 1;
        assert_eq!(app.queue.holds().last(), Some(&("handle-0".to_owned(), 0)));
    }
    let mut webhooks: Vec<_> = sent(&app).into_iter().map(|(number, _)| number).collect();
    webhooks.sort_unstable();
    assert_eq!(webhooks, (10..=50).collect::<Vec<_>>());
    assert!((2..=4).contains(&invocations), "{invocations}");
}

#[tokio::test]
async fn the_scripts_of_an_event_have_a_minute_and_what_is_left_ends_with_a_reason() {
    let app = app_with(70, "cheap").await;
    while !invoke(&app, events(&[EVENT])).await.is_empty() {}
    let sent = sent(&app);
    let late = sent.iter().filter(|(_, reason)| reason == "the filter took too long").count();
    let expected = format!(
        "the filter was not evaluated: the scripts of this event had used up their {SCRIPTS_MS_MAX} ms"
    );
    let unasked = sent.iter().filter(|(_, reason)| *reason == expected).count();
    assert_eq!((late, unasked), (60, 11));
    // The next event begins with those that are not known to be slow.
    app.scripts.1.lock().unwrap().clear();
    invoke(&app, events(&[EVENT])).await;
    assert!(app.scripts.1.lock().unwrap().concat().contains(&"cheap".to_owned()));
}

#[tokio::test]
async fn scripts_of_one_company_cost_another_no_time() {
    let app = app_with(20, "cheap").await;
    let mut batch = events(&[EVENT, &sample_body().replace(COMPANY, "other"), EVENT]);
    batch.records[1].attributes.insert("MessageGroupId".to_owned(), "other".to_owned());
    let company = CompanyId::parse("other").unwrap();
    let grant = Grant::company(company.clone());
    app.store.create_company(&company, &Token::first(TokenHash::of("u"), grant, Millis(0))).await.unwrap();
    let secrets = Secrets::new(SigningSecret::from_random([1; 32]));
    app.store.create_webhook(&sample_webhook("other", 1), &secrets).await.unwrap();
    invoke(&app, batch).await;
    assert_eq!(sent(&app)[0], (1, String::new()), "before any script was asked");
}

#[tokio::test]
async fn a_fault_of_ours_is_held_for_seconds_and_then_costs_its_own_job() {
    let app = app_with(0, BROKEN).await;
    let mut batch = events(&[EVENT, &sample_body()]);
    for record in &mut batch.records {
        // However often other faults have made the queue deliver it.
        record.attributes.insert("ApproximateReceiveCount".to_owned(), "50".to_owned());
    }
    for _ in 0..FAULTS_MAX {
        assert_eq!(invoke(&app, batch.clone()).await, ["m0", "m1"]);
        let held = app.queue.holds();
        assert_eq!(held[held.len() - 2], ("handle-0".to_owned(), EVALUATION_HOLD_SECONDS));
    }
    assert!(sent(&app).is_empty());
    assert!(invoke(&app, batch).await.is_empty());
    let expected =
        [(10, "the filter could not be evaluated".to_owned()), (1, String::new()), (2, String::new())];
    assert_eq!(sent(&app), expected);
}
