//! A host's interfaces, and which of them a datagram leaves by.
//!
//! State only; what happens to it is in `change.rs`.

use std::net::Ipv4Addr;

use super::nat::Nat;
use super::stats::Cause;

/// A host.
#[derive(Debug, Default)]
pub struct Host {
    /// To carriers, as the topology has them.
    pub interfaces: Vec<Interface>,
    /// Places in `interfaces`, the most preferred first.
    pub preference: Vec<usize>,
    /// To LANs.
    pub lans: Vec<OnLan>,
}

/// An interface to a carrier.
#[derive(Debug)]
pub struct Interface {
    /// The carrier, by its place among those of the network.
    pub carrier: usize,
    /// The links to and from the internet, by their places among those of the network.
    pub up: usize,
    pub down: usize,
    /// Its place in the statistics.
    pub stats: usize,
    /// The address that the host itself sees.
    pub address: Ipv4Addr,
    /// The one that the internet sees.
    pub public: Ipv4Addr,
    /// How often its address changed.
    pub turn: u32,
    pub nat: Option<Nat>,
    pub is_down: bool,
    pub is_silent: bool,
    pub is_silent_up: bool,
    pub is_captive: bool,
}

/// An interface to a LAN.
#[derive(Debug, Clone, Copy)]
pub struct OnLan {
    /// The LAN, by its place among those of the network.
    pub lan: usize,
    /// The place of this host among the LAN's.
    pub member: usize,
    /// Its place in the statistics.
    pub stats: usize,
}

impl Host {
    /// The interface that its default route is over.
    pub fn route(&self) -> Option<usize> {
        self.preference.iter().copied().find(|slot| !self.interfaces[*slot].is_down)
    }

    /// Its interface to a LAN.
    pub fn on(&self, lan: usize) -> Option<OnLan> {
        self.lans.iter().copied().find(|on| on.lan == lan)
    }
}

impl Interface {
    /// Why nothing gets from it to the internet, if nothing does.
    pub fn blocks_up(&self) -> Option<Cause> {
        if self.is_silent_up { Some(Cause::Silent) } else { self.blocks_down() }
    }

    /// Why nothing gets from the internet to it, if nothing does.
    pub fn blocks_down(&self) -> Option<Cause> {
        match self {
            Self { is_down: true, .. } => Some(Cause::Down),
            Self { is_silent: true, .. } => Some(Cause::Silent),
            Self { is_captive: true, .. } => Some(Cause::Captive),
            _ => None,
        }
    }
}
