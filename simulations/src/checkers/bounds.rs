//! Memory and queues stay within their bounds: staged segments, sessions, windows, batches on their
//! way to the disk, datagrams and timers that wait.

use std::collections::BTreeMap;

use engine::ids::DeviceId;
use engine::limits::{SEGMENT_WIRE_BYTES_MAX, STAGED_SEGMENTS_MAX};
use transport::limits::{SESSIONS_MAX, WINDOW_BYTES};

use super::limits::{BATCHES_MAX, SESSIONS_A_PEER_MAX, WAITING_A_PAIR_MAX};
use super::{Checker, Moment, Violation};
use crate::world::World;
use crate::world::watched::Glance;

/// See the module.
#[derive(Default)]
pub struct Bounds {
    staged: usize,
    sessions: usize,
    in_flight: usize,
    waiting: usize,
}

impl Bounds {
    fn look_at(&mut self, glance: &Glance) -> Option<String> {
        let mut sessions: BTreeMap<DeviceId, usize> = BTreeMap::new();
        let mut in_flight = 0;
        for session in &glance.sessions {
            *sessions.entry(session.peer).or_default() += 1;
            in_flight = in_flight.max(session.in_flight);
        }
        let with_one = sessions.values().copied().max().unwrap_or(0);
        self.staged = self.staged.max(glance.staged);
        self.sessions = self.sessions.max(glance.sessions.len());
        self.in_flight = self.in_flight.max(in_flight);
        // The last segment that fits begins within the window.
        let window = WINDOW_BYTES + SEGMENT_WIRE_BYTES_MAX;
        let bounds = [
            ("segments are staged", glance.staged, STAGED_SEGMENTS_MAX),
            ("sessions are kept", glance.sessions.len(), SESSIONS_MAX),
            ("sessions are kept with one device", with_one, SESSIONS_A_PEER_MAX),
            ("bytes are in flight to one peer", in_flight, window),
        ];
        over(&bounds)
    }

    fn look_at_host(&mut self, world: &World, host: usize) -> Option<String> {
        let glance = world.glance(host)?;
        let pending = world.state().hosts[host].drive.pending();
        let batches = [("batches are on their way to the disk", pending, BATCHES_MAX)];
        let found = self.look_at(&glance).or_else(|| over(&batches));
        found.map(|text| format!("host {host}: {text}"))
    }
}

/// The first of what is there that is more than may be.
fn over(bounds: &[(&str, usize, usize)]) -> Option<String> {
    let (what, count, most) = bounds.iter().find(|(_, count, most)| count > most)?;
    Some(format!("{count} {what}, and {most} are the most"))
}

impl Checker for Bounds {
    fn name(&self) -> &'static str {
        "bounds"
    }

    fn look(&mut self, world: &mut World, moment: Moment) -> anyhow::Result<Option<Violation>> {
        if moment == Moment::Acknowledged {
            return Ok(None);
        }
        let waiting = world.state().agenda.len();
        self.waiting = self.waiting.max(waiting);
        let most = world.hosts() * world.hosts() * WAITING_A_PAIR_MAX;
        let mut found = over(&[("datagrams and timers wait", waiting, most)]);
        for host in 0..world.hosts() {
            found = found.or_else(|| self.look_at_host(world, host));
        }
        Ok(found.map(|text| Violation::new(self.name(), world, text)))
    }

    fn measure(&self, measures: &mut BTreeMap<&'static str, i64>) {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        measures.insert("staged-most", count(self.staged));
        measures.insert("sessions-most", count(self.sessions));
        measures.insert("in-flight-bytes-most", count(self.in_flight));
        measures.insert("waiting-most", count(self.waiting));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::{self, s};
    use super::*;
    use crate::world::executor::Owner;
    use crate::world::universe::Happening;
    use crate::world::watched::SessionGlance;

    fn session(peer: u8, in_flight: usize) -> SessionGlance {
        SessionGlance { peer: DeviceId([peer; 32]), is_open: true, in_flight }
    }

    #[track_caller]
    fn check(glance: Glance, expect: &str) {
        let found = Bounds::default().look_at(&glance).unwrap_or_default();
        assert!(found.contains(expect) && !(expect.is_empty() ^ found.is_empty()), "{found}");
    }

    #[test]
    fn what_is_within_its_bounds_passes() {
        let sessions = (0..9).map(|_| session(1, WINDOW_BYTES)).collect();
        check(Glance { staged: STAGED_SEGMENTS_MAX, sessions, ..Glance::default() }, "");
    }

    #[test]
    fn each_bound_that_is_passed_is_found() {
        let staged = STAGED_SEGMENTS_MAX + 1;
        check(Glance { staged, ..Glance::default() }, "257 segments are staged");
        let sessions = (0..10).map(|_| session(1, 0)).collect();
        check(Glance { sessions, ..Glance::default() }, "10 sessions are kept with one device");
        let sessions = vec![session(1, WINDOW_BYTES + SEGMENT_WIRE_BYTES_MAX + 1)];
        check(Glance { sessions, ..Glance::default() }, "bytes are in flight to one peer");
        let two_bytes = |at: usize| [(at % 256) as u8, (at / 256) as u8].repeat(16);
        let peer = |at: usize| DeviceId(two_bytes(at).try_into().unwrap());
        let sessions =
            (0..=SESSIONS_MAX).map(|at| SessionGlance { peer: peer(at), ..session(0, 0) });
        let sessions = sessions.collect();
        check(Glance { sessions, ..Glance::default() }, "2049 sessions are kept");
    }

    #[test]
    fn a_world_that_is_quiet_passes_and_one_in_which_too_much_waits_does_not() {
        let plan = testing::plan(1);
        let mut world = testing::world(&plan);
        testing::sell(&mut world, 1, 2);
        let mut checker = Bounds::default();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        for _ in 0..4 * WAITING_A_PAIR_MAX {
            let never = Happening::Synced(Owner { host: 0, run: 0 });
            world.state().agenda.put(s(1_000) + Duration::from_nanos(1), never);
        }
        let found = testing::look(&mut checker, &mut world, Moment::Tick).unwrap();
        assert!(found.contains("datagrams and timers wait"), "{found}");
    }
}
