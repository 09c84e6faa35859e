//! A season ends: what stood goes on without its history, what came late is not lost.

use super::*;
use crate::event::{Payload, SeasonOpened};
use crate::hash::Hash;
use crate::ids::Lane;
use crate::replica::catalogue::{CatalogueError, Settlement, past_items};

fn open(device: &mut Device, name: &str) -> Result<u32, CatalogueError> {
    let season = device.replica.open_season(scope(), name, false, NOON_MS)?;
    device.commit();
    Ok(season)
}

fn late(device: &Device) -> Vec<rows::Late> {
    rows::late_changes(device.disk.as_ref(), scope(), None, 100).unwrap()
}

fn settle(device: &mut Device, settlement: Settlement) -> usize {
    let asked: Vec<(u32, Hash)> =
        late(device).iter().map(|late| (late.season, late.hash)).collect();
    let events = device.replica.settle_late(scope(), &asked, settlement, NOON_MS).unwrap();
    device.commit();
    events
}

fn names(device: &Device) -> Vec<(u32, String)> {
    let seasons = rows::seasons(device.disk.as_ref(), scope()).unwrap();
    seasons.into_iter().map(|season| (season.season, season.name)).collect()
}

/// A centre and a stall that know one item, tea at 100.
fn market() -> (Device, Device) {
    let (mut centre, mut stall) = (Device::new(1, 1), Device::new(2, 2));
    edit(&mut centre, ItemEdit::of("tea").text(Field::Name, "Tea").price(100));
    stall.pull(&centre);
    (centre, stall)
}

#[test]
fn a_new_season_begins_with_what_stood_and_an_old_one_can_be_read() {
    let (mut centre, mut stall) = market();
    edit(&mut centre, ItemEdit::of("cake").price(9).set(Field::Withdrawn, Value::Flag(true)));
    assert_eq!(open(&mut centre, "spring").unwrap(), 1);
    price_at(&mut centre, "tea", 130);
    stall.pull(&centre);
    for device in [&mut centre, &mut stall] {
        assert_eq!((price(device, "tea"), item(device, "cake")), (Some(130), None));
        assert_eq!(names(device), [(1, "spring".to_owned())]);
        let past = past_items(device.disk.as_ref(), scope(), 0).unwrap();
        assert_eq!((past["tea"].price, past["cake"].withdrawn), (Some(100), true));
        assert_eq!(late(device), []);
        device.restart(50);
        assert_eq!(device.replica.documents_in_memory(scope()), [1], "only the current one");
    }
    assert_eq!(catalogue_rows(&centre), catalogue_rows(&stall));
    price_at(&mut stall, "tea", 140);
    assert_eq!(price(&stall, "tea"), Some(140));
}

#[test]
fn an_edit_made_offline_before_a_season_ended_is_late_and_can_be_taken_over() {
    let (mut centre, mut stall) = market();
    price_at(&mut stall, "tea", 150);
    edit(&mut stall, ItemEdit::of("cup").text(Field::Name, "Cup").price(300));
    open(&mut centre, "spring").unwrap();
    exchange(&mut centre, &mut stall);
    assert_eq!((price(&stall, "tea"), item(&stall, "cup")), (Some(100), None));
    let found = late(&centre);
    assert_eq!((found.len(), &found), (2, &late(&stall)));
    let fields: Vec<_> = found.iter().flat_map(|late| &late.row.fields).collect();
    assert!(fields.iter().any(|set| set.sku == "tea" && set.value == Some(Value::Number(150))));
    centre.restart(11);
    assert_eq!(settle(&mut centre, Settlement::Take), 2);
    stall.pull(&centre);
    for device in [&centre, &stall] {
        assert_eq!((price(device, "tea"), price(device, "cup")), (Some(150), Some(300)));
        assert_eq!(late(device), []);
    }
    assert_eq!(catalogue_rows(&centre), catalogue_rows(&stall));
}

#[test]
fn late_edits_of_one_field_are_taken_in_the_order_they_were_made() {
    let (mut centre, mut stall) = market();
    open(&mut centre, "spring").unwrap();
    for price in [150, 170, 160] {
        price_at(&mut stall, "tea", price);
    }
    centre.pull(&stall);
    assert_eq!(late(&centre).len(), 3);
    settle(&mut centre, Settlement::Take);
    assert_eq!((price(&centre, "tea"), late(&centre)), (Some(160), vec![]));
}

#[test]
fn a_late_edit_that_is_put_aside_changes_nothing_and_stays_aside_in_later_seasons() {
    let (mut centre, mut stall) = market();
    price_at(&mut stall, "tea", 150);
    open(&mut centre, "spring").unwrap();
    centre.pull(&stall);
    let asked = [(0, late(&centre)[0].hash)];
    settle(&mut centre, Settlement::PutAside);
    open(&mut centre, "summer").unwrap();
    stall.pull(&centre);
    for device in [&centre, &stall] {
        assert_eq!((price(device, "tea"), late(device)), (Some(100), vec![]));
    }
    let again = centre.replica.settle_late(scope(), &asked, Settlement::Take, NOON_MS);
    assert!(again.unwrap_err().to_string().contains("is not late, or is settled already"));
}

#[test]
fn a_conflict_refuses_a_new_season_until_it_is_settled_or_said_to_be() {
    let (mut centre, mut stall) = market();
    price_at(&mut centre, "tea", 110);
    price_at(&mut stall, "tea", 120);
    centre.pull(&stall);
    let refused = open(&mut centre, "spring").unwrap_err().to_string();
    assert!(refused.starts_with("1 items have values in conflict"), "{refused}");
    let shown = price(&centre, "tea");
    assert_eq!(centre.replica.open_season(scope(), "spring", true, NOON_MS).unwrap(), 1);
    centre.commit();
    let tea = item(&centre, "tea").unwrap();
    assert_eq!((tea.price, tea.conflicts.len()), (shown, 0));
    assert_eq!(late(&centre), []);
    for name in ["", "a\nb", &"n".repeat(65)] {
        assert!(matches!(open(&mut centre, name), Err(CatalogueError::SeasonName)), "{name:?}");
    }
}

#[test]
fn a_season_that_others_should_come_before_does_not_begin() {
    let (mut centre, mut stall) = market();
    let far = SeasonOpened { season: u32::MAX, name: "far".to_owned() };
    stall.replica.append(scope(), Lane::Catalogue, Payload::SeasonOpened(far), NOON_MS).unwrap();
    stall.commit();
    exchange(&mut centre, &mut stall);
    assert_eq!((names(&centre), price(&centre, "tea")), (vec![], Some(100)));
    assert_eq!(open(&mut centre, "spring").unwrap(), 1);
}

#[test]
fn two_centres_that_open_one_season_apart_carry_both() {
    let (mut one, mut other) = market();
    price_at(&mut one, "tea", 110);
    edit(&mut other, ItemEdit::of("cup").price(300));
    open(&mut one, "spring").unwrap();
    open(&mut other, "May").unwrap();
    exchange(&mut one, &mut other);
    for device in [&one, &other] {
        assert_eq!((price(device, "cup"), names(device)), (Some(300), vec![(1, "May".to_owned())]));
        let clash = vec![Value::Number(100), Value::Number(110)];
        assert_eq!(item(device, "tea").unwrap().conflicts["price"], clash);
        assert_eq!(late(device), []);
    }
    assert_eq!(catalogue_rows(&one), catalogue_rows(&other));
}
