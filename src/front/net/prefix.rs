//! PURE. Address prefixes: the prefix of one customer, and the prefix of a customer's network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One customer: an IPv4 address, or the /64 that every IPv6 customer has at least (RFC 6177).
pub fn host(address: IpAddr) -> IpAddr {
    prefix(address, 32, 64)
}

/// One network: the /24 or the /48 that one party obtains without effort (RFC 6177 §2).
pub fn subnet(address: IpAddr) -> IpAddr {
    prefix(address, 24, 48)
}

fn prefix(address: IpAddr, v4: u32, v6: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() >> (32 - v4) << (32 - v4))),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> (128 - v6) << (128 - v6))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stands_for_its_customer_and_its_network() {
        for (address, customer, network) in [
            ("192.0.2.77", "192.0.2.77", "192.0.2.0"),
            ("::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1::"),
        ] {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!((host(address).to_string(), subnet(address).to_string()), (customer.into(), network.into()));
        }
    }
}
