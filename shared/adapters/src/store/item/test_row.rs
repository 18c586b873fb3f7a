//! Test sends in the Log table.

use hookrail_domain::attempt::{ErrorClass, Outcome, ResponseText};
use hookrail_domain::id::DeliveryId;
use hookrail_domain::test_row::{TestPosition, TestRow};
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::{StoreError, WebhookKey};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::body::{decode_body, encode_body};
use super::row::{outcome_name, outcome_of};
use super::{Item, Key, SCHEMA, TEST_PREFIX, decode, encode};

const CORRUPT: StoreError = StoreError::Corrupt { what: "test send" };

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TestAttributes {
    schema: u32,
    delivery: String,
    duration_ms: u64,
    outcome: String,
    status: u16,
    error: Option<String>,
    response: String,
    response_truncated: bool,
    retry_after_seconds: Option<u64>,
    url: String,
    body: Option<ByteBuf>,
    /// `deflate`, or absent for plain bytes.
    body_encoding: Option<String>,
    /// Seconds: DynamoDB's own expiry.
    expires_at: u64,
}

/// Returns the item of a test send of this webhook.
pub fn encode_test(key: &WebhookKey, row: &TestRow) -> Result<Item, StoreError> {
    let (response_truncated, retry_after_seconds) = match &row.outcome {
        Outcome::Responded { response, retry_after_seconds, .. } => {
            (response.truncated, *retry_after_seconds)
        }
        Outcome::NotSent { .. } | Outcome::NoResponse { .. } | Outcome::Unsent { .. } => (false, None),
    };
    let (body, body_encoding) = encode_body(&row.body)?;
    encode(
        Key::test(key, row.place),
        &TestAttributes {
            schema: SCHEMA,
            delivery: row.delivery.to_string(),
            duration_ms: row.duration_ms,
            outcome: outcome_name(&row.outcome).to_owned(),
            status: row.outcome.status(),
            error: row.outcome.error().map(|error| ErrorClass::name(error).to_owned()),
            response: row.outcome.response().to_owned(),
            response_truncated,
            retry_after_seconds,
            url: row.url.clone(),
            body,
            body_encoding,
            expires_at: row.expires_at().unix_seconds(),
        },
    )
}

/// Returns the test send of an item.
pub fn decode_test(item: Item) -> Result<TestRow, StoreError> {
    let key = Key::of(&item)?;
    let place = key.sort.strip_prefix(TEST_PREFIX).and_then(|rest| {
        let (at, chance) = rest.split_once('#')?;
        Some(TestPosition { at: Millis(at.parse().ok()?), chance: chance.parse().ok()? })
    });
    let found: TestAttributes = decode(item, "test send")?;
    let response = ResponseText { text: found.response, truncated: found.response_truncated };
    let answer = (found.status, response, found.retry_after_seconds);
    let body = found.body.ok_or(CORRUPT)?;
    Ok(TestRow {
        place: place.ok_or(CORRUPT)?,
        delivery: DeliveryId::parse(&found.delivery).map_err(|_refused| CORRUPT)?,
        outcome: outcome_of((&found.outcome, found.error.as_deref()), answer)?,
        duration_ms: found.duration_ms,
        url: found.url,
        body: decode_body(body, found.body_encoding.as_deref())?,
    })
}

#[cfg(test)]
mod tests {
    use hookrail_domain::event::Body;
    use hookrail_domain::id::{CompanyId, WebhookId};

    use super::*;

    #[test]
    fn test_sends_round_trip_with_every_outcome() {
        let key = WebhookKey {
            company: CompanyId::parse("acme").unwrap(),
            webhook: WebhookId::from_bytes([7; 12]),
        };
        let reason = || "why".to_owned();
        let response = ResponseText { text: "no".into(), truncated: true };
        for (outcome, body) in [
            (Outcome::Responded { status: 503, response, retry_after_seconds: Some(7) }, "{}".to_owned()),
            (Outcome::NotSent { error: ErrorClass::Dns, reason: reason() }, "a".repeat(5_000)),
            (Outcome::NoResponse { error: ErrorClass::Timeout, reason: reason() }, String::new()),
        ] {
            let row = TestRow {
                place: TestPosition { at: Millis(1_651_780_480_001), chance: u32::MAX },
                delivery: DeliveryId::from_bytes([8; 12]),
                outcome,
                duration_ms: 9,
                url: "https://a.io/".into(),
                body: Body::new(body).unwrap(),
            };
            assert_eq!(decode_test(encode_test(&key, &row).unwrap()).unwrap(), row);
        }
    }
}
