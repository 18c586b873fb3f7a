//! A row of the delivery log: one attempt, with everything needed to explain it and to continue after it.

use crate::attempt::{Attempt, Outcome};
use crate::delivery::{Destination, QueuePosition, QueuedDelivery};
use crate::event::Body;
use crate::id::{CompanyId, DeliveryId, EventId, WebhookId};
use crate::progress::{LastRow, Progress};
use crate::retry::Disposition;
use crate::time::Millis;
use crate::webhook::Webhook;

/// The invocation that wrote a row, so that it can tell its own row from another run's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunId(pub String);

/// An attempt, and the state of its delivery after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedAttempt {
    pub attempt: Attempt,
    pub progress: Progress,
    /// Exhausted deliveries in a row, this one included.
    pub given_up: u32,
}

impl EndedAttempt {
    /// Returns the attempt of a delivery in its turn, behind a row with `given_up` exhausted ones.
    #[must_use]
    pub fn in_turn(attempt: Attempt, disposition: Disposition, given_up: u32, ended_at: Millis) -> Self {
        let is_sent = !matches!(attempt.outcome, Outcome::Unsent { .. });
        let (progress, given_up) = match disposition {
            Disposition::RetryAfter { seconds } => {
                (Progress::Waiting { until: ended_at.plus_seconds(seconds) }, given_up)
            }
            Disposition::GiveUp if is_sent => (Progress::Ended, given_up.saturating_add(1)),
            Disposition::Delivered | Disposition::GiveUp => (Progress::Ended, 0),
        };
        Self { attempt, progress, given_up }
    }
}

/// One attempt as it is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    pub company: CompanyId,
    pub webhook: WebhookId,
    pub delivery: DeliveryId,
    pub event: EventId,
    pub accepted: QueuePosition,
    pub queued: QueuePosition,
    pub attempt: Attempt,
    pub progress: Progress,
    /// Exhausted deliveries in a row, this one included; their number suspends a webhook.
    pub given_up: u32,
    /// The URL and the webhook's version at this attempt.
    pub url: String,
    pub version: u64,
    pub run: RunId,
    /// True if a person asked for it, after its event had ended.
    pub is_replay: bool,
    /// The exact body sent. Stored with the event's first row only; a list copies it to the others.
    pub body: Option<Body>,
    pub expires_at: Option<Millis>,
}

impl LogRow {
    /// Returns the part of this row that concerns its webhook's queue.
    #[must_use]
    pub fn last(&self) -> LastRow {
        LastRow {
            number: self.attempt.number,
            delivery: self.delivery,
            queued: self.queued.clone(),
            accepted: self.accepted.clone(),
            progress: self.progress,
            given_up: self.given_up,
            status: self.attempt.outcome.status(),
            gone: self.attempt.outcome.is_gone().then_some(self.version),
        }
    }

    /// Returns whether the event was accepted, or ended unsent: it is sent again only if a person asks for it.
    /// An exhausted one may be of the run that led to a suspension.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let is_unsent = matches!(self.attempt.outcome, Outcome::Unsent { .. });
        self.attempt.outcome.is_success() || is_unsent && self.progress == Progress::Ended
    }

    /// Returns the row of this attempt at `delivery`.
    #[must_use]
    pub fn of(
        message: QueuedDelivery<'_>,
        attempt: EndedAttempt,
        webhook: Option<&Webhook>,
        run: &RunId,
    ) -> Self {
        let QueuedDelivery { delivery, position, .. } = message;
        let EndedAttempt { attempt, progress, given_up } = attempt;
        Self {
            company: delivery.company.clone(),
            webhook: delivery.webhook,
            delivery: delivery.id,
            event: delivery.event,
            accepted: delivery.accepted.clone(),
            queued: position.clone(),
            body: (attempt.number.attempt == 1).then(|| delivery.body.clone()),
            attempt,
            progress,
            given_up,
            url: log_url(webhook, &delivery.destination),
            version: webhook.map_or(0, |webhook| webhook.version),
            run: run.clone(),
            is_replay: false,
            expires_at: None,
        }
    }
}

/// Returns the URL that a log shows for a delivery. Empty if the webhook does not exist or the event has no
/// URL.
#[must_use]
pub fn log_url(webhook: Option<&Webhook>, destination: &Destination) -> String {
    let target = webhook.and_then(|webhook| webhook.target(destination).ok());
    target.map(|url| url.as_str().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::{AttemptNumber, ErrorClass, ResponseText};

    #[test]
    fn an_attempt_in_turn_counts_exhausted_deliveries_in_a_row() {
        let failed =
            Outcome::Responded { status: 500, response: ResponseText::default(), retry_after_seconds: None };
        let unsent = Outcome::Unsent { error: ErrorClass::Disabled, reason: String::new() };
        let waiting = Progress::Waiting { until: Millis(31_000) };
        for (outcome, disposition, expected) in [
            (&failed, Disposition::RetryAfter { seconds: 30 }, (waiting, 4)),
            (&failed, Disposition::GiveUp, (Progress::Ended, 5)),
            (&unsent, Disposition::GiveUp, (Progress::Ended, 0)),
            (&failed, Disposition::Delivered, (Progress::Ended, 0)),
        ] {
            let number = AttemptNumber { sequence: 1, attempt: 1 };
            let attempt = Attempt { number, started_at: Millis(0), duration_ms: 0, outcome: outcome.clone() };
            let ended = EndedAttempt::in_turn(attempt, disposition, 4, Millis(1000));
            assert_eq!((ended.progress, ended.given_up), expected, "{disposition:?}");
        }
    }
}
