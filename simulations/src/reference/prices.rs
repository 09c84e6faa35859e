//! Price bundles: what each control stated of which, and when they come into force.

use std::collections::{BTreeMap, BTreeSet};

use engine::clock::Hlc;
use engine::event::{BundlePublished, Payload, codec};
use engine::hash::Hash;
use engine::ids::{DeviceId, EventId};

use super::{Books, Facts};

/// Pieces of a bundle at most.
const PARTS: u16 = 512;
/// Prices of a bundle at most.
const PRICES: usize = 131_072;
/// The highest price.
const PRICE: i64 = 1_000_000_000_000;
/// Bytes of a piece's list.
const PIECE_BYTES: usize = 28 * 1024 + 3;
/// Statements that are tried for one that is whole.
const TRIED: usize = 64;

/// What a gathering comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Pieces are missing.
    #[default]
    Waiting,
    /// All are here and make the bundle.
    Whole,
    /// They do not.
    False,
}

/// What one control states of a bundle in one count of pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathering {
    /// What it comes to.
    pub verdict: Verdict,
    /// The events that state it.
    pub events: BTreeSet<EventId>,
}

/// A statement that a bundle is in force from an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Switch {
    /// Milliseconds since 1970.
    pub from_ms: i64,
    /// When it was stated.
    pub clock: Hlc,
    /// By which event.
    pub event: EventId,
    /// The bundle.
    pub bundle: Hash,
}

impl Books {
    /// The statement that holds at an instant.
    pub fn in_force(&self, at_ms: i64) -> Option<Switch> {
        let past = self.switches.iter().rev().filter(|switch| switch.from_ms <= at_ms);
        past.take(TRIED).find(|switch| self.is_whole(&switch.bundle)).copied()
    }

    /// Whether some control's gathering makes the bundle.
    pub fn is_whole(&self, bundle: &Hash) -> bool {
        let those = self.gatherings.iter().filter(|((name, ..), _)| name == bundle);
        those.into_iter().any(|(_, gathering)| gathering.verdict == Verdict::Whole)
    }
}

pub(super) fn fold(facts: &Facts<'_>, controls: &BTreeSet<DeviceId>, books: &mut Books) {
    let mut pieces: BTreeMap<(Hash, DeviceId, u16), Vec<&BundlePublished>> = BTreeMap::new();
    for fact in facts.catalogue.iter().filter(|fact| controls.contains(&fact.device())) {
        match fact.payload() {
            Payload::BundlePublished(piece) => {
                let sound = (1..=PARTS).contains(&piece.parts) && piece.part < piece.parts;
                let parts = if sound { piece.parts } else { 0 };
                let place = (piece.bundle, fact.device(), parts);
                pieces.entry(place).or_default().push(piece);
                books.gatherings.entry(place).or_default().events.insert(fact.id);
            }
            Payload::PricesScheduled(it) => {
                let (clock, event, bundle) = (fact.event.hlc, fact.id, it.bundle);
                books.switches.push(Switch { from_ms: it.from_ms, clock, event, bundle });
            }
            _ => {}
        }
    }
    books.switches.sort();
    for (place, gathering) in &mut books.gatherings {
        gathering.verdict = judge(&place.0, place.2, &pieces[place]);
    }
}

fn judge(name: &Hash, parts: u16, pieces: &[&BundlePublished]) -> Verdict {
    let contradicts =
        |a: &BundlePublished| pieces.iter().any(|b| a.part == b.part && a.prices != b.prices);
    if parts == 0 || pieces.iter().any(|piece| is_spoilt(piece) || contradicts(piece)) {
        return Verdict::False;
    }
    let mut list: Vec<(String, i64)> = Vec::new();
    for part in 0..parts {
        let Some(piece) = pieces.iter().find(|piece| piece.part == part) else {
            return Verdict::Waiting;
        };
        list.extend(piece.prices.iter().map(|price| (price.sku.clone(), price.price)));
    }
    let ascends = list.windows(2).all(|pair| pair[0].0 < pair[1].0);
    // The page hashes the list as if it fitted in one event; those drawn here do.
    let Ok(bytes) = codec::encode(&list) else { return Verdict::False };
    let mut hasher = blake3::Hasher::new_derive_key("tentpole v1 price bundle");
    hasher.update(&bytes);
    let named = Hash(*hasher.finalize().as_bytes()) == *name;
    if ascends && named && list.len() <= PRICES { Verdict::Whole } else { Verdict::False }
}

fn is_spoilt(piece: &BundlePublished) -> bool {
    let bad_sku = |sku: &str| sku.is_empty() || sku.len() > 64 || sku.chars().any(char::is_control);
    let bytes = codec::encode(&piece.prices).map_or(usize::MAX, |bytes| bytes.len());
    piece.prices.is_empty()
        || piece.prices.iter().any(|it| bad_sku(&it.sku) || !(0..=PRICE).contains(&it.price))
        || piece.prices.windows(2).any(|pair| pair[0].sku >= pair[1].sku)
        || bytes > PIECE_BYTES
}
