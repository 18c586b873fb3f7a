//! The JSON schemas of the API's documents: responses from the types that write them, calls next to their readers'
//! limits.

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{RefOr, schema};

use crate::{
    audit, bulk, company, cot_webhook, cot_webhook_log, event_call, event_view, panel_link, platform_meta,
    platform_problem, platform_trial, platform_webhook, problem, queue_view, rejected, replay, secret,
    test_send, token, trigger_view, webhook_job,
};

mod calls;
mod platform_calls;
pub mod kinds;

/// A schema under its name.
pub type Named = (String, RefOr<Schema>);

/// Published documents of the reference system, and one of each of our own that people write by hand.
const EXAMPLES: [(&str, &str); 18] = [
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
        "NewPlatformWebhook",
        r#"{"name": "Laptop submitted", "type": "Submission", "event": "Submitted", "filter": "form('slug') === 'laptop'",
            "url": "https://www.server.com/hook/${kapp('slug')}"}"#,
    ),
    ("WebhookJobChange", r#"{"status": "Queued", "url": "https://www.server.com/hook"}"#),
    (
        "NewWebhookJob",
        r#"{"webhook": "Laptop submitted", "scheduledAt": "2026-12-24T09:00:00Z",
            "requestContent": "{\"event\":{\"type\":\"Submission\",\"action\":\"Submitted\"},\"kapp\":{\"slug\":\"services\"}}"}"#,
    ),
    ("PlatformWebhookChange", r#"{"isActive": false}"#),
    (
        "NewPlatformTrial",
        r#"{"type": "Form", "filter": "form('slug') === 'laptop'", "event": {"form": {"slug": "laptop"}}}"#,
    ),
    (
        "PlatformProblem",
        r#"{"statusCode": 400, "error": "name is taken by another webhook of the space or kapp",
            "errorKey": "uniqueness_violation", "correlationId": "8a2f2c1e0d7b4f6e9c3a5b7d9e1f2a4c"}"#,
    ),
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
    named.extend(platform_calls::schemas());
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
    add::<platform_webhook::Envelope<'_>>(&mut named);
    add::<platform_webhook::ListDocument<'_>>(&mut named);
    add::<platform_meta::Document>(&mut named);
    add::<platform_trial::Document<'_>>(&mut named);
    add::<platform_problem::Document<'_>>(&mut named);
    add::<webhook_job::One<'_>>(&mut named);
    add::<webhook_job::List<'_>>(&mut named);
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
    use std::collections::BTreeMap;

    use hookrail_domain::id::CompanyId;
    use hookrail_domain::platform::Scope;
    use hookrail_domain::target::TargetPolicy;
    use hookrail_domain::time::Millis;
    use serde_json::json;

    use super::*;
    use crate::cot_webhook::SETTINGS;
    use crate::problem::FieldProblem;

    /// The properties of a schema. Those that take any value are accepted without an effect.
    fn properties(schema: &str) -> BTreeMap<String, Value> {
        let (_, schema) = schemas().into_iter().find(|(name, _)| name == schema).unwrap();
        let schema = serde_json::to_value(schema).unwrap();
        let mut properties: BTreeMap<String, Value> =
            serde_json::from_value(schema["properties"].clone()).unwrap();
        properties.retain(|_, kind| {
            ["type", "enum", "anyOf", "oneOf", "allOf", "$ref"].iter().any(|key| kind.get(key).is_some())
        });
        properties
    }

    /// A value of a wrong kind is refused under the name of each property.
    #[track_caller]
    fn check_read<T>(schema: &str, read: impl Fn(&[u8]) -> Result<T, Vec<FieldProblem>>) {
        for name in properties(schema).into_keys() {
            let body = json!({ &name: [1.5] }).to_string();
            let problems = read(body.as_bytes()).err().unwrap_or_default();
            let is_refused = problems.iter().any(|problem| {
                let rest = problem.field.strip_prefix(&name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            });
            assert!(is_refused, "{schema} lists {name}, which its reader does not read: {problems:?}");
        }
    }

    #[test]
    fn every_property_of_a_call_is_read() {
        let (policy, now) = (TargetPolicy::default(), Millis(0));
        let acme = CompanyId::parse("acme").unwrap();
        check_read("NewWebhook", |body| cot_webhook::parse_new(body, &policy));
        check_read("WebhookChange", |body| cot_webhook::parse_patch(body, &policy));
        check_read("NewPlatformWebhook", |body| platform_webhook::parse_new(body, Scope::Space));
        check_read("PlatformWebhookChange", |body| platform_webhook::parse_patch(body, Scope::Space));
        check_read("NewPlatformTrial", platform_trial::parse);
        check_read("BulkChange", bulk::BulkCall::parse);
        check_read("Rotation", secret::parse_rotation);
        check_read("NewReplay", replay::ReplayCall::parse);
        check_read("NewToken", |body| token::parse_new(body, now));
        check_read("NewPanelLink", panel_link::parse_new);
        check_read("PanelCode", panel_link::parse_exchange);
        check_read("NewBareTest", |body| test_send::parse_bare(body, &acme, &policy, now));
        check_read("WebhookJobChange", |body| webhook_job::call::parse_change(body, &policy));
        check_read("NewWebhookJob", |body| webhook_job::call::parse_new(body, &acme));
    }

    #[test]
    fn every_setting_of_a_webhook_can_be_made_and_is_shown() {
        let (new, shown) = (properties("NewWebhook"), properties("Webhook"));
        for name in SETTINGS {
            assert!(new.contains_key(name) && shown.contains_key(name), "{name}");
        }
        let others: Vec<_> = shown.keys().filter(|name| !SETTINGS.contains(&name.as_str())).collect();
        assert_eq!(others, ["__v", "_id", "company", "inactiveReason"]);
    }

    #[test]
    fn schema_names_are_unique_and_every_example_has_a_schema() {
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
