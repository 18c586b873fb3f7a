//! A filter and a URL tried on an event that the caller brings, before a webhook is made of them.

use hookrail_domain::platform::{EventType, Scope};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::platform_webhook::{find_kind, parse_url};
use crate::problem::FieldProblem;
use crate::reader::{Reader, parse_object};

/// What is to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    pub kind: EventType,
    /// Blank for every event.
    pub filter: String,
    pub url: Option<String>,
    /// The event's JSON.
    pub event: String,
}

/// Why a script has no result for the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: String,
    pub message: String,
}

/// Reads the body of a trial. Of the type's name, a space's webhooks decide.
pub fn parse(bytes: &[u8]) -> Result<Trial, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let kind = reader.required("type", |text| find_kind(text, Scope::Space));
    let filter = match fields.get("filter") {
        Some(Value::Null) => None,
        _ => reader.optional("filter", |text| Ok::<_, FieldProblem>(text.to_owned())),
    };
    let url = match fields.get("url") {
        Some(Value::Null) => None,
        _ => reader.optional("url", parse_url),
    };
    let event = match fields.get("event") {
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
    match (kind, event) {
        (Some(kind), Some(event)) if reader.problems.is_empty() => {
            Ok(Trial { kind, filter: filter.unwrap_or_default(), url, event })
        }
        _ => Err(reader.problems),
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformTrial)]
pub(crate) struct Document<'a> {
    /// Whether the webhook is for the event.
    filter: TriedFilter<'a>,
    /// Where the event goes; absent if no URL was given.
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
    /// What went wrong, and where in the text.
    error: &'a str,
    /// The kind of failure, for programs. It never changes.
    code: &'a str,
}

/// What came of a trial: whether the webhook is for the event, and where it goes, if that was asked.
#[must_use]
pub fn render(filter: Result<bool, &Failure>, url: Option<Result<&str, &Failure>>) -> Vec<u8> {
    let filter = filter.map_or_else(|failure| TriedFilter::Failed(failed(failure)), TriedFilter::Result);
    let url = url.map(|url| url.map_or_else(|failure| TriedUrl::Failed(failed(failure)), TriedUrl::Result));
    serde_json::to_vec(&Document { filter, url }).unwrap_or_default()
}

fn failed(failure: &Failure) -> FailureDocument<'_> {
    FailureDocument { error: &failure.message, code: &failure.code }
}
