//! `hookrail event`: events pushed over the API.

use clap::{Args, Subcommand};
use hookrail_adapters::random;
use hookrail_api::EVENTS_PATH;
use hookrail_domain::id::hex;
use hookrail_domain::limits::{IDEMPOTENCY_KEY_CHARS_MAX, INGEST_BYTES_MAX};
use serde::Deserialize;

use crate::call::CallOptions;
use crate::client::{CallError, Client, Document};
use crate::input::Input;
use crate::show::printable;
use crate::webhook::EXIT_CODES;

/// Random bytes of a key that we make.
const KEY_BYTES: usize = 16;

/// Push events.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXIT_CODES)]
pub struct EventCommand {
    #[command(flatten)]
    call: CallOptions,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Subcommand)]
enum Action {
    /// Push one event, or a JSON array of up to 100, byte for byte, and print their ids.
    Send {
        #[command(flatten)]
        input: Input,
        /// Under which the same call may be made again without another event; a new one, if it is not said.
        #[arg(long, value_name = "KEY", value_parser = key)]
        idempotency_key: Option<String>,
    },
}

/// What the API answers to a call that it accepted.
#[derive(Debug, Deserialize)]
struct Accepted {
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
struct Event {
    id: String,
}

fn key(text: &str) -> Result<String, String> {
    let is_key = (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    let reason = || format!("must be 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters");
    is_key.then(|| text.to_owned()).ok_or_else(reason)
}

impl Accepted {
    fn render(&self) -> String {
        self.events.iter().map(|event| format!("{}\n", printable(&event.id))).collect()
    }
}

/// Calls the API and prints the events' ids.
pub fn run(EventCommand { call, action }: &EventCommand) -> Result<(), CallError> {
    let Action::Send { input, idempotency_key } = action;
    call.run(async |client| {
        let key = match idempotency_key {
            Some(key) => key.clone(),
            None => hex(&random::bytes::<KEY_BYTES>()?),
        };
        let body = input.read(INGEST_BYTES_MAX)?;
        let answer = push(client, key, body).await?;
        call.print(&answer, Accepted::render)
    })
}

/// Always with a key: else nobody could repeat a call whose answer was lost.
async fn push(client: &Client, key: String, body: Vec<u8>) -> Result<Document, CallError> {
    client.push(EVENTS_PATH, &key, body).await.map_err(|source| {
        if source.may_pass() { CallError::Unfinished { key, source: Box::new(source) } } else { source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_the_api_takes() {
        for good in ["k".to_owned(), "k".repeat(255)] {
            assert_eq!(key(&good), Ok(good));
        }
        for bad in ["", "a b", "é", "a\nb", &"k".repeat(256)] {
            assert_eq!(key(bad), Err("must be 1 to 255 visible ASCII characters".to_owned()), "{bad:?}");
        }
    }
}
