//! Tests of a webhook: one request outside the queue, with its response.

use std::collections::BTreeMap;

use hookrail_domain::attempt::{ErrorClass, Outcome};
use hookrail_domain::event::Body;
use hookrail_domain::id::CompanyId;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::target::{TargetPolicy, TargetUrl};
use hookrail_domain::test_row::TestRow;
use hookrail_domain::time::Millis;
use hookrail_domain::trigger::TriggerType;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::cot_webhook::find_trigger;
use crate::json;
use crate::problem::FieldProblem;
use crate::reader::{Reader, not_an_object};
use crate::timestamp;

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
) -> Result<Body, Vec<FieldProblem>> {
    let call = Fields::of(if bytes.is_empty() { b"{}" } else { bytes })?;
    let body = body(call.event, || example(company, kind, now));
    let problems = Reader::of(&call.plain).close(&[]);
    match body {
        Ok(body) if problems.is_empty() => Ok(body),
        body => Err(body.err().into_iter().chain(problems).collect()),
    }
}

/// The fields of a call. Its event stays as it is written; everything else is read as in any other call.
struct Fields<'a> {
    event: Option<&'a RawValue>,
    plain: Map<String, Value>,
}

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, Vec<FieldProblem>> {
        let mut fields: BTreeMap<String, &'a RawValue> =
            serde_json::from_slice(bytes).map_err(|error| vec![not_an_object(&error)])?;
        let event = fields.remove("event").filter(|event| event.get() != "null");
        let read = |(name, value): (String, &RawValue)| Some((name, serde_json::from_str(value.get()).ok()?));
        Ok(Self { event, plain: fields.into_iter().filter_map(read).collect() })
    }
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
    let call = Fields::of(bytes)?;
    let mut reader = Reader::of(&call.plain);
    let url = reader.required("url", |text| TargetUrl::parse(text, policy));
    let kind = reader.required("trigger", find_trigger);
    reader.suggest("event".to_owned());
    let body = body(call.event, || kind.map(|kind| example(company, kind, now)).unwrap_or_default());
    let mut problems = reader.close(&[]);
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
    json::text(&example)
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

/// Renders the outcome of a test.
#[must_use]
pub fn render(row: &TestRow) -> Vec<u8> {
    json::render(&document(row, None))
}

/// Renders the outcome of a test that was signed with its own secret, which is shown here only.
#[must_use]
pub fn render_bare(row: &TestRow, secret: &SigningSecret) -> Vec<u8> {
    json::render(&document(row, Some(&secret.reveal())))
}

/// Several tests as the API lists them: a bare array.
#[must_use]
pub fn render_list(rows: &[TestRow]) -> Vec<u8> {
    let documents: Vec<_> = rows.iter().map(|row| document(row, None)).collect();
    json::render(&documents)
}

fn document<'a>(row: &'a TestRow, secret: Option<&'a str>) -> Document<'a> {
    let outcome = &row.outcome;
    Document {
        created_at: timestamp::render(row.place.at),
        result: if outcome.is_success() { "SUCCESS" } else { "FAILED" },
        status: outcome.status(),
        error: outcome.error().map(ErrorClass::name),
        response: outcome.response(),
        response_truncated: matches!(outcome, Outcome::Responded { response, .. } if response.truncated),
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
    fn a_test_before_saving_has_a_url_a_trigger_and_an_unchanged_event() {
        let text = r#"{"url":"https://a.io/x","trigger":"logout-user","event": { "n" : 1.50 } }"#;
        let test = bare(text).unwrap();
        assert_eq!((test.url.as_str(), test.body.as_str()), ("https://a.io/x", r#"{ "n" : 1.50 }"#));
        let example = bare(r#"{"url":"https://a.io/x","trigger":"logout-user","event":null}"#).unwrap();
        assert!(example.body.as_str().starts_with(r#"{"company":"acme","type":"Auth","event":"logout""#));
    }

    #[test]
    fn names_every_bad_field_of_a_test_before_saving() {
        refuses("", &[""]);
        refuses("[]", &[""]);
        refuses("{}", &["url", "trigger"]);
        refuses(
            r#"{"url":"http://127.0.0.1","trigger":"x","event":1,"Event":{}}"#,
            &["url", "trigger", "Event", "event"],
        );
        refuses(r#"{"url":7,"trigger":"logout-user"}"#, &["url"]);
    }
}
