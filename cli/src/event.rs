//! `hookrail event`: pushing events over the API.

use clap::{Args, Subcommand};
use hookrail_adapters::random;
use hookrail_api::EVENTS_PATH;
use hookrail_domain::id::hex;
use hookrail_domain::limits::{IDEMPOTENCY_KEY_CHARS_MAX, INGEST_BYTES_MAX};
use serde::Deserialize;

use crate::call::CallOptions;
use crate::client::{Client, Document};
use crate::failure::Failure;
use crate::input::Input;
use crate::show::printable;
use crate::webhook::EXIT_CODES;

/// Random bytes of a generated key.
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
    /// Push one event, or a JSON array of up to 100 events, and print their ids. The bytes are sent unchanged.
    Send {
        #[command(flatten)]
        input: Input,
        /// Key that makes the call safe to repeat. The default is a new random key.
        #[arg(long, value_name = "KEY", value_parser = key)]
        idempotency_key: Option<String>,
    },
}

/// The response to a call that was accepted.
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
pub fn run(EventCommand { call, action }: &EventCommand) -> Result<(), Failure> {
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

/// Pushes events, always with a key, so that a call can be repeated if its response is lost.
async fn push(client: &Client, key: String, body: Vec<u8>) -> Result<Document, Failure> {
    client
        .push(EVENTS_PATH, &key, body)
        .await
        .map_err(|source| if source.may_pass() { Failure::Unfinished { key, source } } else { source.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_idempotency_keys_of_the_api() {
        for good in ["k".to_owned(), "k".repeat(255)] {
            assert_eq!(key(&good), Ok(good));
        }
        for bad in ["", "a b", "é", "a\nb", &"k".repeat(256)] {
            assert_eq!(key(bad), Err("must be 1 to 255 visible ASCII characters".to_owned()), "{bad:?}");
        }
    }
}
