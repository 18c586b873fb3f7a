//! A test of a webhook: one request outside the order of events, and the answer at once.

use hookrail_domain::attempt::{ErrorClass, Outcome};
use hookrail_domain::event::Body;
use hookrail_domain::id::CompanyId;
use hookrail_domain::subscription::Subscription;
use hookrail_domain::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::problem::FieldProblem;
use crate::reader::not_an_object;
use crate::timestamp;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call<'a> {
    #[serde(borrow)]
    event: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Example<'a> {
    company: &'a str,
    #[serde(rename = "type")]
    subject: &'static str,
    event: &'static str,
    created_at: String,
    data: Empty,
    test: bool,
}

#[derive(Serialize)]
struct Empty {}

/// The body to send: the event that the call brings, byte for byte, or else an empty one of the webhook's trigger.
pub fn parse(bytes: &[u8], webhook: &Subscription, now: Millis) -> Result<Body, FieldProblem> {
    let call: Call<'_> = if bytes.is_empty() {
        Call { event: None }
    } else {
        serde_json::from_slice(bytes).map_err(|error| match error.is_data() {
            true => FieldProblem::new("", "the body must be a JSON object with nothing but an event"),
            false => not_an_object(&error),
        })?
    };
    let text = match call.event {
        Some(event) if event.get().starts_with('{') => event.get().to_owned(),
        Some(_) => return Err(FieldProblem::new("event", "must be a JSON object")),
        None => example(&webhook.company, webhook, now),
    };
    Body::new(text).map_err(|error| FieldProblem::new("event", error))
}

fn example(company: &CompanyId, webhook: &Subscription, now: Millis) -> String {
    let kind = webhook.trigger.kind();
    let example = Example {
        company: company.as_str(),
        subject: kind.subject,
        event: kind.actions.first().copied().unwrap_or_default(),
        created_at: timestamp::render(now),
        data: Empty {},
        test: true,
    };
    serde_json::to_string(&example).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    /// `SUCCESS` or `FAILED`.
    result: &'static str,
    status: u16,
    error: Option<&'static str>,
    response: &'a str,
    response_truncated: bool,
    duration_ms: u64,
    url: &'a str,
    webhook_id: &'a str,
    event: Option<&'a RawValue>,
    test: bool,
}

/// What became of a test.
#[must_use]
pub fn render(outcome: &Outcome, duration_ms: u64, (url, webhook_id, body): (&str, &str, &Body)) -> Vec<u8> {
    let document = Document {
        result: if outcome.is_success() { "SUCCESS" } else { "FAILED" },
        status: outcome.status(),
        error: outcome.error().map(ErrorClass::name),
        response: outcome.response(),
        response_truncated: matches!(outcome, Outcome::Answered { response, .. } if response.truncated),
        duration_ms,
        url,
        webhook_id,
        event: serde_json::from_str(body.as_str()).ok(),
        test: true,
    };
    serde_json::to_vec(&document).unwrap_or_default()
}
