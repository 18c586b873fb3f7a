//! Queues and outcomes for the tests.

use super::{HOLD, QueueState, Step, SuspensionPolicy};
use crate::attempt::{AttemptNumber, ErrorClass, Outcome, ResponseText};
use crate::backlog::{Backlog, HeadAttempt, Mode};
use crate::delivery::{QueueName, QueuePosition};
use crate::id::{CompanyId, DeliveryId, WebhookId};
use crate::progress::{LastRow, Progress};
use crate::retry::RetryPolicy;
use crate::secrets::Credentials;
use crate::target::TargetUrl;
use crate::time::Millis;
use crate::trigger::{Context, Trigger, TriggerType};
use crate::webhook::{Code, CotWebhook, Name, Webhook, WebhookKind};

pub(crate) const NOW: Millis = Millis(1_000_000);
pub(crate) const POLICY: SuspensionPolicy =
    SuspensionPolicy { suspend_after: 5, park_after_seconds: 900, retires_gone: true };
pub(crate) const HOLDING: SuspensionPolicy = SuspensionPolicy { suspend_after: HOLD, ..POLICY };

/// An active webhook at version 0.
pub(crate) fn sample_webhook() -> Webhook {
    let id = WebhookId::from_bytes([1; 12]);
    let kind = WebhookKind::Cot(CotWebhook {
        trigger: Trigger::new(TriggerType::find("logout-user").unwrap(), Context::default()).unwrap(),
        url: TargetUrl::parse_unchecked("https://a.io/").unwrap(),
        code: Code::parse("c").unwrap(),
    });
    let company = CompanyId::parse("acme").unwrap();
    Webhook::new(company, id, Name::parse("n").unwrap(), kind, Credentials::default())
}

pub(crate) fn answered(status: u16) -> Outcome {
    Outcome::Responded { status, response: ResponseText::default(), retry_after_seconds: None }
}

pub(crate) fn no_answer() -> Outcome {
    Outcome::NoResponse { error: ErrorClass::Timeout, reason: String::new() }
}

pub(crate) fn backlog(mode: Mode) -> QueueState {
    let backlog = Backlog { since: Millis(5), head_attempts: 0, ..Backlog::new(mode, 7, 11, NOW) };
    QueueState { sequence_floor: 3, generation: 1, wake: 1, backlog: Some(backlog), ..QueueState::default() }
}

pub(crate) fn last_row(sequence: u64, given_up: u32, progress: Progress) -> LastRow {
    let at = || QueuePosition { queue: QueueName::new("q"), number: 1 };
    LastRow {
        number: AttemptNumber { sequence, attempt: 3 },
        delivery: DeliveryId::from_bytes([1; 12]),
        queued: at(),
        accepted: at(),
        progress,
        given_up,
        status: 500,
        gone: None,
    }
}

/// Returns mode, next event, attempts at it, seconds until it is due.
pub(crate) fn short(state: &QueueState) -> (Mode, u64, u32, u64) {
    let backlog = state.backlog.as_ref().unwrap();
    (backlog.mode, backlog.next, backlog.head_attempts, backlog.due_at.since(NOW) / 1000)
}

#[track_caller]
pub(crate) fn after(state: &QueueState, outcome: &Outcome, policy: &SuspensionPolicy) -> Step {
    let (retry, suspension) = (RetryPolicy::default(), *policy);
    state.after_attempt(HeadAttempt { outcome, version: 4, retry, suspension, ended_at: NOW }).unwrap()
}
