//! What a catalogue does with changes that no honest replica makes.

use automerge::legacy::{Key, ObjectId, OpId, OpType, SortedVec};
use automerge::{ActorId, Automerge, Change, ExpandedChange, ObjType, ScalarValue};

use super::limits::CHANGE_BYTES_MAX;
use super::tests::{actor, edit, forged, hash_of, one, price, priced};
use super::*;
use std::collections::BTreeSet;

#[test]
fn two_changes_of_one_actor_and_number_fall_with_their_dependents() {
    let mut source = Catalogue::new();
    let first = one(&mut source, 1, priced("a", 1));
    let second = one(&mut source, 1, priced("b", 2));
    let third = one(&mut source, 2, priced("c", 3));
    let twin = forged(&second, |change| {
        change.operations[0].action = OpType::Put(ScalarValue::Int(99));
    });
    let forked = Applied::Quarantined(Quarantine::Forked);
    let mut orders = vec![[&first, &second, &third, &twin], [&twin, &third, &second, &first]];
    orders.push([&third, &twin, &first, &second]);
    for order in orders {
        let mut catalogue = Catalogue::new();
        let mut outcomes = Vec::new();
        for bytes in order {
            let by = if std::ptr::eq(bytes, &third) { 2 } else { 1 };
            outcomes.push(catalogue.apply(bytes, &actor(by)));
        }
        assert!(outcomes.contains(&forked));
        assert_eq!(price(&mut catalogue, "a"), Some(1));
        assert_eq!((price(&mut catalogue, "b"), price(&mut catalogue, "c")), (None, None));
        let status = |bytes: &[u8], by| catalogue.status(&change_id(bytes, &actor(by)));
        assert_eq!(status(&second, 1), Some(Status::Quarantined(Quarantine::Forked)));
        assert_eq!(status(&twin, 1), Some(Status::Quarantined(Quarantine::Forked)));
        assert_eq!(status(&third, 2), Some(Status::Quarantined(Quarantine::Dependent)));
    }
}

#[test]
fn a_fork_touches_the_items_it_reverts() {
    let mut catalogue = Catalogue::new();
    one(&mut catalogue, 1, priced("a", 1));
    let change = one(&mut catalogue, 2, priced("a", 2));
    one(&mut catalogue, 3, priced("b", 3));
    catalogue.take_touched();
    let twin = forged(&change, |change| change.operations.clear());
    assert_eq!(
        catalogue.apply(&twin, &actor(2)),
        Applied::Quarantined(Quarantine::OutsideProfile),
        "a change that is not sound by itself takes nobody's number"
    );
    assert_eq!(price(&mut catalogue, "a"), Some(2));
    let twin = forged(&change, |change| {
        change.operations[0].action = OpType::Put(ScalarValue::Int(4));
    });
    catalogue.apply(&twin, &actor(2));
    let touched = catalogue.take_touched();
    assert_eq!(touched.skus, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    assert_eq!((price(&mut catalogue, "a"), price(&mut catalogue, "b")), (Some(1), None));
}

#[test]
fn an_actor_whose_changes_do_not_stand_writes_no_more() {
    let mut catalogue = Catalogue::new();
    let change = one(&mut catalogue, 1, priced("a", 1));
    let twin = forged(&change, |change| {
        change.operations[0].action = OpType::Put(ScalarValue::Int(4));
    });
    catalogue.apply(&twin, &actor(1));
    let refused = catalogue.edit(&actor(1), &[priced("a", 5)]);
    assert_eq!(refused, Err(EditError::ActorNotInStep));
    one(&mut catalogue, 2, priced("a", 5));
    assert_eq!(price(&mut catalogue, "a"), Some(5));
}

#[test]
fn a_change_under_another_branch_is_quarantined_and_harms_nobody() {
    let mut catalogue = Catalogue::new();
    let change = catalogue.edit(&actor(1), &[priced("a", 1)]).unwrap().remove(0).bytes;
    let foreign = Applied::Quarantined(Quarantine::ForeignActor);
    assert_eq!(catalogue.apply(&change, &actor(2)), foreign);
    assert_eq!(catalogue.apply(&change, &actor(1)), Applied::Applied);
    assert_eq!(catalogue.apply(&change, &actor(2)), Applied::Duplicate);
}

/// Alters the second of two changes by actor 1, which set the price of `a`, and gives both
/// to a new catalogue.
#[track_caller]
fn check_forged(alter: impl FnOnce(&mut ExpandedChange), expected: Quarantine) {
    let mut source = Catalogue::new();
    let first = edit(&mut source, 1, &[priced("a", 1), priced("b", 1)]).remove(0);
    let second = one(&mut source, 1, priced("a", 2));
    let bad = forged(&second, alter);
    let mut catalogue = Catalogue::new();
    catalogue.apply(&first, &actor(1));
    assert_eq!(catalogue.apply(&bad, &actor(1)), Applied::Quarantined(expected));
    assert_eq!(price(&mut catalogue, "a"), Some(1));
}

#[test]
fn a_change_the_catalogue_does_not_write_is_outside_of_the_profile() {
    let outside = Quarantine::OutsideProfile;
    let put = |value: ScalarValue| {
        move |c: &mut ExpandedChange| {
            c.operations[0].action = OpType::Put(value);
        }
    };
    check_forged(|change| change.message = Some("hello".into()), outside);
    check_forged(|change| change.time = 1, outside);
    check_forged(|change| change.extra_bytes = vec![1], outside);
    check_forged(|change| change.seq = 0, outside);
    check_forged(|change| change.seq = 1 << 40, outside);
    check_forged(|change| change.operations.clear(), outside);
    check_forged(|change| change.operations.push(change.operations[0].clone()), outside);
    check_forged(|change| change.deps.push(change.deps[0]), outside);
    check_forged(put(ScalarValue::F64(1.5)), outside);
    check_forged(put(ScalarValue::counter(1)), outside);
    check_forged(put(ScalarValue::Int(-1)), outside);
    check_forged(put(ScalarValue::Uint(1)), outside);
    check_forged(put(ScalarValue::Null), outside);
    check_forged(|c| c.operations[0].action = OpType::Make(ObjType::Map), outside);
    check_forged(|c| c.operations[0].action = OpType::Increment(1), outside);
    check_forged(|c| c.operations[0].key = Key::Map("nonsense".into()), outside);
    check_forged(|c| c.operations[0].insert = true, outside);
    let inside = |c: &mut ExpandedChange| {
        c.operations[0].obj = ObjectId::Id(OpId::new(1, &ActorId::from(actor(1))));
    };
    check_forged(inside, outside);
    let twice = |c: &mut ExpandedChange| {
        let pred = c.operations[0].pred.get(0).unwrap().clone();
        c.operations[0].pred = vec![pred.clone(), pred].into();
    };
    check_forged(twice, outside);
    let clears_nothing = |c: &mut ExpandedChange| {
        c.operations[0].action = OpType::Delete;
        c.operations[0].pred = SortedVec::new();
    };
    check_forged(clears_nothing, outside);
}

#[test]
fn a_change_that_does_not_fit_its_dependencies_is_quarantined() {
    let supersede = |counter, by| {
        move |change: &mut ExpandedChange| {
            let id = OpId::new(counter, &ActorId::from(actor(by)));
            change.operations[0].pred = vec![id].into();
        }
    };
    check_forged(|change| change.seq = 3, Quarantine::BrokenChain);
    check_forged(|change| change.deps.clear(), Quarantine::BrokenChain);
    let number = |at: u64| {
        move |change: &mut ExpandedChange| {
            change.start_op = at.try_into().unwrap();
        }
    };
    check_forged(number(4), Quarantine::BrokenNumbers);
    check_forged(number(2), Quarantine::BrokenNumbers);
    check_forged(number(u64::from(u32::MAX)), Quarantine::BrokenNumbers);
    check_forged(supersede(2, 1), Quarantine::BrokenPredecessor); // of another key
    check_forged(supersede(3, 1), Quarantine::BrokenPredecessor); // itself
    check_forged(supersede(9, 1), Quarantine::BrokenPredecessor);
    check_forged(supersede(1, 2), Quarantine::BrokenPredecessor); // of nobody
}

#[test]
fn a_value_set_apart_cannot_be_superseded_unseen() {
    let mut source = Catalogue::new();
    let apart = one(&mut source, 2, priced("a", 7));
    let mine = Catalogue::new().edit(&actor(1), &[priced("a", 1)]).unwrap().remove(0).bytes;
    let blind = forged(&mine, |change| {
        change.operations[0].pred = vec![OpId::new(1, &ActorId::from(actor(2)))].into();
    });
    let broken = Applied::Quarantined(Quarantine::BrokenPredecessor);
    for order in [[(&apart, 2), (&blind, 1)], [(&blind, 1), (&apart, 2)]] {
        let mut catalogue = Catalogue::new();
        let outcomes = order.map(|(bytes, by)| catalogue.apply(bytes, &actor(by)));
        assert!(outcomes.contains(&broken));
        assert_eq!(catalogue.items(), source.items());
    }
}

#[test]
fn a_value_set_later_by_an_actor_that_was_seen_cannot_be_superseded_unseen() {
    let mut source = Catalogue::new();
    let seen = one(&mut source, 2, priced("a", 7));
    let unseen = one(&mut source, 2, priced("a", 8));
    let mut other = Catalogue::new();
    other.apply(&seen, &actor(2));
    let mine = one(&mut other, 1, priced("a", 9));
    let blind = forged(&mine, |change| {
        change.operations[0].pred = vec![OpId::new(2, &ActorId::from(actor(2)))].into();
    });
    let mut catalogue = Catalogue::new();
    catalogue.apply(&seen, &actor(2));
    catalogue.apply(&unseen, &actor(2));
    let broken = Applied::Quarantined(Quarantine::BrokenPredecessor);
    assert_eq!(catalogue.apply(&blind, &actor(1)), broken);
    assert_eq!(catalogue.items(), source.items());
}

#[test]
fn a_clearing_cannot_be_superseded() {
    let mut source = Catalogue::new();
    let first = one(&mut source, 1, priced("a", 1));
    let second = one(&mut source, 1, priced("a", 2));
    let third = one(&mut source, 1, priced("a", 3));
    let clearing = forged(&second, |change| change.operations[0].action = OpType::Delete);
    let onto = forged(&third, |change| change.deps = vec![hash_of(&clearing)]);
    let mut catalogue = Catalogue::new();
    catalogue.apply(&first, &actor(1));
    assert_eq!(catalogue.apply(&clearing, &actor(1)), Applied::Applied);
    assert_eq!(catalogue.item("a"), None);
    let broken = Applied::Quarantined(Quarantine::BrokenPredecessor);
    assert_eq!(catalogue.apply(&onto, &actor(1)), broken);
}

#[test]
fn a_second_encoding_of_a_change_is_quarantined() {
    let mut catalogue = Catalogue::new();
    let off = ItemEdit::of("a").set(Field::Withdrawn, Value::Flag(true));
    let change = catalogue.edit(&actor(1), &[off]).unwrap().remove(0).bytes;
    // Names one column more, the values' bytes, which is empty: a head of 10 bytes and 23
    // of body, the count of columns, four columns of two bytes each before it.
    let (count, at) = (10 + 23, 10 + 24 + 4 * 2);
    let mut longer = [&change[..at], &[0x57, 0], &change[at..]].concat();
    longer[9] += 2;
    longer[count] += 1;
    let hash = hash_of(&longer);
    longer[4..8].copy_from_slice(&hash.0[..4]);
    assert_eq!(Change::try_from(&longer[..]).unwrap().decode().operations.len(), 1);
    let outside = Applied::Quarantined(Quarantine::OutsideProfile);
    assert_eq!(catalogue.apply(&longer, &actor(1)), outside);
    assert_eq!(catalogue.apply(&change, &actor(1)), Applied::Applied);
}

#[test]
fn bytes_that_are_no_change_are_quarantined() {
    let mut catalogue = Catalogue::new();
    let change = catalogue.edit(&actor(1), &[priced("a", 1)]).unwrap().remove(0).bytes;
    let mut check = |bytes: &[u8], expected| {
        let outcome = catalogue.apply(bytes, &actor(1));
        assert_eq!(outcome, Applied::Quarantined(expected));
    };
    check(&[], Quarantine::NotAChange);
    check(b"price of a: 1", Quarantine::NotAChange);
    check(&change[..change.len() - 1], Quarantine::NotAChange);
    check(&[&change[..], &[0]].concat(), Quarantine::NotAChange);
    check(&vec![0x85; CHANGE_BYTES_MAX + 1], Quarantine::TooLarge);
    let mut wrong_sum = change.clone();
    wrong_sum[4] ^= 1;
    check(&wrong_sum, Quarantine::NotAChange);
    let mut saved = Automerge::new();
    saved.apply_changes([Change::try_from(&change[..]).unwrap()]).unwrap();
    check(&saved.save(), Quarantine::NotAChange);
}

#[test]
fn what_automerge_will_not_take_is_found_and_set_aside() {
    let mut catalogue = Catalogue::new();
    let mut source = Catalogue::new();
    let mut bad = Vec::new();
    for number in 0..20 {
        let change = one(&mut source, 1, priced(&number.to_string(), 1));
        if number == 13 {
            bad = change.clone();
        }
        catalogue.apply(&change, &actor(1));
    }
    let apart = Catalogue::new().edit(&actor(2), &[priced("apart", 1)]).unwrap().remove(0);
    catalogue.apply(&apart.bytes, &actor(2));
    document::refuse_in_tests(hash_of(&bad));
    let touched = catalogue.take_touched();
    assert_eq!(catalogue.items().len(), 14);
    assert_eq!(price(&mut catalogue, "apart"), Some(1));
    assert_eq!(price(&mut catalogue, "13"), None);
    assert!(touched.skus.contains("19"));
    let status = |number| catalogue.status(&change_id(number, &actor(1)));
    assert_eq!(status(&bad), Some(Status::Quarantined(Quarantine::Refused)));
}
