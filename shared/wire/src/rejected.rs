//! Rejected events as the API shows them: what came, and what is wrong with it.

use hookrail_domain::event::TooLarge;
use hookrail_domain::rejected::RejectedEvent;
use hookrail_domain::token::Holder;
use serde::Serialize;
use utoipa::ToSchema;

use crate::event_call;
use crate::problem::FieldProblem;
use crate::timestamp;

/// What the body is refused for, if it is not refused for what it says.
const RECEIVED_TOO_OFTEN: &str =
    "nothing is wrong with it now: it was handed out too often without being taken";

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RejectedEvent)]
pub(crate) struct Document {
    #[serde(rename = "_id")]
    id: String,
    rejected_at: String,
    /// What came, as text: it may be no JSON.
    body: String,
    /// Whether this is only the begin of it; the event's own address shows it whole.
    truncated: bool,
    /// What is wrong with it.
    errors: Vec<FieldProblem>,
    /// When it was pushed again; null if it was not.
    pushed_at: Option<String>,
    /// The event that it was pushed again as.
    event: Option<String>,
}

/// One rejected event of this holder.
#[must_use]
pub fn render(of: &Holder, event: &RejectedEvent) -> Vec<u8> {
    serde_json::to_vec(&document(of, event)).unwrap_or_default()
}

/// Several of them: a bare array.
#[must_use]
pub fn render_list(of: &Holder, events: &[RejectedEvent]) -> Vec<u8> {
    let documents: Vec<_> = events.iter().map(|event| document(of, event)).collect();
    serde_json::to_vec(&documents).unwrap_or_default()
}

fn document(of: &Holder, event: &RejectedEvent) -> Document {
    let body = event.text();
    Document {
        id: event.id.to_string(),
        rejected_at: timestamp::render(event.id.at()),
        truncated: event.is_cut(),
        errors: errors(of, (&body, event.parts_count)),
        body,
        pushed_at: event.pushed.map(|pushed| timestamp::render(pushed.at)),
        event: event.pushed.map(|pushed| pushed.event.to_string()),
    }
}

/// The reasons are found anew: those of now are those that a push would meet.
fn errors(of: &Holder, (body, parts_count): (&str, usize)) -> Vec<FieldProblem> {
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
        let of = Holder::Company(CompanyId::parse("acme").unwrap());
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
    fn a_rejected_event_is_shown_with_what_is_wrong_with_it() {
        assert!(reasons("no json")[0].contains("is not JSON"));
        assert!(reasons("[1]")[0].contains("must be a JSON object"));
        let event = |company: &str, subject: &str| {
            format!(r#"{{"company":"{company}","type":"{subject}","event":"edit"}}"#)
        };
        assert_eq!(reasons(&event("other", "COTTask")), ["company must be acme, the company of the token"]);
        assert!(reasons(&event("acme", "COTPlanet"))[0].starts_with("type "));
        assert!(reasons(&event("acme", "COTTask"))[0].contains("handed out too often"));
        let long = "x".repeat(EVENT_BYTES_MAX + 1);
        assert_eq!(reasons(&long), [" the event is larger than 262144 bytes"]);
        assert_eq!(
            (&shown(&long)["truncated"], &shown(&long)["body"]),
            (&Value::from(false), &Value::from(long))
        );
    }

    #[test]
    fn one_that_was_pushed_again_says_when_and_as_what() {
        let event = RejectedEvent::new(Millis(0), "m", "{}");
        let id = EventId::of_message("again");
        let pushed = event.after_push(Pushed { at: Millis(1), event: id });
        let shown: Value = serde_json::from_slice(&render_list(&Holder::Operator, &[event, pushed])).unwrap();
        assert_eq!((&shown[0]["pushedAt"], &shown[0]["event"]), (&Value::Null, &Value::Null));
        assert_eq!(shown[1]["pushedAt"], "1970-01-01T00:00:00.001Z");
        assert_eq!(shown[1]["event"], id.to_string());
    }
}
