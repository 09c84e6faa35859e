//! What is on disks, read on from where the last look stopped. No daemon is asked.
//!
//! What can be read of a host's disk is durable: the simulated drive shows a batch only once it is
//! synced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engine::books;
use engine::event::Event;
use engine::event::codec;
use engine::ids::{DeviceId, EventId, LOG_BYTES, Lane, Log, LogId, MerchantId, Scope};
use engine::keys;
use engine::log::vector::VersionVector;
use engine::replica::arrivals;
use engine::replica::lanes::StoredEvent;
use engine::store::memory::MemoryStore;
use engine::store::{Read, ReadError};

use crate::scenario::{Deed, Happening, Plan};
use crate::world::World;

/// The scope of the one merchant that the stalls of a scenario belong to.
pub fn scope() -> Scope {
    Scope::Merchant(MerchantId::from_name("main"))
}

/// A disk at a moment: two that are the same hold the same.
#[derive(Clone)]
pub struct Stamp {
    disk: Arc<MemoryStore>,
    commits: u64,
    run: u64,
    up: bool,
}

impl Stamp {
    /// The disk of a host now.
    pub fn of(world: &World, host: usize) -> Self {
        let state = world.state();
        let body = &state.hosts[host];
        let drive = &body.drive;
        Self { disk: drive.store.clone(), commits: drive.committed, run: body.run, up: body.up }
    }

    /// Whether it is another disk: the scenario put one there.
    pub fn is_replaced(&self, before: &Self) -> bool {
        !Arc::ptr_eq(&self.disk, &before.disk)
    }

    /// Whether another process uses it, or the one that did is gone.
    pub fn is_restarted(&self, before: &Self) -> bool {
        (self.run, self.up) != (before.run, before.up)
    }

    /// Whether it may hold something else.
    pub fn has_changed(&self, before: &Self) -> bool {
        self.is_replaced(before) || self.is_restarted(before) || self.commits != before.commits
    }

    /// The disk.
    pub fn disk(&self) -> &Arc<MemoryStore> {
        &self.disk
    }
}

/// The last stamp of each host.
#[derive(Default)]
pub struct Stamps(BTreeMap<usize, Stamp>);

impl Stamps {
    /// The disk of a host, and the stamp before, if it may hold something else than then.
    pub fn changed(&mut self, world: &World, host: usize) -> Option<(Stamp, Option<Stamp>)> {
        let now = Stamp::of(world, host);
        let before = self.0.get(&host);
        if before.is_some_and(|before| !now.has_changed(before)) {
            return None;
        }
        let before = self.0.insert(host, now.clone());
        Some((now, before))
    }
}

/// What arrived on a disk since the last look.
pub struct News {
    /// Nothing read before counts any more: it is another disk, or was counted anew.
    pub anew: bool,
    /// The events, oldest first.
    pub events: Vec<EventId>,
    /// The disk.
    pub disk: Arc<MemoryStore>,
}

#[derive(Default)]
struct Place {
    feed: u64,
    count: u64,
}

/// How far the arrivals of each host were read.
#[derive(Default)]
pub struct Arrivals {
    stamps: Stamps,
    places: BTreeMap<usize, Place>,
}

impl Arrivals {
    /// What is new on the disk of a host; none if nothing can be.
    pub fn news(&mut self, world: &World, host: usize) -> Result<Option<News>, ReadError> {
        let Some((now, before)) = self.stamps.changed(world, host) else { return Ok(None) };
        let disk = now.disk().clone();
        let feed = arrivals::feed(disk.as_ref())?;
        let place = self.places.entry(host).or_default();
        let replaced = before.is_some_and(|before| now.is_replaced(&before));
        let anew = replaced || feed.map_or(0, |feed| feed.id) != place.feed;
        if anew {
            *place = Place { feed: feed.map_or(0, |feed| feed.id), count: 0 };
        }
        let arrived = arrivals::after(disk.as_ref(), place.count, usize::MAX)?;
        place.count = arrived.last().map_or(place.count, |(count, _)| *count);
        let events = arrived.into_iter().map(|(_, id)| id).collect();
        Ok(Some(News { anew, events, disk }))
    }
}

/// When the disks rot, as the plan has it. Nothing is asked of such a disk, nor of copies of it.
pub struct Rot(BTreeMap<usize, Duration>);

impl Rot {
    /// The rot of a plan.
    pub fn of(plan: &Plan) -> Self {
        let mut out = BTreeMap::new();
        for item in &plan.items {
            match &item.what {
                Happening::Host { host, deed: Deed::BitRot { .. } } => {
                    out.entry(*host).or_insert(item.at);
                }
                Happening::Host { host, deed: Deed::Copy { to } } if out.contains_key(host) => {
                    out.entry(*to).or_insert(item.at);
                }
                _ => {}
            }
        }
        Self(out)
    }

    /// Whether the disk of a host may have rotted.
    pub fn has(&self, world: &World, host: usize) -> bool {
        self.0.get(&host).is_some_and(|since| *since <= world.now())
    }
}

/// Hosts that take part: those with a device whose disk has not rotted.
pub fn sound<'a>(world: &'a World, rot: &'a Rot) -> impl Iterator<Item = usize> + 'a {
    (0..world.hosts()).filter(|host| world.device(*host).is_some() && !rot.has(world, *host))
}

/// Devices of which two disks may go on from one history, by the plan.
pub fn may_fork(plan: &Plan, world: &World) -> BTreeSet<DeviceId> {
    plan.may_fork().into_iter().filter_map(|host| world.device(host)).collect()
}

/// Whether a disk holds an event.
pub fn holds(disk: &dyn Read, id: &EventId) -> Result<bool, ReadError> {
    Ok(disk.get(&keys::event(id))?.is_some())
}

/// An event's row; none if it is not there or is garbled.
pub fn stored(disk: &dyn Read, id: &EventId) -> Result<Option<StoredEvent>, ReadError> {
    Ok(disk.get(&keys::event(id))?.as_deref().and_then(StoredEvent::from_bytes))
}

/// An event; none if it is not there or is garbled.
pub fn event(disk: &dyn Read, id: &EventId) -> Result<Option<Event>, ReadError> {
    let stored = stored(disk, id)?;
    Ok(stored.and_then(|stored| codec::decode_event(&stored.bytes).ok()))
}

/// A log by its id; none if it is not on record.
pub fn log(disk: &dyn Read, id: &LogId) -> Result<Option<Log>, ReadError> {
    let row = disk.get(&keys::log(id))?;
    let bytes = row.and_then(|row| <[u8; LOG_BYTES]>::try_from(row.as_slice()).ok());
    Ok(bytes.and_then(|bytes| Log::from_bytes(&bytes)))
}

/// The vector of a disk without telemetry, of which stalls hold their own alone.
pub fn vector(disk: &dyn Read) -> Result<VersionVector, ReadError> {
    Ok(books::vector(disk)?.filtered(|log| log.lane != Lane::Telemetry))
}

/// The first of many, in words.
pub fn some<T: std::fmt::Debug>(all: &[T]) -> String {
    let shown: Vec<String> =
        all.iter().take(super::limits::SHOWN_MAX).map(|one| format!("{one:?}")).collect();
    let more = all.len().saturating_sub(shown.len());
    let and = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{and}", shown.join(", "))
}

/// What keeps sound hosts that run from holding the same, in words; nothing if they do.
pub fn apart(world: &World, rot: &Rot) -> Result<Vec<String>, ReadError> {
    let control = vector(world.store(0).as_ref())?;
    let mut words = Vec::new();
    for host in sound(world, rot).filter(|host| *host > 0 && world.is_awake(*host)) {
        let held = vector(world.store(host).as_ref())?;
        if held == control {
            continue;
        }
        let logs: BTreeSet<&Log> = control.0.keys().chain(held.0.keys()).collect();
        let differ = logs.iter().filter(|log| control.leaves(log) != held.leaves(log));
        let differ: Vec<String> =
            differ.map(|log| format!("{} {:?}", log.device, log.lane)).collect();
        words.push(format!("host {host} and the control differ in {}", some(&differ)));
    }
    Ok(words)
}
