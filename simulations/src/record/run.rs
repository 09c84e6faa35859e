//! A finished run as plain data: what its picture is drawn from. It measures and judges nothing.
//!
//! [`super::recorder::Recorder`] fills it and keeps it within [`super::limits`]. Times are virtual
//! milliseconds from the start of the run; hosts are named by their place in [`Run::hosts`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bins::Bins;

/// A finished run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The scenario's name.
    pub scenario: String,
    /// What everything was drawn from.
    pub seed: u64,
    /// The virtual length, healing included.
    pub length_ms: u64,
    /// When faults stopped and the liveness phase began.
    pub healing_ms: Option<u64>,
    /// The hash over everything that happened, in hex; empty when none was made.
    pub trace_hash: String,
    /// The length of every bin of every [`Bins`] here.
    pub bin_ms: u64,
    /// The control first, then the stalls.
    pub hosts: Vec<Host>,
    /// What happened on hosts, in order of time.
    pub events: Vec<Event>,
    /// What the network and the hosts were in, in order of their beginning.
    pub spans: Vec<Span>,
    /// Sums over all hosts.
    pub totals: Totals,
    /// What the money's minor units are.
    pub currency: Currency,
    /// The first violation; none when every checker held.
    pub violation: Option<Violation>,
    /// All violations, the first included.
    pub violations: u64,
    /// States that a healthy sweep reaches, and how often this run did; 0 is kept.
    pub marks: BTreeMap<String, u64>,
    /// What the limits left out.
    pub omitted: Omitted,
}

/// A host and its numbers over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: HostKind,
    /// What it reaches others over, in order of preference; then its LANs.
    pub carriers: Vec<Carrier>,
    /// Events at risk: acknowledged here and on no other disk. The most in each bin.
    pub backlog: Bins,
    /// Events that the control holds and this host should hold and does not. The most in each bin.
    pub lag: Bins,
}

/// What a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKind {
    /// The centre.
    Control,
    /// A stall.
    Stall,
    /// A peer that does not keep to the protocol.
    Hostile,
}

/// A carrier or LAN of a host, and what passed over it: bytes of datagrams that were delivered, in
/// each bin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carrier {
    /// Its name.
    pub name: String,
    /// From the host.
    pub up: Bins,
    /// To the host.
    pub down: Bins,
}

/// Something that happened on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When.
    pub at_ms: u64,
    /// Where.
    pub host: u32,
    /// What.
    pub kind: EventKind,
    /// In words.
    pub text: String,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The daemon started.
    Start,
    /// It stopped in order.
    Stop,
    /// It was severed without a goodbye.
    Crash,
    /// It stands still, as a laptop that sleeps.
    Pause,
    /// It goes on.
    Resume,
    /// It runs from another host's disk, or from an older image of its own.
    Clone,
    /// Its disk or clock went wrong.
    Fault,
    /// It refused what a till asked.
    Refused,
    /// A checker did not hold here.
    Violation,
}

/// A stretch of time in which something was the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The beginning.
    pub from_ms: u64,
    /// The end; the same as the beginning for what takes no time.
    pub to_ms: u64,
    /// What was the case.
    pub kind: SpanKind,
    /// For which hosts; empty for the whole network.
    pub hosts: Vec<u32>,
    /// For which carrier or LAN; none for all of them.
    pub carrier: Option<String>,
    /// In words.
    pub text: String,
}

/// What was the case for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpanKind {
    /// The host did not run.
    HostDown,
    /// The host stood still.
    HostPaused,
    /// The interface was gone.
    CarrierDown,
    /// The carrier looked up and nothing passed.
    CarrierSilent,
    /// Nothing passed from the host; to it, everything.
    UplinkSilent,
    /// Nothing passed to the internet: a captive portal.
    Captive,
    /// Nothing passed between the hosts.
    Partition,
    /// Nothing passed from the first host to the second.
    OneWay,
    /// A LAN was down.
    LanDown,
    /// The network changed, in no time: an address, a mapping, a route, a rate.
    Changed,
}

/// Sums over time; the last known in each bin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Goods there, in thousandths of a piece; below 0 is oversold.
    pub stock: Bins,
    /// Promise rights that hosts hold, in thousandths of a piece.
    pub rights: Bins,
    /// Money of all sales that were acknowledged, in minor units.
    pub money: Bins,
    /// Money of the sales that the control's books hold, in minor units.
    pub money_at_control: Bins,
}

/// How minor units are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Currency {
    /// ISO 4217's code.
    pub code: String,
    /// Digits of a minor unit: 2 for cents.
    pub digits: u8,
}

/// A checker that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Violation {
    /// When it was found.
    pub at_ms: u64,
    /// Where, if it was at one host.
    pub host: Option<u32>,
    /// The checker's name.
    pub checker: String,
    /// What it found.
    pub text: String,
}

/// What the limits left out of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Omitted {
    /// Hosts without a lane.
    pub hosts: u64,
    /// Carriers and LANs of the hosts with one.
    pub carriers: u64,
    /// Events.
    pub events: u64,
    /// Spans.
    pub spans: u64,
    /// Marks.
    pub marks: u64,
}
