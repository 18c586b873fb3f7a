//! What waits for a webhook, as the API shows it.

use hookrail_domain::aside::{Aside, Mode};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::time::Millis;
use serde::Serialize;
use utoipa::ToSchema;

use crate::timestamp;

/// A webhook's line at one moment.
#[derive(Debug, Clone)]
pub struct QueueView<'a> {
    pub is_active: bool,
    pub aside: Option<&'a Aside>,
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
    /// Since when events are set aside.
    since: Option<String>,
    /// Events that are set aside.
    parked: u64,
    /// Probes in a row that found the endpoint dead.
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
    /// Of one round; probes of a dead endpoint cost the event none.
    attempts_max: u32,
    next_attempt_at: String,
    /// When the oldest waiting event was first tried or set aside.
    blocked_since: String,
}

impl QueueView<'_> {
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let state = match self.aside.map(|aside| aside.mode) {
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
            since: self.aside.map(|aside| timestamp::render(aside.since)),
            parked: self.aside.map_or(0, Aside::waiting),
            failed_probes: self.aside.map_or(0, |aside| aside.failed_probes),
            head,
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}
