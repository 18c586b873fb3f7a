//! `hookrail webhook replay`: replays, started, followed and cancelled.

use std::time::Duration;

use clap::Args;
use hookrail_wire::timestamp;
use http::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

use super::look;
use super::named::Named;
use crate::call::CallOptions;
use crate::client::{Client, Document};
use crate::failure::Failure;
use crate::show::{self, Replay};

/// Pause between two reads of a replay. Each read is a paid call, and an event takes a while anyway.
const POLL: Duration = Duration::from_secs(1);
const BAR: &str = "[{bar:30}] {pos} of {len}: {msg} (about {eta} left)";

/// Send ended events again, oldest first: failed ones, or all with --all.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct ReplayOptions {
    #[command(flatten)]
    webhook: Named,
    /// First time of the events, such as 2026-05-05T20:04:40Z. The default is the oldest event in the log.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<String>,
    /// End time of the events, exclusive. The default is the newest event.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<String>,
    /// Also send accepted events.
    #[arg(long)]
    all: bool,
    /// Wait for the end of the replay and show its progress. Events that fail again do not change the exit code; the
    /// output counts them.
    #[arg(long, conflicts_with = "cancel")]
    follow: bool,
    /// Show the newest replay. Do not start one.
    #[arg(long, conflicts_with_all = ["since", "until", "all", "cancel"])]
    status: bool,
    /// Cancel the running replay. Do not start one.
    #[arg(long, conflicts_with_all = ["since", "until", "all"])]
    cancel: bool,
}

fn time(text: &str) -> Result<String, &'static str> {
    match timestamp::parse(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("must be a time such as 2026-05-05T20:04:40Z"),
    }
}

impl ReplayOptions {
    /// Renders the body of the call. Flags that were not given are left out.
    fn body(&self) -> Value {
        let result = self.all.then(|| "ALL".to_owned());
        let fields = [("since", &self.since), ("until", &self.until), ("result", &result)];
        let said = fields.into_iter().filter_map(|(name, value)| {
            value.as_ref().map(|value| (name.to_owned(), Value::String(value.clone())))
        });
        Value::Object(said.collect::<Map<_, _>>())
    }
}

pub(super) async fn act(call: &CallOptions, options: &ReplayOptions, client: &Client) -> Result<(), Failure> {
    let path = format!("{}/replay", options.webhook.path(client).await?);
    let mut answer = match (options.status, options.cancel) {
        (true, _) => client.call(Method::GET, &path).await?,
        (false, true) => client.call(Method::DELETE, &path).await?,
        (false, false) => client.call_with(Method::POST, &path, &options.body()).await?,
    };
    if options.follow {
        answer = follow(client, &path, answer).await?;
    }
    call.print(&answer, Replay::render)
}

/// Waits for the end of a replay, and returns its document.
async fn follow(client: &Client, path: &str, first: Document) -> Result<Document, Failure> {
    let asked_at = first.read::<Replay>()?.asked_at;
    let mut progress = Progress::new();
    let mut document = first;
    loop {
        let replay: Replay = document.read()?;
        if replay.asked_at != asked_at {
            return Err(Failure::Replaced);
        }
        progress.show(&replay);
        if !replay.is_running() {
            progress.bar.finish_and_clear();
            return Ok(document);
        }
        document = look(POLL, async || Ok(client.call(Method::GET, path).await?)).await?;
    }
}

/// The progress of a replay: a bar on a terminal, elsewhere a line for every change.
struct Progress {
    /// Draws nothing if standard error is not a terminal.
    bar: ProgressBar,
    told: String,
}

impl Progress {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        // With a template that cannot be read the plain bar remains.
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, told: String::new() }
    }

    fn show(&mut self, replay: &Replay) {
        self.bar.set_message(format!("{} accepted, {} failed", replay.accepted, replay.failed));
        self.bar.set_length(replay.of);
        self.bar.set_position(replay.seen);
        let line = replay.brief();
        if self.bar.is_hidden() && line != self.told {
            show::tell(&line);
        }
        self.told = line;
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use hookrail_domain::time::Millis;
    use hookrail_wire::replay::ReplayCall;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        replay: ReplayOptions,
    }

    #[track_caller]
    fn check(flags: &str, expected: ReplayCall) {
        let arguments = ["replay", "62685990d918fb5557f9f992"].into_iter().chain(flags.split_whitespace());
        let body = Command::parse_from(arguments).replay.body().to_string();
        assert_eq!(ReplayCall::parse(body.as_bytes()), Ok(expected), "{body}");
    }

    #[test]
    fn replay_flags_become_valid_api_calls() {
        let failed = ReplayCall { since: None, until: None, only_failed: true };
        check("", failed);
        check("--all", ReplayCall { only_failed: false, ..failed });
        check(
            "--since 1970-01-01T00:00:01Z --until 1970-01-01T01:00:02+01:00",
            ReplayCall { since: Some(Millis(1000)), until: Some(Millis(2000)), ..failed },
        );
    }

    #[test]
    fn the_replay_progress_bar_template_is_valid() {
        assert_eq!(ProgressStyle::with_template(BAR).err().map(|error| error.to_string()), None);
    }
}
