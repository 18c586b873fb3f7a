//! The decision of deliver on a message, from the queue of its webhook as it was read.

use crate::attempt::AttemptNumber;
use crate::backlog::{Backlog, Mode};
use crate::delivery::QueuedDelivery;
use crate::operational_event::OperationalEvent;
use crate::progress::{LastRow, MessageState, Progress, message_state};
use crate::suspension::{QueueState, SuspensionPolicy};
use crate::time::Millis;
use crate::webhook::Webhook;

/// Number of parked events so small that a fresh event waits for them in the queue instead of being parked as
/// well.
pub const HAND_OVER_EVENTS_MAX: u64 = 10;
/// Longest time that a message may wait so, in seconds since it was sent.
pub const HAND_OVER_SECONDS_MAX: u64 = 30;
/// Time that a fresh message waits while recover sends the last parked ones, in seconds.
const HAND_OVER_HOLD_SECONDS: u64 = 1;

/// The facts that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub webhook: Option<&'a Webhook>,
    pub state: &'a QueueState,
    /// The newest row of the webhook.
    pub last: Option<&'a LastRow>,
    /// True if all of these were read again: two items are not read at one moment.
    pub is_reread: bool,
    pub message: QueuedDelivery<'a>,
    /// The operator's policy. The webhook may have a number of its own.
    pub policy: SuspensionPolicy,
    pub now: Millis,
}

/// The next step of a message. After the first two it is decided again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The queue changed while it was read: read it again.
    ReadAgain,
    /// Open a backlog, or extend it.
    OpenBacklog(Box<QueueState>),
    /// The delivery has ended or is parked: remove the message.
    Acknowledge {
        /// The event that it was exhausted. Published before the message is removed: this makes up for a
        /// crash after its row.
        exhausted: Option<OperationalEvent>,
    },
    /// Hide the message, and those behind it.
    HoldBack {
        seconds: u64,
    },
    Park(AttemptNumber),
    Send(AttemptNumber),
}

/// Decides the next step of a message.
#[must_use]
pub fn decide(facts: Facts<'_>) -> Decision {
    let Facts { webhook, state, last, message, now, .. } = facts;
    let policy = &facts.policy.of(webhook);
    let is_active = webhook.is_some_and(|webhook| webhook.is_active);
    let is_last_parked = last.is_some_and(|last| last.progress == Progress::Parked);
    // A backlog was opened between two reads, or the webhook was deactivated.
    if state.backlog.is_none() && (is_last_parked || !is_active && !facts.is_reread) {
        return Decision::ReadAgain;
    }
    // First of all, and before a message that has ended is deleted: this repairs a crash after the row that
    // made the backlog due.
    // No event of a deactivated webhook is kept unless its queue has a backlog.
    if (is_active || state.backlog.is_some())
        && let Some(suspended) = state.suspended(last, policy, now)
    {
        return Decision::OpenBacklog(Box::new(suspended));
    }
    let QueuedDelivery { delivery, position, sent_at } = message;
    let number = match message_state(last, state.sequence_floor, delivery, position, now) {
        MessageState::Ended => return Decision::Acknowledge { exhausted: exhausted(last, message, now) },
        MessageState::Early { seconds } => return Decision::HoldBack { seconds },
        MessageState::Due(number) => number,
    };
    let age_seconds = now.since(sent_at) / 1000;
    let is_late = 0 < policy.park_after_seconds && policy.park_after_seconds <= age_seconds;
    match &state.backlog {
        // It ends at once, as an event of a webhook that was deactivated.
        None if !is_active => Decision::Send(number),
        None if is_late && number.attempt == 1 => {
            Decision::OpenBacklog(Box::new(state.lagging(number.sequence, now)))
        }
        None => Decision::Send(number),
        Some(backlog) if number.sequence <= backlog.last => Decision::Acknowledge { exhausted: None },
        // A late one would open a backlog again as soon as recover has caught up.
        Some(backlog)
            if !is_late && age_seconds < HAND_OVER_SECONDS_MAX && is_nearly_drained(backlog, now) =>
        {
            Decision::HoldBack { seconds: HAND_OVER_HOLD_SECONDS }
        }
        Some(_) => Decision::Park(number),
    }
}

/// Returns whether recover is about to catch up.
fn is_nearly_drained(backlog: &Backlog, now: Millis) -> bool {
    backlog.mode == Mode::Lagging && backlog.due_at <= now && backlog.waiting() <= HAND_OVER_EVENTS_MAX
}

fn exhausted(last: Option<&LastRow>, message: QueuedDelivery<'_>, now: Millis) -> Option<OperationalEvent> {
    let last = last.filter(|last| last.delivery == message.delivery.id)?;
    (last.progress == Progress::Ended && 0 < last.given_up).then_some(OperationalEvent::Exhausted {
        delivery: last.delivery,
        number: last.number,
        at: now,
        status: last.status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Delivery, Destination, QueueName, QueuePosition};
    use crate::event::Body;
    use crate::id::{CompanyId, DeliveryId, EventId, WebhookId};
    use crate::suspension::samples::{NOW, POLICY, backlog, last_row, sample_webhook};

    /// The place of the message, compared with the one of the last row.
    enum At {
        BeforeLast,
        Last,
        BehindLast,
    }

    /// The facts of a decision, with those of an active webhook without a log as the default.
    struct Case {
        is_active: bool,
        suspend_after: Option<u32>,
        state: QueueState,
        last: Option<LastRow>,
        is_reread: bool,
        at: At,
        age_seconds: u64,
        policy: SuspensionPolicy,
    }

    impl Default for Case {
        fn default() -> Self {
            Self {
                is_active: true,
                suspend_after: None,
                state: QueueState::default(),
                last: None,
                is_reread: false,
                at: At::BehindLast,
                age_seconds: 0,
                policy: POLICY,
            }
        }
    }

    impl Case {
        fn decide(&self) -> Decision {
            let (is_active, suspend_after) = (self.is_active, self.suspend_after);
            let webhook = Webhook { is_active, suspend_after, ..sample_webhook() };
            let (number, id) = match self.at {
                At::BeforeLast => (0, 2),
                At::Last => (1, 1),
                At::BehindLast => (2, 2),
            };
            let at = || QueuePosition { queue: QueueName::new("q"), number };
            let delivery = Delivery {
                id: DeliveryId::from_bytes([id; 12]),
                event: EventId::of_message("m"),
                company: CompanyId::parse("acme").unwrap(),
                webhook: WebhookId::from_bytes([1; 12]),
                accepted: at(),
                accepted_at: NOW,
                destination: Destination::Webhook,
                body: Body::new("{}").unwrap(),
            };
            let sent_at = Millis(NOW.0 - self.age_seconds * 1000);
            decide(Facts {
                webhook: Some(&webhook),
                state: &self.state,
                last: self.last.as_ref(),
                is_reread: self.is_reread,
                message: QueuedDelivery { delivery: &delivery, position: &at(), sent_at },
                policy: self.policy,
                now: NOW,
            })
        }
    }

    fn ended(given_up: u32) -> Option<LastRow> {
        Some(last_row(12, given_up, Progress::Ended))
    }

    fn waiting(seconds: u64) -> Option<LastRow> {
        Some(last_row(12, 0, Progress::Waiting { until: NOW.plus_seconds(seconds) }))
    }

    const fn number(sequence: u64, attempt: u32) -> AttemptNumber {
        AttemptNumber { sequence, attempt }
    }

    const REMOVE: Decision = Decision::Acknowledge { exhausted: None };

    #[track_caller]
    fn check(cases: impl IntoIterator<Item = (&'static str, Case, Decision)>) {
        for (name, case, expected) in cases {
            assert_eq!(case.decide(), expected, "{name}");
        }
    }

    /// Returns mode, first and last parked event.
    #[track_caller]
    fn opened(case: &Case) -> (Mode, u64, u64) {
        let Decision::OpenBacklog(state) = case.decide() else { panic!("{:?}", case.decide()) };
        let backlog = state.backlog.unwrap();
        (backlog.mode, backlog.next, backlog.last)
    }

    #[test]
    fn a_message_of_an_active_queue_is_sent_when_its_turn_has_come() {
        check([
            ("the first one", Case::default(), Decision::Send(number(1, 1))),
            ("the next one", Case { last: ended(0), ..Case::default() }, Decision::Send(number(13, 1))),
            (
                "its retry is due",
                Case { last: waiting(0), at: At::Last, ..Case::default() },
                Decision::Send(number(12, 4)),
            ),
            (
                "its retry is due and late",
                Case { last: waiting(0), at: At::Last, age_seconds: 999, ..Case::default() },
                Decision::Send(number(12, 4)),
            ),
            (
                "its retry is not due",
                Case { last: waiting(2), at: At::Last, ..Case::default() },
                Decision::HoldBack { seconds: 2 },
            ),
            ("almost late", Case { age_seconds: 899, ..Case::default() }, Decision::Send(number(1, 1))),
            (
                "never late",
                Case {
                    age_seconds: 999,
                    policy: SuspensionPolicy { park_after_seconds: 0, ..POLICY },
                    ..Case::default()
                },
                Decision::Send(number(1, 1)),
            ),
        ]);
        assert_eq!(opened(&Case { age_seconds: 900, ..Case::default() }), (Mode::Lagging, 1, 0), "late");
    }

    #[test]
    fn a_message_that_has_ended_is_removed_and_its_exhaustion_published() {
        let exhausted = OperationalEvent::Exhausted {
            delivery: DeliveryId::from_bytes([1; 12]),
            number: number(12, 3),
            at: NOW,
            status: 500,
        };
        let exhausted = Decision::Acknowledge { exhausted: Some(exhausted) };
        let parked = last_row(11, 1, Progress::Parked);
        check([
            ("delivered", Case { last: ended(0), at: At::Last, ..Case::default() }, REMOVE),
            ("exhausted", Case { last: ended(4), at: At::Last, ..Case::default() }, exhausted),
            ("earlier", Case { last: ended(4), at: At::BeforeLast, ..Case::default() }, REMOVE),
            (
                "parked",
                Case { state: backlog(Mode::Suspended), last: Some(parked), at: At::Last, ..Case::default() },
                REMOVE,
            ),
            (
                "recover tries it",
                Case {
                    state: backlog(Mode::Lagging),
                    last: Some(last_row(10, 0, Progress::Ended)),
                    ..Case::default()
                },
                REMOVE,
            ),
        ]);
    }

    #[test]
    fn two_reads_that_do_not_agree_are_repeated() {
        let inactive = || Case { is_active: false, ..Case::default() };
        let parked = || Some(last_row(11, 0, Progress::Parked));
        check([
            ("no backlog", Case { last: parked(), ..Case::default() }, Decision::ReadAgain),
            (
                "still no backlog",
                Case { last: parked(), is_reread: true, ..Case::default() },
                Decision::ReadAgain,
            ),
            ("inactive", inactive(), Decision::ReadAgain),
            (
                "inactive indeed: it ends at once",
                Case { is_reread: true, age_seconds: 999, ..inactive() },
                Decision::Send(number(1, 1)),
            ),
            (
                "inactive, and exhausted before",
                Case { is_reread: true, last: ended(9), ..inactive() },
                Decision::Send(number(13, 1)),
            ),
            (
                "inactive, with events that are kept",
                Case { state: backlog(Mode::Suspended), ..inactive() },
                REMOVE,
            ),
        ]);
    }

    #[test]
    fn exhausted_events_open_a_backlog_before_anything_else() {
        assert_eq!(opened(&Case { last: ended(5), ..Case::default() }), (Mode::Suspended, 8, 12));
        let same = Case { last: ended(5), at: At::Last, ..Case::default() };
        assert_eq!(opened(&same), (Mode::Suspended, 8, 12), "before its message is removed");
        let own = Case { last: ended(2), suspend_after: Some(2), ..Case::default() };
        assert_eq!(opened(&own), (Mode::Suspended, 11, 12), "the webhook's own number");
        let kept =
            Case { last: ended(5), is_active: false, state: backlog(Mode::Lagging), ..Case::default() };
        assert_eq!(opened(&kept), (Mode::Lagging, 7, 12), "an inactive webhook with a backlog");
    }

    #[test]
    fn a_message_behind_a_backlog_is_parked_unless_recover_is_about_to_catch_up() {
        let behind = |mode, age_seconds| Case {
            state: backlog(mode),
            last: Some(last_row(11, 0, Progress::Parked)),
            age_seconds,
            ..Case::default()
        };
        let changed = |change: fn(&mut Backlog)| {
            let mut case = behind(Mode::Lagging, 0);
            change(case.state.backlog.as_mut().unwrap());
            case
        };
        let park = Decision::Park(number(12, 1));
        check([
            ("5 are left", behind(Mode::Lagging, 29), Decision::HoldBack { seconds: 1 }),
            ("it has waited enough", behind(Mode::Lagging, 30), park.clone()),
            ("the endpoint fails", behind(Mode::Suspended, 0), park.clone()),
            ("11 are left", changed(|backlog| backlog.next = 1), park.clone()),
            ("no run has the lease", changed(|backlog| backlog.due_at = NOW.plus_seconds(1)), park.clone()),
            (
                "late at once",
                Case {
                    policy: SuspensionPolicy { park_after_seconds: 3, ..POLICY },
                    ..behind(Mode::Lagging, 3)
                },
                park,
            ),
        ]);
    }
}
