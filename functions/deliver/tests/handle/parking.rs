//! A line that is set aside, and what is parked of it.

use hookrail_adapters::store::{ConfigStore as _, LogStore as _};
use hookrail_domain::aside::Mode;
use hookrail_domain::attempt::ErrorClass;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::suspension::Line;
use hookrail_testkit::script::answer;

use crate::{NOW, RECOVERY, World, events, line};

#[tokio::test]
async fn two_events_given_up_in_a_row_suspend_their_webhook_and_the_next_ones_are_parked() {
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
    assert!(rows[6].body.is_some(), "nobody else has it any more");
    let aside = world.app.store.line(&line(1)).aside.unwrap();
    assert_eq!((aside.mode, aside.next, aside.last), (Mode::Suspended, 1, 3), "the run is sent again first");
    let sent = world.app.queue.sent();
    assert_eq!((sent.len(), sent[0].0.as_str()), (1, RECOVERY));
    assert!(world.handle(&batch).await.is_empty(), "parked and ended messages are let go");
    assert_eq!(world.rows(1).len(), 7);
    assert!(world.handle(&events(&[(2, 4)])).await.is_empty());
    assert_eq!(world.log(2), [(1, 1, 200)], "other webhooks go on");
}

#[tokio::test]
async fn a_webhook_may_be_set_aside_by_a_number_of_give_ups_of_its_own() {
    for (own, is_set_aside) in [(Some(1), true), (Some(0), false), (None, false)] {
        let world = World::new(std::iter::repeat_n(answer(500), 3)).await;
        let key = line(1);
        let webhook =
            world.app.store.find_subscription(&key.company, key.subscription).await.unwrap().unwrap();
        let webhook = Subscription { suspend_after: own, version: 1, ..webhook };
        world.app.store.replace_subscription((&webhook).into()).await.unwrap();
        for _ in 0..3 {
            world.handle(&events(&[(1, 1)])).await;
            world.app.clock.advance_ms(30_000);
        }
        assert_eq!(world.app.store.line(&key).aside.is_some(), is_set_aside, "{own:?} instead of two");
    }
}

#[tokio::test]
async fn a_suspension_that_a_crash_prevented_is_made_up_for_before_the_message_goes() {
    let world = World::new(std::iter::repeat_n(answer(500), 6)).await;
    for message in [1, 1, 1, 2, 2, 2] {
        world.handle(&events(&[(1, message)])).await;
        world.app.clock.advance_ms(30_000);
    }
    // As if the process had died after the last row.
    let suspended = world.app.store.line(&line(1));
    world
        .app
        .store
        .change_line(&line(1), &suspended, &Line { aside: None, ..suspended.clone() })
        .await
        .unwrap();
    assert!(world.handle(&events(&[(1, 2)])).await.is_empty());
    assert_eq!(world.app.store.line(&line(1)).aside.map(|aside| (aside.next, aside.last)), Some((1, 2)));
    assert_eq!(world.rows(1).len(), 6);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_set_aside_at_once_for_recover_to_deactivate() {
    let world = World::new([answer(410)]).await;
    assert!(world.handle(&events(&[(1, 1), (1, 2)])).await.is_empty());
    assert_eq!(world.log(1), [(1, 1, 410), (2, 1, 409)]);
    let aside = world.app.store.line(&line(1)).aside.unwrap();
    assert_eq!((aside.mode, aside.next, aside.last, aside.gone), (Mode::Suspended, 1, 2, Some(0)));
    assert_eq!(aside.due_at, NOW, "not a probe: there is nothing to wait for");
}

#[tokio::test]
async fn a_message_that_waited_too_long_turns_its_line_lagging() {
    let world = World::new([]).await;
    let mut batch = events(&[(1, 1), (1, 2)]);
    let sent_at = NOW.0 - 900_000;
    for record in &mut batch.records {
        record.attributes.insert("SentTimestamp".to_owned(), sent_at.to_string());
    }
    assert!(world.handle(&batch).await.is_empty());
    assert!(world.app.sender.requests().is_empty());
    let aside = world.app.store.line(&line(1)).aside.unwrap();
    assert_eq!((aside.mode, aside.next, aside.last, aside.due_at), (Mode::Lagging, 1, 2, NOW));
    // The last few are about to be sent: a fresh event waits for them in the queue.
    let mut fresh = events(&[(1, 3)]);
    fresh.records[0].attributes.insert("SentTimestamp".to_owned(), NOW.0.to_string());
    assert_eq!(world.handle(&fresh).await, ["m1-3"]);
    assert_eq!(world.holds(3), [("h1-3".to_owned(), 1)]);
}

#[tokio::test]
async fn an_event_that_is_given_up_is_told_before_its_message_goes() {
    let mut world = World::new(std::iter::repeat_n(answer(500), 3)).await;
    world.app.config.notices.events_queue_urls = vec!["http://queues/0/events.fifo".to_owned()];
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
