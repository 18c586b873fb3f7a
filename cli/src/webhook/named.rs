//! The webhook that a command is about: named by its `_id`, or by its code.

use std::fmt;

use clap::Args;
use hookrail_api::WEBHOOKS_PATH;
use hookrail_domain::id::SubscriptionId;
use hookrail_domain::subscription::Code;

use super::list::{FilterOptions, webhooks};
use crate::client::{CallError, Client};
use crate::show::webhooks::Webhook;

#[derive(Debug, Clone, Args)]
pub struct Named {
    /// The webhook's `_id`, or its code.
    #[arg(value_name = "WEBHOOK", value_parser = Name::parse)]
    pub webhook: Name,
}

/// What a webhook is called by on a command line.
#[derive(Debug, Clone)]
pub enum Name {
    Id(SubscriptionId),
    Code(Code),
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(out),
            Self::Code(code) => code.fmt(out),
        }
    }
}

impl Name {
    /// What may be both, 24 hexadecimal characters, is an `_id`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match (SubscriptionId::parse(text), Code::parse(text)) {
            (Ok(id), _) => Ok(Self::Id(id)),
            (Err(_), Ok(code)) => Ok(Self::Code(code)),
            (Err(_), Err(_)) => Err("must be an _id, 24 hexadecimal characters, or a code"),
        }
    }

    /// The webhook's `_id`, looked up if it was called by its code.
    pub async fn id(&self, client: &Client) -> Result<SubscriptionId, CallError> {
        let code = match self {
            Self::Id(id) => return Ok(*id),
            Self::Code(code) => code,
        };
        let found: Vec<Webhook> = webhooks(client, &FilterOptions::of(code)).await?.read()?;
        let found = found.into_iter().find(|webhook| webhook.settings.code == code.as_str());
        let id = found.and_then(|webhook| SubscriptionId::parse(&webhook.id).ok());
        id.ok_or_else(|| CallError::NoSuchWebhook(self.clone()))
    }
}

impl Named {
    /// Where the API has the webhook.
    pub async fn path(&self, client: &Client) -> Result<String, CallError> {
        Ok(format!("{WEBHOOKS_PATH}/{}", self.webhook.id(client).await?))
    }
}
