//! The check that a path means the same to every reader, however often the reader decodes it.

use crate::limits::DECODINGS_MAX;

/// The unsafe part of a path, plain or encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsafePath {
    #[error("must not hold //")]
    DoubleSlash,
    #[error("must not hold a backslash")]
    Backslash,
    #[error("must not hold a . or .. between slashes")]
    DotSegment,
    #[error("must not hold control characters")]
    ControlCharacter,
    #[error("must not be percent-encoded over and over")]
    Encodings,
}

impl UnsafePath {
    /// Returns the kind of unsafe part, for programs. It never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::DoubleSlash => "double_slash",
            Self::Backslash => "backslash",
            Self::DotSegment => "dot_segment",
            Self::ControlCharacter => "control_character",
            Self::Encodings => "encodings",
        }
    }
}

/// Checks the path as it is, then decoded, then decoded again, until there is nothing left to decode: proxies
/// and frameworks differ in how often they decode.
pub(crate) fn check(path: &str, double_slashes: bool) -> Result<(), UnsafePath> {
    let mut path = path.as_bytes().to_vec();
    for _ in 0..=DECODINGS_MAX {
        check_once(&path, double_slashes)?;
        let decoded = decode(&path);
        if decoded == path {
            return Ok(());
        }
        path = decoded;
    }
    Err(UnsafePath::Encodings)
}

fn check_once(path: &[u8], double_slashes: bool) -> Result<(), UnsafePath> {
    if path.iter().any(u8::is_ascii_control) {
        return Err(UnsafePath::ControlCharacter);
    }
    if path.contains(&b'\\') {
        return Err(UnsafePath::Backslash);
    }
    if !double_slashes && path.windows(2).any(|pair| pair == b"//") {
        return Err(UnsafePath::DoubleSlash);
    }
    // Some servers end a segment at `;`, and `..;` is then `..`.
    let is_dots = |segment: &[u8]| {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        name == b"." || name == b".."
    };
    if path.split(|byte| *byte == b'/').any(is_dots) { Err(UnsafePath::DotSegment) } else { Ok(()) }
}

/// Decodes percent-encoding once; a text that is not an escape stays.
fn decode(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(first);
                rest = after;
            }
        }
    }
    decoded
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Percent-encodes all but letters, digits, `-`, `_`, `.` and `~`, which mean themselves in a path segment
/// and in a query alike.
/// A space becomes `%20`, which a form's reader accepts too.
pub(crate) fn encode(value: &str, into: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let hexadecimal = |half: u8| DIGITS.get(usize::from(half)).copied().map_or('0', char::from);
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(hexadecimal(byte >> 4));
            into.push(hexadecimal(byte & 0x0f));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(expected: UnsafePath, paths: &[&str]) {
        for path in paths {
            assert_eq!(check(path, false), Err(expected), "{path}");
        }
    }

    #[test]
    fn accepts_plain_paths() {
        for path in ["/", "/a/b/", "/a..b/...", "/100%25/a%2Fb", "/Submissions%20%3E%20x", "/%", "/%zz", ""] {
            assert_eq!(check(path, false), Ok(()), "{path}");
        }
    }

    #[test]
    fn finds_unsafe_paths_in_any_encoding() {
        refused(UnsafePath::DoubleSlash, &["//a", "/a//b", "/a/%2Fb", "/a%2f%2Fb", "/a%252F/b"]);
        refused(UnsafePath::Backslash, &["/a\\b", "/a%5Cb", "/a%5cb", "/a%255cb", "/%25255C"]);
        refused(
            UnsafePath::DotSegment,
            &[
                "/..",
                "/a/./b",
                "/a/%2e%2E/b",
                "/a/.%2e",
                "/%252e%252e/x",
                "/a%2F..%2Fb",
                "/..;x/a",
                "/%2e%3bx",
            ],
        );
        refused(UnsafePath::ControlCharacter, &["/a\n", "/a%00", "/a%0A", "/a%2500", "/%7f"]);
        refused(UnsafePath::Encodings, &["/%2525252525252541"]);
    }

    #[test]
    fn encodes_all_but_unreserved_characters() {
        let mut encoded = String::new();
        encode("a/b?c#d%e f&g=h+i\\ü-_.~", &mut encoded);
        assert_eq!(encoded, "a%2Fb%3Fc%23d%25e%20f%26g%3Dh%2Bi%5C%C3%BC-_.~");
    }
}
