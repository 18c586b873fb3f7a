//! Events of the platform's records: `{"event": {"type", "action", …}, "space": {…}, "user": {…}, …}`.
//!
//! Parsed to match, never rendered.

use std::borrow::Cow;

use hookrail_domain::event::Body;
use hookrail_domain::id::{KappSlug, WebhookId};
use hookrail_domain::job::Parent;
use hookrail_domain::platform::EventType;
use hookrail_domain::platform::webhook::Occurrence;
use hookrail_domain::trigger::UnknownEvent;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cot_event::InvalidEvent;

/// Webhooks that one event may name as what caused it.
const ORIGINS_MAX: usize = 100;
/// Characters of a record's name or id that jobs are found by.
const PARENT_CHARS_MAX: usize = 200;

/// The fields of `event` that matching reads.
#[derive(Deserialize)]
struct EventFields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    action: Option<Cow<'a, str>>,
    silent: Option<bool>,
    #[serde(borrow)]
    origin: Option<Vec<Cow<'a, str>>>,
}

#[derive(Deserialize)]
struct KappFields<'a> {
    #[serde(borrow)]
    slug: Option<Cow<'a, str>>,
}

/// Returns true for the `event` of a platform event, which is an object. That of a COT event is a string.
pub(crate) fn is_record(event: &RawValue) -> bool {
    event.get().starts_with('{')
}

/// The occurrence, from the fields `event` and `kapp`.
pub(crate) fn occurrence(event: &RawValue, kapp: Option<&RawValue>) -> Result<Occurrence, InvalidEvent> {
    let invalid = |field, reason| InvalidEvent::Field { field, reason };
    let fields: EventFields<'_> = serde_json::from_str(event.get()).map_err(|_wrong_type| {
        invalid("event", "must have the texts type and action, and may have silent (true or false) and origin (a list of webhook ids)")
    })?;
    let kind = fields.kind.ok_or(invalid("event.type", "is missing"))?;
    let kind = EventType::parse(&kind).ok_or(InvalidEvent::UnknownKind(UnknownEvent::Subject))?;
    let action = fields.action.ok_or(invalid("event.action", "is missing"))?;
    let origins = fields.origin.unwrap_or_default();
    if ORIGINS_MAX < origins.len() {
        return Err(invalid("event.origin", "names more than 100 webhooks"));
    }
    let origins: Result<_, _> = origins.iter().map(|id| WebhookId::parse(id)).collect();
    Ok(Occurrence {
        kind,
        action: kind.event(&action).ok_or(InvalidEvent::UnknownRecordAction(UnknownEvent::Action))?,
        kapp: kapp.map(slug).transpose()?.flatten(),
        is_silent: fields.silent.unwrap_or(false),
        origins: origins.map_err(|_refused| invalid("event.origin", "must be a list of webhook ids"))?,
    })
}

/// The slug of a kapp that is there: a record of the space alone has none, or null.
fn slug(kapp: &RawValue) -> Result<Option<KappSlug>, InvalidEvent> {
    let invalid = |reason| InvalidEvent::Field { field: "kapp.slug", reason };
    let fields: Option<KappFields<'_>> =
        serde_json::from_str(kapp.get()).map_err(|_wrong_type| invalid("must be a text"))?;
    let slug = fields.and_then(|fields| fields.slug);
    slug.map(|slug| KappSlug::parse(&slug).map_err(|_refused| invalid("is not a slug of a kapp"))).transpose()
}

/// The records that a job of the event is found by, the one that it is about first. A name is kept to
/// `PARENT_CHARS_MAX` characters.
pub fn parents(body: &Body, kind: EventType) -> Result<Vec<Parent>, InvalidEvent> {
    let event: Value = serde_json::from_str(body.as_str())
        .map_err(|error| InvalidEvent::NotJson { line: error.line(), column: error.column() })?;
    let (submission, form) = (("submission", "id"), ("form", "slug"));
    let places: &[(EventType, (&str, &str))] = match kind {
        EventType::Space | EventType::Discussion => &[],
        EventType::User => &[(EventType::User, ("user", "username"))],
        EventType::Team => &[(EventType::Team, ("team", "slug"))],
        EventType::Kapp => &[(EventType::Kapp, ("kapp", "slug"))],
        EventType::Form | EventType::DatastoreForm => &[(kind, form)],
        EventType::Submission => &[(kind, submission), (EventType::Form, form)],
        EventType::DatastoreSubmission => &[(kind, submission), (EventType::DatastoreForm, form)],
    };
    let places = places.iter().copied().chain([(EventType::Space, ("space", "slug"))]);
    let key = |(record, field): (&str, &str)| {
        let key = event.get(record)?.get(field)?.as_str()?;
        Some(key.chars().take(PARENT_CHARS_MAX).collect())
    };
    Ok(places.filter_map(|(kind, place)| Some(Parent { kind, key: key(place)? })).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str, kapp: &str) -> Result<Occurrence, InvalidEvent> {
        let kapp: Option<&RawValue> = (!kapp.is_empty()).then(|| serde_json::from_str(kapp).unwrap());
        occurrence(serde_json::from_str(event).unwrap(), kapp)
    }

    #[test]
    fn reads_type_action_and_kapp_of_a_platform_event() {
        let read = read(
            r#"{"type":"Datastore Form","action":"Restored","x":1}"#,
            r#"{"slug":"services","name":"S"}"#,
        );
        let event = read.unwrap();
        assert_eq!((event.kind, event.action), (EventType::DatastoreForm, "Restored"));
        assert_eq!(event.kapp.unwrap().as_str(), "services");
        assert!(!event.is_silent && event.origins.is_empty());
    }

    #[test]
    fn reads_silent_and_origin_marks() {
        let marked =
            r#"{"type":"User","action":"Updated","silent":true,"origin":["0102030405060708090a0b0c"]}"#;
        let event = read(marked, "null").unwrap();
        assert!(event.is_silent);
        assert_eq!(event.origins, [WebhookId::parse("0102030405060708090a0b0c").unwrap()]);
        assert_eq!(event.kapp, None);
    }

    #[test]
    fn a_job_is_listed_under_its_record_first() {
        let body = Body::new(include_str!("../fixtures/kinetic_event_submission_submitted.json")).unwrap();
        let found = parents(&body, EventType::Submission).unwrap();
        let found: Vec<_> = found.iter().map(|parent| (parent.kind, parent.key.as_str())).collect();
        assert_eq!(
            found,
            [
                (EventType::Submission, "b7a1f0a2-3f0b-11f1-9f4f-0b2f6a1c9d00"),
                (EventType::Form, "request-laptop"),
                (EventType::Space, "acme"),
            ]
        );
    }

    #[test]
    fn names_the_bad_field_of_a_platform_event() {
        for (event, kapp, field) in [
            (r#"{"action":"Created"}"#, "", "event.type"),
            (r#"{"type":"User"}"#, "", "event.action"),
            (r#"{"type":"Thing","action":"Created"}"#, "", "event.type"),
            (r#"{"type":"User","action":"Submitted"}"#, "", "event.action"),
            (r#"{"type":"User","action":1}"#, "", "event"),
            (r#"{"type":"User","action":"Updated","origin":["x"]}"#, "", "event.origin"),
            (r#"{"type":"Form","action":"Created"}"#, r#"{"slug":"a b"}"#, "kapp.slug"),
            (r#"{"type":"Form","action":"Created"}"#, r#"{"slug":1}"#, "kapp.slug"),
        ] {
            assert_eq!(read(event, kapp).unwrap_err().problem().field, field, "{event}");
        }
        let many = vec!["\"0102030405060708090a0b0c\""; ORIGINS_MAX + 1].join(",");
        let event = format!(r#"{{"type":"User","action":"Updated","origin":[{many}]}}"#);
        assert_eq!(read(&event, "").unwrap_err().problem().field, "event.origin");
    }
}
