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

use crate::platform_event;
use crate::problem::FieldProblem;

/// Why a body is no event that a webhook could be sent. Never holds a part of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    #[error("is not JSON (line {line}, column {column})")]
    NotJson { line: usize, column: usize },
    #[error("must be a JSON object")]
    NotObject,
    #[error("names company, type, event, data or kapp twice")]
    FieldTwice,
    #[error("holds the character U+{code:04X}, which the queue does not carry")]
    Character { code: u32 },
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
            Self::NotJson { .. } | Self::NotObject | Self::FieldTwice | Self::Character { .. } => {
                FieldProblem::new("", self)
            }
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
            Self::NotJson { .. } | Self::NotObject | Self::Character { .. } => "not_json",
            Self::FieldTwice | Self::Field { .. } => "bad_field",
            Self::UnknownSubject(_)
            | Self::UnknownAction(_)
            | Self::UnknownKind(_)
            | Self::UnknownRecordAction(_) => "unknown_event",
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
    if let Some(character) = text.chars().find(|character| !is_carried(*character)) {
        return Err(InvalidEvent::Character { code: u32::from(character) });
    }
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
        .map_err(|_same_rule_for_all| InvalidEvent::Field { field: "company", reason: "is no company id" })
}

/// SQS carries tab, line feed, carriage return and U+0020 to U+FFFD and U+10000 to U+10FFFF.
fn is_carried(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

fn read_fields(text: &str) -> Result<Fields<'_>, InvalidEvent> {
    let not_json =
        |error: serde_json::Error| InvalidEvent::NotJson { line: error.line(), column: error.column() };
    // An array would fill the fields by their places.
    if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
        let _json: &RawValue = serde_json::from_str(text).map_err(not_json)?;
        return Err(InvalidEvent::NotObject);
    }
    // Each field takes any value: what an object can still have wrong is that it names one of them again.
    serde_json::from_str(text)
        .map_err(|error| if error.is_data() { InvalidEvent::FieldTwice } else { not_json(error) })
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
    let Ok(fields) = serde_json::from_str::<HashMap<Cow<'_, str>, &RawValue>>(data.get()) else {
        return Ok(ids);
    };
    for rule in kind.slots {
        let Some(value) = fields.get(rule.field) else { continue };
        let Ok(Text(text)) = serde_json::from_str(value.get()) else { continue };
        if let Ok(id) = ContextId::parse(&text) {
            ids.set(rule.slot, id);
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use hookrail_domain::id::KappSlug;
    use hookrail_domain::platform::EventType;

    use super::*;

    fn read(text: &str) -> Result<Event, InvalidEvent> {
        parse(&Body::new(text).unwrap(), EventId::of_message("m"), None)
    }

    #[test]
    fn the_published_task_event_is_read_for_company_trigger_and_workflow() {
        let text = include_str!("../fixtures/cot_event_task_create.json");
        let event = read(text).unwrap();
        assert_eq!(event.company.as_str(), "625bcbdcc9a8e3a86dbf041c");
        let (kind, ids) = event.cot().unwrap();
        assert_eq!(kind.name, "create-edit-delete-task");
        assert_eq!(ids.task_group.as_ref().unwrap().as_str(), "6261612a8f1e99002e5c8cce");
        assert_eq!(event.body.as_str(), text);
    }

    #[test]
    fn the_other_published_events_are_read() {
        for (text, trigger) in [
            (include_str!("../fixtures/cot_event_logout.json"), "logout-user"),
            (include_str!("../fixtures/cot_event_user_edit.json"), "create-edit-delete-user"),
            (include_str!("../fixtures/cot_event_survey_create.json"), "create-edit-delete-survey"),
        ] {
            assert_eq!(read(text).unwrap().cot().unwrap().0.name, trigger);
        }
        let survey = read(include_str!("../fixtures/cot_event_survey_create.json")).unwrap();
        let (_, ids) = survey.cot().unwrap();
        assert_eq!(ids.survey.as_ref().unwrap().as_str(), "627acd7e58a77633efc55b69");
        assert_eq!(ids.group.as_ref().unwrap().as_str(), "627acd8437cc96869d805470");
    }

    #[test]
    fn the_published_events_of_records_are_read_and_belong_to_whoever_pushed_them() {
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
    fn escapes_in_the_fields_are_understood() {
        let event = read(r#"{"company":"acm\u0065","type":"COTT\u0061sk","event":"create"}"#).unwrap();
        assert_eq!((event.company.as_str(), event.cot().unwrap().0.subject), ("acme", "COTTask"));
    }

    #[track_caller]
    fn refused(text: &str, expected: (&str, &str)) {
        let problem = read(text).unwrap_err().problem();
        assert_eq!((problem.field.as_str(), problem.reason.as_str()), expected, "{text}");
    }

    #[test]
    fn what_is_no_event_is_refused_by_field() {
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
        refused(r#"{"company":"a b","type":"COTTask","event":"create"}"#, ("company", "is no company id"));
        refused(r#"{"company":"a","event":"create"}"#, ("type", "is missing"));
        refused(r#"{"company":"a","type":"COTTask"}"#, ("event", "is missing"));
        refused(
            r#"{"company":"a","type":"COTPlanet","event":"create"}"#,
            ("type", "is no event type of the trigger catalogue"),
        );
        refused(
            r#"{"company":"a","type":"Auth","event":"create"}"#,
            ("event", "is no action of this event type"),
        );
        refused("{\"a\":\"\u{FFFF}\"}", ("", "holds the character U+FFFF, which the queue does not carry"));
    }

    #[test]
    fn data_of_any_shape_is_tolerated() {
        for data in ["null", "7", "[]", "\"x\"", "{}", r#"{"taskGroup":7}"#, r#"{"taskGroup":null}"#] {
            let text = format!(r#"{{"company":"a","type":"COTTask","event":"create","data":{data}}}"#);
            assert_eq!(read(&text).unwrap().cot().unwrap().1, &Context::default(), "{data}");
        }
    }

    proptest! {
        #[test]
        fn what_an_event_says_is_read_whatever_else_it_holds(
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
            for slot in hookrail_domain::trigger::Slot::ALL {
                let applies = kind.slots.iter().any(|rule| rule.slot == slot);
                prop_assert_eq!(ids_found.get(slot).is_some(), applies);
            }
            prop_assert!(ids_found.survey.as_ref().is_none_or(|id| id.as_str() == survey));
            prop_assert!(ids_found.group.as_ref().is_none_or(|id| id.as_str() == group));
            prop_assert!(ids_found.task_group.as_ref().is_none_or(|id| id.as_str() == task_group));
            prop_assert_eq!(event.body.as_str(), &text);
        }
    }
}
