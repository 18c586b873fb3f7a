//! The digests that SQS shows: MD5 of the stored message, and SHA-256 for content-based deduplication.

use md5::{Digest, Md5};
use sha2::Sha256;

use crate::message::{AttributeValue, MessageAttributes};

/// Returns the MD5 of a body in hex, as `MD5OfMessageBody` shows it.
#[must_use]
pub fn md5_of_body(body: &str) -> String {
    hex(&Md5::digest(body))
}

/// Returns the MD5 of all user attributes in hex, or nothing if there are none.
///
/// SDKs recompute it and refuse a response in which it differs: names, types and values by length, in name
/// order.
#[must_use]
pub fn md5_of_attributes(attributes: &MessageAttributes) -> Option<String> {
    const TEXT: u8 = 1;
    const BINARY: u8 = 2;
    if attributes.is_empty() {
        return None;
    }
    let mut hash = Md5::new();
    for (name, attribute) in attributes {
        update_with_length(&mut hash, name.as_bytes());
        update_with_length(&mut hash, attribute.data_type.as_bytes());
        let (transport, value) = match &attribute.value {
            AttributeValue::Text(text) => (TEXT, text.as_bytes()),
            AttributeValue::Binary(bytes) => (BINARY, &**bytes),
        };
        hash.update([transport]);
        update_with_length(&mut hash, value);
    }
    Some(hex(&hash.finalize()))
}

/// Returns the deduplication id that content-based deduplication gives a body.
#[must_use]
pub fn sha256_of_body(body: &str) -> String {
    hex(&Sha256::digest(body))
}

fn update_with_length(hash: &mut Md5, bytes: &[u8]) {
    // Every part is below the 1 MiB a message may have.
    hash.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    hash.update(bytes);
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::message::MessageAttribute;

    #[test]
    fn digests_match_published_values() {
        assert_eq!(md5_of_body(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(sha256_of_body(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn attributes_hash_in_name_order() {
        assert_eq!(md5_of_attributes(&MessageAttributes::new()), None);
        let text = |value: &str| MessageAttribute {
            data_type: Arc::from("String"),
            value: AttributeValue::Text(Arc::from(value)),
        };
        let one = MessageAttributes::from([(Arc::from("timestamp"), text("1493147359900"))]);
        // The response of AWS for this attribute as a Number (moto's tests quote it).
        let number = MessageAttributes::from([(
            Arc::from("timestamp"),
            MessageAttribute { data_type: Arc::from("Number"), ..text("1493147359900") },
        )]);
        assert_eq!(md5_of_attributes(&number).as_deref(), Some("235c5c510d26fb653d073faed50ae77c"));
        assert_ne!(md5_of_attributes(&one), md5_of_attributes(&number));
    }
}
