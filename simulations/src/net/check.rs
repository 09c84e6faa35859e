//! Finds what is impossible in a topology or a change, and names the place.
//!
//! It reads specifications and changes nothing.

use std::collections::BTreeSet;

use super::impossible::TopologyError;
use super::limits::{
    CARRIERS_MAX, DELAY_MS_MAX, HOSTS_MAX, LANS_MAX, MTU_MIN, NAME_BYTES_MAX, NAT_EXPIRES_S_MAX,
    PERMILLE_MAX, QUEUE_BYTES_MAX, RATE_KBIT_MAX,
};
use super::spec::{Change, HostNet, LinkSpec, Topology};

/// Says whether there is a trace of that name.
pub type HasTrace<'a> = &'a dyn Fn(&str) -> bool;

impl Topology {
    /// Finds the first thing in it that cannot be.
    pub fn check(&self, has_trace: HasTrace<'_>) -> Result<(), TopologyError> {
        at_most("hosts", self.hosts.len(), HOSTS_MAX)?;
        at_most("carriers", self.carriers.len(), CARRIERS_MAX)?;
        at_most("lans", self.lans.len(), LANS_MAX)?;
        if self.hosts.is_empty() {
            return Err(TopologyError::NoHosts);
        }
        for (name, carrier) in &self.carriers {
            named("carriers", name)?;
            carrier.up.check(&format!("carrier {name:?}, up"), has_trace)?;
            carrier.down.check(&format!("carrier {name:?}, down"), has_trace)?;
            let expires = carrier.nat.map_or(1, |nat| nat.expires_s);
            let at = format!("carrier {name:?}, nat");
            within(&at, "expires-s", expires.into(), 1, NAT_EXPIRES_S_MAX.into())?;
        }
        for (name, lan) in &self.lans {
            named("lans", name)?;
            if self.carriers.contains_key(name) {
                return Err(TopologyError::SameName(name.clone()));
            }
            lan.link.check(&format!("lan {name:?}, link"), has_trace)?;
        }
        (0..).zip(&self.hosts).try_for_each(|(host, net)| self.check_host(host, net))
    }

    /// Finds the first thing in a change of this topology that cannot be.
    pub fn check_change(
        &self,
        change: &Change,
        has_trace: HasTrace<'_>,
    ) -> Result<(), TopologyError> {
        let at = change.name();
        match change {
            Change::Cut { a, b } | Change::Heal { a, b } => self.check_pair(at, *a, *b),
            Change::CutOneWay { from, to } | Change::HealOneWay { from, to } => {
                self.check_pair(at, *from, *to)
            }
            Change::CarrierDown { host, carrier }
            | Change::CarrierUp { host, carrier }
            | Change::CarrierSilent { host, carrier, .. }
            | Change::Captive { host, carrier, .. }
            | Change::SilentUp { host, carrier, .. }
            | Change::Rebind { host, carrier }
            | Change::Readdress { host, carrier }
            | Change::Prefer { host, carrier } => self.check_interface(at, *host, carrier),
            Change::LanDown { lan, .. } => {
                known(at, "lan", lan, self.lans.contains_key(lan.as_str()))
            }
            Change::Respec { carrier, up, down } => {
                let there = self.carriers.contains_key(carrier.as_str());
                known(at, "carrier", carrier, there || self.is_implied(0, carrier))?;
                for (way, link) in [("up", up), ("down", down)] {
                    let Some(link) = link else { continue };
                    link.check(&format!("{at} of carrier {carrier:?}, {way}"), has_trace)?;
                }
                Ok(())
            }
            Change::HealAll => Ok(()),
        }
    }

    /// Whether it is the carrier that a control has without naming one.
    pub(super) fn is_implied(&self, host: usize, carrier: &str) -> bool {
        let unnamed = self.hosts.first().is_some_and(|net| net.carriers.is_empty());
        host == 0 && unnamed && carrier == INTERNET
    }

    fn check_host(&self, host: usize, net: &HostNet) -> Result<(), TopologyError> {
        if host > 0 && net.carriers.is_empty() && net.lans.is_empty() {
            return Err(TopologyError::Alone(host));
        }
        let at = format!("host {host}");
        let implied = [INTERNET.to_owned()];
        let unnamed = host == 0 && net.carriers.is_empty();
        for carrier in if unnamed { &implied } else { net.carriers.as_slice() } {
            let spec = self.carriers.get(carrier);
            known(&at, "carrier", carrier, unnamed || spec.is_some())?;
            if host == 0 && spec.is_some_and(|spec| spec.nat.is_some()) {
                return Err(TopologyError::HiddenControl(carrier.clone()));
            }
        }
        for lan in &net.lans {
            known(&at, "lan", lan, self.lans.contains_key(lan.as_str()))?;
        }
        for names in [&net.carriers, &net.lans] {
            let mut seen = BTreeSet::new();
            if let Some(name) = names.iter().find(|name| !seen.insert(*name)) {
                return Err(TopologyError::Twice { host, name: name.clone() });
            }
        }
        Ok(())
    }

    fn check_pair(&self, at: &str, a: usize, b: usize) -> Result<(), TopologyError> {
        self.check_there(at, a)?;
        self.check_there(at, b)?;
        if a == b {
            return Err(TopologyError::Itself { at: at.to_owned(), host: a });
        }
        Ok(())
    }

    fn check_there(&self, at: &str, host: usize) -> Result<(), TopologyError> {
        if host < self.hosts.len() {
            return Ok(());
        }
        let last = self.hosts.len().saturating_sub(1);
        Err(TopologyError::NoHost { at: at.to_owned(), host, last })
    }

    fn check_interface(&self, at: &str, host: usize, carrier: &str) -> Result<(), TopologyError> {
        self.check_there(at, host)?;
        let named = self.hosts[host].carriers.iter().any(|name| name == carrier);
        let at = format!("{at} of host {host}");
        known(&at, "carrier", carrier, named || self.is_implied(host, carrier))
    }
}

/// What the carrier of a control is called that names none.
pub const INTERNET: &str = "internet";

impl LinkSpec {
    /// Finds the first thing in it that cannot be; `at` says where it stands.
    pub fn check(&self, at: &str, has_trace: HasTrace<'_>) -> Result<(), TopologyError> {
        let burst = self.burst.map_or([0; 3], |burst| {
            [burst.enter_permille, burst.leave_permille, burst.lost_permille]
        });
        for (field, found) in [
            ("lost-permille", self.lost_permille),
            ("repeated-permille", self.repeated_permille),
            ("reordered-permille", self.reordered_permille),
            ("corrupted-permille", self.corrupted_permille),
            ("burst.enter-permille", burst[0]),
            ("burst.leave-permille", burst[1]),
            ("burst.lost-permille", burst[2]),
        ] {
            within(at, field, found.into(), 0, PERMILLE_MAX.into())?;
        }
        for (field, found) in [
            ("delay-ms", self.delay_ms),
            ("jitter-ms", self.jitter_ms),
            ("reorder-ms", self.reorder_ms),
        ] {
            within(at, field, found.into(), 0, DELAY_MS_MAX.into())?;
        }
        within(at, "queue-bytes", self.queue_bytes.into(), 0, QUEUE_BYTES_MAX.into())?;
        within(at, "mtu", self.mtu.into(), MTU_MIN.into(), u16::MAX.into())?;
        let rate = self.rate_kbit.unwrap_or(1);
        within(at, "rate-kbit", rate.into(), 1, RATE_KBIT_MAX.into())?;
        let Some(trace) = &self.trace else { return Ok(()) };
        if self.rate_kbit.is_some() {
            return Err(TopologyError::RateAndTrace { at: at.to_owned() });
        }
        known(at, "trace", trace, has_trace(trace))
    }
}

impl Change {
    /// What it is called in a scenario.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cut { .. } => "cut",
            Self::Heal { .. } => "heal",
            Self::CutOneWay { .. } => "cut-one-way",
            Self::HealOneWay { .. } => "heal-one-way",
            Self::CarrierDown { .. } => "carrier-down",
            Self::CarrierUp { .. } => "carrier-up",
            Self::CarrierSilent { .. } => "carrier-silent",
            Self::Captive { .. } => "captive",
            Self::SilentUp { .. } => "silent-up",
            Self::Rebind { .. } => "rebind",
            Self::Readdress { .. } => "readdress",
            Self::Prefer { .. } => "prefer",
            Self::LanDown { .. } => "lan-down",
            Self::Respec { .. } => "respec",
            Self::HealAll => "heal-all",
        }
    }
}

fn at_most(what: &'static str, found: usize, max: usize) -> Result<(), TopologyError> {
    if found > max { Err(TopologyError::TooMany { what, found, max }) } else { Ok(()) }
}

fn named(what: &'static str, name: &str) -> Result<(), TopologyError> {
    let found = name.len();
    let fits = (1..=NAME_BYTES_MAX).contains(&found);
    if fits { Ok(()) } else { Err(TopologyError::Name { what, found }) }
}

fn known(at: &str, kind: &'static str, name: &str, there: bool) -> Result<(), TopologyError> {
    if there {
        return Ok(());
    }
    let name = name.chars().take(NAME_BYTES_MAX).collect();
    Err(TopologyError::Unknown { at: at.to_owned(), kind, name })
}

fn within(
    at: &str,
    field: &'static str,
    found: u64,
    min: u64,
    max: u64,
) -> Result<(), TopologyError> {
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(TopologyError::Bound { at: at.to_owned(), field, found, min, max })
}
