//! The guard against web pages: a browser must not reach a local front for a page of another site.

use hyper::HeaderMap;
use hyper::header::{HOST, HeaderValue, ORIGIN};

/// A request of a web page of another origin, or with the name of another host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("requests from this origin are refused")]
    Origin,
    #[error("requests with this host name are refused")]
    Host,
}

/// Checks that a request is meant for this machine and does not come from a foreign web page.
///
/// The host is checked as well, since a page can let its own name resolve to 127.0.0.1.
///
/// # Errors
/// The header that is not local.
pub fn check(headers: &HeaderMap) -> Result<(), Forbidden> {
    let is_local_origin = |value: &HeaderValue| {
        value
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, host)| is_local(host))
    };
    if !headers.get_all(ORIGIN).iter().all(is_local_origin) {
        return Err(Forbidden::Origin);
    }
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    if host.is_some_and(is_local) { Ok(()) } else { Err(Forbidden::Host) }
}

/// Returns whether a host, with or without a port, is this machine.
pub(super) fn is_local(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "127.0.0.1" | "[::1]") || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_is(host: Option<&'static str>, origin: Option<&'static str>, expected: Result<(), Forbidden>) {
        let pairs = [(HOST, host), (ORIGIN, origin)];
        let headers: HeaderMap = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, HeaderValue::from_static(value?))))
            .collect();
        assert_eq!(check(&headers), expected, "{host:?} {origin:?}");
    }

    #[test]
    fn accepts_local_hosts_and_origins_only() {
        for host in ["localhost", "LocalHost:9324", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:9324"] {
            check_is(Some(host), None, Ok(()));
        }
        for host in
            ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:80", "192.168.0.1", "::1", ""]
        {
            check_is(Some(host), None, Err(Forbidden::Host));
        }
        check_is(None, None, Err(Forbidden::Host));
        for origin in ["http://localhost:8080", "http://127.0.0.1:3000"] {
            check_is(Some("localhost"), Some(origin), Ok(()));
        }
        for origin in
            ["https://evil.example", "null", "http://localhost.evil.example", "http://evil.example:80"]
        {
            check_is(Some("localhost"), Some(origin), Err(Forbidden::Origin));
        }
    }
}
