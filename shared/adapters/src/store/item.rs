//! The items of both tables: keys, attributes, and their conversion to domain types.
//!
//! ```text
//! Config table
//!   company#<company>          company                     version, subscriptions
//!   company#<company>          webhook#<id>                a webhook, no secret
//!   company#<company>          secret#<id>                 its signing keys, header values and password
//!   company#<company>          code#<code>                 keeps the code unique
//!   company#<company>          name#<hash>                 keeps a platform webhook's name unique in its scope
//!   company#<company>          idempotency#<hash>          a kept response, expires
//!   company#<company>          pushed                      its events in the newest window of the ingest limit, expires
//!   company#<company>          token#<id>                  a token in its owner's list
//!   operator                   token#<id>                  an operator's
//!   token#<sha256>             token                       the same token, to be found by its hash
//!   link#<sha256>              link                        a link into the panel, deleted by its exchange
//!   audit#<company>            at#<20 digits>#<10 digits>  an audit entry, expires; `audit` for the operator's
//! Log table
//!   <company>#<webhook>        line                        the queue's state; in the index `due` while it has a backlog
//!   <company>#<webhook>        seq#<20 digits>#<6 digits>  one attempt; an event's first one is in the index `event`
//!   <company>#<webhook>        job#<delivery>              a webhook job; in the index `jobs`, and in `due` until it is queued
//!   <company>#<webhook>        content#<delivery>          the content of a job that waits for its time, expires
//!   <company>#<webhook>        test#<20 digits>#<10 digits> a test send, expires
//!   rejected#<company>         event#<id>                  a rejected event, expires; `rejected` without a company
//!   rejected#<company>         part#<id>#<number>          more of it, if it is larger than an event may be
//! ```
//!
//! Every item has a `schema` number; attributes are camelCase. Decoding refuses what it does not understand.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::audit::AuditPosition;
use hookrail_domain::id::{CompanyId, DeliveryId, RejectedId, WebhookId, hash_parts, hex};
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::test_row::TestPosition;
use hookrail_domain::token::{Owner, TokenHash, TokenRef};
use hookrail_domain::webhook::{Webhook, WebhookKind};
use hookrail_pipeline::store::{StoreError, WebhookKey};
use serde::de::{DeserializeOwned, Error as _, Visitor, value};
use serde::{Deserialize, Deserializer, Serialize, forward_to_deserialize_any};

pub mod config;
pub mod access;
pub mod secrets;
pub mod row;
pub(super) mod body;
pub mod job;
pub mod test_row;
pub mod rejected;
pub mod state;

/// An item of the SDK.
pub type Item = HashMap<String, AttributeValue>;

pub const PARTITION_KEY: &str = "pk";
pub const SORT_KEY: &str = "sk";
/// The version of the item layout.
pub(crate) const SCHEMA: u32 = 1;
/// Sort key prefix of a webhook.
pub const WEBHOOK_PREFIX: &str = "webhook#";
/// Sort key prefix of a token in its owner's list.
pub const TOKEN_PREFIX: &str = "token#";
/// Sort key prefix of an audit entry.
pub const AUDIT_PREFIX: &str = "at#";
/// Sort key prefix of a log row.
pub const ROW_PREFIX: &str = "seq#";
/// Sort key prefix of a rejected event.
pub const REJECTED_PREFIX: &str = "event#";
/// Sort key prefix of a webhook job.
pub const JOB_PREFIX: &str = "job#";
/// Sort key prefix of a test send.
pub const TEST_PREFIX: &str = "test#";

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pub partition: String,
    pub sort: String,
}

impl Key {
    #[must_use]
    pub fn company(company: &CompanyId) -> Self {
        Self { partition: company_partition(company), sort: "company".to_owned() }
    }

    #[must_use]
    pub fn webhook(company: &CompanyId, id: WebhookId) -> Self {
        Self { partition: company_partition(company), sort: format!("{WEBHOOK_PREFIX}{id}") }
    }

    #[must_use]
    pub fn secret(company: &CompanyId, id: WebhookId) -> Self {
        Self { partition: company_partition(company), sort: format!("secret#{id}") }
    }

    #[must_use]
    pub fn code(company: &CompanyId, code: &str) -> Self {
        Self { partition: company_partition(company), sort: format!("code#{code}") }
    }

    /// Names are hashed: they may be long, and hold anything.
    #[must_use]
    pub fn name(company: &CompanyId, scope: &WebhookScope, name: &str) -> Self {
        let hash = hex(&hash_parts(&[scope.to_string().as_bytes(), name.as_bytes()]));
        Self { partition: company_partition(company), sort: format!("name#{hash}") }
    }

    /// Returns the key that keeps the webhook's code, or its name in its scope, unique.
    #[must_use]
    pub fn marker(webhook: &Webhook) -> Self {
        let company = &webhook.company;
        match &webhook.face {
            WebhookKind::Cot(cot) => Self::code(company, cot.code.as_str()),
            WebhookKind::Platform(platform) => Self::name(company, &platform.scope, webhook.name.as_str()),
        }
    }

    /// Keys of callers are hashed: they may be long, and are private to the caller.
    #[must_use]
    pub fn idempotency(company: &CompanyId, key: &str) -> Self {
        let hash = hex(&hash_parts(&[key.as_bytes()]));
        Self { partition: company_partition(company), sort: format!("idempotency#{hash}") }
    }

    #[must_use]
    pub fn pushed(company: &CompanyId) -> Self {
        Self { partition: company_partition(company), sort: "pushed".to_owned() }
    }

    #[must_use]
    pub fn token(token: TokenHash) -> Self {
        Self { partition: format!("token#{token}"), sort: "token".to_owned() }
    }

    #[must_use]
    pub fn token_of(token: &TokenRef) -> Self {
        Self { partition: owner_partition(&token.owner), sort: format!("{TOKEN_PREFIX}{}", token.id) }
    }

    #[must_use]
    pub fn link(code: TokenHash) -> Self {
        Self { partition: format!("link#{code}"), sort: "link".to_owned() }
    }

    #[must_use]
    pub fn audit(log: &Owner, place: AuditPosition) -> Self {
        let AuditPosition { at, chance } = place;
        Self { partition: audit_partition(log), sort: format!("{AUDIT_PREFIX}{:020}#{chance:010}", at.0) }
    }

    #[must_use]
    pub fn state(key: &WebhookKey) -> Self {
        Self { partition: webhook_partition(key), sort: "line".to_owned() }
    }

    #[must_use]
    pub fn row(key: &WebhookKey, number: AttemptNumber) -> Self {
        Self {
            partition: webhook_partition(key),
            sort: format!("{ROW_PREFIX}{:020}#{:06}", number.sequence, number.attempt),
        }
    }

    #[must_use]
    pub fn job(key: &WebhookKey, delivery: DeliveryId) -> Self {
        Self { partition: webhook_partition(key), sort: format!("{JOB_PREFIX}{delivery}") }
    }

    #[must_use]
    pub fn content(key: &WebhookKey, delivery: DeliveryId) -> Self {
        Self { partition: webhook_partition(key), sort: format!("content#{delivery}") }
    }

    #[must_use]
    pub fn test(key: &WebhookKey, place: TestPosition) -> Self {
        let TestPosition { at, chance } = place;
        Self { partition: webhook_partition(key), sort: format!("{TEST_PREFIX}{:020}#{chance:010}", at.0) }
    }

    #[must_use]
    pub fn rejected(of: &Owner, id: RejectedId) -> Self {
        Self { partition: rejected_partition(of), sort: format!("{REJECTED_PREFIX}{id}") }
    }

    #[must_use]
    pub fn rejected_part(of: &Owner, id: RejectedId, number: usize) -> Self {
        Self { partition: rejected_partition(of), sort: format!("part#{id}#{number}") }
    }

    /// Returns the webhook of a key of the Log table.
    pub fn into_key(self) -> Result<WebhookKey, StoreError> {
        let found = self.partition.rsplit_once('#').and_then(|(company, webhook)| {
            let (company, webhook) = (CompanyId::parse(company).ok()?, WebhookId::parse(webhook).ok()?);
            Some(WebhookKey { company, webhook })
        });
        found.ok_or(StoreError::Corrupt { what: "key" })
    }

    /// Returns the key as an item of its own, for a get.
    #[must_use]
    pub fn into_item(self) -> Item {
        HashMap::from([
            (PARTITION_KEY.to_owned(), AttributeValue::S(self.partition)),
            (SORT_KEY.to_owned(), AttributeValue::S(self.sort)),
        ])
    }

    /// Returns the delivery of a job's key.
    pub(super) fn delivery(&self) -> Result<DeliveryId, StoreError> {
        let id = self.sort.strip_prefix(JOB_PREFIX).and_then(|id| DeliveryId::parse(id).ok());
        id.ok_or(StoreError::Corrupt { what: "key of a job" })
    }

    /// Returns the key of an item.
    pub fn of(item: &Item) -> Result<Self, StoreError> {
        let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        match (text(PARTITION_KEY), text(SORT_KEY)) {
            (Some(partition), Some(sort)) => Ok(Self { partition, sort }),
            _ => Err(StoreError::Corrupt { what: "key" }),
        }
    }
}

/// Returns the partition of everything a company has configured.
#[must_use]
pub fn company_partition(company: &CompanyId) -> String {
    format!("company#{company}")
}

/// Returns the partition of an owner's tokens.
#[must_use]
pub fn owner_partition(owner: &Owner) -> String {
    match owner {
        Owner::Company(company) => company_partition(company),
        Owner::Operator => "operator".to_owned(),
    }
}

/// Returns the partition of an owner's audit log.
#[must_use]
pub fn audit_partition(log: &Owner) -> String {
    match log {
        Owner::Company(company) => format!("audit#{company}"),
        Owner::Operator => "audit".to_owned(),
    }
}

/// Returns the partition of an owner's rejected events.
#[must_use]
pub fn rejected_partition(of: &Owner) -> String {
    match of {
        Owner::Company(company) => format!("rejected#{company}"),
        Owner::Operator => "rejected".to_owned(),
    }
}

/// Returns the partition of a webhook's queue and log.
#[must_use]
pub fn webhook_partition(key: &WebhookKey) -> String {
    format!("{}#{}", key.company, key.webhook)
}

/// Returns the item of this key with these attributes.
pub(crate) fn encode(key: Key, attributes: &impl Serialize) -> Result<Item, StoreError> {
    let mut item: Item =
        serde_dynamo::to_item(attributes).map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    item.extend(key.into_item());
    Ok(item)
}

/// Returns the attribute names of a struct, as serde reads them. The struct must not flatten another struct
/// into itself.
pub(crate) fn names_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &[&str] = &[];
    let _only_asked_for_its_fields = T::deserialize(Names(&mut names)).err();
    names
}

/// A deserializer that keeps the names of the fields that it is asked for, and gives no value.
struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, value::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, value::Error> {
        Err(value::Error::custom("there are names only"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Returns the attributes of an item. `what` names the item in the error, which holds no value.
pub(crate) fn decode<T: DeserializeOwned>(item: Item, what: &'static str) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|_holds_values| StoreError::Corrupt { what })
}
