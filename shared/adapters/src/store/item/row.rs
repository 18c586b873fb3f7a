//! Rows of the delivery log.

use hookrail_domain::attempt::{Attempt, AttemptNumber, ErrorClass, Outcome, ResponseText, STATUS_GONE};
use hookrail_domain::delivery::{QueueName, QueuePosition};
use hookrail_domain::id::{CompanyId, DeliveryId, EventId};
use hookrail_domain::log_row::{LogRow, RunId};
use hookrail_domain::progress::{LastRow, Progress};
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::listing::EventPosition;
use hookrail_pipeline::store::{StoreError, WebhookKey};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::body::{decode_body, encode_body};
use super::{Item, Key, PARTITION_KEY, ROW_PREFIX, SCHEMA, SORT_KEY, decode, encode, names_of};

/// The index of the Log table that finds the rows of an event, and its partition key; sorted by webhook.
pub const EVENT_INDEX: &str = "event";
pub const EVENT_PARTITION: &str = "eventKey";

const CORRUPT: StoreError = StoreError::Corrupt { what: "log row" };

/// The attributes that show the progress of a queue; a query for the last row reads no more than these.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlaceAttributes {
    delivery: String,
    accepted_queue: String,
    accepted_number: String,
    queued_queue: String,
    queued_number: String,
    /// Set while attempts are left.
    waiting_until: Option<u64>,
    #[serde(default, skip_serializing_if = "is_false")] // Written only when the event is parked.
    parked: bool,
    #[serde(default, skip_serializing_if = "is_zero")] // Written only after a give-up.
    given_up: u32,
    status: u16,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AttemptAttributes {
    schema: u32,
    event: String,
    run: String,
    started_at: u64,
    duration_ms: u64,
    outcome: String,
    error: Option<String>,
    response: String,
    #[serde(default, skip_serializing_if = "is_false")] // Written only when the response was cut.
    response_truncated: bool,
    retry_after_seconds: Option<u64>,
    url: String,
    #[serde(default, skip_serializing_if = "is_false")] // Written only when a person asked for the attempt.
    replay: bool,
    /// Seconds: DynamoDB's own expiry.
    expires_at: Option<u64>,
}

/// The attributes that a search does not read.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BodyAttributes {
    /// With an event's first row only: the index `event` holds each event of a webhook once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_key: Option<String>,
    body: Option<ByteBuf>,
    /// `deflate`, or absent for plain bytes.
    body_encoding: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct RowAttributes {
    #[serde(flatten)]
    place: PlaceAttributes,
    #[serde(flatten)]
    attempt: AttemptAttributes,
    #[serde(flatten)]
    body: BodyAttributes,
}

/// Returns the attributes of [`decode_last`], for a projection.
#[must_use]
pub fn last_attributes() -> Vec<&'static str> {
    [[PARTITION_KEY, SORT_KEY].as_slice(), names_of::<PlaceAttributes>()].concat()
}

/// Returns the attributes of a row except its body, for a projection.
#[must_use]
pub fn scanned_attributes() -> Vec<&'static str> {
    [last_attributes().as_slice(), names_of::<AttemptAttributes>()].concat()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Returns the item of a row.
pub fn encode_row(row: &LogRow) -> Result<Item, StoreError> {
    let outcome = &row.attempt.outcome;
    let (response_truncated, retry_after_seconds) = match outcome {
        Outcome::Responded { response, retry_after_seconds, .. } => {
            (response.truncated, *retry_after_seconds)
        }
        Outcome::NotSent { .. } | Outcome::NoResponse { .. } | Outcome::Unsent { .. } => (false, None),
    };
    let (body, body_encoding) = match &row.body {
        Some(body) => encode_body(body)?,
        None => (None, None),
    };
    encode(
        Key::row(&WebhookKey::of_row(row), row.attempt.number),
        &RowAttributes {
            place: place(row),
            attempt: AttemptAttributes {
                schema: SCHEMA,
                event: row.event.to_string(),
                run: row.run.0.clone(),
                started_at: row.attempt.started_at.0,
                duration_ms: row.attempt.duration_ms,
                outcome: outcome_name(outcome).to_owned(),
                error: outcome.error().map(|error| error.name().to_owned()),
                response: outcome.response().to_owned(),
                response_truncated,
                retry_after_seconds,
                url: row.url.clone(),
                replay: row.is_replay,
                expires_at: row.expires_at.map(Millis::unix_seconds),
            },
            body: BodyAttributes {
                event_key: row.body.as_ref().map(|_| event_key(&row.company, row.event)),
                body,
                body_encoding,
            },
        },
    )
}

/// Returns the partition of an event in the index.
#[must_use]
pub fn event_key(company: &CompanyId, event: EventId) -> String {
    format!("{company}#{event}")
}

/// Returns the position of the event of an item of the index.
pub fn decode_place(item: &Item) -> Result<EventPosition, StoreError> {
    let sequence = number_of(item)?.sequence;
    Ok(EventPosition { webhook: Key::of(item)?.into_key()?.webhook, sequence })
}

fn place(row: &LogRow) -> PlaceAttributes {
    PlaceAttributes {
        delivery: row.delivery.to_string(),
        accepted_queue: row.accepted.queue.as_str().to_owned(),
        accepted_number: row.accepted.number.to_string(),
        queued_queue: row.queued.queue.as_str().to_owned(),
        queued_number: row.queued.number.to_string(),
        waiting_until: match row.progress {
            Progress::Ended | Progress::Parked => None,
            Progress::Waiting { until } => Some(until.0),
        },
        parked: row.progress == Progress::Parked,
        given_up: row.given_up,
        status: row.attempt.outcome.status(),
        version: row.version,
    }
}

/// Returns the part of an item's row that concerns its queue.
pub fn decode_last(item: Item) -> Result<LastRow, StoreError> {
    let number = number_of(&item)?;
    let place: PlaceAttributes = decode(item, "log row")?;
    last_of(number, &place)
}

fn last_of(number: AttemptNumber, place: &PlaceAttributes) -> Result<LastRow, StoreError> {
    let position = |queue: &str, number: &str| match number.parse() {
        Ok(number) => Ok(QueuePosition { queue: QueueName::new(queue), number }),
        Err(_not_digits) => Err(CORRUPT),
    };
    Ok(LastRow {
        number,
        delivery: DeliveryId::parse(&place.delivery).map_err(|_refused| CORRUPT)?,
        queued: position(&place.queued_queue, &place.queued_number)?,
        accepted: position(&place.accepted_queue, &place.accepted_number)?,
        progress: match place.waiting_until {
            None if place.parked => Progress::Parked,
            None => Progress::Ended,
            Some(until) => Progress::Waiting { until: Millis(until) },
        },
        given_up: place.given_up,
        status: place.status,
        gone: (place.status == STATUS_GONE).then_some(place.version),
    })
}

/// Returns the row of an item found under `key`.
pub fn decode_row(key: &WebhookKey, item: Item) -> Result<LogRow, StoreError> {
    let number = number_of(&item)?;
    let RowAttributes { place, attempt, body } = decode(item, "log row")?;
    let last = last_of(number, &place)?;
    let outcome = decode_outcome(&attempt, place.status)?;
    let body = body.body.map(|bytes| decode_body(bytes, body.body_encoding.as_deref())).transpose()?;
    Ok(LogRow {
        company: key.company.clone(),
        webhook: key.webhook,
        delivery: last.delivery,
        event: EventId::parse(&attempt.event).map_err(|_refused| CORRUPT)?,
        accepted: last.accepted,
        queued: last.queued,
        attempt: Attempt {
            number,
            started_at: Millis(attempt.started_at),
            duration_ms: attempt.duration_ms,
            outcome,
        },
        progress: last.progress,
        given_up: last.given_up,
        url: attempt.url,
        version: place.version,
        run: RunId(attempt.run),
        is_replay: attempt.replay,
        body,
        expires_at: attempt.expires_at.map(|seconds| Millis(seconds.saturating_mul(1000))),
    })
}

fn number_of(item: &Item) -> Result<AttemptNumber, StoreError> {
    let key = Key::of(item)?;
    let number = key.sort.strip_prefix(ROW_PREFIX).and_then(|rest| {
        let (sequence, attempt) = rest.split_once('#')?;
        Some(AttemptNumber { sequence: sequence.parse().ok()?, attempt: attempt.parse().ok()? })
    });
    number.ok_or(CORRUPT)
}

pub(super) fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Responded { .. } => "answered",
        Outcome::NotSent { .. } => "not_sent",
        Outcome::NoResponse { .. } => "no_answer",
        Outcome::Unsent { .. } => "unsent",
    }
}

fn decode_outcome(attributes: &AttemptAttributes, status: u16) -> Result<Outcome, StoreError> {
    let response =
        ResponseText { text: attributes.response.clone(), truncated: attributes.response_truncated };
    let answer = (status, response, attributes.retry_after_seconds);
    outcome_of((&attributes.outcome, attributes.error.as_deref()), answer)
}

/// Returns the outcome of this name, with its response or the reason why there is none.
pub(super) fn outcome_of(
    (name, error): (&str, Option<&str>),
    (status, response, retry_after_seconds): (u16, ResponseText, Option<u64>),
) -> Result<Outcome, StoreError> {
    let error = || error.and_then(ErrorClass::find).ok_or(CORRUPT);
    Ok(match name {
        "answered" => Outcome::Responded { status, response, retry_after_seconds },
        "not_sent" => Outcome::NotSent { error: error()?, reason: response.text },
        "no_answer" => Outcome::NoResponse { error: error()?, reason: response.text },
        "unsent" => Outcome::Unsent { error: error()?, reason: response.text },
        _ => return Err(CORRUPT),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hookrail_domain::event::Body;
    use hookrail_domain::id::{CompanyId, WebhookId};
    use hookrail_domain::limits::EVENT_BYTES_MAX;

    use super::*;

    fn row(outcome: Outcome, progress: Progress, body: Option<&str>) -> LogRow {
        let position = |queue, number| QueuePosition { queue: QueueName::new(queue), number };
        LogRow {
            company: CompanyId::parse("acme").unwrap(),
            webhook: WebhookId::from_bytes([7; 12]),
            delivery: DeliveryId::from_bytes([8; 12]),
            event: EventId::from_bytes([9; 12]),
            accepted: position("events.fifo", 18_850_000_000_000_000_001),
            queued: position("deliveries.fifo", u128::MAX),
            attempt: Attempt {
                number: AttemptNumber { sequence: 12, attempt: 2 },
                started_at: Millis(1000),
                duration_ms: 5,
                outcome,
            },
            progress,
            given_up: 0,
            url: "https://a.io/".into(),
            version: 4,
            run: RunId("run".into()),
            is_replay: false,
            body: body.map(|text| Body::new(text).unwrap()),
            expires_at: None,
        }
    }

    fn answered() -> Outcome {
        let response = ResponseText { text: "no".into(), truncated: true };
        Outcome::Responded { status: 503, response, retry_after_seconds: Some(7) }
    }

    #[track_caller]
    fn round_trips(row: &LogRow) {
        let item = encode_row(row).unwrap();
        assert_eq!(&decode_row(&WebhookKey::of_row(row), item.clone()).unwrap(), row);
        assert_eq!(decode_last(item.clone()).unwrap(), row.last());
        let names = last_attributes();
        let last = item.clone().into_iter().filter(|(name, _)| names.contains(&name.as_str()));
        assert_eq!(decode_last(last.collect()).unwrap(), row.last());
        let names = scanned_attributes();
        let scanned = item.into_iter().filter(|(name, _)| names.contains(&name.as_str()));
        let without_body = LogRow { body: None, ..row.clone() };
        assert_eq!(decode_row(&WebhookKey::of_row(row), scanned.collect()).unwrap(), without_body);
    }

    #[test]
    fn rows_round_trip_with_every_outcome() {
        let reason = || "why".to_owned();
        round_trips(&row(answered(), Progress::Waiting { until: Millis(31_000) }, None));
        round_trips(&row(
            Outcome::NotSent { error: ErrorClass::Dns, reason: reason() },
            Progress::Ended,
            Some("{}"),
        ));
        round_trips(&row(
            Outcome::NoResponse { error: ErrorClass::Timeout, reason: reason() },
            Progress::Ended,
            None,
        ));
        for (error, progress) in
            [(ErrorClass::Disabled, Progress::Ended), (ErrorClass::Parked, Progress::Parked)]
        {
            round_trips(&row(Outcome::Unsent { error, reason: reason() }, progress, None));
        }
        let gone = Outcome::Responded {
            status: STATUS_GONE,
            response: ResponseText::default(),
            retry_after_seconds: None,
        };
        round_trips(&LogRow { given_up: 1, is_replay: true, ..row(gone, Progress::Ended, None) });
        round_trips(&LogRow { given_up: 5, ..row(answered(), Progress::Ended, None) });
    }

    #[test]
    fn a_search_reads_everything_of_a_row_but_its_body() {
        let whole = LogRow {
            given_up: 1,
            is_replay: true,
            expires_at: Some(Millis(1000)),
            ..row(answered(), Progress::Waiting { until: Millis(31_000) }, Some(&"a".repeat(2000)))
        };
        let item = encode_row(&whole).unwrap();
        let left: BTreeSet<_> =
            item.keys().filter(|name| !scanned_attributes().contains(&name.as_str())).collect();
        assert_eq!(left.into_iter().collect::<Vec<_>>(), ["body", "bodyEncoding", "eventKey"]);
        assert_eq!(last_attributes().len(), 12);
    }

    #[test]
    fn compresses_a_body_only_if_that_saves_a_write_unit() {
        let encoding = |body: &str| encode_body(&Body::new(body).unwrap()).unwrap().1;
        assert_eq!(encoding("{}"), None);
        assert_eq!(encoding(&"a".repeat(2000)), Some("deflate".to_owned()));
        let mut state = 1_u32;
        let noise: String = (0..2000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(33 + u8::try_from(state >> 24).unwrap() % 90)
            })
            .collect();
        assert_eq!(encoding(&noise), None);
        for body in ["{}".to_owned(), "a".repeat(EVENT_BYTES_MAX), noise] {
            round_trips(&row(answered(), Progress::Ended, Some(&body)));
        }
    }

    #[test]
    fn the_largest_row_fits_an_item() {
        let bytes_of = |value: &aws_sdk_dynamodb::types::AttributeValue| match value {
            aws_sdk_dynamodb::types::AttributeValue::S(text)
            | aws_sdk_dynamodb::types::AttributeValue::N(text) => text.len(),
            aws_sdk_dynamodb::types::AttributeValue::B(bytes) => bytes.as_ref().len(),
            _ => 1,
        };
        let mut largest = row(answered(), Progress::Ended, None);
        largest.url = "u".repeat(hookrail_domain::limits::URL_CHARS_MAX);
        let overhead: usize =
            encode_row(&largest).unwrap().iter().map(|(name, value)| name.len() + bytes_of(value)).sum();
        assert!(overhead < hookrail_domain::limits::ROW_OVERHEAD_BYTES_MAX, "{overhead}");
    }
}
