//! Logs, one JSON object a line on standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::LogLevel;

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
