//! Scripted receivers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hookrail_domain::attempt::{ErrorClass, Outcome, ResponseText};
use hookrail_domain::request::DeliveryRequest;
use hookrail_domain::target::TargetUrl;
use hookrail_pipeline::sender::{Sender, Vetted};

/// A sender with the outcomes of a script in turn, then with 200 for ever.
/// Any URL is allowed unless the script says otherwise. Clones share the script.
#[derive(Debug, Clone, Default)]
pub struct ScriptedSender(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    outcomes: Vec<Outcome>,
    requests: Vec<DeliveryRequest>,
    verdicts: Vec<(TargetUrl, Vetted)>,
}

impl ScriptedSender {
    /// Makes a sender with these outcomes first.
    #[must_use]
    pub fn with(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let mut outcomes: Vec<_> = outcomes.into_iter().collect();
        outcomes.reverse();
        Self(Arc::new(Mutex::new(Script { outcomes, ..Script::default() })))
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds this outcome after everything else of the script.
    pub fn then(&self, outcome: Outcome) {
        self.script().outcomes.insert(0, outcome);
    }

    /// Sets the verdict on the URL from now on.
    pub fn judge(&self, url: &TargetUrl, verdict: Vetted) {
        self.script().verdicts.insert(0, (url.clone(), verdict));
    }

    /// Returns every request received, in order.
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

    async fn vet(&self, url: &TargetUrl) -> Vetted {
        let script = self.script();
        let said = script.verdicts.iter().find(|(judged, _)| judged == url);
        said.map_or(Vetted::Allowed, |(_, verdict)| *verdict)
    }
}

/// Makes a response of this status.
#[must_use]
pub fn answer(status: u16) -> Outcome {
    let response = ResponseText { text: format!("status {status}"), truncated: false };
    Outcome::Responded { status, response, retry_after_seconds: None }
}

/// Makes the outcome of a request without a response in time.
#[must_use]
pub fn timeout() -> Outcome {
    Outcome::NoResponse { error: ErrorClass::Timeout, reason: "no complete response within 10 s".to_owned() }
}
