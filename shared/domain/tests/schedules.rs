//! One webhook's queue under any schedule of outcomes, crashes and repeats: the rules alone, without SQS and
//! tables.

#![expect(clippy::unwrap_used, reason = "the switch for tests does not reach helper functions")]

use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome, ResponseText};
use hookrail_domain::delivery::{Delivery, Destination, QueueName, QueuePosition, QueuedDelivery};
use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, DeliveryId, EventId, WebhookId};
use hookrail_domain::log_row::{EndedAttempt, LogRow, RunId};
use hookrail_domain::progress::{LastRow, MessageState, Progress, message_state};
use hookrail_domain::retry::{Disposition, RETRY_AFTER_SECONDS_MAX, RetryPolicy};
use hookrail_domain::time::Millis;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// The events around the attempt of one turn.
#[derive(Debug, Clone)]
struct Turn {
    outcome: Outcome,
    loss: Loss,
    /// Time between this turn and the one before, in milliseconds.
    later_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Nothing,
    /// We die between the POST and its row.
    Row,
    /// The row exists, but SQS does not receive the verdict.
    Reply,
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let answered = (select(vec![200_u16, 209, 210, 301, 404, 429, 500, 503]), option::of(0..100_000_u64))
        .prop_map(|(status, retry_after_seconds)| Outcome::Responded {
            status,
            response: ResponseText::default(),
            retry_after_seconds,
        });
    let reason = || "no".to_owned();
    prop_oneof![
        4 => answered,
        1 => Just(Outcome::NotSent { error: ErrorClass::Dns, reason: reason() }),
        1 => Just(Outcome::NoResponse { error: ErrorClass::Timeout, reason: reason() }),
        1 => Just(Outcome::Unsent { error: ErrorClass::Disabled, reason: reason() }),
    ]
}

fn any_turn() -> impl Strategy<Value = Turn> {
    let loss = prop_oneof![3 => Just(Loss::Nothing), 1 => Just(Loss::Row), 1 => Just(Loss::Reply)];
    (any_outcome(), loss, 0..60_000_u64).prop_map(|(outcome, loss, later_ms)| Turn {
        outcome,
        loss,
        later_ms,
    })
}

fn any_policy() -> impl Strategy<Value = RetryPolicy> {
    (1..=10_u32, 0..=900_u64, 1..=20_u64).prop_map(|(attempts_max, delay_seconds, timeout_seconds)| {
        RetryPolicy { attempts_max, delay_seconds, timeout_seconds }
    })
}

fn delivery(number: u128) -> Delivery {
    let (event, webhook) = (EventId::of_message(&number.to_string()), WebhookId::from_bytes([1; 12]));
    Delivery {
        id: DeliveryId::of(event, webhook),
        event,
        company: CompanyId::parse("acme").unwrap(),
        webhook,
        accepted: QueuePosition { queue: QueueName::new("events"), number },
        accepted_at: Millis(0),
        destination: Destination::Webhook,
        body: Body::new("{}").unwrap(),
    }
}

fn queued(number: u128) -> QueuePosition {
    QueuePosition { queue: QueueName::new("deliveries"), number }
}

/// The queue and its log, driven as the deliver function drives them.
struct QueueState {
    policy: RetryPolicy,
    floor: u64,
    now: Millis,
    rows: Vec<LogRow>,
}

impl QueueState {
    fn message_state(&self, delivery: &Delivery, at: &QueuePosition) -> MessageState {
        let last: Option<LastRow> = self.rows.last().map(LogRow::last);
        message_state(last.as_ref(), self.floor, delivery, at, self.now)
    }

    /// Takes one turn of a message, and returns whether it leaves the queue.
    fn take(&mut self, number: u128, turn: &Turn) -> bool {
        let delivery = delivery(number);
        self.now.0 += turn.later_ms;
        match self.message_state(&delivery, &queued(number)) {
            MessageState::Ended => true,
            MessageState::Early { seconds } => {
                assert!((1..=self.policy.delay_seconds.max(RETRY_AFTER_SECONDS_MAX)).contains(&seconds));
                self.now = self.now.plus_seconds(seconds);
                false
            }
            MessageState::Due(number) if turn.loss == Loss::Row => {
                assert!(number.attempt <= self.policy.attempts_max);
                false
            }
            MessageState::Due(attempt) => {
                self.record(&delivery, &queued(number), attempt, turn) && turn.loss == Loss::Nothing
            }
        }
    }

    /// Records an attempt and returns whether the delivery has ended.
    fn record(
        &mut self,
        delivery: &Delivery,
        at: &QueuePosition,
        number: AttemptNumber,
        turn: &Turn,
    ) -> bool {
        let progress = match self.policy.disposition(number.attempt, &turn.outcome) {
            Disposition::Delivered | Disposition::GiveUp => Progress::Ended,
            Disposition::RetryAfter { seconds } => {
                Progress::Waiting { until: self.now.plus_seconds(seconds) }
            }
        };
        let attempt = Attempt { number, started_at: self.now, duration_ms: 0, outcome: turn.outcome.clone() };
        let run = RunId("r".to_owned());
        let message = QueuedDelivery { delivery, position: at, sent_at: self.now };
        let attempt = EndedAttempt { attempt, progress, given_up: 0 };
        self.rows.push(LogRow::of(message, attempt, None, &run));
        progress == Progress::Ended
    }

    /// Returns attempts of the delivery, in order, each with whether it ended there.
    fn attempts(&self, number: u128) -> Vec<(u64, u32, bool)> {
        let id = delivery(number).id;
        let rows = self.rows.iter().filter(|row| row.delivery == id);
        rows.map(|row| {
            let AttemptNumber { sequence, attempt } = row.attempt.number;
            (sequence, attempt, row.progress == Progress::Ended)
        })
        .collect()
    }
}

proptest! {
    #[test]
    fn every_delivery_ends_under_any_schedule(
        policy in any_policy(),
        floor in 0..1000_u64,
        turns in vec(any_turn(), 0..60),
        count in 1..6_u128,
    ) {
        let mut line = QueueState { policy, floor, now: Millis(1_000_000), rows: Vec::new() };
        // When the schedule is over, everything fails for ever, and nothing is lost.
        let failure = Turn {
            outcome: Outcome::NoResponse { error: ErrorClass::Timeout, reason: String::new() },
            loss: Loss::Nothing,
            later_ms: 0,
        };
        let mut turns = turns.into_iter();
        for number in 1..=count {
            // Past the schedule each attempt costs at most one early turn and one of its own.
            let mut turns_left = turns.len() + 2 * usize::try_from(policy.attempts_max).unwrap() + 2;
            while !line.take(number, &turns.next().unwrap_or_else(|| failure.clone())) {
                turns_left -= 1;
                prop_assert!(0 < turns_left, "delivery {number} does not end");
            }
            for earlier in 1..=number {
                // Received again, at its old position or at a new one after a second fan-out.
                for at in [queued(earlier), queued(1000 + earlier)] {
                    prop_assert_eq!(line.message_state(&delivery(earlier), &at), MessageState::Ended);
                }
            }
        }
        for number in 1..=count {
            let attempts = line.attempts(number);
            let sequence = floor + u64::try_from(number).unwrap();
            let expected: Vec<_> = (1..=u32::try_from(attempts.len()).unwrap())
                .map(|attempt| (sequence, attempt, usize::try_from(attempt).unwrap() == attempts.len()))
                .collect();
            prop_assert_eq!(&attempts, &expected, "one number, attempts from 1, and an end with the last only");
            prop_assert!((1..=policy.attempts_max).contains(&u32::try_from(attempts.len()).unwrap()));
        }
        let bodies: Vec<_> = line.rows.iter().map(|row| (row.attempt.number.attempt, row.body.is_some())).collect();
        prop_assert!(bodies.into_iter().all(|(attempt, has_body)| has_body == (attempt == 1)));
    }
}
