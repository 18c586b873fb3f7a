//! `COTWebhook` JSON. Empty strings on the wire are absent slots inside.

use std::fmt::Display;

use hookrail_domain::commands::Waiting;
use hookrail_domain::header::HeaderName;
use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::suspension::SUSPEND_AFTER_MAX;
use hookrail_domain::target::{TargetPolicy, TargetUrl};
use hookrail_domain::trigger::{CATALOGUE, Context, Trigger, TriggerType};
use hookrail_domain::webhook::{Code, CotWebhook, Description, InactiveBecause, Name, Webhook, WebhookKind};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::credentials::CredentialsPatch;
use crate::json;
use crate::problem::FieldProblem;
use crate::reader::{Reader, parse_object, whole};

mod context;

/// The fields that callers set and the API shows, in the order of a file of webhooks.
pub const SETTINGS: [&str; 10] = [
    "code",
    "name",
    "description",
    "url",
    "trigger",
    "context",
    "isActive",
    "suspendAfter",
    "headers",
    "basicAuth",
];
/// Fields of a whole document that clients send back. They have no effect: the server assigns them.
pub(crate) const ECHOED: &[&str] = &["_id", "company", "__v", "createdAt", "modifiedAt", "inactiveReason"];
const NOT_BY_CHANGE: &str =
    "cannot be changed here; rotate it with POST /api/v3/webhook/subscription/{id}/secret/rotate";
/// The `inactiveReason` of a webhook whose endpoint is gone.
pub(crate) const GONE: &str = "the endpoint responded 410 Gone";

/// The settings that a call names. What it does not name stays as it is, or as it is at first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Named {
    name: Option<Name>,
    code: Option<Code>,
    url: Option<TargetUrl>,
    trigger: Option<&'static TriggerType>,
    context: Option<Context>,
    description: Option<Option<Description>>,
    is_active: Option<bool>,
    suspend_after: Option<Option<u32>>,
    credentials: CredentialsPatch,
}

impl Named {
    /// Reads every setting. A webhook to be made must have some of them.
    fn read(reader: &mut Reader<'_>, policy: &TargetPolicy, is_new: bool) -> Self {
        Self {
            name: text(reader, is_new, "name", Name::parse),
            code: text(reader, is_new, "code", Code::parse),
            url: text(reader, is_new, "url", |text| TargetUrl::parse(text, policy)),
            trigger: text(reader, is_new, "trigger", find_trigger),
            description: match reader.value("description") {
                Some(Value::Null) if !is_new => Some(None),
                _ => reader.optional("description", Description::parse).map(Some),
            },
            is_active: reader.flag("isActive"),
            suspend_after: suspend_after(reader),
            context: context::read(reader),
            credentials: CredentialsPatch::read(reader),
        }
    }

    /// The trigger with the context that is named, or else its own; none if there is no trigger.
    fn trigger(&self, current: Option<&Trigger>) -> Option<Result<Trigger, FieldProblem>> {
        let kind = self.trigger.or(current.map(Trigger::kind))?;
        let context = self.context.as_ref().or(current.map(Trigger::context));
        let trigger = Trigger::new(kind, context.cloned().unwrap_or_default());
        Some(trigger.map_err(|refused| FieldProblem::new(context::field(refused.slot), refused)))
    }

    /// The webhook of this face with all other settings that are named.
    fn over(self, webhook: Webhook, cot: CotWebhook) -> Webhook {
        let is_active = self.is_active.unwrap_or(webhook.is_active);
        Webhook {
            is_active,
            name: self.name.unwrap_or(webhook.name),
            face: WebhookKind::Cot(cot),
            description: self.description.unwrap_or(webhook.description),
            suspend_after: self.suspend_after.unwrap_or(webhook.suspend_after),
            inactive_because: webhook.inactive_because.filter(|_| !is_active),
            ..webhook
        }
    }
}

fn text<T, E: Display>(
    reader: &mut Reader<'_>,
    is_required: bool,
    field: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    if is_required { reader.required(field, parse) } else { reader.optional(field, parse) }
}

/// A new webhook, without the fields that the server assigns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    pub name: Name,
    pub cot: CotWebhook,
    named: Named,
    /// A signing key that its receiver knows already.
    secret: Option<SigningSecret>,
}

impl NewWebhook {
    /// Its secrets, around the key that it brought or else this one.
    pub fn secrets(&self, made: SigningSecret) -> Result<Secrets, Vec<FieldProblem>> {
        self.named.credentials.apply(&Secrets::new(self.secret.clone().unwrap_or(made)), false)
    }

    /// The stored webhook, at version 0.
    #[must_use]
    pub fn into_webhook(self, id: WebhookId, company: CompanyId, secrets: &Secrets) -> Webhook {
        let face = WebhookKind::Cot(self.cot.clone());
        let made = Webhook::new(company, id, self.name, face, secrets.credentials(0));
        self.named.over(made, self.cot)
    }
}

/// A change of a webhook. Fields that are left out keep their values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookPatch {
    named: Named,
    /// The fields that it names.
    pub fields: Vec<String>,
    /// The fate of waiting events, if the change deactivates the webhook.
    pub waiting: Waiting,
    /// The version that the caller's change is based on.
    pub expected_version: Option<u64>,
}

/// Reads the body of a create call.
pub fn parse_new(bytes: &[u8], policy: &TargetPolicy) -> Result<NewWebhook, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let named = Named::read(&mut reader, policy, true);
    let secret = reader.optional("secret", SigningSecret::parse);
    let trigger = named.trigger(None).transpose().unwrap_or_else(|refused| {
        reader.extend(vec![refused]);
        None
    });
    let problems = reader.close(ECHOED);
    match (named.name.clone(), named.code.clone(), named.url.clone(), trigger) {
        (Some(name), Some(code), Some(url), Some(trigger)) if problems.is_empty() => {
            Ok(NewWebhook { name, cot: CotWebhook { trigger, url, code }, named, secret })
        }
        _ => Err(problems),
    }
}

/// Reads the body of a change.
pub fn parse_patch(bytes: &[u8], policy: &TargetPolicy) -> Result<WebhookPatch, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let named = Named::read(&mut reader, policy, false);
    let expected_version = reader.version("__v");
    let waiting = waiting(&mut reader, named.is_active).unwrap_or_default();
    if reader.value("secret").is_some() {
        reader.refuse("secret", NOT_BY_CHANGE);
    }
    let problems = reader.close(ECHOED);
    if problems.is_empty() {
        Ok(WebhookPatch { named, fields: fields.keys().cloned().collect(), waiting, expected_version })
    } else {
        Err(problems)
    }
}

/// Reads the fate of waiting events, which only a deactivation may give.
pub(crate) fn waiting(reader: &mut Reader<'_>, is_active: Option<bool>) -> Option<Waiting> {
    let waiting = reader.optional("waiting", |text| Waiting::find(text).ok_or("must be keep or drop"))?;
    if is_active != Some(false) {
        reader.refuse("waiting", "needs isActive false next to it");
    }
    Some(waiting)
}

impl WebhookPatch {
    /// The change that activates or deactivates a webhook, and says these fields.
    #[must_use]
    pub fn of_activity(is_active: bool, waiting: Waiting, fields: Vec<String>) -> Self {
        let named = Named { is_active: Some(is_active), ..Named::default() };
        Self { named, waiting, fields, expected_version: None }
    }

    /// Returns true if the change needs the secrets: it changes them, or moves them to another host.
    #[must_use]
    pub fn concerns_secrets(&self, current: &Webhook) -> bool {
        !self.named.credentials.is_empty() || (self.moves(current) && !current.credentials.is_empty())
    }

    /// The secrets after the change.
    pub fn apply_to_secrets(
        &self,
        current: &Webhook,
        secrets: &Secrets,
    ) -> Result<Secrets, Vec<FieldProblem>> {
        self.named.credentials.apply(secrets, self.moves(current))
    }

    fn moves(&self, current: &Webhook) -> bool {
        let url = self.named.url.as_ref().zip(current.cot());
        url.is_some_and(|(url, cot)| !url.is_same_origin(&cot.url))
    }

    /// The webhook after the change, at the next version.
    ///
    /// A new trigger without a context of its own keeps the old context only if every slot still applies.
    pub fn apply(self, current: &Webhook) -> Result<Webhook, Vec<FieldProblem>> {
        let Some(cot) = current.cot() else {
            return Err(vec![FieldProblem::new(
                "",
                "the webhook is a platform webhook; change it by its name",
            )]);
        };
        let mut problems = Vec::new();
        if self.named.code.as_ref().is_some_and(|code| *code != cot.code) {
            problems.push(FieldProblem::new("code", "cannot be changed once saved"));
        }
        let trigger = self.named.trigger(Some(&cot.trigger)).unwrap_or_else(|| Ok(cot.trigger.clone()));
        match trigger {
            Ok(trigger) if problems.is_empty() => {
                let url = self.named.url.clone().unwrap_or_else(|| cot.url.clone());
                let cot = CotWebhook { trigger, url, code: cot.code.clone() };
                let next = Webhook { version: current.version + 1, ..current.clone() };
                Ok(self.named.over(next, cot))
            }
            Ok(_) => Err(problems),
            Err(refused) => {
                problems.push(refused);
                Err(problems)
            }
        }
    }
}

fn suspend_after(reader: &mut Reader<'_>) -> Option<Option<u32>> {
    reader.nullable("suspendAfter", |value| {
        let number = whole(value).and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| *number <= SUSPEND_AFTER_MAX);
        number.ok_or_else(|| format!("must be a whole number from 0 to {SUSPEND_AFTER_MAX}, or null"))
    })
}

pub(crate) fn find_trigger(name: &str) -> Result<&'static TriggerType, String> {
    TriggerType::find(name).ok_or_else(|| {
        let names: Vec<_> = CATALOGUE.iter().map(|entry| entry.name).collect();
        format!("must be one of {}", names.join(", "))
    })
}

#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct Document<'a> {
    /// 24 hexadecimal characters.
    #[serde(rename = "_id")]
    id: String,
    company: &'a str,
    /// False for a deactivated webhook, to which no events are sent.
    #[serde(rename = "isActive")]
    is_active: bool,
    /// The events that the webhook receives.
    trigger: &'a str,
    url: &'a str,
    name: &'a str,
    /// The code by which programs find the webhook. Unique in the company, and never changed.
    code: &'a str,
    /// Narrows the trigger. An empty slot matches everything.
    context: context::Document<'a>,
    /// Raised by one with every change.
    #[serde(rename = "__v")]
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// The reason, if Hookrail deactivated the webhook.
    #[serde(rename = "inactiveReason", skip_serializing_if = "Option::is_none")]
    inactive_reason: Option<&'static str>,
    /// The number of exhausted events in a row that suspends the webhook. The operator's number if absent.
    #[serde(rename = "suspendAfter", skip_serializing_if = "Option::is_none")]
    suspend_after: Option<u32>,
    /// The names of its own headers. Their values are never shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<&'a str>,
    /// The user name of its basic auth. The password is never shown.
    #[serde(rename = "basicAuth", skip_serializing_if = "Option::is_none")]
    basic_auth: Option<BasicAuthDocument<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookBasicAuth)]
pub(crate) struct BasicAuthDocument<'a> {
    username: &'a str,
}

/// The webhook as the API shows it.
#[must_use]
pub fn render(webhook: &Webhook) -> Vec<u8> {
    json::render(&document(webhook))
}

/// The id of a webhook as [`render`] wrote it.
#[must_use]
pub fn id_of(document: &str) -> Option<WebhookId> {
    let document: Value = serde_json::from_str(document).ok()?;
    WebhookId::parse(document.get("_id")?.as_str()?).ok()
}

/// Several webhooks as the API lists them: a bare array.
#[must_use]
pub fn render_list(webhooks: &[Webhook]) -> Vec<u8> {
    let documents: Vec<_> = webhooks.iter().filter_map(document).collect();
    json::render(&documents)
}

/// None of a webhook that has no trigger and context.
fn document(webhook: &Webhook) -> Option<Document<'_>> {
    let cot = webhook.cot()?;
    Some(Document {
        id: webhook.id.to_string(),
        company: webhook.company.as_str(),
        is_active: webhook.is_active,
        trigger: cot.trigger.kind().name,
        url: cot.url.as_str(),
        name: webhook.name.as_str(),
        code: cot.code.as_str(),
        context: context::Document(cot.trigger.context()),
        version: webhook.version,
        description: webhook.description.as_ref().map(Description::as_str),
        suspend_after: webhook.suspend_after,
        inactive_reason: webhook.inactive_because.map(|InactiveBecause::Gone| GONE),
        headers: webhook.credentials.headers.iter().map(HeaderName::as_str).collect(),
        basic_auth: webhook.credentials.username.as_deref().map(|username| BasicAuthDocument { username }),
    })
}

#[cfg(test)]
mod tests {
    use hookrail_domain::id::ContextId;
    use hookrail_domain::trigger::Slot;
    use proptest::collection::btree_map;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const PUBLISHED: &str = include_str!("../fixtures/cot_webhook.json");

    fn new(text: &str) -> Result<NewWebhook, Vec<FieldProblem>> {
        parse_new(text.as_bytes(), &TargetPolicy::default())
    }

    fn secrets() -> Secrets {
        Secrets::new(SigningSecret::from_random([1; 32]))
    }

    fn published() -> Webhook {
        new(PUBLISHED).unwrap().into_webhook(
            WebhookId::parse("62685990d918fb5557f9f992").unwrap(),
            CompanyId::parse("625be93a286ef83c1c0e845f").unwrap(),
            &secrets(),
        )
    }

    #[test]
    fn renders_every_field_of_the_published_webhook() {
        let written: Value = serde_json::from_slice(&render(&published())).unwrap();
        let expected: Value = serde_json::from_str(PUBLISHED).unwrap();
        assert_eq!(written, expected);
        assert_eq!(id_of(&written.to_string()), Some(published().id));
        assert_eq!(id_of("{}"), None);
    }

    #[test]
    fn shows_a_gone_endpoint_until_the_webhook_is_activated() {
        let gone = published().gone();
        let shown: Value = serde_json::from_slice(&render(&gone)).unwrap();
        assert_eq!(shown["inactiveReason"], GONE);
        let patched = |text: &str| {
            parse_patch(text.as_bytes(), &TargetPolicy::default()).unwrap().apply(&gone).unwrap()
        };
        assert_eq!(patched(r#"{"name":"n"}"#).inactive_because, Some(InactiveBecause::Gone));
        assert_eq!(patched(r#"{"isActive":true}"#).inactive_because, None);
    }

    #[test]
    fn a_webhook_can_have_its_own_suspension_threshold() {
        let parse = |text: &str| parse_patch(text.as_bytes(), &TargetPolicy::default());
        let patched = |text: &str, webhook: &Webhook| parse(text).unwrap().apply(webhook).unwrap();
        let own = patched(r#"{"suspendAfter":1}"#, &published());
        assert_eq!((published().suspend_after, own.suspend_after), (None, Some(1)));
        assert_eq!(patched(r#"{"name":"n"}"#, &own).suspend_after, Some(1));
        assert_eq!(patched(r#"{"suspendAfter":null}"#, &own).suspend_after, None);
        for bad in ["-1", "101", "1.5", "\"5\""] {
            refused(parse(&format!("{{\"suspendAfter\":{bad}}}")), &["suspendAfter"]);
        }
    }

    #[test]
    fn a_deactivation_keeps_the_queue_by_default() {
        let parse = |text: &str| parse_patch(text.as_bytes(), &TargetPolicy::default());
        assert_eq!(parse(r#"{"isActive":false}"#).unwrap().waiting, Waiting::Keep);
        assert_eq!(parse(r#"{"isActive":false,"waiting":"drop"}"#).unwrap().waiting, Waiting::Drop);
        refused(parse(r#"{"isActive":false,"waiting":"burn"}"#), &["waiting"]);
        refused(parse(r#"{"waiting":"drop"}"#), &["waiting"]);
        refused(parse(r#"{"isActive":true,"waiting":"keep"}"#), &["waiting"]);
    }

    #[track_caller]
    fn refused(result: Result<impl std::fmt::Debug, Vec<FieldProblem>>, fields: &[&str]) {
        let problems = result.unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), fields);
    }

    #[test]
    fn names_every_bad_field_of_a_webhook_at_once() {
        refused(new("{}"), &["name", "code", "url", "trigger"]);
        refused(
            new(r#"{"name":1,"code":"Bad","url":"nope","trigger":"x","isActive":"yes","description":[]}"#),
            &["name", "code", "url", "trigger", "description", "isActive"],
        );
        refused(new("[]"), &[""]);
        refused(new("{"), &[""]);
    }

    fn with_context(trigger: &str, context: &str) -> String {
        format!(r#"{{"name":"n","code":"c","url":"https://a.io","trigger":"{trigger}","context":{context}}}"#)
    }

    #[test]
    fn contexts_are_checked_slot_by_slot() {
        let task = "create-edit-delete-task";
        for empty in ["{}", r#"{"taskGroup":""}"#, r#"{"survey":"","group":null,"taskGroup":null}"#] {
            assert_eq!(new(&with_context(task, empty)).unwrap().cot.trigger.context(), &Context::default());
        }
        refused(new(&with_context(task, "null")), &["context"]);
        refused(new(&with_context(task, "[]")), &["context"]);
        refused(new(&with_context(task, r#"{"taskGroup":7}"#)), &["context.taskGroup"]);
        refused(new(&with_context(task, r#"{"taskGroup":"a b"}"#)), &["context.taskGroup"]);
        refused(new(&with_context(task, r#"{"survey":"s1"}"#)), &["context.survey"]);
        refused(new(&with_context(task, r#"{"taskgroup":"t1"}"#)), &["context.taskgroup"]);
        refused(
            new(&with_context("create-edit-delete-user", r#"{"taskGroup":"t1"}"#)),
            &["context.taskGroup"],
        );
    }

    fn patched(text: &str) -> Result<Webhook, Vec<FieldProblem>> {
        parse_patch(text.as_bytes(), &TargetPolicy::default())?.apply(&published())
    }

    #[test]
    fn a_patch_keeps_other_fields_and_raises_the_version() {
        let before = published();
        let after = patched(r#"{"name":"New"}"#).unwrap();
        assert_eq!(after, Webhook { name: Name::parse("New").unwrap(), version: 1, ..before });
    }

    #[test]
    fn a_patch_replaces_clears_or_keeps_the_context() {
        let context =
            |text| patched(text).unwrap().cot().unwrap().trigger.context().get(Slot::TaskGroup).cloned();
        assert_eq!(context("{}").unwrap().as_str(), "6261612a8f1e99002e5c8cce");
        assert_eq!(context(r#"{"context":{}}"#), None);
        assert_eq!(context(r#"{"context":{"taskGroup":"t2"}}"#).unwrap().as_str(), "t2");
        refused(patched(r#"{"context":null}"#), &["context"]);
    }

    #[test]
    fn a_patch_cannot_change_the_code_or_leave_an_inapplicable_slot() {
        refused(patched(r#"{"code":"other"}"#), &["code"]);
        assert_eq!(patched(r#"{"code":"wo_update"}"#).unwrap().cot().unwrap().code.as_str(), "wo_update");
        refused(patched(r#"{"trigger":"create-edit-delete-user"}"#), &["context.taskGroup"]);
        assert_eq!(
            patched(r#"{"trigger":"create-edit-delete-user","context":{}}"#)
                .unwrap()
                .cot()
                .unwrap()
                .trigger
                .kind()
                .name,
            "create-edit-delete-user"
        );
    }

    #[test]
    fn a_patch_can_clear_the_description_and_expect_a_version() {
        assert_eq!(patched(r#"{"description":null}"#).unwrap().description, None);
        let patch = parse_patch(br#"{"__v":3}"#, &TargetPolicy::default()).unwrap();
        assert_eq!(patch.expected_version, Some(3));
        refused(patched(r#"{"__v":"3"}"#), &["__v"]);
    }

    #[test]
    fn a_patch_rejects_bad_values_by_field() {
        refused(patched(r#"{"url":"ftp://a.io","name":"","isActive":1}"#), &["name", "url", "isActive"]);
        refused(patched(r#"{"name":null}"#), &["name"]);
    }

    fn any_webhook() -> impl Strategy<Value = Webhook> {
        let id = "[A-Za-z0-9_-]{1,24}".prop_map(|text| ContextId::parse(&text).unwrap());
        let ids = btree_map(select(Slot::ALL.to_vec()), id, 0..=Slot::ALL.len());
        let trigger = (select(CATALOGUE.iter().collect::<Vec<_>>()), ids).prop_map(|(kind, mut ids)| {
            ids.retain(|slot, _| kind.slots.iter().any(|rule| rule.slot == *slot));
            Trigger::new(kind, ids.into_iter().collect()).unwrap()
        });
        let texts =
            ("[A-Za-z]\\PC{0,20}", "[a-z][a-z0-9_]{0,9}", "[A-Za-z0-9/?&=%~é]{0,20}", option::of(".{0,20}"));
        (any::<[u8; 12]>(), (any::<bool>(), option::of(0..=SUSPEND_AFTER_MAX)), trigger, texts, 0..u64::MAX)
            .prop_map(
                |(id, (is_active, suspend_after), trigger, (name, code, path, description), version)| {
                    Webhook {
                        id: WebhookId::from_bytes(id),
                        company: CompanyId::parse("acme").unwrap(),
                        is_active,
                        name: Name::parse(&name).unwrap(),
                        face: WebhookKind::Cot(CotWebhook {
                            trigger,
                            url: TargetUrl::parse(&format!("https://a.io/{path}"), &TargetPolicy::default())
                                .unwrap(),
                            code: Code::parse(&code).unwrap(),
                        }),
                        description: description.map(|text| Description::parse(&text).unwrap()),
                        version,
                        suspend_after,
                        inactive_because: None,
                        credentials: secrets().credentials(0),
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn a_rendered_webhook_works_as_a_new_webhook_and_as_a_patch(shown in any_webhook()) {
            let text = String::from_utf8(render(&shown)).unwrap();
            let made = new(&text).unwrap().into_webhook(shown.id, shown.company.clone(), &secrets());
            prop_assert_eq!(&made, &Webhook { version: 0, ..shown.clone() });
            let patch = parse_patch(text.as_bytes(), &TargetPolicy::default()).unwrap();
            prop_assert_eq!(patch.expected_version, Some(shown.version));
            let next = Webhook { version: shown.version + 1, ..shown.clone() };
            prop_assert_eq!(patch.apply(&shown).unwrap(), next);
        }
    }
}
