//! Where a message stands in its webhook's line, told from the last row of the log alone.

use crate::attempt::AttemptNumber;
use crate::delivery::{Delivery, QueuePosition};
use crate::id::DeliveryId;
use crate::time::Millis;

/// What the newest row of a webhook's log says about its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRow {
    pub number: AttemptNumber,
    pub delivery: DeliveryId,
    /// The place of its message in the delivery queue.
    pub queued: QueuePosition,
    /// The place of its event in the ingest queue.
    pub accepted: QueuePosition,
    pub progress: Progress,
    /// Deliveries given up in a row, this one included.
    pub given_up: u32,
    pub status: u16,
    /// The webhook's version at this attempt, if its endpoint answered that it is gone.
    pub gone: Option<u64>,
}

/// Whether a row's delivery has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Ended,
    /// Failed with attempts left; not to be tried again before this time.
    Waiting {
        until: Millis,
    },
    /// Set aside: recover sends it, ahead of everything later.
    Parked,
}

/// What is to be done with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its delivery has ended before, or is parked: acknowledge, send nothing, write nothing.
    Ended,
    /// It is this attempt's turn.
    Due(AttemptNumber),
    /// Its next attempt is not due yet: hold it and what is behind it for so many seconds, at least 1.
    Early { seconds: u64 },
}

/// Where the message of `delivery`, found at `queued`, stands.
///
/// Rows are written in the order of the line, so whatever came before the last row's message, in either queue, has
/// ended. The ingest queue is asked too because fan-out may put a whole run of events a second time, with new places
/// in the delivery queue, when it crashes for longer than SQS remembers deduplication ids (five minutes).
#[must_use]
pub fn standing(
    last: Option<&LastRow>,
    sequence_floor: u64,
    delivery: &Delivery,
    queued: &QueuePosition,
    now: Millis,
) -> Standing {
    let Some(last) = last else {
        return Standing::Due(AttemptNumber { sequence: sequence_floor + 1, attempt: 1 });
    };
    if last.delivery == delivery.id {
        return match last.progress {
            Progress::Ended | Progress::Parked => Standing::Ended,
            Progress::Waiting { until } if now < until => {
                Standing::Early { seconds: until.since(now).div_ceil(1000) }
            }
            Progress::Waiting { .. } => Standing::Due(AttemptNumber {
                sequence: last.number.sequence,
                attempt: last.number.attempt.saturating_add(1),
            }),
        };
    }
    if queued.is_before(&last.queued) || delivery.accepted.is_before(&last.accepted) {
        return Standing::Ended;
    }
    Standing::Due(AttemptNumber { sequence: sequence_floor.max(last.number.sequence) + 1, attempt: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Destination, QueueName};
    use crate::event::Body;
    use crate::id::{CompanyId, EventId, SubscriptionId};

    const NOW: Millis = Millis(1_000_000);

    fn at(queue: &str, number: u128) -> QueuePosition {
        QueuePosition { queue: QueueName::new(queue), number }
    }

    fn delivery(event: &str, accepted: u128) -> Delivery {
        let subscription = SubscriptionId::from_bytes([1; 12]);
        let event = EventId::of_message(event);
        Delivery {
            id: DeliveryId::of(event, subscription),
            event,
            company: CompanyId::parse("acme").unwrap(),
            subscription,
            accepted: at("events", accepted),
            accepted_at: Millis(1),
            destination: Destination::Webhook,
            body: Body::new("{}").unwrap(),
        }
    }

    fn row(event: &str, accepted: u128, queued: u128, progress: Progress) -> LastRow {
        LastRow {
            number: AttemptNumber { sequence: 7, attempt: 2 },
            delivery: delivery(event, accepted).id,
            queued: at("deliveries", queued),
            accepted: at("events", accepted),
            progress,
            given_up: 0,
            status: 200,
            gone: None,
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "tables read better without references")]
    #[track_caller]
    fn check(
        last: Option<LastRow>,
        floor: u64,
        event: (&str, u128),
        queued: QueuePosition,
        expected: Standing,
    ) {
        let delivery = delivery(event.0, event.1);
        assert_eq!(standing(last.as_ref(), floor, &delivery, &queued, NOW), expected);
    }

    fn due(sequence: u64, attempt: u32) -> Standing {
        Standing::Due(AttemptNumber { sequence, attempt })
    }

    #[test]
    fn the_first_message_of_a_line_gets_the_number_after_the_floor() {
        check(None, 0, ("a", 1), at("deliveries", 5), due(1, 1));
        check(None, 57, ("a", 1), at("deliveries", 5), due(58, 1));
    }

    #[test]
    fn the_next_message_gets_the_next_number() {
        check(Some(row("a", 1, 5, Progress::Ended)), 0, ("b", 2), at("deliveries", 6), due(8, 1));
        check(Some(row("a", 1, 5, Progress::Ended)), 57, ("b", 2), at("deliveries", 6), due(58, 1));
    }

    #[test]
    fn a_message_received_again_after_it_ended_is_done() {
        check(Some(row("a", 1, 5, Progress::Ended)), 0, ("a", 1), at("deliveries", 5), Standing::Ended);
    }

    #[test]
    fn a_whole_batch_received_again_is_done_to_its_last_row() {
        for (event, accepted, queued) in [("x", 1, 3), ("y", 2, 4), ("z", 3, 5)] {
            check(
                Some(row("z", 3, 5, Progress::Ended)),
                0,
                (event, accepted),
                at("deliveries", queued),
                Standing::Ended,
            );
        }
    }

    #[test]
    fn the_waiting_head_is_the_next_attempt_of_the_same_number() {
        let waiting = Progress::Waiting { until: NOW };
        check(Some(row("a", 1, 5, waiting)), 0, ("a", 1), at("deliveries", 5), due(7, 3));
    }

    #[test]
    fn a_head_that_comes_back_too_soon_is_held_for_the_rest() {
        let waiting = Progress::Waiting { until: Millis(NOW.0 + 1500) };
        check(
            Some(row("a", 1, 5, waiting)),
            0,
            ("a", 1),
            at("deliveries", 5),
            Standing::Early { seconds: 2 },
        );
    }

    #[test]
    fn what_came_before_the_waiting_head_has_ended() {
        let waiting = Progress::Waiting { until: NOW };
        check(Some(row("b", 2, 5, waiting)), 0, ("a", 1), at("deliveries", 4), Standing::Ended);
    }

    #[test]
    fn what_follows_a_head_that_left_the_queue_unended_goes_on() {
        let waiting = Progress::Waiting { until: NOW };
        check(Some(row("a", 1, 5, waiting)), 0, ("b", 2), at("deliveries", 6), due(8, 1));
    }

    #[test]
    fn a_late_second_fan_out_of_a_run_is_done_although_its_messages_are_new() {
        let last = || Some(row("b", 2, 6, Progress::Ended));
        check(last(), 0, ("a", 1), at("deliveries", 9), Standing::Ended);
        check(last(), 0, ("b", 2), at("deliveries", 10), Standing::Ended);
    }

    #[test]
    fn places_in_two_queues_are_not_compared() {
        check(Some(row("z", 9, 9, Progress::Ended)), 0, ("a", 10), at("deliveries-2", 1), due(8, 1));
    }
}
