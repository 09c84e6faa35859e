//! Settling, price lists, seasons, telemetry, documents, and kinds that nobody knows.

use engine::authority::{Forfeit, ForkProof, ForkSide, SignedDocument};
use engine::event::{
    BundlePrice, BundlePublished, FindingResolved, LinkChanged, Payload, PricesScheduled,
    SeasonOpened, TelemetrySample, Unknown, codec,
};
use engine::hash::Hash;
use engine::ids::{Epoch, Lane, Scope, Signature, Tip};

use super::super::world::scope;
use super::{Scene, Told};

/// Settles a finding of the merchant's; a careless person names half of its evidence, a liar
/// another finding's.
pub fn resolve(scene: &Scene<'_>) -> Vec<Told> {
    let (finding, mut evidence, what) = if scene.lie {
        let any: Vec<_> = scene.past.iter().take(3).map(|past| past.id).collect();
        (Hash([scene.deed.aim; 32]), any, "something".to_owned())
    } else {
        let found: Vec<_> = scene.books.findings.iter().collect();
        let Some(((rule, subject), finding)) = scene.choose(&found) else { return Vec::new() };
        let id = subject.finding(*rule);
        (id, finding.evidence.iter().copied().collect(), format!("{rule:?}"))
    };
    if scene.bit(6) {
        evidence.truncate(evidence.len().div_ceil(2));
    }
    let words = format!("settles {what}, naming {} events", evidence.len());
    let (key, note) = (scene.key(), String::new());
    let resolved = FindingResolved { key, finding, evidence, note };
    scene.ledger(Payload::FindingResolved(resolved), words)
}

/// The price lists that there are: eight of them, of two items each.
fn prices(which: u8) -> Vec<BundlePrice> {
    let price = |sku: &str, price| BundlePrice { sku: sku.to_owned(), price };
    vec![price("cup", 100 + i64::from(which % 4)), price("tea", 200)]
}

/// A price list's name.
pub fn bundle_name(prices: &[BundlePrice]) -> Hash {
    let list: Vec<(String, i64)> = prices.iter().map(|it| (it.sku.clone(), it.price)).collect();
    let bytes = codec::encode(&list).unwrap_or_default();
    let mut hasher = blake3::Hasher::new_derive_key("tentpole v1 price bundle");
    hasher.update(&bytes);
    Hash(*hasher.finalize().as_bytes())
}

fn catalogue(payload: Payload, words: String) -> Vec<Told> {
    vec![Told { scope: scope(), lane: Lane::Catalogue, payload, words }]
}

/// One piece of a price list: the whole, or one of two halves. Only a control's counts.
pub fn publish(scene: &Scene<'_>) -> Vec<Told> {
    let which = scene.deed.aim;
    let mut prices = prices(which);
    let bundle = bundle_name(&prices);
    let (part, parts) = match scene.deed.twist & 3 {
        0 | 1 => (0, 1),
        2 => (0, 2),
        _ => (1, 2),
    };
    if parts == 2 {
        prices = vec![prices[usize::from(part)].clone()];
    }
    let mut words = format!("publishes piece {part} of {parts} of price list {}", which % 4);
    let (mut part, mut parts) = (part, parts);
    if scene.lie {
        match scene.deed.pieces {
            0 => prices[0].price = i64::MIN,
            1 => prices.reverse(),
            2 => (part, parts) = (9, 2),
            3 => parts = 0,
            4 => parts = u16::MAX,
            _ => {}
        }
        words.push_str(&format!(", in manner {}", scene.deed.pieces));
    }
    catalogue(Payload::BundlePublished(BundlePublished { bundle, part, parts, prices }), words)
}

pub fn schedule(scene: &Scene<'_>) -> Vec<Told> {
    let bundle = if scene.lie && scene.bit(3) {
        Hash([1; 32])
    } else {
        bundle_name(&prices(scene.deed.aim))
    };
    let from_ms = match scene.deed.pieces {
        0 if scene.lie => i64::MIN,
        1 if scene.lie => i64::MAX,
        pieces => i64::from(pieces % 3) * 1_000,
    };
    let words = format!("puts price list {} in force from {from_ms}", scene.deed.aim % 4);
    catalogue(Payload::PricesScheduled(PricesScheduled { bundle, from_ms }), words)
}

pub fn season(scene: &Scene<'_>) -> Vec<Told> {
    let season = if scene.lie { u32::MAX } else { u32::from(scene.deed.pieces) };
    let name = format!("season {season}");
    let words = format!("opens {name}");
    catalogue(Payload::SeasonOpened(SeasonOpened { season, name }), words)
}

fn telemetry_of(payload: Payload, words: &str) -> Vec<Told> {
    vec![Told { scope: scope(), lane: Lane::Telemetry, payload, words: words.to_owned() }]
}

pub fn telemetry(scene: &Scene<'_>) -> Vec<Told> {
    let metrics = vec![("load".to_owned(), i64::from(scene.deed.aim))];
    let sample = TelemetrySample { at_ms: scene.at_ms(), overwritten: 0, metrics };
    telemetry_of(Payload::TelemetrySampled(sample), "measures")
}

pub fn link(scene: &Scene<'_>) -> Vec<Told> {
    let (carrier, reason) = ("lte".to_owned(), String::new());
    let link = LinkChanged { at_ms: scene.at_ms(), carrier, up: scene.bit(1), reason };
    telemetry_of(Payload::LinkChanged(link), "sees a carrier change")
}

/// A proof of a fork that it knows; for a lie a document or a proof that does not hold.
pub fn document(scene: &Scene<'_>) -> Vec<Told> {
    let (payload, words) = if scene.lie {
        lying_document(scene)
    } else {
        let mine = scene.machines.iter().find(|machine| machine.device() == scene.me);
        let proofs = mine.and_then(|machine| machine.replica.unproven_forks().ok());
        let Some(proof) = proofs.unwrap_or_default().into_iter().next() else { return Vec::new() };
        (Payload::ForkProven(Box::new(proof)), "proves a fork")
    };
    let words = words.to_owned();
    vec![Told { scope: Scope::Tenant, lane: Lane::Authority, payload, words }]
}

fn lying_document(scene: &Scene<'_>) -> (Payload, &'static str) {
    let forfeit = Forfeit {
        tenant: scene.tenant,
        scope: scope(),
        device: scene.me,
        leaves: Vec::new(),
        lines: Vec::new(),
        to: scene.me,
        at_ms: 0,
    };
    let document = SignedDocument::sign(&forfeit, scene.control);
    let side = || ForkSide { epoch: Epoch(1), contents: Vec::new(), signature: Signature([0; 64]) };
    let log = scene.machines[0].replica.own_log(scope(), Lane::Ledger);
    let proof = ForkProof { log, parent: Tip::ROOT, a: side(), b: side() };
    match (document, scene.deed.aim % 3) {
        (Ok(document), 0) => (Payload::GrantIssued(document), "passes a forfeit for a grant"),
        (Ok(document), 1) => {
            (Payload::DeviceRevoked(document), "passes a forfeit for a revocation")
        }
        _ => (Payload::ForkProven(Box::new(proof)), "states a proof that proves nothing"),
    }
}

pub fn unknown(scene: &Scene<'_>) -> Vec<Told> {
    let body = vec![scene.deed.aim; 3];
    let unknown = Unknown { kind: 4, version: 99, body };
    scene.ledger(Payload::Unknown(unknown), "states what nobody knows yet".to_owned())
}
