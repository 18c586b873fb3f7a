//! Items of the Config table.

use aws_sdk_dynamodb::types::AttributeValue;
use hookrail_domain::header::HeaderName;
use hookrail_domain::id::{CompanyId, ContextId, KappSlug, WebhookId};
use hookrail_domain::ingest::{Budget, Pushed};
use hookrail_domain::platform::EventType;
use hookrail_domain::platform::webhook::{PlatformWebhook, Stamp, WebhookScope};
use hookrail_domain::secrets::Credentials;
use hookrail_domain::target::TargetUrl;
use hookrail_domain::time::Millis;
use hookrail_domain::trigger::{Context, Slot, Trigger, TriggerType};
use hookrail_domain::webhook::{Code, CotWebhook, Description, InactiveBecause, Name, Webhook, WebhookKind};
use hookrail_pipeline::store::{StoreError, StoredResponse};
use serde::{Deserialize, Serialize};

use super::{Item, Key, SCHEMA, WEBHOOK_PREFIX, decode, encode};

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
    /// The version of the secrets' item that belongs to the webhook.
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

/// Returns the item of a webhook.
pub fn encode_webhook(webhook: &Webhook) -> Result<Item, StoreError> {
    let cot = webhook.cot();
    let mut item = encode(
        Key::webhook(&webhook.company, webhook.id),
        &WebhookAttributes {
            schema: SCHEMA,
            is_active: webhook.is_active,
            name: webhook.name.as_str().to_owned(),
            code: cot.map(|cot| cot.code.as_str().to_owned()),
            url: cot.map(|cot| cot.url.as_str().to_owned()),
            trigger: cot.map(|cot| cot.trigger.kind().name.to_owned()),
            description: webhook.description.as_ref().map(|text| text.as_str().to_owned()),
            version: webhook.version,
            suspend_after: webhook.suspend_after,
            inactive_because: webhook.inactive_because.map(|InactiveBecause::Gone| GONE.to_owned()),
            headers: webhook.credentials.headers.iter().map(|name| name.as_str().to_owned()).collect(),
            username: webhook.credentials.username.clone(),
            secrets_version: webhook.credentials.version,
            platform: webhook.platform().map(PlatformAttributes::of),
        },
    )?;
    for slot in Slot::ALL {
        if let Some(id) = cot.and_then(|cot| cot.trigger.context().get(slot)) {
            item.insert(slot.name().to_owned(), AttributeValue::S(id.as_str().to_owned()));
        }
    }
    Ok(item)
}

/// Returns the webhook of an item found under `company`.
pub fn decode_webhook(company: &CompanyId, item: Item) -> Result<Webhook, StoreError> {
    const WHAT: StoreError = StoreError::Corrupt { what: "webhook" };
    let key = Key::of(&item)?;
    let context = context(&item).ok_or(WHAT)?;
    let mut attributes: WebhookAttributes = decode(item, "webhook")?;
    let id = key.sort.strip_prefix(WEBHOOK_PREFIX).and_then(|id| WebhookId::parse(id).ok()).ok_or(WHAT)?;
    let face = match attributes.platform.take() {
        Some(platform) => WebhookKind::Platform(Box::new(platform.read().ok_or(WHAT)?)),
        None => WebhookKind::Cot(cot(&attributes, context).ok_or(WHAT)?),
    };
    let headers: Result<_, _> = attributes.headers.iter().map(|name| HeaderName::parse(name)).collect();
    Ok(Webhook {
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

/// Returns the ids of the slots, each an attribute of the slot's name. Earlier versions wrote null for an
/// empty slot.
fn context(item: &Item) -> Option<Context> {
    let filled = Slot::ALL.into_iter().filter_map(|slot| Some((slot, item.get(slot.name())?)));
    let filled = filled.filter(|(_, value)| !value.is_null());
    filled.map(|(slot, value)| Some((slot, ContextId::parse(value.as_s().ok()?).ok()?))).collect()
}

fn cot(attributes: &WebhookAttributes, context: Context) -> Option<CotWebhook> {
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
    #[serde(default, skip_serializing_if = "Option::is_none")] // None of one that was too large to keep.
    body: Option<String>,
    ends_at: u64,
    /// Seconds: DynamoDB's own expiry.
    expires_at: u64,
}

/// Returns the item of a kept response.
pub fn encode_response(key: Key, answer: &StoredResponse) -> Result<Item, StoreError> {
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

/// Returns the kept response of an item.
pub fn decode_response(item: Item) -> Result<StoredResponse, StoreError> {
    let attributes: AnswerAttributes = decode(item, "idempotency key")?;
    Ok(StoredResponse {
        request: attributes.request,
        status: attributes.status,
        body: attributes.body,
        expires_at: Millis(attributes.ends_at),
    })
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PushedAttributes {
    schema: u32,
    window: u64,
    events: u64,
    /// Seconds: DynamoDB's own expiry.
    expires_at: u64,
}

/// Returns the item of the events that a company has pushed while it was limited.
pub fn encode_pushed(company: &CompanyId, Pushed { window, events }: Pushed) -> Result<Item, StoreError> {
    let expires_at = Budget { window, events }.ends_at().unix_seconds();
    encode(Key::pushed(company), &PushedAttributes { schema: SCHEMA, window, events, expires_at })
}

/// Returns the events that a company has pushed.
pub fn decode_pushed(item: Item) -> Result<Pushed, StoreError> {
    let PushedAttributes { window, events, .. } = decode(item, "pushed events")?;
    Ok(Pushed { window, events })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_round_trips() {
        let company = CompanyId::parse("acme").unwrap();
        let mut context = Context::default();
        context.set(Slot::TaskGroup, ContextId::parse("t1").unwrap());
        let webhook = Webhook {
            id: WebhookId::from_bytes([7; 12]),
            company: company.clone(),
            is_active: false,
            name: Name::parse("Name").unwrap(),
            face: WebhookKind::Cot(CotWebhook {
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
        let item = encode_webhook(&webhook).unwrap();
        assert_eq!(Key::of(&item).unwrap(), Key::webhook(&company, webhook.id));
        assert_eq!(decode_webhook(&company, item).unwrap(), webhook);
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
            let webhook = Webhook { face: WebhookKind::Platform(Box::new(platform)), ..webhook.clone() };
            let item = encode_webhook(&webhook).unwrap();
            assert_eq!(decode_webhook(&company, item).unwrap(), webhook);
        }
    }

    #[test]
    fn an_incomplete_item_is_corrupt() {
        let company = CompanyId::parse("acme").unwrap();
        let key = Key::webhook(&company, WebhookId::from_bytes([7; 12]));
        let error = decode_webhook(&company, key.into_item()).unwrap_err();
        assert_eq!(error.to_string(), "an item does not read back: webhook");
    }
}
