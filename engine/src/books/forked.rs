//! What a device held at each fork of its ledger: what the branches after it may both sell.
//!
//! Only a ledger that forked is walked, from its first event on; that is for reports, and no sale
//! waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::event::{Payload, codec};
use crate::hash::Hash;
use crate::ids::{DeviceId, Epoch, EventId, Lane, Log, LogId, Scope};
use crate::keys;
use crate::log::chain;
use crate::log::vector::VersionVector;
use crate::projections::rights;
use crate::replica::lanes::StoredEvent;
use crate::store::{Read, ReadError};

/// A place where branches of a ledger part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// Whose ledger it is.
    pub device: DeviceId,
    /// Branches beyond the first.
    pub extra: i128,
    /// What the device's own ledger up to there adds up to for each SKU, in thousandths. What
    /// others gave it in theirs is not in it.
    pub held: BTreeMap<String, i128>,
}

/// Every fork of the ledgers of a scope.
pub fn forks(
    store: &dyn Read,
    vector: &VersionVector,
    scope: Scope,
) -> Result<Vec<Fork>, ReadError> {
    let ledgers: BTreeMap<LogId, Log> = vector
        .0
        .keys()
        .filter(|log| log.scope == scope && log.lane == Lane::Ledger)
        .map(|log| (log.id(), *log))
        .collect();
    let mut out = Vec::new();
    for (id, log) in &ledgers {
        let (from, to) = keys::forks_of(id);
        if store.last(&from, &to)?.is_some() {
            out.extend(Tree::read(store, &ledgers, id, log)?.forks(log.device));
        }
    }
    Ok(out)
}

/// What an event does to its device's rights.
enum Effect {
    Nothing,
    Changes(Vec<(String, i128)>),
    Sale(EventId, Vec<(String, i128)>),
    Void(EventId),
    /// An acceptance of a grant to this device.
    Accepts(EventId, String, i128),
}

struct Node {
    parent: Option<usize>,
    children: i128,
    effect: Effect,
}

/// A ledger as a tree, parents before children.
#[derive(Default)]
struct Tree {
    nodes: Vec<Node>,
    roots: i128,
}

impl Tree {
    fn read(
        store: &dyn Read,
        ledgers: &BTreeMap<LogId, Log>,
        id: &LogId,
        log: &Log,
    ) -> Result<Self, ReadError> {
        let mut rows: Vec<(EventId, StoredEvent)> = Vec::new();
        let (from, to) = keys::log_events(id);
        store.scan(&from, &to, &mut |key, row| {
            rows.extend(keys::read_event_id(key).zip(StoredEvent::from_bytes(row)));
            ControlFlow::Continue(())
        })?;
        rows.sort_by_key(|(id, _)| id.seq);
        let mut tree = Self::default();
        let mut places: BTreeMap<(Epoch, u64), Vec<(Hash, usize)>> = BTreeMap::new();
        for (id, stored) in rows {
            let Ok(event) = codec::decode_event(&stored.bytes) else { continue };
            let parent = match &event.payload {
                Payload::EpochOpened(open) => {
                    let at = places.get(&(open.parent_epoch, open.parent_seq));
                    let mut at = at.into_iter().flatten();
                    at.find(|(hash, _)| *hash == open.parent_hash)
                }
                _ => {
                    let content = chain::content(&stored.bytes);
                    let at = places.get(&(id.epoch, id.seq - 1)).into_iter().flatten();
                    let mut at = at.filter(|(hash, _)| chain::link(hash, &content) == stored.hash);
                    at.next()
                }
            };
            let parent = parent.map(|(_, at)| *at);
            match parent.and_then(|at| tree.nodes.get_mut(at)) {
                Some(parent) => parent.children += 1,
                None => tree.roots += 1,
            }
            let effect = effect(store, ledgers, log, id, event.payload)?;
            places.entry((id.epoch, id.seq)).or_default().push((stored.hash, tree.nodes.len()));
            tree.nodes.push(Node { parent, children: 0, effect });
        }
        Ok(tree)
    }

    fn forks(&self, device: DeviceId) -> Vec<Fork> {
        let fork = |at: Option<usize>, branches: i128| {
            (branches > 1).then(|| Fork { device, extra: branches - 1, held: self.held(at) })
        };
        let inner = self.nodes.iter().enumerate();
        let inner = inner.filter_map(|(at, node)| fork(Some(at), node.children));
        inner.chain(fork(None, self.roots)).collect()
    }

    /// What the branch up to a node adds up to. A sale that was voided on it, and a second
    /// acceptance of one grant, change nothing.
    fn held(&self, mut at: Option<usize>) -> BTreeMap<String, i128> {
        let mut out: BTreeMap<String, i128> = BTreeMap::new();
        let (mut voided, mut claimed) = (BTreeSet::new(), BTreeSet::new());
        let mut add = |sku: &String, more: i128| *out.entry(sku.clone()).or_default() += more;
        while let Some(node) = at.and_then(|at| self.nodes.get(at)) {
            match &node.effect {
                Effect::Nothing => {}
                Effect::Changes(changes) => changes.iter().for_each(|(sku, more)| add(sku, *more)),
                Effect::Void(sale) => drop(voided.insert(*sale)),
                Effect::Sale(id, _) if voided.contains(id) => {}
                Effect::Sale(_, changes) => changes.iter().for_each(|(sku, more)| add(sku, *more)),
                Effect::Accepts(grant, sku, quantity) => {
                    if claimed.insert(*grant) {
                        add(sku, *quantity);
                    }
                }
            }
            at = node.parent;
        }
        out
    }
}

fn effect(
    store: &dyn Read,
    ledgers: &BTreeMap<LogId, Log>,
    log: &Log,
    id: EventId,
    payload: Payload,
) -> Result<Effect, ReadError> {
    Ok(match payload {
        Payload::SaleVoided(void) => Effect::Void(void.sale),
        Payload::RightsAccepted(claim) => {
            let grant = ledgers.contains_key(&claim.grant.log).then_some(claim.grant);
            let row = grant.map(|grant| store.get(&keys::event(&grant))).transpose()?.flatten();
            let event = row.as_deref().and_then(StoredEvent::from_bytes);
            let event = event.and_then(|stored| codec::decode_event(&stored.bytes).ok());
            match event.map(|event| event.payload) {
                Some(Payload::RightsGranted(grant))
                    if (grant.to, &grant.sku, grant.quantity)
                        == (log.device, &claim.sku, claim.quantity) =>
                {
                    Effect::Accepts(claim.grant, claim.sku, i128::from(claim.quantity))
                }
                _ => Effect::Nothing,
            }
        }
        payload => match rights::stated(&payload) {
            changes if changes.is_empty() => Effect::Nothing,
            changes if matches!(payload, Payload::SaleCompleted(_)) => Effect::Sale(id, changes),
            changes => Effect::Changes(changes),
        },
    })
}
