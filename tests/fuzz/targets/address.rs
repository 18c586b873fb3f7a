//! Addresses, and the ranges that an operator opens: every name resolves to such an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hookrail_domain::address::{Cidr, is_public, may_be_opened};
use hookrail_domain::target::{TargetPolicy, TargetUrl};

/// Reads an address as text, and a range; or sixteen bytes and the rest of them as a range.
pub(crate) fn run(bytes: &[u8]) {
    let (address, range) = match bytes.split_first_chunk::<16>() {
        Some((raw, rest)) => (IpAddr::V6(Ipv6Addr::from(*raw)), rest),
        None => match bytes.split_first_chunk::<4>() {
            Some((raw, rest)) => (IpAddr::V4(Ipv4Addr::from(*raw)), rest),
            None => return,
        },
    };
    check(address, range);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let (address, range) = text.split_once(' ').unwrap_or((text, ""));
        if let Ok(address) = address.parse() {
            check(address, range.as_bytes());
        }
    }
}

fn check(address: IpAddr, range: &[u8]) {
    let host = match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    };
    let url = TargetUrl::parse_unchecked(&format!("https://{host}/")).expect("an address is a host");
    let nothing_opened = TargetPolicy::default();
    assert_eq!(nothing_opened.allows(address), is_public(address));
    assert_eq!(
        url.check(&nothing_opened).is_ok(),
        is_public(address),
        "a literal and an answer of a name server differ"
    );
    let range = std::str::from_utf8(range).ok().and_then(|text| text.parse::<Cidr>().ok());
    if let Some(range) = range {
        assert_eq!(range.to_string().parse(), Ok(range), "a range is read back as it is shown");
        let opened = TargetPolicy { ranges: vec![range], ..TargetPolicy::default() };
        let expected = is_public(address) || (may_be_opened(address) && range.contains(address));
        assert_eq!(opened.allows(address), expected);
        assert_eq!(url.check(&opened).is_ok(), expected);
    }
    never(address);
}

/// Checks an address against the standard library, as a second opinion, and the address that it carries.
fn never(address: IpAddr) {
    let is_special = match address {
        IpAddr::V4(v4) => {
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || v4.is_unspecified()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.to_ipv4().is_some()
        }
    };
    assert!(!(is_special && is_public(address)), "{address} is special and public");
    assert!(!(address.is_loopback() && may_be_opened(address)));
    if let IpAddr::V4(v4) = address {
        for carrier in [v4.to_ipv6_mapped(), v4.to_ipv6_compatible()] {
            assert!(!is_public(IpAddr::V6(carrier)) && !may_be_opened(IpAddr::V6(carrier)), "{carrier}");
        }
    }
}
