//! Rejected events as the API shows them, each with its errors.

use hookrail_domain::event::TooLarge;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::token::Owner;
use serde::Serialize;
use utoipa::ToSchema;

use crate::event_call;
use crate::json;
use crate::problem::FieldProblem;
use crate::timestamp;

/// The error of an event that is valid now.
const RECEIVED_TOO_OFTEN: &str =
    "the event is valid now: it was received too often without being processed; push it again";

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RejectedEvent)]
pub(crate) struct Document {
    #[serde(rename = "_id")]
    id: String,
    rejected_at: String,
    /// The event as text: it may not be JSON. Absent in the response to a push without the scope `logs:read`.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// True if `body` is only the beginning of the event. `GET` of the event by its id shows all of it.
    truncated: bool,
    /// The errors of the event. Empty where `body` is absent.
    errors: Vec<FieldProblem>,
    /// The time of the push. Null if the event was not pushed again.
    pushed_at: Option<String>,
    /// The id of the event as which it was pushed again.
    event: Option<String>,
}

/// One rejected event of this holder.
#[must_use]
pub fn render(of: &Owner, event: &RejectedEvent) -> Vec<u8> {
    json::render(&document(of, event))
}

/// The same without what the event holds, for callers who may not read it.
#[must_use]
pub fn render_without_body(of: &Owner, event: &RejectedEvent) -> Vec<u8> {
    let document = Document { body: None, errors: Vec::new(), ..document(of, event) };
    json::render(&document)
}

/// Several of them: a bare array.
#[must_use]
pub fn render_list(of: &Owner, events: &[RejectedEvent]) -> Vec<u8> {
    let documents: Vec<_> = events.iter().map(|event| document(of, event)).collect();
    json::render(&documents)
}

fn document(of: &Owner, event: &RejectedEvent) -> Document {
    let body = event.text();
    Document {
        id: event.id.to_string(),
        rejected_at: timestamp::render(event.id.at()),
        truncated: event.is_cut(),
        errors: errors(of, (&body, event.parts_count)),
        body: Some(body),
        pushed_at: event.pushed.map(|pushed| timestamp::render(pushed.at)),
        event: event.pushed.map(|pushed| pushed.event.to_string()),
    }
}

/// The errors are those that a push would get now.
fn errors(of: &Owner, (body, parts_count): (&str, usize)) -> Vec<FieldProblem> {
    if 1 < parts_count {
        return vec![FieldProblem::new("", format!("the event {TooLarge}"))];
    }
    match event_call::parse_one(body.as_bytes(), of) {
        Ok(_) => vec![FieldProblem::new("", RECEIVED_TOO_OFTEN)],
        Err(invalid) => invalid.problems,
    }
}

#[cfg(test)]
mod tests {
    use hookrail_domain::id::{CompanyId, EventId};
    use hookrail_domain::limits::EVENT_BYTES_MAX;
    use hookrail_domain::rejected::Pushed;
    use hookrail_domain::time::Millis;
    use serde_json::Value;

    use super::*;

    fn shown(text: &str) -> Value {
        let of = Owner::Company(CompanyId::parse("acme").unwrap());
        let event = RejectedEvent::new(Millis(0), "m", text);
        serde_json::from_slice(&render(&of, &event)).unwrap()
    }

    fn reasons(text: &str) -> Vec<String> {
        let shown = shown(text);
        let errors = shown["errors"].as_array().unwrap().iter();
        errors
            .map(|error| {
                format!("{} {}", error["field"].as_str().unwrap(), error["reason"].as_str().unwrap())
            })
            .collect()
    }

    #[test]
    fn a_rejected_event_shows_its_problems() {
        assert!(reasons("no json")[0].contains("is not JSON"));
        assert!(reasons("[1]")[0].contains("must be a JSON object"));
        let event = |company: &str, subject: &str| {
            format!(r#"{{"company":"{company}","type":"{subject}","event":"edit"}}"#)
        };
        assert_eq!(reasons(&event("other", "COTTask")), ["company must be acme, the company of the token"]);
        assert!(reasons(&event("acme", "COTPlanet"))[0].starts_with("type "));
        assert!(reasons(&event("acme", "COTTask"))[0].contains("received too often"));
        let long = "x".repeat(EVENT_BYTES_MAX + 1);
        assert_eq!(reasons(&long), [" the event is larger than 262144 bytes"]);
        assert_eq!(
            (&shown(&long)["truncated"], &shown(&long)["body"]),
            (&Value::from(false), &Value::from(long))
        );
    }

    #[test]
    fn a_rejected_event_pushed_again_shows_time_and_event_id() {
        let event = RejectedEvent::new(Millis(0), "m", "{}");
        let id = EventId::of_message("again");
        let pushed = event.after_push(Pushed { at: Millis(1), event: id });
        let shown: Value = serde_json::from_slice(&render_list(&Owner::Operator, &[event, pushed])).unwrap();
        assert_eq!((&shown[0]["pushedAt"], &shown[0]["event"]), (&Value::Null, &Value::Null));
        assert_eq!(shown[1]["pushedAt"], "1970-01-01T00:00:00.001Z");
        assert_eq!(shown[1]["event"], id.to_string());
    }
}
