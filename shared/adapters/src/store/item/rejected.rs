//! Rejected events in the Log table. Their bodies are encoded as those of log rows.

use hookrail_domain::id::{EventId, RejectedId};
use hookrail_domain::rejected::{Pushed, RejectedEvent};
use hookrail_domain::time::Millis;
use hookrail_domain::token::Owner;
use hookrail_pipeline::store::StoreError;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::body::{decode_body, encode_body, encode_body_alone};
use super::{Item, Key, REJECTED_PREFIX, SCHEMA, decode, encode};

const CORRUPT: StoreError = StoreError::Corrupt { what: "rejected event" };

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RejectedAttributes {
    schema: u32,
    body: Option<ByteBuf>,
    body_encoding: Option<String>,
    parts: usize,
    pushed_at: Option<u64>,
    pushed_as: Option<String>,
    /// Seconds: DynamoDB's own expiry.
    expires_at: u64,
}

/// Returns the item of a rejected event of this owner, with its first part.
pub fn encode_rejected(of: &Owner, event: &RejectedEvent) -> Result<Item, StoreError> {
    let (body, body_encoding) = encode_body(event.parts.first().ok_or(CORRUPT)?)?;
    encode(
        Key::rejected(of, event.id),
        &RejectedAttributes {
            schema: SCHEMA,
            body,
            body_encoding,
            parts: event.parts_count,
            pushed_at: event.pushed.map(|pushed| pushed.at.0),
            pushed_as: event.pushed.map(|pushed| pushed.event.to_string()),
            expires_at: event.expires_at().unix_seconds(),
        },
    )
}

/// Returns the items of its other parts.
pub fn encode_parts(of: &Owner, event: &RejectedEvent) -> Result<Vec<Item>, StoreError> {
    let parts = event.parts.iter().enumerate().skip(1).map(|(number, part)| {
        encode_body_alone(Key::rejected_part(of, event.id, number), part, event.expires_at())
    });
    parts.collect()
}

/// Returns the rejected event of an item, with its first part.
pub fn decode_rejected(item: Item) -> Result<RejectedEvent, StoreError> {
    let key = Key::of(&item)?;
    let id = key.sort.strip_prefix(REJECTED_PREFIX).and_then(|id| RejectedId::parse(id).ok());
    let found: RejectedAttributes = decode(item, "rejected event")?;
    let pushed = match (found.pushed_at, found.pushed_as) {
        (Some(at), Some(event)) => {
            let event = EventId::parse(&event).map_err(|_refused| CORRUPT)?;
            Some(Pushed { at: Millis(at), event })
        }
        _ => None,
    };
    let first = decode_body(found.body.ok_or(CORRUPT)?, found.body_encoding.as_deref())?;
    Ok(RejectedEvent { id: id.ok_or(CORRUPT)?, parts: vec![first], parts_count: found.parts, pushed })
}
