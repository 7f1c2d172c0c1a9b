use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, HeaderValue};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How many times the allowance of an address its wider network has. A /48 network holds 65,536 /64 networks, so without an
/// allowance of its own it would have no limit.
pub(super) const WIDER_SHARE: u32 = 8;

/// A network that shares one allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Network {
    first: IpAddr,
    /// The length of the prefix. Two networks of different lengths can begin with the same address.
    bits: u32,
}

impl Network {
    /// Stands for all clients whose address cannot be read. No client has the address `::`.
    pub(super) const UNREADABLE: Self = Self { first: IpAddr::V6(Ipv6Addr::UNSPECIFIED), bits: 0 };

    fn of_ipv6(address: Ipv6Addr, bits: u32) -> Self {
        let others = u128::BITS - bits;
        Self { first: IpAddr::V6(Ipv6Addr::from(u128::from(address) >> others << others)), bits }
    }
}

impl Display for Network {
    fn fmt(&self, text: &mut Formatter<'_>) -> fmt::Result {
        match self.first {
            IpAddr::V4(address) => write!(text, "{address}"),
            IpAddr::V6(first) => write!(text, "{first}/{}", self.bits),
        }
    }
}

/// The networks for which the address of a client counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Networks {
    /// An IPv4 address, or the /64 network of an IPv6 address, because a client usually has all of it.
    pub(super) own: Network,
    /// The /48 network of an IPv6 address. Providers give one customer as much as that.
    pub(super) wider: Option<Network>,
}

impl Networks {
    /// Returns the networks of an address, or `None` for a loopback address, which is not limited, because all clients behind
    /// a proxy on this machine would share one limit.
    pub(super) fn of(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        match address {
            _ if address.is_loopback() => None,
            IpAddr::V6(address) => {
                Some(Self { own: Network::of_ipv6(address, 64), wider: Some(Network::of_ipv6(address, 48)) })
            }
            IpAddr::V4(_) => Some(Self { own: Network { first: address, bits: 32 }, wider: None }),
        }
    }

    /// Lists the networks with the allowance of each, if one address has `allowance`.
    pub(super) fn shares(self, allowance: u32) -> impl Iterator<Item = (Network, u32)> + Clone {
        let wider = self.wider.map(|network| (network, allowance.saturating_mul(WIDER_SHARE)));
        std::iter::once((self.own, allowance)).chain(wider)
    }
}

/// Whose allowance a request uses.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// A loopback address, which is not limited.
    Loopback,
    /// Any other address.
    At(Networks),
    /// A trusted proxy has reported a client, but not by its address.
    Unreadable,
}

impl Client {
    /// Returns the client of a request: that of the connection, or the one that a trusted proxy reports.
    pub(super) fn of(request: &ServiceRequest, trust_forwarded_for: bool) -> Self {
        // The last line, because a proxy may add a line instead of an entry.
        let forwarded = trust_forwarded_for.then(|| request.headers().get_all(FORWARDED_FOR).last()).flatten();
        let address = match forwarded {
            Some(value) => reported(value),
            None => request.peer_addr().map(|peer| peer.ip()),
        };
        match address {
            Some(address) => Networks::of(address).map_or(Self::Loopback, Self::At),
            None if forwarded.is_some() => Self::Unreadable,
            // A request of a test has no connection.
            None => Self::Loopback,
        }
    }
}

/// Reads the last entry of `X-Forwarded-For`, which is the one that the proxy itself has added. An empty entry is not skipped,
/// because the entry before it was sent by the client.
///
/// Proxies send an address, an address and a port, or an IPv6 address in brackets with or without a port. Some quote it, as
/// `Forwarded` does (RFC 7239, section 6).
fn reported(value: &HeaderValue) -> Option<IpAddr> {
    let entry = value.to_str().ok()?.rsplit(',').next()?.trim().trim_matches('"').trim();
    let bare = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    entry.parse().ok().or_else(with_port).or_else(bare)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn client(lines: &[&[u8]]) -> Client {
        let peer = "198.51.100.1:50000".parse().unwrap();
        let request = TestRequest::get().peer_addr(peer);
        let request = lines.iter().fold(request, |request, line| {
            request.append_header((FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap()))
        });
        Client::of(&request.to_srv_request(), true)
    }

    fn at(address: &str) -> Client {
        Client::At(Networks::of(address.parse().unwrap()).unwrap())
    }

    #[test]
    fn a_reported_address_is_read_in_every_notation_that_proxies_use() {
        for entry in [
            "203.0.113.7",
            "203.0.113.7:1001",
            "\"203.0.113.7\"",
            "\"203.0.113.7:1001\"",
            "  203.0.113.7\t",
            "::ffff:203.0.113.7",
            "[::ffff:203.0.113.7]:99",
            "192.0.2.1, 203.0.113.7",
            "192.0.2.1,203.0.113.7:1001",
            "unknown,\"\",203.0.113.7",
        ] {
            assert_eq!(client(&[entry.as_bytes()]), at("203.0.113.7"), "{entry}");
        }
        for entry in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:99", "\"[2001:db8::1]:99\"", "2001:DB8::0:1"] {
            assert_eq!(client(&[entry.as_bytes()]), at("2001:db8::1"), "{entry}");
        }
    }

    #[test]
    fn an_entry_that_is_no_address_is_unreadable_and_entries_before_it_do_not_count() {
        for entry in [
            &b""[..],
            b"unknown",
            b"_hidden",
            b"203.0.113.7, ",
            b"203.0.113.7,,",
            b"203.0.113.7, unknown",
            b"203.0.113.7:port",
            b"203.0.113.7:65536",
            b"203.0.113.256",
            b"[203.0.113.7]",
            b"[2001:db8::1",
            b"proxy.example",
            b"\xff",
        ] {
            assert_eq!(client(&[entry]), Client::Unreadable, "{}", String::from_utf8_lossy(entry));
        }
    }

    #[test]
    fn the_last_of_several_lines_counts() {
        assert_eq!(client(&[b"192.0.2.1", b"192.0.2.2, 203.0.113.7"]), at("203.0.113.7"));
        assert_eq!(client(&[b"203.0.113.7", b"unknown"]), Client::Unreadable);
    }

    #[test]
    fn without_a_report_the_address_of_the_connection_counts() {
        assert_eq!(client(&[]), at("198.51.100.1"));
    }

    #[test]
    fn a_loopback_address_is_one_in_any_notation() {
        for entry in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "[::1]:99", "[::ffff:127.0.0.1]:99"] {
            assert_eq!(client(&[entry.as_bytes()]), Client::Loopback, "{entry}");
        }
    }

    #[test]
    fn networks_of_different_lengths_are_different_even_if_they_begin_with_the_same_address() {
        let networks = Networks::of("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(networks.own.to_string(), "2001:db8::/64");
        assert_eq!(networks.wider.unwrap().to_string(), "2001:db8::/48");
        assert_ne!(Some(networks.own), networks.wider);
    }
}
