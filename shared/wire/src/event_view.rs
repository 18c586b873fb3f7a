//! An event as it went to webhooks: what it was, and how each of its deliveries stands.

use hookrail_domain::attempt::ErrorClass;
use hookrail_domain::event::Body;
use hookrail_domain::id::{CompanyId, EventId};
use hookrail_domain::log_row::LogRow;
use hookrail_domain::progress::Progress;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::cot_webhook_log::result_of;
use crate::json;
use crate::log_filter::WAITING;
use crate::timestamp;

#[derive(Serialize, ToSchema)]
#[schema(as = EventView)]
pub(crate) struct Document<'a> {
    #[serde(rename = "_id")]
    id: String,
    company: &'a str,
    /// The event as it was sent, byte for byte; null on a page that has no delivery.
    #[schema(value_type = Option<Object>)]
    event: Option<&'a RawValue>,
    /// One for each webhook in whose log the event stands.
    deliveries: Vec<DeliveryDocument>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventDelivery)]
pub(crate) struct DeliveryDocument {
    /// The webhook.
    #[serde(rename = "subscription")]
    webhook: String,
    /// The `webhook-id` that the receiver saw.
    delivery: String,
    /// The event's place in the webhook's order.
    sequence: u64,
    /// `SUCCESS`, `FAILED`, `PARKED`, or `WAITING` for another attempt.
    result: &'static str,
    /// The class of the newest attempt's failure; null for a success.
    error: Option<&'static str>,
    /// The status of the last response. 409 if there was none.
    status: u16,
    /// Attempts so far.
    attempts: u32,
    last_attempt_at: String,
    /// When the event is tried next; null if it is not.
    next_attempt_at: Option<String>,
    /// The newest attempt in the webhook's log.
    row: String,
}

/// The event, with the newest row of each of its deliveries.
#[must_use]
pub fn render((company, id): (&CompanyId, EventId), body: Option<&Body>, newest: &[LogRow]) -> Vec<u8> {
    let document = Document {
        id: id.to_string(),
        company: company.as_str(),
        event: body.and_then(|body| serde_json::from_str(body.as_str()).ok()),
        deliveries: newest.iter().map(delivery).collect(),
    };
    json::render(&document)
}

fn delivery(row: &LogRow) -> DeliveryDocument {
    let (outcome, number) = (&row.attempt.outcome, row.attempt.number);
    let (result, next_attempt_at) = match row.progress {
        Progress::Waiting { until } => (WAITING, Some(timestamp::render(until))),
        Progress::Ended | Progress::Parked => (result_of(outcome), None),
    };
    DeliveryDocument {
        webhook: row.webhook.to_string(),
        delivery: row.delivery.to_string(),
        sequence: number.sequence,
        result,
        error: outcome.error().map(ErrorClass::name),
        status: outcome.status(),
        attempts: number.attempt,
        last_attempt_at: timestamp::render(row.attempt.started_at),
        next_attempt_at,
        row: number.row_id(row.webhook).to_string(),
    }
}
