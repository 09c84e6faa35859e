//! The catalogue's claim: what it shows is a function of the set of changes.
//!
//! A market of stalls edits, syncs in part, restarts and is attacked at random; the changes
//! that come out are then delivered in random orders, more than once, to new catalogues.

use std::collections::{BTreeMap, BTreeSet};

use automerge::legacy::{OpId, OpType};
use automerge::{ActorId, Automerge, Change, ExpandedChange, ROOT, ReadDoc, ScalarValue};
use proptest::prelude::*;
use proptest::sample::Index;

use super::tests::{actor, forged, hash_of, named, priced};
use super::*;

const STALLS: usize = 3;
const SKUS: [&str; 4] = ["a", "b", "a/b", "name/a"];

/// A raw change and the actor of the branch that carries it.
#[derive(Clone, Debug, PartialEq)]
struct Delivery {
    bytes: Vec<u8>,
    actor: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Step {
    Edit { stall: usize, sku: usize, value: u8, also: Option<usize> },
    Sync { from: usize, to: usize },
    Restart { stall: usize },
    Attack { of: Index, other: Index, attack: Attack, at: usize },
}

#[derive(Clone, Debug)]
enum Attack {
    /// Another change of the same actor and number.
    Twin(i64),
    /// The change under another branch.
    Stolen,
    /// It depends on another change as well, or on nothing that exists.
    Tied,
    Dangling,
    /// It forgets what it supersedes, or supersedes what another change set.
    Blind,
    Overreach,
    Numbered(u8),
    Skipped,
    /// One byte changed, with a true checksum where the rest can be read.
    Flipped(Index, u8),
    Garbage(Vec<u8>),
}

fn attack() -> impl Strategy<Value = Attack> {
    prop_oneof![
        3 => (1_000_i64..1_003).prop_map(Attack::Twin),
        1 => Just(Attack::Stolen),
        1 => Just(Attack::Tied),
        1 => Just(Attack::Dangling),
        1 => Just(Attack::Blind),
        2 => Just(Attack::Overreach),
        1 => any::<u8>().prop_map(Attack::Numbered),
        1 => Just(Attack::Skipped),
        2 => (any::<Index>(), 1_u8..).prop_map(|(at, flip)| Attack::Flipped(at, flip)),
        1 => proptest::collection::vec(any::<u8>(), 0..40).prop_map(Attack::Garbage),
    ]
}

fn step(hostile: bool) -> impl Strategy<Value = Step> {
    let stall = || 0..STALLS;
    let edit = (stall(), 0..SKUS.len(), 0_u8..6, proptest::option::of(0..SKUS.len()))
        .prop_map(|(stall, sku, value, also)| Step::Edit { stall, sku, value, also });
    let attacked = (any::<Index>(), any::<Index>(), attack(), stall())
        .prop_map(|(of, other, attack, at)| Step::Attack { of, other, attack, at });
    prop_oneof![
        6 => edit,
        3 => (stall(), stall()).prop_map(|(from, to)| Step::Sync { from, to }),
        1 => stall().prop_map(|stall| Step::Restart { stall }),
        if hostile { 3 } else { 0 } => attacked,
    ]
}

/// Stalls, each with the deliveries that it knows of.
struct Market {
    stalls: Vec<Catalogue>,
    known: Vec<BTreeSet<usize>>,
    epochs: Vec<u8>,
    deliveries: Vec<Delivery>,
}

impl Market {
    fn run(steps: &[Step]) -> Vec<Delivery> {
        let mut market = Market {
            stalls: (0..STALLS).map(|_| Catalogue::new()).collect(),
            known: vec![BTreeSet::new(); STALLS],
            epochs: (0..STALLS as u8).collect(),
            deliveries: Vec::new(),
        };
        for step in steps {
            market.step(step);
        }
        market.deliveries
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Edit { stall, sku, value, also } => {
                let price = |sku: usize| priced(SKUS[sku], i64::from(*value));
                let mut items = match value {
                    0 => vec![named(SKUS[*sku], "zero")],
                    _ => vec![price(*sku)],
                };
                items.extend(also.map(price));
                self.edit(*stall, &items);
            }
            Step::Sync { from, to } => {
                for at in self.known[*from].clone() {
                    self.deliver(*to, at);
                }
            }
            Step::Restart { stall } => self.epochs[*stall] += STALLS as u8,
            Step::Attack { of, other, attack, at } => {
                if self.deliveries.is_empty() {
                    return;
                }
                let of = of.get(&self.deliveries).clone();
                let other = other.get(&self.deliveries).clone();
                if let Some(bad) = attacked(attack, of, &other) {
                    self.deliveries.push(bad);
                    self.deliver(*at, self.deliveries.len() - 1);
                }
            }
        }
    }

    fn edit(&mut self, stall: usize, items: &[ItemEdit]) {
        let actor = actor(self.epochs[stall]);
        match self.stalls[stall].edit(&actor, items) {
            Ok(edits) => {
                for edit in edits {
                    self.deliveries.push(Delivery { bytes: edit.bytes, actor: actor.clone() });
                    self.deliver(stall, self.deliveries.len() - 1);
                }
            }
            Err(EditError::ActorNotInStep) => self.epochs[stall] += STALLS as u8,
            Err(error) => panic!("{error}"),
        }
    }

    fn deliver(&mut self, to: usize, at: usize) {
        let delivery = &self.deliveries[at];
        self.stalls[to].apply(&delivery.bytes, &delivery.actor);
        self.known[to].insert(at);
    }
}

fn attacked(attack: &Attack, of: Delivery, other: &Delivery) -> Option<Delivery> {
    let with = |bytes| Some(Delivery { bytes, actor: of.actor.clone() });
    match attack {
        Attack::Stolen => return Some(Delivery { actor: other.actor.clone(), ..of }),
        Attack::Garbage(bytes) => return with(bytes.clone()),
        Attack::Flipped(at, flip) => {
            let mut bytes = of.bytes.clone();
            *at.get_mut(&mut bytes) ^= flip;
            // Bytes that the frame refuses may keep automerge busy without end.
            if frame::actor_of(&bytes).is_ok()
                && let Ok(change) = Change::try_from(&bytes[..])
            {
                bytes[4..8].copy_from_slice(&change.hash().0[..4]);
            }
            return with(bytes);
        }
        _ => {}
    }
    // What was attacked before may not be readable any more.
    let readable = |bytes| frame::actor_of(bytes).is_ok() && Change::try_from(bytes).is_ok();
    if !readable(&of.bytes) || !readable(&other.bytes) {
        return None;
    }
    with(forged(&of.bytes, |change| alter(attack, change, &other.bytes)))
}

fn alter(attack: &Attack, change: &mut ExpandedChange, other: &[u8]) {
    let op = &mut change.operations[0];
    match attack {
        Attack::Twin(price) => op.action = OpType::Put(ScalarValue::Int(*price)),
        Attack::Tied => change.deps.push(hash_of(other)),
        Attack::Dangling => change.deps.push(automerge::ChangeHash([7; 32])),
        Attack::Blind => op.pred = vec![].into(),
        Attack::Overreach => {
            let other = Change::try_from(other).unwrap();
            let id = OpId::new(other.start_op().get(), other.actor_id());
            op.pred = vec![id].into();
            change.deps = vec![other.hash()];
            change.start_op = (other.max_op() + 1).try_into().unwrap();
            change.actor_id = ActorId::from(change.actor_id.to_bytes());
        }
        Attack::Numbered(by) => {
            change.start_op = change.start_op.saturating_add(u64::from(*by));
        }
        Attack::Skipped => change.seq += 1,
        _ => unreachable!("handled on the bytes"),
    }
}

type State = (BTreeMap<String, Item>, BTreeMap<ChangeId, Status>);

/// Delivers in an order, mirrors what is touched at some of the steps, and checks that the
/// mirror misses nothing.
fn deliver(deliveries: &[Delivery], order: &[usize], looks: &[bool]) -> State {
    let mut catalogue = Catalogue::new();
    let mut mirror = State::default();
    for (step, at) in order.iter().enumerate() {
        let delivery = &deliveries[*at];
        catalogue.apply(&delivery.bytes, &delivery.actor);
        if looks[step % looks.len()] || step + 1 == order.len() {
            reflect(&mut catalogue, &mut mirror);
            assert_eq!(mirror.0, catalogue.items());
            assert_eq!(mirror.1, catalogue.statuses());
        }
    }
    mirror
}

fn reflect(catalogue: &mut Catalogue, mirror: &mut State) {
    let touched = catalogue.take_touched();
    for sku in touched.skus {
        match catalogue.item(&sku) {
            Some(item) => mirror.0.insert(sku, item),
            None => mirror.0.remove(&sku),
        };
    }
    for id in touched.changes {
        mirror.1.extend(catalogue.status(&id).map(|status| (id, status)));
    }
}

/// A market's deliveries, and two orders that hold each at least once.
fn deliveries_in_two_orders() -> impl Strategy<Value = (Vec<Delivery>, Vec<usize>, Vec<usize>)> {
    let steps = proptest::collection::vec(step(true), 1..40);
    steps.prop_map(|steps| Market::run(&steps)).prop_flat_map(|deliveries| {
        let count = deliveries.len();
        let twice: Vec<_> = (0..count).chain(0..count).collect();
        let order = Just(twice).prop_shuffle();
        (Just(deliveries), Just((0..count).collect()), order)
    })
}

proptest! {
    #[test]
    fn any_order_and_repetition_gives_the_same_state_and_the_mirror_misses_nothing(
        (deliveries, straight, shuffled) in deliveries_in_two_orders(),
        looks in proptest::collection::vec(any::<bool>(), 1..8),
    ) {
        let first = deliver(&deliveries, &straight, &[true]);
        let second = deliver(&deliveries, &shuffled, &looks);
        prop_assert_eq!(first, second);
    }

    #[test]
    fn honest_changes_all_stand_and_automerge_agrees(
        steps in proptest::collection::vec(step(false), 1..40),
    ) {
        let deliveries = Market::run(&steps);
        let order: Vec<_> = (0..deliveries.len()).rev().collect();
        let (items, statuses) = deliver(&deliveries, &order, &[false]);
        prop_assert!(statuses.values().all(|status| *status == Status::Applied));
        let mut document = Automerge::new();
        let read = |delivery: &Delivery| Change::try_from(&delivery.bytes[..]).unwrap();
        document.apply_changes(deliveries.iter().map(read).collect::<Vec<_>>()).unwrap();
        for sku in SKUS {
            let price = document.get(ROOT, format!("price/{sku}")).unwrap();
            let price = price.and_then(|(value, _)| value.as_i64());
            prop_assert_eq!(items.get(sku).and_then(|item| item.price), price);
        }
    }
}
