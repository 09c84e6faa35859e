//! What a plan's items are called, so that some can be left out and the rest stays where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::limits::NAME_BYTES_MAX;
use crate::net::limits::HOSTS_MAX;

/// The name of something that happens in a plan; the same whatever else is left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// The opening stock of a host: `stock-3`.
    Stock(usize),
    /// The sale of a host with this number, from 1: `sale-3-17`.
    Sale(usize, u32),
    /// The refund of that sale: `refund-3-17`.
    Refund(usize, u32),
    /// A fault with all that it comes to: its name, or `fault-4` for the fifth of a file that
    /// names none, or `swarm-2` for the third that a seed drew.
    Fault(String),
}

/// What is not the name of an item.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} names nothing that can happen; write stock-3, sale-3-17, sale-3-1..40, refund-3-17, \
     or the name of a fault: 1 to {NAME_BYTES_MAX} of a-z, 0-9 and -"
)]
pub struct BadId(String);

/// Whether a person may call something so: a scenario, a fault, a promised item.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}

/// Whether a fault may be called so: its name must not read as that of a sale.
pub fn is_fault_name(name: &str) -> bool {
    let others = ["stock-", "sale-", "refund-"];
    is_name(name) && !others.iter().any(|other| name.starts_with(other))
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stock(host) => write!(f, "stock-{host}"),
            Self::Sale(host, number) => write!(f, "sale-{host}-{number}"),
            Self::Refund(host, number) => write!(f, "refund-{host}-{number}"),
            Self::Fault(name) => f.write_str(name),
        }
    }
}

impl FromStr for Id {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, last) = parse(text)?;
        let is_one = match id {
            Self::Sale(_, first) | Self::Refund(_, first) => first == last,
            _ => true,
        };
        if is_one { Ok(id) } else { Err(bad(text)) }
    }
}

fn bad(text: &str) -> BadId {
    BadId(text.chars().take(NAME_BYTES_MAX).collect())
}

/// The first id of a range, and the number of the last.
fn parse(text: &str) -> Result<(Id, u32), BadId> {
    let host = |text: &str| match text.parse::<usize>() {
        Ok(host) if host < HOSTS_MAX => Ok(host),
        _ => Err(bad(text)),
    };
    if let Some(rest) = text.strip_prefix("stock-") {
        return Ok((Id::Stock(host(rest).map_err(|_| bad(text))?), 0));
    }
    for (prefix, make) in
        [("sale-", Id::Sale as fn(usize, u32) -> Id), ("refund-", Id::Refund as _)]
    {
        let Some(rest) = text.strip_prefix(prefix) else { continue };
        let (stall, range) = rest.split_once('-').ok_or_else(|| bad(text))?;
        let (first, last) = range.split_once("..").unwrap_or((range, range));
        let first: u32 = first.parse().map_err(|_| bad(text))?;
        let last: u32 = last.parse().map_err(|_| bad(text))?;
        if first > last {
            return Err(bad(text));
        }
        return Ok((make(host(stall).map_err(|_| bad(text))?, first), last));
    }
    if is_fault_name(text) { Ok((Id::Fault(text.to_owned()), 0)) } else { Err(bad(text)) }
}

/// Ranges of numbers by host; neighbours are one range.
type Ranges = BTreeMap<usize, BTreeMap<u32, u32>>;

/// Names of items, with ranges of sales: what a scenario leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct IdSet {
    stocks: BTreeSet<usize>,
    sales: Ranges,
    refunds: Ranges,
    faults: BTreeSet<String>,
}

impl IdSet {
    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.stocks.is_empty()
            && self.sales.is_empty()
            && self.refunds.is_empty()
            && self.faults.is_empty()
    }

    /// Whether this is named.
    pub fn contains(&self, id: &Id) -> bool {
        let within = |ranges: &Ranges, host: &usize, number: &u32| {
            let before = ranges.get(host).and_then(|of_host| of_host.range(..=number).next_back());
            before.is_some_and(|(_, last)| number <= last)
        };
        match id {
            Id::Stock(host) => self.stocks.contains(host),
            Id::Sale(host, number) => within(&self.sales, host, number),
            Id::Refund(host, number) => within(&self.refunds, host, number),
            Id::Fault(name) => self.faults.contains(name),
        }
    }

    /// Names one more.
    pub fn insert(&mut self, id: Id) {
        let last = match id {
            Id::Sale(_, number) | Id::Refund(_, number) => number,
            Id::Stock(_) | Id::Fault(_) => 0,
        };
        self.insert_range(id, last);
    }

    /// The names of faults.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        self.faults.iter().map(String::as_str)
    }

    /// Names a fault no more.
    pub fn remove_fault(&mut self, name: &str) {
        self.faults.remove(name);
    }

    fn insert_range(&mut self, first: Id, last: u32) {
        let (ranges, host, first) = match first {
            Id::Stock(host) => {
                self.stocks.insert(host);
                return;
            }
            Id::Fault(name) => {
                self.faults.insert(name);
                return;
            }
            Id::Sale(host, number) => (&mut self.sales, host, number),
            Id::Refund(host, number) => (&mut self.refunds, host, number),
        };
        let of_host = ranges.entry(host).or_default();
        let (mut from, mut to) = (first, last);
        // What touches the new range becomes one with it.
        while let Some((&start, &end)) = of_host.range(..=to.saturating_add(1)).next_back() {
            if end.saturating_add(1) < from {
                break;
            }
            of_host.remove(&start);
            (from, to) = (from.min(start), to.max(end));
        }
        of_host.insert(from, to);
    }
}

impl FromIterator<Id> for IdSet {
    fn from_iter<T: IntoIterator<Item = Id>>(ids: T) -> Self {
        let mut set = Self::default();
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}

impl TryFrom<Vec<String>> for IdSet {
    type Error = BadId;

    fn try_from(names: Vec<String>) -> Result<Self, Self::Error> {
        let mut set = Self::default();
        for name in names {
            let (first, last) = parse(&name)?;
            set.insert_range(first, last);
        }
        Ok(set)
    }
}

impl From<IdSet> for Vec<String> {
    fn from(set: IdSet) -> Self {
        let ranges = |prefix: &'static str, ranges: Ranges| {
            ranges.into_iter().flat_map(move |(host, of_host)| {
                of_host.into_iter().map(move |(first, last)| match first == last {
                    true => format!("{prefix}-{host}-{first}"),
                    false => format!("{prefix}-{host}-{first}..{last}"),
                })
            })
        };
        let stocks = set.stocks.into_iter().map(|host| Id::Stock(host).to_string());
        let sales = ranges("sale", set.sales).chain(ranges("refund", set.refunds));
        stocks.chain(sales).chain(set.faults).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(names: &[&str], expected: &[&str]) {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(Vec::from(IdSet::try_from(names).unwrap()), expected);
    }

    #[test]
    fn neighbouring_sales_become_ranges() {
        check(&["sale-3-2", "sale-3-1", "sale-3-4"], &["sale-3-1..2", "sale-3-4"]);
        check(&["sale-3-1..9", "sale-3-4", "sale-3-8..20"], &["sale-3-1..20"]);
        check(&["sale-3-5", "sale-4-6"], &["sale-3-5", "sale-4-6"]);
        check(&["sale-1-1", "sale-1-3", "sale-1-2"], &["sale-1-1..3"]);
    }

    #[test]
    fn every_kind_of_item_has_a_name() {
        check(
            &["swarm-2", "refund-1-7", "the-cut", "stock-4"],
            &["stock-4", "refund-1-7", "swarm-2", "the-cut"],
        );
    }

    #[test]
    fn what_names_no_item_is_refused() {
        for name in ["", "Sale", "sale-3", "sale-x-1", "sale-3-9..1", "stock-", "stock-300", "a b"]
        {
            let refused = IdSet::try_from(vec![name.to_owned()]).unwrap_err();
            assert!(refused.to_string().contains("write stock-3"), "{refused}");
        }
        assert!("sale-3-1..4".parse::<Id>().is_err());
    }

    proptest! {
        #[test]
        fn a_set_holds_what_was_put_in_and_nothing_else(
            numbers in proptest::collection::btree_set((1_usize..3, 0_u32..40), 0..40),
        ) {
            let set: IdSet = numbers.iter().map(|(host, n)| Id::Sale(*host, *n)).collect();
            let again = IdSet::try_from(Vec::from(set.clone())).unwrap();
            prop_assert_eq!(&again, &set);
            for host in 1..3 {
                for n in 0..41 {
                    let expected = numbers.contains(&(host, n));
                    prop_assert_eq!(set.contains(&Id::Sale(host, n)), expected);
                }
            }
        }
    }
}
