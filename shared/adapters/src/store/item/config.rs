//! Items of the Config table.

use hookrail_domain::header::HeaderName;
use hookrail_domain::id::{CompanyId, ContextId, KappSlug, SubscriptionId};
use hookrail_domain::platform::EventType;
use hookrail_domain::platform::webhook::{PlatformWebhook, Stamp, WebhookScope};
use hookrail_domain::secrets::Credentials;
use hookrail_domain::subscription::{
    Code, CotWebhook, Description, Face, InactiveBecause, Name, Subscription,
};
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_domain::trigger::{Context, Slot, Trigger, TriggerType};
use serde::{Deserialize, Serialize};

use super::{Item, Key, SCHEMA, WEBHOOK_PREFIX, decode, encode};
use crate::store::{KeptAnswer, StoreError};

const GONE: &str = "gone";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WebhookAttributes {
    schema: u32,
    is_active: bool,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<String>,
    survey: Option<String>,
    group: Option<String>,
    task_group: Option<String>,
    description: Option<String>,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspend_after: Option<u32>,
    /// `gone`, or absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    inactive_because: Option<String>,
    /// Names only; absent for none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Which version of the secrets' item is the webhook's.
    secrets_version: u64,
    /// In place of code, URL and trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<PlatformAttributes>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlatformAttributes {
    /// Absent for the space.
    #[serde(skip_serializing_if = "Option::is_none")]
    kapp: Option<String>,
    kind: String,
    event: String,
    filter: String,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    created_at: u64,
    created_by: String,
    updated_at: u64,
    updated_by: String,
}

impl PlatformAttributes {
    fn of(platform: &PlatformWebhook) -> Self {
        let PlatformWebhook { scope, kind, event, filter, url, key, created, updated } = platform;
        let kapp = match scope {
            WebhookScope::Space => None,
            WebhookScope::Kapp(slug) => Some(slug.to_string()),
        };
        Self {
            kapp,
            kind: kind.name().to_owned(),
            event: (*event).to_owned(),
            filter: filter.clone(),
            url: url.clone(),
            key: key.clone(),
            created_at: created.at.0,
            created_by: created.by.clone(),
            updated_at: updated.at.0,
            updated_by: updated.by.clone(),
        }
    }

    fn read(self) -> Option<PlatformWebhook> {
        let kind = EventType::parse(&self.kind)?;
        let scope = match self.kapp {
            None => WebhookScope::Space,
            Some(slug) => WebhookScope::Kapp(KappSlug::parse(&slug).ok()?),
        };
        Some(PlatformWebhook {
            scope,
            kind,
            event: kind.events().iter().find(|event| **event == self.event)?,
            filter: self.filter,
            url: self.url,
            key: self.key,
            created: Stamp { at: Millis(self.created_at), by: self.created_by },
            updated: Stamp { at: Millis(self.updated_at), by: self.updated_by },
        })
    }
}

/// The item of a webhook.
pub fn encode_subscription(subscription: &Subscription) -> Result<Item, StoreError> {
    let cot = subscription.cot();
    let context = |slot| cot?.trigger.context().get(slot).map(|id| id.as_str().to_owned());
    encode(
        Key::webhook(&subscription.company, subscription.id),
        &WebhookAttributes {
            schema: SCHEMA,
            is_active: subscription.is_active,
            name: subscription.name.as_str().to_owned(),
            code: cot.map(|cot| cot.code.as_str().to_owned()),
            url: cot.map(|cot| cot.url.as_str().to_owned()),
            trigger: cot.map(|cot| cot.trigger.kind().name.to_owned()),
            survey: context(Slot::Survey),
            group: context(Slot::Group),
            task_group: context(Slot::TaskGroup),
            description: subscription.description.as_ref().map(|text| text.as_str().to_owned()),
            version: subscription.version,
            suspend_after: subscription.suspend_after,
            inactive_because: subscription.inactive_because.map(|InactiveBecause::Gone| GONE.to_owned()),
            headers: subscription.credentials.headers.iter().map(|name| name.as_str().to_owned()).collect(),
            username: subscription.credentials.username.clone(),
            secrets_version: subscription.credentials.version,
            platform: subscription.platform().map(PlatformAttributes::of),
        },
    )
}

/// The webhook of an item found under `company`.
pub fn decode_subscription(company: &CompanyId, item: Item) -> Result<Subscription, StoreError> {
    const WHAT: StoreError = StoreError::Corrupt { what: "webhook" };
    let key = Key::of(&item)?;
    let mut attributes: WebhookAttributes = decode(item, "webhook")?;
    let id =
        key.sort.strip_prefix(WEBHOOK_PREFIX).and_then(|id| SubscriptionId::parse(id).ok()).ok_or(WHAT)?;
    let face = match attributes.platform.take() {
        Some(platform) => Face::Platform(Box::new(platform.read().ok_or(WHAT)?)),
        None => Face::Cot(cot(&attributes).ok_or(WHAT)?),
    };
    let headers: Result<_, _> = attributes.headers.iter().map(|name| HeaderName::parse(name)).collect();
    Ok(Subscription {
        id,
        company: company.clone(),
        is_active: attributes.is_active,
        credentials: Credentials {
            headers: headers.map_err(|_refused| WHAT)?,
            username: attributes.username,
            version: attributes.secrets_version,
        },
        name: Name::parse(&attributes.name).map_err(|_refused| WHAT)?,
        face,
        description: attributes
            .description
            .map(|text| Description::parse(&text))
            .transpose()
            .map_err(|_refused| WHAT)?,
        version: attributes.version,
        suspend_after: attributes.suspend_after,
        inactive_because: match attributes.inactive_because.as_deref() {
            None => None,
            Some(GONE) => Some(InactiveBecause::Gone),
            Some(_) => return Err(WHAT),
        },
    })
}

fn cot(attributes: &WebhookAttributes) -> Option<CotWebhook> {
    let mut context = Context::default();
    for (slot, text) in [
        (Slot::Survey, &attributes.survey),
        (Slot::Group, &attributes.group),
        (Slot::TaskGroup, &attributes.task_group),
    ] {
        if let Some(text) = text {
            context.set(slot, ContextId::parse(text).ok()?);
        }
    }
    Some(CotWebhook {
        trigger: Trigger::new(TriggerType::find(attributes.trigger.as_deref()?)?, context).ok()?,
        url: TargetUrl::parse_unchecked(attributes.url.as_deref()?).ok()?,
        code: Code::parse(attributes.code.as_deref()?).ok()?,
    })
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerAttributes {
    schema: u32,
    request: String,
    status: u16,
    body: String,
    ends_at: u64,
    /// Seconds: DynamoDB's own expiry.
    expires_at: u64,
}

/// The item of a kept answer.
pub fn encode_answer(key: Key, answer: &KeptAnswer) -> Result<Item, StoreError> {
    encode(
        key,
        &AnswerAttributes {
            schema: SCHEMA,
            request: answer.request.clone(),
            status: answer.status,
            body: answer.body.clone(),
            ends_at: answer.expires_at.0,
            expires_at: answer.expires_at.unix_seconds(),
        },
    )
}

/// The kept answer of an item.
pub fn decode_answer(item: Item) -> Result<KeptAnswer, StoreError> {
    let attributes: AnswerAttributes = decode(item, "idempotency key")?;
    Ok(KeptAnswer {
        request: attributes.request,
        status: attributes.status,
        body: attributes.body,
        expires_at: Millis(attributes.ends_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_round_trips() {
        let company = CompanyId::parse("acme").unwrap();
        let mut context = Context::default();
        context.set(Slot::TaskGroup, ContextId::parse("t1").unwrap());
        let subscription = Subscription {
            id: SubscriptionId::from_bytes([7; 12]),
            company: company.clone(),
            is_active: false,
            name: Name::parse("Name").unwrap(),
            face: Face::Cot(CotWebhook {
                trigger: Trigger::new(TriggerType::find("create-edit-delete-task").unwrap(), context)
                    .unwrap(),
                url: TargetUrl::parse_unchecked("https://a.io/x?y=1").unwrap(),
                code: Code::parse("code").unwrap(),
            }),
            description: Some(Description::parse("").unwrap()),
            version: 3,
            suspend_after: Some(1),
            inactive_because: Some(InactiveBecause::Gone),
            credentials: Credentials {
                headers: vec![HeaderName::parse("x-key").unwrap()],
                username: Some("user".to_owned()),
                version: 2,
            },
        };
        let item = encode_subscription(&subscription).unwrap();
        assert_eq!(Key::of(&item).unwrap(), Key::webhook(&company, subscription.id));
        assert_eq!(decode_subscription(&company, item).unwrap(), subscription);
        for scope in [WebhookScope::Space, WebhookScope::Kapp(KappSlug::parse("services").unwrap())] {
            let platform = PlatformWebhook {
                scope,
                kind: EventType::DatastoreForm,
                event: "Restored",
                filter: "form('slug') === 'x'".to_owned(),
                url: "/a/${form('slug')}".to_owned(),
                key: Some("k".to_owned()),
                created: Stamp { at: Millis(1), by: "ana".to_owned() },
                updated: Stamp { at: Millis(2), by: "eva".to_owned() },
            };
            let subscription =
                Subscription { face: Face::Platform(Box::new(platform)), ..subscription.clone() };
            let item = encode_subscription(&subscription).unwrap();
            assert_eq!(decode_subscription(&company, item).unwrap(), subscription);
        }
    }

    #[test]
    fn an_item_that_does_not_read_back_is_corrupt() {
        let company = CompanyId::parse("acme").unwrap();
        let key = Key::webhook(&company, SubscriptionId::from_bytes([7; 12]));
        let error = decode_subscription(&company, key.into_item()).unwrap_err();
        assert_eq!(error.to_string(), "an item does not read back: webhook");
    }
}
