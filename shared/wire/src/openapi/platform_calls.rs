//! What callers send about webhooks on the platform's records.

use hookrail_domain::limits::{EVENT_BYTES_MAX, NAME_CHARS_MAX, URL_CHARS_MAX};
use hookrail_domain::platform::{EventType, Scope};
use serde_json::json;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, SchemaFormat};

use super::Named;
use super::calls::{flag, object};
use super::kinds::{one_of, text, time};
use crate::platform_auth::SIGNATURE;

const NOT_BLANK: &str = r"\S";

pub(super) fn schemas() -> Vec<Named> {
    let schema = |name: &str, schema: ObjectBuilder| (name.to_owned(), Schema::Object(schema.build()).into());
    vec![
        schema("NewPlatformWebhook", new_webhook()),
        schema(
            "PlatformWebhookChange",
            webhook().description(Some("What is to change; what is not said stays.")),
        ),
        schema("NewPlatformTrial", new_trial()),
        schema("WebhookJobChange", job_change()),
        schema("NewWebhookJob", new_job()),
    ]
}

fn webhook() -> ObjectBuilder {
    let name = text().pattern(Some(NOT_BLANK)).max_length(Some(NAME_CHARS_MAX)).description(Some(
        "Unique in its space or kapp. Not `?`, `#`, `\\`, control characters, a `%` before two hexadecimal digits, `.` or \
         `..` between slashes, nor a space at its end: paths hold it, and gateways decode them.",
    ));
    object()
        .property("name", name)
        .property("type", kind())
        .property("event", one_of(events()).description(Some("One of the type's.")))
        .property("filter", filter())
        .property("url", url())
        .property("authStrategy", auth_strategy())
        .property("isActive", flag().description(Some("Whether events are sent to it.")))
}

fn new_webhook() -> ObjectBuilder {
    webhook()
        .required("name")
        .required("type")
        .required("event")
        .required("url")
        .description(Some("A webhook to be made. Other fields are ignored."))
}

fn new_trial() -> ObjectBuilder {
    let event =
        object().description(Some("The event as it is pushed: an object with a field for each record."));
    object()
        .property("type", kind())
        .property("filter", filter())
        // What is too long, or no template at all, is told in the answer: finding that out is what a trial is for.
        .property(
            "url",
            ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                .description(Some("A URL with `${…}`, as a webhook's.")),
        )
        .property("event", event)
        .required("type")
        .required("event")
}

fn job_change() -> ObjectBuilder {
    let either = "^([Qq][Uu][Ee][Uu][Ee][Dd]|[Cc][Aa][Nn][Cc][Ee][Ll][Ll][Ee][Dd])$";
    object()
        .property(
            "status",
            text().pattern(Some(either)).description(Some("`Queued` or `Cancelled`, in any case.")),
        )
        .property("url", text().pattern(Some(NOT_BLANK)).max_length(Some(URL_CHARS_MAX)))
        .property(
            "scheduledAt",
            time().description(Some(
                "Another time for a job that waits for its own, or when a failed one is sent again.",
            )),
        )
}

fn new_job() -> ObjectBuilder {
    let may_be_null = || ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let content = text().max_length(Some(EVENT_BYTES_MAX)).description(Some(
        "What is sent, byte for byte: the JSON of an event of a record, `{\"event\": {\"type\", \"action\"}, …}`, of the \
         webhook's own type and event if there is one.",
    ));
    object()
        .property("webhook", text().description(Some("The name of the webhook that it is of.")))
        .property(
            "webhookId",
            may_be_null().description(Some("The same, by its id. With neither it is an implicit job.")),
        )
        .property(
            "url",
            may_be_null().max_length(Some(URL_CHARS_MAX)).description(Some(
                "Where it goes, if not where the webhook's template says; needed without a webhook. One that begins \
                 with a slash continues the workflow engine's.",
            )),
        )
        .property("requestContent", content)
        .property(
            "scheduledAt",
            may_be_null().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).description(Some(
                "When it takes its place in the line: now, if this is not said or past.",
            )),
        )
        .required("requestContent")
        .description(Some("A job to be sent. Other fields are ignored."))
}

fn kind() -> ObjectBuilder {
    one_of(Scope::Space.kinds().map(EventType::name))
        .description(Some("A kapp takes `Form` and `Submission` only."))
}

fn events() -> Vec<&'static str> {
    let mut all: Vec<_> = Scope::Space.kinds().flat_map(EventType::events).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn filter() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .default(Some(json!("")))
        .description(Some("A JavaScript expression; blank for every event."))
}

fn url() -> ObjectBuilder {
    text().pattern(Some(NOT_BLANK)).max_length(Some(URL_CHARS_MAX)).description(Some(
        "A URL with `${…}` in its path and query. One that begins with a slash continues the workflow engine's.",
    ))
}

fn auth_strategy() -> AnyOfBuilder {
    let property = object()
        .property("name", text())
        .property(
            "value",
            ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null])),
        )
        .property("sensitive", flag())
        .required("name");
    let set = object()
        .title(Some("A key of one's own"))
        .property("type", one_of([SIGNATURE]))
        .property("properties", ArrayBuilder::new().items(property))
        .required("type")
        .required("properties");
    let none = ObjectBuilder::new().title(Some("None")).schema_type(Type::Null);
    let empty = object().title(Some("An empty object, to clear it")).max_properties(Some(0));
    AnyOfBuilder::new().item(set).item(empty).item(none).description(Some(
        "The properties `Key`, a name, and `Secret`: `whsec_` and base64, or another text of 24 to 64 bytes, which are the \
         key of Standard Webhooks signatures then.",
    ))
}
