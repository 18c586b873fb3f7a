//! Schemas of the bodies of calls, with the limits that their readers enforce.

use hookrail_domain::limits::{
    BASIC_AUTH_CHARS_MAX, CODE_CHARS_MAX, DESCRIPTION_CHARS_MAX, EVENTS_PER_CALL_MAX, HEADER_NAME_BYTES_MAX,
    HEADER_VALUE_BYTES_MAX, HEADERS_MAX, NAME_CHARS_MAX, SECRET_OVERLAP_SECONDS_MAX, URL_CHARS_MAX,
};
use hookrail_domain::secrets::SECRET_OVERLAP_SECONDS;
use hookrail_domain::suspension::SUSPEND_AFTER_MAX;
use hookrail_domain::token::{SESSION_SECONDS_MAX, Scope};
use hookrail_domain::trigger::{CATALOGUE, Slot, TriggerType};
use serde_json::json;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};

use super::kinds::{id, one_of, platform_id, text, time, whole};
use super::{Named, kinds, named};
use crate::bulk::WEBHOOKS_PER_CALL_MAX;
use crate::cot_webhook;
use crate::panel_link::SESSION_SECONDS_MIN;

/// A name has at least one character that is not a space.
const NAME_PATTERN: &str = r"\S";
const CODE_PATTERN: &str = "^[a-z][_a-z0-9]*$";
const HEADER_NAME_PATTERN: &str = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";
const HEADER_VALUE_PATTERN: &str = r"^[!-~]([\t -~]*[!-~])?$";
/// 24 to 64 bytes in base64.
const SECRET_PATTERN: &str = concat!(
    "^whsec_(([A-Za-z0-9+/]{4}){8,20}",
    "([A-Za-z0-9+/]{4}|[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?",
    "|([A-Za-z0-9+/]{4}){21}[A-Za-z0-9+/][AQgw]==)$",
);

pub(super) fn schemas() -> Vec<Named> {
    let schema = |name: &str, schema: ObjectBuilder| (name.to_owned(), Schema::Object(schema.build()).into());
    vec![
        schema("WebhookHeaders", headers()),
        schema("WebhookBasicAuthCall", basic_auth()),
        schema("NewWebhook", new_webhook()),
        schema("WebhookChange", webhook_change()),
        schema("BulkChange", bulk_change()),
        ("NewEvent".to_owned(), event()),
        ("NewEvents".to_owned(), events()),
        schema("NewTest", new_test()),
        schema("NewBareTest", new_bare_test()),
        schema("Rotation", rotation()),
        schema("NewReplay", new_replay()),
        schema("NewCompany", new_company()),
        schema("NewToken", new_token()),
        schema("NewPanelLink", new_panel_link()),
        schema("PanelCode", panel_code()),
    ]
}

/// Fields that a reader accepts without an effect, because clients send back whole documents.
pub(super) fn echoed(object: ObjectBuilder, names: &[&str]) -> ObjectBuilder {
    let any = || {
        let any = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        any.description(Some("Assigned by the server. Accepted in a call without an effect."))
    };
    names.iter().fold(object, |object, name| object.property(*name, any()))
}

fn webhook() -> ObjectBuilder {
    closed()
        .property("name", name().description(Some("The display name of the webhook.")))
        .property("url", url())
        .property("trigger", trigger())
        .property("context", context())
        .property(
            "isActive",
            flag().description(Some("False deactivates the webhook: no events are sent to it.")),
        )
        .property("suspendAfter", suspend_after())
        .property("headers", named("WebhookHeaders"))
        .property("basicAuth", named("WebhookBasicAuthCall"))
}

fn new_webhook() -> ObjectBuilder {
    echoed(webhook(), cot_webhook::ECHOED)
        .property("code", code())
        .property("description", description(Type::String))
        .property("secret", secret())
        .required("name")
        .required("code")
        .required("url")
        .required("trigger")
        .description(Some("A new webhook."))
}

fn webhook_change() -> ObjectBuilder {
    let nullable = SchemaType::from_iter([Type::String, Type::Null]);
    echoed(webhook(), cot_webhook::ECHOED)
        .property("code", code())
        .property("description", description(nullable))
        .property("waiting", one_of(["keep", "drop"]).description(Some(
            "The fate of waiting events, with isActive false only: `keep` keeps them until the webhook is active \
             again, which is the default; `drop` ends them unsent.",
        )))
        .property("__v", whole(0, i64::MAX.unsigned_abs()).description(Some(
            "The version that the change is based on. The call is refused if the webhook has another version.",
        )))
        .description(Some("A change of a webhook. Fields that are left out keep their values. `code` must be the webhook's own."))
}

fn bulk_change() -> ObjectBuilder {
    let ids = ArrayBuilder::new()
        .items(id())
        .min_items(Some(1))
        .max_items(Some(WEBHOOKS_PER_CALL_MAX))
        .unique_items(true);
    closed()
        .property("ids", ids)
        .property("isActive", flag())
        .property("waiting", one_of(["keep", "drop"]).description(Some("As in a change of one webhook.")))
        .required("ids")
        .required("isActive")
}

/// One shape for each kind of event that can be pushed; our own are made by the service itself.
fn event() -> RefOr<Schema> {
    let pushed = CATALOGUE.iter().filter(|kind| !kind.is_operational());
    let any = pushed.fold(AnyOfBuilder::new(), |any, kind| any.item(event_of(kind)));
    let description = "A COTEvent. Other fields are allowed. The event is sent as it is, byte for byte.";
    Schema::from(any.description(Some(description)).build()).into()
}

fn event_of(kind: &TriggerType) -> ObjectBuilder {
    object()
        .title(Some(kind.label))
        .property("company", platform_id().description(Some("The token's company.")))
        .property("type", one_of([kind.subject]))
        .property("event", one_of(kind.actions.iter().copied()))
        .property("data", ObjectBuilder::new().schema_type(SchemaType::AnyValue))
        .required("company")
        .required("type")
        .required("event")
}

fn events() -> RefOr<Schema> {
    let many =
        ArrayBuilder::new().items(named("NewEvent")).min_items(Some(1)).max_items(Some(EVENTS_PER_CALL_MAX));
    Schema::from(AnyOfBuilder::new().item(named("NewEvent")).item(many).build()).into()
}

fn new_test() -> ObjectBuilder {
    closed().property("event", test_event())
}

fn new_bare_test() -> ObjectBuilder {
    closed()
        .property("url", url())
        .property("trigger", trigger())
        .property("event", test_event())
        .required("url")
        .required("trigger")
}

fn rotation() -> ObjectBuilder {
    let overlap = whole(0, SECRET_OVERLAP_SECONDS_MAX).default(Some(json!(SECRET_OVERLAP_SECONDS)));
    closed().property("secret", secret()).property(
        "overlapSeconds",
        overlap.description(Some("The time for which the replaced secret continues to sign, in seconds.")),
    )
}

fn new_replay() -> ObjectBuilder {
    let result = one_of(["FAILED", "ALL"]).default(Some(json!("FAILED")));
    closed()
        .property(
            "since",
            nullable_time().description(Some("Events first attempted or parked at this time or later.")),
        )
        .property(
            "until",
            nullable_time().description(Some("Events first attempted or parked before this time.")),
        )
        .property(
            "result",
            result.description(Some("`FAILED` replays failed events. `ALL` replays accepted events too.")),
        )
}

fn new_company() -> ObjectBuilder {
    let company = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .pattern(Some(kinds::PLATFORM_ID_PATTERN));
    closed().property("company", company.description(Some("Its id. Hookrail makes one if it is left out.")))
}

fn new_token() -> ObjectBuilder {
    closed()
        .property("name", name())
        .property(
            "company",
            platform_id().description(Some("The company of the token. The caller's company by default.")),
        )
        .property("scopes", scopes())
        .property(
            "expiresAt",
            nullable_time()
                .description(Some("A time in the future. The token never expires if it is left out.")),
        )
        .required("name")
        .required("scopes")
}

fn new_panel_link() -> ObjectBuilder {
    let seconds = whole(SESSION_SECONDS_MIN, SESSION_SECONDS_MAX).default(Some(json!(SESSION_SECONDS_MAX)));
    closed()
        .property("company", platform_id().description(Some("The company whose panel the link opens.")))
        .property("scopes", scopes())
        .property("sessionSeconds", seconds.description(Some("The duration of the session, in seconds.")))
}

fn panel_code() -> ObjectBuilder {
    closed().property("code", text().description(Some("The link's code."))).required("code")
}

pub(super) fn object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

/// An object whose reader refuses unknown fields.
pub(super) fn closed() -> ObjectBuilder {
    object().additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

pub(super) fn flag() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

fn nullable_time() -> ObjectBuilder {
    time().schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

fn name() -> ObjectBuilder {
    text().min_length(Some(1)).max_length(Some(NAME_CHARS_MAX)).pattern(Some(NAME_PATTERN))
}

fn code() -> ObjectBuilder {
    text().max_length(Some(CODE_CHARS_MAX)).pattern(Some(CODE_PATTERN)).description(Some(
        "The code by which programs find the webhook. Unique in the company, and never changed.",
    ))
}

fn description(kind: impl Into<SchemaType>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind).max_length(Some(DESCRIPTION_CHARS_MAX))
}

fn url() -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom("uri".to_owned()))).max_length(Some(URL_CHARS_MAX)).description(
        Some("The endpoint: https on port 443 of a public address, unless the operator allows more."),
    )
}

fn trigger() -> ObjectBuilder {
    one_of(CATALOGUE.iter().map(|kind| kind.name)).description(Some("The events that the webhook receives."))
}

fn context() -> ObjectBuilder {
    let slot = || {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .pattern(Some("^[A-Za-z0-9_-]{0,64}$"))
    };
    Slot::ALL.iter().fold(closed(), |context, kind| context.property(kind.name(), slot())).description(Some(
        "Narrows the trigger. An empty slot matches everything. Only slots of the trigger may be filled.",
    ))
}

fn suspend_after() -> ObjectBuilder {
    whole(0, u64::from(SUSPEND_AFTER_MAX))
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .description(Some(
            "The number of exhausted events in a row that suspends the webhook. 0 never suspends. Null uses the \
             operator's number.",
        ))
}

fn secret() -> ObjectBuilder {
    text().pattern(Some(SECRET_PATTERN)).write_only(true).description(Some(
        "An existing signing secret: whsec_ and 24 to 64 bytes in base64. Hookrail makes one if it is left out.",
    ))
}

fn headers() -> ObjectBuilder {
    let value = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .pattern(Some(HEADER_VALUE_PATTERN))
        .max_length(Some(HEADER_VALUE_BYTES_MAX));
    let header =
        text().pattern(Some(HEADER_NAME_PATTERN)).min_length(Some(1)).max_length(Some(HEADER_NAME_BYTES_MAX));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .property_names(Some(Schema::Object(header.build())))
        .additional_properties(Some(value))
        .max_properties(Some(HEADERS_MAX))
        .write_only(true)
        .description(Some(
            "Additional request headers by name. Null removes a header. Values are never shown again.",
        ))
}

fn basic_auth() -> ObjectBuilder {
    closed()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .property("username", credential(r"^[^:\x00-\x1f\x7f-\x9f]*$"))
        .property("password", credential(r"^[^\x00-\x1f\x7f-\x9f]*$").write_only(true))
        .required("username")
        .required("password")
        .description(Some("A user name and a password for the endpoint. The password is never shown again."))
}

fn credential(pattern: &str) -> ObjectBuilder {
    text().max_length(Some(BASIC_AUTH_CHARS_MAX)).pattern(Some(pattern))
}

fn test_event() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some("The event to send, byte for byte. An empty event of the trigger by default."))
}

fn scopes() -> ArrayBuilder {
    let names = Scope::COMPANY.into_iter().chain([Scope::Operator]).map(Scope::name);
    ArrayBuilder::new().items(one_of(names)).min_items(Some(1))
}
