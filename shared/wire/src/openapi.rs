//! Every document of the API as a schema of JSON: answers from the types that write them, calls beside their readers'
//! limits.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{RefOr, schema};

use crate::{
    audit, bulk, company, cot_webhook, cot_webhook_log, event_call, event_view, panel_link, problem,
    queue_view, rejected, replay, secret, test_send, token, trigger_view,
};

mod calls;
pub mod kinds;

/// A schema under its name.
pub type Named = (String, RefOr<Schema>);

/// Published documents of the reference system, and one of each of our own that people write by hand.
const EXAMPLES: [(&str, &str); 12] = [
    ("Webhook", include_str!("../fixtures/cot_webhook.json")),
    ("NewWebhook", include_str!("../fixtures/call_webhook.json")),
    ("WebhookChange", r#"{"isActive": false, "waiting": "keep"}"#),
    ("LogRow", include_str!("../fixtures/answer_log_row.json")),
    ("NewEvents", include_str!("../fixtures/cot_event_task_create.json")),
    ("BulkChange", r#"{"ids": ["62685990d918fb5557f9f992"], "isActive": false}"#),
    ("NewToken", r#"{"name": "Order service", "scopes": ["events:write"]}"#),
    ("NewPanelLink", r#"{"sessionSeconds": 3600}"#),
    ("NewReplay", r#"{"since": "2022-05-05T20:00:00Z", "result": "FAILED"}"#),
    ("Rotation", r#"{"overlapSeconds": 86400}"#),
    ("NewBareTest", r#"{"url": "https://www.server.com/hook", "trigger": "logout-user"}"#),
    (
        "Problem",
        r#"{"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "url must begin with https://",
            "errors": [{"field": "url", "reason": "must begin with https://"}]}"#,
    ),
];

/// Every schema that an operation may name.
#[must_use]
pub fn schemas() -> Vec<Named> {
    let mut named = calls::schemas();
    add::<problem::Problem>(&mut named);
    add::<cot_webhook::Document<'_>>(&mut named);
    add::<cot_webhook_log::Document<'_>>(&mut named);
    add::<trigger_view::Document>(&mut named);
    add::<bulk::Document<'_>>(&mut named);
    add::<queue_view::Document>(&mut named);
    add::<replay::Document>(&mut named);
    add::<secret::Revealed>(&mut named);
    add::<secret::State>(&mut named);
    add::<test_send::Document<'_>>(&mut named);
    add::<event_call::Document<'_>>(&mut named);
    add::<event_view::Document<'_>>(&mut named);
    add::<rejected::Document>(&mut named);
    add::<company::Document<'_>>(&mut named);
    add::<token::Document<'_>>(&mut named);
    add::<token::SelfDocument<'_>>(&mut named);
    add::<panel_link::LinkDocument<'_>>(&mut named);
    add::<panel_link::SessionDocument<'_>>(&mut named);
    add::<audit::Document<'_>>(&mut named);
    named
}

/// A document of this schema, as it is on the wire.
#[must_use]
pub fn example(schema: &str) -> Option<Value> {
    let (_, text) = EXAMPLES.iter().find(|(name, _)| *name == schema)?;
    serde_json::from_str(text).ok()
}

/// A reference to a schema.
#[must_use]
pub fn named(name: &str) -> RefOr<Schema> {
    schema::Ref::from_schema_name(name).into()
}

fn add<T: ToSchema>(named: &mut Vec<Named>) {
    named.push((T::name().into_owned(), T::schema()));
    T::schemas(named);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_schema_and_every_example_is_one_s() {
        let schemas = schemas();
        for (name, schema) in &schemas {
            assert!(schemas.iter().all(|(other, another)| other != name || another == schema), "{name}");
        }
        for (name, _) in EXAMPLES {
            assert!(schemas.iter().any(|(other, _)| other == name), "{name}");
            assert!(example(name).is_some(), "{name}");
        }
    }
}
