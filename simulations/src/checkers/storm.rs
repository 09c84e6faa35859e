//! No retry storm: a host sends at most so many times the bytes that its peers lack, and a rate for
//! pings beside it.
//!
//! Each host has an allowance. What arrives on its disk, or is stated there, adds to it for each
//! peer that may lack it; so does time, up to a burst. What it sends is taken from it.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::ids::EventId;
use engine::keys;
use engine::store::{Read, ReadError};

use super::disks::Arrivals;
use super::limits::{BURST_BYTES, EVENT_EXTRA_BYTES, IDLE_RATE_BYTES, SENT_A_BYTE};
use super::{Checker, Moment, Violation};
use crate::scenario::{Machine, Plan};
use crate::world::World;

/// What a host may still send.
#[derive(Debug, Clone, Copy, Default)]
struct Allowance {
    peers: u64,
    /// For events; stays until it is used.
    events: u64,
    /// For time; no more than a burst.
    idle: u64,
    sent: u64,
    since: Duration,
    granted: u64,
}

impl Allowance {
    fn new(peers: u64) -> Self {
        let idle = peers * BURST_BYTES;
        Self { peers, idle, granted: idle, ..Self::default() }
    }

    /// Events of so many bytes have become durable on the host.
    fn add(&mut self, bytes: u64) {
        let more = self.peers * SENT_A_BYTE * bytes;
        self.events += more;
        self.granted += more;
    }

    /// Time has passed.
    fn pass(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.since);
        self.since = now;
        let ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let more = (self.peers * IDLE_RATE_BYTES).saturating_mul(ms) / 1_000;
        let idle = self.idle.saturating_add(more).min(self.peers * BURST_BYTES);
        self.granted += idle - self.idle.min(idle);
        self.idle = idle;
    }

    /// It has sent so much in all. Gives by how much that is too much.
    fn take(&mut self, sent: u64) -> u64 {
        let more = sent.saturating_sub(self.sent);
        self.sent = self.sent.max(sent);
        let idle = more.min(self.idle);
        self.idle -= idle;
        let events = (more - idle).min(self.events);
        self.events -= events;
        more - idle - events
    }
}

/// See the module.
pub struct Storm {
    hosts: Vec<Allowance>,
    arrivals: Arrivals,
    /// The largest part of what it was ever allowed that a host sent, in thousandths.
    most_permille: u64,
}

impl Storm {
    /// For the runs of a plan.
    pub fn new(plan: &Plan) -> Self {
        let hosts = (0..plan.machines.len()).map(|host| Allowance::new(peers(plan, host)));
        Self { hosts: hosts.collect(), arrivals: Arrivals::default(), most_permille: 0 }
    }

    fn look_at(
        &mut self,
        world: &World,
        host: usize,
        sent: u64,
    ) -> Result<Option<String>, ReadError> {
        let mut bytes = 0;
        if let Some(news) = self.arrivals.news(world, host)? {
            for id in &news.events {
                bytes += size(news.disk.as_ref(), id)?;
            }
        }
        let allowance = &mut self.hosts[host];
        allowance.add(bytes);
        allowance.pass(world.now());
        let over = allowance.take(sent);
        let permille = (u128::from(sent) * 1_000).checked_div(u128::from(allowance.granted));
        let permille = permille.and_then(|part| u64::try_from(part).ok()).unwrap_or(0);
        self.most_permille = self.most_permille.max(permille);
        if over == 0 {
            return Ok(None);
        }
        let (peers, granted) = (allowance.peers, allowance.granted);
        Ok(Some(format!(
            "host {host} sent {sent} bytes to {peers} peers, and {granted} are the most by now; it \
             is {over} over what it may send at once"
        )))
    }
}

/// What sending an event comes to.
fn size(disk: &dyn Read, id: &EventId) -> Result<u64, ReadError> {
    let row = disk.get(&keys::event(id))?;
    Ok(row.map_or(0, |row| row.len() as u64) + EVENT_EXTRA_BYTES)
}

/// With how many others a host may be in touch; a hostile one counts for all that it sends.
fn peers(plan: &Plan, host: usize) -> u64 {
    let dials = plan.dials.iter().filter(|(from, to)| *from == host || *to == host).count() as u64;
    let mut peers = dials;
    for (other, machine) in plan.machines.iter().enumerate() {
        match machine {
            Machine::Hostile { to, per_second, .. } if to.contains(host) => {
                peers += 1 + u64::from(*per_second);
            }
            Machine::Stall | Machine::CopyOf(_) if host == 0 => peers += 1,
            Machine::Control if other != host => peers += 1,
            _ => {}
        }
    }
    peers
}

impl Checker for Storm {
    fn name(&self) -> &'static str {
        "storm"
    }

    fn look(&mut self, world: &mut World, moment: Moment) -> anyhow::Result<Option<Violation>> {
        if !matches!(moment, Moment::Tick | Moment::Healed | Moment::End) {
            return Ok(None);
        }
        let mut sent = vec![0; world.hosts()];
        for interface in &world.state().network.stats().interfaces {
            sent[interface.host] += interface.up.offered_bytes;
        }
        let mut found = None;
        for (host, sent) in sent.into_iter().enumerate() {
            if found.is_none() && world.device(host).is_some() {
                found = self.look_at(world, host, sent)?;
            }
        }
        Ok(found.map(|text| Violation::new(self.name(), world, text)))
    }

    fn measure(&self, measures: &mut BTreeMap<&'static str, i64>) {
        let most = i64::try_from(self.most_permille).unwrap_or(i64::MAX);
        measures.insert("sent-permille-of-allowed", most);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::testing::{self, s};
    use super::*;
    use crate::world::executor::Owner;
    use crate::world::limits::SYNC_PORT;

    fn sold() -> (World, Storm) {
        let plan = testing::plan(2);
        let mut world = testing::world(&plan);
        testing::sell(&mut world, 1, 10);
        (world, Storm::new(&plan))
    }

    #[test]
    fn a_market_that_sells_sends_what_it_may() {
        let (mut world, mut checker) = sold();
        for _ in 0..60 {
            testing::sell(&mut world, 1, 1);
            assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        }
        assert!((1..800).contains(&checker.most_permille), "{}", checker.most_permille);
    }

    #[test]
    fn a_host_that_repeats_itself_is_found() {
        let (mut world, mut checker) = sold();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        let control = world.state().network.address_of(0, 1).unwrap();
        let to = SocketAddr::new(control, SYNC_PORT);
        let run = world.state().hosts[1].run;
        // 120 kB a second.
        for second in 0..20 {
            for _ in 0..100 {
                world.state().send(Owner { host: 1, run }, SYNC_PORT, to, &[0; 1200]);
            }
            world.run_until(s(11 + second)).unwrap();
            if let Some(found) = testing::look(&mut checker, &mut world, Moment::Tick) {
                assert!(found.contains("host 1 sent"), "{found}");
                return;
            }
        }
        panic!("nobody noticed");
    }

    #[test]
    fn time_allows_a_burst_and_no_more() {
        let mut allowance = Allowance::new(1);
        allowance.pass(s(100_000));
        assert_eq!(allowance.take(BURST_BYTES), 0);
        assert_eq!(allowance.take(BURST_BYTES + 1), 1);
        allowance.pass(s(100_001));
        assert_eq!(allowance.take(BURST_BYTES + 1 + IDLE_RATE_BYTES), 0);
    }

    #[test]
    fn what_is_missing_may_be_sent_some_times_however_late() {
        let mut allowance = Allowance::new(2);
        allowance.add(1_000);
        assert_eq!(allowance.take(2 * (BURST_BYTES + 1_000 * SENT_A_BYTE)), 0);
        assert_eq!(allowance.take(2 * (BURST_BYTES + 1_000 * SENT_A_BYTE) + 1), 1);
    }
}
