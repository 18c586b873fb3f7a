//! `hookrail log`: single rows of a webhook's log.

use clap::{Args, Subcommand};
use hookrail_api::LOGS_PATH;
use hookrail_domain::id::RowId;
use http::Method;

use crate::call::CallOptions;
use crate::client::{CallError, Client};
use crate::show::Replay;
use crate::show::attempts::{self, Row, WholeRow};
use crate::webhook::EXIT_CODES;
use crate::webhook::named::Named;

/// Show a row of a webhook's log, or send its event again.
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
    /// Show a row in full: what was sent and what was answered.
    Show {
        #[command(flatten)]
        webhook: Named,
        /// The row's `_id`, as `hookrail webhook logs` shows it; the newest row, if it is not said.
        #[arg(value_parser = RowId::parse)]
        row: Option<RowId>,
    },
    /// Send the row's event again, accepted or not.
    Redeliver {
        #[command(flatten)]
        webhook: Named,
        /// The row's `_id`.
        #[arg(value_parser = RowId::parse)]
        row: RowId,
    },
}

/// Calls the API and prints its answer.
pub fn run(LogCommand { call, action }: &LogCommand) -> Result<(), CallError> {
    call.run(async |client| act(call, action, client).await)
}

async fn act(call: &CallOptions, action: &Action, client: &Client) -> Result<(), CallError> {
    match action {
        Action::Show { webhook, row } => {
            let log = format!("{LOGS_PATH}/{}", webhook.webhook.id(client).await?);
            let row = match row {
                Some(row) => row.to_string(),
                None => newest(client, &log).await?,
            };
            let answer = client.call(Method::GET, &format!("{log}/{row}")).await?;
            call.print(&answer, |row: &WholeRow| attempts::whole(row, &answer.text))
        }
        Action::Redeliver { webhook, row } => {
            let log = format!("{LOGS_PATH}/{}", webhook.webhook.id(client).await?);
            let answer = client.call(Method::POST, &format!("{log}/{row}/redeliver")).await?;
            call.print(&answer, Replay::render)
        }
    }
}

async fn newest(client: &Client, log: &str) -> Result<String, CallError> {
    let rows: Vec<Row> = client.list(&format!("{log}?"), 1).await?.read()?;
    rows.into_iter().next().map(|row| row.id).ok_or(CallError::EmptyLog)
}
