//! Trials: a filter and a URL evaluated on an event of the caller, before a webhook is created.

use hookrail_domain::platform::{EventType, Scope};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::json;
use crate::platform_webhook::{find_kind, parse_url};
use crate::problem::FieldProblem;
use crate::reader::{Reader, parse_object};

/// A trial: filter, URL and event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    pub kind: EventType,
    /// Blank for every event.
    pub filter: String,
    pub url: Option<String>,
    /// The event's JSON.
    pub event: String,
}

/// The reason why a script has no result for the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: String,
    pub message: String,
}

/// Reads the body of a trial. Types of the space are accepted.
pub fn parse(bytes: &[u8]) -> Result<Trial, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let kind = reader.required("type", |text| find_kind(text, Scope::Space));
    let filter = reader.optional_or_null("filter", |text| Ok::<_, FieldProblem>(text.to_owned()));
    let url = reader.optional_or_null("url", parse_url);
    let event = match reader.value("event") {
        None | Some(Value::Null) => {
            reader.refuse("event", "is missing");
            None
        }
        Some(event @ Value::Object(_)) => Some(event.to_string()),
        Some(_) => {
            reader.refuse("event", "must be an object: the event as it is pushed");
            None
        }
    };
    let problems = reader.close(&[]);
    match (kind, event) {
        (Some(kind), Some(event)) if problems.is_empty() => {
            Ok(Trial { kind, filter: filter.unwrap_or_default(), url, event })
        }
        _ => Err(problems),
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformTrial)]
pub(crate) struct Document<'a> {
    /// The result of the filter: whether the webhook matches the event.
    filter: TriedFilter<'a>,
    /// The URL that the event is sent to. Absent if no URL was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<TriedUrl<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformTriedFilter)]
#[serde(untagged)]
pub(crate) enum TriedFilter<'a> {
    Result(bool),
    Failed(FailureDocument<'a>),
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformTriedUrl)]
#[serde(untagged)]
pub(crate) enum TriedUrl<'a> {
    Result(&'a str),
    Failed(FailureDocument<'a>),
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformTrialFailure)]
pub(crate) struct FailureDocument<'a> {
    /// The error and its position in the script.
    error: &'a str,
    /// The kind of failure, for programs. It never changes.
    code: &'a str,
}

/// Renders the outcome of a trial: whether the webhook matches the event, and the URL if one was given.
#[must_use]
pub fn render(filter: Result<bool, &Failure>, url: Option<Result<&str, &Failure>>) -> Vec<u8> {
    let filter = filter.map_or_else(|failure| TriedFilter::Failed(failed(failure)), TriedFilter::Result);
    let url = url.map(|url| url.map_or_else(|failure| TriedUrl::Failed(failed(failure)), TriedUrl::Result));
    json::render(&Document { filter, url })
}

fn failed(failure: &Failure) -> FailureDocument<'_> {
    FailureDocument { error: &failure.message, code: &failure.code }
}
