//! What callers send, within the limits that the readers hold them to.

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
use crate::panel_link::SESSION_SECONDS_MIN;

/// A name holds a character that is no blank.
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

fn webhook() -> ObjectBuilder {
    object()
        .property("name", name().description(Some("What people call the webhook.")))
        .property("url", url())
        .property("trigger", trigger())
        .property("context", context())
        .property("isActive", flag().description(Some("Whether events are sent to it.")))
        .property("suspendAfter", suspend_after())
        .property("headers", named("WebhookHeaders"))
        .property("basicAuth", named("WebhookBasicAuthCall"))
}

fn new_webhook() -> ObjectBuilder {
    webhook()
        .property("code", code())
        .property("description", description(Type::String))
        .property("secret", secret())
        .required("name")
        .required("code")
        .required("url")
        .required("trigger")
        .description(Some(
            "A webhook to be made. Other fields are ignored, as the reference system ignores them.",
        ))
}

fn webhook_change() -> ObjectBuilder {
    let nullable = SchemaType::from_iter([Type::String, Type::Null]);
    webhook()
        .property("description", description(nullable))
        .property("waiting", one_of(["keep", "drop"]).description(Some(
            "What becomes of the events that wait, said with isActive false only: kept until the webhook is active \
             again, which is the default, or ended unsent.",
        )))
        .property("__v", whole(0, i64::MAX.unsigned_abs()).description(Some(
            "The version that the change is based on; refused if the webhook is at another one.",
        )))
        .description(Some("What is to change of a webhook; what is not said stays. The code never changes."))
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
    let description = "A COTEvent. Fields that are not named here are sent on as they are, byte for byte.";
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
        overlap.description(Some("How long the replaced secret goes on signing.")),
    )
}

fn new_replay() -> ObjectBuilder {
    let result = one_of(["FAILED", "ALL"]).default(Some(json!("FAILED")));
    closed()
        .property(
            "since",
            nullable_time().description(Some("Events first tried or set aside then or later.")),
        )
        .property("until", nullable_time().description(Some("Events first tried or set aside before then.")))
        .property("result", result.description(Some("Whether accepted events are sent again too.")))
}

fn new_company() -> ObjectBuilder {
    let company = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .pattern(Some(kinds::PLATFORM_ID_PATTERN));
    object().property("company", company.description(Some("Its id; one is made if it is not said.")))
}

fn new_token() -> ObjectBuilder {
    closed()
        .property("name", name())
        .property(
            "company",
            platform_id().description(Some("Whose it is to be; the caller's own by default.")),
        )
        .property("scopes", scopes())
        .property("expiresAt", nullable_time().description(Some("In the future; never, if it is not said.")))
        .required("name")
        .required("scopes")
}

fn new_panel_link() -> ObjectBuilder {
    let seconds = whole(SESSION_SECONDS_MIN, SESSION_SECONDS_MAX).default(Some(json!(SESSION_SECONDS_MAX)));
    closed()
        .property("company", platform_id().description(Some("Whose panel it opens.")))
        .property("scopes", scopes())
        .property("sessionSeconds", seconds.description(Some("How long the session lasts.")))
}

fn panel_code() -> ObjectBuilder {
    closed().property("code", text().description(Some("The link's code."))).required("code")
}

pub(super) fn object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}

/// An object whose reader refuses what it does not know.
fn closed() -> ObjectBuilder {
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
    text()
        .max_length(Some(CODE_CHARS_MAX))
        .pattern(Some(CODE_PATTERN))
        .description(Some("What programs call the webhook: unique in the company, and never changed."))
}

fn description(kind: impl Into<SchemaType>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind).max_length(Some(DESCRIPTION_CHARS_MAX))
}

fn url() -> ObjectBuilder {
    text()
        .format(Some(SchemaFormat::Custom("uri".to_owned())))
        .max_length(Some(URL_CHARS_MAX))
        .description(Some(
            "Where events are sent: https on port 443 of a public address, unless the operator has opened more.",
        ))
}

fn trigger() -> ObjectBuilder {
    one_of(CATALOGUE.iter().map(|kind| kind.name)).description(Some("Which events it gets."))
}

fn context() -> ObjectBuilder {
    let slot = || {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .pattern(Some("^[A-Za-z0-9_-]{0,64}$"))
    };
    Slot::ALL.iter().fold(closed(), |context, kind| context.property(kind.name(), slot())).description(Some(
        "Narrows the trigger; an empty slot does not. Only the trigger's own slots may be filled.",
    ))
}

fn suspend_after() -> ObjectBuilder {
    whole(0, u64::from(SUSPEND_AFTER_MAX))
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .description(Some(
            "After how many events in a row that were given up the webhook is set aside; never at 0, after the \
             operator's number if it is null.",
        ))
}

fn secret() -> ObjectBuilder {
    text().pattern(Some(SECRET_PATTERN)).write_only(true).description(Some(
        "A signing secret that is there already: whsec_ and 24 to 64 bytes in base64. One is made if it is not said.",
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
        .description(Some("Headers of its own by name; null drops one. Values are never shown again."))
}

fn basic_auth() -> ObjectBuilder {
    ObjectBuilder::new()
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
        .description(Some("What is sent, byte for byte; an empty event of the trigger, if it is not said."))
}

fn scopes() -> ArrayBuilder {
    let names = Scope::COMPANY.into_iter().chain([Scope::Operator]).map(Scope::name);
    ArrayBuilder::new().items(one_of(names)).min_items(Some(1))
}
