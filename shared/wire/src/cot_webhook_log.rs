//! `COTWebhookLog` JSON: a log row as the API shows it. The reference system's sentinels stay in this file.

use hookrail_domain::attempt::{ErrorClass, Outcome};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::progress::Progress;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::json;
use crate::timestamp;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LogRow)]
pub(crate) struct Document<'a> {
    #[serde(rename = "_id")]
    id: String,
    company: &'a str,
    /// When the attempt began.
    created_at: String,
    /// The status of the response. 409 if there was none.
    status: u16,
    /// The number of the attempt, from 1.
    retry: u32,
    /// The response body, or the reason why it is missing.
    response: &'a str,
    /// The event as it was sent, byte for byte.
    #[schema(value_type = Option<Object>)]
    event: Option<&'a RawValue>,
    /// The webhook.
    #[serde(rename = "subscription")]
    webhook: String,
    #[serde(rename = "__v")]
    version: u64,
    // What the reference system does not have.
    /// `SUCCESS`, `FAILED` or `PARKED`.
    result: &'static str,
    /// The class of the failure; null for a success.
    error: Option<&'static str>,
    /// The event's place in the webhook's order, without gaps from 1.
    sequence: u64,
    /// The `webhook-id` that the receiver saw.
    delivery: String,
    duration_ms: u64,
    /// True if the response was longer than what is kept.
    response_truncated: bool,
    /// Set while attempts are left.
    next_attempt_at: Option<String>,
    url: &'a str,
    /// The webhook's `__v` at this attempt.
    webhook_version: u64,
    /// Set when a person asked for the attempt, after its event had ended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    manual: bool,
}

/// Rows as the API lists them: a bare array.
#[must_use]
pub fn render_list(rows: &[LogRow]) -> Vec<u8> {
    let documents: Vec<_> = rows.iter().map(document).collect();
    json::render(&documents)
}

/// One row as the API shows it.
#[must_use]
pub fn render(row: &LogRow) -> Vec<u8> {
    json::render(&document(row))
}

/// The result of a row, by its outcome.
pub(crate) fn result_of(outcome: &Outcome) -> &'static str {
    match outcome.error() {
        None => "SUCCESS",
        Some(ErrorClass::Parked) => "PARKED",
        Some(_) => "FAILED",
    }
}

fn document(row: &LogRow) -> Document<'_> {
    let outcome = &row.attempt.outcome;
    Document {
        id: row.attempt.number.row_id(row.webhook).to_string(),
        company: row.company.as_str(),
        created_at: timestamp::render(row.attempt.started_at),
        status: outcome.status(),
        retry: row.attempt.number.attempt,
        response: outcome.response(),
        // The body was JSON when it was accepted; it is shown as it is, not parsed and written again.
        event: row.body.as_ref().and_then(|body| serde_json::from_str(body.as_str()).ok()),
        webhook: row.webhook.to_string(),
        version: 0,
        result: result_of(outcome),
        error: outcome.error().map(ErrorClass::name),
        sequence: row.attempt.number.sequence,
        delivery: row.delivery.to_string(),
        duration_ms: row.attempt.duration_ms,
        response_truncated: matches!(outcome, Outcome::Responded { response, .. } if response.truncated),
        next_attempt_at: match row.progress {
            Progress::Ended | Progress::Parked => None,
            Progress::Waiting { until } => Some(timestamp::render(until)),
        },
        url: &row.url,
        webhook_version: row.version,
        manual: row.is_replay,
    }
}

#[cfg(test)]
mod tests {
    use hookrail_domain::attempt::{Attempt, AttemptNumber};
    use hookrail_domain::delivery::{QueueName, QueuePosition};
    use hookrail_domain::event::Body;
    use hookrail_domain::id::{CompanyId, DeliveryId, EventId, WebhookId};
    use hookrail_domain::log_row::RunId;
    use hookrail_domain::time::Millis;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn row(body: &str) -> LogRow {
        let (event, webhook) =
            (EventId::of_message("m"), WebhookId::parse("62685990d918fb5557f9f992").unwrap());
        let position = QueuePosition { queue: QueueName::new("q"), number: 1 };
        LogRow {
            company: CompanyId::parse("625bcbdcc9a8e3a86dbf041c").unwrap(),
            webhook,
            delivery: DeliveryId::of(event, webhook),
            event,
            accepted: position.clone(),
            queued: position,
            attempt: Attempt {
                number: AttemptNumber { sequence: 7, attempt: 3 },
                started_at: Millis(1_651_781_080_084),
                duration_ms: 3001,
                outcome: Outcome::NoResponse {
                    error: ErrorClass::Timeout,
                    reason: "connect ETIMEDOUT 67.225.146.248:443".into(),
                },
            },
            progress: Progress::Ended,
            given_up: 0,
            url: "https://www.server.com/".into(),
            version: 2,
            run: RunId("r".into()),
            is_replay: false,
            body: Some(Body::new(body).unwrap()),
            expires_at: None,
        }
    }

    #[test]
    fn renders_every_field_of_the_published_log() {
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
    fn the_log_shows_the_event_byte_for_byte() {
        let body = "{ \"b\" : 1.50,\n \"a\" : \"\\u0041\" }";
        let text = String::from_utf8(render_list(&[row(body)])).unwrap();
        assert!(text.contains(&format!("\"event\":{body},")));
    }

    #[test]
    fn a_waiting_row_shows_its_next_attempt_time() {
        let waiting = LogRow { progress: Progress::Waiting { until: Millis(0) }, ..row("{}") };
        let text = String::from_utf8(render_list(&[waiting])).unwrap();
        assert!(text.contains("\"nextAttemptAt\":\"1970-01-01T00:00:00.000Z\""));
        assert!(text.contains("\"result\":\"FAILED\",\"error\":\"timeout\""));
    }

    proptest! {
        #[test]
        fn a_row_shows_its_numbers_and_any_response(
            (sequence, attempt) in (0..1_u64 << 48, 0..1_u32 << 16),
            (status, text, truncated) in any::<(u16, String, bool)>(),
        ) {
            let mut row = row("{}");
            row.attempt.number = AttemptNumber { sequence, attempt };
            let response = hookrail_domain::attempt::ResponseText { text: text.clone(), truncated };
            row.attempt.outcome = Outcome::Responded { status, response, retry_after_seconds: None };
            let written: Value = serde_json::from_slice(&render_list(&[row.clone()])).unwrap();
            let shown = &written[0];
            prop_assert_eq!(&shown["response"], &Value::from(text));
            prop_assert_eq!(&shown["responseTruncated"], &Value::from(truncated));
            prop_assert_eq!((&shown["sequence"], &shown["retry"]), (&Value::from(sequence), &Value::from(attempt)));
            prop_assert_eq!(&shown["status"], &Value::from(status));
            let id = hookrail_domain::id::RowId::parse(shown["_id"].as_str().unwrap()).unwrap();
            prop_assert_eq!(AttemptNumber::of_row_id(id, row.webhook), Some(row.attempt.number));
            let succeeded = (200..=209).contains(&status);
            prop_assert_eq!(&shown["result"], if succeeded { "SUCCESS" } else { "FAILED" });
            prop_assert_eq!(shown["error"].is_null(), succeeded);
        }
    }
}
