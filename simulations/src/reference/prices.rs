//! Price bundles: which are whole, and which is in force when.

use std::collections::{BTreeMap, BTreeSet};

use engine::event::{BundlePublished, Payload, codec};
use engine::hash::Hash;
use engine::ids::EventId;

use super::{Books, Facts};

/// A price list, as far as its pieces are here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// All pieces are here and hash to its name.
    pub complete: bool,
    /// All pieces are here and do not.
    pub lies: bool,
    /// The prices of a complete one.
    pub prices: BTreeMap<String, i64>,
    /// The events that bear its pieces.
    pub pieces: BTreeSet<EventId>,
}

/// What comes into force at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InForce {
    /// The bundle.
    pub bundle: Hash,
    /// The statement that holds.
    pub statement: EventId,
}

pub(super) fn fold(facts: &Facts<'_>, books: &mut Books) {
    let mut pieces: BTreeMap<Hash, Vec<&BundlePublished>> = BTreeMap::new();
    for fact in &facts.catalogue {
        if let Payload::BundlePublished(piece) = fact.payload() {
            pieces.entry(piece.bundle).or_default().push(piece);
            books.bundles.entry(piece.bundle).or_default().pieces.insert(fact.id);
        }
    }
    for (name, pieces) in pieces {
        let bundle = books.bundles.entry(name).or_default();
        for list in lists(&pieces) {
            if is_named(&list, &name) {
                bundle.complete = true;
                bundle.prices = list.into_iter().collect();
            } else {
                bundle.lies = true;
            }
        }
        bundle.lies &= !bundle.complete;
    }
    let mut stated: Vec<_> = Vec::new();
    for fact in &facts.catalogue {
        let Payload::PricesScheduled(it) = fact.payload() else { continue };
        if books.bundles.get(&it.bundle).is_some_and(|bundle| bundle.complete) {
            stated.push((it.from_ms, fact.event.hlc, fact.id, it.bundle));
        }
    }
    stated.sort();
    for (from_ms, _, statement, bundle) in stated {
        // The later of two with one instant overwrites the earlier.
        books.in_force.insert(from_ms, InForce { bundle, statement });
    }
}

/// Every price list that one piece for each part adds up to.
fn lists(pieces: &[&BundlePublished]) -> Vec<Vec<(String, i64)>> {
    let counts: BTreeSet<u16> = pieces.iter().map(|piece| piece.parts).collect();
    let mut out = Vec::new();
    for parts in counts {
        let mut lists: Vec<Vec<(String, i64)>> =
            if parts == 0 { Vec::new() } else { vec![Vec::new()] };
        for part in 0..parts {
            let mut longer = Vec::new();
            for piece in pieces.iter().filter(|p| p.parts == parts && p.part == part) {
                for list in &lists {
                    let prices = piece.prices.iter().map(|price| (price.sku.clone(), price.price));
                    longer.push(list.iter().cloned().chain(prices).collect());
                }
            }
            lists = longer;
            if lists.is_empty() {
                break;
            }
        }
        out.extend(lists);
    }
    out
}

/// Whether a list is in order and hashes to this name.
fn is_named(list: &[(String, i64)], name: &Hash) -> bool {
    let ascends = list.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let Ok(bytes) = codec::encode(&list.to_vec()) else { return false };
    let mut hasher = blake3::Hasher::new_derive_key("tentpole v1 price bundle");
    hasher.update(&bytes);
    ascends && Hash(*hasher.finalize().as_bytes()) == *name
}
