//! The URLs that a webhook may have. One rule, used at save and at delivery.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::address::{self, Cidr};
use crate::limits::URL_CHARS_MAX;
use crate::port;

/// Bytes of a host name, and of one of its labels (RFC 1035).
const HOST_NAME_BYTES_MAX: usize = 253;
const HOST_LABEL_BYTES_MAX: usize = 63;

/// Targets that the operator has opened beyond public https on port 443.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetPolicy {
    pub allow_http: bool,
    pub ports: Ports,
    /// Ranges that are allowed although they are not public. Addresses that `address::may_be_opened` denies
    /// stay refused.
    pub ranges: Vec<Cidr>,
    /// True in the local stack only; no parameter of a deployed one sets it.
    pub allow_loopback: bool,
}

/// The ports a target may have, except those that are never open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ports {
    /// In the local stack only.
    Any,
    /// These, less those that are never open.
    Only(Vec<u16>),
}

impl Default for TargetPolicy {
    fn default() -> Self {
        Self { allow_http: false, ports: Ports::Only(vec![443]), ranges: Vec::new(), allow_loopback: false }
    }
}

impl TargetPolicy {
    /// Returns the policy of the local stack: plain http and loopback receivers on any port.
    #[must_use]
    pub fn local() -> Self {
        Self { allow_http: true, ports: Ports::Any, ranges: Vec::new(), allow_loopback: true }
    }

    /// Returns whether a request may be sent to this address.
    #[must_use]
    pub fn allows(&self, ip: IpAddr) -> bool {
        address::is_public(ip)
            || (self.allow_loopback && address::is_loopback(ip))
            || (address::may_be_opened(ip) && self.ranges.iter().any(|range| range.contains(ip)))
    }

    fn allows_port(&self, port: u16) -> bool {
        match &self.ports {
            Ports::Any => true,
            Ports::Only(ports) => ports.contains(&port) && !port::is_never_open(port),
        }
    }
}

/// The reason why a URL cannot be a webhook's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    #[error("must be at most {URL_CHARS_MAX} characters")]
    TooLong,
    #[error("must be an absolute URL")]
    NotAbsolute,
    #[error("must begin with https://")]
    NotHttps,
    #[error("must begin with https:// or http://")]
    NotHttp,
    #[error("must not hold a user name or password")]
    UserInfo,
    #[error("must not hold a fragment")]
    Fragment,
    #[error("must name a host")]
    NoHost,
    #[error("uses a port that is not open to webhooks")]
    Port,
    #[error("points to an address that webhooks may not reach")]
    ForbiddenAddress,
}

/// A URL that passed the policy's checks of everything but the addresses its name resolves to.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl {
    /// As the customer wrote it, to be shown again.
    text: String,
    /// The form that is checked and dialled.
    url: Url,
}

impl TargetUrl {
    /// Parses once; the parsed form is dialled, so unusual spellings of an address meet the same check.
    pub fn parse(text: &str, policy: &TargetPolicy) -> Result<Self, InvalidTarget> {
        let url = Self::parse_unchecked(text)?;
        url.check(policy)?;
        Ok(url)
    }

    /// Reads back a URL that was checked when it was saved; it is checked again before it is used.
    pub fn parse_unchecked(text: &str) -> Result<Self, InvalidTarget> {
        if URL_CHARS_MAX < text.chars().count() {
            return Err(InvalidTarget::TooLong);
        }
        if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err(InvalidTarget::NotAbsolute);
        }
        match Url::parse(text) {
            Ok(url) => Ok(Self { text: text.to_owned(), url }),
            Err(url::ParseError::EmptyHost) => Err(InvalidTarget::NoHost),
            Err(_unusable) => Err(InvalidTarget::NotAbsolute),
        }
    }

    /// Applies the checks that need no name resolution, under the current policy.
    pub fn check(&self, policy: &TargetPolicy) -> Result<(), InvalidTarget> {
        let url = &self.url;
        match url.scheme() {
            "https" => {}
            "http" if policy.allow_http => {}
            _ if policy.allow_http => return Err(InvalidTarget::NotHttp),
            _ => return Err(InvalidTarget::NotHttps),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidTarget::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(InvalidTarget::Fragment);
        }
        if !url.port_or_known_default().is_some_and(|port| policy.allows_port(port)) {
            return Err(InvalidTarget::Port);
        }
        let literal = match url.host() {
            Some(Host::Domain(name)) if is_host_name(name) => None,
            None | Some(Host::Domain(_)) => return Err(InvalidTarget::NoHost),
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        };
        match literal {
            Some(ip) if !policy.allows(ip) => Err(InvalidTarget::ForbiddenAddress),
            Some(_) | None => Ok(()),
        }
    }

    /// Returns the URL as the customer wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the URL to dial.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns whether both lead to the same scheme, host and port.
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        self.url.origin() == other.url.origin()
    }

    /// Returns host and port, for logs: no path, no query.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        match (self.url.host_str(), self.url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => String::new(),
        }
    }
}

/// Returns whether a resolver and the HTTP client accept the name. A parsed URL may still have `"` or `{` in
/// its host.
fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= HOST_NAME_BYTES_MAX
        && name.split('.').all(|label| {
            (1..=HOST_LABEL_BYTES_MAX).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
}

/// Shows host and port only: paths and queries of webhooks hold keys.
impl fmt::Debug for TargetUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "TargetUrl({})", self.host_and_port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(policy: &TargetPolicy, url: &str, expected: Result<(), InvalidTarget>) {
        assert_eq!(TargetUrl::parse(url, policy).map(|_| ()), expected, "{url}");
    }

    #[test]
    fn allows_only_public_https_on_port_443_by_default() {
        let policy = TargetPolicy::default();
        check(&policy, "https://www.server.com", Ok(()));
        check(&policy, "https://www.server.com/a?key=1", Ok(()));
        check(&policy, "http://www.server.com", Err(InvalidTarget::NotHttps));
        check(&policy, "ftp://www.server.com", Err(InvalidTarget::NotHttps));
        check(&policy, "https://www.server.com:8443", Err(InvalidTarget::Port));
        check(&policy, "https://u:p@www.server.com", Err(InvalidTarget::UserInfo));
        check(&policy, "https://u@www.server.com", Err(InvalidTarget::UserInfo));
        check(&policy, "https://www.server.com/#part", Err(InvalidTarget::Fragment));
        check(&policy, "www.server.com", Err(InvalidTarget::NotAbsolute));
        check(&policy, "/relative", Err(InvalidTarget::NotAbsolute));
        check(&policy, "", Err(InvalidTarget::NotAbsolute));
        check(&policy, "https://", Err(InvalidTarget::NoHost));
        check(&policy, " https://a.io", Err(InvalidTarget::NotAbsolute));
        check(&policy, "https://a.io/\n", Err(InvalidTarget::NotAbsolute));
        let sized = |chars: usize| format!("https://a.io/{}", "é".repeat(chars - 13));
        check(&policy, &sized(URL_CHARS_MAX), Ok(()));
        check(&policy, &sized(URL_CHARS_MAX + 1), Err(InvalidTarget::TooLong));
    }

    #[test]
    fn hosts_are_valid_dns_names() {
        let policy = TargetPolicy::default();
        let label = "x".repeat(HOST_LABEL_BYTES_MAX);
        let longest = format!("{label}.{label}.{label}.{}", "x".repeat(61));
        for good in ["a.io", "a.io.", "a_b-c.io", "bücher.example", &longest, &format!("{longest}.")] {
            check(&policy, &format!("https://{good}/"), Ok(()));
        }
        for bad in
            ["\"", "a{b}.io", "a`.io", "a..io", ".a.io", ".", &format!("{longest}x"), &format!("{label}x.io")]
        {
            check(&policy, &format!("https://{bad}/"), Err(InvalidTarget::NoHost));
        }
    }

    #[test]
    fn rejects_forbidden_addresses_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "0x7f.1",
            "2130706433",
            "0177.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "10.0.0.1",
        ] {
            check(
                &TargetPolicy::default(),
                &format!("https://{host}/"),
                Err(InvalidTarget::ForbiddenAddress),
            );
        }
    }

    #[test]
    fn operator_ranges_open_private_addresses_except_loopback_and_link_local() {
        let ranges = ["0.0.0.0/0", "::/0"].map(|range| range.parse().unwrap()).to_vec();
        let policy =
            TargetPolicy { allow_http: true, ports: Ports::Only(vec![8080]), ranges, allow_loopback: false };
        check(&policy, "http://10.0.0.1:8080/", Ok(()));
        check(&policy, "http://127.0.0.1:8080/", Err(InvalidTarget::ForbiddenAddress));
        check(&policy, "http://[::1]:8080/", Err(InvalidTarget::ForbiddenAddress));
        check(&policy, "http://169.254.169.254:8080/", Err(InvalidTarget::ForbiddenAddress));
        check(&policy, "http://10.0.0.1:9090/", Err(InvalidTarget::Port));
    }

    #[test]
    fn some_ports_are_never_open() {
        let policy =
            TargetPolicy { ports: Ports::Only(vec![443, 8443, 6379, 22]), ..TargetPolicy::default() };
        check(&policy, "https://a.io:8443/", Ok(()));
        check(&policy, "https://a.io:6379/", Err(InvalidTarget::Port));
        check(&policy, "https://a.io:22/", Err(InvalidTarget::Port));
        check(&TargetPolicy::local(), "http://127.0.0.1:9/", Ok(()));
    }

    #[test]
    fn the_local_stack_reaches_loopback() {
        check(&TargetPolicy::local(), "http://127.0.0.1:9100/a", Ok(()));
        check(&TargetPolicy::local(), "http://10.0.0.1/", Err(InvalidTarget::ForbiddenAddress));
        check(&TargetPolicy::local(), "ftp://127.0.0.1/", Err(InvalidTarget::NotHttp));
    }

    #[test]
    fn debug_output_of_a_url_shows_its_host_only() {
        let url = TargetUrl::parse("https://a.io/secret?key=1", &TargetPolicy::default()).unwrap();
        assert_eq!(format!("{url:?}"), "TargetUrl(a.io)");
        assert_eq!(url.as_str(), "https://a.io/secret?key=1");
    }
}
