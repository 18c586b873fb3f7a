//! `COTWebhookLog` JSON: a log row as the API shows it. The reference system's sentinels stay in this file.

use hookrail_domain::attempt::Outcome;
use hookrail_domain::line::Progress;
use hookrail_domain::log_row::LogRow;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::timestamp;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(rename = "_id")]
    id: String,
    company: &'a str,
    created_at: String,
    status: u16,
    retry: u32,
    response: &'a str,
    event: Option<&'a RawValue>,
    subscription: String,
    #[serde(rename = "__v")]
    version: u64,
    // What the reference system does not have.
    result: &'static str,
    error: Option<&'static str>,
    sequence: u64,
    delivery: String,
    duration_ms: u64,
    response_truncated: bool,
    /// Set while attempts are left.
    next_attempt_at: Option<String>,
    url: &'a str,
    /// The webhook's `__v` at this attempt.
    webhook_version: u64,
}

/// Rows as the API lists them: a bare array.
#[must_use]
pub fn render_list(rows: &[LogRow]) -> Vec<u8> {
    let documents: Vec<_> = rows.iter().map(document).collect();
    serde_json::to_vec(&documents).unwrap_or_default()
}

fn document(row: &LogRow) -> Document<'_> {
    let outcome = &row.attempt.outcome;
    Document {
        id: row.attempt.number.row_id(row.subscription).to_string(),
        company: row.company.as_str(),
        created_at: timestamp::render(row.attempt.started_at),
        status: outcome.status(),
        retry: row.attempt.number.attempt,
        response: outcome.response(),
        // The body was JSON when it was accepted; it is shown as it is, not parsed and written again.
        event: row.body.as_ref().and_then(|body| serde_json::from_str(body.as_str()).ok()),
        subscription: row.subscription.to_string(),
        version: 0,
        result: if outcome.is_success() { "SUCCESS" } else { "FAILED" },
        error: outcome.error().map(hookrail_domain::attempt::ErrorClass::name),
        sequence: row.attempt.number.sequence,
        delivery: row.delivery.to_string(),
        duration_ms: row.attempt.duration_ms,
        response_truncated: matches!(outcome, Outcome::Answered { response, .. } if response.truncated),
        next_attempt_at: match row.progress {
            Progress::Ended => None,
            Progress::Waiting { until } => Some(timestamp::render(until)),
        },
        url: &row.url,
        webhook_version: row.version,
    }
}

#[cfg(test)]
mod tests {
    use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass};
    use hookrail_domain::delivery::{QueueName, QueuePosition};
    use hookrail_domain::event::Body;
    use hookrail_domain::id::{CompanyId, DeliveryId, EventId, SubscriptionId};
    use hookrail_domain::log_row::RunId;
    use hookrail_domain::time::Millis;
    use serde_json::Value;

    use super::*;

    fn row(body: &str) -> LogRow {
        let (event, subscription) =
            (EventId::of_message("m"), SubscriptionId::parse("62685990d918fb5557f9f992").unwrap());
        let position = QueuePosition { queue: QueueName::new("q"), number: 1 };
        LogRow {
            company: CompanyId::parse("625bcbdcc9a8e3a86dbf041c").unwrap(),
            subscription,
            delivery: DeliveryId::of(event, subscription),
            event,
            accepted: position.clone(),
            queued: position,
            attempt: Attempt {
                number: AttemptNumber { sequence: 7, attempt: 3 },
                started_at: Millis(1_651_781_080_084),
                duration_ms: 3001,
                outcome: Outcome::NoAnswer {
                    error: ErrorClass::Timeout,
                    reason: "connect ETIMEDOUT 67.225.146.248:443".into(),
                },
            },
            progress: Progress::Ended,
            url: "https://www.server.com/".into(),
            version: 2,
            run: RunId("r".into()),
            body: Some(Body::new(body).unwrap()),
            expires_at: None,
        }
    }

    #[test]
    fn every_field_of_the_published_log_is_written_as_published() {
        let published: Value =
            serde_json::from_str(include_str!("../fixtures/cot_webhook_log.json")).unwrap();
        let body = serde_json::to_string(&published["event"]).unwrap();
        let written: Value = serde_json::from_slice(&render_list(&[row(&body)])).unwrap();
        for (field, value) in published.as_object().unwrap() {
            if field == "_id" {
                assert_eq!(written[0][field].as_str().unwrap().len(), 24);
            } else {
                assert_eq!(&written[0][field], value, "{field}");
            }
        }
    }

    #[test]
    fn the_event_is_shown_byte_for_byte() {
        let body = "{ \"b\" : 1.50,\n \"a\" : \"\\u0041\" }";
        let text = String::from_utf8(render_list(&[row(body)])).unwrap();
        assert!(text.contains(&format!("\"event\":{body},")));
    }

    #[test]
    fn a_waiting_row_says_when_it_is_tried_next() {
        let waiting = LogRow { progress: Progress::Waiting { until: Millis(0) }, ..row("{}") };
        let text = String::from_utf8(render_list(&[waiting])).unwrap();
        assert!(text.contains("\"nextAttemptAt\":\"1970-01-01T00:00:00.000Z\""));
        assert!(text.contains("\"result\":\"FAILED\",\"error\":\"timeout\""));
    }
}
