//! A webhook with a backlog, and its parked events.

use hookrail_domain::attempt::ErrorClass;
use hookrail_domain::backlog::Mode;
use hookrail_domain::suspension::QueueState;
use hookrail_domain::webhook::Webhook;
use hookrail_pipeline::store::{ConfigStore as _, LogStore as _};
use hookrail_testkit::script::answer;

use crate::{NOW, RECOVERY, World, events, key_of};

#[tokio::test]
async fn two_exhausted_events_in_a_row_suspend_a_webhook_and_park_the_next() {
    let world = World::new(std::iter::repeat_n(answer(500), 6)).await;
    let batch = events(&[(1, 1), (1, 2), (1, 3)]);
    for _ in 0..5 {
        world.handle(&batch).await;
        world.app.clock.advance_ms(30_000);
    }
    let rows = world.rows(1);
    let numbers: Vec<_> =
        rows.iter().map(|row| (row.attempt.number.sequence, row.attempt.number.attempt)).collect();
    assert_eq!(numbers, [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1)]);
    assert_eq!(rows[6].attempt.outcome.error(), Some(ErrorClass::Parked));
    assert!(rows[6].body.is_some(), "only the row has it");
    let backlog = world.app.store.state(&key_of(1)).backlog.unwrap();
    assert_eq!(
        (backlog.mode, backlog.next, backlog.last),
        (Mode::Suspended, 1, 3),
        "the run is sent again first"
    );
    let sent = world.app.queue.sent();
    assert_eq!((sent.len(), sent[0].0.as_str()), (1, RECOVERY));
    assert!(world.handle(&batch).await.is_empty(), "parked and ended messages are deleted");
    assert_eq!(world.rows(1).len(), 7);
    assert!(world.handle(&events(&[(2, 4)])).await.is_empty());
    assert_eq!(world.log(2), [(1, 1, 200)], "other webhooks continue");
}

#[tokio::test]
async fn a_webhook_is_suspended_by_its_own_threshold() {
    for (own, has_backlog) in [(Some(1), true), (Some(0), false), (None, false)] {
        let world = World::new(std::iter::repeat_n(answer(500), 3)).await;
        let key = key_of(1);
        let webhook = world.app.store.find_webhook(&key.company, key.webhook).await.unwrap().unwrap();
        let webhook = Webhook { suspend_after: own, version: 1, ..webhook };
        world.app.store.replace_webhook((&webhook).into()).await.unwrap();
        for _ in 0..3 {
            world.handle(&events(&[(1, 1)])).await;
            world.app.clock.advance_ms(30_000);
        }
        assert_eq!(world.app.store.state(&key).backlog.is_some(), has_backlog, "{own:?} instead of two");
    }
}

#[tokio::test]
async fn a_suspension_lost_in_a_crash_is_repeated_before_the_message_is_deleted() {
    let world = World::new(std::iter::repeat_n(answer(500), 6)).await;
    for message in [1, 1, 1, 2, 2, 2] {
        world.handle(&events(&[(1, message)])).await;
        world.app.clock.advance_ms(30_000);
    }
    // As if the process had died after the last row.
    let suspended = world.app.store.state(&key_of(1));
    world
        .app
        .store
        .change_state(&key_of(1), &suspended, &QueueState { backlog: None, ..suspended.clone() })
        .await
        .unwrap();
    assert!(world.handle(&events(&[(1, 2)])).await.is_empty());
    assert_eq!(
        world.app.store.state(&key_of(1)).backlog.map(|backlog| (backlog.next, backlog.last)),
        Some((1, 2))
    );
    assert_eq!(world.rows(1).len(), 6);
}

#[tokio::test]
async fn a_gone_endpoint_suspends_its_webhook_at_once_for_recover_to_deactivate() {
    let world = World::new([answer(410)]).await;
    assert!(world.handle(&events(&[(1, 1), (1, 2)])).await.is_empty());
    assert_eq!(world.log(1), [(1, 1, 410), (2, 1, 409)]);
    let backlog = world.app.store.state(&key_of(1)).backlog.unwrap();
    assert_eq!((backlog.mode, backlog.next, backlog.last, backlog.gone), (Mode::Suspended, 1, 2, Some(0)));
    assert_eq!(backlog.due_at, NOW, "not a probe: there is nothing to wait for");
}

#[tokio::test]
async fn a_message_that_waited_too_long_puts_its_queue_into_draining() {
    let world = World::new([]).await;
    let mut batch = events(&[(1, 1), (1, 2)]);
    let sent_at = NOW.0 - 900_000;
    for record in &mut batch.records {
        record.attributes.insert("SentTimestamp".to_owned(), sent_at.to_string());
    }
    assert!(world.handle(&batch).await.is_empty());
    assert!(world.app.sender.requests().is_empty());
    let backlog = world.app.store.state(&key_of(1)).backlog.unwrap();
    assert_eq!((backlog.mode, backlog.next, backlog.last, backlog.due_at), (Mode::Lagging, 1, 2, NOW));
    // The last few are about to be sent: a fresh event waits for them in the queue.
    let mut fresh = events(&[(1, 3)]);
    fresh.records[0].attributes.insert("SentTimestamp".to_owned(), NOW.0.to_string());
    assert_eq!(world.handle(&fresh).await, ["m1-3"]);
    assert_eq!(world.holds(3), [("h1-3".to_owned(), 1)]);
}

#[tokio::test]
async fn an_exhausted_event_is_published_before_its_message_is_deleted() {
    let mut world = World::new(std::iter::repeat_n(answer(500), 3)).await;
    world.app.config.operational_events.events_queue_urls = vec!["http://queues/0/events.fifo".to_owned()];
    for _ in 0..3 {
        world.handle(&events(&[(1, 1)])).await;
        world.app.clock.advance_ms(30_000);
    }
    let told = |world: &World| {
        let sent = world.app.queue.sent();
        sent.into_iter().map(|(_, message)| message).collect::<Vec<_>>()
    };
    let first = told(&world);
    assert_eq!(first.len(), 1, "after its last attempt alone");
    assert!(first[0].body.contains("delivery.exhausted"), "{}", first[0].body);
    assert!(world.handle(&events(&[(1, 1)])).await.is_empty(), "as if the process had died before its end");
    let again = told(&world);
    assert_eq!(again[1].deduplication_id, first[0].deduplication_id, "the queue takes it once");
}
