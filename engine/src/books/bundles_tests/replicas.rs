//! Price bundles on whole replicas: what stale prices cost, digests, and the prices that stand.

use super::*;
use crate::books::stale::{Question, stale};

/// A control that has published tea at 100 and, from `switch_ms` on, at 133; and their names.
fn control_with_two_bundles(switch_ms: i64) -> (Device, Hash, Hash) {
    let mut control = Device::new(CONTROL, 1);
    let (old, a) = pieces(&tea_and_cake(100), 1);
    let (new, b) = pieces(&tea_and_cake(133), 1);
    let mut state = |payload| {
        control.replica.append(scope(), Lane::Catalogue, payload, NOON_MS).unwrap();
    };
    a.into_iter().chain(b).map(Payload::BundlePublished).for_each(&mut state);
    for (bundle, from_ms) in [(old, switch_ms - 10), (new, switch_ms)] {
        state(Payload::PricesScheduled(PricesScheduled { bundle, from_ms }));
    }
    control.commit();
    (control, old, new)
}

/// Sells one tea for 100 and then some at a real stall that was cut off, and adds up by hand.
#[test]
fn stale_sales_are_summed_by_hand() {
    let noon = NOON_MS as i64;
    let (mut control, old, new) = control_with_two_bundles(noon);
    let mut stall = Device::new(1, 2);
    let mut number = 0;
    let mut sell = |named: Option<Hash>, at: i64, quantity: u64, amount: i64, discount: i64| {
        number += 1;
        let mut sale = sale(number, "tea", 1, amount);
        (sale.price_bundle, sale.sold_at_ms) = (named, at);
        (sale.lines[0].quantity, sale.lines[0].discount) = (quantity, discount);
        stall.append(Payload::SaleCompleted(sale))
    };
    sell(Some(old), noon - 1, 1_000, 100, 0); // before the switch
    sell(Some(old), noon, 1_500, 150, 0); // would be 199.5, so 200: 50 too little
    sell(Some(old), noon + 5, 2_000, 190, 10); // would be 266 - 10: 66 too little
    sell(Some(new), noon + 5, 1_000, 133, 0); // in force
    sell(Some(new), noon - 5, 1_000, 133, 0); // too early, and not old
    sell(None, noon + 5, 1_000, 1, 0); // says nothing
    sell(Some(Hash([7; 32])), noon + 5, 1_000, 1, 0); // nobody's
    let voided = sell(Some(old), noon, 1_000, 100, 0);
    let mut mixed = sale(50, "cake", 1, 200);
    mixed.price_bundle = Some(new);
    mixed.lines.push(mixed.lines[0].clone());
    mixed.lines[0].discount = 0;
    mixed.lines[1].sku = "soup".to_owned();
    mixed.line_bundles = vec![(0, old), (1, old)];
    stall.append(Payload::SaleCompleted(mixed));
    stall.append(Payload::SaleVoided(void(60, voided)));
    stall.commit();
    control.pull(&stall);

    let mut question =
        Question { scope: scope(), days: 19_675..=19_675, currency: *b"EUR", rows_max: 9 };
    let report = stale(control.disk.as_ref(), &question).unwrap();
    let device = keypair(1).device();
    let rows: Vec<_> = report
        .rows
        .iter()
        .map(|((stall, sku), row)| {
            assert_eq!(*stall, device);
            let sums = [row.lines, row.quantity, row.charged, row.in_force, row.cost];
            (sku.as_str(), sums, row.unpriced)
        })
        .collect();
    let expected = [
        ("cake", [1, 1_000, 200, 250, 50], 0),
        ("soup", [1, 1_000, 200, 200, 0], 1),
        ("tea", [2, 3_500, 340, 456, 116], 0),
    ];
    assert_eq!(rows, expected);
    assert_eq!((report.total.cost, report.total.lines, report.left_out), (166, 4, 0));
    assert_eq!(report.stalls, BTreeMap::from([(device, report.total)]));

    question.rows_max = 1;
    let short = stale(control.disk.as_ref(), &question).unwrap();
    assert_eq!((short.total, short.rows.len(), short.left_out), (report.total, 1, 2));
    question.days = 19_676..=19_999;
    assert_eq!(stale(control.disk.as_ref(), &question).unwrap().total, Default::default());
    question.days = 0..=19_999;
    question.currency = *b"USD";
    assert_eq!(stale(control.disk.as_ref(), &question).unwrap().total, Default::default());
}

/// A control and a clone of its disk each publish for one instant; two stalls hear of it in
/// opposite orders, and one of them rebuilds its books.
#[test]
fn replicas_state_one_digest_whatever_came_first_and_after_a_rebuild() {
    let noon = NOON_MS as i64;
    let state = |device: &mut Device, tea: i64, parts: u16, wall_ms: u64| {
        let (name, pieces) = pieces(&tea_and_cake(tea), parts);
        let switch = Payload::PricesScheduled(PricesScheduled { bundle: name, from_ms: noon });
        for payload in pieces.into_iter().map(Payload::BundlePublished).chain([switch]) {
            device.replica.append(scope(), Lane::Catalogue, payload, wall_ms).unwrap();
        }
        device.commit();
        name
    };
    let mut control = Device::new(CONTROL, 1);
    let first = state(&mut control, 100, 2, NOON_MS);
    let mut clone = control.cloned(2);
    state(&mut control, 110, 1, NOON_MS + 5);
    let last = state(&mut clone, 120, 3, NOON_MS + 9);
    let (mut north, mut south) = (Device::new(1, 3), Device::new(2, 4));
    north.pull(&control);
    let held = in_force(north.disk.as_ref(), scope(), noon).unwrap().unwrap();
    assert_ne!(held.bundle, first);
    north.pull(&clone);
    south.pull(&clone);
    south.pull(&control);
    let rows = |device: &Device| device.rows(crate::keys::PROJECTION);
    assert_eq!(rows(&north), rows(&south));
    assert_eq!(north.replica.digests(scope()).unwrap(), south.replica.digests(scope()).unwrap());
    let held = in_force(south.disk.as_ref(), scope(), noon).unwrap().unwrap();
    assert_eq!(held.bundle, last);

    let mut batch = Batch::default();
    batch.delete(crate::keys::version(Projection::Bundles as u8));
    south.disk.write(&batch).unwrap();
    south.restart(5);
    assert!(!south.replica.is_whole(Projection::Bundles));
    south.rebuild();
    assert_eq!(rows(&north), rows(&south));
}

#[cfg(feature = "catalogue")]
#[test]
fn the_standing_prices_are_those_for_sale_and_tell_conflicts() {
    use crate::books::standing::standing;
    use crate::catalogue::{Field, ItemEdit, Value};

    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let edit = |device: &mut Device, sku: &str, price: Option<i64>, withdrawn: bool| {
        let mut item = ItemEdit::of(sku).set(Field::Withdrawn, Value::Flag(withdrawn));
        if let Some(price) = price {
            item = item.price(price);
        }
        device.replica.edit_catalogue(scope(), &[item], NOON_MS).unwrap();
        device.commit();
    };
    edit(&mut north, "cake", Some(250), false);
    edit(&mut north, "coal", Some(1), true);
    edit(&mut north, "gift", None, false);
    south.pull(&north);
    edit(&mut north, "tea", Some(100), false);
    edit(&mut south, "tea", Some(120), false);
    south.pull(&north);
    let found = standing(south.disk.as_ref(), scope()).unwrap();
    let skus: Vec<_> = found.prices.iter().map(|price| price.sku.as_str()).collect();
    assert_eq!(skus, ["cake", "tea"]);
    assert_eq!(found.conflicts, [("tea".to_owned(), vec![100, 120])]);
    edit(&mut south, "tea", Some(110), false);
    let found = standing(south.disk.as_ref(), scope()).unwrap();
    assert_eq!((found.prices, found.conflicts), (list(&[("cake", 250), ("tea", 110)]), vec![]));
}
