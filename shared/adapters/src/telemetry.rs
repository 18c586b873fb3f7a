//! Logs: one JSON object a line on standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::LogLevel;

/// Sets up logging for this process. A second call changes nothing.
pub fn init(level: LogLevel) {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .parse_lossy(format!("warn,hookrail={0},hookrail_adapters={0},hookrail_api={0},hookrail_fan_out={0},hookrail_deliver={0}", level.name()));
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_current_span(false)
        .with_span_list(false);
    // The first subscriber stays: tests and the local stack set up logging once for several functions.
    subscriber.try_init().unwrap_or_else(|_already_set_up| ());
}
