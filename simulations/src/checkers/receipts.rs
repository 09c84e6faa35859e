//! A control signs receipts only for what its disk durably holds: what a stall has a receipt for is
//! on the control's disk, whenever the control's power goes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use engine::authority::{Receipt, SignedDocument};
use engine::event::codec;
use engine::ids::{DeviceId, EventId, LogId};
use engine::keys;
use engine::store::memory::MemoryStore;
use engine::store::{Read, ReadError, Row};

use super::disks::{self, Rot, Stamp, Stamps};
use super::{Checker, Moment, Violation};
use crate::scenario::Plan;
use crate::world::World;

/// See the module.
pub struct Receipts {
    rot: Rot,
    stamps: Stamps,
    control: Option<Stamp>,
    /// Disks that the control had before the scenario replaced them. What they held was durable
    /// when the receipt was signed.
    earlier: Vec<Arc<MemoryStore>>,
    /// Rows of receipts that were looked at, by stall.
    seen: BTreeMap<usize, BTreeMap<Vec<u8>, Vec<u8>>>,
    checked: i64,
}

impl Receipts {
    /// For the runs of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self {
            rot: Rot::of(plan),
            stamps: Stamps::default(),
            control: None,
            earlier: Vec::new(),
            seen: BTreeMap::new(),
            checked: 0,
        }
    }

    fn look_at(&mut self, world: &World) -> Result<Option<String>, ReadError> {
        let control = Stamp::of(world, 0);
        if let Some(before) = &self.control {
            if control.is_replaced(before) {
                self.earlier.push(before.disk().clone());
            }
            if control.is_replaced(before) || control.is_restarted(before) {
                // Its power was cut, or it was replaced: every receipt is looked at again.
                self.seen.clear();
                self.stamps = Stamps::default();
            }
        }
        self.control = Some(control.clone());
        for host in disks::sound(world, &self.rot).filter(|host| *host > 0) {
            let Some((now, _)) = self.stamps.changed(world, host) else { continue };
            let seen = self.seen.entry(host).or_default();
            for (key, row) in rows(now.disk().as_ref())? {
                if seen.get(&key) == Some(&row) {
                    continue;
                }
                let document: Option<SignedDocument> = codec::decode("a receipt", &row).ok();
                let receipt = document.and_then(|document| document.reopen::<Receipt>().ok());
                seen.insert(key, row);
                let Some(receipt) = receipt else {
                    return Ok(Some(format!("host {host} keeps a receipt that is garbled")));
                };
                self.checked += 1;
                if let Some(id) = uncovered(&receipt, control.disk(), &self.earlier)? {
                    let text = format!(
                        "host {host} has a receipt for {id}, which the control's disk does not hold"
                    );
                    return Ok(Some(text));
                }
            }
        }
        Ok(None)
    }
}

/// The first place of a receipt that no disk of the control holds.
fn uncovered(
    receipt: &Receipt,
    disk: &Arc<MemoryStore>,
    earlier: &[Arc<MemoryStore>],
) -> Result<Option<EventId>, ReadError> {
    let log = receipt.log.id();
    for leaf in &receipt.leaves {
        let id = EventId { log, epoch: leaf.epoch, seq: leaf.seq, hash: leaf.hash.short() };
        let mut held = false;
        for disk in std::iter::once(disk).chain(earlier) {
            held = held || disks::holds(disk.as_ref(), &id)?;
        }
        if !held {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn rows(disk: &dyn Read) -> Result<Vec<Row>, ReadError> {
    let first = keys::receipt(&LogId([0; 16]), &DeviceId([0; 32]));
    let (from, to) = keys::prefix(first[..1].to_vec());
    let mut out = Vec::new();
    disk.scan(&from, &to, &mut |key, row| {
        out.push((key.to_vec(), row.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

impl Checker for Receipts {
    fn name(&self) -> &'static str {
        "receipts"
    }

    fn look(&mut self, world: &mut World, moment: Moment) -> anyhow::Result<Option<Violation>> {
        if moment == Moment::Acknowledged || self.rot.has(world, 0) {
            return Ok(None);
        }
        let found = self.look_at(world)?;
        Ok(found.map(|text| Violation::new(self.name(), world, text)))
    }

    fn measure(&self, measures: &mut BTreeMap<&'static str, i64>) {
        measures.insert("receipts-checked", self.checked);
    }
}

#[cfg(test)]
mod tests {
    use engine::store::{Batch, Store};

    use super::super::testing::{self, s};
    use super::*;
    use crate::scenario::Deed;

    fn sold() -> (World, Receipts) {
        let plan = testing::plan(1);
        let mut world = testing::world(&plan);
        testing::sell(&mut world, 1, 3);
        world.run_until(s(5)).unwrap();
        (world, Receipts::new(&plan))
    }

    /// The control forgets the last sale.
    fn forget(world: &World) {
        let mut batch = Batch::default();
        batch.delete(keys::event(&world.tills.acknowledged[2].id));
        world.store(0).write(&batch).unwrap();
    }

    #[test]
    fn receipts_for_what_is_held_pass() {
        let (mut world, mut checker) = sold();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        assert!(checker.checked > 0);
    }

    #[test]
    fn a_receipt_for_what_the_control_lacks_is_found() {
        let (mut world, mut checker) = sold();
        forget(&world);
        let found = testing::look(&mut checker, &mut world, Moment::Tick).unwrap();
        assert!(found.contains("which the control's disk does not hold"), "{found}");
    }

    #[test]
    fn a_receipt_that_does_not_survive_a_power_cut_is_found() {
        let (mut world, mut checker) = sold();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        forget(&world);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None, "nothing is new");
        world.deed(0, &Deed::PowerCut { torn_permille: None });
        let found = testing::look(&mut checker, &mut world, Moment::Fault).unwrap();
        assert!(found.contains("which the control's disk does not hold"), "{found}");
    }

    #[test]
    fn a_control_whose_disk_was_wiped_did_not_lie() {
        let (mut world, mut checker) = sold();
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Tick), None);
        world.deed(0, &Deed::Wipe);
        assert_eq!(testing::look(&mut checker, &mut world, Moment::Fault), None);
    }
}
