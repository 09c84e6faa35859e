//! Sets of hosts, as a file writes them: `3`, `"1..30"`, `"1..4,7"`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::net::limits::HOSTS_MAX;

/// Hosts by number: 0 is the control, 1 and on are stalls. The end of a range is one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostSet(BTreeSet<usize>);

/// What does not read as a [`HostSet`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} does not name hosts; write 3, \"1..30\" or \"1..4,7\", with numbers below {HOSTS_MAX}"
)]
pub struct BadHosts(String);

impl HostSet {
    /// One host.
    pub fn one(host: usize) -> Self {
        Self(BTreeSet::from([host]))
    }

    /// Whether the host is one of them.
    pub fn contains(&self, host: usize) -> bool {
        self.0.contains(&host)
    }

    /// The hosts, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().copied()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a host.
    pub fn insert(&mut self, host: usize) {
        self.0.insert(host);
    }
}

impl FromIterator<usize> for HostSet {
    fn from_iter<T: IntoIterator<Item = usize>>(hosts: T) -> Self {
        Self(hosts.into_iter().collect())
    }
}

impl FromStr for HostSet {
    type Err = BadHosts;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadHosts(text.chars().take(64).collect());
        let number = |part: &str| match part.trim().parse::<usize>() {
            Ok(host) if host < HOSTS_MAX => Ok(host),
            _ => Err(bad()),
        };
        let mut hosts = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once("..").unwrap_or((part, part));
            let range = number(first)?..=number(last)?;
            if range.is_empty() {
                return Err(bad());
            }
            hosts.extend(range);
        }
        Ok(Self(hosts))
    }
}

impl fmt::Display for HostSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hosts = self.iter().peekable();
        let mut comma = "";
        while let Some(first) = hosts.next() {
            let mut last = first;
            while let Some(next) = hosts.next_if_eq(&(last + 1)) {
                last = next;
            }
            write!(f, "{comma}{first}")?;
            if last > first {
                write!(f, "..{last}")?;
            }
            comma = ",";
        }
        Ok(())
    }
}

impl Serialize for HostSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.0.len(), self.0.first()) {
            (1, Some(host)) => serializer.serialize_u64(*host as u64),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for HostSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AsText)
    }
}

struct AsText;

impl Visitor<'_> for AsText {
    type Value = HostSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hosts, as in 3, \"1..30\" or \"1..4,7\"")
    }

    fn visit_i64<E: de::Error>(self, host: i64) -> Result<HostSet, E> {
        host.to_string().parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, host: u64) -> Result<HostSet, E> {
        host.to_string().parse().map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<HostSet, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&[usize]>) {
        let hosts = text.parse::<HostSet>().ok().map(|hosts| hosts.iter().collect::<Vec<_>>());
        assert_eq!(hosts.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn hosts_are_numbers_and_ranges() {
        check("3", Some(&[3]));
        check("1..3", Some(&[1, 2, 3]));
        check("7, 1..2", Some(&[1, 2, 7]));
        check("0", Some(&[0]));
        check("255", Some(&[255]));
    }

    #[test]
    fn what_names_no_hosts_is_refused_before_it_is_laid_out() {
        for text in ["", "a", "3..1", "1..4000000000", "256", "-1", "1..", "1,,2"] {
            check(text, None);
        }
    }

    #[test]
    fn a_set_prints_as_it_reads() {
        for text in ["3", "1..30", "1..4,7", "0,2,4..5"] {
            assert_eq!(text.parse::<HostSet>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_file_may_write_a_number_or_a_text() {
        let of = |json: &str| serde_json::from_str::<HostSet>(json);
        assert_eq!(of("4").unwrap(), HostSet::one(4));
        assert_eq!(of("\"1..2\"").unwrap(), HostSet::from_iter([1, 2]));
        assert_eq!(serde_json::to_string(&HostSet::one(4)).unwrap(), "4");
        assert_eq!(serde_json::to_string(&HostSet::from_iter([1, 2])).unwrap(), "\"1..2\"");
        assert!(of("-1").unwrap_err().to_string().contains("does not name hosts"));
    }
}
