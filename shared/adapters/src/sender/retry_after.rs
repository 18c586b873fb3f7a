//! `Retry-After`, in both of its forms.

use std::time::{Duration, UNIX_EPOCH};

use hookrail_domain::retry::RETRY_AFTER_SECONDS_MAX;
use hookrail_domain::time::Millis;
use http::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// Returns the pause that a receiver asks for, in seconds: as a number, or as a date by the receiver's own
/// clock, or ours if the response has no date.
///
/// A number that is too large asks for the longest pause; a date in the past for none.
#[must_use]
pub(super) fn asked_seconds(headers: &HeaderMap, now: Millis) -> Option<u64> {
    let asked = text(headers, RETRY_AFTER)?;
    if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(asked.parse().unwrap_or(RETRY_AFTER_SECONDS_MAX));
    }
    let until = httpdate::parse_http_date(asked).ok()?;
    let dated = text(headers, DATE).and_then(|date| httpdate::parse_http_date(date).ok());
    let from = dated.unwrap_or_else(|| UNIX_EPOCH + Duration::from_millis(now.0));
    Some(until.duration_since(from).unwrap_or_default().as_secs())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: Millis = Millis(784_111_777_000);

    #[track_caller]
    fn check(retry_after: &str, date: Option<&str>, expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        assert_eq!(asked_seconds(&headers, NOW), expected, "{retry_after:?} {date:?}");
    }

    #[test]
    fn reads_retry_after_as_seconds_or_as_a_date_by_the_receivers_clock() {
        check("120", None, Some(120));
        check(" 0 ", None, Some(0));
        check("99999999999999999999", None, Some(RETRY_AFTER_SECONDS_MAX));
        check("Sun, 06 Nov 1994 08:51:37 GMT", None, Some(120));
        check("Sunday, 06-Nov-94 08:51:37 GMT", None, Some(120));
        check("Sun Nov  6 08:51:37 1994", None, Some(120));
        check("Sun, 06 Nov 1994 08:51:37 GMT", Some("Sun, 06 Nov 1994 08:51:07 GMT"), Some(30));
        check("Sun, 06 Nov 1994 08:51:37 GMT", Some("yesterday"), Some(120));
        check("Sun, 06 Nov 1994 08:00:00 GMT", None, Some(0));
        for nonsense in ["", "soon", "-1", "+5", "1.5", "Sun, 99 Nov 1994 08:51:37 GMT"] {
            check(nonsense, None, None);
        }
    }
}
