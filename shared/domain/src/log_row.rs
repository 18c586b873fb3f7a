//! A row of the delivery log: one attempt, with everything needed to explain it and to go on after it.

use crate::attempt::Attempt;
use crate::delivery::{Delivery, Destination, QueuePosition};
use crate::event::Body;
use crate::id::{CompanyId, DeliveryId, EventId, SubscriptionId};
use crate::line::{LastRow, Progress};
use crate::subscription::Subscription;
use crate::time::Millis;

/// The invocation that wrote a row, so that it can tell its own row from another's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunId(pub String);

/// One attempt as it is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    pub company: CompanyId,
    pub subscription: SubscriptionId,
    pub delivery: DeliveryId,
    pub event: EventId,
    pub accepted: QueuePosition,
    pub queued: QueuePosition,
    pub attempt: Attempt,
    pub progress: Progress,
    /// Deliveries given up in a row, this one included; what a line is suspended by.
    pub given_up: u32,
    /// The URL and the webhook's version at this attempt.
    pub url: String,
    pub version: u64,
    pub run: RunId,
    /// Whether a person asked for it, after its event had ended.
    pub is_replay: bool,
    /// The exact body sent. Stored with the event's first row only; a list fills it in for the others.
    pub body: Option<Body>,
    pub expires_at: Option<Millis>,
}

impl LogRow {
    /// What this row says about its webhook's line.
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

    /// The row of this attempt at `delivery`.
    #[must_use]
    pub fn of(
        (delivery, queued): (&Delivery, &QueuePosition),
        (attempt, progress, given_up): (Attempt, Progress, u32),
        webhook: Option<&Subscription>,
        run: &RunId,
        expires_at: Option<Millis>,
    ) -> Self {
        Self {
            company: delivery.company.clone(),
            subscription: delivery.subscription,
            delivery: delivery.id,
            event: delivery.event,
            accepted: delivery.accepted.clone(),
            queued: queued.clone(),
            body: (attempt.number.attempt == 1).then(|| delivery.body.clone()),
            attempt,
            progress,
            given_up,
            url: address(webhook, &delivery.destination),
            version: webhook.map_or(0, |webhook| webhook.version),
            run: run.clone(),
            is_replay: false,
            expires_at,
        }
    }
}

/// The URL that a log shows for a delivery: none of a webhook that is gone, nor of an event that has none.
#[must_use]
pub fn address(webhook: Option<&Subscription>, destination: &Destination) -> String {
    let target = webhook.and_then(|webhook| webhook.target(destination).ok());
    target.map(|url| url.as_str().to_owned()).unwrap_or_default()
}
