//! `hookrail log`: single rows of a webhook's log.

use clap::{Args, Subcommand};
use hookrail_api::LOGS_PATH;
use hookrail_domain::id::RowId;
use http::Method;

use crate::call::CallOptions;
use crate::client::CallError;
use crate::show::Replay;
use crate::webhook::EXIT_CODES;
use crate::webhook::named::Named;

/// Act on a row of a webhook's log.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXIT_CODES)]
pub struct LogCommand {
    #[command(flatten)]
    call: CallOptions,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Send the row's event again, accepted or not.
    Redeliver {
        #[command(flatten)]
        webhook: Named,
        /// The row's `_id`, as `hookrail webhook logs` shows it.
        #[arg(value_parser = RowId::parse)]
        row: RowId,
    },
}

/// Calls the API and prints its answer.
pub fn run(LogCommand { call, action }: &LogCommand) -> Result<(), CallError> {
    let Action::Redeliver { webhook, row } = action;
    call.run(async |client| {
        let webhook = webhook.webhook.id(client).await?;
        let answer = client.call(Method::POST, &format!("{LOGS_PATH}/{webhook}/{row}/redeliver")).await?;
        call.print(&answer, Replay::render)
    })
}
