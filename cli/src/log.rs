//! `hookrail log`: single rows of the log of a webhook.

use clap::{Args, Subcommand};
use hookrail_api::LOGS_PATH;
use hookrail_domain::id::RowId;
use http::Method;

use crate::call::CallOptions;
use crate::client::Client;
use crate::failure::Failure;
use crate::show::Replay;
use crate::show::attempts::{self, Row, WholeRow};
use crate::webhook::EXIT_CODES;
use crate::webhook::named::Named;

/// Show a row of the log of a webhook, or send its event again.
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
    /// Show a row in full, with the event and the response.
    Show {
        #[command(flatten)]
        webhook: Named,
        /// The `_id` of the row, as `hookrail webhook logs` shows it. The default is the newest row.
        #[arg(value_parser = RowId::parse)]
        row: Option<RowId>,
    },
    /// Send the event of the row again, whether it was accepted or not.
    Redeliver {
        #[command(flatten)]
        webhook: Named,
        /// The `_id` of the row.
        #[arg(value_parser = RowId::parse)]
        row: RowId,
    },
}

/// Calls the API and prints its response.
pub fn run(LogCommand { call, action }: &LogCommand) -> Result<(), Failure> {
    call.run(async |client| act(call, action, client).await)
}

async fn act(call: &CallOptions, action: &Action, client: &Client) -> Result<(), Failure> {
    match action {
        Action::Show { webhook, row } => {
            let log = format!("{LOGS_PATH}/{}", webhook.webhook.id(client).await?);
            let row = match row {
                Some(row) => row.to_string(),
                None => newest(client, &log).await?,
            };
            let answer = client.call(Method::GET, &format!("{log}/{row}")).await?;
            call.print::<WholeRow>(&answer, attempts::whole)
        }
        Action::Redeliver { webhook, row } => {
            let log = format!("{LOGS_PATH}/{}", webhook.webhook.id(client).await?);
            let answer = client.call(Method::POST, &format!("{log}/{row}/redeliver")).await?;
            call.print(&answer, Replay::render)
        }
    }
}

async fn newest(client: &Client, log: &str) -> Result<String, Failure> {
    let rows: Vec<Row> = client.list(&format!("{log}?"), 1).await?.read()?;
    rows.into_iter().next().map(|row| row.id).ok_or(Failure::EmptyLog)
}
