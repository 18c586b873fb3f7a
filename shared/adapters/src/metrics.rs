//! Metrics of a function, in CloudWatch's embedded format on standard output.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use hookrail_domain::time::Millis;
use serde::Serialize;

use crate::config::{self, Environment as _, ProcessEnvironment};

/// The namespace of our metrics.
pub const NAMESPACE: &str = "Hookrail";
/// The dimension of our metrics: two stacks in one account must not be added together.
pub const DIMENSION: &str = "FunctionName";
/// Longest time for which a sandbox keeps [`Metric::Attempts`] when nothing else is recorded, in milliseconds: a line per invocation
/// would cost as much as the log line of an attempt.
const KEPT_MS_MAX: u64 = 60_000;

/// The values that are recorded and not written yet. A process is one sandbox, with one invocation at a time.
static PENDING: Mutex<Pending> = Mutex::new(Pending { values: BTreeMap::new(), written_at: Millis(0) });

/// A metric. The alarms of `template.yaml` read these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Requests to receivers.
    Attempts,
    /// Deliveries of which all attempts failed.
    DeliveriesExhausted,
    /// Events that a webhook's script could not be evaluated for, because of a fault of ours.
    EvaluationFaults,
    /// Events that the API refused because their company sent too many.
    EventsThrottled,
    /// The longest time for which a webhook that recover met has had a backlog.
    OldestBacklogSeconds,
    /// The greatest age of a delivery that waits for its next attempt.
    OldestHeadSeconds,
    /// Webhooks that have a backlog. The sweep counts them.
    QueuesSuspended,
    /// Requests that were sent again over a fresh connection, because the kept one had ended.
    StaleConnections,
    /// Transactions that met another one and were tried again.
    TransactionConflicts,
}

impl Metric {
    pub const ALL: [Self; 9] = [
        Self::Attempts,
        Self::DeliveriesExhausted,
        Self::EvaluationFaults,
        Self::EventsThrottled,
        Self::OldestBacklogSeconds,
        Self::OldestHeadSeconds,
        Self::QueuesSuspended,
        Self::StaleConnections,
        Self::TransactionConflicts,
    ];

    /// Returns the name in CloudWatch.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Attempts => "Attempts",
            Self::DeliveriesExhausted => "DeliveriesExhausted",
            Self::EvaluationFaults => "EvaluationFaults",
            Self::EventsThrottled => "EventsThrottled",
            Self::OldestBacklogSeconds => "OldestBacklogSeconds",
            Self::OldestHeadSeconds => "OldestHeadSeconds",
            Self::QueuesSuspended => "QueuesSuspended",
            Self::StaleConnections => "StaleConnections",
            Self::TransactionConflicts => "TransactionConflicts",
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::OldestBacklogSeconds | Self::OldestHeadSeconds => Unit::Seconds,
            Self::Attempts
            | Self::DeliveriesExhausted
            | Self::EvaluationFaults
            | Self::EventsThrottled
            | Self::QueuesSuspended
            | Self::StaleConnections
            | Self::TransactionConflicts => Unit::Count,
        }
    }

    /// Adds another value of the same invocation. A state counts once, with its greatest value.
    fn combine(self, sum: &mut u64, value: u64) {
        *sum = match self {
            Self::OldestBacklogSeconds | Self::OldestHeadSeconds | Self::QueuesSuspended => value.max(*sum),
            Self::Attempts
            | Self::DeliveriesExhausted
            | Self::EvaluationFaults
            | Self::EventsThrottled
            | Self::StaleConnections
            | Self::TransactionConflicts => sum.saturating_add(value),
        };
    }
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    Count,
    Seconds,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Seconds => "Seconds",
        }
    }
}

/// A line of the log: the metrics, and the metadata that names them.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    metadata: serde_json::Value,
    #[serde(flatten)]
    values: BTreeMap<&'static str, u64>,
}

#[derive(Debug)]
struct Pending {
    values: BTreeMap<Metric, u64>,
    written_at: Millis,
}

impl Pending {
    fn record(&mut self, metric: Metric, value: u64) {
        metric.combine(self.values.entry(metric).or_default(), value);
    }

    /// Returns the line that is due, if one is.
    fn take_line(&mut self, function: &str, at: Millis) -> Option<String> {
        let mut metrics = self.values.keys();
        let says_more = metrics.any(|metric| *metric != Metric::Attempts);
        let is_late = KEPT_MS_MAX <= at.since(self.written_at);
        if self.values.is_empty() || !(says_more || is_late) {
            return None;
        }
        self.written_at = at;
        let values = std::mem::take(&mut self.values);
        let metrics = values
            .keys()
            .map(|metric| serde_json::json!({ "Name": metric.name(), "Unit": metric.unit().name() }));
        let metadata = serde_json::json!({
            "_aws": {
                "Timestamp": at.0,
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [[DIMENSION]],
                    "Metrics": metrics.collect::<Vec<_>>(),
                }],
            },
            (DIMENSION): function,
        });
        let values = values.into_iter().map(|(metric, value)| (metric.name(), value)).collect();
        // A tree of texts and numbers: it cannot fail.
        serde_json::to_string(&Line { metadata, values }).ok()
    }
}

/// Adds to a metric of this invocation.
pub fn record(metric: Metric, value: u64) {
    pending(|pending| pending.record(metric, value));
}

/// Writes what an invocation recorded. CloudWatch reads it from the function's log: no call is made. A process that
/// is not a function writes nothing.
pub fn write(at: Millis) {
    let Some(function) = ProcessEnvironment.get(config::FUNCTION_NAME) else { return };
    let Some(line) = pending(|pending| pending.take_line(&function, at)) else { return };
    // A metric that cannot be written must not fail a delivery.
    if writeln!(std::io::stdout(), "{line}").is_err() {
        tracing::warn!("metrics could not be written");
    }
}

fn pending<T>(work: impl FnOnce(&mut Pending) -> T) -> T {
    work(&mut PENDING.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(pending: &mut Pending, at: u64) -> Option<serde_json::Value> {
        pending.take_line("deliver", Millis(at)).map(|line| serde_json::from_str(&line).unwrap())
    }

    #[test]
    fn counters_add_up_and_states_keep_their_greatest_value() {
        let mut pending = Pending { values: BTreeMap::new(), written_at: Millis(0) };
        for (metric, value) in [
            (Metric::StaleConnections, 1),
            (Metric::StaleConnections, 2),
            (Metric::OldestHeadSeconds, 70),
            (Metric::OldestHeadSeconds, 30),
        ] {
            pending.record(metric, value);
        }
        let line = line_of(&mut pending, 5).unwrap();
        assert_eq!((&line["StaleConnections"], &line["OldestHeadSeconds"]), (&3.into(), &70.into()));
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            metrics["Metrics"][0],
            serde_json::json!({"Name": "OldestHeadSeconds", "Unit": "Seconds"})
        );
        assert_eq!((&line["FunctionName"], &metrics["Namespace"]), (&"deliver".into(), &"Hookrail".into()));
        assert_eq!(line_of(&mut pending, 6), None, "each value is written once");
    }

    #[test]
    fn attempts_alone_wait_for_a_minute_and_are_not_lost() {
        let mut pending = Pending { values: BTreeMap::new(), written_at: Millis(1_000) };
        pending.record(Metric::Attempts, 2);
        assert_eq!(line_of(&mut pending, 1_000 + KEPT_MS_MAX - 1), None);
        pending.record(Metric::Attempts, 3);
        assert_eq!(line_of(&mut pending, 1_000 + KEPT_MS_MAX).unwrap()["Attempts"], 5);
        pending.record(Metric::Attempts, 1);
        pending.record(Metric::DeliveriesExhausted, 1);
        assert_eq!(line_of(&mut pending, 1_001 + KEPT_MS_MAX).unwrap()["Attempts"], 1);
    }

    #[test]
    fn every_metric_is_listed_once() {
        let names: std::collections::BTreeSet<_> = Metric::ALL.map(Metric::name).into_iter().collect();
        assert_eq!(names.len(), Metric::ALL.len());
    }
}
