//! A receiver's response: any bytes, of which the beginning is kept as text.

use hookrail_domain::attempt::ResponseText;
use hookrail_domain::limits::RESPONSE_BYTES_MAX;

pub(crate) fn run(bytes: &[u8]) {
    // Once as they are, once at about the length that is kept.
    let long = bytes.repeat(RESPONSE_BYTES_MAX.checked_div(bytes.len()).unwrap_or_default() + 1);
    for answer in [bytes, &long] {
        let kept = ResponseText::keep(answer);
        assert!(kept.text.len() <= RESPONSE_BYTES_MAX);
        let whole = String::from_utf8_lossy(answer);
        assert!(kept.truncated || kept.text == whole, "a cut is marked");
        assert!(whole.starts_with(kept.text.trim_end_matches(char::REPLACEMENT_CHARACTER)));
    }
}
