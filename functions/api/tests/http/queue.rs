//! The queue view of a webhook, and its manual actions.

use hookrail_api::WEBHOOKS_PATH;
use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome, ResponseText};
use hookrail_domain::backlog::Lease;
use hookrail_domain::delivery::{Delivery, Destination, QueueName, QueuePosition, QueuedDelivery};
use hookrail_domain::event::Body;
use hookrail_domain::id::{DeliveryId, EventId, WebhookId};
use hookrail_domain::log_row::{EndedAttempt, LogRow, RunId};
use hookrail_domain::progress::Progress;
use hookrail_domain::suspension::{QueueState, SuspensionPolicy};
use hookrail_pipeline::store::{Change, LogStore, Parking, Recorded, WebhookKey};
use hookrail_wire::wake_up::WakeUp;
use serde_json::json;

use crate::world::{Call, NOW, OTHER, RECOVERY, World, company};

pub(crate) fn row(
    key: &WebhookKey,
    (sequence, attempt): (u64, u32),
    progress: Progress,
    given_up: u32,
) -> LogRow {
    let event = EventId::of_message(&sequence.to_string());
    let at = |queue| QueuePosition { queue: QueueName::new(queue), number: sequence.into() };
    let delivery = Delivery {
        id: DeliveryId::of(event, key.webhook),
        event,
        company: key.company.clone(),
        webhook: key.webhook,
        accepted: at("events"),
        accepted_at: NOW,
        destination: Destination::Webhook,
        body: Body::new("{}").unwrap(),
    };
    let outcome = match progress {
        Progress::Parked => Outcome::Unsent { error: ErrorClass::Parked, reason: String::new() },
        _ => Outcome::Responded { status: 500, response: ResponseText::default(), retry_after_seconds: None },
    };
    let number = AttemptNumber { sequence, attempt };
    let attempt = Attempt { number, started_at: NOW, duration_ms: 1, outcome };
    let message = QueuedDelivery { delivery: &delivery, position: &at("deliveries"), sent_at: NOW };
    LogRow::of(message, EndedAttempt { attempt, progress, given_up }, None, &RunId("r".into()))
}

/// Acme's webhook, of which event 1 was given up and led to a suspension, and 2 and 3 are parked.
async fn suspended() -> (World, WebhookKey, String) {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let key = WebhookKey { company: company("acme"), webhook: WebhookId::parse(&id).unwrap() };
    let last = row(&key, (1, 1), Progress::Ended, 1);
    assert_eq!(world.tables.put_row(&last).await.unwrap(), Recorded::Mine);
    let policy = SuspensionPolicy { suspend_after: 1, park_after_seconds: 0, retires_gone: true };
    let active = QueueState::default();
    let state = active.suspended(Some(&last.last()), &policy, NOW).unwrap();
    assert_eq!(world.tables.change_state(&key, &active, &state).await.unwrap(), Change::Done);
    for sequence in [2, 3] {
        let parked = row(&key, (sequence, 1), Progress::Parked, 0);
        assert_eq!(world.tables.park(&parked, state.generation).await.unwrap(), Parking::Parked);
    }
    (world, key, format!("{WEBHOOKS_PATH}/{id}/queue"))
}

async fn state_of(world: &World, key: &WebhookKey) -> QueueState {
    world.tables.snapshots(std::slice::from_ref(key)).await.unwrap().remove(0).state
}

#[tokio::test]
async fn an_idle_webhook_is_active_with_an_empty_queue() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let answer = world.send(Call::get(&format!("{WEBHOOKS_PATH}/{id}/queue"))).await;
    let expected = json!({"state": "active", "since": null, "parked": 0, "failedProbes": 0, "head": null});
    assert_eq!((answer.status, answer.json()), (200, expected));
}

#[tokio::test]
async fn a_retried_event_shows_its_attempts_and_its_next_attempt() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let key = WebhookKey { company: company("acme"), webhook: WebhookId::parse(&id).unwrap() };
    let until = NOW.plus_seconds(30);
    world.tables.put_row(&row(&key, (1, 1), Progress::Waiting { until }, 0)).await.unwrap();
    let answer = world.send(Call::get(&format!("{WEBHOOKS_PATH}/{id}/queue"))).await.json();
    assert_eq!((&answer["state"], &answer["head"]["sequence"]), (&json!("active"), &json!(1)));
    assert_eq!((&answer["head"]["attempts"], &answer["head"]["attemptsMax"]), (&json!(1), &json!(3)));
    assert_eq!(answer["head"]["nextAttemptAt"], "2022-05-05T19:55:10.000Z");
    assert_eq!(answer["head"]["blockedSince"], "2022-05-05T19:54:40.000Z");
}

#[tokio::test]
async fn a_suspended_webhook_shows_its_backlog_and_its_next_probe() {
    let (world, _, path) = suspended().await;
    let answer = world.send(Call::get(&path)).await.json();
    assert_eq!(
        (&answer["state"], &answer["parked"]),
        (&json!("suspended"), &json!(3)),
        "the given up one too"
    );
    assert_eq!(answer["head"]["sequence"], 1);
    assert_eq!(answer["head"]["nextAttemptAt"], "2022-05-05T19:55:10.000Z", "30 s later");
}

#[tokio::test]
async fn resume_makes_the_queue_due_and_calls_recover() {
    let (world, key, path) = suspended().await;
    let answer = world.send(Call::post(&format!("{path}/resume"), "{}")).await;
    assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("suspended")));
    let state = state_of(&world, &key).await;
    assert_eq!(state.backlog.unwrap().due_at, NOW);
    let sent = world.queue.sent();
    assert_eq!((sent.len(), sent[0].0.as_str()), (1, RECOVERY));
    assert_eq!(WakeUp::decode(&sent[0].1.body).unwrap().wake, state.wake);
}

#[tokio::test]
async fn skip_ends_the_oldest_event_with_a_row_and_the_next_is_due() {
    let (world, key, path) = suspended().await;
    for (next, parked) in [(2, 2), (3, 1)] {
        let answer = world.send(Call::post(&format!("{path}/skip"), "{}")).await;
        assert_eq!((answer.status, &answer.json()["parked"]), (202, &json!(parked)));
        assert_eq!(state_of(&world, &key).await.backlog.unwrap().next, next);
    }
    let row = world.tables.last_row_of(&key, 2).await.unwrap().unwrap();
    assert_eq!((row.attempt.number.attempt, row.progress), (2, Progress::Ended));
    assert_eq!(row.attempt.outcome.error(), Some(ErrorClass::Skipped));
    assert_eq!(world.send(Call::post(&format!("{path}/skip"), "{}")).await.status, 202);
    let nothing = world.send(Call::post(&format!("{path}/skip"), "{}")).await;
    assert_eq!(
        (nothing.status, &nothing.json()["detail"]),
        (409, &json!("the queue of the webhook is empty"))
    );
}

/// Acme's webhook, of which event 1 waits half a minute for its second attempt.
async fn waiting() -> (World, WebhookKey, String) {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    let key = WebhookKey { company: company("acme"), webhook: WebhookId::parse(&id).unwrap() };
    let until = NOW.plus_seconds(30);
    world.tables.put_row(&row(&key, (1, 1), Progress::Waiting { until }, 0)).await.unwrap();
    (world, key, format!("{WEBHOOKS_PATH}/{id}/queue"))
}

#[tokio::test]
async fn retry_hands_an_event_between_two_attempts_to_recover() {
    let (world, key, path) = waiting().await;
    let answer = world.send(Call::post(&format!("{path}/retry"), "{}")).await;
    assert_eq!((answer.status, &answer.json()["head"]["sequence"]), (202, &json!(1)));
    let state = state_of(&world, &key).await;
    let backlog = state.backlog.unwrap();
    assert_eq!((backlog.next, backlog.last, backlog.due_at), (1, 1, NOW));
    assert_eq!(WakeUp::decode(&world.queue.sent()[0].1.body).unwrap().wake, state.wake);
    assert_eq!(world.send(Call::post(&format!("{path}/retry"), "{}")).await.status, 202, "woken again");
}

#[tokio::test]
async fn an_event_between_two_attempts_can_be_skipped() {
    let (world, key, path) = waiting().await;
    assert_eq!(world.send(Call::post(&format!("{path}/skip"), "{}")).await.status, 202);
    let newest = world.tables.last_row_of(&key, 1).await.unwrap().unwrap();
    assert_eq!(newest.attempt.outcome.error(), Some(ErrorClass::Skipped));
    assert_eq!(
        state_of(&world, &key).await.backlog.map(|backlog| (backlog.next, backlog.last)),
        Some((2, 1))
    );
}

#[tokio::test]
async fn an_event_in_flight_cannot_be_retried_or_skipped() {
    let (world, key, path) = waiting().await;
    world.clock.advance_ms(30_000);
    for action in ["retry", "skip"] {
        assert_eq!(world.send(Call::post(&format!("{path}/{action}"), "{}")).await.status, 409, "{action}");
    }
    assert_eq!(state_of(&world, &key).await, QueueState::default());
}

#[tokio::test]
async fn a_patch_that_deactivates_keeps_or_drops_the_queue() {
    let (world, key, path) = waiting().await;
    let webhook = path.trim_end_matches("/queue").to_owned();
    let patch = |body: &str| Call::patch(&webhook, body.to_owned());
    assert_eq!(world.send(patch(r#"{"isActive":false}"#)).await.status, 200);
    let kept = state_of(&world, &key).await.backlog.unwrap();
    assert_eq!((kept.next, kept.is_dropped, kept.due_at), (1, false, NOW.plus_seconds(900)));
    assert_eq!(world.send(patch(r#"{"isActive":true}"#)).await.status, 200);
    assert_eq!(world.queue.sent().len(), 1, "recover is called when it is activated");
    let drop = r#"{"isActive":false,"waiting":"drop"}"#;
    assert_eq!(world.send(patch(drop)).await.status, 200);
    assert!(state_of(&world, &key).await.backlog.unwrap().is_dropped);
    assert_eq!(world.queue.sent().len(), 2, "recover is called to drop it");
    let early = world.send(patch(r#"{"isActive":true}"#)).await;
    assert_eq!(early.status, 409);
    assert!(early.json()["detail"].as_str().unwrap().contains("being dropped"));
}

#[tokio::test]
async fn an_event_being_sent_by_recover_cannot_be_skipped() {
    let (world, key, path) = suspended().await;
    let from = state_of(&world, &key).await;
    let lease = Lease { run: RunId("r".into()), until: NOW.plus_seconds(40) };
    let leased = from.leased(lease).unwrap();
    assert_eq!(world.tables.change_state(&key, &from, &leased).await.unwrap(), Change::Done);
    let answer = world.send(Call::post(&format!("{path}/skip"), "{}")).await;
    assert_eq!(answer.status, 409);
    assert!(answer.json()["detail"].as_str().unwrap().contains("being sent"));
}

#[tokio::test]
async fn resume_retry_and_skip_fail_on_an_empty_active_queue() {
    let world = World::new().await;
    let id = world.make_webhook("a").await;
    for (action, reason) in [
        ("resume", "the webhook has no parked events: its queue is active"),
        ("retry", "the queue of the webhook has no event between two attempts"),
        ("skip", "the queue of the webhook is empty"),
    ] {
        let answer = world.send(Call::post(&format!("{WEBHOOKS_PATH}/{id}/queue/{action}"), "{}")).await;
        assert_eq!((answer.status, &answer.json()["detail"]), (409, &json!(reason)), "{action}");
    }
}

#[tokio::test]
async fn another_companys_queue_is_not_found() {
    let (world, _, path) = suspended().await;
    assert_eq!(world.send(Call::get(&path).by(OTHER)).await.status, 404);
    for action in ["resume", "skip"] {
        let call = Call::post(&format!("{path}/{action}"), "{}").by(OTHER);
        assert_eq!(world.send(call).await.status, 404, "{action}");
    }
    assert!(world.queue.sent().is_empty());
}

#[tokio::test]
async fn activation_calls_recover_for_the_backlog() {
    let (world, key, path) = suspended().await;
    let webhook = path.trim_end_matches("/queue").to_owned();
    let patch = |active| Call::patch(&webhook, format!("{{\"isActive\":{active}}}"));
    assert_eq!(world.send(patch(false)).await.status, 200);
    let resumed = world.send(Call::post(&format!("{path}/resume"), "{}")).await;
    assert_eq!(resumed.status, 409);
    assert_eq!(world.send(Call::get(&path)).await.json()["state"], "inactive");
    assert!(world.queue.sent().is_empty());
    assert_eq!(world.send(patch(true)).await.status, 200);
    assert_eq!(world.queue.sent().len(), 1);
    assert_eq!(state_of(&world, &key).await.backlog.unwrap().due_at, NOW);
}
