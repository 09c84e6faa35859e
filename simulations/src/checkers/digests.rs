//! Hosts that hold the same events state the same digests; at the end the control's books are also
//! those of the reference, which folds a second time and shares no code.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use engine::books;
use engine::hash::Hash;
use engine::ids::Epoch;
use engine::keys;
use engine::projections::Projection;
use engine::replica::rebuild::is_whole;
use engine::replica::{Replica, arrivals};
use engine::store::memory::MemoryStore;
use engine::store::{Read, ReadError};

use super::disks::{self, Rot, Stamps};
use super::limits::{DIGESTS_A_LOOK, PLACES_MAX, REFERENCE_FACTS_MAX};
use super::{Checker, Moment, Violation};
use crate::histories::books::agree;
use crate::histories::held;
use crate::protocol::tenant::Tenant;
use crate::reference;
use crate::scenario::Plan;
use crate::world::World;

/// Projections with their digests.
type Stated = Vec<(Projection, Vec<u8>)>;

/// See the module.
pub struct Digests {
    rot: Rot,
    stamps: Stamps,
    /// What was stated at a place, and by whom.
    held: BTreeMap<Hash, (usize, Stated)>,
    /// The places in the order in which they were first stated.
    order: VecDeque<Hash>,
    /// Whose turn it is.
    next: usize,
    equal: i64,
    referred: i64,
}

impl Digests {
    /// For the runs of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self {
            rot: Rot::of(plan),
            stamps: Stamps::default(),
            held: BTreeMap::new(),
            order: VecDeque::new(),
            next: 0,
            equal: 0,
            referred: 0,
        }
    }

    /// Compares what hosts state with all that was stated at the same place: of so many that have
    /// changed, in turn.
    fn compare(&mut self, world: &World, most: usize) -> Result<Option<String>, ReadError> {
        let (hosts, first) = (world.hosts(), self.next);
        let mut left = most;
        for host in (0..hosts).map(|turn| (first + turn) % hosts) {
            if left == 0 {
                break;
            }
            self.next = (host + 1) % hosts;
            if world.device(host).is_none() || self.rot.has(world, host) {
                continue;
            }
            let Some((now, _)) = self.stamps.changed(world, host) else { continue };
            left -= 1;
            for (place, said) in stated(now.disk().as_ref())? {
                if let Some(off) = self.take(host, place, said) {
                    return Ok(Some(off));
                }
            }
        }
        Ok(None)
    }

    fn take(&mut self, host: usize, place: Hash, said: Stated) -> Option<String> {
        let Some((by, held)) = self.held.get(&place) else {
            self.held.insert(place, (host, said));
            self.order.push_back(place);
            if self.order.len() > PLACES_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.held.remove(&oldest);
            }
            return None;
        };
        self.equal += i64::from(*by != host);
        let differ = |(name, digest): &&(Projection, Vec<u8>)| {
            held.iter().any(|(other, theirs)| other == name && theirs != digest)
        };
        let (projection, _) = said.iter().find(differ)?;
        Some(format!(
            "hosts {by} and {host} hold the same events and have other books of {}",
            projection.name()
        ))
    }

    /// Compares the control's books with the reference.
    fn refer(&mut self, world: &World) -> anyhow::Result<Option<String>> {
        let disk = world.store(0);
        let events = arrivals::feed(disk.as_ref())?.map_or(0, |feed| feed.last);
        if usize::try_from(events).is_ok_and(|events| events > REFERENCE_FACTS_MAX)
            || self.rot.has(world, 0)
        {
            return Ok(None);
        }
        let tenant = Tenant::default();
        let controls = BTreeSet::from([tenant.control().device()]);
        let facts = held::facts(disk.as_ref(), std::iter::empty())?;
        let books = reference::fold(disks::scope(), &controls, &facts);
        // A replica of its own on a copy, so that nothing of the run is touched.
        let copy = Arc::new(MemoryStore::from_image(&disk.image()));
        let replica = Replica::open(tenant.control(), tenant.id(), Epoch(u64::MAX), copy)?;
        match agree(&replica, disks::scope(), &books) {
            Ok(compared) => {
                self.referred = i64::try_from(compared).unwrap_or(i64::MAX);
                Ok(None)
            }
            Err(off) => Ok(Some(format!("the control and the reference: {off:#}"))),
        }
    }
}

/// The digests of a disk, by the place that they hold at: the logs that projections read.
fn stated(disk: &dyn Read) -> Result<BTreeMap<Hash, Stated>, ReadError> {
    let vector = books::vector(disk)?;
    let scope = disks::scope();
    let mut places: BTreeMap<Vec<bool>, Hash> = BTreeMap::new();
    let mut out: BTreeMap<Hash, Stated> = BTreeMap::new();
    for projection in Projection::ALL {
        if !is_whole(disk, projection)? {
            continue;
        }
        let reads: Vec<bool> = vector.0.keys().map(|log| projection.reads(scope, log)).collect();
        let hash = || vector.filtered(|log| projection.reads(scope, log)).hash();
        let place = *places.entry(reads).or_insert_with(hash);
        let digest = disk.get(&keys::digest(projection as u8, scope))?.unwrap_or_default();
        out.entry(place).or_default().push((projection, digest));
    }
    Ok(out)
}

impl Checker for Digests {
    fn name(&self) -> &'static str {
        "digests"
    }

    fn look(&mut self, world: &mut World, moment: Moment) -> anyhow::Result<Option<Violation>> {
        let end = moment == Moment::End;
        let most = if end { world.hosts() } else { DIGESTS_A_LOOK };
        let mut found = match moment {
            Moment::Tick | Moment::End => self.compare(world, most)?,
            _ => None,
        };
        if found.is_none() && end {
            found = self.refer(world)?;
        }
        Ok(found.map(|text| Violation::new(self.name(), world, text)))
    }

    fn measure(&self, measures: &mut BTreeMap<&'static str, i64>) {
        measures.insert("digests-compared", self.equal);
        measures.insert("projections-referred", self.referred);
    }
}

#[cfg(test)]
mod tests {
    use engine::store::{Batch, Store};

    use super::super::testing::{self, s};
    use super::*;

    fn sold() -> (World, Digests) {
        let plan = testing::plan(2);
        let mut world = testing::world(&plan);
        world.ask(1, testing::wristbands(10));
        testing::sell(&mut world, 1, 3);
        world.run_until(s(10)).unwrap();
        (world, Digests::new(&plan))
    }

    fn plant(world: &World, key: Vec<u8>, value: Vec<u8>) {
        let mut batch = Batch::default();
        batch.put(key, value);
        world.store(0).write(&batch).unwrap();
    }

    #[test]
    fn hosts_that_hold_the_same_agree_with_each_other_and_the_reference() {
        let (mut world, mut checker) = sold();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::End), None);
        assert!(checker.equal >= 4, "{}", checker.equal);
        assert!(checker.referred >= 14, "{}", checker.referred);
    }

    #[test]
    fn another_digest_at_the_same_place_is_found() {
        let (mut world, mut checker) = sold();
        let key = keys::digest(Projection::Stock as u8, disks::scope());
        plant(&world, key, vec![7; 32]);
        let found = testing::look(&mut checker, &mut world, Moment::Tick).unwrap();
        assert!(found.contains("the same events and have other books of stock"), "{found}");
    }

    #[test]
    fn what_was_stated_earlier_is_compared_too() {
        let (mut world, mut checker) = sold();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        let key = keys::digest(Projection::Sales as u8, disks::scope());
        plant(&world, key, vec![7; 32]);
        world.deed(0, &crate::scenario::Deed::PowerCut { torn_permille: None });
        let found = testing::look(&mut checker, &mut world, Moment::Tick).unwrap();
        assert!(found.contains("other books of sales"), "{found}");
    }

    #[test]
    fn books_that_all_hosts_fold_wrong_are_found_by_the_reference() {
        let (mut world, mut checker) = sold();
        let (from, to) = engine::projections::sales::rows(disks::scope());
        let (key, _) = world.store(0).last(&from, &to).unwrap().unwrap();
        let day =
            engine::event::codec::encode(&engine::projections::sales::Sums::default()).unwrap();
        plant(&world, key, day);
        let found = testing::look(&mut checker, &mut world, Moment::End).unwrap();
        assert!(found.contains("the control and the reference: sales differ"), "{found}");
    }
}
