//! The network addresses that a request may go to.
//!
//! The tables restate the IANA registries (RFC 6890 and its updates), as blocks that are not public.
//! A sender of webhooks runs inside the operator's account, so only public addresses are open to strangers.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses in prefix notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    base: IpAddr,
    prefix_bits: u8,
}

/// A text is not an address range.
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

    /// Returns whether the address lies in the range. An IPv4 address is never in an IPv6 range, and the
    /// reverse.
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

impl fmt::Display for Cidr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.base, self.prefix_bits)
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

/// Blocks that are not globally reachable, by the registry as updated on 2025-10-09, and multicast.
///
/// Not listed, because the registry makes them public: 192.31.196.0/24 and 192.175.48.0/24 (AS112),
/// 192.52.193.0/24 (AMT).
/// 192.0.0.0/24 has two public anycast addresses, neither of a receiver.
const FORBIDDEN_V4: &[Cidr] = &[
    // This network.
    Cidr::v4(0, 0, 0, 0, 8),
    // Private use.
    Cidr::v4(10, 0, 0, 0, 8),
    // Shared by the customers of a carrier.
    Cidr::v4(100, 64, 0, 0, 10),
    Cidr::v4(127, 0, 0, 0, 8),
    // Link-local, where clouds keep their metadata.
    Cidr::v4(169, 254, 0, 0, 16),
    Cidr::v4(172, 16, 0, 0, 12),
    // Protocol assignments.
    Cidr::v4(192, 0, 0, 0, 24),
    // Documentation.
    Cidr::v4(192, 0, 2, 0, 24),
    // Relays from IPv6, deprecated.
    Cidr::v4(192, 88, 99, 0, 24),
    Cidr::v4(192, 168, 0, 0, 16),
    // Benchmarks.
    Cidr::v4(198, 18, 0, 0, 15),
    Cidr::v4(198, 51, 100, 0, 24),
    Cidr::v4(203, 0, 113, 0, 24),
    // Multicast, and reserved with the broadcast address at its end.
    Cidr::v4(224, 0, 0, 0, 4),
    Cidr::v4(240, 0, 0, 0, 4),
];

/// Every block outside `2000::/3`, the only one from which global unicast addresses are assigned, and the
/// special blocks inside it by the registry as updated on 2025-10-09.
///
/// Not listed, because the registry makes it public: `2620:4f:8000::/48` (AS112).
/// `2001::/23` has public blocks, none of a receiver.
const FORBIDDEN_V6: &[Cidr] = &[
    // Unspecified, loopback, mapped, compatible and translated addresses; 64:ff9b:1::/48, 100::/64, 100:0:0:1::/64.
    Cidr::v6([0, 0, 0], 3),
    // Includes 5f00::/16 (segment routing).
    Cidr::v6([0x4000, 0, 0], 2),
    // Includes fc00::/7 (unique local), fe80::/10 (link-local), fec0::/10 (site-local), ff00::/8 (multicast).
    Cidr::v6([0x8000, 0, 0], 1),
    // Protocol assignments, including Teredo.
    Cidr::v6([0x2001, 0, 0], 23),
    // Documentation.
    Cidr::v6([0x2001, 0xdb8, 0], 32),
    // 6to4.
    Cidr::v6([0x2002, 0, 0], 16),
    Cidr::v6([0x3fff, 0, 0], 20),
];

/// Addresses that are never opened, not even by an operator's range: this machine, the link, groups, and
/// every address that carries an IPv4 address past the rule.
///
/// Lambda's runtime API and AWS's metadata services are here.
const NEVER: &[Cidr] = &[
    Cidr::v4(0, 0, 0, 0, 8),
    Cidr::v4(127, 0, 0, 0, 8),
    Cidr::v4(169, 254, 0, 0, 16),
    Cidr::v4(224, 0, 0, 0, 4),
    Cidr::v4(240, 0, 0, 0, 4),
    Cidr::v6([0, 0, 0], 8),
    Cidr::v6([0x2001, 0, 0], 32),
    Cidr::v6([0x2002, 0, 0], 16),
    // AWS's metadata, name server, clock and keys for instances.
    Cidr::v6([0xfd00, 0xec2, 0], 32),
    Cidr::v6([0xfe80, 0, 0], 10),
    Cidr::v6([0xfec0, 0, 0], 10),
    Cidr::v6([0xff00, 0, 0], 8),
];

/// NAT64: `64:ff9b::/96` is judged by the IPv4 address inside.
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// Returns whether an address is public: outside every special-purpose block, and the same for an IPv4
/// address that it carries.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => !FORBIDDEN_V4.iter().any(|block| block.contains(address)),
        IpAddr::V6(v6) => match nat64_inner(v6) {
            Some(inner) => is_public(IpAddr::V4(inner)),
            None => {
                !FORBIDDEN_V6.iter().any(|block| block.contains(address))
                    && isatap_inner(v6).is_none_or(|inner| is_public(IpAddr::V4(inner)))
            }
        },
    }
}

/// Returns whether an operator's range may open this address.
#[must_use]
pub fn may_be_opened(address: IpAddr) -> bool {
    let inner = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => isatap_inner(v6),
    };
    !NEVER.iter().any(|block| block.contains(address))
        && inner.is_none_or(|inner| may_be_opened(IpAddr::V4(inner)))
}

/// Returns whether this is a loopback address in its plain spelling.
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    address.is_loopback()
}

fn nat64_inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [prefix @ .., high, low] = address.segments();
    (prefix == NAT64).then(|| v4_of(high, low))
}

/// Returns the IPv4 address of an ISATAP address, to which a tunnel sends: any prefix, then `0:5efe` or
/// `200:5efe` and the address.
fn isatap_inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [_, _, _, _, flags, mark, high, low] = address.segments();
    (matches!(flags, 0 | 0x200) && mark == 0x5efe).then(|| v4_of(high, low))
}

fn v4_of(high: u16, low: u16) -> Ipv4Addr {
    let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
    Ipv4Addr::new(a, b, c, d)
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
            "100:0:0:1::1",
            "2001::1",
            "2001:1::1",
            "2001:2::1",
            "2001:20::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "8000::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2a00::5efe:10.0.0.1",
            "2a00::200:5efe:127.0.0.1",
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
            "192.31.196.1",
            "192.52.193.1",
            "192.175.48.1",
            "223.255.255.255",
            "2001:200::1",
            "2620:4f:8000::1",
            "2a00::5efe:8.8.8.8",
            "2606:4700::1111",
            "2a00:1450:4001::200e",
            "64:ff9b::8.8.8.8",
        ] {
            check(address, true);
        }
    }

    #[test]
    fn loopback_link_local_and_metadata_cannot_be_opened_in_any_form() {
        for address in [
            "0.0.0.0",
            "127.0.0.1",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "2001:0:a9fe:a9fe::1",
            "2002:a9fe:a9fe::1",
            "fd00::5efe:169.254.169.254",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!may_be_opened(address.parse().unwrap()), "{address}");
        }
        for address in ["10.1.2.3", "100.64.0.1", "fd00::1", "fd00::5efe:10.0.0.1"] {
            assert!(may_be_opened(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn ranges_are_parsed_or_rejected() {
        assert!("10.1.0.0/16".parse::<Cidr>().unwrap().contains("10.1.255.1".parse().unwrap()));
        assert!(!"10.1.0.0/16".parse::<Cidr>().unwrap().contains("10.2.0.1".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<Cidr>().unwrap().contains("9.9.9.9".parse().unwrap()));
        assert_eq!("fd12::/16".parse::<Cidr>().unwrap().to_string(), "fd12::/16");
        for bad in ["10.1.0.0", "10.1.0.0/33", "x/8", "::/129", "10.1.0.0/-1"] {
            assert_eq!(bad.parse::<Cidr>(), Err(InvalidCidr), "{bad}");
        }
    }

    /// Returns the blocks as an operator writes them.
    fn base_of(block: &Cidr) -> (IpAddr, u32) {
        (block.base, u32::from(block.prefix_bits))
    }

    /// Returns an IPv4 address in every form of IPv6 address that can carry one.
    fn clothings(plain: Ipv4Addr) -> [Ipv6Addr; 8] {
        let bits = u128::from(plain.to_bits());
        [
            plain.to_ipv6_mapped(),
            Ipv6Addr::from_bits(bits),
            Ipv6Addr::from_bits((0xffff_0000_u128 << 32) | bits),
            Ipv6Addr::from_bits((0x64_ff9b_u128 << 96) | bits),
            Ipv6Addr::from_bits((0x64_ff9b_0001_u128 << 80) | bits),
            Ipv6Addr::from_bits((0x2002_u128 << 112) | (bits << 80) | 1),
            // Teredo keeps the client's address with all bits inverted.
            Ipv6Addr::from_bits((0x2001_u128 << 112) | (bits ^ 0xffff_ffff)),
            Ipv6Addr::from_bits((0x2a00_u128 << 112) | (0x5efe_u128 << 32) | bits),
        ]
    }

    proptest! {
        #[test]
        fn ipv4_in_ipv6_is_at_most_as_open_as_its_ipv4_address(bits: u32) {
            let plain = Ipv4Addr::from_bits(bits);
            for dressed in clothings(plain) {
                prop_assert!(is_public(IpAddr::V4(plain)) || !is_public(IpAddr::V6(dressed)), "{}", dressed);
                prop_assert!(may_be_opened(IpAddr::V4(plain)) || !may_be_opened(IpAddr::V6(dressed)));
            }
            let [mapped, .., nat64, _, _, _, isatap] = clothings(plain);
            prop_assert!(!is_public(IpAddr::V6(mapped)));
            for judged_by_what_is_inside in [nat64, isatap] {
                prop_assert_eq!(is_public(IpAddr::V6(judged_by_what_is_inside)), is_public(IpAddr::V4(plain)));
            }
        }

        #[test]
        fn addresses_in_forbidden_ipv4_blocks_are_not_public(block in 0..FORBIDDEN_V4.len(), host: u32) {
            let (IpAddr::V4(base), bits) = base_of(&FORBIDDEN_V4[block]) else { unreachable!() };
            let inside = Ipv4Addr::from_bits(base.to_bits() | (host & u32::MAX.checked_shr(bits).unwrap_or(0)));
            prop_assert!(!is_public(IpAddr::V4(inside)));
            for dressed in clothings(inside) {
                prop_assert!(!is_public(IpAddr::V6(dressed)), "{}", dressed);
            }
        }

        #[test]
        fn addresses_in_forbidden_ipv6_blocks_are_not_public_except_nat64(
            block in 0..FORBIDDEN_V6.len(),
            host: u128,
        ) {
            let (IpAddr::V6(base), bits) = base_of(&FORBIDDEN_V6[block]) else { unreachable!() };
            let inside = Ipv6Addr::from_bits(base.to_bits() | (host & u128::MAX.checked_shr(bits).unwrap_or(0)));
            prop_assert!(!is_public(IpAddr::V6(inside)) || nat64_inner(inside).is_some());
        }

        #[test]
        fn addresses_that_never_open_are_not_public(block in 0..NEVER.len(), host: u128) {
            let inside = match base_of(&NEVER[block]) {
                (IpAddr::V4(base), bits) => {
                    let low = u32::try_from(host & u128::from(u32::MAX)).unwrap();
                    let mask = u32::MAX.checked_shr(bits).unwrap_or(0);
                    IpAddr::V4(Ipv4Addr::from_bits(base.to_bits() | (low & mask)))
                }
                (IpAddr::V6(base), bits) => {
                    let mask = u128::MAX.checked_shr(bits).unwrap_or(0);
                    IpAddr::V6(Ipv6Addr::from_bits(base.to_bits() | (host & mask)))
                }
            };
            prop_assert!(!may_be_opened(inside));
            let carried = |ip: IpAddr| matches!(ip, IpAddr::V6(v6) if nat64_inner(v6).is_some());
            prop_assert!(!is_public(inside) || carried(inside));
        }
    }
}
