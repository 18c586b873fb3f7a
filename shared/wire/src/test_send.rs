//! A test of a webhook: one request outside the order of events, and the answer at once.

use std::collections::BTreeMap;

use hookrail_domain::attempt::{ErrorClass, Outcome};
use hookrail_domain::event::Body;
use hookrail_domain::id::CompanyId;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::target::{TargetPolicy, TargetUrl};
use hookrail_domain::test_row::TestRow;
use hookrail_domain::time::Millis;
use hookrail_domain::trigger::TriggerType;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::cot_webhook::find_trigger;
use crate::problem::FieldProblem;
use crate::reader::{Reader, not_an_object};
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
pub fn parse(
    bytes: &[u8],
    (company, kind): (&CompanyId, &TriggerType),
    now: Millis,
) -> Result<Body, FieldProblem> {
    let call: Call<'_> = if bytes.is_empty() {
        Call { event: None }
    } else {
        serde_json::from_slice(bytes).map_err(|error| match error.is_data() {
            true => FieldProblem::new("", "the body must be a JSON object with nothing but an event"),
            false => not_an_object(&error),
        })?
    };
    body(call.event, || example(company, kind, now))
}

/// A test of a URL that no webhook has yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BareTest {
    pub url: TargetUrl,
    pub body: Body,
}

/// Reads the body of a call for such a test.
pub fn parse_bare(
    bytes: &[u8],
    company: &CompanyId,
    policy: &TargetPolicy,
    now: Millis,
) -> Result<BareTest, Vec<FieldProblem>> {
    let fields: BTreeMap<String, &RawValue> =
        serde_json::from_slice(bytes).map_err(|error| vec![not_an_object(&error)])?;
    // The event is left as it is written; everything else is read as in any other call.
    let read =
        |(name, value): (&String, &&RawValue)| Some((name.clone(), serde_json::from_str(value.get()).ok()?));
    let plain: Map<String, Value> =
        fields.iter().filter(|(name, _)| *name != "event").filter_map(read).collect();
    let mut reader = Reader::of(&plain);
    reader.only(&["url", "trigger"]);
    let url = reader.required("url", |text| TargetUrl::parse(text, policy));
    let kind = reader.required("trigger", find_trigger);
    let event = fields.get("event").copied().filter(|event| event.get() != "null");
    let body = body(event, || kind.map(|kind| example(company, kind, now)).unwrap_or_default());
    let mut problems = reader.problems;
    match (url, body) {
        (Some(url), Ok(body)) if problems.is_empty() => Ok(BareTest { url, body }),
        (_, body) => {
            problems.extend(body.err());
            Err(problems)
        }
    }
}

fn body(event: Option<&RawValue>, example: impl FnOnce() -> String) -> Result<Body, FieldProblem> {
    let text = match event {
        Some(event) if event.get().starts_with('{') => event.get().to_owned(),
        Some(_) => return Err(FieldProblem::new("event", "must be a JSON object")),
        None => example(),
    };
    Body::new(text).map_err(|error| FieldProblem::new("event", error))
}

fn example(company: &CompanyId, kind: &TriggerType, now: Millis) -> String {
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

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TestSend)]
pub(crate) struct Document<'a> {
    created_at: String,
    /// `SUCCESS` or `FAILED`.
    result: &'static str,
    status: u16,
    error: Option<&'static str>,
    response: &'a str,
    response_truncated: bool,
    duration_ms: u64,
    url: &'a str,
    webhook_id: String,
    #[schema(value_type = Option<Object>)]
    event: Option<&'a RawValue>,
    test: bool,
    /// Of a test that made one for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

/// What became of a test.
#[must_use]
pub fn render(row: &TestRow) -> Vec<u8> {
    serde_json::to_vec(&document(row, None)).unwrap_or_default()
}

/// What became of a test that was signed with a secret of its own, which nobody else will ever know.
#[must_use]
pub fn render_bare(row: &TestRow, secret: &SigningSecret) -> Vec<u8> {
    serde_json::to_vec(&document(row, Some(&secret.reveal()))).unwrap_or_default()
}

/// Several tests as the API lists them: a bare array.
#[must_use]
pub fn render_list(rows: &[TestRow]) -> Vec<u8> {
    let documents: Vec<_> = rows.iter().map(|row| document(row, None)).collect();
    serde_json::to_vec(&documents).unwrap_or_default()
}

fn document<'a>(row: &'a TestRow, secret: Option<&'a str>) -> Document<'a> {
    let outcome = &row.outcome;
    Document {
        created_at: timestamp::render(row.place.at),
        result: if outcome.is_success() { "SUCCESS" } else { "FAILED" },
        status: outcome.status(),
        error: outcome.error().map(ErrorClass::name),
        response: outcome.response(),
        response_truncated: matches!(outcome, Outcome::Answered { response, .. } if response.truncated),
        duration_ms: row.duration_ms,
        url: &row.url,
        webhook_id: row.webhook_id(),
        event: serde_json::from_str(row.body.as_str()).ok(),
        test: true,
        secret,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> Result<BareTest, Vec<FieldProblem>> {
        let company = CompanyId::parse("acme").unwrap();
        parse_bare(text.as_bytes(), &company, &TargetPolicy::default(), Millis(0))
    }

    #[track_caller]
    fn refuses(text: &str, fields: &[&str]) {
        let problems = bare(text).unwrap_err();
        let named: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(named, fields, "{text}");
    }

    #[test]
    fn a_bare_test_is_of_a_url_and_a_trigger_and_brings_its_event_as_it_is() {
        let text = r#"{"url":"https://a.io/x","trigger":"logout-user","event": { "n" : 1.50 } }"#;
        let test = bare(text).unwrap();
        assert_eq!((test.url.as_str(), test.body.as_str()), ("https://a.io/x", r#"{ "n" : 1.50 }"#));
        let example = bare(r#"{"url":"https://a.io/x","trigger":"logout-user","event":null}"#).unwrap();
        assert!(example.body.as_str().starts_with(r#"{"company":"acme","type":"Auth","event":"logout""#));
    }

    #[test]
    fn every_bad_field_of_a_bare_test_is_named() {
        refuses("", &[""]);
        refuses("[]", &[""]);
        refuses("{}", &["url", "trigger"]);
        refuses(
            r#"{"url":"http://127.0.0.1","trigger":"x","event":1,"Event":{}}"#,
            &["Event", "url", "trigger", "event"],
        );
        refuses(r#"{"url":7,"trigger":"logout-user"}"#, &["url"]);
    }
}
