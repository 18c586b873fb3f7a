//! `hookrail webhook`: webhooks listed, set, looked at and moved by hand, over the API.

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
use crate::client::{CallError, Client};
use crate::show::Queue;
use crate::show::access::TestSend;
use crate::show::webhooks::Webhook;
use apply::ApplyOptions;
use list::{ExportOptions, FilterOptions};
use listen::ListenOptions;
use logs::LogsOptions;
use named::Named;
use replay::ReplayOptions;
use secret::SecretOptions;

/// Looks in a row that may fail: what is looked at goes on meanwhile.
const FAILED_LOOKS_MAX: u32 = 5;

/// How a command that calls the API ends, for its help.
pub const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed here, on the way or inside the API; 2 used wrongly, or by a file that is not valid;
3 refused by the API; 4 not applied, because a webhook would be widened and --allow-widening was not said.

Environment: HOOKRAIL_API is the API's address, HOOKRAIL_TOKEN the token. Colours are for terminals only, and not
used if NO_COLOR is set.";

/// See to webhooks: list and set them, look at what waits for one, and move that by hand.
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
    /// Show how a webhook is set.
    Get(Named),
    Export(ExportOptions),
    Apply(ApplyOptions),
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
    Logs(LogsOptions),
    Listen(ListenOptions),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Waiting {
    /// They are sent once the webhook is active again.
    Keep,
    /// They end unsent.
    Drop,
}

/// Calls the API and prints its answer.
pub fn run(command: &WebhookCommand) -> Result<(), CallError> {
    command.call.run(async |client| act(command, client).await)
}

async fn act(WebhookCommand { call, action }: &WebhookCommand, client: &Client) -> Result<(), CallError> {
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
) -> Result<(), CallError> {
    let answer = client.call_with(Method::PATCH, &webhook.path(client).await?, change).await?;
    call.print(&answer, Webhook::render)
}

/// A look at the API after a while, repeated if that may help.
async fn look<T>(pause: Duration, look: impl AsyncFn() -> Result<T, CallError>) -> Result<T, CallError> {
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
    fn a_misspelt_command_is_refused_before_anything_is_called() {
        for good in [
            "queue ID",
            "queue ID --json --api https://a.io --token-file t",
            "--ready-file r skip ID",
            "deactivate ID",
            "deactivate ID --waiting drop",
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
