//! What strangers throw at hosts, and when: drawn from the seed, one stream for each of them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::customers::Later;
use crate::protocol::world::Draw;
use crate::scenario::{HostSet, Hostility, Machine, Plan};
use crate::world::World;
use crate::world::agenda::Agenda;

/// Tells their streams from those of others under the same seed.
const STREAM: u64 = 0x57_7261_6e67_6572;
/// The longest garbage: what fits a link.
const GARBAGE_BYTES_MAX: u64 = 1_400;
/// Far beyond what QUIC over any usual link has, and what UDP can still carry.
const LARGE_BYTES: usize = 60_000;

/// Those who throw now.
#[derive(Default)]
pub struct Strangers(BTreeMap<usize, Draw>);

impl Strangers {
    /// One begins.
    pub fn begin(&mut self, plan: &Plan, now: Duration, later: &mut Agenda<Later>, host: usize) {
        let draw = Draw::new(plan.seed, STREAM ^ host as u64);
        if self.0.insert(host, draw).is_none() {
            later.put(now, Later::Throw(host));
        }
    }

    /// One ends.
    pub fn end(&mut self, host: usize) {
        self.0.remove(&host);
    }

    /// Throws a datagram, and will throw another one. Gives whether it did.
    pub fn throw(
        &mut self,
        plan: &Plan,
        world: &mut World,
        later: &mut Agenda<Later>,
        host: usize,
    ) -> bool {
        let Machine::Hostile { to, sends, per_second } = &plan.machines[host] else { return false };
        let Some(draw) = self.0.get_mut(&host) else { return false };
        let bytes = match sends {
            Hostility::Garbage => garbage(draw),
            Hostility::Oversized => large(draw),
            Hostility::All if draw.below(8) == 0 => large(draw),
            Hostility::All => garbage(draw),
            // A daemon does that.
            Hostility::Unauthorized => return false,
        };
        if let Some(to) = target(to, draw) {
            world.throw(host, to, &bytes);
        }
        let every = Duration::from_secs(1) / (*per_second).max(1);
        later.put(world.now() + every, Later::Throw(host));
        true
    }
}

fn target(hosts: &HostSet, draw: &mut Draw) -> Option<usize> {
    let nth = usize::try_from(draw.below(hosts.len() as u64)).ok()?;
    hosts.iter().nth(nth)
}

fn garbage(draw: &mut Draw) -> Vec<u8> {
    let len = 1 + draw.below(GARBAGE_BYTES_MAX);
    let mut bytes: Vec<u8> = (0..len).map(|_| draw.below(256) as u8).collect();
    // Half of it looks like the first packet of a QUIC connection, version 1.
    if draw.below(2) == 0 && bytes.len() > 6 {
        bytes[0] |= 0xC0;
        bytes[1..5].copy_from_slice(&[0, 0, 0, 1]);
    }
    bytes
}

fn large(draw: &mut Draw) -> Vec<u8> {
    vec![draw.below(256) as u8; LARGE_BYTES]
}
