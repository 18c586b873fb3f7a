//! Logs, one JSON object a line on standard error; metrics, in CloudWatch's embedded format on standard output.

use std::io::Write as _;

use hookrail_domain::time::Millis;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{self, Environment as _, LogLevel, ProcessEnvironment};

/// Sets up logging for this process. A second call changes nothing.
pub fn init(level: LogLevel) {
    // A directive applies to each crate whose name begins with it.
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .parse_lossy(format!("warn,hookrail={}", level.name()));
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_current_span(false)
        .with_span_list(false);
    // The first subscriber stays: tests and the local stack set up logging once for several functions.
    subscriber.try_init().unwrap_or(());
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
    // A metric that cannot be written must not fail a delivery.
    if writeln!(std::io::stdout(), "{line}").is_err() {
        tracing::warn!(metric, "a metric could not be written");
    }
}
