//! The layout of the store: every row's key, its owner, and whether it ever changes.
//!
//! Keys begin with a stable ordinal and are big-endian, so that they sort by what they mean. The
//! ordinals are on disks: none is ever used again for something else.
//!
//! | ordinal | row | key after it | value | owner, mutability |
//! |---|---|---|---|---|
//! | 0x00 | stamp | - | format, device | `store::stamp`, once |
//! | 0x10 | log | log id 16 | log 82 | `replica`, once |
//! | 0x11 | event | log id 16, epoch 8, seq 8, hash 16 | see `replica::lanes` | `replica`, once |
//! | 0x12 | head | as event | signature 64 | `replica`, replaced by later heads |
//! | 0x13 | leaf | log id 16, epoch 8, short hash 16 | tip 48, stake 8 | `replica`, moves on |
//! | 0x14 | base | log id 16, epoch 8, short base 16 | parent tip 48 | `replica`, once |
//! | 0x15 | own | log id 16 | tip 48 | `replica`, moves on; local |
//! | 0x16 | fork | log id 16, parent short hash 16 | parent tip 48 | `replica`, once |
//! | 0x17 | proven | fork id 32 | event id | `replica`, once |
//! | 0x18 | feed | - | epoch 8 | `replica`, replaced when counted anew; local |
//! | 0x18 | arrival | count 8 | log id 16, epoch 8, seq 8, hash 16 | `replica`, once; local |
//! | 0x20 | bearer | log id 16, till and number, event id | empty | `replica`, once |
//! | 0x30 | projection | projection 1, scope 17, row | the projection's own | `projections` |
//! | 0x31 | digest | projection 1, scope 17 | 32 | `projections`, moves on |
//! | 0x32 | version | projection 1 | version 4 | `replica::rebuild`, once it is whole |
//! | 0x40 | receipt | log id 16, control 32 | signed document | `replica`, replaced by later |
//! | 0x41 | charter | - | signed document | `replica`, replaced by later |
//! | 0x42 | grant | device 32 | signed document | `replica`, replaced by later |
//! | 0x43 | revocation | device 32 | signed document | `replica` |
//! | 0x44 | clock | - | hlc 8 | `replica`, moves on |
//! | 0x50 | local | table 1, name | the daemon's own | `node`, `control`; never synced |

use crate::event::sale::{Key, KeyNumber};
use crate::hash::Hash;
use crate::ids::{DeviceId, Epoch, EventId, LogId, Scope, ShortHash, Tip};

const LOG: u8 = 0x10;
/// The first byte of every event row.
pub const EVENT: u8 = 0x11;
const HEAD: u8 = 0x12;
const LEAF: u8 = 0x13;
const BASE: u8 = 0x14;
const OWN: u8 = 0x15;
const FORK: u8 = 0x16;
const PROVEN: u8 = 0x17;
const ARRIVAL: u8 = 0x18;
const BEARER: u8 = 0x20;
/// The first byte of every projection row.
pub const PROJECTION: u8 = 0x30;
const DIGEST: u8 = 0x31;
const VERSION: u8 = 0x32;
const RECEIPT: u8 = 0x40;
const CHARTER: u8 = 0x41;
const GRANT: u8 = 0x42;
const REVOCATION: u8 = 0x43;
const CLOCK: u8 = 0x44;
const LOCAL: u8 = 0x50;

/// A half-open range of keys.
pub type Range = (Vec<u8>, Vec<u8>);

/// Every key that begins with `prefix`.
pub fn prefix(prefix: Vec<u8>) -> Range {
    let mut end = prefix.clone();
    while end.last() == Some(&u8::MAX) {
        end.pop();
    }
    match end.last_mut() {
        Some(last) => *last += 1,
        // Only a prefix of 0xff bytes has no successor, and no ordinal is 0xff.
        None => end.push(u8::MAX),
    }
    (prefix, end)
}

fn key(ordinal: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![ordinal];
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// A log's row.
pub fn log(id: &LogId) -> Vec<u8> {
    key(LOG, &[&id.0])
}

/// Every log's row.
pub fn logs() -> Range {
    prefix(vec![LOG])
}

/// An event's row.
pub fn event(id: &EventId) -> Vec<u8> {
    key(EVENT, &[&id.log.0, &id.epoch.0.to_be_bytes(), &id.seq.to_be_bytes(), &id.hash.0])
}

/// The rows of the events of one epoch with `from <= seq <= to`.
pub fn events(log: &LogId, epoch: Epoch, from: u64, to: u64) -> Range {
    let epoch = epoch.0.to_be_bytes();
    let start = key(EVENT, &[&log.0, &epoch, &from.to_be_bytes()]);
    let end = key(EVENT, &[&log.0, &epoch, &to.saturating_add(1).to_be_bytes()]);
    (start, end)
}

/// The rows of every event of a log, by epoch and seq.
pub fn log_events(log: &LogId) -> Range {
    prefix(key(EVENT, &[&log.0]))
}

/// The rows of every event, by log, epoch and seq.
pub fn all_events() -> Range {
    prefix(vec![EVENT])
}

/// The id in an event's key.
pub fn read_event_id(bytes: &[u8]) -> Option<EventId> {
    let (epoch, seq, hash) = read_event(bytes)?;
    let log = LogId(bytes.get(1..17)?.try_into().ok()?);
    Some(EventId { log, epoch, seq, hash })
}

/// The epoch, seq and short hash in an event's key.
pub fn read_event(bytes: &[u8]) -> Option<(Epoch, u64, ShortHash)> {
    let rest = bytes.strip_prefix(&[EVENT])?.get(16..)?;
    let (epoch, rest) = rest.split_first_chunk::<8>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let hash = ShortHash(rest.try_into().ok()?);
    Some((Epoch(u64::from_be_bytes(*epoch)), u64::from_be_bytes(*seq), hash))
}

/// A signed head's row.
pub fn head(id: &EventId) -> Vec<u8> {
    let mut out = event(id);
    out[0] = HEAD;
    out
}

/// The rows of the heads of one epoch with `from <= seq <= to`.
pub fn heads(log: &LogId, epoch: Epoch, from: u64, to: u64) -> Range {
    let (mut start, mut end) = events(log, epoch, from, to);
    start[0] = HEAD;
    end[0] = HEAD;
    (start, end)
}

/// A leaf's row.
pub fn leaf(log: &LogId, tip: &Tip) -> Vec<u8> {
    key(LEAF, &[&log.0, &tip.epoch.0.to_be_bytes(), &tip.hash.short().0])
}

/// The rows of a log's leaves.
pub fn leaves(log: &LogId) -> Range {
    prefix(key(LEAF, &[&log.0]))
}

/// The row of a branch's base.
pub fn base(log: &LogId, epoch: Epoch, base: &Hash) -> Vec<u8> {
    key(BASE, &[&log.0, &epoch.0.to_be_bytes(), &base.short().0])
}

/// The rows of a log's branch bases.
pub fn bases(log: &LogId) -> Range {
    prefix(key(BASE, &[&log.0]))
}

/// The epoch in a base's key.
pub fn read_base(bytes: &[u8]) -> Option<Epoch> {
    let epoch = bytes.strip_prefix(&[BASE])?.get(16..)?.first_chunk::<8>()?;
    Some(Epoch(u64::from_be_bytes(*epoch)))
}

/// The row of the last event that this disk appended to a log.
pub fn own(log: &LogId) -> Vec<u8> {
    key(OWN, &[&log.0])
}

/// The row of a fork.
pub fn fork(log: &LogId, parent: &Tip) -> Vec<u8> {
    key(FORK, &[&log.0, &parent.hash.short().0])
}

/// The rows of a log's forks.
pub fn forks_of(log: &LogId) -> Range {
    prefix(key(FORK, &[&log.0]))
}

/// The rows of every fork.
pub fn forks() -> Range {
    prefix(vec![FORK])
}

/// The row of the event that proves a fork.
pub fn proven(fork: &Hash) -> Vec<u8> {
    key(PROVEN, &[&fork.0])
}

/// The row that names the counting of arrivals.
pub fn feed() -> Vec<u8> {
    vec![ARRIVAL]
}

/// The row of the event that arrived as this one.
pub fn arrival(count: u64) -> Vec<u8> {
    key(ARRIVAL, &[&count.to_be_bytes()])
}

/// The rows of what arrived after the first `count`.
pub fn arrivals_after(count: u64) -> Range {
    let (_, end) = prefix(vec![ARRIVAL]);
    (arrival(count.saturating_add(1)), end)
}

/// The count in an arrival's key.
pub fn read_arrival(bytes: &[u8]) -> Option<u64> {
    let count = bytes.strip_prefix(&[ARRIVAL])?.try_into().ok()?;
    Some(u64::from_be_bytes(count))
}

/// An arrival's value: the event's key without its ordinal.
pub fn arrived(id: &EventId) -> Vec<u8> {
    event(id).split_off(1)
}

/// The event in an arrival's value.
pub fn read_arrived(bytes: &[u8]) -> Option<EventId> {
    read_event_id(&key(EVENT, &[bytes]))
}

/// The rows of the events of a log that bear this idempotency key.
pub fn bearers(log: &LogId, request: &Key) -> Range {
    prefix(bearer_prefix(log, request))
}

/// The row that says that an event bears this idempotency key.
pub fn bearer(request: &Key, id: &EventId) -> Vec<u8> {
    let mut out = bearer_prefix(&id.log, request);
    out.extend_from_slice(&event(id)[17..]);
    out
}

/// The event in a bearer's key.
pub fn read_bearer(log: &LogId, bytes: &[u8]) -> Option<EventId> {
    let tail = bytes.len().checked_sub(32).map(|start| &bytes[start..])?;
    let (epoch, seq, hash) = read_event(&key(EVENT, &[&log.0, tail]))?;
    Some(EventId { log: *log, epoch, seq, hash })
}

fn bearer_prefix(log: &LogId, request: &Key) -> Vec<u8> {
    let till = request.till.as_bytes();
    let text;
    let (tag, number): (u8, &[u8]) = match &request.number {
        KeyNumber::Counter(counter) => {
            text = counter.to_be_bytes();
            (0, &text)
        }
        KeyNumber::Text(text) => (1, text.as_bytes()),
    };
    let length = |bytes: &[u8]| (bytes.len() as u32).to_be_bytes();
    key(BEARER, &[&log.0, &length(till), till, &[tag], &length(number), number])
}

/// A projection's row.
pub fn row(projection: u8, scope: Scope, rest: &[u8]) -> Vec<u8> {
    key(PROJECTION, &[&[projection], &scope.to_bytes(), rest])
}

/// The projection, the scope and the rest of a projection row's key.
pub fn read_row(bytes: &[u8]) -> Option<(u8, Scope, &[u8])> {
    let (projection, rest) = bytes.strip_prefix(&[PROJECTION])?.split_first()?;
    let (scope, rest) = rest.split_first_chunk::<17>()?;
    Some((*projection, Scope::from_bytes(scope)?, rest))
}

/// The row of a projection's running digest.
pub fn digest(projection: u8, scope: Scope) -> Vec<u8> {
    key(DIGEST, &[&[projection], &scope.to_bytes()])
}

/// The rows of a projection, over all scopes.
pub fn projection(projection: u8) -> Range {
    prefix(vec![PROJECTION, projection])
}

/// The rows of a projection's running digests.
pub fn digests(projection: u8) -> Range {
    prefix(vec![DIGEST, projection])
}

/// The row that says in which version a projection is whole.
pub fn version(projection: u8) -> Vec<u8> {
    vec![VERSION, projection]
}

/// The row of a control's receipt for a log.
pub fn receipt(log: &LogId, control: &DeviceId) -> Vec<u8> {
    key(RECEIPT, &[&log.0, &control.0])
}

/// The rows of every receipt for a log.
pub fn receipts(log: &LogId) -> Range {
    prefix(key(RECEIPT, &[&log.0]))
}

/// The charter's row.
pub fn charter() -> Vec<u8> {
    vec![CHARTER]
}

/// The row of a device's grant.
pub fn grant(device: &DeviceId) -> Vec<u8> {
    key(GRANT, &[&device.0])
}

/// The rows of every grant.
pub fn grants() -> Range {
    prefix(vec![GRANT])
}

/// The row of a device's revocation.
pub fn revocation(device: &DeviceId) -> Vec<u8> {
    key(REVOCATION, &[&device.0])
}

/// The rows of every revocation.
pub fn revocations() -> Range {
    prefix(vec![REVOCATION])
}

/// The row of the hybrid logical clock.
pub fn clock() -> Vec<u8> {
    vec![CLOCK]
}

/// A row of a daemon's own.
pub fn local(table: u8, name: &[u8]) -> Vec<u8> {
    key(LOCAL, &[&[table], name])
}

/// The rows of a daemon's own table.
pub fn local_table(table: u8) -> Range {
    prefix(vec![LOCAL, table])
}

/// `epoch 8 | seq 8 | hash 32`, big-endian: a tip as a value.
pub fn tip_bytes(tip: &Tip) -> [u8; 48] {
    let mut out = [0; 48];
    out[..8].copy_from_slice(&tip.epoch.0.to_be_bytes());
    out[8..16].copy_from_slice(&tip.seq.to_be_bytes());
    out[16..].copy_from_slice(&tip.hash.0);
    out
}

/// The tip written by [`tip_bytes`].
pub fn read_tip(bytes: &[u8]) -> Option<Tip> {
    let bytes: &[u8; 48] = bytes.try_into().ok()?;
    let (epoch, rest) = bytes.split_first_chunk::<8>()?;
    let (seq, hash) = rest.split_first_chunk::<8>()?;
    Some(Tip {
        epoch: Epoch(u64::from_be_bytes(*epoch)),
        seq: u64::from_be_bytes(*seq),
        hash: Hash(hash.try_into().ok()?),
    })
}
