//! The items of both tables: keys, attributes, and how they become domain types again.
//!
//! ```text
//! Config table
//!   company#<company>          company                     version, subscriptions
//!   company#<company>          webhook#<id>                a webhook, no secret
//!   company#<company>          secret#<id>                 its signing keys, header values and password
//!   company#<company>          code#<code>                 keeps the code unique
//!   company#<company>          name#<hash>                 keeps a platform webhook's name unique in its scope
//!   company#<company>          idempotency#<hash>          a kept answer, expires
//!   company#<company>          token#<id>                  a token in its holder's list
//!   operator                   token#<id>                  an operator's
//!   token#<sha256>             token                       the same token, to be found by its hash
//!   link#<sha256>              link                        a link into the panel, deleted by its exchange
//!   audit#<company>            at#<20 digits>#<10 digits>  who did what, expires; `audit` for the operator's
//! Log table
//!   <company>#<webhook>        line                        state of the line; in the index `due` while events are set aside
//!   <company>#<webhook>        seq#<20 digits>#<6 digits>  one attempt; an event's first one is in the index `event`
//!   <company>#<webhook>        job#<delivery>              a webhook job; in the index `jobs`, and in `due` until it is in its line
//!   <company>#<webhook>        content#<delivery>          what a job is to send that waits for its time, expires
//!   <company>#<webhook>        test#<20 digits>#<10 digits> a test send, expires
//!   rejected#<company>         event#<id>                  an event that was rejected, expires; `rejected` without one
//!   rejected#<company>         part#<id>#<number>          more of it, if it is larger than an event may be
//! ```
//!
//! Every item has a `schema` number; attributes are camelCase. Decoding refuses what it does not understand.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use hookrail_domain::attempt::AttemptNumber;
use hookrail_domain::audit::AuditPlace;
use hookrail_domain::id::{CompanyId, DeliveryId, RejectedId, SubscriptionId, hash_parts, hex};
use hookrail_domain::platform::webhook::WebhookScope;
use hookrail_domain::subscription::{Face, Subscription};
use hookrail_domain::test_row::TestPlace;
use hookrail_domain::token::{Holder, TokenHash, TokenRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{LineKey, StoreError};

pub mod config;
pub mod access;
pub mod secrets;
pub mod row;
pub(super) mod body;
pub mod job;
pub mod test_row;
pub mod rejected;
pub mod line;

/// An item as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

pub const PARTITION_KEY: &str = "pk";
pub const SORT_KEY: &str = "sk";
/// The version of the item layout.
pub(crate) const SCHEMA: u32 = 1;
/// Sort key prefix of a webhook.
pub const WEBHOOK_PREFIX: &str = "webhook#";
/// Sort key prefix of a token in its holder's list.
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
    pub fn webhook(company: &CompanyId, id: SubscriptionId) -> Self {
        Self { partition: company_partition(company), sort: format!("{WEBHOOK_PREFIX}{id}") }
    }

    #[must_use]
    pub fn secret(company: &CompanyId, id: SubscriptionId) -> Self {
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

    /// What keeps the webhook's code, or its name in its scope, unique.
    #[must_use]
    pub fn marker(subscription: &Subscription) -> Self {
        let company = &subscription.company;
        match &subscription.face {
            Face::Cot(cot) => Self::code(company, cot.code.as_str()),
            Face::Platform(platform) => Self::name(company, &platform.scope, subscription.name.as_str()),
        }
    }

    /// Keys of callers are hashed: they may be long and are nobody else's business.
    #[must_use]
    pub fn idempotency(company: &CompanyId, key: &str) -> Self {
        let hash = hex(&hash_parts(&[key.as_bytes()]));
        Self { partition: company_partition(company), sort: format!("idempotency#{hash}") }
    }

    #[must_use]
    pub fn token(token: TokenHash) -> Self {
        Self { partition: format!("token#{token}"), sort: "token".to_owned() }
    }

    #[must_use]
    pub fn token_of(token: &TokenRef) -> Self {
        Self { partition: holder_partition(&token.holder), sort: format!("{TOKEN_PREFIX}{}", token.id) }
    }

    #[must_use]
    pub fn link(code: TokenHash) -> Self {
        Self { partition: format!("link#{code}"), sort: "link".to_owned() }
    }

    #[must_use]
    pub fn audit(log: &Holder, place: AuditPlace) -> Self {
        let AuditPlace { at, chance } = place;
        Self { partition: audit_partition(log), sort: format!("{AUDIT_PREFIX}{:020}#{chance:010}", at.0) }
    }

    #[must_use]
    pub fn line(line: &LineKey) -> Self {
        Self { partition: line_partition(line), sort: "line".to_owned() }
    }

    #[must_use]
    pub fn row(line: &LineKey, number: AttemptNumber) -> Self {
        Self {
            partition: line_partition(line),
            sort: format!("{ROW_PREFIX}{:020}#{:06}", number.sequence, number.attempt),
        }
    }

    #[must_use]
    pub fn job(line: &LineKey, delivery: DeliveryId) -> Self {
        Self { partition: line_partition(line), sort: format!("{JOB_PREFIX}{delivery}") }
    }

    #[must_use]
    pub fn content(line: &LineKey, delivery: DeliveryId) -> Self {
        Self { partition: line_partition(line), sort: format!("content#{delivery}") }
    }

    #[must_use]
    pub fn test(line: &LineKey, place: TestPlace) -> Self {
        let TestPlace { at, chance } = place;
        Self { partition: line_partition(line), sort: format!("{TEST_PREFIX}{:020}#{chance:010}", at.0) }
    }

    #[must_use]
    pub fn rejected(of: &Holder, id: RejectedId) -> Self {
        Self { partition: rejected_partition(of), sort: format!("{REJECTED_PREFIX}{id}") }
    }

    #[must_use]
    pub fn rejected_part(of: &Holder, id: RejectedId, number: usize) -> Self {
        Self { partition: rejected_partition(of), sort: format!("part#{id}#{number}") }
    }

    /// The line of a key of the Log table.
    pub fn into_line(self) -> Result<LineKey, StoreError> {
        let found = self.partition.rsplit_once('#').and_then(|(company, subscription)| {
            let (company, subscription) =
                (CompanyId::parse(company).ok()?, SubscriptionId::parse(subscription).ok()?);
            Some(LineKey { company, subscription })
        });
        found.ok_or(StoreError::Corrupt { what: "key" })
    }

    /// The key as an item of its own, for a get.
    #[must_use]
    pub fn into_item(self) -> Item {
        HashMap::from([
            (PARTITION_KEY.to_owned(), AttributeValue::S(self.partition)),
            (SORT_KEY.to_owned(), AttributeValue::S(self.sort)),
        ])
    }

    /// The delivery of a job's key.
    pub(super) fn delivery(&self) -> Result<DeliveryId, StoreError> {
        let id = self.sort.strip_prefix(JOB_PREFIX).and_then(|id| DeliveryId::parse(id).ok());
        id.ok_or(StoreError::Corrupt { what: "key of a job" })
    }

    /// The key of an item.
    pub fn of(item: &Item) -> Result<Self, StoreError> {
        let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        match (text(PARTITION_KEY), text(SORT_KEY)) {
            (Some(partition), Some(sort)) => Ok(Self { partition, sort }),
            _ => Err(StoreError::Corrupt { what: "key" }),
        }
    }
}

/// The partition of everything a company has configured.
#[must_use]
pub fn company_partition(company: &CompanyId) -> String {
    format!("company#{company}")
}

/// The partition of a holder's tokens.
#[must_use]
pub fn holder_partition(holder: &Holder) -> String {
    match holder {
        Holder::Company(company) => company_partition(company),
        Holder::Operator => "operator".to_owned(),
    }
}

/// The partition of a holder's audit log.
#[must_use]
pub fn audit_partition(log: &Holder) -> String {
    match log {
        Holder::Company(company) => format!("audit#{company}"),
        Holder::Operator => "audit".to_owned(),
    }
}

/// The partition of a holder's rejected events.
#[must_use]
pub fn rejected_partition(of: &Holder) -> String {
    match of {
        Holder::Company(company) => format!("rejected#{company}"),
        Holder::Operator => "rejected".to_owned(),
    }
}

/// The partition of a line and its log.
#[must_use]
pub fn line_partition(line: &LineKey) -> String {
    format!("{}#{}", line.company, line.subscription)
}

/// The item of this key with these attributes.
pub(crate) fn encode(key: Key, attributes: &impl Serialize) -> Result<Item, StoreError> {
    let mut item: Item =
        serde_dynamo::to_item(attributes).map_err(|error| StoreError::Unavailable(Box::new(error)))?;
    item.extend(key.into_item());
    Ok(item)
}

/// The attributes of an item. `what` names the item in the error, which holds no value.
pub(crate) fn decode<T: DeserializeOwned>(item: Item, what: &'static str) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|_holds_values| StoreError::Corrupt { what })
}
