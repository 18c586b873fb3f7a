//! `COTEvent` JSON: what producers push and receivers get.
//!
//! Parsed to match, never rendered: unknown fields pass through untouched in the body's bytes.

use std::borrow::Cow;
use std::collections::HashMap;

use hookrail_domain::event::{Body, Event, Subject};
use hookrail_domain::id::{CompanyId, ContextId, EventId};
use hookrail_domain::trigger::{Context, TriggerType, UnknownEvent};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event_json::{self, InvalidJson, Rule};
use crate::platform_event;
use crate::problem::FieldProblem;

/// The reason why a body is not an event. It may hold names of fields, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    #[error("is not JSON (line {line}, column {column})")]
    NotJson { line: usize, column: usize },
    #[error("begins with a byte order mark (BOM); send UTF-8 without it")]
    ByteOrderMark,
    #[error("{} {rule}", if path.is_empty() { "the event" } else { path.as_str() })]
    Refused { path: String, rule: Rule },
    #[error("must be a JSON object")]
    NotObject,
    #[error("names company, type, event, data or kapp twice")]
    FieldTwice,
    #[error("{field} {reason}")]
    Field { field: &'static str, reason: &'static str },
    #[error("type {0}")]
    UnknownSubject(UnknownEvent),
    #[error("event {0}")]
    UnknownAction(UnknownEvent),
    #[error("event.type {0}")]
    UnknownKind(UnknownEvent),
    #[error("event.action {0}")]
    UnknownRecordAction(UnknownEvent),
}

impl InvalidEvent {
    /// The problem with its field; the field of the whole event is empty.
    #[must_use]
    pub fn problem(&self) -> FieldProblem {
        match self {
            Self::NotJson { .. } | Self::ByteOrderMark | Self::NotObject | Self::FieldTwice => {
                FieldProblem::new("", self)
            }
            Self::Refused { path, rule } => FieldProblem::new(path, rule),
            Self::Field { field, reason } => FieldProblem::new(*field, reason),
            Self::UnknownSubject(unknown) => FieldProblem::new("type", unknown),
            Self::UnknownAction(unknown) => FieldProblem::new("event", unknown),
            Self::UnknownKind(unknown) => FieldProblem::new("event.type", unknown),
            Self::UnknownRecordAction(unknown) => FieldProblem::new("event.action", unknown),
        }
    }

    /// The reason in one word, as the dead-letter queue's messages carry it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotJson { .. } | Self::ByteOrderMark | Self::Refused { .. } | Self::NotObject => "not_json",
            Self::FieldTwice | Self::Field { .. } => "bad_field",
            Self::UnknownSubject(_)
            | Self::UnknownAction(_)
            | Self::UnknownKind(_)
            | Self::UnknownRecordAction(_) => "unknown_event",
        }
    }
}

impl From<InvalidJson> for InvalidEvent {
    fn from(invalid: InvalidJson) -> Self {
        match invalid {
            InvalidJson::Syntax { line, column } => Self::NotJson { line, column },
            InvalidJson::Refused { path, rule } => Self::Refused { path, rule },
        }
    }
}

/// The fields that matching reads. Everything else is checked to be JSON and ignored.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    company: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    subject: Option<&'a RawValue>,
    #[serde(borrow, rename = "event")]
    action: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    kapp: Option<&'a RawValue>,
}

/// Reads the fields that decide who gets the event. An event of a record need not name its company: it is `own`.
pub fn parse(body: &Body, id: EventId, own: Option<&CompanyId>) -> Result<Event, InvalidEvent> {
    let text = body.as_str();
    let fields = read_fields(text)?;
    if let Some(event) = fields.action.filter(|event| platform_event::is_record(event)) {
        let company = match (fields.company, own) {
            (None, Some(own)) => own.clone(),
            (named, _) => company(named)?,
        };
        let occurrence = platform_event::occurrence(event, fields.kapp)?;
        return Ok(Event { id, company, subject: Subject::Platform(occurrence), body: body.clone() });
    }
    let company = company(fields.company)?;
    let subject = text_field("type", fields.subject)?;
    let action = text_field("event", fields.action)?;
    let kind = TriggerType::of_event(&subject, &action).map_err(|unknown| match unknown {
        UnknownEvent::Subject => InvalidEvent::UnknownSubject(unknown),
        UnknownEvent::Action => InvalidEvent::UnknownAction(unknown),
    })?;
    let ids = context_ids(kind, fields.data)?;
    Ok(Event { id, company, subject: Subject::Cot { kind, ids }, body: body.clone() })
}

fn company(field: Option<&RawValue>) -> Result<CompanyId, InvalidEvent> {
    CompanyId::parse(&text_field("company", field)?)
        .map_err(|_same_rule_for_all| InvalidEvent::Field { field: "company", reason: "is not a company id" })
}

fn read_fields(text: &str) -> Result<Fields<'_>, InvalidEvent> {
    if text.starts_with('\u{FEFF}') {
        return Err(InvalidEvent::ByteOrderMark);
    }
    event_json::check(text)?;
    // An array would fill the fields by their places.
    if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
        return Err(InvalidEvent::NotObject);
    }
    // Each field takes any value: what an object can still have wrong is that it names one of them again.
    serde_json::from_str(text)
        .map_err(|error| if error.is_data() { InvalidEvent::FieldTwice } else { not_json(&error) })
}

fn text_field<'a>(field: &'static str, value: Option<&'a RawValue>) -> Result<Cow<'a, str>, InvalidEvent> {
    let value = value.ok_or(InvalidEvent::Field { field, reason: "is missing" })?;
    serde_json::from_str::<Text<'_>>(value.get())
        .map(|text| text.0)
        .map_err(|_any_other_type| InvalidEvent::Field { field, reason: "must be a string" })
}

/// Borrows a string that has no escapes; `Cow` alone would always copy.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn context_ids(kind: &TriggerType, data: Option<&RawValue>) -> Result<Context, InvalidEvent> {
    let mut ids = Context::default();
    let (false, Some(data)) = (kind.slots.is_empty(), data) else { return Ok(ids) };
    // `data` may be null; an event without the ids matches the webhooks that ask for none.
    if !data.get().starts_with('{') {
        return Ok(ids);
    }
    let fields: HashMap<Cow<'_, str>, &RawValue> =
        serde_json::from_str(data.get()).map_err(|error| not_json(&error))?;
    for rule in kind.slots {
        let Some(value) = fields.get(rule.field).filter(|value| value.get().starts_with('"')) else {
            continue;
        };
        let Text(text) = serde_json::from_str(value.get()).map_err(|error| not_json(&error))?;
        if let Ok(id) = ContextId::parse(&text) {
            ids.set(rule.slot, id);
        }
    }
    Ok(ids)
}

fn not_json(error: &serde_json::Error) -> InvalidEvent {
    InvalidEvent::NotJson { line: error.line(), column: error.column() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use hookrail_domain::id::KappSlug;
    use hookrail_domain::platform::EventType;
    use hookrail_domain::trigger::Slot;

    use super::*;

    fn read(text: &str) -> Result<Event, InvalidEvent> {
        parse(&Body::new(text).unwrap(), EventId::of_message("m"), None)
    }

    #[test]
    fn reads_company_trigger_and_workflow_of_the_published_task_event() {
        let text = include_str!("../fixtures/cot_event_task_create.json");
        let event = read(text).unwrap();
        assert_eq!(event.company.as_str(), "625bcbdcc9a8e3a86dbf041c");
        let (kind, ids) = event.cot().unwrap();
        assert_eq!(kind.name, "create-edit-delete-task");
        assert_eq!(ids.get(Slot::TaskGroup).unwrap().as_str(), "6261612a8f1e99002e5c8cce");
        assert_eq!(event.body.as_str(), text);
    }

    #[test]
    fn reads_the_other_published_events() {
        for (text, trigger) in [
            (include_str!("../fixtures/cot_event_logout.json"), "logout-user"),
            (include_str!("../fixtures/cot_event_user_edit.json"), "create-edit-delete-user"),
            (include_str!("../fixtures/cot_event_survey_create.json"), "create-edit-delete-survey"),
        ] {
            assert_eq!(read(text).unwrap().cot().unwrap().0.name, trigger);
        }
        let survey = read(include_str!("../fixtures/cot_event_survey_create.json")).unwrap();
        let (_, ids) = survey.cot().unwrap();
        assert_eq!(ids.get(Slot::Survey).unwrap().as_str(), "627acd7e58a77633efc55b69");
        assert_eq!(ids.get(Slot::Group).unwrap().as_str(), "627acd8437cc96869d805470");
    }

    #[test]
    fn a_published_platform_event_belongs_to_the_company_that_pushed_it() {
        let acme = CompanyId::parse("acme").unwrap();
        for (text, kind, action, kapp) in [
            (include_str!("../fixtures/kinetic_event_user_created.json"), EventType::User, "Created", None),
            (
                include_str!("../fixtures/kinetic_event_submission_submitted.json"),
                EventType::Submission,
                "Submitted",
                Some("services"),
            ),
        ] {
            let body = Body::new(text).unwrap();
            let event = parse(&body, EventId::of_message("m"), Some(&acme)).unwrap();
            let Subject::Platform(found) = event.subject else { panic!("{text}") };
            assert_eq!((found.kind, found.action, &event.company), (kind, action, &acme));
            assert_eq!(found.kapp.as_ref().map(KappSlug::as_str), kapp);
            assert_eq!(read(text).unwrap_err().problem().field, "company");
        }
    }

    #[test]
    fn reads_escaped_characters_in_fields() {
        let event = read(r#"{"company":"acm\u0065","type":"COTT\u0061sk","event":"create"}"#).unwrap();
        assert_eq!((event.company.as_str(), event.cot().unwrap().0.subject), ("acme", "COTTask"));
    }

    #[track_caller]
    fn refused(text: &str, expected: (&str, &str)) {
        let problem = read(text).unwrap_err().problem();
        assert_eq!((problem.field.as_str(), problem.reason.as_str()), expected, "{text}");
    }

    #[test]
    fn rejects_a_malformed_event_by_field() {
        refused("", ("", "is not JSON (line 1, column 0)"));
        refused("{\"company\":\"a\"", ("", "is not JSON (line 1, column 14)"));
        refused("[]", ("", "must be a JSON object"));
        refused("7", ("", "must be a JSON object"));
        refused(r#"["a","COTTask","create",null]"#, ("", "must be a JSON object"));
        refused("[", ("", "is not JSON (line 1, column 1)"));
        refused(
            r#"{"company":"a","type":"COTTask","event":"create","company":"b"}"#,
            ("", "names company, type, event, data or kapp twice"),
        );
        refused("{}", ("company", "is missing"));
        refused(r#"{"company":7,"type":"COTTask","event":"create"}"#, ("company", "must be a string"));
        refused(r#"{"company":"a b","type":"COTTask","event":"create"}"#, ("company", "is not a company id"));
        refused(r#"{"company":"a","event":"create"}"#, ("type", "is missing"));
        refused(r#"{"company":"a","type":"COTTask"}"#, ("event", "is missing"));
        refused(
            r#"{"company":"a","type":"COTPlanet","event":"create"}"#,
            ("type", "is not an event type of the trigger catalogue"),
        );
        refused(
            r#"{"company":"a","type":"Auth","event":"create"}"#,
            ("event", "is not an action of this event type"),
        );
        refused("\u{FEFF}{}", ("", "begins with a byte order mark (BOM); send UTF-8 without it"));
        refused("{\"a\":\"\u{FFFF}\"}", ("a", &Rule::Character.to_string()));
    }

    #[test]
    fn rejects_unreadable_json_by_its_path() {
        let task =
            |data: &str| format!(r#"{{"company":"a","type":"COTTask","event":"create","data":{data}}}"#);
        let name = "has a field name with half a surrogate pair, which is not Unicode text; send both halves or neither";
        refused(&task(r#"{"taskGroup":"g1","x\ud800":1}"#), ("data", name));
        refused(
            &task(&format!("{}{}", "[".repeat(100), "]".repeat(100))),
            ("data[0][0][0][0][0][0][0]…", "is nested more than 100 levels deep"),
        );
        let (record, range) = (
            r#"{"event":{"type":"Submission","action":"Submitted"},"values":{"n":[1,1e400]}}"#,
            "is a number beyond the range of a double (about 1.8e308); send it as a string",
        );
        refused(record, ("values.n[1]", range));
        refused(r#"{"\udc00":1}"#, ("", name));
    }

    #[test]
    fn accepts_data_of_any_shape() {
        for data in ["null", "7", "[]", "\"x\"", "{}", r#"{"taskGroup":7}"#, r#"{"taskGroup":null}"#] {
            let text = format!(r#"{{"company":"a","type":"COTTask","event":"create","data":{data}}}"#);
            assert_eq!(read(&text).unwrap().cot().unwrap().1, &Context::default(), "{data}");
        }
    }

    proptest! {
        #[test]
        fn reads_known_fields_among_any_other_content(
            company in "[A-Za-z0-9_-]{1,64}",
            (kind, action) in select(hookrail_domain::trigger::CATALOGUE.iter().collect::<Vec<_>>())
                .prop_flat_map(|kind| (Just(kind), select(kind.actions))),
            ids in ("[a-z0-9]{1,24}", "[a-z0-9]{1,24}", "[a-z0-9]{1,24}"),
            (name, value) in ("x[a-z]{0,5}", "[ -~]{0,40}"),
        ) {
            let (survey, group, task_group) = &ids;
            let text = serde_json::json!({
                name: value,
                "data": { "surveyId": survey, "group": group, "taskGroup": task_group, "other": [1.5, null] },
                "event": action,
                "type": kind.subject,
                "company": company,
            })
            .to_string();
            let event = read(&text).unwrap();
            prop_assert_eq!(event.company.as_str(), &company);
            let (found, ids_found) = event.cot().unwrap();
            prop_assert_eq!(found, kind);
            for (slot, sent) in Slot::ALL.into_iter().zip([&survey, &group, &task_group]) {
                let applies = kind.slots.iter().any(|rule| rule.slot == slot);
                prop_assert_eq!(ids_found.get(slot).map(ContextId::as_str), Some(sent.as_str()).filter(|_| applies));
            }
            prop_assert_eq!(event.body.as_str(), &text);
        }
    }
}
