//! Every limit of calls and stored items, with its unit, and the proofs that the limits fit each other.

/// The largest event body, in bytes of UTF-8.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
/// The most events in one call of the ingest API.
pub const EVENTS_PER_CALL_MAX: usize = 100;
/// The largest body of an API call other than event ingest, in bytes.
pub const CONFIG_BYTES_MAX: usize = 64 * 1024;
/// The largest body of a call that carries events, in bytes.
/// It holds for any bytes: API Gateway hands a body to the function as a string inside JSON, where one byte
/// takes up to six.
pub const INGEST_BYTES_MAX: usize = 1_000_000;
/// Bytes of a receiver's response that are kept; one more is read to know that it was cut.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024;
/// Characters of a webhook's name.
pub const NAME_CHARS_MAX: usize = 200;
/// Characters of a webhook's code.
pub const CODE_CHARS_MAX: usize = 100;
/// Characters of a webhook's description.
pub const DESCRIPTION_CHARS_MAX: usize = 2000;
/// Characters of a webhook's URL.
pub const URL_CHARS_MAX: usize = 2048;
/// Characters of an identifier that the platform chooses (companies, context ids).
pub const ID_CHARS_MAX: usize = 64;
/// Webhooks of one company, the inactive ones included.
pub const WEBHOOKS_PER_COMPANY_MAX: usize = 1000;
/// Characters of an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// Headers of a webhook's own.
pub const HEADERS_MAX: usize = 20;
/// Bytes of one such header's name.
pub const HEADER_NAME_BYTES_MAX: usize = 100;
/// Bytes of one such header's value.
pub const HEADER_VALUE_BYTES_MAX: usize = 4096;
/// Bytes of all such headers, names and values: many servers accept no more than 16 KiB of headers in all.
pub const HEADERS_BYTES_MAX: usize = 8 * 1024;
/// Characters of a basic auth user name, and of a password.
pub const BASIC_AUTH_CHARS_MAX: usize = 512;
/// Replaced signing secrets that sign in addition to the newest one.
pub const RETIRED_SECRETS_MAX: usize = 3;
/// The longest time that a replaced signing secret continues to sign, in seconds: seven days.
pub const SECRET_OVERLAP_SECONDS_MAX: u64 = 7 * 24 * 60 * 60;
/// Tokens of one company, or of the operator, without panel sessions.
pub const TOKENS_MAX: usize = 200;
/// Panel sessions of one company at once; one more ends the oldest.
pub const SESSIONS_MAX: usize = 200;
/// Request line and headers of an API call, in bytes: the limit of API Gateway.
pub const CALL_HEAD_BYTES_MAX: usize = 10 * 1024;
/// Characters of one text in an entry of the audit log.
pub const AUDIT_TEXT_CHARS_MAX: usize = 200;
/// Characters of a Bearer token, a JWT included.
pub const TOKEN_CHARS_MAX: usize = 8 * 1024;

/// SQS: largest message and largest batch, attributes included, in bytes.
pub const QUEUE_MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// SQS: entries in one batch call, and records in one FIFO invocation.
pub const QUEUE_BATCH_MAX: usize = 10;
/// Room for the header line of a delivery message and its attributes, in bytes.
/// A URL of `URL_CHARS_MAX` characters takes up to six bytes for each.
pub const QUEUE_ENVELOPE_BYTES_MAX: usize = 16 * 1024;
/// Characters of the reason why a delivery has no URL.
pub const REASON_CHARS_MAX: usize = 500;
/// DynamoDB: largest item, attribute names included, in bytes.
pub const ITEM_BYTES_MAX: usize = 400 * 1024;
/// Room for everything in a log row except body and response, in bytes.
pub const ROW_OVERHEAD_BYTES_MAX: usize = 8 * 1024;
/// Lambda: largest event of one invocation, and its largest response, in bytes.
pub const INVOKE_BYTES_MAX: usize = 6 * 1024 * 1024;
/// The most bytes that one byte of text takes in a JSON string: `\u0000`.
pub const JSON_ESCAPE_BYTES_MAX: usize = 6;
/// Room for everything in the event of an API call except its body, in bytes.
/// Path, query and headers appear up to four times, escaped.
pub const CALL_ENVELOPE_BYTES_MAX: usize = 128 * 1024;

const _: () = {
    // A row holds the whole body uncompressed and the kept response.
    assert!(EVENT_BYTES_MAX + RESPONSE_BYTES_MAX + ROW_OVERHEAD_BYTES_MAX <= ITEM_BYTES_MAX);
    assert!(EVENT_BYTES_MAX + QUEUE_ENVELOPE_BYTES_MAX <= QUEUE_MESSAGE_BYTES_MAX);
    // Inside the Lambda event each byte of a body costs at most two (an escaped quote or backslash).
    assert!(QUEUE_BATCH_MAX * 2 * (EVENT_BYTES_MAX + QUEUE_ENVELOPE_BYTES_MAX) <= INVOKE_BYTES_MAX);
    assert!(JSON_ESCAPE_BYTES_MAX * INGEST_BYTES_MAX + CALL_ENVELOPE_BYTES_MAX <= INVOKE_BYTES_MAX);
    assert!(4 * 2 * CALL_HEAD_BYTES_MAX <= CALL_ENVELOPE_BYTES_MAX);
    // A posted job holds its event as a string, with quotes escaped, or characters outside ASCII written as `\u00e9`.
    assert!(3 * EVENT_BYTES_MAX + CONFIG_BYTES_MAX <= INGEST_BYTES_MAX);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_have_their_documented_values() {
        assert_eq!((EVENT_BYTES_MAX, CONFIG_BYTES_MAX, INGEST_BYTES_MAX), (262_144, 65_536, 1_000_000));
        assert_eq!(RESPONSE_BYTES_MAX, 16_384);
        // The limits of AWS, as its documents give them.
        assert_eq!(
            (QUEUE_MESSAGE_BYTES_MAX, ITEM_BYTES_MAX, INVOKE_BYTES_MAX),
            (1_048_576, 409_600, 6_291_456)
        );
        assert_eq!((QUEUE_ENVELOPE_BYTES_MAX, ROW_OVERHEAD_BYTES_MAX), (16_384, 8_192));
    }
}
