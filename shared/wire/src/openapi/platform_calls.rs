//! Schemas of the bodies of calls for platform webhooks and jobs.

use hookrail_domain::limits::{EVENT_BYTES_MAX, NAME_CHARS_MAX, URL_CHARS_MAX};
use hookrail_domain::platform::{EventType, Scope};
use serde_json::json;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, SchemaFormat};

use super::Named;
use super::calls::{closed, echoed, flag, object};
use super::kinds::{one_of, text, time};
use crate::platform_auth::{KEY, SECRET, SIGNATURE};
use crate::platform_webhook;
use crate::webhook_job::call;

const NOT_BLANK: &str = r"\S";

pub(super) fn schemas() -> Vec<Named> {
    let schema = |name: &str, schema: ObjectBuilder| (name.to_owned(), Schema::Object(schema.build()).into());
    vec![
        schema("NewPlatformWebhook", new_webhook()),
        schema(
            "PlatformWebhookChange",
            webhook().description(Some("A change of a webhook. Fields that are left out keep their values.")),
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
    echoed(closed(), platform_webhook::ECHOED)
        .property("name", name)
        .property("type", kind())
        .property("event", one_of(events()).description(Some("An event of the type.")))
        .property("filter", filter())
        .property("url", url())
        .property("authStrategy", auth_strategy())
        .property(
            "isActive",
            flag().description(Some("False deactivates the webhook: no events are sent to it.")),
        )
}

fn new_webhook() -> ObjectBuilder {
    webhook()
        .required("name")
        .required("type")
        .required("event")
        .required("url")
        .description(Some("A new webhook."))
}

fn new_trial() -> ObjectBuilder {
    let event =
        object().description(Some("The event as it is pushed: an object with a field for each record."));
    closed()
        .property("type", kind())
        .property("filter", filter())
        // A URL that is too long or not a template is accepted: the response of the trial reports it.
        .property(
            "url",
            ObjectBuilder::new()
                .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
                .description(Some("A URL with `${…}`, as in a webhook.")),
        )
        .property("event", event)
        .required("type")
        .required("event")
}

fn job_change() -> ObjectBuilder {
    let either = "^([Qq][Uu][Ee][Uu][Ee][Dd]|[Cc][Aa][Nn][Cc][Ee][Ll][Ll][Ee][Dd])$";
    echoed(closed(), call::ECHOED)
        .property(
            "status",
            text().pattern(Some(either)).description(Some("`Queued` or `Cancelled`, in any case.")),
        )
        .property("url", text().pattern(Some(NOT_BLANK)).max_length(Some(URL_CHARS_MAX)))
        .property(
            "scheduledAt",
            time().description(Some(
                "A new time for a job that waits for its time, or the time of the retry of a failed job.",
            )),
        )
}

fn new_job() -> ObjectBuilder {
    let may_be_null = || ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
    let content = text().max_length(Some(EVENT_BYTES_MAX)).description(Some(
        "The body to send, byte for byte: the JSON of a platform event, `{\"event\": {\"type\", \"action\"}, …}`, of \
         the webhook's own type and event if there is one.",
    ));
    echoed(closed(), call::ECHOED)
        .property("webhook", text().description(Some("The name of the webhook of the job.")))
        .property(
            "webhookId",
            may_be_null()
                .description(Some("The id of the webhook. A job without webhook and id is implicit.")),
        )
        .property(
            "url",
            may_be_null().max_length(Some(URL_CHARS_MAX)).description(Some(
                "The URL instead of the webhook's template. Required without a webhook. A URL that begins \
                 with a slash is appended to the URL of the workflow engine.",
            )),
        )
        .property("requestContent", content)
        .property(
            "scheduledAt",
            may_be_null().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).description(Some(
                "The time at which the job joins its queue. Now, if it is left out or past.",
            )),
        )
        .required("requestContent")
        .description(Some("A new job."))
}

fn kind() -> ObjectBuilder {
    one_of(Scope::Space.kinds().map(EventType::name))
        .description(Some("Kapps support `Form` and `Submission` only."))
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
        .description(Some("A JavaScript expression. Blank matches every event."))
}

fn url() -> ObjectBuilder {
    text().pattern(Some(NOT_BLANK)).max_length(Some(URL_CHARS_MAX)).description(Some(
        "A URL with `${…}` in its path and query. A URL that begins with a slash is appended to the URL of the \
         workflow engine.",
    ))
}

fn auth_strategy() -> AnyOfBuilder {
    let property = closed()
        .property("name", one_of([KEY, SECRET]))
        .property(
            "value",
            ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null])),
        )
        .property("sensitive", flag())
        .required("name");
    let set = closed()
        .title(Some("An own signing key"))
        .property("type", one_of([SIGNATURE]))
        .property("properties", ArrayBuilder::new().items(property))
        .required("type")
        .required("properties");
    let none = ObjectBuilder::new().title(Some("None")).schema_type(Type::Null);
    let empty = object().title(Some("An empty object, to clear it")).max_properties(Some(0));
    AnyOfBuilder::new().item(set).item(empty).item(none).description(Some(
        "The properties `Key`, a name, and `Secret`: `whsec_` and base64, or another text of 24 to 64 bytes. They \
         become the key of Standard Webhooks signatures.",
    ))
}
