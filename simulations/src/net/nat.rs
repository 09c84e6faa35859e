//! A translator of addresses and ports between one host and the internet.
//!
//! One mapping per port of the host, whatever it speaks to (endpoint-independent mapping and
//! filtering, RFC 4787). What leaves keeps a mapping alive, what comes in does not. It draws
//! nothing: public ports are given out in turn, so a new mapping has another port than the last.

use std::collections::BTreeMap;

/// The first port that is given out; those below are reserved.
const PORT_MIN: u16 = 1024;
/// How many there are.
const PORTS: usize = 1 + (u16::MAX - PORT_MIN) as usize;
/// From so many mappings on, expired ones are looked for, once in a life of theirs.
const SWEPT_FROM: usize = 256;

/// The mappings of one host's interface. Times are nanoseconds since the run began.
#[derive(Debug)]
pub struct Nat {
    expires: u64,
    /// By the host's port: the public port, and when something left over it last.
    mappings: BTreeMap<u16, (u16, u64)>,
    /// By the public port: the host's.
    inner: BTreeMap<u16, u16>,
    next: u16,
    swept: u64,
}

impl Nat {
    /// Without mappings; those that will be are gone when nothing left for `expires` nanoseconds.
    pub fn new(expires: u64) -> Self {
        let (mappings, inner) = (BTreeMap::new(), BTreeMap::new());
        Self { expires, mappings, inner, next: PORT_MIN, swept: 0 }
    }

    /// The public port of something that leaves from `port`; none if all are taken.
    pub fn leave(&mut self, now: u64, port: u16) -> Option<u16> {
        let expires = self.expires;
        if let Some((public, used)) = self.mappings.get_mut(&port) {
            if now.saturating_sub(*used) <= expires {
                *used = now.max(*used);
                return Some(*public);
            }
            let public = *public;
            self.inner.remove(&public);
            self.mappings.remove(&port);
        }
        if self.mappings.len() >= SWEPT_FROM && now.saturating_sub(self.swept) > expires {
            self.swept = now;
            self.sweep(now);
        }
        let public = self.free_port()?;
        self.mappings.insert(port, (public, now));
        self.inner.insert(public, port);
        Some(public)
    }

    /// The host's port that something is for which comes to public `port`.
    pub fn enter(&self, now: u64, port: u16) -> Option<u16> {
        let inner = self.inner.get(&port)?;
        let (_, used) = self.mappings.get(inner)?;
        (now.saturating_sub(*used) <= self.expires).then_some(*inner)
    }

    /// Forgets all mappings. New ones have other ports.
    pub fn forget(&mut self) {
        self.mappings.clear();
        self.inner.clear();
    }

    fn sweep(&mut self, now: u64) {
        let expires = self.expires;
        self.mappings.retain(|_, (_, used)| now.saturating_sub(*used) <= expires);
        let mappings = &self.mappings;
        self.inner.retain(|_, inner| mappings.contains_key(inner));
    }

    fn free_port(&mut self) -> Option<u16> {
        if self.inner.len() >= PORTS {
            return None;
        }
        loop {
            let port = self.next;
            self.next = port.checked_add(1).unwrap_or(PORT_MIN);
            if !self.inner.contains_key(&port) {
                return Some(port);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_lives_while_something_leaves_and_for_its_life_after_that() {
        let mut nat = Nat::new(10);
        let public = nat.leave(0, 5000).unwrap();
        assert_eq!(nat.leave(10, 5000), Some(public));
        assert_eq!(nat.enter(20, public), Some(5000));
        assert_eq!(nat.enter(21, public), None);
        let next = nat.leave(21, 5000).unwrap();
        assert_ne!(next, public);
        assert_eq!((nat.enter(21, public), nat.enter(21, next)), (None, Some(5000)));
    }

    #[test]
    fn what_comes_in_keeps_nothing_alive() {
        let mut nat = Nat::new(10);
        let public = nat.leave(0, 5000).unwrap();
        assert_eq!(nat.enter(9, public), Some(5000));
        assert_eq!(nat.enter(11, public), None);
    }

    #[test]
    fn forgotten_mappings_come_back_with_other_ports() {
        let mut nat = Nat::new(10);
        let before = [nat.leave(0, 1).unwrap(), nat.leave(0, 2).unwrap()];
        nat.forget();
        assert_eq!(before.map(|port| nat.enter(0, port)), [None, None]);
        let after = [nat.leave(0, 1).unwrap(), nat.leave(0, 2).unwrap()];
        assert!(after.iter().all(|port| !before.contains(port)), "{before:?} {after:?}");
    }

    #[test]
    fn ports_run_out_and_expired_ones_are_used_again() {
        let mut nat = Nat::new(10);
        let ports = 64_512;
        for port in 0..ports {
            assert!(nat.leave(0, port).is_some(), "port {port}");
        }
        assert_eq!(nat.leave(5, ports), None);
        assert!(nat.leave(11, ports).is_some());
        assert_eq!(nat.mappings.len(), 1);
    }
}
