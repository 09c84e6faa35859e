//! The address plan: who has which address.
//!
//! Public addresses are from 198.18.0.0/15, which RFC 2544 keeps for tests of networks; behind a
//! translator a host has one of 10.0.0.0/8, on a LAN one of 172.16.0.0/12. It knows no links.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The first public address.
const PUBLIC: u32 = 0xC612_0000;
/// How many there are.
const PUBLIC_COUNT: u32 = 1 << 17;
/// The second byte of the first LAN's addresses.
const LAN: u8 = 16;

/// An interface: a host, and the place of the interface among those of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    pub host: usize,
    pub slot: usize,
}

/// Public addresses and their owners.
#[derive(Debug, Default)]
pub struct Plan {
    given: u32,
    owners: BTreeMap<Ipv4Addr, Owner>,
}

impl Plan {
    /// A public address that nobody has, and that nobody had for as long as possible.
    pub fn lease(&mut self, owner: Owner) -> Ipv4Addr {
        // There are far more addresses than interfaces, so one is free.
        loop {
            self.given = (self.given + 1) % PUBLIC_COUNT;
            let address = Ipv4Addr::from(PUBLIC + self.given);
            let is_host = !matches!(address.octets()[3], 0 | 255);
            if is_host && !self.owners.contains_key(&address) {
                self.owners.insert(address, owner);
                return address;
            }
        }
    }

    /// Nobody has that address any more.
    pub fn release(&mut self, address: Ipv4Addr) {
        self.owners.remove(&address);
    }

    /// Who has a public address.
    pub fn owner(&self, address: Ipv4Addr) -> Option<Owner> {
        self.owners.get(&address).copied()
    }
}

/// The address of a host behind a translator. `turn` counts how often it has changed.
pub fn hidden(host: usize, carrier: usize, turn: u32) -> Ipv4Addr {
    let turn = u8::try_from(turn % 254).unwrap_or_default() + 1;
    Ipv4Addr::new(10, byte(carrier), byte(host), turn)
}

/// The address of a host on a LAN.
pub fn on_lan(lan: usize, host: usize) -> Ipv4Addr {
    Ipv4Addr::new(172, LAN + byte(lan), byte((host + 1) / 256), byte((host + 1) % 256))
}

/// The LAN and the host of an address on a LAN, whether there are such ones or not.
pub fn of_lan(address: Ipv4Addr) -> Option<(usize, usize)> {
    let [172, net, high, low] = address.octets() else { return None };
    let lan = net.checked_sub(LAN).filter(|lan| *lan < 16)?;
    let host = (usize::from(high) * 256 + usize::from(low)).checked_sub(1)?;
    Some((usize::from(lan), host))
}

/// Bounds in `limits.rs` keep all of these within a byte.
fn byte(of: usize) -> u8 {
    u8::try_from(of).expect("invariant: hosts, carriers and LANs are bounded by a topology's check")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::limits::{CARRIERS_MAX, HOSTS_MAX, LANS_MAX};

    #[test]
    fn every_host_of_every_lan_has_an_address_that_leads_back_to_it() {
        for lan in 0..LANS_MAX {
            for host in 0..HOSTS_MAX {
                assert_eq!(of_lan(on_lan(lan, host)), Some((lan, host)));
            }
        }
        for other in ["172.15.0.1", "172.32.0.1", "10.0.0.1", "172.16.0.0"] {
            assert_eq!(of_lan(other.parse().unwrap()), None, "{other}");
        }
    }

    #[test]
    fn public_addresses_are_never_shared_and_come_back_late() {
        let mut plan = Plan::default();
        let owner = |host| Owner { host, slot: 0 };
        let first = plan.lease(owner(0));
        let second = plan.lease(owner(1));
        assert_eq!((first, second), (Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(198, 18, 0, 2)));
        plan.release(second);
        assert_eq!(plan.owner(second), None);
        for turn in 0..200_000 {
            let address = plan.lease(owner(2));
            assert!(matches!(address.octets(), [198, 18 | 19, _, 1..=254]), "{address}");
            assert!(address != first && (address != second || turn > 100_000), "{address}");
            plan.release(address);
        }
        assert_eq!(plan.owner(first), Some(owner(0)));
    }

    #[test]
    fn hidden_addresses_change_with_each_turn() {
        assert_eq!(hidden(3, 2, 0), Ipv4Addr::new(10, 2, 3, 1));
        assert_ne!(hidden(3, 2, 0), hidden(3, 2, 1));
        assert_eq!(hidden(HOSTS_MAX - 1, CARRIERS_MAX - 1, 253), Ipv4Addr::new(10, 63, 255, 254));
    }
}
