//! What a catalogue does with one edit, one clash, one hostile change.

use automerge::legacy::{Key, ObjectId, OpId, OpType, SortedVec};
use automerge::{ActorId, Automerge, Change, ExpandedChange, ObjType, ROOT, ScalarValue};
use automerge::{ReadDoc, transaction::Transactable};

use super::limits::{CHANGE_BYTES_MAX, EDIT_HEADS_MAX, NAME_BYTES_MAX, PRICE_MAX};
use super::*;

pub(super) fn actor(number: u8) -> Vec<u8> {
    vec![number; 16]
}

pub(super) fn named(sku: &str, name: &str) -> ItemEdit {
    ItemEdit { sku: sku.into(), name: Some(name.into()), ..ItemEdit::default() }
}

pub(super) fn priced(sku: &str, price: i64) -> ItemEdit {
    ItemEdit { sku: sku.into(), price: Some(price), ..ItemEdit::default() }
}

/// A change with its contents altered, and a true hash and checksum again.
pub(super) fn forged(bytes: &[u8], alter: impl FnOnce(&mut ExpandedChange)) -> Vec<u8> {
    let mut expanded = Change::try_from(bytes).unwrap().decode();
    alter(&mut expanded);
    Change::from(expanded).raw_bytes().to_vec()
}

pub(super) fn hash_of(bytes: &[u8]) -> automerge::ChangeHash {
    Change::try_from(bytes).unwrap().hash()
}

/// Edits and applies; the raw changes.
fn edit(catalogue: &mut Catalogue, by: u8, items: &[ItemEdit]) -> Vec<Vec<u8>> {
    let edits = catalogue.edit(&actor(by), items).unwrap();
    for edit in &edits {
        assert_eq!(catalogue.apply(&edit.bytes, &actor(by)), Applied::Applied);
    }
    edits.into_iter().map(|edit| edit.bytes).collect()
}

fn one(catalogue: &mut Catalogue, by: u8, item: ItemEdit) -> Vec<u8> {
    let mut changes = edit(catalogue, by, &[item]);
    assert_eq!(changes.len(), 1);
    changes.remove(0)
}

fn price(catalogue: &mut Catalogue, sku: &str) -> Option<i64> {
    catalogue.item(sku).and_then(|item| item.price)
}

#[test]
fn an_edit_is_seen_once_it_is_applied() {
    let mut catalogue = Catalogue::new();
    let item = ItemEdit { price: Some(250), ..named("4006381333931", "pen, blue") };
    let edits = catalogue.edit(&actor(1), std::slice::from_ref(&item)).unwrap();
    assert_eq!(catalogue.items(), BTreeMap::new());
    assert_eq!(catalogue.apply(&edits[0].bytes, &actor(1)), Applied::Applied);
    let seen = catalogue.item("4006381333931").unwrap();
    assert_eq!((seen.name.as_deref(), seen.price), (Some("pen, blue"), Some(250)));
    assert_eq!(catalogue.items(), BTreeMap::from([(item.sku, seen)]));
}

#[test]
fn an_edit_that_sets_nothing_new_is_no_change() {
    let mut catalogue = Catalogue::new();
    edit(&mut catalogue, 1, &[priced("a", 5), named("b", "bee")]);
    assert_eq!(catalogue.edit(&actor(2), &[priced("a", 5), named("b", "bee")]), Ok(vec![]));
    assert_eq!(catalogue.edit(&actor(2), &[]), Ok(vec![]));
}

#[test]
fn an_edit_names_the_items_it_sets() {
    let mut catalogue = Catalogue::new();
    edit(&mut catalogue, 1, &[priced("a", 5)]);
    let edits = catalogue.edit(&actor(1), &[priced("a", 5), priced("b", 6)]).unwrap();
    assert_eq!(edits[0].skus, BTreeSet::from(["b".to_owned()]));
}

#[test]
fn equal_catalogues_write_equal_bytes() {
    let write = || {
        let mut catalogue = Catalogue::new();
        edit(&mut catalogue, 1, &[priced("b", 5), priced("a", 5), priced("a", 6)])
    };
    assert_eq!(write(), write());
}

#[test]
fn two_stalls_that_create_one_item_apart_keep_all_fields_of_both() {
    let (mut one_side, mut other) = (Catalogue::new(), Catalogue::new());
    let left = one(&mut one_side, 1, named("a", "apple"));
    let right = one(&mut other, 2, priced("a", 90));
    one_side.apply(&right, &actor(2));
    other.apply(&left, &actor(1));
    let item = one_side.item("a").unwrap();
    assert_eq!((item.name.as_deref(), item.price), (Some("apple"), Some(90)));
    assert_eq!(other.item("a"), Some(item));
}

#[test]
fn prices_set_apart_stay_a_conflict_until_somebody_settles_it() {
    let mut catalogue = Catalogue::new();
    let (left, right) = (Catalogue::new().edit(&actor(1), &[priced("a", 90)]), {
        Catalogue::new().edit(&actor(2), &[priced("a", 80)])
    });
    catalogue.apply(&left.unwrap()[0].bytes, &actor(1));
    catalogue.apply(&right.unwrap()[0].bytes, &actor(2));
    let item = catalogue.item("a").unwrap();
    assert_eq!((item.price, item.price_conflicts), (Some(80), vec![80, 90]));
    // The price that already wins settles it too.
    one(&mut catalogue, 3, priced("a", 80));
    let item = catalogue.item("a").unwrap();
    assert_eq!((item.price, item.price_conflicts), (Some(80), vec![]));
}

#[test]
fn an_item_is_withdrawn_and_put_back() {
    let mut catalogue = Catalogue::new();
    let off = |withdrawn| ItemEdit { withdrawn: Some(withdrawn), ..priced("a", 5) };
    one(&mut catalogue, 1, off(true));
    assert!(catalogue.item("a").unwrap().withdrawn);
    one(&mut catalogue, 1, off(false));
    assert!(!catalogue.item("a").unwrap().withdrawn);
}

#[test]
fn an_import_is_split_into_changes_that_each_fit() {
    let mut catalogue = Catalogue::new();
    let name = "n".repeat(NAME_BYTES_MAX);
    let items: Vec<_> = (0..1_000)
        .map(|number| ItemEdit { price: Some(PRICE_MAX), ..named(&format!("{number:060}"), &name) })
        .collect();
    let changes = edit(&mut catalogue, 1, &items);
    assert!(changes.iter().all(|bytes| bytes.len() <= CHANGE_BYTES_MAX));
    let bytes: usize = changes.iter().map(Vec::len).sum();
    assert!(changes.len() < bytes / CHANGE_BYTES_MAX * 5 / 4 + 2, "changes are well filled");
    assert_eq!(catalogue.items().len(), 1_000);
}

#[test]
fn an_edit_out_of_bounds_is_refused_whole() {
    let mut catalogue = Catalogue::new();
    let mut check = |item: ItemEdit, expected: EditError| {
        assert_eq!(catalogue.edit(&actor(1), &[priced("ok", 1), item]), Err(expected));
    };
    let value = |field| EditError::Value { sku: "a".into(), field };
    check(priced("", 1), EditError::Sku(String::new()));
    check(priced("a\u{7}", 1), EditError::Sku("a\u{7}".into()));
    check(priced("a", -1), value("price"));
    check(priced("a", PRICE_MAX + 1), value("price"));
    check(named("a", ""), value("name"));
    check(named("a", &"n".repeat(NAME_BYTES_MAX + 1)), value("name"));
    assert_eq!(catalogue.edit(&[1; 15], &[]), Err(EditError::ActorLength(15)));
    assert_eq!(catalogue.edit(&[1; 33], &[]), Err(EditError::ActorLength(33)));
}

#[test]
fn a_change_waits_for_what_it_depends_on() {
    let mut source = Catalogue::new();
    let first = one(&mut source, 1, priced("a", 1));
    let second = one(&mut source, 2, priced("b", 2));
    let mut catalogue = Catalogue::new();
    assert_eq!(catalogue.apply(&second, &actor(2)), Applied::Pending);
    assert_eq!(catalogue.items(), BTreeMap::new());
    assert_eq!(catalogue.take_touched().skus, BTreeSet::new());
    assert_eq!(catalogue.apply(&first, &actor(1)), Applied::Applied);
    assert_eq!(catalogue.apply(&first, &actor(1)), Applied::Duplicate);
    let touched = catalogue.take_touched();
    assert_eq!(touched.skus, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    assert_eq!(touched.changes.len(), 2);
    assert_eq!(catalogue.items(), source.items());
    assert_eq!(catalogue.take_touched(), Touched::default());
}

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
fn a_field_of_a_later_version_is_kept_and_not_shown() {
    let mut catalogue = Catalogue::new();
    let change = catalogue.edit(&actor(1), &[named("a", "apple")]).unwrap().remove(0).bytes;
    let later = forged(&change, |change| {
        change.operations[0].key = Key::Map("colour/a".into());
    });
    assert_eq!(catalogue.apply(&later, &actor(1)), Applied::Applied);
    assert_eq!(catalogue.item("a"), None);
    assert_eq!(catalogue.items(), BTreeMap::new());
    one(&mut catalogue, 1, priced("a", 1));
    assert_eq!(price(&mut catalogue, "a"), Some(1));
}

#[test]
fn an_edit_on_many_heads_joins_them_step_by_step() {
    let mut catalogue = Catalogue::new();
    let heads = EDIT_HEADS_MAX * 2;
    for number in 0..heads {
        let by = [&[9_u8; 14][..], &(number as u16).to_be_bytes()].concat();
        let change = Catalogue::new().edit(&by, &[priced(&number.to_string(), 1)]);
        catalogue.apply(&change.unwrap()[0].bytes, &by);
    }
    for round in 0..4 {
        let change = one(&mut catalogue, 1, priced("joined", round));
        assert!(Change::try_from(&change[..]).unwrap().deps().len() <= EDIT_HEADS_MAX + 1);
    }
    let last = one(&mut catalogue, 1, priced("joined", 9));
    assert_eq!(Change::try_from(&last[..]).unwrap().deps().len(), 1);
    assert_eq!(catalogue.items().len(), heads + 1);
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

#[test]
fn automerge_reads_the_same_items_from_the_raw_changes() {
    let mut catalogue = Catalogue::new();
    let mut changes = edit(&mut catalogue, 1, &[priced("a", 1), named("b", "bee")]);
    changes.push(one(&mut catalogue, 2, priced("a", 2)));
    let mut document = Automerge::new();
    let read = |bytes: &Vec<u8>| Change::try_from(&bytes[..]).unwrap();
    document.apply_changes(changes.iter().map(read).collect::<Vec<_>>()).unwrap();
    let value = document.get(ROOT, "price/a").unwrap().unwrap().0;
    assert_eq!(value.to_i64(), Some(2));
    // And one written by automerge's own transaction is let in.
    document.set_actor(ActorId::from(actor(3)));
    let mut transaction = document.transaction();
    transaction.put(ROOT, "price/a", 3).unwrap();
    transaction.delete(ROOT, "name/b").unwrap();
    transaction.commit();
    let change = document.get_last_local_change().unwrap();
    assert_eq!(catalogue.apply(change.raw_bytes(), &actor(3)), Applied::Applied);
    assert_eq!((price(&mut catalogue, "a"), catalogue.item("b")), (Some(3), None));
}
