//! Bodies as items hold them: compressed when that saves a write unit.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use hookrail_domain::event::Body;
use hookrail_domain::limits::EVENT_BYTES_MAX;
use hookrail_domain::time::Millis;
use hookrail_pipeline::store::StoreError;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::{Item, Key, SCHEMA, decode, encode};

/// DynamoDB bills writes by the started KB.
const WRITE_UNIT_BYTES: usize = 1024;
/// Bytes of a row without body and response: a measured mean, good enough to decide whether to compress.
const ROW_BYTES_TYPICAL: usize = 600;

const CORRUPT: StoreError = StoreError::Corrupt { what: "body" };

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BodyAttributes {
    schema: u32,
    body: Option<ByteBuf>,
    body_encoding: Option<String>,
    /// Seconds: DynamoDB's own expiry.
    expires_at: u64,
}

/// Returns the item of a body that stands alone until it expires.
pub(crate) fn encode_body_alone(key: Key, body: &Body, expires_at: Millis) -> Result<Item, StoreError> {
    let (body, body_encoding) = encode_body(body)?;
    let expires_at = expires_at.unix_seconds();
    encode(key, &BodyAttributes { schema: SCHEMA, body, body_encoding, expires_at })
}

/// Returns the body of such an item.
pub(crate) fn decode_body_alone(item: Item) -> Result<Body, StoreError> {
    let found: BodyAttributes = decode(item, "body")?;
    decode_body(found.body.ok_or(CORRUPT)?, found.body_encoding.as_deref())
}

pub(super) type EncodedBody = (Option<ByteBuf>, Option<String>);

/// Returns the body, compressed when that saves a write unit.
pub(super) fn encode_body(body: &Body) -> Result<EncodedBody, StoreError> {
    let plain = body.as_str().as_bytes();
    let units = |length: usize| (ROW_BYTES_TYPICAL + length).div_ceil(WRITE_UNIT_BYTES);
    if units(plain.len()) <= 1 {
        return Ok((Some(ByteBuf::from(plain)), None));
    }
    let failed = |error: std::io::Error| StoreError::Unavailable(Box::new(error));
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).map_err(failed)?;
    let packed = encoder.finish().map_err(failed)?;
    if units(packed.len()) < units(plain.len()) {
        Ok((Some(ByteBuf::from(packed)), Some("deflate".to_owned())))
    } else {
        Ok((Some(ByteBuf::from(plain)), None))
    }
}

pub(super) fn decode_body(bytes: ByteBuf, encoding: Option<&str>) -> Result<Body, StoreError> {
    let plain = match encoding {
        None => bytes.into_vec(),
        Some("deflate") => {
            let mut plain = Vec::new();
            // One byte over the limit is enough for `Body` to refuse it.
            let mut decoder = DeflateDecoder::new(bytes.as_slice()).take(EVENT_BYTES_MAX as u64 + 1);
            decoder.read_to_end(&mut plain).map_err(|_not_deflate| CORRUPT)?;
            plain
        }
        Some(_) => return Err(CORRUPT),
    };
    let text = String::from_utf8(plain).map_err(|_not_text| CORRUPT)?;
    Body::new(text).map_err(|_too_large| CORRUPT)
}
