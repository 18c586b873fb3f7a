//! `COTWebhook` JSON. Tolerant reading, exact writing: empty strings on the wire are absent slots inside.

use hookrail_domain::header::HeaderName;
use hookrail_domain::id::{CompanyId, ContextId, SubscriptionId};
use hookrail_domain::intervention::Waiting;
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::subscription::{
    Code, CotWebhook, Description, Face, InactiveBecause, Name, Subscription,
};
use hookrail_domain::suspension::SUSPEND_AFTER_MAX;
use hookrail_domain::target::{TargetPolicy, TargetUrl};
use hookrail_domain::trigger::{CATALOGUE, Context, Slot, Trigger, TriggerType};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::credentials::CredentialsPatch;
use crate::problem::FieldProblem;
use crate::reader::{Reader, parse_object, whole};

/// What the API says of a webhook whose endpoint is gone.
pub(crate) const GONE: &str = "the endpoint answered 410 Gone";

/// A webhook to be made: everything but what the server gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubscription {
    pub name: Name,
    pub code: Code,
    pub url: TargetUrl,
    pub trigger: Trigger,
    pub description: Option<Description>,
    pub is_active: bool,
    pub suspend_after: Option<u32>,
    /// A signing key that its receiver knows already.
    pub secret: Option<SigningSecret>,
    credentials: CredentialsPatch,
}

impl NewSubscription {
    /// Its secrets, around the key that it brought or else this one.
    pub fn secrets(&self, made: SigningSecret) -> Result<Secrets, Vec<FieldProblem>> {
        self.credentials.apply(&Secrets::new(self.secret.clone().unwrap_or(made)), false)
    }

    /// The stored webhook, at version 0.
    #[must_use]
    pub fn into_subscription(
        self,
        id: SubscriptionId,
        company: CompanyId,
        secrets: &Secrets,
    ) -> Subscription {
        Subscription {
            id,
            company,
            is_active: self.is_active,
            name: self.name,
            face: Face::Cot(CotWebhook { trigger: self.trigger, url: self.url, code: self.code }),
            description: self.description,
            suspend_after: self.suspend_after,
            version: 0,
            inactive_because: None,
            credentials: secrets.credentials(0),
        }
    }
}

/// A change of a webhook. What it does not name stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriptionPatch {
    name: Option<Name>,
    code: Option<Code>,
    url: Option<TargetUrl>,
    trigger: Option<&'static TriggerType>,
    context: Option<Context>,
    description: Option<Option<Description>>,
    is_active: Option<bool>,
    suspend_after: Option<Option<u32>>,
    credentials: CredentialsPatch,
    /// The fields that it names.
    pub fields: Vec<String>,
    /// What becomes of the events that wait for a webhook that this deactivates.
    pub waiting: Waiting,
    /// The version that the caller's change is based on.
    pub expected_version: Option<u64>,
}

/// Reads the body of a create call.
pub fn parse_new(bytes: &[u8], policy: &TargetPolicy) -> Result<NewSubscription, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let name = reader.required("name", Name::parse);
    let code = reader.required("code", Code::parse);
    let url = reader.required("url", |text| TargetUrl::parse(text, policy));
    let kind = reader.required("trigger", find_trigger);
    let description = reader.optional("description", Description::parse);
    let is_active = reader.flag("isActive");
    let suspend_after = suspend_after(&mut reader);
    let context = context(&mut reader);
    let credentials = CredentialsPatch::read(&mut reader);
    let secret = reader.optional("secret", SigningSecret::parse);
    let trigger = kind.and_then(|kind| trigger(&mut reader, kind, context.unwrap_or_default()));
    match (name, code, url, trigger) {
        (Some(name), Some(code), Some(url), Some(trigger)) if reader.problems.is_empty() => {
            Ok(NewSubscription {
                name,
                code,
                url,
                trigger,
                description,
                is_active: is_active.unwrap_or(true),
                suspend_after: suspend_after.flatten(),
                secret,
                credentials,
            })
        }
        _ => Err(reader.problems),
    }
}

/// Reads the body of a change.
pub fn parse_patch(bytes: &[u8], policy: &TargetPolicy) -> Result<SubscriptionPatch, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let mut patch = SubscriptionPatch {
        name: reader.optional("name", Name::parse),
        code: reader.optional("code", Code::parse),
        url: reader.optional("url", |text| TargetUrl::parse(text, policy)),
        trigger: reader.optional("trigger", find_trigger),
        context: context(&mut reader),
        description: match fields.get("description") {
            Some(Value::Null) => Some(None),
            _ => reader.optional("description", Description::parse).map(Some),
        },
        fields: fields.keys().cloned().collect(),
        is_active: reader.flag("isActive"),
        suspend_after: suspend_after(&mut reader),
        credentials: CredentialsPatch::read(&mut reader),
        waiting: Waiting::default(),
        expected_version: reader.version("__v"),
    };
    patch.waiting = waiting(&mut reader, patch.is_active).unwrap_or_default();
    if reader.problems.is_empty() { Ok(patch) } else { Err(reader.problems) }
}

/// What becomes of the events that wait: said with a deactivation only.
pub(crate) fn waiting(reader: &mut Reader<'_>, is_active: Option<bool>) -> Option<Waiting> {
    let waiting = reader.optional("waiting", |text| Waiting::find(text).ok_or("must be keep or drop"))?;
    if is_active != Some(false) {
        reader.refuse("waiting", "is said with isActive false only");
    }
    Some(waiting)
}

impl SubscriptionPatch {
    /// The change that activates or deactivates a webhook, and says these fields.
    #[must_use]
    pub fn of_activity(is_active: bool, waiting: Waiting, fields: Vec<String>) -> Self {
        Self { is_active: Some(is_active), waiting, fields, ..Self::default() }
    }

    /// Whether the secrets must be read to make this change: it changes them, or takes them to another host.
    #[must_use]
    pub fn concerns_secrets(&self, current: &Subscription) -> bool {
        !self.credentials.is_empty() || (self.moves(current) && !current.credentials.is_empty())
    }

    /// The secrets after the change.
    pub fn apply_to_secrets(
        &self,
        current: &Subscription,
        secrets: &Secrets,
    ) -> Result<Secrets, Vec<FieldProblem>> {
        self.credentials.apply(secrets, self.moves(current))
    }

    fn moves(&self, current: &Subscription) -> bool {
        let url = self.url.as_ref().zip(current.cot());
        url.is_some_and(|(url, cot)| !url.is_same_origin(&cot.url))
    }

    /// The webhook after the change, at the next version.
    ///
    /// A new trigger without a context of its own keeps the old context only if every slot still applies.
    pub fn apply(self, current: &Subscription) -> Result<Subscription, Vec<FieldProblem>> {
        let Some(cot) = current.cot() else {
            return Err(vec![FieldProblem::new("", "the webhook is none with a trigger and a context")]);
        };
        let mut problems = Vec::new();
        if self.code.is_some_and(|code| code != cot.code) {
            problems.push(FieldProblem::new("code", "cannot be changed once saved"));
        }
        let kind = self.trigger.unwrap_or_else(|| cot.trigger.kind());
        let context = self.context.unwrap_or_else(|| cot.trigger.context().clone());
        let is_active = self.is_active.unwrap_or(current.is_active);
        match Trigger::new(kind, context) {
            Ok(trigger) if problems.is_empty() => Ok(Subscription {
                face: Face::Cot(CotWebhook {
                    trigger,
                    url: self.url.unwrap_or_else(|| cot.url.clone()),
                    code: cot.code.clone(),
                }),
                is_active,
                inactive_because: current.inactive_because.filter(|_| !is_active),
                suspend_after: self.suspend_after.unwrap_or(current.suspend_after),
                name: self.name.unwrap_or_else(|| current.name.clone()),
                description: self.description.unwrap_or_else(|| current.description.clone()),
                version: current.version + 1,
                ..current.clone()
            }),
            Ok(_) => Err(problems),
            Err(refused) => {
                problems.push(FieldProblem::new(context_field(refused.slot), refused));
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

fn trigger(reader: &mut Reader<'_>, kind: &'static TriggerType, context: Context) -> Option<Trigger> {
    match Trigger::new(kind, context) {
        Ok(trigger) => Some(trigger),
        Err(refused) => {
            reader.refuse(&context_field(refused.slot), refused);
            None
        }
    }
}

/// Absent means "not said"; an object replaces the whole context, its empty slots matching everything.
fn context(reader: &mut Reader<'_>) -> Option<Context> {
    let fields = match reader.fields.get("context") {
        None => return None,
        Some(Value::Object(fields)) => fields,
        Some(_) => {
            reader.refuse("context", "must be an object; write {} to clear it");
            return None;
        }
    };
    let mut context = Context::default();
    for slot in Slot::ALL {
        match fields.get(slot.name()) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() => {}
            Some(Value::String(text)) => match ContextId::parse(text) {
                Ok(id) => context.set(slot, id),
                Err(error) => reader.refuse(&context_field(slot), error),
            },
            Some(_) => reader.refuse(&context_field(slot), "must be a string"),
        }
    }
    for field in fields.keys().filter(|field| Slot::ALL.iter().all(|slot| slot.name() != *field)) {
        // A misspelt slot would silently widen the webhook to the whole company.
        reader.refuse(&format!("context.{field}"), "is no context field");
    }
    Some(context)
}

fn context_field(slot: Slot) -> String {
    format!("context.{}", slot.name())
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
    /// Whether events are sent to it.
    #[serde(rename = "isActive")]
    is_active: bool,
    /// Which events it gets.
    trigger: &'a str,
    url: &'a str,
    name: &'a str,
    /// What programs call it: unique in the company, and never changed.
    code: &'a str,
    /// Narrows the trigger; an empty slot does not.
    context: ContextDocument<'a>,
    /// Raised by one with every change.
    #[serde(rename = "__v")]
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// Why it is inactive, if nobody decided it.
    #[serde(rename = "inactiveReason", skip_serializing_if = "Option::is_none")]
    inactive_reason: Option<&'static str>,
    /// After how many events in a row that were given up it is set aside; the operator's number if absent.
    #[serde(rename = "suspendAfter", skip_serializing_if = "Option::is_none")]
    suspend_after: Option<u32>,
    /// Names; the values are never shown.
    /// The names of its own headers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<&'a str>,
    /// The user name of its basic auth.
    #[serde(rename = "basicAuth", skip_serializing_if = "Option::is_none")]
    basic_auth: Option<BasicAuthDocument<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookBasicAuth)]
pub(crate) struct BasicAuthDocument<'a> {
    username: &'a str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookContext)]
pub(crate) struct ContextDocument<'a> {
    survey: &'a str,
    group: &'a str,
    #[serde(rename = "taskGroup")]
    task_group: &'a str,
}

/// The webhook as the API shows it.
#[must_use]
pub fn render(subscription: &Subscription) -> Vec<u8> {
    serde_json::to_vec(&document(subscription)).unwrap_or_default()
}

/// The id of a webhook as [`render`] wrote it.
#[must_use]
pub fn id_of(document: &str) -> Option<SubscriptionId> {
    let document: Value = serde_json::from_str(document).ok()?;
    SubscriptionId::parse(document.get("_id")?.as_str()?).ok()
}

/// Several webhooks as the API lists them: a bare array.
#[must_use]
pub fn render_list(subscriptions: &[Subscription]) -> Vec<u8> {
    let documents: Vec<_> = subscriptions.iter().filter_map(document).collect();
    serde_json::to_vec(&documents).unwrap_or_default()
}

/// None of a webhook that has no trigger and context.
fn document(subscription: &Subscription) -> Option<Document<'_>> {
    let cot = subscription.cot()?;
    let slot = |slot| cot.trigger.context().get(slot).map_or("", ContextId::as_str);
    Some(Document {
        id: subscription.id.to_string(),
        company: subscription.company.as_str(),
        is_active: subscription.is_active,
        trigger: cot.trigger.kind().name,
        url: cot.url.as_str(),
        name: subscription.name.as_str(),
        code: cot.code.as_str(),
        context: ContextDocument {
            survey: slot(Slot::Survey),
            group: slot(Slot::Group),
            task_group: slot(Slot::TaskGroup),
        },
        version: subscription.version,
        description: subscription.description.as_ref().map(Description::as_str),
        suspend_after: subscription.suspend_after,
        inactive_reason: subscription.inactive_because.map(|InactiveBecause::Gone| GONE),
        headers: subscription.credentials.headers.iter().map(HeaderName::as_str).collect(),
        basic_auth: subscription
            .credentials
            .username
            .as_deref()
            .map(|username| BasicAuthDocument { username }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const PUBLISHED: &str = include_str!("../fixtures/cot_webhook.json");

    fn new(text: &str) -> Result<NewSubscription, Vec<FieldProblem>> {
        parse_new(text.as_bytes(), &TargetPolicy::default())
    }

    fn secrets() -> Secrets {
        Secrets::new(SigningSecret::from_random([1; 32]))
    }

    fn published() -> Subscription {
        new(PUBLISHED).unwrap().into_subscription(
            SubscriptionId::parse("62685990d918fb5557f9f992").unwrap(),
            CompanyId::parse("625be93a286ef83c1c0e845f").unwrap(),
            &secrets(),
        )
    }

    #[test]
    fn the_published_webhook_comes_back_field_for_field() {
        let written: Value = serde_json::from_slice(&render(&published())).unwrap();
        let expected: Value = serde_json::from_str(PUBLISHED).unwrap();
        assert_eq!(written, expected);
        assert_eq!(id_of(&written.to_string()), Some(published().id));
        assert_eq!(id_of("{}"), None);
    }

    #[test]
    fn a_webhook_whose_endpoint_is_gone_says_so_until_it_is_activated() {
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
    fn a_webhook_may_have_its_own_number_of_give_ups() {
        let parse = |text: &str| parse_patch(text.as_bytes(), &TargetPolicy::default());
        let patched = |text: &str, webhook: &Subscription| parse(text).unwrap().apply(webhook).unwrap();
        let own = patched(r#"{"suspendAfter":1}"#, &published());
        assert_eq!((published().suspend_after, own.suspend_after), (None, Some(1)));
        assert_eq!(patched(r#"{"name":"n"}"#, &own).suspend_after, Some(1));
        assert_eq!(patched(r#"{"suspendAfter":null}"#, &own).suspend_after, None);
        for bad in ["-1", "101", "1.5", "\"5\""] {
            refused(parse(&format!("{{\"suspendAfter\":{bad}}}")), &["suspendAfter"]);
        }
    }

    #[test]
    fn what_waits_is_kept_unless_a_deactivation_says_otherwise() {
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
    fn every_bad_field_is_named_at_once() {
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
            assert_eq!(new(&with_context(task, empty)).unwrap().trigger.context(), &Context::default());
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

    fn patched(text: &str) -> Result<Subscription, Vec<FieldProblem>> {
        parse_patch(text.as_bytes(), &TargetPolicy::default())?.apply(&published())
    }

    #[test]
    fn a_patch_keeps_what_it_does_not_name_and_raises_the_version() {
        let before = published();
        let after = patched(r#"{"name":"New"}"#).unwrap();
        assert_eq!(after, Subscription { name: Name::parse("New").unwrap(), version: 1, ..before });
    }

    #[test]
    fn a_patch_replaces_clears_or_keeps_the_context() {
        let context = |text| patched(text).unwrap().cot().unwrap().trigger.context().task_group.clone();
        assert_eq!(context("{}").unwrap().as_str(), "6261612a8f1e99002e5c8cce");
        assert_eq!(context(r#"{"context":{}}"#), None);
        assert_eq!(context(r#"{"context":{"taskGroup":"t2"}}"#).unwrap().as_str(), "t2");
        refused(patched(r#"{"context":null}"#), &["context"]);
    }

    #[test]
    fn a_patch_cannot_change_the_code_or_strand_a_slot() {
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
    fn a_patch_can_empty_the_description_and_state_its_version() {
        assert_eq!(patched(r#"{"description":null}"#).unwrap().description, None);
        let patch = parse_patch(br#"{"__v":3}"#, &TargetPolicy::default()).unwrap();
        assert_eq!(patch.expected_version, Some(3));
        refused(patched(r#"{"__v":"3"}"#), &["__v"]);
    }

    #[test]
    fn a_patch_refuses_bad_values_by_field() {
        refused(patched(r#"{"url":"ftp://a.io","name":"","isActive":1}"#), &["name", "url", "isActive"]);
        refused(patched(r#"{"name":null}"#), &["name"]);
    }

    fn any_subscription() -> impl Strategy<Value = Subscription> {
        let id = || option::of("[A-Za-z0-9_-]{1,24}".prop_map(|text| ContextId::parse(&text).unwrap()));
        let trigger = (select(CATALOGUE.iter().collect::<Vec<_>>()), id(), id(), id()).prop_map(
            |(kind, survey, group, task_group)| {
                let mut context = Context { survey, group, task_group };
                for (slot, id) in [
                    (Slot::Survey, &mut context.survey),
                    (Slot::Group, &mut context.group),
                    (Slot::TaskGroup, &mut context.task_group),
                ] {
                    id.take_if(|_| !kind.slots.iter().any(|rule| rule.slot == slot));
                }
                Trigger::new(kind, context).unwrap()
            },
        );
        let texts =
            ("[A-Za-z]\\PC{0,20}", "[a-z][a-z0-9_]{0,9}", "[A-Za-z0-9/?&=%~é]{0,20}", option::of(".{0,20}"));
        (any::<[u8; 12]>(), (any::<bool>(), option::of(0..=SUSPEND_AFTER_MAX)), trigger, texts, 0..u64::MAX)
            .prop_map(
                |(id, (is_active, suspend_after), trigger, (name, code, path, description), version)| {
                    Subscription {
                        id: SubscriptionId::from_bytes(id),
                        company: CompanyId::parse("acme").unwrap(),
                        is_active,
                        name: Name::parse(&name).unwrap(),
                        face: Face::Cot(CotWebhook {
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
        fn a_webhook_that_is_shown_can_be_sent_back_as_a_new_one_and_as_a_change(shown in any_subscription()) {
            let text = String::from_utf8(render(&shown)).unwrap();
            let made = new(&text).unwrap().into_subscription(shown.id, shown.company.clone(), &secrets());
            prop_assert_eq!(&made, &Subscription { version: 0, ..shown.clone() });
            let patch = parse_patch(text.as_bytes(), &TargetPolicy::default()).unwrap();
            prop_assert_eq!(patch.expected_version, Some(shown.version));
            let next = Subscription { version: shown.version + 1, ..shown.clone() };
            prop_assert_eq!(patch.apply(&shown).unwrap(), next);
        }
    }
}
