//! Where a request came from.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    extract::{FromRequestParts, Request},
    http::{Extensions, request::Parts},
};

use crate::front::net::serve::{Peer, Visit};

/// Where a request came from.
#[derive(Debug, Clone)]
pub struct From {
    /// The address.
    pub ip: IpAddr,
    visit: Option<Visit>,
}

impl From {
    /// Whoever sent it has shown a right key.
    pub fn mark_known(&self) {
        self.visit.iter().for_each(Visit::mark_known);
    }
}

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let visit = parts.extensions.get::<Visit>().cloned();
        Ok(Self { ip: address(&parts.extensions), visit })
    }
}

/// The address that a request came from.
pub(super) fn peer(request: &Request) -> IpAddr {
    address(request.extensions())
}

pub(super) fn address(extensions: &Extensions) -> IpAddr {
    socket(extensions).ip()
}

/// The address and port that a request came from.
pub(super) fn socket(extensions: &Extensions) -> SocketAddr {
    extensions.get::<Peer>().map_or((Ipv4Addr::LOCALHOST, 0).into(), |Peer(address)| *address)
}
