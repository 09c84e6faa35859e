//! What a catalogue does with edits, clashes and the order of arrival.

use automerge::legacy::Key;
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, Change, ExpandedChange, ROOT, ReadDoc};

use super::limits::{CHANGE_BYTES_MAX, EDIT_HEADS_MAX, NAME_BYTES_MAX, PRICE_MAX};
use super::merged::*;
use super::*;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn actor(number: u8) -> Vec<u8> {
    vec![number; 16]
}

pub(super) fn named(sku: &str, name: &str) -> ItemEdit {
    ItemEdit::of(sku).text(Field::Name, name)
}

pub(super) fn priced(sku: &str, price: i64) -> ItemEdit {
    ItemEdit::of(sku).price(price)
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
pub(super) fn edit(catalogue: &mut Catalogue, by: u8, items: &[ItemEdit]) -> Vec<Vec<u8>> {
    let edits = catalogue.edit(&actor(by), items).unwrap();
    for edit in &edits {
        assert_eq!(catalogue.apply(&edit.bytes, &actor(by)), Applied::Applied);
    }
    edits.into_iter().map(|edit| edit.bytes).collect()
}

pub(super) fn one(catalogue: &mut Catalogue, by: u8, item: ItemEdit) -> Vec<u8> {
    let mut changes = edit(catalogue, by, &[item]);
    assert_eq!(changes.len(), 1);
    changes.remove(0)
}

pub(super) fn price(catalogue: &mut Catalogue, sku: &str) -> Option<i64> {
    catalogue.item(sku).and_then(|item| item.price)
}

#[test]
fn an_edit_is_seen_once_it_is_applied() {
    let mut catalogue = Catalogue::new();
    let item = named("4006381333931", "pen, blue").price(250);
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
    let clash = vec![Value::Number(80), Value::Number(90)];
    assert_eq!((item.price, item.conflicts), (Some(80), [("price".to_owned(), clash)].into()));
    // The price that already wins settles it too.
    one(&mut catalogue, 3, priced("a", 80));
    let item = catalogue.item("a").unwrap();
    assert_eq!((item.price, item.conflicts), (Some(80), BTreeMap::new()));
}

#[test]
fn an_item_is_withdrawn_and_put_back() {
    let mut catalogue = Catalogue::new();
    let off = |withdrawn| priced("a", 5).set(Field::Withdrawn, Value::Flag(withdrawn));
    one(&mut catalogue, 1, off(true));
    assert!(catalogue.item("a").unwrap().withdrawn);
    one(&mut catalogue, 1, off(false));
    assert!(!catalogue.item("a").unwrap().withdrawn);
}

#[test]
fn an_import_is_split_into_changes_that_each_fit() {
    let mut catalogue = Catalogue::new();
    let name = "n".repeat(NAME_BYTES_MAX);
    let items: Vec<_> =
        (0..1_000).map(|number| named(&format!("{number:060}"), &name).price(PRICE_MAX)).collect();
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
    let value = |field: Field| {
        let (sku, rule) = ("a".into(), field.rule());
        EditError::Value { sku, field: field.to_string(), rule }
    };
    check(priced("", 1), EditError::Sku(String::new()));
    check(priced("a\u{7}", 1), EditError::Sku("a\u{7}".into()));
    check(priced("a", -1), value(Field::Price));
    check(priced("a", PRICE_MAX + 1), value(Field::Price));
    check(named("a", ""), value(Field::Name));
    check(named("a", &"n".repeat(NAME_BYTES_MAX + 1)), value(Field::Name));
    for (field, text) in [
        (Field::Gtin, "4006381333932"),
        (Field::Unit, "bushel"),
        (Field::Tax, "Standard rate"),
        (Field::Policy, "later"),
    ] {
        check(ItemEdit::of("a").text(field.clone(), text), value(field));
    }
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

/// A catalogue on which many actors with long ids have edited apart.
fn apart(actors: usize, items: impl Fn(usize) -> Vec<ItemEdit>) -> Catalogue {
    let mut catalogue = Catalogue::new();
    for number in 0..actors {
        let by = [&[9_u8; 30][..], &(number as u16).to_be_bytes()].concat();
        for edit in Catalogue::new().edit(&by, &items(number)).unwrap() {
            assert_eq!(catalogue.apply(&edit.bytes, &by), Applied::Applied);
        }
    }
    catalogue
}

#[test]
fn an_edit_on_many_heads_joins_them_step_by_step() {
    let heads = EDIT_HEADS_MAX * 8;
    let mut catalogue = apart(heads, |number| vec![priced(&number.to_string(), 1)]);
    let mut edit_on = |round| {
        let change = one(&mut catalogue, 1, priced("joined", round));
        Change::try_from(&change[..]).unwrap().deps().len()
    };
    let joined: Vec<_> = (0..10).map(&mut edit_on).collect();
    assert!(joined.iter().all(|count| *count <= EDIT_HEADS_MAX + 1), "{joined:?}");
    assert_eq!(joined.last(), Some(&1), "{joined:?}");
    assert_eq!(catalogue.items().len(), heads + 1);
}

#[test]
fn an_import_on_many_heads_is_split_into_changes_that_each_fit() {
    let mut catalogue = apart(EDIT_HEADS_MAX, |number| vec![priced(&number.to_string(), 1)]);
    let name = "n".repeat(NAME_BYTES_MAX);
    let names: Vec<_> = (0..200).map(|number| named(&number.to_string(), &name)).collect();
    assert!(edit(&mut catalogue, 1, &names).len() > 1);
}

#[test]
fn prices_that_many_actors_set_are_superseded_in_changes_that_each_fit() {
    let all: Vec<_> = (0..600).map(|number| priced(&number.to_string(), 2)).collect();
    let mut catalogue = apart(600, |number| vec![priced(&number.to_string(), 1)]);
    for round in 0..4 {
        one(&mut catalogue, 1, priced("joined", round % 3));
    }
    one(&mut catalogue, 1, priced("joined", 2));
    assert!(edit(&mut catalogue, 1, &all).len() > 1);
    assert!(catalogue.items().values().all(|item| item.price == Some(2)));
}

#[test]
fn conflicts_of_many_actors_are_settled_in_changes_that_each_fit() {
    let chosen =
        |number: usize, sku: usize| !(number * 31 + sku * 17 + number * sku).is_multiple_of(3);
    let all = |price| move |sku: usize| priced(&format!("{sku:03}"), price);
    let mut catalogue = apart(EDIT_HEADS_MAX, |number| {
        let skus = (0..80).filter(|sku| chosen(number, *sku));
        skus.map(all(number as i64)).collect()
    });
    assert!(catalogue.items().values().all(|item| !item.conflicts.is_empty()));
    let settled: Vec<_> = (0..80).map(all(5_000)).collect();
    assert!(edit(&mut catalogue, 1, &settled).len() > 1);
    assert!(catalogue.items().values().all(|item| item.conflicts.is_empty()));
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
    assert_eq!(value.as_i64(), Some(2));
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

/// An item with every field set, in two languages.
fn full(sku: &str) -> ItemEdit {
    let name_in = |tag| Field::NameIn(Language::parse(tag).unwrap());
    named(sku, "cloth")
        .text(name_in("de"), "Stoff")
        .text(name_in("pt-br"), "tecido")
        .price(1_250)
        .text(Field::Gtin, "4006381333931")
        .text(Field::Unit, "m")
        .text(Field::Tax, "reduced")
        .text(Field::Category, "Fabrics")
        .set(Field::Page, Value::Number(2))
        .set(Field::Position, Value::Number(11))
        .text(Field::Policy, "promise")
}

#[test]
fn every_field_is_read_as_it_was_set() {
    let mut catalogue = Catalogue::new();
    one(&mut catalogue, 1, full("a"));
    let names = [("de", "Stoff"), ("pt-BR", "tecido")];
    let expected = Item {
        name: Some("cloth".into()),
        names: names.map(|(tag, name)| (tag.to_owned(), name.to_owned())).into(),
        price: Some(1_250),
        gtin: Some("4006381333931".into()),
        unit: Some("m".into()),
        tax: Some("reduced".into()),
        category: Some("Fabrics".into()),
        page: Some(2),
        position: Some(11),
        policy: Policy::Promise,
        withdrawn: false,
        conflicts: BTreeMap::new(),
    };
    assert_eq!(catalogue.item("a"), Some(expected.clone()));
    assert_eq!(catalogue.items(), BTreeMap::from([("a".to_owned(), expected)]));
}

#[test]
fn a_field_is_cleared_and_clearing_what_is_not_there_is_no_change() {
    let mut catalogue = Catalogue::new();
    one(&mut catalogue, 1, full("a"));
    let german = || Field::NameIn(Language::parse("de").unwrap());
    one(&mut catalogue, 2, ItemEdit::of("a").clear(Field::Gtin).clear(german()));
    let item = catalogue.item("a").unwrap();
    assert_eq!((item.gtin, item.names.len(), item.price), (None, 1, Some(1_250)));
    let again = [ItemEdit::of("a").clear(Field::Gtin), ItemEdit::of("b").clear(Field::Price)];
    assert_eq!(catalogue.edit(&actor(1), &again), Ok(vec![]));
}

#[test]
fn a_clash_is_listed_at_every_field() {
    let mut catalogue = Catalogue::new();
    let other = full("a").text(Field::Name, "stuff").text(Field::Gtin, "96385074");
    let other = other.text(Field::Policy, "custody").set(Field::Withdrawn, Value::Flag(true));
    for (by, item) in [(1, full("a")), (2, other)] {
        let change = Catalogue::new().edit(&actor(by), &[item]).unwrap().remove(0);
        catalogue.apply(&change.bytes, &actor(by));
    }
    let item = catalogue.item("a").unwrap();
    let clashes: Vec<_> = item.conflicts.keys().map(String::as_str).collect();
    assert_eq!(clashes, ["gtin", "name", "policy"]);
    assert_eq!(item.conflicts["name"], [Value::Text("cloth".into()), Value::Text("stuff".into())]);
    assert_eq!(catalogue.items()["a"], item);
}

#[test]
fn a_thirteenth_language_is_refused_until_one_is_cleared() {
    let mut catalogue = Catalogue::new();
    let name_in = |number: usize| {
        Field::NameIn(Language::parse(&format!("q{}", (b'a' + number as u8) as char)).unwrap())
    };
    for number in 0..limits::LANGUAGES_MAX {
        one(&mut catalogue, 1, ItemEdit::of("a").text(name_in(number), "n"));
    }
    let more = || ItemEdit::of("a").text(name_in(limits::LANGUAGES_MAX), "n");
    let refused = Err(EditError::Languages("a".into()));
    assert_eq!(catalogue.edit(&actor(1), &[more()]), refused);
    one(&mut catalogue, 1, more().clear(name_in(0)));
    assert_eq!(catalogue.item("a").unwrap().names.len(), limits::LANGUAGES_MAX);
}

#[test]
fn a_new_season_begins_with_what_stood_and_without_its_history() {
    let mut before = Catalogue::new();
    edit(&mut before, 1, &[full("a"), priced("b", 1)]);
    for price in 2..50 {
        one(&mut before, 1, priced("b", price));
    }
    one(&mut before, 2, priced("c", 7).set(Field::Withdrawn, Value::Flag(true)));
    let mut after = Catalogue::new();
    let carried = after.carry(&actor(3), &mut before).unwrap();
    assert_eq!(carried.len(), 1);
    assert_eq!(after.apply(&carried[0].bytes, &actor(3)), Applied::Applied);
    let mut expected = before.items();
    expected.remove("c");
    assert_eq!(after.items(), expected);
    assert_eq!(after.carry(&actor(3), &mut before), Ok(vec![]), "a second time is no change");
}

#[test]
fn a_field_of_a_later_version_is_carried_into_a_new_season() {
    let mut before = Catalogue::new();
    let change = before.edit(&actor(1), &[named("a", "apple")]).unwrap().remove(0).bytes;
    let later = forged(&change, |change| change.operations[0].key = Key::Map("colour/a".into()));
    before.apply(&later, &actor(1));
    let mut after = Catalogue::new();
    let carried = after.carry(&actor(3), &mut before).unwrap().remove(0);
    let read = Change::try_from(&carried.bytes[..]).unwrap().decode();
    let keys: Vec<_> = read.operations.iter().map(|op| op.key.clone()).collect();
    assert!(keys.contains(&Key::Map("colour/a".into())), "{keys:?}");
}

#[test]
fn what_a_season_did_not_begin_with_is_found() {
    let mut before = Catalogue::new();
    let mut elsewhere = Catalogue::new();
    let first = one(&mut before, 1, priced("a", 1));
    elsewhere.apply(&first, &actor(1));
    let late = one(&mut elsewhere, 2, priced("a", 2));
    one(&mut before, 1, priced("a", 3));
    let mut after = Catalogue::new();
    for edit in after.carry(&actor(3), &mut before).unwrap() {
        after.apply(&edit.bytes, &actor(3));
    }
    let marks = after.take_touched().marks;
    assert!(marks.iter().all(|hash| after.marks(hash).carried));
    assert_eq!(before.beyond(&marks), BTreeMap::new());
    before.apply(&late, &actor(2));
    let found = before.beyond(&marks);
    let hash = hash_of(&late).0;
    assert_eq!(found, BTreeMap::from([(change_id(&late, &actor(2)), hash)]));
    assert_eq!(edits_of(&late, &actor(2)), [priced("a", 2)]);

    let settled = after.mark_settled(&actor(3), &[(0, hash)]).unwrap().remove(0);
    after.apply(&settled.bytes, &actor(3));
    assert_eq!(after.take_touched().marks, BTreeSet::from([hash]));
    assert_eq!(after.marks(&hash), Marks { carried: false, settled: vec![0] });
    assert_eq!(after.item(&crate::hex::encode(&hash)), None);
}
