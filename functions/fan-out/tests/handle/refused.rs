//! Messages that the queue refuses for good.

use hookrail_domain::delivery::Unsendable;
use hookrail_pipeline::queue::Outgoing;

use super::*;

/// Returns whether the message is for the first webhook.
fn is_for_the_first(message: &Outgoing) -> bool {
    message.group == sample_webhook(COMPANY, 1).id.to_string()
}

#[tokio::test]
async fn a_delivery_that_the_queue_refuses_ends_unsent_in_its_place_and_the_others_go_on() {
    let world = World::new().await;
    world.app.queue.refuse(|message| is_for_the_first(message) && !message.body.contains("dead_lettered"));
    let body = sample_body();
    assert!(world.handle(&events(&[&body, &body])).await.is_empty(), "both events are done");
    let sent = world.app.queue.sent();
    let found: Vec<_> = sent
        .iter()
        .map(|(url, message)| {
            let delivery = queue_message::decode(&message.body).unwrap();
            assert_eq!((url.as_str(), &message.deduplication_id), (DELIVERIES, &delivery.id.to_string()));
            assert_eq!(delivery.body.as_str(), body);
            (delivery.webhook.as_bytes()[0], delivery.accepted.number, delivery.destination)
        })
        .collect();
    let refused = Destination::Nowhere(Unsendable {
        class: ErrorClass::DeadLettered,
        reason: "the queue refused the message of this delivery".to_owned(),
    });
    let expected = [
        (2, 100, Destination::Webhook),
        (1, 100, refused.clone()),
        (2, 101, Destination::Webhook),
        (1, 101, refused),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_event_whose_deliveries_cannot_even_end_is_rejected_and_the_next_one_goes_on() {
    let world = World::new().await;
    world.app.queue.refuse(|message| is_for_the_first(message) && message.body.contains("poison"));
    let (bad, good) = (sample_body().replacen('{', r#"{"x":"poison","#, 1), sample_body());
    assert!(world.handle(&events(&[&bad, &good])).await.is_empty());
    let sent = world.app.queue.sent();
    let queues: Vec<_> = sent.iter().map(|(url, _)| url.as_str()).collect();
    assert_eq!(queues, [DELIVERIES, DEAD_LETTERS, DELIVERIES, DELIVERIES]);
    let (_, copy) = &sent[1];
    assert_eq!((copy.attributes[0].1.as_str(), copy.group.as_str(), &copy.body), ("refused", COMPANY, &bad));
}

#[tokio::test]
async fn an_event_that_no_queue_takes_stays_and_stops_its_company() {
    let world = World::new().await;
    world.app.queue.refuse(|_| true);
    let body = sample_body();
    assert_eq!(world.handle(&events(&[&body, &body])).await, ["m0", "m1"]);
    assert!(world.app.queue.sent().is_empty());
}
