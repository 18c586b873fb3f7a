//! The flags of `hookrail dev`, with the names, defaults and ranges of the template's parameters.

use std::path::PathBuf;

use clap::Args;
use hookrail_script::workflow::{InvalidBase, WorkflowBase};

/// Time of a function that must remain for work other than one attempt, in seconds.
const FUNCTION_TIMEOUT_SLACK_SECONDS: u64 = 3;
/// Visibility of a message as a multiple of the function's time-out, as AWS advises.
pub const VISIBILITY_FACTOR: u64 = 6;

/// Run the whole stack on this machine: tables, queues, functions, API, panel.
#[derive(Debug, Clone, Args)]
pub struct DevOptions {
    /// Port of API and panel on 127.0.0.1. 0 takes any free port.
    #[arg(long, value_name = "N", default_value_t = 8080)]
    pub port: u16,
    /// Time-out of a function. The visibility time-out of messages is six times this.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=900))]
    pub function_timeout: u64,
    /// Keep tables, queues, token and company in this folder across restarts, for one process at a time. The default is
    /// memory.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Delay between a failed attempt and the next.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=900))]
    pub retry_delay: u64,
    /// Attempts per delivery.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=10))]
    pub attempts: u64,
    /// Time-out of one attempt.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=20))]
    pub timeout: u64,
    /// Exhausted events in a row that suspend a webhook. 1 skips no event, 0 never suspends.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=100))]
    pub suspend_after: u64,
    /// Time that an event may wait in the queue before the events of its webhook are parked. 0 is never.
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub park_after: u64,
    /// Messages in the events queue from which on each company may push `--ingest-rate` events per second only.
    #[arg(long, value_name = "N", default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(0..=120_000))]
    pub ingest_backlog: u64,
    /// Events per second that a company may push while the events queue is longer than `--ingest-backlog`.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(10..=10_000))]
    pub ingest_rate: u64,
    /// Most messages of one invocation.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10))]
    pub batch_size: u64,
    /// Write addresses, tokens and process ids to this file as JSON when the stack is ready.
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
    /// Most sandboxes (processes) per function.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub concurrency: u64,
    /// Base URL of a workflow engine, for relative URLs of platform webhooks.
    #[arg(long, value_name = "URL")]
    pub workflow_engine: Option<String>,
    /// Use this AWS endpoint on loopback (`LocalStack`, `ministack`) instead of the embedded tables and queues.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Also run a demonstration, with its own receiver.
    #[arg(long)]
    pub demo: bool,
    /// End after the demonstration.
    #[arg(long, requires = "demo")]
    pub exit: bool,
    /// Level of the log of the functions on standard error: error, warn, info or debug.
    #[arg(long, value_name = "LEVEL", default_value = "warn", value_parser = ["error", "warn", "info", "debug"])]
    pub log_level: String,
}

/// Flags that cannot be combined, or are not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOptions {
    #[error(
        "--function-timeout {function_timeout} must be greater than --timeout {timeout} + {FUNCTION_TIMEOUT_SLACK_SECONDS}"
    )]
    FunctionTimeout { function_timeout: u64, timeout: u64 },
    #[error("--workflow-engine {0}")]
    WorkflowEngine(InvalidBase),
    #[error("--endpoint must be an http URL on loopback, such as http://127.0.0.1:4566")]
    Endpoint,
}

impl DevOptions {
    /// Checks the rules that concern several flags.
    pub fn check(&self) -> Result<(), BadOptions> {
        if self.function_timeout <= self.timeout + FUNCTION_TIMEOUT_SLACK_SECONDS {
            let (function_timeout, timeout) = (self.function_timeout, self.timeout);
            return Err(BadOptions::FunctionTimeout { function_timeout, timeout });
        }
        let engine = self.workflow_engine.as_deref().map(WorkflowBase::parse).transpose();
        engine.map_err(BadOptions::WorkflowEngine)?;
        if self.endpoint.as_deref().is_some_and(|endpoint| !is_loopback(endpoint)) {
            return Err(BadOptions::Endpoint);
        }
        Ok(())
    }

    /// Returns the visibility time-out of a message, in seconds.
    #[must_use]
    pub fn visibility_seconds(&self) -> u64 {
        self.function_timeout * VISIBILITY_FACTOR
    }
}

/// Returns whether an endpoint is an http URL of this machine.
#[must_use]
pub fn is_loopback(endpoint: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(endpoint) else { return false };
    url.scheme() == "http" && matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: DevOptions,
    }

    fn options(arguments: &str) -> DevOptions {
        Command::parse_from(std::iter::once("dev").chain(arguments.split_whitespace())).options
    }

    #[test]
    fn defaults_match_the_template() {
        let options = options("");
        assert_eq!((options.retry_delay, options.attempts, options.timeout), (30, 3, 10));
        assert_eq!(
            (options.batch_size, options.function_timeout, options.visibility_seconds()),
            (10, 30, 180)
        );
        assert_eq!((options.suspend_after, options.park_after), (5, 900));
        assert_eq!((options.ingest_backlog, options.ingest_rate), (30_000, 100));
        assert_eq!(options.check(), Ok(()));
    }

    #[test]
    fn rejects_conflicting_options_by_name() {
        let refused = |arguments| options(arguments).check().unwrap_err();
        assert_eq!(
            refused("--function-timeout 13"),
            BadOptions::FunctionTimeout { function_timeout: 13, timeout: 10 }
        );
        assert_eq!(options("--function-timeout 14").check(), Ok(()));
        assert_eq!(refused("--endpoint http://10.0.0.1:4566"), BadOptions::Endpoint);
        assert_eq!(refused("--endpoint https://sqs.us-east-1.amazonaws.com"), BadOptions::Endpoint);
        assert_eq!(options("--endpoint http://localhost:4566").check(), Ok(()));
        assert_eq!(
            refused("--workflow-engine engine").to_string(),
            "--workflow-engine must be an absolute http or https URL"
        );
        assert_eq!(options("--workflow-engine http://127.0.0.1:1/x").check(), Ok(()));
    }
}
