//! Address policy: which IP addresses may be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// All addresses of the public internet, and the exceptions that the operator lists (`--allow-address`).
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    allowed: Vec<IpNet>,
}

impl AddressPolicy {
    /// `allowed` are the operator's exceptions. A v4-mapped IPv6 address counts as the IPv4 address in it.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// The address to connect to, if it may be reached.
    pub fn admit(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        let listed = self.allowed.iter().any(|net| net.contains(&address));
        (listed || is_public(address)).then_some(address)
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// False for the IANA special-purpose registry (RFC 6890 and its updates) and multicast.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

/// True only for global unicast (2000::/3) without tunnels to IPv4 and special ranges: Teredo and the rest of
/// 2001::/23, documentation, 6to4. This excludes loopback, link-local, unique local, multicast, NAT64 (64:ff9b::/96)
/// and v4-compatible.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let global = a & 0xe000 == 0x2000;
    let special = matches!((a, b), (0x2001, 0..=0x1ff | 0xdb8) | (0x2002, _) | (0x3fff, 0..=0xfff));
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(policy: &AddressPolicy, address: &str) -> bool {
        policy.admit(address.parse().expect("an address")).is_some()
    }

    #[test]
    fn only_the_public_internet_is_reached() {
        let policy = AddressPolicy::default();
        for public in
            ["8.8.8.8", "100.63.255.255", "172.32.0.1", "192.0.1.1", "198.20.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]
        {
            assert!(admits(&policy, public), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.1.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!admits(&policy, private), "{private}");
        }
    }

    #[test]
    fn the_operator_lists_exceptions() {
        let policy = AddressPolicy::new(vec!["10.0.0.0/8".parse().expect("a net"), "fd00::/8".parse().expect("a net")]);
        assert!(admits(&policy, "10.1.2.3"));
        assert!(admits(&policy, "::ffff:10.1.2.3"), "the same address in IPv6 clothes");
        assert!(admits(&policy, "fd00::1"));
        assert!(!admits(&policy, "127.0.0.1"));
        assert_eq!(policy.admit("::ffff:10.1.2.3".parse().expect("an address")), "10.1.2.3".parse().ok());
    }
}
