//! What hosts hold, as their disks say; read again only after something became durable.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use engine::books;
use engine::ids::{DeviceId, Lane, Log, Scope};
use engine::keys;
use engine::log::vector::VersionVector;
use engine::projections::Projection;
use engine::projections::rights::rows;
use engine::store::{Read, ReadError};

use crate::world::World;

/// Vectors of all hosts, without telemetry: stalls do not hold that of others.
#[derive(Debug, Default)]
pub struct Vectors(BTreeMap<usize, (u64, VersionVector)>);

/// How far a host is behind, in events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Behind {
    /// Its own that no other host holds.
    pub backlog: u64,
    /// Those that the control holds and it lacks.
    pub lag: u64,
}

impl Vectors {
    /// What a host holds now.
    pub fn of(&mut self, world: &World, host: usize) -> Result<&VersionVector, ReadError> {
        let commits = world.commits(host);
        if self.0.get(&host).is_none_or(|(seen, _)| *seen != commits) {
            let vector = books::vector(world.store(host).as_ref())?;
            let vector = vector.filtered(|log| log.lane != Lane::Telemetry);
            self.0.insert(host, (commits, vector));
        }
        Ok(&self.0[&host].1)
    }

    /// How far every host is behind.
    pub fn behind(&mut self, world: &World) -> Result<Vec<Behind>, ReadError> {
        let hosts = world.hosts();
        (0..hosts).try_for_each(|host| self.of(world, host).map(|_| ()))?;
        let vector = |host: usize| &self.0[&host].1;
        // For each ledger how far the two hosts that hold the most of it are.
        let mut most: BTreeMap<&Log, (u64, u64)> = BTreeMap::new();
        for host in 0..hosts {
            for log in vector(host).0.keys().filter(|log| log.lane == Lane::Ledger) {
                let (first, second) = most.entry(log).or_default();
                let height = height(vector(host), log);
                *second = (*second).max(height.min(*first));
                *first = (*first).max(height);
            }
        }
        let behind = |host: usize| {
            let device = world.device(host);
            let own = most.iter().filter(|(log, _)| Some(log.device) == device);
            let alone = |(log, (_, second)): (&&Log, &(u64, u64))| {
                height(vector(host), log).saturating_sub(*second)
            };
            let control = vector(0);
            let lacks = |log: &Log| height(control, log).saturating_sub(height(vector(host), log));
            Behind {
                backlog: own.map(alone).sum(),
                lag: if device.is_some() { control.0.keys().map(lacks).sum() } else { 0 },
            }
        };
        Ok((0..hosts).map(behind).collect())
    }
}

fn height(vector: &VersionVector, log: &Log) -> u64 {
    vector.leaves(log).iter().map(|leaf| leaf.seq).max().unwrap_or(0)
}

/// Every digest on a disk, by scope and projection.
pub fn digests(store: &dyn Read) -> Result<BTreeMap<(Scope, &'static str), Vec<u8>>, ReadError> {
    let mut out = BTreeMap::new();
    for scope in books::scopes(store)? {
        for projection in Projection::ALL {
            let row = store.get(&keys::digest(projection as u8, scope))?;
            out.insert((scope, projection.name()), row.unwrap_or_default());
        }
    }
    Ok(out)
}

/// How many places a disk knows at which branches of a log part.
pub fn forks(store: &dyn Read) -> Result<u64, ReadError> {
    let (from, to) = keys::forks();
    let mut count = 0;
    store.scan(&from, &to, &mut |_, _| {
        count += 1;
        ControlFlow::Continue(())
    })?;
    Ok(count)
}

/// The grants that a device accepted, in thousandths over all items.
pub fn accepted(store: &dyn Read, scope: Scope, device: &DeviceId) -> Result<i128, ReadError> {
    let mut sum = 0;
    let (from, to) = rows::accounts(scope, None);
    store.scan(&from, &to, &mut |key, value| {
        if let Some((_, holder, account)) = rows::read_account(key, value)
            && holder == *device
        {
            sum += account.accepted;
        }
        ControlFlow::Continue(())
    })?;
    Ok(sum)
}
