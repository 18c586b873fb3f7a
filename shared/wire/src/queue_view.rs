//! The queue of a webhook as the API shows it.

use hookrail_domain::backlog::{Backlog, Mode};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::time::Millis;
use serde::Serialize;
use utoipa::ToSchema;

use crate::json;
use crate::timestamp;

/// A webhook's line at one moment.
#[derive(Debug, Clone)]
pub struct QueueView<'a> {
    pub is_active: bool,
    pub backlog: Option<&'a Backlog>,
    pub head: Option<Head>,
    pub attempts_max: u32,
}

/// The event that everything else waits for.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its first row.
    pub first: LogRow,
    pub attempts: u32,
    pub next_attempt_at: Millis,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Queue)]
pub(crate) struct Document {
    /// `active`, `suspended`, `lagging` or `inactive`.
    state: &'static str,
    /// The time since which events are parked.
    since: Option<String>,
    /// The number of parked events.
    parked: u64,
    /// Failed probes in a row.
    failed_probes: u32,
    head: Option<HeadDocument>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueHead)]
pub(crate) struct HeadDocument {
    sequence: u64,
    event: String,
    delivery: String,
    attempts: u32,
    /// Attempts of one round. Failed probes do not use them up.
    attempts_max: u32,
    next_attempt_at: String,
    /// The time when the oldest waiting event was first attempted or parked.
    blocked_since: String,
}

impl QueueView<'_> {
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let state = match self.backlog.map(|backlog| backlog.mode) {
            _ if !self.is_active => "inactive",
            None => "active",
            Some(Mode::Suspended) => "suspended",
            Some(Mode::Lagging) => "lagging",
        };
        let head = self.head.as_ref().map(|head| HeadDocument {
            sequence: head.first.attempt.number.sequence,
            event: head.first.event.to_string(),
            delivery: head.first.delivery.to_string(),
            attempts: head.attempts,
            attempts_max: self.attempts_max,
            next_attempt_at: timestamp::render(head.next_attempt_at),
            blocked_since: timestamp::render(head.first.attempt.started_at),
        });
        let document = Document {
            state,
            since: self.backlog.map(|backlog| timestamp::render(backlog.since)),
            parked: self.backlog.map_or(0, Backlog::waiting),
            failed_probes: self.backlog.map_or(0, |backlog| backlog.failed_probes),
            head,
        };
        json::render(&document)
    }
}
