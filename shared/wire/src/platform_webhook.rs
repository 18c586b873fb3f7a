//! Platform webhooks. Unknown fields are refused; writing is exact.
//!
//! Filters and URLs are texts here: whether they are scripts that can be used is for who evaluates them to say.

use hookrail_domain::id::{CompanyId, WebhookId};
use hookrail_domain::platform::webhook::{PlatformWebhook, Stamp, WebhookScope, parse_name};
use hookrail_domain::platform::{EventType, Scope};
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::webhook::{InactiveBecause, Name, Webhook, WebhookKind};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::cot_webhook::GONE;
use crate::json;
use crate::platform_auth::{self, AuthPatch, KeyChange};
use crate::problem::FieldProblem;
use crate::query::{self, Pairs, QueryReader};
use crate::reader::{Reader, parse_object};
use crate::timestamp;

/// Fields of a whole document that clients send back, older ones of the platform among them. They have no effect.
pub(crate) const ECHOED: &[&str] = &[
    "id",
    "scopeType",
    "scopeId",
    "inactiveReason",
    "createdAt",
    "createdBy",
    "updatedAt",
    "updatedBy",
    "space",
    "kapp",
];

/// A new webhook, without the fields that the server assigns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    pub name: Name,
    pub kind: EventType,
    pub event: &'static str,
    pub filter: String,
    pub url: String,
    is_active: bool,
    key: Option<String>,
    secret: Option<SigningSecret>,
}

impl NewWebhook {
    /// Its secrets, around the key that it brought or else this one.
    #[must_use]
    pub fn secrets(&self, made: SigningSecret) -> Secrets {
        Secrets::new(self.secret.clone().unwrap_or(made))
    }

    /// The stored webhook, at version 0.
    #[must_use]
    pub fn into_webhook(
        self,
        id: WebhookId,
        (company, scope): (CompanyId, WebhookScope),
        secrets: &Secrets,
        by: Stamp,
    ) -> Webhook {
        let face = WebhookKind::Platform(Box::new(PlatformWebhook {
            scope,
            kind: self.kind,
            event: self.event,
            filter: self.filter,
            url: self.url,
            key: self.key,
            created: by.clone(),
            updated: by,
        }));
        Webhook {
            is_active: self.is_active,
            ..Webhook::new(company, id, self.name, face, secrets.credentials(0))
        }
    }
}

/// A change of a webhook. Fields that are left out keep their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookPatch {
    name: Option<Name>,
    kind: Option<EventType>,
    event: Option<String>,
    filter: Option<String>,
    url: Option<String>,
    is_active: Option<bool>,
    auth: AuthPatch,
    /// The fields that it names.
    pub fields: Vec<String>,
}

/// A changed webhook, and the change of its signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub webhook: Webhook,
    pub key: KeyChange,
}

/// The query of a list of webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookListing {
    /// In the list of a space: include webhooks of kapps.
    is_all: bool,
    /// The token of the last webhook of the page before.
    page_token: Option<String>,
}

impl WebhookListing {
    /// Reads the query of a list.
    pub fn parse(query: &Pairs) -> Result<Self, Vec<FieldProblem>> {
        let mut reader = QueryReader::of(query);
        let is_all = reader.read("all", query::flag).unwrap_or(false);
        let page_token = reader.read("pageToken", |text| Ok::<_, FieldProblem>(text.to_owned()));
        if reader.problems.is_empty() { Ok(Self { is_all, page_token }) } else { Err(reader.problems) }
    }

    /// Returns the webhooks of a page: those of the space by name, then those of each kapp.
    #[must_use]
    pub fn choose(&self, mut webhooks: Vec<Webhook>, scope: &WebhookScope) -> Vec<Webhook> {
        webhooks.retain(|webhook| {
            let is_here = webhook.platform().is_some_and(|platform| {
                let takes_all = self.is_all && *scope == WebhookScope::Space;
                takes_all || platform.scope == *scope
            });
            is_here
                && !webhook.is_implicit()
                && self.page_token.as_ref().is_none_or(|last| *last < token(webhook))
        });
        webhooks.sort_by_cached_key(token);
        webhooks
    }
}

/// The position of a webhook in lists. Slugs contain no slash, so positions are unique in a company.
fn token(webhook: &Webhook) -> String {
    let scope = webhook.platform().map(|platform| platform.scope.to_string());
    format!("{}/{}", scope.unwrap_or_default(), webhook.name.as_str())
}

/// Reads the body of a create call for a webhook that is kept there.
pub fn parse_new(bytes: &[u8], scope: Scope) -> Result<NewWebhook, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let name = reader.required("name", parse_name);
    let kind = reader.required("type", |text| find_kind(text, scope));
    let event = reader.required("event", |text| match kind {
        Some(kind) => find_event(text, kind).map(Some),
        // Which events there are is not known before the type is.
        None => Ok(None),
    });
    let filter = filter(&mut reader);
    let url = reader.required("url", parse_url);
    let is_active = reader.flag("isActive");
    let auth = AuthPatch::read(&mut reader).apply(None).unwrap_or_else(|problems| {
        reader.extend(problems);
        (None, KeyChange::Keep)
    });
    let problems = reader.close(ECHOED);
    match (name, kind, event.flatten(), url) {
        (Some(name), Some(kind), Some(event), Some(url)) if problems.is_empty() => Ok(NewWebhook {
            name,
            kind,
            event,
            filter: filter.unwrap_or_default(),
            url,
            is_active: is_active.unwrap_or(true),
            key: auth.0,
            secret: match auth.1 {
                KeyChange::To(secret) => Some(secret),
                KeyChange::Keep | KeyChange::Fresh => None,
            },
        }),
        _ => Err(problems),
    }
}

/// Reads the body of a change of a webhook that is kept there.
pub fn parse_patch(bytes: &[u8], scope: Scope) -> Result<WebhookPatch, Vec<FieldProblem>> {
    let fields = parse_object(bytes)?;
    let mut reader = Reader::of(&fields);
    let patch = WebhookPatch {
        name: reader.optional("name", parse_name),
        kind: reader.optional("type", |text| find_kind(text, scope)),
        event: reader.optional("event", |text| Ok::<_, FieldProblem>(text.to_owned())),
        filter: filter(&mut reader),
        url: reader.optional("url", parse_url),
        is_active: reader.flag("isActive"),
        auth: AuthPatch::read(&mut reader),
        fields: fields.keys().cloned().collect(),
    };
    let problems = reader.close(ECHOED);
    if problems.is_empty() { Ok(patch) } else { Err(problems) }
}

impl WebhookPatch {
    /// The webhook after the change, at the next version.
    pub fn apply(self, current: &Webhook, by: Stamp) -> Result<Changed, Vec<FieldProblem>> {
        let Some(platform) = current.platform() else {
            return Err(vec![FieldProblem::new("", "the webhook is not a platform webhook")]);
        };
        let mut problems = Vec::new();
        let is_renamed = self.name.as_ref().is_some_and(|name| *name != current.name);
        let is_active = self.is_active.unwrap_or(current.is_active);
        if is_renamed && current.is_active && !is_active {
            let reason = "cannot become false in one call with a new name: rename first, then deactivate";
            problems.push(FieldProblem::new("isActive", reason));
        }
        let kind = self.kind.unwrap_or(platform.kind);
        let event = find_event(self.event.as_deref().unwrap_or(platform.event), kind);
        let event = event.map_err(|reason| problems.push(FieldProblem::new("event", reason)));
        let auth = self.auth.apply(platform.key.as_deref()).map_err(|refused| problems.extend(refused));
        match (event, auth) {
            (Ok(event), Ok((key, change))) if problems.is_empty() => Ok(Changed {
                webhook: Webhook {
                    name: self.name.unwrap_or_else(|| current.name.clone()),
                    is_active,
                    inactive_because: current.inactive_because.filter(|_| !is_active),
                    version: current.version + 1,
                    face: WebhookKind::Platform(Box::new(PlatformWebhook {
                        kind,
                        event,
                        filter: self.filter.unwrap_or_else(|| platform.filter.clone()),
                        url: self.url.unwrap_or_else(|| platform.url.clone()),
                        key,
                        updated: by,
                        ..platform.clone()
                    })),
                    ..current.clone()
                },
                key: change,
            }),
            _ => Err(problems),
        }
    }
}

/// Absent means "not given". Null means "every event", as a blank filter does.
fn filter(reader: &mut Reader<'_>) -> Option<String> {
    if reader.value("filter") == Some(&Value::Null) {
        return Some(String::new());
    }
    reader.optional("filter", |text| Ok::<_, FieldProblem>(text.to_owned()))
}

pub(crate) fn parse_url(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("must not be empty") } else { Ok(text.to_owned()) }
}

pub(crate) fn find_kind(text: &str, scope: Scope) -> Result<EventType, String> {
    let offered = EventType::parse(text).filter(|kind| kind.is_offered_in(scope));
    offered.ok_or_else(|| {
        let names: Vec<_> = scope.kinds().map(EventType::name).collect();
        format!("must be one of {}", names.join(", "))
    })
}

fn find_event(text: &str, kind: EventType) -> Result<&'static str, String> {
    let found = kind.event(text);
    found.ok_or_else(|| format!("must be one of {}, for the type {}", kind.events().join(", "), kind.name()))
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformWebhook)]
pub(crate) struct Document<'a> {
    /// The name, unique in the space or kapp.
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    event: &'static str,
    /// A JavaScript expression; blank for every event.
    filter: &'a str,
    /// A URL with `${…}` in its path and query. One that begins with a slash continues the workflow engine's.
    url: &'a str,
    /// The signing key that the owner brought. Null if Hookrail made the key.
    #[serde(rename = "authStrategy")]
    auth_strategy: Option<platform_auth::Document<'a>>,
    /// The id, 24 hexadecimal characters, for the routes that take an id.
    id: String,
    /// `Space` or `Kapp`.
    #[serde(rename = "scopeType")]
    scope_type: &'static str,
    /// The company, or the slug of the kapp.
    #[serde(rename = "scopeId")]
    scope_id: &'a str,
    /// False for a deactivated webhook, to which no events are sent.
    #[serde(rename = "isActive")]
    is_active: bool,
    /// The reason, if Hookrail deactivated the webhook.
    #[serde(rename = "inactiveReason", skip_serializing_if = "Option::is_none")]
    inactive_reason: Option<&'static str>,
    #[serde(rename = "createdAt", skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    /// The name of the token that created the webhook.
    #[serde(rename = "createdBy", skip_serializing_if = "Option::is_none")]
    created_by: Option<&'a str>,
    #[serde(rename = "updatedAt", skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    #[serde(rename = "updatedBy", skip_serializing_if = "Option::is_none")]
    updated_by: Option<&'a str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformWebhookEnvelope)]
pub(crate) struct Envelope<'a> {
    webhook: Option<Document<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PlatformWebhooks)]
pub(crate) struct ListDocument<'a> {
    webhooks: Vec<Document<'a>>,
    /// The `pageToken` of the next page. Absent on the last page.
    #[serde(rename = "nextPageToken", skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// The level of detail of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    #[default]
    Plain,
    /// With the names and times of creation and last change.
    Full,
}

/// One webhook in its envelope.
#[must_use]
pub fn render(webhook: &Webhook, detail: Detail) -> Vec<u8> {
    json::render(&Envelope { webhook: document(webhook, detail) })
}

/// Renders webhooks in their envelope: as many as fit into `bytes_max`, at least one, with a token for the rest.
#[must_use]
pub fn render_list(webhooks: &[Webhook], detail: Detail, bytes_max: usize) -> Vec<u8> {
    let mut list = ListDocument { webhooks: Vec::new(), next_page_token: None };
    let (mut bytes, mut last) = (0, None);
    for webhook in webhooks {
        let Some(shown) = document(webhook, detail) else { continue };
        bytes += json::text(&shown).len() + 1;
        if bytes_max < bytes && last.is_some() {
            list.next_page_token = last;
            break;
        }
        last = Some(token(webhook));
        list.webhooks.push(shown);
    }
    json::render(&list)
}

/// The kind and the name of a scope. The company's id stands for its space.
pub(crate) fn scope_of<'a>(scope: &'a WebhookScope, company: &'a CompanyId) -> (&'static str, &'a str) {
    match scope {
        WebhookScope::Space => ("Space", company.as_str()),
        WebhookScope::Kapp(slug) => ("Kapp", slug.as_str()),
    }
}

/// None of a webhook that is not a platform webhook.
fn document(webhook: &Webhook, detail: Detail) -> Option<Document<'_>> {
    let platform = webhook.platform()?;
    let details = Some(platform).filter(|_| detail == Detail::Full);
    let (scope_type, scope_id) = scope_of(&platform.scope, &webhook.company);
    Some(Document {
        name: webhook.name.as_str(),
        kind: platform.kind.name(),
        event: platform.event,
        filter: &platform.filter,
        url: &platform.url,
        auth_strategy: platform.key.as_deref().map(platform_auth::Document::of),
        id: webhook.id.to_string(),
        scope_type,
        scope_id,
        is_active: webhook.is_active,
        inactive_reason: webhook.inactive_because.map(|InactiveBecause::Gone| GONE),
        created_at: details.map(|platform| timestamp::render(platform.created.at)),
        created_by: details.map(|platform| platform.created.by.as_str()),
        updated_at: details.map(|platform| timestamp::render(platform.updated.at)),
        updated_by: details.map(|platform| platform.updated.by.as_str()),
    })
}

#[cfg(test)]
mod tests {
    use hookrail_domain::time::Millis;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const OWN: &str = "a-secret-of-somebody-s-own";

    fn stamp(at: u64, by: &str) -> Stamp {
        Stamp { at: Millis(at), by: by.to_owned() }
    }

    fn made(text: &str, scope: WebhookScope) -> Result<Webhook, Vec<FieldProblem>> {
        let new = parse_new(text.as_bytes(), scope.kind())?;
        let secrets = new.secrets(SigningSecret::from_random([7; 32]));
        let home = (CompanyId::parse("acme").unwrap(), scope);
        Ok(new.into_webhook(WebhookId::from_bytes([1; 12]), home, &secrets, stamp(0, "ana")))
    }

    fn patched(text: &str, current: &Webhook) -> Result<Changed, Vec<FieldProblem>> {
        parse_patch(text.as_bytes(), Scope::Space)?.apply(current, stamp(5, "ben"))
    }

    const NEW: &str = r#"{"name":"n","type":"Form","event":"Created","url":"https://a.io/"}"#;

    #[track_caller]
    fn refused(result: Result<impl std::fmt::Debug, Vec<FieldProblem>>, fields: &[&str]) {
        let problems = result.unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), fields);
    }

    #[test]
    fn names_every_bad_field_of_a_platform_webhook_at_once() {
        refused(made("{}", WebhookScope::Space), &["name", "type", "event", "url"]);
        refused(
            made(
                r#"{"name":"a?","type":"x","event":"y","filter":1,"url":"","isActive":1,"authStrategy":1}"#,
                WebhookScope::Space,
            ),
            &["name", "type", "filter", "url", "isActive", "authStrategy"],
        );
        let current = made(NEW, WebhookScope::Space).unwrap();
        let key_alone = r#""authStrategy":{"type":"Signature","properties":[{"name":"Key","value":"k"}]}"#;
        refused(
            patched(
                &format!(r#"{{"name":"m","isActive":false,"type":"User","event":"Restored",{key_alone}}}"#),
                &current,
            ),
            &["isActive", "event", "authStrategy.properties.Secret"],
        );
    }

    #[test]
    fn a_platform_change_raises_the_version_and_records_its_author() {
        let before = made(NEW, WebhookScope::Space).unwrap();
        let Changed { webhook, key } = patched(r#"{"filter":"true"}"#, &before).unwrap();
        let (old, new) = (before.platform().unwrap(), webhook.platform().unwrap());
        assert_eq!((webhook.version, key), (1, KeyChange::Keep));
        assert_eq!((&new.created, &new.updated), (&old.created, &stamp(5, "ben")));
        let expected =
            PlatformWebhook { filter: "true".to_owned(), updated: new.updated.clone(), ..old.clone() };
        assert_eq!(*new, expected);
    }

    #[test]
    fn a_platform_list_breaks_between_webhooks_and_continues_after_the_last() {
        let named =
            |name: &str| made(&NEW.replace(r#""n""#, &format!("{name:?}")), WebhookScope::Space).unwrap();
        let all = ["a", "b", "c"].map(named);
        let one = serde_json::to_vec(&document(&all[0], Detail::Plain).unwrap()).unwrap().len() + 1;
        let listed = |bytes_max| {
            let shown: Value = serde_json::from_slice(&render_list(&all, Detail::Plain, bytes_max)).unwrap();
            (shown["webhooks"].as_array().unwrap().len(), shown["nextPageToken"].as_str().map(str::to_owned))
        };
        assert_eq!(listed(3 * one), (3, None));
        assert_eq!(listed(3 * one - 1), (2, Some("/b".to_owned())));
        assert_eq!(listed(0), (1, Some("/a".to_owned())));
    }

    proptest! {
        #[test]
        fn sending_back_a_rendered_platform_webhook_changes_nothing(
            (kind, event) in select(Scope::Space.kinds().flat_map(|kind| {
                kind.events().iter().map(move |event| (kind.name(), *event))
            }).collect::<Vec<_>>()),
            (name, filter, path) in ("[A-Za-z/]\\PC{0,20}", ".{0,20}", "[a-z/]{0,20}"),
            (is_active, is_keyed) in any::<(bool, bool)>(),
        ) {
            let strategy = serde_json::json!({"type": "Signature", "properties": [
                {"name": "Key", "value": "k"}, {"name": "Secret", "value": OWN},
            ]});
            let body = serde_json::json!({
                "name": name, "type": kind, "event": event, "filter": filter, "url": format!("https://a.io/{path}"),
                "isActive": is_active, "authStrategy": Some(strategy).filter(|_| is_keyed),
            });
            prop_assume!(parse_name(&name).is_ok());
            let made = made(&body.to_string(), WebhookScope::Space).unwrap();
            for detail in [Detail::Plain, Detail::Full] {
                let shown: Value = serde_json::from_slice(&render(&made, detail)).unwrap();
                prop_assert!(!shown.to_string().contains(OWN));
                let Changed { webhook, key } = patched(&shown["webhook"].to_string(), &made).unwrap();
                prop_assert_eq!(key, KeyChange::Keep);
                let again: Value = serde_json::from_slice(&render(&webhook, Detail::Plain)).unwrap();
                let plain: Value = serde_json::from_slice(&render(&made, Detail::Plain)).unwrap();
                prop_assert_eq!(again, plain);
            }
        }
    }
}
