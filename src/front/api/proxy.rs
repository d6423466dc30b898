//! Whose request it is that a proxy of the operator's passes on: `X-Forwarded-For`, as Caddy, nginx, HAProxy and Traefik write it.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use super::{client::peer, state::ApiState};
use crate::front::{cluster::Inward, net::serve::Peer};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Most addresses looked at, from the last one on: a chain of proxies has two or three.
const MAX_HOPS: usize = 16;

/// Puts the client in the place of the proxy that passed its request on.
pub(super) fn look_behind(state: &ApiState, request: &mut Request) {
    let peer = peer(request);
    if request.extensions().get::<Inward>().is_some() || !request.headers().contains_key(FORWARDED_FOR) {
        return;
    }
    if !is_proxy(&state.0.proxies, peer) {
        state.0.told_of_proxy.call_once(|| {
            tracing::warn!(
                "{peer} names the clients that it passes on (X-Forwarded-For), but is not on trusted_proxy, so all of them share the limits of \
                 one address; if it is a proxy of yours, add --trusted-proxy {peer}"
            );
        });
        return;
    }
    if let Some(client) = client(&state.0.proxies, request.headers()) {
        request.extensions_mut().insert(Peer(SocketAddr::new(client, 0)));
    }
}

fn is_proxy(proxies: &[IpNet], address: IpAddr) -> bool {
    proxies.iter().any(|proxies| proxies.contains(&address.to_canonical()))
}

/// The last address that is no proxy's: what stands before it the client may have made up.
fn client(proxies: &[IpNet], headers: &HeaderMap) -> Option<IpAddr> {
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let hops = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.rsplit(','));
    let hops = hops.map(|hop| hop.trim().parse::<IpAddr>()).take(MAX_HOPS);
    let mut last = None;
    for hop in hops {
        // Behind what does not read nothing is certain.
        let Ok(address) = hop else { return last };
        last = Some(address.to_canonical());
        if !is_proxy(proxies, address) {
            return last;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_of(lines: &[&'static str]) -> Option<String> {
        let proxies = ["127.0.0.1/32", "10.0.0.0/8"].map(|range| range.parse().expect("a range"));
        let headers = lines.iter().map(|line| (FORWARDED_FOR, http::HeaderValue::from_static(line))).collect();
        client(&proxies, &headers).map(|address| address.to_string())
    }

    #[test]
    fn the_last_address_that_is_no_proxys_is_the_client() {
        for (lines, wanted) in [
            (&["192.0.2.1"][..], Some("192.0.2.1")),
            (&["198.51.100.1, 192.0.2.1"], Some("192.0.2.1")),
            (&["198.51.100.1, 192.0.2.1, 10.0.0.7"], Some("192.0.2.1")),
            (&["198.51.100.1", "::ffff:192.0.2.1 ,10.0.0.7"], Some("192.0.2.1")),
            (&["2001:db8::1"], Some("2001:db8::1")),
            (&["192.0.2.1, nonsense, 10.0.0.7"], Some("10.0.0.7")),
            (&["10.0.0.7"], Some("10.0.0.7")),
            (&["nonsense"], None),
            (&[], None),
        ] {
            assert_eq!(client_of(lines).as_deref(), wanted, "{lines:?}");
        }
    }
}
