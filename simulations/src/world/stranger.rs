//! Strangers: machines without a grant that send what they want.
//!
//! Two kinds. One throws datagrams at a host's port, garbage or too large, without a process behind
//! them; the other is a real daemon whose key nobody has granted anything.

use std::net::SocketAddr;

use engine::sign::Keypair;
use transport::quic::Expect;

use super::limits::SYNC_PORT;
use super::machine::Machine;
use super::stage::World;
use super::universe::Happening;
use crate::protocol::host::Setup;
use crate::scenario::{HostSet, Hostility};

/// The port that a stranger throws from.
const PORT: u16 = 6_666;

/// A daemon with a key of its own, the tenant's charter (which is no secret) and no grant; none for
/// strangers that only throw.
pub(super) fn machine(
    host: usize,
    stall: &Setup,
    sends: Hostility,
    to: &HostSet,
    expect: impl Fn(usize) -> Option<Expect>,
) -> Option<Machine> {
    if !matches!(sends, Hostility::Unauthorized | Hostility::All) {
        return None;
    }
    let mut seed = [0x66; 32];
    seed[..8].copy_from_slice(&(host as u64).to_le_bytes());
    let setup = Setup { key: Keypair::from_seed(&seed), grants: Vec::new(), ..stall.clone() };
    let dials = to.iter().filter_map(|to| Some((to, expect(to)?))).collect();
    Some(Machine { setup, seed, dials, running: None, is_stranger: true })
}

impl World {
    /// A datagram leaves `host` for the port of another, whatever runs there.
    pub fn throw(&mut self, host: usize, to: usize, bytes: &[u8]) {
        let mut state = self.universe.state();
        let Some(address) = state.network.address_of(to, host) else { return };
        let now = state.now;
        state.datagrams += 1;
        state.trace.sent(now, host, bytes.len());
        let to = SocketAddr::new(address, SYNC_PORT);
        for delivery in state.network.send(now, host, PORT, to, bytes) {
            state.agenda.put(delivery.at, Happening::Arrives(Box::new(delivery)));
        }
    }
}
