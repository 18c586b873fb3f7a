//! Request headers that a receiver asks for in addition to ours: headers of its own and basic auth.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::limits::{
    BASIC_AUTH_CHARS_MAX, HEADER_NAME_BYTES_MAX, HEADER_VALUE_BYTES_MAX, HEADERS_BYTES_MAX, HEADERS_MAX,
};

/// Headers that belong to the connection, to the body, or to us.
/// Every name that begins with one of [`RESERVED_PREFIXES`] is ours as well.
const RESERVED: [&str; 22] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "digest",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
];
const RESERVED_PREFIXES: [&str; 4] = ["hookrail-", "proxy-", "sec-", "webhook-"];

/// The name under which basic auth is sent.
pub const AUTHORIZATION: &str = "authorization";

/// The reason why a header of a webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    #[error("is not a header name: use 1 to {HEADER_NAME_BYTES_MAX} letters, digits and !#$%&'*+-.^_`|~")]
    Name,
    #[error("is a header that belongs to the connection or to Hookrail")]
    Reserved,
    #[error(
        "must be 1 to {HEADER_VALUE_BYTES_MAX} visible ASCII characters, with spaces and tabs between them"
    )]
    Value,
}

/// The name of a header, in lower case: letter case is ignored when names are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderName(String);

impl HeaderName {
    /// Accepts an HTTP token that is not ours.
    pub fn parse(text: &str) -> Result<Self, InvalidHeader> {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if !(1..=HEADER_NAME_BYTES_MAX).contains(&text.len()) || !text.bytes().all(is_token) {
            return Err(InvalidHeader::Name);
        }
        let name = text.to_ascii_lowercase();
        // CGI, WSGI and PHP give both spellings to their programs under one name.
        let read_as = name.replace('_', "-");
        if RESERVED.contains(&read_as.as_str())
            || RESERVED_PREFIXES.iter().any(|prefix| read_as.starts_with(prefix))
        {
            return Err(InvalidHeader::Reserved);
        }
        Ok(Self(name))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of a header: often a key of the receiver's, and never shown again.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderValue(String);

impl HeaderValue {
    /// Accepts a text that cannot end a header line and has no blanks at its ends.
    pub fn parse(text: &str) -> Result<Self, InvalidHeader> {
        let is_sent = |byte: u8| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t';
        let is_value = (1..=HEADER_VALUE_BYTES_MAX).contains(&text.len())
            && text.bytes().all(is_sent)
            && text.trim() == text;
        if is_value { Ok(Self(text.to_owned())) } else { Err(InvalidHeader::Value) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[REDACTED]")
    }
}

/// The reason why a user name and password are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBasicAuth {
    #[error("must be at most {BASIC_AUTH_CHARS_MAX} characters, none of them a control character")]
    Text,
    #[error("must not hold a colon, which ends the user name")]
    Colon,
}

/// A user name and password, sent as basic auth.
#[derive(Clone, PartialEq, Eq)]
pub struct BasicAuth {
    username: String,
    password: String,
}

impl BasicAuth {
    /// Accepts any texts that can be told apart again (RFC 7617).
    pub fn new(username: &str, password: &str) -> Result<Self, InvalidBasicAuth> {
        if username.contains(':') {
            return Err(InvalidBasicAuth::Colon);
        }
        let is_text =
            |text: &str| text.chars().count() <= BASIC_AUTH_CHARS_MAX && !text.chars().any(char::is_control);
        if is_text(username) && is_text(password) {
            Ok(Self { username: username.to_owned(), password: password.to_owned() })
        } else {
            Err(InvalidBasicAuth::Text)
        }
    }

    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Returns the password. For the store only.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Returns the value of `authorization`.
    #[must_use]
    pub fn header(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.username, self.password)))
    }
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("[REDACTED]")
    }
}

/// The reason why headers cannot be sent together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeaders {
    #[error("holds more than {HEADERS_MAX} headers")]
    TooMany,
    #[error("is larger than {HEADERS_BYTES_MAX} bytes in all")]
    TooLarge,
    #[error("holds authorization, which basicAuth sends")]
    TwoAuthorizations,
}

/// The headers of a webhook, by name.
pub type Headers = std::collections::BTreeMap<HeaderName, HeaderValue>;

/// Checks whether these can be sent in one request.
pub fn check(headers: &Headers, basic_auth: Option<&BasicAuth>) -> Result<(), InvalidHeaders> {
    if HEADERS_MAX < headers.len() {
        return Err(InvalidHeaders::TooMany);
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.0.len() + value.0.len()).sum();
    if HEADERS_BYTES_MAX < bytes {
        return Err(InvalidHeaders::TooLarge);
    }
    if basic_auth.is_some() && headers.keys().any(|name| name.0 == AUTHORIZATION) {
        return Err(InvalidHeaders::TwoAuthorizations);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn header_names_are_tokens_and_not_reserved() {
        for (text, name) in [("X-Api-Key", "x-api-key"), ("authorization", "authorization"), ("~", "~")] {
            assert_eq!(HeaderName::parse(text).unwrap().as_str(), name);
        }
        for text in ["", "a b", "a:b", "a\r\nb", "é", "a\0", "(x)", &"a".repeat(101)] {
            assert_eq!(HeaderName::parse(text), Err(InvalidHeader::Name), "{text:?}");
        }
        for text in RESERVED.into_iter().chain(["Webhook-Id", "hookrail-sequence", "Proxy-Authorization"]) {
            assert_eq!(HeaderName::parse(text), Err(InvalidHeader::Reserved), "{text}");
            let read_as_the_same = text.replace('-', "_");
            assert_eq!(HeaderName::parse(&read_as_the_same), Err(InvalidHeader::Reserved), "{text}");
        }
    }

    #[test]
    fn header_values_have_one_line_and_a_limit() {
        for text in ["a", "Bearer x.y", "a\tb", &"v".repeat(4096)] {
            assert_eq!(HeaderValue::parse(text).unwrap().as_str(), text);
        }
        for text in ["", " a", "a ", "a\r\nx: y", "a\nb", "\0", "é", &"v".repeat(4097)] {
            assert_eq!(HeaderValue::parse(text), Err(InvalidHeader::Value), "{text:?}");
        }
    }

    #[test]
    fn basic_auth_matches_the_example_of_rfc_7617() {
        let auth = BasicAuth::new("Aladdin", "open sesame").unwrap();
        assert_eq!(auth.header(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(BasicAuth::new("a:b", "c"), Err(InvalidBasicAuth::Colon));
        assert_eq!(BasicAuth::new("a", "c\n"), Err(InvalidBasicAuth::Text));
        assert_eq!(BasicAuth::new("a", &"p".repeat(513)), Err(InvalidBasicAuth::Text));
        assert!(BasicAuth::new("ü", &"é".repeat(512)).unwrap().header().is_ascii());
    }

    #[test]
    fn debug_output_redacts_header_values_and_passwords() {
        let shown =
            format!("{:?} {:?}", HeaderValue::parse("k-1").unwrap(), BasicAuth::new("u", "p-1").unwrap());
        assert_eq!(shown, "[REDACTED] [REDACTED]");
    }

    fn headers(count: usize, bytes: usize) -> Headers {
        let value = HeaderValue::parse(&"v".repeat(bytes)).unwrap();
        let name = |number| HeaderName::parse(&format!("x-{number:02}")).unwrap();
        (0..count).map(|number| (name(number), value.clone())).collect()
    }

    #[test]
    fn limits_the_number_and_size_of_headers() {
        assert_eq!(check(&headers(20, 1), None), Ok(()));
        assert_eq!(check(&headers(21, 1), None), Err(InvalidHeaders::TooMany));
        assert_eq!(check(&headers(2, 4092), None), Ok(()));
        assert_eq!(check(&headers(2, 4093), None), Err(InvalidHeaders::TooLarge));
    }

    #[test]
    fn rejects_two_authorization_headers() {
        let auth = BasicAuth::new("u", "p").unwrap();
        let own = Headers::from([(
            HeaderName::parse("Authorization").unwrap(),
            HeaderValue::parse("Bearer x").unwrap(),
        )]);
        assert_eq!(check(&own, None), Ok(()));
        assert_eq!(check(&own, Some(&auth)), Err(InvalidHeaders::TwoAuthorizations));
        assert_eq!(check(&Headers::new(), Some(&auth)), Ok(()));
    }

    proptest! {
        #[test]
        fn accepted_names_and_values_form_one_header_line(name: String, value: String) {
            if let Ok(name) = HeaderName::parse(&name) {
                prop_assert!(name.as_str().bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'));
            }
            if let Ok(value) = HeaderValue::parse(&value) {
                prop_assert!(!value.as_str().contains(['\r', '\n', '\0']));
            }
        }
    }
}
