//! The common part of the commands that call the API: its flags, and printing the response.

use clap::Args;
use hookrail_adapters::config::ProcessEnvironment;

use crate::access::{Access, NamedAccess};
use crate::client::{Client, Document};
use crate::failure::Failure;
use crate::show;

/// The flags of every call.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "The API")]
pub struct CallOptions {
    #[command(flatten)]
    access: NamedAccess,
    /// Print the JSON of the API as it is.
    #[arg(long, global = true)]
    json: bool,
}

impl CallOptions {
    /// Runs calls to the API to their end, on this thread.
    pub fn run(&self, calls: impl AsyncFnOnce(&Client) -> Result<(), Failure>) -> Result<(), Failure> {
        let client = Client::new(&Access::find(&self.access, &ProcessEnvironment)?)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(Failure::Runtime)?.block_on(calls(&client))
    }

    /// Prints a response: as it came, or rendered for people.
    pub fn print<T: serde::de::DeserializeOwned>(
        &self,
        answer: &Document,
        render: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        let printed = if self.json {
            show::print_as_it_is(&format!("{}\n", answer.text))
        } else {
            show::print(&render(&answer.read()?))
        };
        printed.map(drop).map_err(Failure::Output)
    }

    /// Returns whether the API's documents are printed as they are.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }
}
