//! `hookrail webhook secret`: what a webhook's requests are signed with.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::named::Named;
use crate::call::CallOptions;
use crate::client::{CallError, Client};
use crate::show::access::{Secret, SecretState};

/// Show the signing secret, replace it, or end what was replaced.
#[derive(Debug, Clone, Args)]
pub(super) struct SecretOptions {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Show it, and every replaced one that still signs. The audit log says who looked.
    Show(Named),
    /// Let a new one sign. The one before it signs beside it for a while.
    Rotate {
        #[command(flatten)]
        webhook: Named,
        /// How long the old one still signs, in seconds: 0 to 604800 (7 days); a day if it is not said.
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
    },
    /// Let none but the newest one sign, from now on.
    Expire(Named),
}

pub(super) async fn act(
    call: &CallOptions,
    SecretOptions { action }: &SecretOptions,
    client: &Client,
) -> Result<(), CallError> {
    match action {
        Action::Show(webhook) => {
            let answer = client.call(Method::GET, &format!("{}/secret", webhook.path(client).await?)).await?;
            call.print(&answer, Secret::render)
        }
        Action::Rotate { webhook, overlap } => {
            let body = overlap.map_or_else(|| json!({}), |seconds| json!({ "overlapSeconds": seconds }));
            let path = format!("{}/secret/rotate", webhook.path(client).await?);
            let answer = client.call_with(Method::POST, &path, &body).await?;
            call.print(&answer, SecretState::render)
        }
        Action::Expire(webhook) => {
            let answer =
                client.call(Method::POST, &format!("{}/secret/expire", webhook.path(client).await?)).await?;
            call.print(&answer, SecretState::render)
        }
    }
}
