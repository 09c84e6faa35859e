//! Price bundles under any order of delivery, and under hostile pieces.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::bundles::{false_bundles, in_force, is_held, next_switch, price, prices};
use crate::clock::Hlc;
use crate::decide::bundle;
use crate::event::prices::bundle_name;
use crate::event::{BundlePrice, BundlePublished, Event, Payload, PricesScheduled};
use crate::hash::Hash;
use crate::ids::{DeviceId, Epoch, EventId, Lane, Log, ShortHash};
use crate::keys::Range;
use crate::limits::{BUNDLE_PIECES_MAX, SWITCHES_TRIED_MAX};
use crate::projections::bundles::{fold, switches};
use crate::projections::{Books, Origin, Projection};
use crate::store::memory::MemoryStore;
use crate::store::{Batch, Read, ReadError, Row, Store};
use crate::testing::*;

mod replicas;

/// A second control; the first is [`CONTROL`].
const OTHER: u8 = 101;

/// Rows in memory, folded into as a replica would.
#[derive(Default)]
struct Rows(BTreeMap<Vec<u8>, Vec<u8>>);

impl Rows {
    fn fold(&mut self, statement: &Statement) {
        let log = log_of(statement.seed, Lane::Catalogue);
        let hash = ShortHash([statement.number as u8; 16]);
        let id = EventId { log: log.id(), epoch: Epoch(1), seq: statement.number, hash };
        let event =
            Event { hlc: Hlc(statement.clock), payload: statement.payload.clone(), ext: vec![] };
        fold(self, &Origin { log, id }, &event).unwrap();
    }

    fn of(statements: &[Statement]) -> Self {
        let mut rows = Self::default();
        statements.iter().for_each(|statement| rows.fold(statement));
        rows
    }

    fn store(&self) -> MemoryStore {
        let mut batch = Batch::default();
        self.0.iter().for_each(|(key, value)| batch.put(key.clone(), value.clone()));
        let store = MemoryStore::default();
        store.write(&batch).unwrap();
        store
    }
}

impl Books for Rows {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.0.get(key).cloned())
    }

    fn rows(&self, range: &Range) -> Result<Vec<Row>, ReadError> {
        let rows = self.0.range(range.0.clone()..range.1.clone());
        Ok(rows.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn first_rows(&self, range: &Range, most: usize) -> Result<Vec<Row>, ReadError> {
        self.rows(range).map(|rows| rows.into_iter().take(most).collect())
    }

    fn set_row(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), ReadError> {
        match value {
            Some(value) => self.0.insert(key, value),
            None => self.0.remove(&key),
        };
        Ok(())
    }

    fn ancestor(&self, _: &Origin, _: &EventId) -> Result<Option<Event>, ReadError> {
        Ok(None)
    }

    fn event(&self, _: &EventId) -> Result<Option<(Log, Event)>, ReadError> {
        Ok(None)
    }

    fn bearers(&self, _: &Origin, _: &Event) -> Result<Vec<EventId>, ReadError> {
        Ok(Vec::new())
    }

    fn is_control(&self, device: &DeviceId) -> bool {
        [CONTROL, OTHER].iter().any(|seed| keypair(*seed).device() == *device)
    }

    fn folds(&self, _: Projection, _: &Origin) -> bool {
        true
    }
}

/// One event, by the seed of its device and its number there.
#[derive(Debug, Clone)]
struct Statement {
    seed: u8,
    number: u64,
    clock: u64,
    payload: Payload,
}

fn stated(seed: u8, number: u64, clock: u64, payload: Payload) -> Statement {
    Statement { seed, number, clock, payload }
}

fn switch(seed: u8, number: u64, clock: u64, bundle: Hash, from_ms: i64) -> Statement {
    stated(seed, number, clock, Payload::PricesScheduled(PricesScheduled { bundle, from_ms }))
}

fn list(entries: &[(&str, i64)]) -> Vec<BundlePrice> {
    let price = |(sku, price): &(&str, i64)| BundlePrice { sku: (*sku).to_owned(), price: *price };
    entries.iter().map(price).collect()
}

/// The bundle of a list, in so many pieces as asked for, and its name.
fn pieces(prices: &[BundlePrice], parts: u16) -> (Hash, Vec<BundlePublished>) {
    let name = bundle(prices.to_vec()).unwrap().name;
    let each = prices.len().div_ceil(usize::from(parts));
    let lists: Vec<_> = prices.chunks(each).collect();
    let parts = lists.len() as u16;
    let piece = |(part, prices): (u16, &&[BundlePrice])| BundlePublished {
        bundle: name,
        part,
        parts,
        prices: prices.to_vec(),
    };
    (name, (0..).zip(&lists).map(piece).collect())
}

fn published(seed: u8, first: u64, pieces: Vec<BundlePublished>) -> Vec<Statement> {
    let statement = |(number, piece)| stated(seed, number, 1, Payload::BundlePublished(piece));
    (first..).zip(pieces).map(statement).collect()
}

fn tea_and_cake(tea: i64) -> Vec<BundlePrice> {
    list(&[("cake", 250), ("scone", 120), ("tea", tea)])
}

#[track_caller]
fn check(statements: &[Statement], at_ms: i64, expect: Option<Hash>) {
    let store = Rows::of(statements).store();
    let found = in_force(&store, scope(), at_ms).unwrap();
    assert_eq!(found.map(|switch| switch.bundle), expect, "at {at_ms}: {statements:?}");
}

#[test]
fn a_bundle_holds_from_its_instant_on_and_not_before() {
    let (old, a) = pieces(&tea_and_cake(100), 2);
    let (new, b) = pieces(&tea_and_cake(110), 3);
    let mut all = [published(CONTROL, 1, a), published(CONTROL, 10, b)].concat();
    all.extend([switch(CONTROL, 20, 1, old, 5), switch(CONTROL, 21, 2, new, 9)]);
    check(&all, 4, None);
    check(&all, 5, Some(old));
    check(&all, 8, Some(old));
    check(&all, 9, Some(new));
    check(&all, i64::MAX, Some(new));
    check(&all, i64::MIN, None);
    let store = Rows::of(&all).store();
    let next =
        |at| next_switch(&store, scope(), at).unwrap().map(|next| (next.from_ms, next.bundle));
    assert_eq!(next(0), Some((5, old)));
    assert_eq!(next(5), Some((9, new)));
    assert_eq!(next(9), None);
}

#[test]
fn of_two_statements_for_one_instant_the_later_clock_holds_and_then_the_higher_id() {
    let (a, of_a) = pieces(&tea_and_cake(100), 1);
    let (b, of_b) = pieces(&tea_and_cake(110), 1);
    let all = [published(CONTROL, 1, of_a), published(CONTROL, 2, of_b)].concat();
    let with = |more: [Statement; 2]| [all.clone(), more.to_vec()].concat();
    check(&with([switch(CONTROL, 3, 9, a, 5), switch(CONTROL, 4, 8, b, 5)]), 5, Some(a));
    check(&with([switch(CONTROL, 3, 256, a, 5), switch(CONTROL, 4, 255, b, 5)]), 5, Some(a));
    check(&with([switch(CONTROL, 3, 9, a, 5), switch(CONTROL, 4, 9, b, 5)]), 5, Some(b));
    check(&with([switch(CONTROL, 4, 9, a, 5), switch(CONTROL, 3, 9, b, 5)]), 5, Some(a));
}

#[test]
fn a_newer_bundle_scheduled_earlier_does_not_end_the_one_that_was_to_follow() {
    let (later, a) = pieces(&tea_and_cake(100), 1);
    let (sooner, b) = pieces(&tea_and_cake(110), 1);
    let mut all = [published(CONTROL, 1, a), published(CONTROL, 2, b)].concat();
    all.extend([switch(CONTROL, 3, 1, later, 100), switch(CONTROL, 4, 50, sooner, 50)]);
    check(&all, 99, Some(sooner));
    check(&all, 100, Some(later));
}

#[test]
fn what_a_stall_states_changes_nothing() {
    let (name, of_it) = pieces(&tea_and_cake(1), 1);
    let mut all = published(1, 1, of_it);
    all.push(switch(1, 2, 9, name, 0));
    assert!(Rows::of(&all).0.is_empty());
}

#[test]
fn a_bundle_without_all_its_pieces_leaves_the_one_before_in_force() {
    let (old, a) = pieces(&tea_and_cake(100), 1);
    let (new, b) = pieces(&tea_and_cake(110), 3);
    let mut all = published(CONTROL, 1, a);
    all.extend([switch(CONTROL, 2, 1, old, 0), switch(CONTROL, 3, 2, new, 5)]);
    let last = b.len() - 1;
    for (at, piece) in published(CONTROL, 10, b).into_iter().enumerate() {
        check(&all, 9, Some(old));
        all.push(piece);
        assert_eq!(is_held(&Rows::of(&all).store(), scope(), &new).unwrap(), at == last);
    }
    check(&all, 9, Some(new));
}

/// Takes an honest bundle's pieces, spoils them, and expects nobody to sell by them.
#[track_caller]
fn check_false(spoil: impl FnOnce(&mut Vec<BundlePublished>)) {
    let (name, mut of_it) = pieces(&tea_and_cake(100), 2);
    spoil(&mut of_it);
    let mut all = published(CONTROL, 1, of_it);
    all.push(switch(CONTROL, 90, 1, name, 0));
    check(&all, 9, None);
    let store = Rows::of(&all).store();
    let found = false_bundles(&store, scope(), None, 9).unwrap();
    assert_eq!(found.iter().map(|found| found.bundle).collect::<BTreeSet<_>>(), [name].into());
    assert!(found.iter().all(|found| !found.evidence.is_empty()), "{found:?}");
    assert_eq!(price(&store, scope(), &name, "tea").unwrap(), None);
}

#[test]
fn false_pieces_never_come_into_force_and_are_listed() {
    check_false(|pieces| pieces[1].prices[0].price += 1);
    check_false(|pieces| pieces[0].prices.swap(0, 1));
    check_false(|pieces| pieces[0].prices[1] = pieces[0].prices[0].clone());
    check_false(|pieces| pieces[1].prices[0].price = -1);
    check_false(|pieces| pieces[1].prices[0].sku = "a\nb".to_owned());
    check_false(|pieces| pieces[1].prices.clear());
    check_false(|pieces| pieces[1].part = 2);
    check_false(|pieces| pieces[1].parts = 0);
    check_false(|pieces| pieces[1].parts = BUNDLE_PIECES_MAX + 1);
    check_false(|pieces| {
        let (a, b) = (pieces[0].prices.clone(), pieces[1].prices.clone());
        (pieces[0].prices, pieces[1].prices) = (b, a);
    });
    check_false(|pieces| {
        // The same place said in two ways, the true one first and again.
        let mut other = pieces[0].clone();
        other.prices[0].price += 1;
        pieces.extend([other, pieces[0].clone()]);
    });
}

#[test]
fn a_false_gathering_spoils_neither_another_count_nor_another_control() {
    let (name, two) = pieces(&tea_and_cake(100), 2);
    let mut other = two.clone();
    other[0].prices[0].price += 1;
    let mut all = published(CONTROL, 1, other);
    all.push(switch(CONTROL, 90, 1, name, 0));
    check(&all, 9, None);
    let there = [all.clone(), published(OTHER, 1, two)].concat();
    check(&there, 9, Some(name));
    let (_, three) = pieces(&tea_and_cake(100), 3);
    check(&[all, published(CONTROL, 20, three)].concat(), 9, Some(name));
}

#[test]
fn statements_of_bundles_that_nobody_completes_are_passed_over_up_to_the_bound() {
    let (name, of_it) = pieces(&tea_and_cake(100), 1);
    let mut all = published(CONTROL, 1, of_it);
    all.push(switch(CONTROL, 2, 1, name, 0));
    let nobodys = |at: usize| switch(CONTROL, 10 + at as u64, 1, Hash([9; 32]), 1);
    all.extend((1..SWITCHES_TRIED_MAX).map(nobodys));
    check(&all, 9, Some(name));
    all.push(nobodys(SWITCHES_TRIED_MAX));
    check(&all, 9, None);
}

#[test]
fn a_large_bundle_is_cut_into_events_and_every_price_is_found() {
    let entries = (0..20_000).map(|at| BundlePrice { sku: format!("{:06}", at * 2), price: at });
    let entries: Vec<_> = entries.collect();
    let made = bundle(entries.iter().rev().cloned().collect()).unwrap();
    assert!(made.pieces.len() > 2, "{} pieces", made.pieces.len());
    let store = Rows::of(&published(CONTROL, 1, made.pieces)).store();
    for entry in entries.iter().step_by(37) {
        let found = price(&store, scope(), &made.name, &entry.sku).unwrap();
        assert_eq!(found, Some(entry.price));
        let odd = format!("{:06}", entry.price * 2 + 1);
        assert_eq!(price(&store, scope(), &made.name, &odd).unwrap(), None);
    }
    let page = |after: Option<&str>, limit| {
        prices(&store, scope(), &made.name, after, limit).unwrap().unwrap()
    };
    assert_eq!(page(None, usize::MAX), entries);
    assert_eq!(page(Some("002345"), 3), entries[1173..1176]);
    assert_eq!(page(Some("039998"), 3), []);
    assert_eq!(page(Some(""), 1), entries[..1]);
}

#[derive(Debug, Clone)]
enum Step {
    /// A control or a stall publishes a bundle whole, in so many pieces.
    Publish(u8, usize, u16),
    /// It states one piece, perhaps with another price.
    Piece(u8, usize, u16, u16, i64),
    Schedule(u8, usize, i64, u64),
}

const SEEDS: [u8; 3] = [CONTROL, OTHER, 1];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let seed = || proptest::sample::select(SEEDS.to_vec());
    let step = prop_oneof![
        3 => (seed(), 0..3_usize, 1..4_u16).prop_map(|(at, of, in_)| Step::Publish(at, of, in_)),
        2 => (seed(), 0..3_usize, 1..4_u16, 0..4_u16, 0..2_i64)
            .prop_map(|(at, of, in_, part, off)| Step::Piece(at, of, in_, part, off)),
        4 => (seed(), 0..4_usize, -2..3_i64, 0..3_u64)
            .prop_map(|(at, of, from, clock)| Step::Schedule(at, of, from, clock)),
    ];
    vec(step, 1..24)
}

fn bundle_of(at: usize) -> Vec<BundlePrice> {
    tea_and_cake(100 + at as i64)
}

fn statements(steps: &[Step]) -> Vec<Statement> {
    let mut out: Vec<Statement> = Vec::new();
    for step in steps {
        let next = out.len() as u64 + 1;
        match *step {
            Step::Publish(seed, of, parts) => {
                out.extend(published(seed, next, pieces(&bundle_of(of), parts).1));
            }
            Step::Piece(seed, of, parts, part, off) => {
                let mut all = pieces(&bundle_of(of), parts).1;
                let mut piece = all.swap_remove(usize::from(part) % all.len());
                piece.prices[0].price += off;
                piece.part = part;
                out.extend(published(seed, next, vec![piece]));
            }
            Step::Schedule(seed, of, from_ms, clock) => {
                let name = if of < 3 { pieces(&bundle_of(of), 1).0 } else { Hash([9; 32]) };
                out.push(switch(seed, next, clock, name, from_ms));
            }
        }
    }
    out
}

/// The ways in which one piece was stated.
type Ways = BTreeSet<Vec<(String, i64)>>;

/// The bundle in force, worked out from all statements at once.
fn plainly(statements: &[Statement], at_ms: i64) -> Option<Hash> {
    let of_controls = || statements.iter().filter(|one| one.seed != 1);
    let mut gathered: BTreeMap<(Hash, u8, u16), BTreeMap<u16, Ways>> = BTreeMap::new();
    for statement in of_controls() {
        if let Payload::BundlePublished(piece) = &statement.payload {
            let prices = piece.prices.iter().map(|price| (price.sku.clone(), price.price));
            let key = (piece.bundle, statement.seed, piece.parts);
            gathered
                .entry(key)
                .or_default()
                .entry(piece.part)
                .or_default()
                .insert(prices.collect());
        }
    }
    let whole = |name: &Hash| {
        gathered.iter().any(|((bundle, _, parts), pieces)| {
            // A piece beyond the count belongs to no gathering.
            let pieces: Vec<_> = pieces.range(..*parts).map(|(_, ways)| ways).collect();
            let one_way = pieces.iter().all(|ways| ways.len() == 1);
            let prices = pieces.iter().copied().flatten().flatten();
            let prices = prices.map(|(sku, price)| BundlePrice { sku: sku.clone(), price: *price });
            let prices: Vec<_> = prices.collect();
            bundle == name
                && one_way
                && pieces.len() == usize::from(*parts)
                && bundle_name(&prices).unwrap() == *name
        })
    };
    let switches = of_controls().filter_map(|one| match &one.payload {
        Payload::PricesScheduled(switch) if switch.from_ms <= at_ms && whole(&switch.bundle) => {
            let log = log_of(one.seed, Lane::Catalogue).id();
            Some((switch.from_ms, one.clock, log, one.number, switch.bundle))
        }
        _ => None,
    });
    switches.max().map(|(.., bundle)| bundle)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_repetition_gives_the_same_rows_and_the_same_bundle_in_force(
        steps in steps(),
        luck in vec(any::<proptest::sample::Index>(), 60),
    ) {
        let given = statements(&steps);
        let rows = Rows::of(&given);
        let mut shuffled = given.clone();
        for (at, luck) in luck.iter().enumerate() {
            let len = shuffled.len();
            shuffled.swap(at % len, luck.index(len));
        }
        shuffled.extend(luck.iter().take(9).map(|luck| luck.get(&given).clone()));
        prop_assert_eq!(&Rows::of(&shuffled).0, &rows.0);
        let store = rows.store();
        for at_ms in -3..4 {
            let found = in_force(&store, scope(), at_ms).unwrap().map(|switch| switch.bundle);
            prop_assert_eq!(found, plainly(&given, at_ms), "at {}", at_ms);
        }
        // Every row is a small one, and none is left of what reads as nothing.
        let (from, to) = switches(scope(), None, None);
        prop_assert!(store.last(&from, &to).unwrap().is_none_or(|(_, row)| row.len() == 32));
    }
}
