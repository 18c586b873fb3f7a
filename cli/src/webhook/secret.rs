//! `hookrail webhook secret`: the signing secrets of a webhook.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::named::Named;
use crate::call::CallOptions;
use crate::client::Client;
use crate::failure::Failure;
use crate::show::access::{Secret, SecretState};

/// Show, rotate or expire the signing secret.
#[derive(Debug, Clone, Args)]
pub(super) struct SecretOptions {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Show the signing secret, and replaced ones that still sign. The audit log records this.
    Show(Named),
    /// Replace the signing secret. The old one continues to sign for the overlap.
    Rotate {
        #[command(flatten)]
        webhook: Named,
        /// Seconds for which the old secret still signs, 0 to 604800 (7 days). The default is a day.
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u64>,
    },
    /// Stop signing with replaced secrets now.
    Expire(Named),
}

pub(super) async fn act(
    call: &CallOptions,
    SecretOptions { action }: &SecretOptions,
    client: &Client,
) -> Result<(), Failure> {
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
