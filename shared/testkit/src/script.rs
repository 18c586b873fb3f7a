//! Receivers that answer as they are told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookrail_adapters::sender::Sender;
use hookrail_domain::attempt::{ErrorClass, Outcome, ResponseText};
use hookrail_domain::request::DeliveryRequest;

/// Answers with the outcomes of a script in turn, then with 200 for ever. Clones share the script.
#[derive(Debug, Clone, Default)]
pub struct ScriptedSender(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    outcomes: Vec<Outcome>,
    requests: Vec<DeliveryRequest>,
}

impl ScriptedSender {
    /// Answers with these first.
    #[must_use]
    pub fn with(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let mut outcomes: Vec<_> = outcomes.into_iter().collect();
        outcomes.reverse();
        Self(Arc::new(Mutex::new(Script { outcomes, requests: Vec::new() })))
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers with this after everything else of the script.
    pub fn then(&self, outcome: Outcome) {
        self.script().outcomes.insert(0, outcome);
    }

    /// Every request received, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<DeliveryRequest> {
        self.script().requests.clone()
    }
}

impl Sender for ScriptedSender {
    async fn send(&self, request: &DeliveryRequest) -> Outcome {
        let mut script = self.script();
        script.requests.push(request.clone());
        script.outcomes.pop().unwrap_or_else(|| answer(200))
    }
}

/// An answer of this status.
#[must_use]
pub fn answer(status: u16) -> Outcome {
    let response = ResponseText { text: format!("status {status}"), truncated: false };
    Outcome::Answered { status, response, retry_after_seconds: None }
}

/// No answer in time.
#[must_use]
pub fn timeout() -> Outcome {
    Outcome::NoAnswer { error: ErrorClass::Timeout, reason: "no complete answer within 10 s".to_owned() }
}
