//! Pushing events while the events queue is long.

use std::ops::Range;

use hookrail_adapters::config::ApiConfig;
use hookrail_domain::ingest::{IngestLimit, WINDOW_SECONDS};

use crate::events::{array, numbered};
use crate::world::{Call, OTHER, World, config, event};

/// A world whose events queue is that long, where companies may then push ten events a second.
async fn crowded(length: u64) -> World {
    let ingest = IngestLimit { backlog: 1_000, events_per_second: 10 };
    let world = World::with(ApiConfig { ingest, ..config(&["https://sqs/events.fifo"]) }).await;
    world.queue.set_length(Some(length));
    world
}

fn numbers(range: Range<usize>) -> String {
    array(&range.map(numbered).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_company_that_pushes_more_than_its_share_of_a_long_queue_is_refused_until_the_window_ends() {
    let world = crowded(1_000).await;
    assert_eq!(world.send(Call::push(numbers(0..60))).await.status, 202);
    let refused = world.send(Call::push(numbers(60..101))).await;
    refused.refuses(429, &[]);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=WINDOW_SECONDS).contains(&seconds), "{seconds}");
    assert_eq!(world.sent_bodies().len(), 60, "all of a call or nothing");
    assert_eq!(world.send(Call::push(numbers(60..100))).await.status, 202);
    world.send(Call::push(numbers(100..101))).await.refuses(429, &[]);

    assert_eq!(world.send(Call::push(event("other")).by(OTHER)).await.status, 202);
    world.clock.advance_ms(seconds * 1000);
    assert_eq!(world.send(Call::push(numbers(100..101))).await.status, 202);
    assert_eq!(world.sent_bodies().len(), 102);
}

#[tokio::test]
async fn nobody_is_refused_while_the_queue_is_short_or_its_length_is_unknown() {
    for length in [Some(999), None] {
        let world = crowded(0).await;
        world.queue.set_length(length);
        for _ in 0..3 {
            assert_eq!(world.send(Call::push(numbers(0..100))).await.status, 202);
        }
    }
}

#[tokio::test]
async fn the_limit_ends_soon_after_the_queue_is_short() {
    let world = crowded(1_000).await;
    assert_eq!(world.send(Call::push(numbers(0..100))).await.status, 202);
    world.send(Call::push(numbers(0..1))).await.refuses(429, &[]);
    world.queue.set_length(Some(0));
    world.clock.advance_ms(2_000);
    assert_eq!(world.send(Call::push(numbers(0..100))).await.status, 202);
}
