//! A second opinion: books kept by a plain loop over a list of events, to hold the folds against.
//!
//! It shares no code with the projections and looks everything up in maps.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::sale::Sale;
use crate::event::{Event, Payload, codec};
use crate::ids::{DeviceId, EventId, Lane, Log};
use crate::keys;
use crate::log::chain;
use crate::projections::reversals::{self, Reversal};
use crate::projections::{sales, stock};
use crate::replica::lanes::StoredEvent;

use super::goods::PlainGoods;
use crate::testing::*;

/// Baskets, lines, quantity, amount, tax, discount, tips, refunds, refunded, voids, voided.
type Totals = [i128; 11];

#[derive(Debug, Default, PartialEq, Eq)]
pub struct PlainBooks {
    /// On hand, reserved.
    stock: BTreeMap<(String, DeviceId), (i128, i128)>,
    goods: PlainGoods,
    days: BTreeMap<(DeviceId, i32), Totals>,
    refunded: BTreeMap<(EventId, u16), (i128, i128)>,
    voided: BTreeSet<EventId>,
}

/// An event with where it stands.
pub struct Held {
    pub log: Log,
    pub event: Event,
    pub parent: Option<EventId>,
}

/// Whether `above` stands before `id` on its branch.
pub fn stands_before(held: &BTreeMap<EventId, Held>, above: &EventId, id: &EventId) -> bool {
    let mut at = held[id].parent;
    while at.is_some_and(|place| place != *above) {
        at = at.and_then(|place| held[&place].parent);
    }
    at.is_some()
}

/// Every event on the disk, each with its parent found by trying.
pub fn held(device: &Device) -> BTreeMap<EventId, Held> {
    let mut rows = BTreeMap::new();
    for (key, row) in device.rows(0x11) {
        let id = keys::read_event_id(&key).unwrap();
        rows.insert(id, StoredEvent::from_bytes(&row).unwrap());
    }
    let logs: BTreeMap<_, _> =
        device.replica.vector().0.keys().map(|log| (log.id(), *log)).collect();
    let follows = |id: &EventId, row: &StoredEvent, above: &EventId, parent: &StoredEvent| {
        above.log == id.log
            && above.epoch == id.epoch
            && above.seq + 1 == id.seq
            && chain::link(&parent.hash, &chain::content(&row.bytes)) == row.hash
    };
    let parent = |id: &EventId, row: &StoredEvent, event: &Event| match &event.payload {
        Payload::EpochOpened(opened) => rows
            .iter()
            .find(|(above, parent)| above.log == id.log && parent.hash == opened.parent_hash)
            .map(|(above, _)| *above),
        _ => rows
            .iter()
            .find(|(above, parent)| follows(id, row, above, parent))
            .map(|(above, _)| *above),
    };
    rows.iter()
        .map(|(id, row)| {
            let event = codec::decode_event(&row.bytes).unwrap();
            let parent = parent(id, row, &event);
            (*id, Held { log: logs[&id.log], event, parent })
        })
        .collect()
}

impl PlainBooks {
    /// The books of all that the disk holds.
    pub fn of(device: &Device) -> Self {
        let held = held(device);
        let mut books = Self::default();
        for (id, row) in held.iter().filter(|(_, row)| row.log.lane == Lane::Ledger) {
            match &row.event.payload {
                Payload::GoodsReceived(goods) => {
                    for line in &goods.lines {
                        books.shelve(row.log.device, &line.sku, i128::from(line.quantity));
                    }
                }
                Payload::SaleCompleted(sale) => books.sold(row.log.device, sale),
                Payload::SaleRefunded(refund) => {
                    let day = books.day(row.log.device, refund.business_day);
                    day[7] += 1;
                    for line in &refund.lines {
                        books.day(row.log.device, refund.business_day)[8] +=
                            i128::from(line.amount);
                        let sums = books.refunded.entry((refund.sale, line.line)).or_default();
                        sums.0 += i128::from(line.quantity);
                        sums.1 += i128::from(line.amount);
                        if refund.restock {
                            books.shelve(row.log.device, &line.sku, i128::from(line.quantity));
                        }
                    }
                }
                Payload::SaleVoided(void) if stands_before(&held, &void.sale, id) => {
                    books.undo(row.log.device, void.sale, &held[&void.sale].event);
                }
                _ => {}
            }
        }
        books.goods = PlainGoods::of(&held, &mut |stall, sku, on_hand, reserved| {
            let (lies, aside) = books.stock.entry((sku.to_owned(), stall)).or_default();
            *lies += on_hand;
            *aside += reserved;
        });
        books.stock.retain(|_, held| *held != (0, 0));
        books
    }

    fn shelve(&mut self, stall: DeviceId, sku: &str, quantity: i128) {
        self.stock.entry((sku.to_owned(), stall)).or_default().0 += quantity;
    }

    fn day(&mut self, stall: DeviceId, day: i32) -> &mut Totals {
        self.days.entry((stall, day)).or_default()
    }

    fn sold(&mut self, stall: DeviceId, sale: &Sale) {
        let day = self.day(stall, sale.business_day);
        day[0] += 1;
        day[6] += i128::from(sale.tip);
        for line in &sale.lines {
            day[1] += 1;
            day[2] += i128::from(line.quantity);
            day[3] += i128::from(line.amount);
            day[4] += i128::from(line.tax);
            day[5] += i128::from(line.discount);
        }
        for line in &sale.lines {
            self.shelve(stall, &line.sku, -i128::from(line.quantity));
        }
    }

    fn undo(&mut self, stall: DeviceId, id: EventId, event: &Event) {
        let Payload::SaleCompleted(sale) = &event.payload else { return };
        if !self.voided.insert(id) {
            return;
        }
        for line in &sale.lines {
            self.day(stall, sale.business_day)[10] += i128::from(line.amount);
            self.shelve(stall, &line.sku, i128::from(line.quantity));
        }
        self.day(stall, sale.business_day)[9] += 1;
    }

    /// What the projections of the device say, in the same shape.
    pub fn projected(device: &Device) -> Self {
        let goods = PlainGoods::projected(device);
        let mut books = Self { goods, ..Self::default() };
        for (key, value) in device.rows(keys::PROJECTION) {
            match keys::read_row(&key).unwrap().0 {
                1 => {
                    // Marks of undone sales stand beside the rows, here and below.
                    let Some((sku, stall, held)) = stock::read(&key, &value) else { continue };
                    if held != stock::Held::default() {
                        books.stock.insert((sku, stall), (held.on_hand, held.reserved));
                    }
                }
                2 => {
                    let Some(day) = sales::read(&key, &value) else { continue };
                    assert_eq!(day.currency, *b"EUR");
                    let sums = day.sums;
                    let totals = [
                        sums.baskets,
                        sums.lines,
                        sums.quantity,
                        sums.amount,
                        sums.tax,
                        sums.discount,
                        sums.tips,
                        sums.refunds,
                        sums.refunded,
                        sums.voids,
                        sums.voided,
                    ];
                    books.days.insert((day.stall, day.business_day), totals);
                }
                3 => books.reversed(&key, &value),
                _ => {}
            }
        }
        books
    }

    fn reversed(&mut self, key: &[u8], value: &[u8]) {
        let rest = keys::read_row(key).unwrap().2;
        let Some(sale) = keys::read_event_id(&[&[0x11], rest].concat()) else { return };
        assert_eq!(reversals::key(scope(), &sale), key);
        let reversal: Reversal = codec::decode("a reversal", value).unwrap();
        for (line, sums) in reversal.refunded {
            self.refunded.insert((sale, line), sums);
        }
        if reversal.voided {
            self.voided.insert(sale);
        }
    }
}

/// Holds a device's projections against the plain loop.
#[track_caller]
pub fn check(device: &Device) {
    assert_eq!(PlainBooks::projected(device), PlainBooks::of(device));
}

#[test]
fn one_day_at_one_stall_adds_up_by_hand() {
    let mut stall = Device::new(1, 1);
    stall.append(Payload::GoodsReceived(goods(1, "tea", 10)));
    let first = stall.append(Payload::SaleCompleted(sale(2, "tea", 3, 900)));
    let second = stall.append(Payload::SaleCompleted(sale(3, "tea", 2, 600)));
    stall.append(Payload::SaleRefunded(refund(4, first, "tea", 1, 300)));
    stall.append(Payload::SaleVoided(void(5, second)));
    stall.commit();
    check(&stall);
    let books = PlainBooks::projected(&stall);
    let tea = books.stock[&("tea".to_owned(), keypair(1).device())];
    assert_eq!(tea, (10_000 - 3_000 + 1_000, 0));
    let day = books.days[&(keypair(1).device(), 19_675)];
    assert_eq!(day, [2, 2, 5_000, 1_500, 14, 6, 2, 0, 0, 1, 600]);
    let next = books.days[&(keypair(1).device(), 19_676)];
    assert_eq!(next, [0, 0, 0, 0, 0, 0, 0, 1, 300, 0, 0]);
    assert_eq!(books.refunded, BTreeMap::from([((first, 0), (1_000, 300))]));
    assert_eq!(books.voided, BTreeSet::from([second]));
}

#[test]
fn a_line_of_no_quantity_moves_money_and_no_stock() {
    let mut stall = Device::new(1, 1);
    stall.append(Payload::SaleCompleted(sale(1, "gift wrap", 0, 150)));
    stall.commit();
    let books = PlainBooks::projected(&stall);
    assert!(books.stock.is_empty());
    assert_eq!(books.days[&(keypair(1).device(), 19_675)][3], 150);
}
