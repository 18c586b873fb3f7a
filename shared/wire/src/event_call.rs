//! `POST /api/v3/event`: the events of a call, each as the exact bytes sent, and the response.

use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, EventId};
use hookrail_domain::limits::EVENTS_PER_CALL_MAX;
use hookrail_domain::token::Owner;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::cot_event;
use crate::json;
use crate::problem::{FieldProblem, Problem};

/// An event that may be queued. It has no id yet: that follows from the name the queue gives its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub company: CompanyId,
    pub body: Body,
}

/// The reasons why a call is refused: every bad event and field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidCall {
    pub problems: Vec<FieldProblem>,
    /// At least one event is larger than `EVENT_BYTES_MAX`.
    pub is_too_large: bool,
}

impl InvalidCall {
    fn new(field: &str, reason: impl std::fmt::Display) -> Self {
        Self { problems: vec![FieldProblem::new(field, reason)], is_too_large: false }
    }
}

/// Reads one event, or an array of them, pushed by `holder`.
///
/// A single event is the whole text as it was received, an array's element the exact slice between its commas.
pub fn parse(bytes: &[u8], owner: &Owner) -> Result<Vec<NewEvent>, InvalidCall> {
    let text = text_of(bytes)?;
    if text.trim_start().starts_with('[') {
        parse_array(text, owner)
    } else {
        parse_event(text, owner).map(|event| vec![event]).map_err(of_whole_body)
    }
}

/// Reads one event and no array.
pub fn parse_one(bytes: &[u8], owner: &Owner) -> Result<NewEvent, InvalidCall> {
    let text = text_of(bytes)?;
    parse_event(text, owner).map_err(of_whole_body)
}

/// Byte sequences at the start of a body that say what it is instead of JSON in UTF-8.
const MAGIC: [(&[u8], &str); 5] = [
    (b"\xEF\xBB\xBF", "the body begins with a byte order mark (BOM); send UTF-8 without it"),
    (b"\xFF\xFE", "the body is UTF-16; send UTF-8"),
    (b"\xFE\xFF", "the body is UTF-16; send UTF-8"),
    (b"\x1F\x8B", "the body is compressed with gzip; send it uncompressed"),
    (b"\x28\xB5\x2F\xFD", "the body is compressed with zstd; send it uncompressed"),
];

fn text_of(bytes: &[u8]) -> Result<&str, InvalidCall> {
    if let Some((_, reason)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(InvalidCall::new("", reason));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        InvalidCall::new("", format!("the body is not UTF-8 (byte {})", error.valid_up_to()))
    })
}

fn parse_array(text: &str, owner: &Owner) -> Result<Vec<NewEvent>, InvalidCall> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        InvalidCall::new("", format!("the body is not JSON (line {line}, column {column})"))
    })?;
    if elements.is_empty() {
        return Err(InvalidCall::new("", "the body holds no event"));
    }
    if EVENTS_PER_CALL_MAX < elements.len() {
        let reason = format!("the body holds more than {EVENTS_PER_CALL_MAX} events");
        return Err(InvalidCall::new("", reason));
    }
    let mut events = Vec::with_capacity(elements.len());
    let mut invalid = InvalidCall { problems: Vec::new(), is_too_large: false };
    for (index, element) in elements.into_iter().enumerate() {
        match parse_event(element.get(), owner) {
            Ok(event) => events.push(event),
            Err(refused) => {
                let place = format!("[{index}]");
                invalid.is_too_large |= refused.is_too_large;
                invalid.problems.extend(refused.problems.into_iter().map(|problem| problem.within(&place)));
            }
        }
    }
    if invalid.problems.is_empty() { Ok(events) } else { Err(invalid) }
}

/// A problem of a single event as a whole has no field to name; its reason says what is meant.
fn of_whole_body(mut invalid: InvalidCall) -> InvalidCall {
    for problem in invalid.problems.iter_mut().filter(|problem| problem.field.is_empty()) {
        problem.reason.insert_str(0, "the event ");
    }
    invalid
}

fn parse_event(text: &str, owner: &Owner) -> Result<NewEvent, InvalidCall> {
    let body = Body::new(text)
        .map_err(|too_large| InvalidCall { is_too_large: true, ..InvalidCall::new("", too_large) })?;
    // What can be sent does not depend on the id, which only the queue can give.
    let unnamed = EventId::from_bytes([0; 12]);
    let own = match owner {
        Owner::Company(company) => Some(company),
        Owner::Operator => None,
    };
    let event = cot_event::parse(&body, unnamed, own)
        .map_err(|error| InvalidCall { problems: vec![error.problem()], is_too_large: false })?;
    if event.cot().is_some_and(|(kind, _)| kind.is_operational()) {
        return Err(InvalidCall::new("type", "is made by the service itself"));
    }
    match owner {
        Owner::Company(company) if *company != event.company => {
            Err(InvalidCall::new("company", format!("must be {company}, the company of the token")))
        }
        Owner::Company(_) | Owner::Operator => Ok(NewEvent { company: event.company, body }),
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AcceptedEvents)]
pub(crate) struct Document<'a> {
    idempotency_key: &'a str,
    events: Vec<Accepted>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AcceptedEvent)]
pub(crate) struct Accepted {
    id: String,
}

#[derive(Serialize)]
struct Interrupted<'a> {
    #[serde(flatten)]
    problem: &'a Problem,
    #[serde(flatten)]
    accepted: Document<'a>,
}

/// Renders the response to a call whose events were all accepted: their ids in the call's order.
#[must_use]
pub fn render_accepted(key: &str, accepted: &[EventId]) -> String {
    json::text(&document(key, accepted))
}

/// Renders the response to an interrupted call: the problem, and the ids of the events accepted before it.
#[must_use]
pub fn render_interrupted(problem: &Problem, key: &str, accepted: &[EventId]) -> Vec<u8> {
    json::render(&Interrupted { problem, accepted: document(key, accepted) })
}

fn document<'a>(key: &'a str, accepted: &[EventId]) -> Document<'a> {
    let events = accepted.iter().map(|id| Accepted { id: id.to_string() }).collect();
    Document { idempotency_key: key, events }
}

#[cfg(test)]
mod tests {
    use hookrail_domain::limits::EVENT_BYTES_MAX;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn acme() -> Owner {
        Owner::Company(CompanyId::parse("acme").unwrap())
    }

    fn event(company: &str) -> String {
        format!(r#"{{"company":"{company}","type":"COTTask","event":"create"}}"#)
    }

    fn bodies(text: &str) -> Vec<String> {
        let events = parse(text.as_bytes(), &acme()).unwrap();
        events.into_iter().map(|event| event.body.as_str().to_owned()).collect()
    }

    #[track_caller]
    fn refused(text: &str, expected: &[(&str, &str)]) {
        let invalid = parse(text.as_bytes(), &acme()).unwrap_err();
        let problems: Vec<_> = invalid
            .problems
            .iter()
            .map(|problem| (problem.field.as_str(), problem.reason.as_str()))
            .collect();
        assert_eq!((problems, invalid.is_too_large), (expected.to_vec(), false), "{text}");
    }

    #[test]
    fn rejects_pushed_operational_events() {
        let text = r#"{"company":"acme","type":"HookrailWebhook","event":"webhook.suspended","data":{}}"#;
        let refused = parse(text.as_bytes(), &Owner::Operator).unwrap_err();
        assert_eq!(refused.problems.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(), ["type"]);
    }

    #[test]
    fn a_single_event_keeps_every_byte_of_the_body() {
        let text = format!("\r\n\t {} \n", event("\\u0061cme").replace(',', " ,\n  "));
        assert_eq!(bodies(&text), [text]);
    }

    #[test]
    fn events_of_an_array_keep_every_byte() {
        let odd =
            r#"{ "company" : "acme","type":"COTTask" ,  "event":"create","n":1.50e+01,"s":"\u00e9\/" }"#;
        let text = format!(" [ {odd}\n,{} ]\n", event("acme"));
        assert_eq!(bodies(&text), [odd.to_owned(), event("acme")]);
    }

    #[test]
    fn rejects_a_body_without_events() {
        refused("", &[("", "the event is not JSON (line 1, column 0)")]);
        refused("7", &[("", "the event must be a JSON object")]);
        refused("[", &[("", "the body is not JSON (line 1, column 1)")]);
        refused("[{}] x", &[("", "the body is not JSON (line 1, column 6)")]);
        refused(" []", &[("", "the body holds no event")]);
        let problems = parse(b"{\"company\":\"\xff\"}", &acme()).unwrap_err().problems;
        assert_eq!(problems, [FieldProblem::new("", "the body is not UTF-8 (byte 12)")]);
        for (body, reason) in [
            (&b"\xEF\xBB\xBF{}"[..], "the body begins with a byte order mark (BOM); send UTF-8 without it"),
            (b"\xFF\xFE{\0}\0", "the body is UTF-16; send UTF-8"),
            (b"\x1F\x8B\x08\0", "the body is compressed with gzip; send it uncompressed"),
        ] {
            assert_eq!(parse(body, &acme()).unwrap_err().problems, [FieldProblem::new("", reason)]);
        }
    }

    #[test]
    fn accepts_at_most_100_events() {
        let events = |count| format!("[{}]", vec![event("acme"); count].join(","));
        assert_eq!(bodies(&events(100)).len(), 100);
        refused(&events(101), &[("", "the body holds more than 100 events")]);
    }

    #[test]
    fn names_every_bad_event_by_its_index() {
        let text = format!(r#"[{}, 7, {{"company":"acme"}}, {}]"#, event("acme"), event("other"));
        refused(
            &text,
            &[
                ("[1]", "must be a JSON object"),
                ("[2].type", "is missing"),
                ("[3].company", "must be acme, the company of the token"),
            ],
        );
        refused(&event("other"), &[("company", "must be acme, the company of the token")]);
    }

    #[test]
    fn an_operator_may_push_for_any_company() {
        let text = format!("[{},{}]", event("acme"), event("other"));
        let events = parse(text.as_bytes(), &Owner::Operator).unwrap();
        assert_eq!(events.iter().map(|event| event.company.as_str()).collect::<Vec<_>>(), ["acme", "other"]);
    }

    #[test]
    fn accepts_the_largest_event_and_rejects_one_byte_more() {
        let sized = |bytes: usize| {
            let event = event("acme");
            format!("{event}{}", " ".repeat(bytes - event.len()))
        };
        assert_eq!(bodies(&sized(EVENT_BYTES_MAX)).len(), 1);
        let invalid = parse(sized(EVENT_BYTES_MAX + 1).as_bytes(), &acme()).unwrap_err();
        assert_eq!(invalid.problems, [FieldProblem::new("", "the event is larger than 262144 bytes")]);
        assert!(invalid.is_too_large);
        let large = format!(r#"{{"pad":"{}"}}"#, "x".repeat(EVENT_BYTES_MAX));
        let invalid = parse(format!("[7,{large}]").as_bytes(), &acme()).unwrap_err();
        let fields: Vec<_> = invalid.problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!((fields, invalid.is_too_large), (vec!["[0]", "[1]"], true));
    }

    #[test]
    fn responses_name_the_key_and_the_accepted_events_in_order() {
        let ids = [EventId::from_bytes([1; 12]), EventId::from_bytes([2; 12])];
        assert_eq!(
            render_accepted("k", &ids),
            "{\"idempotencyKey\":\"k\",\"events\":[{\"id\":\"010101010101010101010101\"},\
             {\"id\":\"020202020202020202020202\"}]}"
        );
        let problem = Problem::new(503, "Service Unavailable", "broke off");
        assert_eq!(
            String::from_utf8(render_interrupted(&problem, "k", &ids[..1])).unwrap(),
            "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"detail\":\"broke off\",\
             \"idempotencyKey\":\"k\",\"events\":[{\"id\":\"010101010101010101010101\"}]}"
        );
    }

    proptest! {
        #[test]
        fn array_elements_are_unchanged_with_any_whitespace_between(
            elements in vec(("[ \\t\\r\\n]{0,3}", "[ \\t\\r\\n]{0,3}", "[ -~é日😀]{0,20}"), 1..8),
        ) {
            let element = |text: &String| {
                let text = serde_json::to_string(text).unwrap();
                format!(r#"{{"x": {text},"company":"acme" ,"type":"COTTask","event":"edit"}}"#)
            };
            let texts: Vec<_> = elements
                .iter()
                .map(|(before, after, text)| format!("{before}{}{after}", element(text)))
                .collect();
            let call = format!("[{}]", texts.join(","));
            let expected: Vec<_> = elements.iter().map(|(_, _, text)| element(text)).collect();
            prop_assert_eq!(bodies(&call), expected);
        }
    }
}
