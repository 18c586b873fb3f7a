//! Which network addresses a request may go to.
//!
//! The tables restate the IANA special-purpose registries as of 2026-11 (RFC 6890 and its updates), as blocks that
//! are not public. A sender of webhooks runs inside the operator's account: what is not public is not for strangers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses in prefix notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    base: IpAddr,
    prefix_bits: u8,
}

/// A text is no address range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an address, `/` and a prefix length, like 10.1.0.0/16")]
pub struct InvalidCidr;

impl Cidr {
    const fn v4(a: u8, b: u8, c: u8, d: u8, prefix_bits: u8) -> Self {
        Self { base: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix_bits }
    }

    const fn v6(first: [u16; 3], prefix_bits: u8) -> Self {
        let [a, b, c] = first;
        Self { base: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), prefix_bits }
    }

    /// Whether the address lies in the range. An IPv4 address is never in an IPv6 range, and the reverse.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = 32_u32.saturating_sub(u32::from(self.prefix_bits));
                let cut = |bits: u32| bits.checked_shr(shift).unwrap_or(0);
                cut(base.to_bits()) == cut(address.to_bits())
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = 128_u32.saturating_sub(u32::from(self.prefix_bits));
                let cut = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
                cut(base.to_bits()) == cut(address.to_bits())
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = InvalidCidr;

    fn from_str(text: &str) -> Result<Self, InvalidCidr> {
        let (base, bits) = text.split_once('/').ok_or(InvalidCidr)?;
        let Ok(base) = base.parse::<IpAddr>() else { return Err(InvalidCidr) };
        let Ok(prefix_bits) = bits.parse::<u8>() else { return Err(InvalidCidr) };
        let most = if base.is_ipv4() { 32 } else { 128 };
        if prefix_bits <= most { Ok(Self { base, prefix_bits }) } else { Err(InvalidCidr) }
    }
}

const FORBIDDEN_V4: &[Cidr] = &[
    Cidr::v4(0, 0, 0, 0, 8),
    Cidr::v4(10, 0, 0, 0, 8),
    Cidr::v4(100, 64, 0, 0, 10),
    Cidr::v4(127, 0, 0, 0, 8),
    Cidr::v4(169, 254, 0, 0, 16),
    Cidr::v4(172, 16, 0, 0, 12),
    Cidr::v4(192, 0, 0, 0, 24),
    Cidr::v4(192, 0, 2, 0, 24),
    Cidr::v4(192, 88, 99, 0, 24),
    Cidr::v4(192, 168, 0, 0, 16),
    Cidr::v4(198, 18, 0, 0, 15),
    Cidr::v4(198, 51, 100, 0, 24),
    Cidr::v4(203, 0, 113, 0, 24),
    Cidr::v4(224, 0, 0, 0, 4),
    Cidr::v4(240, 0, 0, 0, 4),
];

const FORBIDDEN_V6: &[Cidr] = &[
    // All of ::/8: unspecified, loopback, mapped, compatible and translated addresses.
    Cidr::v6([0, 0, 0], 8),
    Cidr::v6([0x64, 0xff9b, 1], 48),
    Cidr::v6([0x100, 0, 0], 64),
    Cidr::v6([0x2001, 0, 0], 23),
    Cidr::v6([0x2001, 0xdb8, 0], 32),
    Cidr::v6([0x2002, 0, 0], 16),
    Cidr::v6([0x3fff, 0, 0], 20),
    Cidr::v6([0x5f00, 0, 0], 16),
    Cidr::v6([0xfc00, 0, 0], 7),
    Cidr::v6([0xfe80, 0, 0], 10),
    Cidr::v6([0xfec0, 0, 0], 10),
    Cidr::v6([0xff00, 0, 0], 8),
];

/// Loopback and link-local: never opened, not even by an operator's range. Lambda's runtime API and AWS's metadata
/// services live here.
const NEVER: &[Cidr] = &[
    Cidr::v4(127, 0, 0, 0, 8),
    Cidr::v4(169, 254, 0, 0, 16),
    Cidr::v4(0, 0, 0, 0, 8),
    Cidr::v6([0, 0, 0], 8),
    Cidr::v6([0xfe80, 0, 0], 10),
];

/// NAT64: `64:ff9b::/96` is judged by the IPv4 address inside.
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// Whether an address is public: outside every special-purpose block.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => !FORBIDDEN_V4.iter().any(|block| block.contains(address)),
        IpAddr::V6(v6) => match nat64_inner(v6) {
            Some(inner) => is_public(IpAddr::V4(inner)),
            None => !FORBIDDEN_V6.iter().any(|block| block.contains(address)),
        },
    }
}

/// Whether an operator's range may open this address: everything but loopback and link-local.
#[must_use]
pub fn may_be_opened(address: IpAddr) -> bool {
    !NEVER.iter().any(|block| block.contains(address))
}

/// Whether this is a loopback address in its plain spelling.
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    address.is_loopback()
}

fn nat64_inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [prefix @ .., high, low] = address.segments();
    let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
    (prefix == NAT64).then(|| Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(address: &str, public: bool) {
        assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
    }

    #[test]
    fn special_purpose_addresses_are_not_public() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "169.254.170.2",
            "169.254.169.253",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            check(address, false);
        }
    }

    #[test]
    fn ordinary_addresses_are_public() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "198.17.0.1",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::200e",
            "64:ff9b::8.8.8.8",
        ] {
            check(address, true);
        }
    }

    #[test]
    fn loopback_and_link_local_cannot_be_opened() {
        for address in ["127.0.0.1", "169.254.169.254", "::1", "fe80::1", "::ffff:127.0.0.1", "0.0.0.0"] {
            assert!(!may_be_opened(address.parse().unwrap()), "{address}");
        }
        assert!(may_be_opened("10.1.2.3".parse().unwrap()));
    }

    #[test]
    fn ranges_are_parsed_or_refused() {
        assert!("10.1.0.0/16".parse::<Cidr>().unwrap().contains("10.1.255.1".parse().unwrap()));
        assert!(!"10.1.0.0/16".parse::<Cidr>().unwrap().contains("10.2.0.1".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<Cidr>().unwrap().contains("9.9.9.9".parse().unwrap()));
        for bad in ["10.1.0.0", "10.1.0.0/33", "x/8", "::/129", "10.1.0.0/-1"] {
            assert_eq!(bad.parse::<Cidr>(), Err(InvalidCidr), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_ipv4_address_in_ipv6_clothes_is_judged_no_more_kindly(bits: u32) {
            let plain = Ipv4Addr::from_bits(bits);
            let nat64 = Ipv6Addr::from_bits((0x64_ff9b_u128 << 96) | u128::from(bits));
            prop_assert_eq!(is_public(IpAddr::V6(nat64)), is_public(IpAddr::V4(plain)));
            prop_assert!(!is_public(IpAddr::V6(plain.to_ipv6_mapped())));
        }

        #[test]
        fn no_address_of_a_forbidden_block_is_public(block in 0..FORBIDDEN_V4.len(), host: u32) {
            let Cidr { base: IpAddr::V4(base), prefix_bits } = FORBIDDEN_V4[block] else { unreachable!() };
            let mask = u32::MAX.checked_shr(u32::from(prefix_bits)).unwrap_or(0);
            prop_assert!(!is_public(IpAddr::V4(Ipv4Addr::from_bits(base.to_bits() | (host & mask)))));
        }
    }
}
