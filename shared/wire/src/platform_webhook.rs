//! Webhooks on the platform's records. Fields that are not known are tolerated; writing is exact.
//!
//! Filters and URLs are texts here: whether they are scripts that can be used is for who evaluates them to say.

use hookrail_domain::id::{CompanyId, SubscriptionId};
use hookrail_domain::platform::webhook::{PlatformWebhook, Stamp, WebhookScope, parse_name};
use hookrail_domain::platform::{EventType, Scope};
use hookrail_domain::secrets::Secrets;
use hookrail_domain::signature::SigningSecret;
use hookrail_domain::subscription::{Face, InactiveBecause, Name, Subscription};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use crate::cot_webhook::GONE;
use crate::platform_auth::{self, AuthPatch, KeyChange};
use crate::problem::FieldProblem;
use crate::query::{self, Pairs, QueryReader};
use crate::reader::{Reader, parse_object};
use crate::timestamp;

/// A webhook to be made: everything but what the server gives it.
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
    pub fn into_subscription(
        self,
        id: SubscriptionId,
        (company, scope): (CompanyId, WebhookScope),
        secrets: &Secrets,
        by: Stamp,
    ) -> Subscription {
        Subscription {
            id,
            company,
            is_active: self.is_active,
            name: self.name,
            face: Face::Platform(Box::new(PlatformWebhook {
                scope,
                kind: self.kind,
                event: self.event,
                filter: self.filter,
                url: self.url,
                key: self.key,
                created: by.clone(),
                updated: by,
            })),
            description: None,
            suspend_after: None,
            version: 0,
            inactive_because: None,
            credentials: secrets.credentials(0),
        }
    }
}

/// A change of a webhook. What it does not name stays as it is.
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

/// A changed webhook, and what becomes of the key that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub webhook: Subscription,
    pub key: KeyChange,
}

/// Which webhooks a list is to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookListing {
    /// In the space's list: those of kapps too.
    is_all: bool,
    /// Those behind the one of this token.
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

    /// The webhooks that it shows of such a place: the space's own by name, then those of each kapp.
    #[must_use]
    pub fn choose(&self, mut webhooks: Vec<Subscription>, scope: &WebhookScope) -> Vec<Subscription> {
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

/// A webhook's place in lists. Slugs hold no slash, so that no two webhooks of a company have the same.
fn token(webhook: &Subscription) -> String {
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
        reader.problems.extend(problems);
        (None, KeyChange::Keep)
    });
    match (name, kind, event.flatten(), url) {
        (Some(name), Some(kind), Some(event), Some(url)) if reader.problems.is_empty() => Ok(NewWebhook {
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
        _ => Err(reader.problems),
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
    if reader.problems.is_empty() { Ok(patch) } else { Err(reader.problems) }
}

impl WebhookPatch {
    /// The webhook after the change, at the next version.
    pub fn apply(self, current: &Subscription, by: Stamp) -> Result<Changed, Vec<FieldProblem>> {
        let Some(platform) = current.platform() else {
            return Err(vec![FieldProblem::new("", "the webhook is none on the platform's records")]);
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
                webhook: Subscription {
                    name: self.name.unwrap_or_else(|| current.name.clone()),
                    is_active,
                    inactive_because: current.inactive_because.filter(|_| !is_active),
                    version: current.version + 1,
                    face: Face::Platform(Box::new(PlatformWebhook {
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

/// Absent means "not said"; null means "for every event", as a blank one does.
fn filter(reader: &mut Reader<'_>) -> Option<String> {
    if reader.fields.get("filter") == Some(&Value::Null) {
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
    /// What it is called: unique in its space or kapp.
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    event: &'static str,
    /// A JavaScript expression; blank for every event.
    filter: &'a str,
    /// A URL with `${…}` in its path and query. One that begins with a slash continues the workflow engine's.
    url: &'a str,
    /// Who signs with a key of their own; null if requests are signed with one that was made here.
    #[serde(rename = "authStrategy")]
    auth_strategy: Option<platform_auth::Document<'a>>,
    /// 24 hexadecimal characters: what the webhook is called by the routes that take an id.
    id: String,
    /// Where it is kept: `Space` or `Kapp`.
    #[serde(rename = "scopeType")]
    scope_type: &'static str,
    /// The company, or the slug of the kapp.
    #[serde(rename = "scopeId")]
    scope_id: &'a str,
    /// Whether events are sent to it.
    #[serde(rename = "isActive")]
    is_active: bool,
    /// Why it is inactive, where its endpoint decided that.
    #[serde(rename = "inactiveReason", skip_serializing_if = "Option::is_none")]
    inactive_reason: Option<&'static str>,
    #[serde(rename = "createdAt", skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    /// The name of the token that made it.
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
pub(crate) struct ListDocument {
    #[schema(value_type = Vec<Document<'static>>)]
    webhooks: Vec<Box<RawValue>>,
    /// The `pageToken` of what this answer had no room for; absent behind the last webhook.
    #[serde(rename = "nextPageToken", skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// How much of a webhook is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    #[default]
    Plain,
    /// With who made and who changed it, and when.
    Full,
}

/// One webhook in its envelope.
#[must_use]
pub fn render(webhook: &Subscription, detail: Detail) -> Vec<u8> {
    serde_json::to_vec(&Envelope { webhook: document(webhook, detail) }).unwrap_or_default()
}

/// Webhooks in their envelope: as many as fit into so many bytes, at least one, and the place of the last if there are more.
#[must_use]
pub fn render_list(webhooks: &[Subscription], detail: Detail, bytes_max: usize) -> Vec<u8> {
    let mut list = ListDocument { webhooks: Vec::new(), next_page_token: None };
    let (mut bytes, mut last) = (0, None);
    for webhook in webhooks {
        let Some(shown) = document(webhook, detail).and_then(|shown| to_raw_value(&shown).ok()) else {
            continue;
        };
        bytes += shown.get().len() + 1;
        if bytes_max < bytes && last.is_some() {
            list.next_page_token = last;
            break;
        }
        last = Some(token(webhook));
        list.webhooks.push(shown);
    }
    serde_json::to_vec(&list).unwrap_or_default()
}

/// What kind of place it is, and its name: the company stands for its space.
pub(crate) fn scope_of<'a>(scope: &'a WebhookScope, company: &'a CompanyId) -> (&'static str, &'a str) {
    match scope {
        WebhookScope::Space => ("Space", company.as_str()),
        WebhookScope::Kapp(slug) => ("Kapp", slug.as_str()),
    }
}

/// None of a webhook that is not about the platform's records.
fn document(webhook: &Subscription, detail: Detail) -> Option<Document<'_>> {
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

    fn made(text: &str, scope: WebhookScope) -> Result<Subscription, Vec<FieldProblem>> {
        let new = parse_new(text.as_bytes(), scope.kind())?;
        let secrets = new.secrets(SigningSecret::from_random([7; 32]));
        let home = (CompanyId::parse("acme").unwrap(), scope);
        Ok(new.into_subscription(SubscriptionId::from_bytes([1; 12]), home, &secrets, stamp(0, "ana")))
    }

    fn patched(text: &str, current: &Subscription) -> Result<Changed, Vec<FieldProblem>> {
        parse_patch(text.as_bytes(), Scope::Space)?.apply(current, stamp(5, "ben"))
    }

    const NEW: &str = r#"{"name":"n","type":"Form","event":"Created","url":"https://a.io/"}"#;

    #[track_caller]
    fn refused(result: Result<impl std::fmt::Debug, Vec<FieldProblem>>, fields: &[&str]) {
        let problems = result.unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), fields);
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
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
    fn a_change_raises_the_version_and_says_who_made_it() {
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
    fn a_list_is_cut_between_two_webhooks_and_goes_on_behind_the_last() {
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
        fn a_webhook_that_is_shown_can_be_sent_back_and_nothing_changes(
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
