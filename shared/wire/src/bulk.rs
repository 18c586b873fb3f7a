//! Activating or deactivating several webhooks in one call, with a result for each.

use hookrail_domain::commands::Waiting;
use hookrail_domain::id::WebhookId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::cot_webhook::{WebhookPatch, waiting};
use crate::json;
use crate::problem::FieldProblem;
use crate::reader::{Reader, parse_object};

/// Webhooks of one call.
pub const WEBHOOKS_PER_CALL_MAX: usize = 100;

/// A change of several webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkCall {
    /// Each once, in the order of the call.
    pub ids: Vec<WebhookId>,
    pub is_active: bool,
    pub waiting: Waiting,
    /// The fields that the call names, its ids apart.
    fields: Vec<String>,
}

impl BulkCall {
    /// Reads the body of a call.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<FieldProblem>> {
        let fields = parse_object(bytes)?;
        let mut reader = Reader::of(&fields);
        let ids = reader.strings("ids", WebhookId::parse);
        for field in ["ids", "isActive"].into_iter().filter(|field| !fields.contains_key(*field)) {
            reader.refuse(field, "is missing");
        }
        let is_active = reader.flag("isActive");
        let waiting = waiting(&mut reader, is_active);
        let ids = ids.unwrap_or_default();
        if fields.contains_key("ids") && !reader.has_problems() {
            if !(1..=WEBHOOKS_PER_CALL_MAX).contains(&ids.len()) {
                reader.refuse("ids", format!("must name 1 to {WEBHOOKS_PER_CALL_MAX} webhooks"));
            }
            for (index, id) in ids.iter().enumerate() {
                if ids.iter().take(index).any(|other| other == id) {
                    reader.refuse(&format!("ids[{index}]"), "appears twice");
                }
            }
        }
        let named = fields.keys().filter(|field| *field != "ids").cloned().collect();
        let problems = reader.close(&[]);
        match is_active {
            Some(is_active) if problems.is_empty() => {
                Ok(Self { ids, is_active, waiting: waiting.unwrap_or_default(), fields: named })
            }
            _ => Err(problems),
        }
    }

    /// The change of each of the webhooks.
    #[must_use]
    pub fn patch(&self) -> WebhookPatch {
        WebhookPatch::of_activity(self.is_active, self.waiting, self.fields.clone())
    }
}

/// The result of one of the webhooks: the status that a call for it alone would have got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkResult {
    pub id: WebhookId,
    pub status: u16,
    /// The reason why the webhook was not changed.
    pub reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BulkResults)]
pub(crate) struct Document<'a> {
    results: Vec<ResultDocument<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BulkResult)]
pub(crate) struct ResultDocument<'a> {
    id: String,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// The results, in the order of the call.
#[must_use]
pub fn render(results: &[BulkResult]) -> Vec<u8> {
    let results = results
        .iter()
        .map(|BulkResult { id, status, reason }| ResultDocument {
            id: id.to_string(),
            status: *status,
            reason: reason.as_deref(),
        })
        .collect();
    json::render(&Document { results })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> WebhookId {
        WebhookId::from_bytes([number; 12])
    }

    #[track_caller]
    fn refuses(text: &str, fields: &[&str]) {
        let problems = BulkCall::parse(text.as_bytes()).unwrap_err();
        let named: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(named, fields, "{text}");
    }

    #[test]
    fn a_bulk_call_lists_webhooks_and_their_change() {
        let text = format!(r#"{{"ids":["{}","{}"],"isActive":false,"waiting":"drop"}}"#, id(2), id(1));
        let call = BulkCall::parse(text.as_bytes()).unwrap();
        assert_eq!((&call.ids, call.is_active, call.waiting), (&vec![id(2), id(1)], false, Waiting::Drop));
        assert_eq!(call.patch().fields, ["isActive", "waiting"]);
    }

    #[test]
    fn names_every_bad_field_of_a_bulk_call() {
        refuses("{}", &["ids", "isActive"]);
        refuses("[]", &[""]);
        refuses(r#"{"ids":[],"isActive":true}"#, &["ids"]);
        refuses(r#"{"ids":"x","isActive":1}"#, &["ids", "isActive"]);
        refuses(&format!(r#"{{"ids":["{}","x",7],"isActive":true}}"#, id(1)), &["ids[1]", "ids[2]"]);
        refuses(&format!(r#"{{"ids":["{0}","{0}"],"isActive":true}}"#, id(1)), &["ids[1]"]);
        refuses(&format!(r#"{{"ids":["{}"],"isActive":true,"waiting":"drop"}}"#, id(1)), &["waiting"]);
        refuses(&format!(r#"{{"ids":["{}"],"isActive":false,"wait":1}}"#, id(1)), &["wait"]);
        let many: Vec<_> = (0..101).map(|number| format!("\"{}\"", id(number))).collect();
        refuses(&format!(r#"{{"ids":[{}],"isActive":true}}"#, many.join(",")), &["ids"]);
    }

    #[test]
    fn bulk_results_keep_the_order_of_the_call() {
        let results = [
            BulkResult { id: id(1), status: 200, reason: None },
            BulkResult { id: id(2), status: 404, reason: Some("none".into()) },
        ];
        assert_eq!(
            String::from_utf8(render(&results)).unwrap(),
            format!(
                r#"{{"results":[{{"id":"{}","status":200}},{{"id":"{}","status":404,"reason":"none"}}]}}"#,
                id(1),
                id(2)
            )
        );
    }
}
