//! What can be asked of a network: addresses, routes, names of links.
//!
//! Nothing here changes it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::network::{Exit, LinkId, Network, address, link_id};
use super::plan;

/// What a link is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkName {
    /// From a host to the internet.
    Up {
        /// The host.
        host: usize,
        /// The carrier.
        carrier: String,
    },
    /// From the internet to a host.
    Down {
        /// The host.
        host: usize,
        /// The carrier.
        carrier: String,
    },
    /// From one host to another.
    Lan {
        /// The one.
        from: usize,
        /// The other.
        to: usize,
        /// The LAN.
        lan: String,
    },
}

impl fmt::Display for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up { host, carrier } => write!(f, "host {host} {carrier} up"),
            Self::Down { host, carrier } => write!(f, "host {host} {carrier} down"),
            Self::Lan { from, to, lan } => write!(f, "host {from} to host {to} over {lan}"),
        }
    }
}

impl Network {
    /// Where `by` can dial `host` best: see [`Self::addresses_of`].
    pub fn address_of(&self, host: usize, by: usize) -> Option<IpAddr> {
        self.addresses_of(host, by).first().copied()
    }

    /// Where `by` can dial `host`, best first: on LANs that both are on, then at its public
    /// addresses in the order of its preference. None if it is behind translators alone. A name
    /// service knows no outages, so the addresses of what is down are among them.
    pub fn addresses_of(&self, host: usize, by: usize) -> Vec<IpAddr> {
        let (Some(callee), Some(caller)) = (self.hosts.get(host), self.hosts.get(by)) else {
            return Vec::new();
        };
        let both = callee.lans.iter().filter(|on| host != by && caller.on(on.lan).is_some());
        let interfaces = callee.preference.iter().map(|slot| &callee.interfaces[*slot]);
        let public = interfaces.filter(|interface| interface.nat.is_none());
        both.map(|on| plan::on_lan(on.lan, host))
            .chain(public.map(|interface| interface.public))
            .map(IpAddr::V4)
            .collect()
    }

    /// The carrier that the default route of a host is over, if it has one.
    pub fn route_of(&self, host: usize) -> Option<&str> {
        let host = self.hosts.get(host)?;
        Some(&self.carriers[host.interfaces[host.route()?].carrier].name)
    }

    /// By which link a datagram would leave `from`, and which address of its own it would bear.
    /// None if it has no way out, which a socket would say.
    pub fn way_out(
        &self,
        from: usize,
        src_port: u16,
        to: SocketAddr,
    ) -> Option<(LinkId, SocketAddr)> {
        match self.exit(from, address(to)?)? {
            Exit::Carrier(slot) => {
                let interface = &self.hosts[from].interfaces[slot];
                Some((link_id(interface.up), SocketAddr::from((interface.address, src_port))))
            }
            Exit::Lan { lan: at, host } => {
                let lan = &self.lans[at];
                let place = lan.place(lan.member(from)?, lan.member(host)?);
                let source = SocketAddr::from((plan::on_lan(at, from), src_port));
                Some((link_id(lan.first_link + place), source))
            }
        }
    }

    /// What a link is called; none if there is no such one.
    pub fn link_name(&self, link: LinkId) -> Option<LinkName> {
        let number = usize::try_from(link.0).ok()?;
        for (host, of) in self.hosts.iter().enumerate() {
            for interface in &of.interfaces {
                let carrier = &self.carriers[interface.carrier].name;
                if number == interface.up {
                    return Some(LinkName::Up { host, carrier: carrier.clone() });
                }
                if number == interface.down {
                    return Some(LinkName::Down { host, carrier: carrier.clone() });
                }
            }
        }
        let lan = self.lans.iter().rev().find(|lan| lan.first_link <= number)?;
        let (from, to) = lan.ends(number - lan.first_link)?;
        Some(LinkName::Lan { from, to, lan: lan.name.clone() })
    }

    /// How many numbers links have, LAN links included.
    pub fn link_count(&self) -> u32 {
        let last = self.lans.last().map(|lan| lan.first_link + lan.link_count());
        link_id(last.unwrap_or(self.links.len())).0
    }
}
