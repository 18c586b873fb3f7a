//! The promises after every run, each checked by its name, from the view of the receivers and of the log.

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

/// A check: returns the first violation.
type Check = fn(&Truth<'_>) -> Result<(), String>;

/// In the order of SEMANTICS.
const CHECKS: &[(&str, Check)] = &[
    (
        "events_first_arrive_in_the_order_of_their_acceptance",
        log::events_first_arrive_in_the_order_of_their_acceptance,
    ),
    (
        "an_event_is_first_sent_after_the_previous_one_has_ended",
        log::an_event_is_first_sent_after_the_previous_one_has_ended,
    ),
    ("a_delivery_stays_within_its_attempt_limit", log::a_delivery_stays_within_its_attempt_limit),
    ("every_request_has_a_row", log::every_request_has_a_row),
    ("every_row_matches_its_request", log::every_row_matches_its_request),
    ("the_sequence_is_gapless_and_in_order", log::the_sequence_is_gapless_and_in_order),
    (
        "every_event_ends_in_a_row_for_every_matching_webhook",
        log::every_event_ends_in_a_row_for_every_matching_webhook,
    ),
    ("what_can_never_be_sent_ends_alone", log::what_can_never_be_sent_ends_alone),
    ("an_event_uses_its_webhook_as_accepted_or_newer", log::an_event_uses_its_webhook_as_accepted_or_newer),
    ("only_invalid_events_are_dead_lettered", log::only_invalid_events_are_dead_lettered),
    ("parked_events_are_delivered_in_order", recovery::parked_events_are_delivered_in_order),
    ("accepted_events_are_not_sent_again", recovery::accepted_events_are_not_sent_again),
    (
        "events_that_caused_a_suspension_are_sent_again",
        recovery::events_that_caused_a_suspension_are_sent_again,
    ),
    ("events_refused_in_an_outage_are_sent_again", recovery::events_refused_in_an_outage_are_sent_again),
    ("parked_events_are_sent_by_recover_only", recovery::parked_events_are_sent_by_recover_only),
    ("a_replay_sends_every_requested_event", recovery::a_replay_sends_every_requested_event),
    (
        "a_retry_waits_for_the_delay_and_not_much_longer",
        timing::a_retry_waits_for_the_delay_and_not_much_longer,
    ),
    ("an_event_is_sent_without_delay_in_its_turn", timing::an_event_is_sent_without_delay_in_its_turn),
    (
        "one_event_blocks_its_webhook_for_a_bounded_time",
        timing::one_event_blocks_its_webhook_for_a_bounded_time,
    ),
    ("an_accepted_event_is_queued_at_once", timing::an_accepted_event_is_queued_at_once),
];

/// Returns the first promise that this run broke.
pub(crate) fn check(setup: &Setup, history: &History) -> Result<Counts, Violation> {
    if let Some(what) = history.broken.first() {
        return Err(Violation { promise: "the_simulation_ends", what: what.clone() });
    }
    let truth = Truth::of(setup, history)?;
    for (promise, check) in CHECKS {
        check(&truth).map_err(|what| Violation { promise, what })?;
    }
    Ok(truth.counts.get())
}

/// The number of facts that were checked: a promise without any is not tested.
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
    /// Runs of events that recover's requests exhausted.
    pub(crate) outages: u64,
    pub(crate) parked: u64,
    pub(crate) recovered: u64,
    pub(crate) gone: u64,
    pub(crate) replayed: u64,
    pub(crate) posted: u64,
    /// Deliveries that a queue refused, or whose script was late.
    pub(crate) unsendable: u64,
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
        self.outages += other.outages;
        self.parked += other.parked;
        self.recovered += other.recovered;
        self.gone += other.gone;
        self.replayed += other.replayed;
        self.posted += other.posted;
        self.unsendable += other.unsendable;
    }
}
