//! What must hold after every run, from the receivers' and the log's point of view: the promises, each by its name.

mod log;
mod recovery;
mod timing;
mod truth;

use crate::history::History;
use crate::setup::Setup;
pub(crate) use truth::Truth;

/// A promise that a run broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) promise: &'static str,
    pub(crate) what: String,
}

/// What a check is: silence, or the first thing that is wrong.
type Check = fn(&Truth<'_>) -> Result<(), String>;

/// In the order of SEMANTICS.
const CHECKS: &[(&str, Check)] = &[
    (
        "events_arrive_first_in_the_order_they_were_accepted",
        log::events_arrive_first_in_the_order_they_were_accepted,
    ),
    (
        "an_event_is_first_sent_after_the_one_before_has_ended",
        log::an_event_is_first_sent_after_the_one_before_has_ended,
    ),
    ("a_delivery_has_at_most_so_many_attempts", log::a_delivery_has_at_most_so_many_attempts),
    ("every_request_has_its_row", log::every_request_has_its_row),
    ("every_row_tells_what_happened", log::every_row_tells_what_happened),
    ("the_sequence_is_gapless_and_in_order", log::the_sequence_is_gapless_and_in_order),
    (
        "every_event_ends_in_a_row_for_every_matching_webhook",
        log::every_event_ends_in_a_row_for_every_matching_webhook,
    ),
    (
        "an_event_sees_the_webhook_as_it_was_accepted_or_newer",
        log::an_event_sees_the_webhook_as_it_was_accepted_or_newer,
    ),
    ("no_event_is_dead_lettered", log::no_event_is_dead_lettered),
    ("set_aside_events_come_back_in_order", recovery::set_aside_events_come_back_in_order),
    ("what_was_accepted_is_not_sent_again", recovery::what_was_accepted_is_not_sent_again),
    ("what_led_to_a_suspension_is_sent_again", recovery::what_led_to_a_suspension_is_sent_again),
    ("what_is_parked_is_sent_by_recover_alone", recovery::what_is_parked_is_sent_by_recover_alone),
    ("a_replay_sends_what_it_was_asked_for", recovery::a_replay_sends_what_it_was_asked_for),
    (
        "a_retry_waits_for_the_delay_and_not_much_longer",
        timing::a_retry_waits_for_the_delay_and_not_much_longer,
    ),
    ("an_event_is_sent_as_soon_as_it_is_its_turn", timing::an_event_is_sent_as_soon_as_it_is_its_turn),
    (
        "one_event_holds_its_webhook_for_a_bounded_time",
        timing::one_event_holds_its_webhook_for_a_bounded_time,
    ),
    ("an_accepted_event_is_queued_at_once", timing::an_accepted_event_is_queued_at_once),
];

/// The first promise that this run broke.
pub(crate) fn check(setup: &Setup, history: &History) -> Result<Counts, Violation> {
    if let Some(what) = history.broken.first() {
        return Err(Violation { promise: "the_simulation_comes_to_rest", what: what.clone() });
    }
    let truth = Truth::of(setup, history)?;
    for (promise, check) in CHECKS {
        check(&truth).map_err(|what| Violation { promise, what })?;
    }
    Ok(truth.counts.get())
}

/// How much there was to check: a promise that is never put to the test is not kept but idle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) deliveries: u64,
    pub(crate) requests: u64,
    pub(crate) faults: u64,
    pub(crate) retries_timed: u64,
    pub(crate) turns_timed: u64,
    pub(crate) blocks_timed: u64,
    pub(crate) crashes_timed: u64,
    pub(crate) fan_outs_timed: u64,
    pub(crate) repeated_requests: u64,
    pub(crate) overtaken: u64,
    pub(crate) suspensions: u64,
    pub(crate) parked: u64,
    pub(crate) recovered: u64,
    pub(crate) gone: u64,
    pub(crate) replayed: u64,
    pub(crate) posted: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.deliveries += other.deliveries;
        self.requests += other.requests;
        self.faults += other.faults;
        self.retries_timed += other.retries_timed;
        self.turns_timed += other.turns_timed;
        self.blocks_timed += other.blocks_timed;
        self.crashes_timed += other.crashes_timed;
        self.fan_outs_timed += other.fan_outs_timed;
        self.repeated_requests += other.repeated_requests;
        self.overtaken += other.overtaken;
        self.suspensions += other.suspensions;
        self.parked += other.parked;
        self.recovered += other.recovered;
        self.gone += other.gone;
        self.replayed += other.replayed;
        self.posted += other.posted;
    }
}
