//! Logs, one JSON object a line on standard error; metrics, in CloudWatch's embedded format on standard output.

use std::error::Error;
use std::fmt;
use std::io::Write as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use hookrail_domain::time::Millis;

use crate::config::{self, Environment as _, LogLevel, ProcessEnvironment};

/// Sets up logging for this process. A second call changes nothing.
pub fn init(level: LogLevel) {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).parse_lossy(format!(
        "warn,hookrail={0},hookrail_adapters={0},hookrail_api={0},hookrail_fan_out={0},hookrail_deliver={0}",
        level.name()
    ));
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_current_span(false)
        .with_span_list(false);
    // The first subscriber stays: tests and the local stack set up logging once for several functions.
    subscriber.try_init().unwrap_or(());
}

/// An error with its causes, as one line of a log.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(out, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// The namespace of our metrics.
pub const METRICS_NAMESPACE: &str = "Hookrail";

/// Adds to a metric. CloudWatch reads it from the function's log: no call is made, and elsewhere nothing is written.
pub fn count(metric: &str, value: u64, at: Millis) {
    let Some(function) = ProcessEnvironment.get(config::FUNCTION_NAME) else { return };
    let line = serde_json::json!({
        "_aws": {
            "Timestamp": at.0,
            "CloudWatchMetrics": [{
                "Namespace": METRICS_NAMESPACE,
                // Two stacks in one account must not be added together.
                "Dimensions": [["FunctionName"]],
                "Metrics": [{ "Name": metric, "Unit": "Count" }],
            }],
        },
        "FunctionName": function,
        metric: value,
    });
    // A metric that cannot be written is no reason to fail a delivery.
    if writeln!(std::io::stdout(), "{line}").is_err() {
        tracing::warn!(metric, "a metric could not be written");
    }
}
