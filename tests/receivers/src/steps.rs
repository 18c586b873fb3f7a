//! Steps and texts for receivers.

use crate::Step;

/// The beginning of a head.
pub const OK: &str = "HTTP/1.1 200 OK\r\n";
/// A whole response.
pub const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[must_use]
pub fn say(text: &str) -> Step {
    Step::Say(text.as_bytes().to_vec())
}

#[must_use]
pub fn forever(text: &str) -> Step {
    Step::Forever(text.repeat(1024).into_bytes())
}

#[must_use]
pub(crate) fn drip(text: &str) -> Step {
    Step::Drip(text.as_bytes().to_vec())
}

/// Sends a head whose body comes in chunks.
#[must_use]
pub fn chunked() -> Step {
    say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
}
