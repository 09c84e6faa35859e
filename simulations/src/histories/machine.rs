//! One machine of a history: a replica, its disk, and the batches on the way there.

use std::collections::VecDeque;
use std::sync::Arc;

use engine::ids::{DeviceId, Epoch, EventId, Lane, Scope, TenantId, Tip};
use engine::keys;
use engine::log::segment::{self, Codec};
use engine::log::vector::VersionVector;
use engine::replica::Replica;
use engine::replica::admit::Admitted;
use engine::sign::Keypair;
use engine::store::memory::MemoryStore;
use engine::store::{Batch, Store};

use super::held;
use crate::reference::Fact;

/// A machine.
pub struct Machine {
    /// What the story calls it.
    pub name: String,
    /// Its key.
    pub key: Keypair,
    /// The tenant.
    pub tenant: TenantId,
    /// Its disk.
    pub disk: Arc<MemoryStore>,
    /// Its replica.
    pub replica: Replica,
    /// Batches on their way, oldest first, with the facts in them that this machine appended.
    pub queue: VecDeque<(Batch, Vec<EventId>)>,
    /// Facts appended since the last close.
    pub open: Vec<EventId>,
}

impl Machine {
    /// Starts a machine on a disk.
    pub fn start(
        name: String,
        key: Keypair,
        tenant: TenantId,
        epoch: Epoch,
        disk: Arc<MemoryStore>,
    ) -> anyhow::Result<Self> {
        let store: Arc<dyn Store> = Arc::clone(&disk) as Arc<dyn Store>;
        let replica = Replica::open(key.clone(), tenant, epoch, store)?;
        let (queue, open) = (VecDeque::new(), Vec::new());
        Ok(Self { name, key, tenant, disk, replica, queue, open })
    }

    /// Its device.
    pub fn device(&self) -> DeviceId {
        self.key.device()
    }

    /// Starts anew from what the disk holds.
    pub fn restart(&mut self, epoch: Epoch) -> anyhow::Result<()> {
        let (name, key) = (self.name.clone(), self.key.clone());
        *self = Self::start(name, key, self.tenant, epoch, Arc::clone(&self.disk))?;
        Ok(())
    }

    /// Another machine on a copy of the disk.
    pub fn copy(&self, name: String, epoch: Epoch) -> anyhow::Result<Self> {
        let disk = Arc::new(MemoryStore::from_image(&self.disk.image()));
        Self::start(name, self.key.clone(), self.tenant, epoch, disk)
    }

    /// Puts everything since the last close on its way to the disk.
    pub fn close(&mut self) -> anyhow::Result<()> {
        let batch = self.replica.close()?;
        self.queue.push_back((batch, std::mem::take(&mut self.open)));
        Ok(())
    }

    /// Writes the oldest batch and lets the replica know. Returns the facts that stand now.
    pub fn write(&mut self) -> anyhow::Result<Vec<EventId>> {
        let Some((batch, facts)) = self.queue.pop_front() else { return Ok(Vec::new()) };
        self.disk.write(&batch)?;
        self.replica.committed();
        Ok(facts)
    }

    /// Closes, and writes everything.
    pub fn commit(&mut self) -> anyhow::Result<Vec<EventId>> {
        self.close()?;
        let mut out = Vec::new();
        while !self.queue.is_empty() {
            out.extend(self.write()?);
        }
        Ok(out)
    }

    /// Cuts the power; the first `kept` batches on their way reached the disk.
    pub fn crash(&mut self, kept: usize, epoch: Epoch) -> anyhow::Result<()> {
        for _ in 0..kept.min(self.queue.len()) {
            if let Some((batch, _)) = self.queue.pop_front() {
                self.disk.write(&batch)?;
            }
        }
        self.restart(epoch)
    }

    /// Everything that it holds, what is on its way to the disk included. What is still open is
    /// not seen; close before.
    pub fn facts(&self) -> anyhow::Result<Vec<Fact>> {
        held::facts(self.disk.as_ref(), self.queue.iter().map(|(batch, _)| batch))
    }

    /// Where its own branch of a log ends.
    pub fn own_end(&self, scope: Scope, lane: Lane) -> anyhow::Result<Option<EventId>> {
        let id = self.replica.own_log(scope, lane).id();
        let row = self.replica.local(&keys::own(&id))?;
        let tip: Option<Tip> = row.and_then(|row| keys::read_tip(&row));
        Ok(tip.map(|tip| EventId {
            log: id,
            epoch: tip.epoch,
            seq: tip.seq,
            hash: tip.hash.short(),
        }))
    }

    /// The segments of all that it has committed and someone with `known` lacks.
    pub fn segments(&self, known: &VersionVector, codec: Codec) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut out = Vec::new();
        for log in self.replica.vector().0.keys() {
            for mut run in self.replica.missing(log, known.leaves(log))? {
                while run.after.seq < run.to.seq {
                    let (bytes, to) = self.replica.cut(log, &run, codec)?;
                    out.push(bytes);
                    run.after = to;
                }
            }
        }
        Ok(out)
    }

    /// Takes a segment.
    pub fn admit(&mut self, bytes: &[u8], wall_ms: u64) -> anyhow::Result<Admitted> {
        Ok(self.replica.admit(segment::unpack(bytes)?, wall_ms)?)
    }

    /// Takes one step of a rebuild.
    pub fn rebuild_step(&mut self) -> anyhow::Result<()> {
        Ok(self.replica.rebuild_step()?)
    }
}
