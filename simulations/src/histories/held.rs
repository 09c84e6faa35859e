//! What a machine holds, read from its rows: the events with their places, as facts.
//!
//! The chain alone says which event follows which; nothing that the replica worked out is used.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anyhow::Context;
use engine::event::{Payload, codec};
use engine::ids::{Epoch, EventId, LOG_BYTES, Log, LogId};
use engine::keys;
use engine::log::chain;
use engine::replica::lanes::StoredEvent;
use engine::store::{Batch, Read};

use crate::reference::Fact;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Everything on a disk, and what is on its way there.
pub fn facts<'a>(
    disk: &dyn Read,
    coming: impl Iterator<Item = &'a Batch>,
) -> anyhow::Result<Vec<Fact>> {
    let mut rows = Rows::new();
    for (from, to) in [keys::logs(), keys::all_events()] {
        disk.scan(&from, &to, &mut |key, value| {
            rows.insert(key.to_vec(), value.to_vec());
            ControlFlow::Continue(())
        })?;
    }
    for batch in coming {
        for (key, value) in batch.iter() {
            if let Some(value) = value.filter(|_| key < keys::all_events().1.as_slice()) {
                rows.insert(key.to_vec(), value.to_vec());
            }
        }
    }
    read(&rows)
}

fn read(rows: &Rows) -> anyhow::Result<Vec<Fact>> {
    let mut logs: BTreeMap<LogId, Log> = BTreeMap::new();
    let mut events: BTreeMap<EventId, StoredEvent> = BTreeMap::new();
    for (key, value) in rows {
        if let Some(id) = keys::read_event_id(key) {
            events.insert(id, StoredEvent::from_bytes(value).context("a garbled event row")?);
        } else if let Ok(bytes) = <[u8; LOG_BYTES]>::try_from(value.as_slice()) {
            let log = Log::from_bytes(&bytes).context("a garbled log row")?;
            logs.insert(log.id(), log);
        }
    }
    let mut places: BTreeMap<(LogId, Epoch, u64), Vec<EventId>> = BTreeMap::new();
    for id in events.keys() {
        places.entry((id.log, id.epoch, id.seq)).or_default().push(*id);
    }
    let mut out = Vec::new();
    for (id, stored) in &events {
        let event = codec::decode_event(&stored.bytes)?;
        let log = *logs.get(&id.log).context("an event of no log")?;
        let parent = match &event.payload {
            Payload::EpochOpened(open) if open.parent_seq == 0 => None,
            Payload::EpochOpened(open) => Some(EventId {
                log: id.log,
                epoch: open.parent_epoch,
                seq: open.parent_seq,
                hash: open.parent_hash.short(),
            }),
            _ => {
                let content = chain::content(&stored.bytes);
                let before = places.get(&(id.log, id.epoch, id.seq.saturating_sub(1)));
                let mut before = before.into_iter().flatten();
                let links = |at: &&EventId| chain::link(&events[*at].hash, &content) == stored.hash;
                Some(*before.find(links).context("an event without its parent")?)
            }
        };
        out.push(Fact { log, id: *id, hash: stored.hash, parent, event });
    }
    Ok(out)
}
