//! What a merchant's catalogue promises across devices: edits merge, clashes stay in sight, bad
//! changes harm nobody, and a season ends without losing what was edited offline.

mod hostile;
mod properties;
mod seasons;

use crate::catalogue::{Field, Item, ItemEdit, Value};
use crate::ids::Scope;
use crate::projections::catalogue as rows;
use crate::store::Row;
use crate::testing::*;

pub fn edit(device: &mut Device, item: ItemEdit) {
    device.replica.edit_catalogue(scope(), &[item], NOON_MS).unwrap();
    device.commit();
}

pub fn price_at(device: &mut Device, sku: &str, price: i64) {
    edit(device, ItemEdit::of(sku).price(price));
}

pub fn item(device: &Device, sku: &str) -> Option<Item> {
    device.replica.item(scope(), sku).unwrap()
}

pub fn price(device: &Device, sku: &str) -> Option<i64> {
    item(device, sku).and_then(|item| item.price)
}

/// The catalogue's rows and their digest, as committed.
pub fn catalogue_rows(device: &Device) -> Vec<Row> {
    let of = |key: &[u8]| key[1] == crate::projections::Projection::Catalogue as u8;
    let rows = device.rows(0x30).into_iter().chain(device.rows(0x31));
    rows.filter(|(key, _)| of(key)).collect()
}

pub fn asides(device: &Device) -> Vec<rows::Aside> {
    rows::asides(device.disk.as_ref(), scope(), None, 100, |_| true).unwrap()
}

fn exchange(a: &mut Device, b: &mut Device) {
    a.pull(b);
    b.pull(a);
}

#[test]
fn prices_set_apart_clash_everywhere_until_somebody_sets_one_again() {
    let (mut centre, mut stall) = (Device::new(1, 1), Device::new(2, 2));
    edit(&mut centre, ItemEdit::of("tea").text(Field::Name, "Tea").price(100));
    stall.pull(&centre);
    price_at(&mut centre, "tea", 110);
    price_at(&mut stall, "tea", 120);
    exchange(&mut centre, &mut stall);
    let clash = vec![Value::Number(110), Value::Number(120)];
    for device in [&centre, &stall] {
        assert_eq!(item(device, "tea").unwrap().conflicts["price"], clash);
    }
    let shown = price(&stall, "tea").unwrap();
    price_at(&mut stall, "tea", shown);
    centre.pull(&stall);
    for device in [&centre, &stall] {
        let tea = item(device, "tea").unwrap();
        assert_eq!((tea.price, tea.conflicts.len()), (Some(shown), 0));
    }
    assert_eq!(catalogue_rows(&centre), catalogue_rows(&stall));
}

#[test]
fn what_waits_for_a_change_is_on_record_and_survives_a_restart() {
    let (mut first, mut second) = (Device::new(1, 1), Device::new(2, 2));
    price_at(&mut first, "tea", 100);
    second.pull(&first);
    price_at(&mut second, "tea", 110);
    let mut third = Device::new(3, 3);
    for segment in unpacked(&second) {
        if segment.log.device == second.replica.device() {
            third.replica.admit(segment, NOON_MS).unwrap();
        }
    }
    third.commit();
    third.restart(33);
    let waiting = asides(&third);
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].status.to_string(), "it waits for a change that it builds on");
    let bearer = third.replica.event(&waiting[0].event.unwrap()).unwrap().unwrap();
    assert!(matches!(bearer.payload, crate::event::Payload::CatalogueChanged(_)));
    assert_eq!(item(&third, "tea"), None);
    third.pull(&first);
    assert_eq!((asides(&third), price(&third, "tea")), (vec![], Some(110)));
}

#[test]
fn a_device_edits_on_after_a_restart_and_after_its_disk_was_copied() {
    let mut stall = Device::new(1, 1);
    price_at(&mut stall, "tea", 100);
    stall.restart(2);
    price_at(&mut stall, "tea", 110);
    let mut copy = stall.cloned(3);
    price_at(&mut copy, "tea", 120);
    price_at(&mut stall, "tea", 130);
    exchange(&mut stall, &mut copy);
    let clash = vec![Value::Number(120), Value::Number(130)];
    assert_eq!(item(&stall, "tea").unwrap().conflicts["price"], clash);
    assert_eq!(asides(&stall), []);
    assert_eq!(catalogue_rows(&stall), catalogue_rows(&copy));
}

#[test]
fn rows_of_an_earlier_version_are_rebuilt_while_edits_wait() {
    let mut stall = Device::new(1, 1);
    for number in 0..20 {
        price_at(&mut stall, &format!("sku {number}"), number);
    }
    let expected = catalogue_rows(&stall);
    let (row, value) = (rows::item_version_1(scope(), "old"), Some(vec![1, 2, 3]));
    crate::projections::Books::set_row(&mut stall.replica, row, value).unwrap();
    stall.commit();
    let version = crate::keys::version(crate::projections::Projection::Catalogue as u8);
    let mut batch = crate::store::Batch::default();
    batch.put(version, 1_u32.to_be_bytes().to_vec());
    crate::store::Store::write(stall.disk.as_ref(), &batch).unwrap();
    stall.restart(2);
    let refused = stall.replica.edit_catalogue(scope(), &[ItemEdit::of("a").price(1)], NOON_MS);
    assert!(refused.unwrap_err().to_string().contains("is being rebuilt"));
    assert!(crate::books::is_item(stall.disk.as_ref(), scope(), "old").unwrap());
    let mut steps = 0;
    while stall.replica.rebuilding().is_some() {
        stall.replica.rebuild_step().unwrap();
        stall.commit();
        steps += 1;
    }
    assert!(steps > 1);
    assert!(!crate::books::is_item(stall.disk.as_ref(), scope(), "old").unwrap());
    assert_eq!(catalogue_rows(&stall), expected);
    price_at(&mut stall, "sku 3", 99);
    assert_eq!(price(&stall, "sku 3"), Some(99));
}

#[test]
fn another_merchants_catalogue_is_another_one() {
    let other = Scope::Merchant(crate::ids::MerchantId::from_name("south"));
    let mut stall = Device::new(1, 1);
    price_at(&mut stall, "tea", 100);
    let refused = stall.replica.edit_catalogue(other, &[ItemEdit::of("tea").price(1)], NOON_MS);
    assert!(refused.unwrap_err().to_string().contains("may not write the Catalogue lane"));
    assert_eq!(stall.replica.item(other, "tea").unwrap(), None);
}
