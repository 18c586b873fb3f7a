//! One attempt: its time check, its request and its log line. Deliver and recover record it.

use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome};
use hookrail_domain::delivery::{Delivery, Destination, Unsendable};
use hookrail_domain::log_row::RunId;
use hookrail_domain::progress::Progress;
use hookrail_domain::request::{DeliveryRequest, Target, prepare};
use hookrail_domain::time::Millis;
use hookrail_domain::webhook::Webhook;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::sender::Sender;
use crate::store::jobs::{JobStart, JobStore};
use crate::store::{StoreError, WebhookKey, WebhookSnapshot};

/// Time that an attempt needs in addition to its own time-out, in milliseconds: for its row and its
/// hold.
pub const ATTEMPT_MS_MARGIN: u64 = 2_000;

/// One invocation: its name, by which it recognises its own rows, and its end.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub run: RunId,
    pub deadline: Millis,
}

/// An attempt to be made.
#[derive(Debug, Clone, Copy)]
pub struct NextAttempt<'a> {
    pub delivery: &'a Delivery,
    pub number: AttemptNumber,
    pub timeout_seconds: u64,
}

/// The request to send, or the reason why nothing is sent.
enum Prepared {
    Send(Box<DeliveryRequest>),
    Skip(Unsendable),
}

/// Returns whether an attempt that begins now ends before the invocation does.
#[must_use]
pub fn fits(invocation: &Invocation, now: Millis, timeout_seconds: u64) -> bool {
    timeout_seconds.saturating_mul(1000) + ATTEMPT_MS_MARGIN <= invocation.deadline.since(now)
}

/// Makes the request of an attempt, if there is one to make. After a fault nothing was sent.
pub async fn send(
    sender: &impl Sender,
    clock: &impl Clock,
    snapshot: &WebhookSnapshot,
    next: NextAttempt<'_>,
) -> Result<Attempt, Fault> {
    let started_at = clock.now();
    let outcome = match prepared(snapshot, next, started_at)? {
        Prepared::Send(request) => sender.send(&request).await,
        Prepared::Skip(Unsendable { class, reason }) => Outcome::Unsent { error: class, reason },
    };
    Ok(Attempt { number: next.number, started_at, duration_ms: clock.now().since(started_at), outcome })
}

/// Notifies the webhook job of the delivery, if it has one, that an attempt is about to be made, and
/// returns the URL that the job names.
/// A person may have cancelled the job or changed its URL.
pub async fn begin_job(
    store: &impl JobStore,
    webhook: Option<&Webhook>,
    delivery: &Delivery,
    sequence: u64,
) -> Result<Delivery, StoreError> {
    // It is not known whether a deleted webhook had jobs.
    if webhook.is_some_and(|webhook| webhook.platform().is_none()) {
        return Ok(delivery.clone());
    }
    let key = WebhookKey::of_delivery(delivery);
    let destination = match store.start_job(&key, delivery.id, sequence).await? {
        JobStart::Started { corrected: Some(url) } => Destination::Resolved(url),
        JobStart::Started { corrected: None } | JobStart::NoJob => return Ok(delivery.clone()),
        JobStart::Cancelled => {
            let reason = "cancelled before anything was sent".to_owned();
            Destination::Nowhere(Unsendable { class: ErrorClass::Cancelled, reason })
        }
    };
    Ok(Delivery { destination, ..delivery.clone() })
}

fn prepared(snapshot: &WebhookSnapshot, next: NextAttempt<'_>, at: Millis) -> Result<Prepared, Fault> {
    let NextAttempt { delivery, number, timeout_seconds } = next;
    let Some(webhook) = &snapshot.webhook else {
        return Ok(Prepared::Skip(disabled("the webhook does not exist")));
    };
    if !webhook.is_active {
        return Ok(Prepared::Skip(disabled("the webhook was deactivated")));
    }
    let secrets = snapshot.secrets.as_ref().ok_or(Fault::lasting("a webhook has no secrets"))?;
    let url = match webhook.target(&delivery.destination) {
        Ok(url) => url,
        Err(unsendable) => return Ok(Prepared::Skip(unsendable)),
    };
    prepare(delivery, number, Target { url, secrets }, at, timeout_seconds)
        .map(|request| Prepared::Send(Box::new(request)))
        .map_err(|error| Fault::lasting("a request could not be signed").caused_by(error))
}

fn disabled(reason: &str) -> Unsendable {
    Unsendable { class: ErrorClass::Disabled, reason: reason.to_owned() }
}

/// Logs the canonical line of an attempt. No body, no URL, no secret.
pub fn log_attempt(delivery: &Delivery, attempt: &Attempt, progress: Progress) {
    tracing::info!(
        delivery.id = %delivery.id,
        company.id = %delivery.company,
        webhook.id = %delivery.webhook,
        event.id = %delivery.event,
        delivery.sequence = attempt.number.sequence,
        attempt.number = attempt.number.attempt,
        attempt.status = attempt.outcome.status(),
        attempt.error = attempt.outcome.error().map(ErrorClass::name),
        attempt.duration_ms = attempt.duration_ms,
        progress = ?progress,
        "delivery.attempted"
    );
}
