//! The catalogue of triggers as the API shows it, each with an example event.

use hookrail_domain::event::Body;
use hookrail_domain::trigger::{CATALOGUE, OPERATIONAL, SlotRule, TriggerType};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::json;
use crate::redaction::redact;

/// An event of each trigger: the published samples, and for the triggers that have none one made by their data model.
const EXAMPLES: [(&str, &str); 7] = [
    ("create-edit-delete-user", include_str!("../fixtures/cot_event_user_edit.json")),
    ("create-edit-delete-task", include_str!("../fixtures/cot_event_task_create.json")),
    ("create-edit-delete-survey", include_str!("../fixtures/cot_event_survey_create.json")),
    ("create-edit-delete-property", include_str!("../fixtures/example_property_create.json")),
    ("create-edit-delete-note", include_str!("../fixtures/example_note_edit.json")),
    ("logout-user", include_str!("../fixtures/cot_event_logout.json")),
    (OPERATIONAL, include_str!("../fixtures/example_webhook_suspended.json")),
];

#[derive(Serialize, ToSchema)]
#[schema(as = Trigger)]
pub(crate) struct Document {
    name: &'static str,
    label: &'static str,
    #[serde(rename = "type")]
    subject: &'static str,
    actions: &'static [&'static str],
    context: Vec<SlotDocument>,
    #[schema(value_type = Option<Object>)]
    example: Option<Box<RawValue>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TriggerSlot)]
pub(crate) struct SlotDocument {
    slot: &'static str,
    /// The field of the event that the slot is compared with.
    field: String,
}

/// Every trigger, as the API lists them: a bare array.
#[must_use]
pub fn render_list() -> Vec<u8> {
    let documents: Vec<_> = CATALOGUE.iter().map(document).collect();
    json::render(&documents)
}

fn document(kind: &TriggerType) -> Document {
    let slot =
        |rule: &SlotRule| SlotDocument { slot: rule.slot.name(), field: format!("data.{}", rule.field) };
    Document {
        name: kind.name,
        label: kind.label,
        subject: kind.subject,
        actions: kind.actions,
        context: kind.slots.iter().map(slot).collect(),
        example: example(kind),
    }
}

/// The event as a receiver gets it.
fn example(kind: &TriggerType) -> Option<Box<RawValue>> {
    let (_, text) = EXAMPLES.iter().find(|(name, _)| *name == kind.name)?;
    let body = redact(&Body::new(*text).ok()?, kind.redacted).ok()?;
    serde_json::from_str(body.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use hookrail_domain::id::EventId;
    use serde_json::{Value, json};

    use super::*;
    use crate::cot_event;

    #[test]
    fn every_trigger_has_an_example_that_it_selects() {
        for kind in CATALOGUE {
            let body = Body::new(example(kind).unwrap().get()).unwrap();
            let event = cot_event::parse(&body, EventId::from_bytes([1; 12]), None).unwrap();
            assert_eq!(event.cot().unwrap().0.name, kind.name);
            assert!(!body.as_str().contains("\"password\""), "as a receiver gets it");
        }
    }

    #[test]
    fn a_trigger_lists_its_slots_with_their_fields() {
        let shown: Value = serde_json::from_slice(&render_list()).unwrap();
        assert_eq!(shown.as_array().unwrap().len(), CATALOGUE.len());
        let survey = shown.as_array().unwrap().iter().find(|one| one["type"] == "COTSurvey").unwrap();
        assert_eq!(
            survey["context"],
            json!([{"slot": "survey", "field": "data.surveyId"}, {"slot": "group", "field": "data.group"}])
        );
        assert_eq!(
            (&survey["label"], &survey["actions"]),
            (&json!("Create / Edit / Remove Survey"), &json!(["create", "edit", "delete"]))
        );
        assert_eq!(survey["example"]["data"]["surveyId"], "627acd7e58a77633efc55b69");
    }
}
