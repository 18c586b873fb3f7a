//! `hookrail webhook`: a webhook's line, looked at and moved by hand over the API.

pub mod replay;
mod secret;

use std::ops::RangeInclusive;

use clap::{Args, Subcommand, ValueEnum};
use hookrail_api::{LOGS_PATH, WEBHOOKS_PATH};
use hookrail_domain::id::SubscriptionId;
use http::Method;
use serde_json::json;

use crate::call::CallOptions;
use crate::client::{CallError, Client};
use crate::show::access::TestSend;
use crate::show::{self, Queue, Row, Webhook};
use replay::ReplayOptions;
use secret::SecretOptions;

/// Rows of one page of the API.
const LIMIT_RANGE: RangeInclusive<i64> = 1..=100;

/// How a command that calls the API ends, for its help.
pub const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed here, on the way or inside the API; 2 used wrongly; 3 refused by the API.

Environment: HOOKRAIL_API is the API's address, HOOKRAIL_TOKEN the token.";

/// Look at what waits for a webhook, and move it by hand.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXIT_CODES)]
pub struct WebhookCommand {
    #[command(flatten)]
    call: CallOptions,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Show the line's state, how many events are set aside, and when the oldest is tried next.
    Queue(Named),
    /// Try the oldest event that is set aside now.
    Resume(Named),
    /// Try the event that everything else waits for now.
    Retry(Named),
    /// End the event that everything else waits for unsent.
    Skip(Named),
    Replay(ReplayOptions),
    /// Send to the webhook; what waits for it goes first.
    Activate(Named),
    /// Send nothing to the webhook until it is activated.
    Deactivate {
        #[command(flatten)]
        webhook: Named,
        /// What becomes of the events that wait; the API keeps them if it is not told.
        #[arg(long, value_name = "WHAT")]
        waiting: Option<Waiting>,
    },
    Secret(SecretOptions),
    /// Send one request outside the order, and show the answer.
    Test(Named),
    /// Show its attempts, newest first.
    Logs {
        #[command(flatten)]
        webhook: Named,
        /// Rows at most, 1 to 100; the API shows 50 if it is not told.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(LIMIT_RANGE))]
        limit: Option<u8>,
    },
}

#[derive(Debug, Clone, Args)]
pub struct Named {
    /// The webhook's `_id`.
    #[arg(value_parser = SubscriptionId::parse)]
    id: SubscriptionId,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Waiting {
    /// They are sent once the webhook is active again.
    Keep,
    /// They end unsent.
    Drop,
}

impl Named {
    /// Where the API has the webhook.
    fn path(&self) -> String {
        format!("{WEBHOOKS_PATH}/{}", self.id)
    }
}

/// Calls the API and prints its answer.
pub fn run(command: &WebhookCommand) -> Result<(), CallError> {
    command.call.run(async |client| act(command, client).await)
}

async fn act(WebhookCommand { call, action }: &WebhookCommand, client: &Client) -> Result<(), CallError> {
    let (webhook, method, action) = match action {
        Action::Queue(webhook) => (webhook, Method::GET, "queue"),
        Action::Resume(webhook) => (webhook, Method::POST, "queue/resume"),
        Action::Retry(webhook) => (webhook, Method::POST, "queue/retry"),
        Action::Skip(webhook) => (webhook, Method::POST, "queue/skip"),
        Action::Replay(options) => return replay::act(call, options, client).await,
        Action::Activate(webhook) => {
            return switch(call, client, webhook, &json!({ "isActive": true })).await;
        }
        Action::Deactivate { webhook, waiting } => {
            let change = match waiting {
                None => json!({ "isActive": false }),
                Some(Waiting::Keep) => json!({ "isActive": false, "waiting": "keep" }),
                Some(Waiting::Drop) => json!({ "isActive": false, "waiting": "drop" }),
            };
            return switch(call, client, webhook, &change).await;
        }
        Action::Secret(options) => return secret::act(call, options, client).await,
        Action::Test(webhook) => {
            let answer = client.call(Method::POST, &format!("{}/test", webhook.path())).await?;
            return call.print(&answer, TestSend::render);
        }
        Action::Logs { webhook, limit } => return logs(call, client, webhook, *limit).await,
    };
    let answer = client.call(method, &format!("{}/{action}", webhook.path())).await?;
    call.print(&answer, Queue::render)
}

async fn switch(
    call: &CallOptions,
    client: &Client,
    webhook: &Named,
    change: &serde_json::Value,
) -> Result<(), CallError> {
    let answer = client.call_with(Method::PATCH, &webhook.path(), change).await?;
    call.print(&answer, Webhook::render)
}

async fn logs(
    call: &CallOptions,
    client: &Client,
    Named { id }: &Named,
    limit: Option<u8>,
) -> Result<(), CallError> {
    let query = limit.map(|limit| format!("?limit={limit}")).unwrap_or_default();
    let answer = client.call(Method::GET, &format!("{LOGS_PATH}/{id}{query}")).await?;
    call.print(&answer, |rows: &Vec<Row>| show::log(rows))?;
    if answer.has_more {
        show::tell("there are older rows");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        webhook: WebhookCommand,
    }

    const ID: &str = "62685990d918fb5557f9f992";

    fn is_usage(arguments: &str) -> bool {
        let arguments = arguments.replace("ID", ID);
        Command::try_parse_from(std::iter::once("webhook").chain(arguments.split_whitespace())).is_ok()
    }

    #[test]
    fn a_misspelt_command_is_refused_before_anything_is_called() {
        for good in [
            "queue ID",
            "queue ID --json --api https://a.io --token-file t",
            "--ready-file r skip ID",
            "deactivate ID",
            "deactivate ID --waiting drop",
            "logs ID --limit 100",
            "replay ID",
            "replay ID --since 2026-01-01T00:00:00Z --until 2026-01-02T00:00:00+02:00 --all --follow",
            "replay ID --status --follow",
            "replay ID --cancel",
            "secret show ID",
            "secret rotate ID --overlap 0",
            "secret expire ID --json",
            "test ID",
        ] {
            assert!(is_usage(good), "{good}");
        }
        for bad in [
            "queue",
            "queue ../../company",
            "queue ID --token hkr_secret",
            "deactivate ID --waiting burn",
            "activate ID --waiting keep",
            "logs ID --limit 0",
            "logs ID --limit 101",
            "replay ID --since yesterday",
            "replay ID --status --all",
            "replay ID --status --cancel",
            "replay ID --cancel --follow",
            "secret ID",
            "secret rotate ID --overlap soon",
            "replay ID --cancel --since 2026-01-01T00:00:00Z",
        ] {
            assert!(!is_usage(bad), "{bad}");
        }
    }
}
