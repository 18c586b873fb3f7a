//! `hookrail webhook`: webhooks and their queues, managed over the API.

pub mod named;
pub mod settings;
pub mod plan;
pub mod list;
pub mod apply;
pub mod logs;
pub mod listen;
pub mod replay;
mod secret;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::json;

use crate::call::CallOptions;
use crate::client::Client;
use crate::failure::Failure;
use crate::show::access::TestSend;
use crate::show::webhooks::Webhook;
use crate::show::{self, Queue};
use apply::ApplyOptions;
use list::{ExportOptions, FilterOptions};
use listen::ListenOptions;
use logs::LogsOptions;
use named::Named;
use replay::ReplayOptions;
use secret::SecretOptions;

/// Most failed calls in a row while a command follows something that continues without it.
const FAILED_LOOKS_MAX: u32 = 5;

/// Exit codes and environment of a command that calls the API, for its help.
pub const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed here, on the way, or inside the API; 2 wrong usage, or an invalid file; 3 refused by
the API; 4 not applied, because a webhook would receive more events than before (--allow-widening permits it).

Environment: HOOKRAIL_API is the address of the API, HOOKRAIL_TOKEN the token. Colours are used on terminals only;
NO_COLOR switches them off.";

/// Manage webhooks and their queues.
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
    /// List webhooks, newest first.
    List(FilterOptions),
    /// Show the settings of a webhook.
    Get(Named),
    Export(ExportOptions),
    Apply(ApplyOptions),
    /// Show the state of the queue, the number of parked events, and the next attempt.
    Queue(Named),
    /// Send the oldest parked event now, before its next probe is due.
    Resume(Named),
    /// Send the event at the head of the queue now, before its next attempt is due.
    Retry(Named),
    /// Skip the event at the head of the queue without sending it.
    Skip(Named),
    Replay(ReplayOptions),
    /// Activate the webhook. Its waiting events are sent first.
    Activate(Named),
    /// Deactivate the webhook. Nothing is sent until it is activated.
    Deactivate {
        #[command(flatten)]
        webhook: Named,
        /// Keep or drop the waiting events. The default is `keep`.
        #[arg(long, value_name = "ACTION")]
        waiting: Option<Waiting>,
    },
    /// Delete an inactive webhook. Its waiting events end unsent; its log stays readable by its id.
    Delete(Named),
    Secret(SecretOptions),
    /// Send one test request now, and show the response. It does not affect the queue or the log.
    Test(Named),
    Logs(LogsOptions),
    Listen(ListenOptions),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Waiting {
    /// Send them when the webhook is active again.
    Keep,
    /// End them without sending them.
    Drop,
}

/// Calls the API and prints its response.
pub fn run(command: &WebhookCommand) -> Result<(), Failure> {
    command.call.run(async |client| act(command, client).await)
}

async fn act(WebhookCommand { call, action }: &WebhookCommand, client: &Client) -> Result<(), Failure> {
    let (webhook, method, action) = match action {
        Action::List(filter) => return list::list(call, filter, client).await,
        Action::Get(webhook) => return list::get(call, webhook, client).await,
        Action::Export(options) => return list::export(call, options, client).await,
        Action::Apply(options) => return apply::act(call, options, client).await,
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
        Action::Delete(webhook) => {
            client.call(Method::DELETE, &webhook.path(client).await?).await?;
            show::tell("deleted; its log stays readable by its id");
            return Ok(());
        }
        Action::Secret(options) => return secret::act(call, options, client).await,
        Action::Test(webhook) => {
            let answer = client.call(Method::POST, &format!("{}/test", webhook.path(client).await?)).await?;
            return call.print(&answer, TestSend::render);
        }
        Action::Listen(options) => return listen::act(call, options, client).await,
        Action::Logs(options) => return logs::act(call, options, client).await,
    };
    let answer = client.call(method, &format!("{}/{action}", webhook.path(client).await?)).await?;
    call.print(&answer, Queue::render)
}

async fn switch(
    call: &CallOptions,
    client: &Client,
    webhook: &Named,
    change: &serde_json::Value,
) -> Result<(), Failure> {
    let answer = client.call_with(Method::PATCH, &webhook.path(client).await?, change).await?;
    call.print(&answer, Webhook::render)
}

/// Calls the API after a pause, and again if it failed and a repetition may help.
async fn look<T>(pause: Duration, look: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut failed = 0;
    loop {
        tokio::time::sleep(pause).await;
        match look().await {
            Err(error) if error.may_pass() && failed < FAILED_LOOKS_MAX => failed += 1,
            result => return result,
        }
    }
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
    fn a_misspelled_webhook_command_fails_before_any_call() {
        for good in [
            "queue ID",
            "queue ID --json --api https://a.io --token-file t",
            "--ready-file r skip ID",
            "deactivate ID",
            "deactivate ID --waiting drop",
            "delete orders",
            "list",
            "listen orders --port 9001 --count 2",
            "list --active true --trigger logout-user --search x --json",
            "get ID",
            "get orders",
            "export",
            "export orders ID",
            "apply -f webhooks.yaml",
            "apply --file - --dry-run --allow-widening --json",
            "queue orders",
            "logs ID --limit 10000 --result FAILED --status 500 --event e --from t --to t",
            "logs orders --follow --limit 1 --result FAILED",
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
            "logs ID --limit 10001",
            "logs ID --follow --from 2026-01-01T00:00:00Z",
            "list --active maybe",
            "listen orders --count 0",
            "get",
            "get Orders",
            "apply",
            "apply webhooks.yaml",
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
