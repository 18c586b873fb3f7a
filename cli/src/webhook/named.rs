//! The webhook of a command, named by its `_id` or by its code.

use std::fmt;

use clap::Args;
use hookrail_api::WEBHOOKS_PATH;
use hookrail_domain::id::WebhookId;
use hookrail_domain::webhook::Code;

use super::list::{FilterOptions, webhooks};
use crate::client::Client;
use crate::failure::Failure;
use crate::show::webhooks::Webhook;

/// The argument that names a webhook.
#[derive(Debug, Clone, Args)]
pub struct Named {
    /// The `_id` or the code of the webhook.
    #[arg(value_name = "WEBHOOK", value_parser = Name::parse)]
    pub webhook: Name,
}

/// The name of a webhook on a command line.
#[derive(Debug, Clone)]
pub enum Name {
    Id(WebhookId),
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
    /// Parses a name. 24 hexadecimal characters are an `_id`, although they could be a code.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match (WebhookId::parse(text), Code::parse(text)) {
            (Ok(id), _) => Ok(Self::Id(id)),
            (Err(_), Ok(code)) => Ok(Self::Code(code)),
            (Err(_), Err(_)) => Err("must be an _id (24 hexadecimal characters) or a code"),
        }
    }

    /// Returns the webhook's `_id`, which it looks up if the name is a code.
    pub async fn id(&self, client: &Client) -> Result<WebhookId, Failure> {
        let code = match self {
            Self::Id(id) => return Ok(*id),
            Self::Code(code) => code,
        };
        let found: Vec<Webhook> = webhooks(client, &FilterOptions::of(code)).await?.read()?;
        let found = found.into_iter().find(|webhook| webhook.settings.text("code") == code.as_str());
        let id = found.and_then(|webhook| WebhookId::parse(&webhook.id).ok());
        id.ok_or_else(|| Failure::NoSuchWebhook(self.to_string()))
    }
}

impl Named {
    /// Returns the path of the webhook in the API.
    pub async fn path(&self, client: &Client) -> Result<String, Failure> {
        Ok(format!("{WEBHOOKS_PATH}/{}", self.webhook.id(client).await?))
    }
}
