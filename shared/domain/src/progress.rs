//! The state of a message in its webhook's queue, derived from the last row of the log alone.

use crate::attempt::AttemptNumber;
use crate::delivery::{Delivery, QueuePosition};
use crate::id::DeliveryId;
use crate::time::Millis;

/// The newest row of a webhook's log, as far as it concerns the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRow {
    pub number: AttemptNumber,
    pub delivery: DeliveryId,
    /// The position of its message in the delivery queue.
    pub queued: QueuePosition,
    /// The position of its event in the ingest queue.
    pub accepted: QueuePosition,
    pub progress: Progress,
    /// Exhausted deliveries in a row, this one included.
    pub given_up: u32,
    pub status: u16,
    /// The webhook's version at this attempt, if its endpoint responded that it is gone.
    pub gone: Option<u64>,
}

/// The progress of a row's delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Ended,
    /// Failed with attempts left; not to be attempted again before this time.
    Waiting {
        until: Millis,
    },
    /// Parked: recover sends it, ahead of everything later.
    Parked,
}

/// The state of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageState {
    /// Its delivery has ended before, or is parked: acknowledge, send nothing, write nothing.
    Ended,
    /// It is this attempt's turn.
    Due(AttemptNumber),
    /// Its next attempt is not due yet: hold it and the messages behind it for this many seconds, at least 1.
    Early { seconds: u64 },
}

/// Returns the state of the message of `delivery`, found at `queued`.
///
/// Rows are written in the order of the queue, so everything before the last row's message, in either SQS
/// queue, has ended.
/// The ingest queue is compared too, because fan-out may send a whole run of events a second time, with new
/// positions in the delivery queue.
/// It does so when it crashes for longer than SQS remembers deduplication ids (five minutes).
#[must_use]
pub fn message_state(
    last: Option<&LastRow>,
    sequence_floor: u64,
    delivery: &Delivery,
    queued: &QueuePosition,
    now: Millis,
) -> MessageState {
    let Some(last) = last else {
        return MessageState::Due(AttemptNumber { sequence: sequence_floor + 1, attempt: 1 });
    };
    if last.delivery == delivery.id {
        return match last.progress {
            Progress::Ended | Progress::Parked => MessageState::Ended,
            Progress::Waiting { until } if now < until => {
                MessageState::Early { seconds: until.since(now).div_ceil(1000) }
            }
            Progress::Waiting { .. } => MessageState::Due(AttemptNumber {
                sequence: last.number.sequence,
                attempt: last.number.attempt.saturating_add(1),
            }),
        };
    }
    if queued.is_before(&last.queued) || delivery.accepted.is_before(&last.accepted) {
        return MessageState::Ended;
    }
    MessageState::Due(AttemptNumber { sequence: sequence_floor.max(last.number.sequence) + 1, attempt: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Destination, QueueName};
    use crate::event::Body;
    use crate::id::{CompanyId, EventId, WebhookId};

    const NOW: Millis = Millis(1_000_000);

    fn at(queue: &str, number: u128) -> QueuePosition {
        QueuePosition { queue: QueueName::new(queue), number }
    }

    fn delivery(event: &str, accepted: u128) -> Delivery {
        let webhook = WebhookId::from_bytes([1; 12]);
        let event = EventId::of_message(event);
        Delivery {
            id: DeliveryId::of(event, webhook),
            event,
            company: CompanyId::parse("acme").unwrap(),
            webhook,
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
        expected: MessageState,
    ) {
        let delivery = delivery(event.0, event.1);
        assert_eq!(message_state(last.as_ref(), floor, &delivery, &queued, NOW), expected);
    }

    fn due(sequence: u64, attempt: u32) -> MessageState {
        MessageState::Due(AttemptNumber { sequence, attempt })
    }

    #[test]
    fn the_first_message_gets_the_number_after_the_floor() {
        check(None, 0, ("a", 1), at("deliveries", 5), due(1, 1));
        check(None, 57, ("a", 1), at("deliveries", 5), due(58, 1));
    }

    #[test]
    fn the_next_message_gets_the_next_number() {
        check(Some(row("a", 1, 5, Progress::Ended)), 0, ("b", 2), at("deliveries", 6), due(8, 1));
        check(Some(row("a", 1, 5, Progress::Ended)), 57, ("b", 2), at("deliveries", 6), due(58, 1));
    }

    #[test]
    fn a_message_received_again_after_its_end_is_done() {
        check(Some(row("a", 1, 5, Progress::Ended)), 0, ("a", 1), at("deliveries", 5), MessageState::Ended);
    }

    #[test]
    fn every_message_of_a_batch_received_again_is_done() {
        for (event, accepted, queued) in [("x", 1, 3), ("y", 2, 4), ("z", 3, 5)] {
            check(
                Some(row("z", 3, 5, Progress::Ended)),
                0,
                (event, accepted),
                at("deliveries", queued),
                MessageState::Ended,
            );
        }
    }

    #[test]
    fn a_waiting_head_gets_the_next_attempt_of_the_same_number() {
        let waiting = Progress::Waiting { until: NOW };
        check(Some(row("a", 1, 5, waiting)), 0, ("a", 1), at("deliveries", 5), due(7, 3));
    }

    #[test]
    fn a_head_that_returns_early_is_held_for_the_rest() {
        let waiting = Progress::Waiting { until: Millis(NOW.0 + 1500) };
        check(
            Some(row("a", 1, 5, waiting)),
            0,
            ("a", 1),
            at("deliveries", 5),
            MessageState::Early { seconds: 2 },
        );
    }

    #[test]
    fn messages_before_the_waiting_head_have_ended() {
        let waiting = Progress::Waiting { until: NOW };
        check(Some(row("b", 2, 5, waiting)), 0, ("a", 1), at("deliveries", 4), MessageState::Ended);
    }

    #[test]
    fn delivery_continues_after_a_head_that_left_the_queue() {
        let waiting = Progress::Waiting { until: NOW };
        check(Some(row("a", 1, 5, waiting)), 0, ("b", 2), at("deliveries", 6), due(8, 1));
    }

    #[test]
    fn a_late_repeated_fan_out_is_done_despite_new_messages() {
        let last = || Some(row("b", 2, 6, Progress::Ended));
        check(last(), 0, ("a", 1), at("deliveries", 9), MessageState::Ended);
        check(last(), 0, ("b", 2), at("deliveries", 10), MessageState::Ended);
    }

    #[test]
    fn positions_in_two_queues_are_not_compared() {
        check(Some(row("z", 9, 9, Progress::Ended)), 0, ("a", 10), at("deliveries-2", 1), due(8, 1));
    }
}
