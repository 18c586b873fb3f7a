//! A webhook's URL: the only text of a caller that directs our own requests.

use std::net::IpAddr;

use hookrail_domain::address::is_public;
use hookrail_domain::limits::URL_CHARS_MAX;
use hookrail_domain::port::is_never_open;
use hookrail_domain::target::{Ports, TargetPolicy, TargetUrl};

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let private: Vec<_> = ["10.0.0.0/8", "fd00::/8"].map(|range| range.parse().expect("a range")).into();
    let ports = Ports::Only(vec![443, 6379, 8443]);
    let opened = TargetPolicy { ports, ranges: private, ..TargetPolicy::default() };
    for policy in [TargetPolicy::default(), TargetPolicy::local(), opened] {
        let Ok(target) = TargetUrl::parse(text, &policy) else { continue };
        assert_eq!(target.as_str(), text, "shown as it was written");
        let unchecked = TargetUrl::parse_unchecked(text).expect("what passed all checks is a URL");
        assert_eq!(unchecked.check(&policy), Ok(()));
        check(&target, &policy);
    }
}

fn check(target: &TargetUrl, policy: &TargetPolicy) {
    let url = target.url();
    assert!(url.scheme() == "https" || (policy.allow_http && url.scheme() == "http"));
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    let port = url.port_or_known_default().expect("http and https URLs have a port");
    assert!(match &policy.ports {
        Ports::Any => policy.allow_loopback,
        Ports::Only(ports) => ports.contains(&port) && !is_never_open(port),
    });
    assert!(!target.host_and_port().contains(['/', '?', '#', '@']), "a log shows no more than the host");

    let uri: http::Uri = url.as_str().parse().expect("the HTTP client takes what was saved");
    let host = uri.host().expect("the HTTP client finds the host");
    assert_eq!(Some(host), url.host_str(), "the host that was checked is the host that is dialled");
    // The HTTP client dials a literal address without asking the resolver that guards the others.
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        assert!(policy.allows(ip), "a forbidden address passed as a name");
        assert!(is_public(ip) || *policy != TargetPolicy::default());
    }
    if url.as_str().chars().count() <= URL_CHARS_MAX {
        let again = TargetUrl::parse(url.as_str(), policy).expect("the URL that is dialled passes too");
        assert_eq!(again.url(), url);
    }
}
