//! A scenario as its file has it: a venue, its customers, and what goes wrong.
//!
//! Data only. [`super::check`] says whether it is possible, [`super::plan`] what comes of it under
//! a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::fault::Fault;
use super::hosts::HostSet;
use super::ids::{Id, IdSet};
use crate::net::{CarrierSpec, LanSpec, LinkSpec};

/// A venue and an evening there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// What it is called: a-z, 0-9 and `-`.
    pub name: String,
    /// What it is about, in a sentence.
    pub about: String,
    /// How long customers and faults go on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub minutes: u32,
    /// On top of the minutes.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub seconds: Decimal,
    /// After that faults stop, and everything must have converged within this.
    #[serde(default = "settle_seconds")]
    pub settle_seconds: u32,
    /// The seed that it is meant for, in a file that was written to show a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Hosts 1 to this are stalls, of one merchant.
    pub stalls: usize,
    /// Stalls that stay at home: they keep their number, and nothing happens to them.
    #[serde(default, skip_serializing_if = "HostSet::is_empty")]
    pub absent: HostSet,
    /// Items of the plan that are left out, by name, as in `sale-3-1..40`.
    #[serde(default, skip_serializing_if = "IdSet::is_empty")]
    pub without: IdSet,
    /// Which stalls dial each other on the LANs that they share.
    #[serde(default, skip_serializing_if = "is_default")]
    pub peers: Peers,
    /// States that a sweep over many seeds must reach; see [`crate::record::marks`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// What the control is on; without it, on the internet over a perfect link.
    #[serde(default, skip_serializing_if = "is_default")]
    pub control: Control,
    /// What stalls reach the internet over, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub carriers: BTreeMap<String, CarrierSpec>,
    /// Local networks, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lans: BTreeMap<String, LanSpec>,
    /// Which stalls are on what; each stall is in one group.
    pub group: Vec<Group>,
    /// The customers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub workload: Workload,
    /// What goes wrong, and when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// What goes wrong besides, as each seed draws it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swarm: Option<Swarm>,
}

fn settle_seconds() -> u32 {
    600
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Which stalls dial each other on a LAN. Once two are connected, either may send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peers {
    /// None.
    None,
    /// Each dials the next one, and the last one the first.
    #[default]
    Ring,
    /// All dial the first one.
    Star,
    /// Each dials all after it.
    All,
}

/// What the control is on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Control {
    /// Carriers, the preferred one first; none of them may hide it behind a `nat`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub carriers: Vec<String>,
    /// LANs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lans: Vec<String>,
}

/// Stalls that are on the same carriers and LANs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Group {
    /// The stalls, as in `"1..30"`, the last one included; those in no other group if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalls: Option<HostSet>,
    /// Carriers, the preferred one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carriers: Vec<String>,
    /// LANs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lans: Vec<String>,
}

/// The customers, and what there is to buy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Workload {
    /// Seconds between two customers of a stall on average; 0 for no customers.
    pub mean_seconds: Decimal,
    /// Lines of a basket on average; a basket has one to twice as many less one.
    pub lines: u32,
    /// Items on the shelf: `item-1` and on, the popular ones first.
    pub skus: u32,
    /// How much more popular the first items are: 0 for not at all, 1 for the law of Zipf.
    pub zipf: Decimal,
    /// Sales of a thousand that are brought back within five minutes.
    pub refunds_permille: u16,
    /// Pieces of each item that each stall opens with.
    pub opening_stock: u32,
    /// Items of which no more may be sold than there are, over all stalls together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub promises: Vec<Promise>,
    /// Times of more, or fewer, customers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub surges: Vec<Surge>,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            mean_seconds: Decimal::whole(10),
            lines: 3,
            skus: 100,
            zipf: Decimal::whole(1),
            refunds_permille: 10,
            opening_stock: 1_000,
            promises: Vec::new(),
            surges: Vec::new(),
        }
    }
}

/// An item with promise rights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Promise {
    /// What it is called.
    pub sku: String,
    /// Pieces over all stalls.
    pub stock: u32,
    /// How they are shared out, stall by stall, in proportion; evenly if empty. Stalls behind the
    /// last one get nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<u32>,
    /// Customers of a thousand who want one.
    pub wanted_permille: u16,
}

/// A time of more, or fewer, customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Surge {
    /// When it begins.
    pub from_seconds: Decimal,
    /// When it is over.
    pub to_seconds: Decimal,
    /// How many times as many customers; 0 for a closed market.
    pub factor: Decimal,
}

/// Faults that a seed draws. It leaves each kind out with even odds, so that a run has some kinds
/// of faults in plenty and others not at all (swarm testing: A. Groce, C. Zhang, E. Eide, Y. Chen,
/// J. Regehr, "Swarm Testing", ISSTA 2012).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Swarm {
    /// The most faults in a run.
    pub most: u32,
    /// The shortest that one goes on.
    #[serde(default = "shortest_seconds")]
    pub shortest_seconds: Decimal,
    /// The longest that one goes on.
    #[serde(default = "longest_seconds")]
    pub longest_seconds: Decimal,
    /// The kinds, by the `what` of a fault.
    pub kinds: BTreeMap<String, Share>,
}

fn shortest_seconds() -> Decimal {
    Decimal::whole(2)
}

fn longest_seconds() -> Decimal {
    Decimal::whole(60)
}

/// How often a kind of fault is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Share {
    /// In proportion to this, among the kinds of a run.
    pub weight: u32,
    /// At most so many in a run.
    pub most: u32,
}

impl Scenario {
    /// How long customers and faults go on.
    pub fn length(&self) -> Duration {
        Duration::from_secs(u64::from(self.minutes) * 60).saturating_add(self.seconds.span())
    }

    /// How long everything has to converge after that.
    pub fn settle(&self) -> Duration {
        Duration::from_secs(u64::from(self.settle_seconds))
    }

    /// Whether a stall, or the control, is there at all.
    pub fn is_present(&self, host: usize) -> bool {
        !self.absent.contains(host)
    }

    /// The group of a stall.
    pub fn group_of(&self, stall: usize) -> Option<&Group> {
        let names = |group: &&Group| group.stalls.as_ref().is_some_and(|all| all.contains(stall));
        let named = self.group.iter().find(names);
        named.or_else(|| self.group.iter().find(|group| group.stalls.is_none()))
    }

    /// The carriers of a host, the preferred one first.
    pub fn carriers_of(&self, host: usize) -> &[String] {
        if host == 0 {
            return &self.control.carriers;
        }
        self.group_of(host).map_or(&[], |group| &group.carriers)
    }

    /// The LANs of a host.
    pub fn lans_of(&self, host: usize) -> &[String] {
        if host == 0 {
            return &self.control.lans;
        }
        self.group_of(host).map_or(&[], |group| &group.lans)
    }

    /// The same scenario with more items of its plan left out.
    #[must_use]
    pub fn leaving_out(&self, ids: impl IntoIterator<Item = Id>) -> Self {
        let mut fewer = self.clone();
        ids.into_iter().for_each(|id| fewer.without.insert(id));
        fewer
    }

    /// The same scenario with more stalls at home.
    #[must_use]
    pub fn sending_home(&self, stalls: impl IntoIterator<Item = usize>) -> Self {
        let mut fewer = self.clone();
        stalls.into_iter().for_each(|stall| fewer.absent.insert(stall));
        fewer
    }

    /// The same scenario with an earlier end: faults that would begin later are left out. What
    /// happens before is the same if no faults are drawn; see [`super::frozen`].
    #[must_use]
    pub fn shortened(&self, length: Duration) -> Self {
        let late = |fault: &Fault| fault.at.span() >= length;
        let faults = self.faults.iter().enumerate().filter(|(_, fault)| late(fault));
        let mut shorter =
            self.leaving_out(faults.map(|(place, fault)| Id::Fault(fault.name(place))));
        shorter.workload.surges.retain(|surge| surge.from_seconds.span() < length);
        let ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        shorter.minutes = u32::try_from(ms / 60_000).unwrap_or(u32::MAX);
        shorter.seconds = Decimal::thousandths(ms % 60_000);
        shorter
    }

    /// The same scenario without the faults that are left out anyway. The machines that the others
    /// bring along may get other numbers, and with them other luck.
    #[must_use]
    pub fn tidied(&self) -> Self {
        let mut tidy = self.clone();
        let named = self
            .faults
            .iter()
            .enumerate()
            .map(|(place, fault)| Fault { id: Some(fault.name(place)), ..fault.clone() });
        let is_out = |fault: &Fault| {
            fault.id.as_ref().is_some_and(|id| self.without.contains(&Id::Fault(id.clone())))
        };
        tidy.faults = named.filter(|fault| !is_out(fault)).collect();
        self.faults.iter().enumerate().for_each(|(place, fault)| {
            tidy.without.remove_fault(&fault.name(place));
        });
        tidy
    }

    /// The names of the Mahimahi traces that its links run on.
    pub fn traces(&self) -> BTreeSet<&str> {
        let carriers = self.carriers.values().flat_map(|carrier| [&carrier.up, &carrier.down]);
        let links = carriers.chain(self.lans.values().map(|lan| &lan.link));
        let changed = self.faults.iter().flat_map(Fault::links);
        links.chain(changed).filter_map(|link: &LinkSpec| link.trace.as_deref()).collect()
    }
}
