//! What a scenario says about the network: links, carriers, LANs, who is on them, what happens.
//!
//! Data only: read from and written to scenario files, compared, never acted upon here. What is
//! impossible in it is found by [`super::check`], what it means is in [`super::Network`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One direction of a link. Permille are thousandths of the datagrams.
///
/// Bytes are those of the IPv4 packet: a datagram's payload and 28 bytes of headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LinkSpec {
    /// What passes, in 1,000 bit/s; unlimited if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_kbit: Option<u32>,
    /// The name of a Mahimahi trace that stands in for the rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// What may wait for the rate before datagrams are dropped; a lot of it is bufferbloat.
    pub queue_bytes: u32,
    /// The time on the way, without the wait in the queue.
    pub delay_ms: u32,
    /// The most that is added to the delay at random; reorders.
    pub jitter_ms: u32,
    /// Lost at random.
    pub lost_permille: u16,
    /// Lost in bursts as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// Sent twice.
    pub repeated_permille: u16,
    /// Held back by `reorder_ms`, so that later ones overtake.
    pub reordered_permille: u16,
    /// For how long.
    pub reorder_ms: u32,
    /// Arrives with one bit flipped.
    pub corrupted_permille: u16,
    /// Larger packets vanish without a word: a black hole for path MTU discovery.
    pub mtu: u16,
    /// A metered plan: what would exceed this sum never passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap_bytes: Option<u64>,
}

impl Default for LinkSpec {
    /// Unlimited, at once, nothing lost.
    fn default() -> Self {
        Self {
            rate_kbit: None,
            trace: None,
            queue_bytes: 262_144,
            delay_ms: 0,
            jitter_ms: 0,
            lost_permille: 0,
            burst: None,
            repeated_permille: 0,
            reordered_permille: 0,
            reorder_ms: 0,
            corrupted_permille: 0,
            mtu: 1500,
            cap_bytes: None,
        }
    }
}

/// The loss model of Gilbert and Elliott: a good and a bad state, with a step before each datagram
/// (E. O. Elliott, "Estimates of Error Rates for Codes on Burst-Noise Channels", 1963).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Burst {
    /// From good to bad.
    pub enter_permille: u16,
    /// From bad to good.
    pub leave_permille: u16,
    /// Lost while bad.
    pub lost_permille: u16,
}

/// A carrier: what a host's interface reaches the internet over. Every host on it has a link of
/// its own of this kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CarrierSpec {
    /// From the host to the internet.
    pub up: LinkSpec,
    /// From the internet to the host.
    pub down: LinkSpec,
    /// Hides the host's address; a public one if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nat: Option<NatSpec>,
}

/// A translator between a host and the internet. A mapping belongs to a port of the host, whatever
/// it speaks to; what comes in without one is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NatSpec {
    /// A mapping over which nothing left for longer is gone, and the next has another port.
    pub expires_s: u32,
}

impl Default for NatSpec {
    /// Half a minute: what home routers grant UDP, against the two minutes that RFC 4787 asks for.
    fn default() -> Self {
        Self { expires_s: 30 }
    }
}

/// A LAN between hosts; every pair on it is linked by `link` in both directions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LanSpec {
    /// Each direction of each pair.
    pub link: LinkSpec,
}

/// Who is linked to what. Hosts by index: 0 is the control, 1 and on are stalls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Topology {
    /// Every host. A control without carriers is on one called `internet`, which is perfect unless
    /// the carriers say otherwise.
    pub hosts: Vec<HostNet>,
    /// Every carrier by its name.
    pub carriers: BTreeMap<String, CarrierSpec>,
    /// Every LAN by its name.
    pub lans: BTreeMap<String, LanSpec>,
}

/// The interfaces of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct HostNet {
    /// Carriers in order of preference; the default route is over the first that is not down.
    pub carriers: Vec<String>,
    /// LANs that it is on.
    pub lans: Vec<String>,
}

/// What can happen to the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", deny_unknown_fields, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "fields are hosts by index, or carriers and LANs by name")]
pub enum Change {
    /// Nothing passes between two hosts any more, over whatever link.
    Cut { a: usize, b: usize },
    /// Ends a cut.
    Heal { a: usize, b: usize },
    /// Nothing passes from one host to another; back it does.
    CutOneWay { from: usize, to: usize },
    /// Ends a cut of one way.
    HealOneWay { from: usize, to: usize },
    /// The interface goes away, the host knows it, and its route moves to the next carrier.
    CarrierDown { host: usize, carrier: String },
    /// It is back, with the address that it had.
    CarrierUp { host: usize, carrier: String },
    /// The interface looks up and nothing passes, either way.
    CarrierSilent { host: usize, carrier: String, silent: bool },
    /// A portal wants a login first: the interface looks up and no datagram gets past the portal.
    Captive { host: usize, carrier: String, captive: bool },
    /// Nothing passes up, everything passes down.
    SilentUp { host: usize, carrier: String, silent: bool },
    /// The translator forgets its mappings, and new ones have other ports.
    Rebind { host: usize, carrier: String },
    /// The interface has another address, and a translator another public one.
    Readdress { host: usize, carrier: String },
    /// Handover: the default route is over this carrier while that is not down.
    Prefer { host: usize, carrier: String },
    /// Nothing passes over a LAN, and all of its hosts know it; or it is back.
    LanDown { lan: String, down: bool },
    /// A carrier is another kind of link from now on, for every host on it.
    Respec {
        carrier: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        up: Option<LinkSpec>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        down: Option<LinkSpec>,
    },
    /// Ends cuts, silences, portals and everything that is down. Preferences, addresses and kinds
    /// of links stay.
    HealAll,
}
