//! Goods on the way, set aside and counted: a second opinion by a plain loop, and their findings.

use std::collections::{BTreeMap, BTreeSet};

use super::books::{self, Held, stands_before};
use crate::event::sale::Sale;
use crate::event::{Payload, ReservationExpired};
use crate::ids::{DeviceId, EventId, Lane};
use crate::keys;
use crate::projections::findings::{self, Finding, Rule};
use crate::projections::stock::Held as InStock;
use crate::projections::{drift, stock, transfers};
use crate::testing::*;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct PlainGoods {
    open: BTreeSet<EventId>,
    on_the_way: BTreeSet<EventId>,
    /// Counts, their variances summed, and what of these was missing.
    drift: BTreeMap<(String, DeviceId), (u64, i128, i128)>,
    short: BTreeMap<EventId, i128>,
    over: BTreeMap<EventId, i128>,
    /// What taking-ins name that is no dispatch.
    wrong: BTreeSet<EventId>,
}

type Shelve<'a> = &'a mut dyn FnMut(DeviceId, &str, i128, i128);

impl PlainGoods {
    /// The goods of all that is held, and what each event moves, told to `shelve`.
    pub fn of(held: &BTreeMap<EventId, Held>, shelve: Shelve<'_>) -> Self {
        let mut goods = Self::default();
        let ledger = held.iter().filter(|(_, row)| row.log.lane == Lane::Ledger);
        let ledger: Vec<(&EventId, &Held)> = ledger.collect();
        for (id, row) in &ledger {
            let stall = row.log.device;
            let mut each = |lines: &[crate::event::GoodsLine], sign: i128, aside: i128| {
                for line in lines {
                    let quantity = i128::from(line.quantity);
                    shelve(stall, &line.sku, sign * quantity, aside * quantity);
                }
            };
            match &row.event.payload {
                Payload::GoodsDispatched(sent) => {
                    each(&sent.lines, -1, 0);
                    goods.settle(id, sent, &ledger);
                }
                Payload::GoodsTakenIn(taken) => {
                    each(&taken.lines, 1, 0);
                    let named = held.get(&taken.dispatch).map(|row| &row.event.payload);
                    if named.is_some_and(|named| !matches!(named, Payload::GoodsDispatched(_))) {
                        goods.wrong.insert(taken.dispatch);
                    }
                }
                Payload::GoodsReturned(back) if back.resaleable => each(&back.lines, 1, 0),
                Payload::GoodsSpoiled(lost) => each(&lost.lines, -1, 0),
                Payload::GoodsReserved(reserved) => {
                    let let_go = ledger.iter().any(|(by, row)| {
                        names(&row.event.payload) == Some(**id) && stands_before(held, id, by)
                    });
                    if !let_go {
                        goods.open.insert(**id);
                        each(&reserved.lines, 0, 1);
                    }
                }
                Payload::StockCounted(count) => {
                    for line in &count.lines {
                        let off = i128::from(line.counted) - i128::from(line.book);
                        shelve(stall, &line.sku, off, 0);
                        let sums = goods.drift.entry((line.sku.clone(), stall)).or_default();
                        *sums = (sums.0 + 1, sums.1 + off, sums.2 + (-off).max(0));
                    }
                }
                _ => {}
            }
        }
        goods
    }

    fn settle(
        &mut self,
        id: &EventId,
        sent: &crate::event::GoodsDispatched,
        ledger: &[(&EventId, &Held)],
    ) {
        let mut left: BTreeMap<&str, i128> = BTreeMap::new();
        for line in &sent.lines {
            *left.entry(&line.sku).or_default() += i128::from(line.quantity);
        }
        let (mut settled, mut over) = (false, 0);
        for (_, row) in ledger {
            let Payload::GoodsTakenIn(taken) = &row.event.payload else { continue };
            if taken.dispatch != *id {
                continue;
            }
            settled |= row.log.device == sent.to;
            for line in &taken.lines {
                let came = i128::from(line.quantity);
                match left.get_mut(line.sku.as_str()).filter(|_| row.log.device == sent.to) {
                    Some(left) => *left -= came,
                    None => over += came,
                }
            }
        }
        over += left.values().map(|left| (-left).max(0)).sum::<i128>();
        let short: i128 = left.values().map(|left| (*left).max(0)).sum();
        if !settled {
            self.on_the_way.insert(*id);
        } else if short > 0 {
            self.short.insert(*id, short);
        }
        if over > 0 {
            self.over.insert(*id, over);
        }
    }

    /// What the projections of a device say, in the same shape.
    pub fn projected(device: &Device) -> Self {
        let mut goods = Self::default();
        for (key, value) in device.rows(keys::PROJECTION) {
            match keys::read_row(&key).unwrap().0 {
                1 => goods.open.extend(stock::read_reservation(&key).map(|row| row.2)),
                12 => goods.on_the_way.extend(transfers::read_open(&key)),
                13 => goods.found(&key, &value),
                14 => {
                    let (sku, stall, drift) = drift::read(&key, &value).unwrap();
                    let sums = (drift.counts, drift.variance, drift.missing);
                    goods.drift.insert((sku, stall), sums);
                }
                _ => {}
            }
        }
        goods
    }

    fn found(&mut self, key: &[u8], value: &[u8]) {
        let Some(id) = findings::read_id(key) else { return };
        let Finding { rule, subject, quantity, .. } = findings::read(value).unwrap();
        match rule {
            Rule::TransferShort => {
                self.short.insert(subject.parse().unwrap(), quantity);
            }
            Rule::TransferOver => {
                self.over.insert(subject.parse().unwrap(), quantity);
            }
            Rule::BadReference => {
                let named: EventId = subject.parse().unwrap();
                if id
                    == findings::id(
                        rule,
                        &[crate::projections::event_key(&named).as_slice(), &12_u16.to_be_bytes()]
                            .concat(),
                    )
                {
                    self.wrong.insert(named);
                }
            }
            _ => {}
        }
    }
}

fn names(payload: &Payload) -> Option<EventId> {
    match payload {
        Payload::ReservationReleased(released) => Some(released.reservation),
        Payload::ReservationExpired(expired) => Some(expired.reservation),
        Payload::SaleCompleted(sale) => sale.reservation,
        _ => None,
    }
}

fn in_stock(device: &Device, seed: u8, sku: &str) -> (i128, i128) {
    let item = crate::books::stock_of(device.disk.as_ref(), scope(), sku).unwrap();
    let stalls = item.map(|item| item.stalls).unwrap_or_default();
    let of = stalls.into_iter().find(|(stall, _)| *stall == keypair(seed).device());
    let InStock { on_hand, reserved } = of.map(|(_, held)| held).unwrap_or_default();
    (on_hand, reserved)
}

/// The findings of a rule: what is at stake, and how many events prove it.
fn found(device: &Device, rule: Rule) -> Vec<(i128, usize)> {
    let rows = device.rows(keys::PROJECTION);
    let rows = rows.iter().filter(|(key, _)| findings::read_id(key).is_some());
    let rows = rows.filter(|(key, _)| keys::read_row(key).unwrap().0 == 13);
    let all = rows.map(|(_, value)| findings::read(value).unwrap());
    let of = all.filter(|finding| finding.rule == rule);
    of.map(|finding| (finding.quantity, finding.evidence.len())).collect()
}

#[test]
fn a_dispatch_is_on_the_way_until_its_stall_takes_it_in() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let id = north.append(Payload::GoodsDispatched(dispatch(1, 2, "tea", 10)));
    north.commit();
    south.pull(&north);
    assert_eq!(PlainGoods::projected(&south).on_the_way, BTreeSet::from([id]));
    assert_eq!((in_stock(&south, 1, "tea"), in_stock(&south, 2, "tea")), ((-10_000, 0), (0, 0)));
    south.append(Payload::GoodsTakenIn(taking(1, id, "tea", 10)));
    south.commit();
    assert_eq!(in_stock(&south, 2, "tea"), (10_000, 0));
    assert_eq!(PlainGoods::projected(&south), PlainGoods::default());
    books::check(&south);
}

#[test]
fn a_dispatch_that_another_stall_took_in_is_still_on_the_way() {
    let (mut north, mut other) = (Device::new(1, 1), Device::new(3, 3));
    let id = north.append(Payload::GoodsDispatched(dispatch(1, 2, "tea", 10)));
    north.commit();
    other.pull(&north);
    other.append(Payload::GoodsTakenIn(taking(1, id, "tea", 10)));
    other.commit();
    assert_eq!(PlainGoods::projected(&other).on_the_way, BTreeSet::from([id]));
    assert!(found(&other, Rule::TransferShort).is_empty(), "it may still come");
    assert_eq!(found(&other, Rule::TransferOver), [(10_000, 2)]);
}

#[test]
fn what_is_missing_of_a_dispatch_is_found_once_it_was_taken_in() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let id = north.append(Payload::GoodsDispatched(dispatch(1, 2, "tea", 10)));
    north.commit();
    south.pull(&north);
    assert!(found(&south, Rule::TransferShort).is_empty(), "it may still come");
    south.append(Payload::GoodsTakenIn(taking(1, id, "tea", 7)));
    south.commit();
    assert_eq!(found(&south, Rule::TransferShort), [(3_000, 2)]);
    assert!(found(&south, Rule::TransferOver).is_empty());
}

#[test]
fn what_came_beyond_a_dispatch_is_found_and_lies_there() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let id = north.append(Payload::GoodsDispatched(dispatch(1, 2, "tea", 10)));
    north.commit();
    south.pull(&north);
    south.append(Payload::GoodsTakenIn(taking(1, id, "tea", 12)));
    south.append(Payload::GoodsTakenIn(taking(2, id, "cup", 1)));
    let mut other = Device::new(3, 3);
    other.append(Payload::GoodsTakenIn(taking(1, id, "tea", 4)));
    other.commit();
    south.commit();
    south.pull(&other);
    assert_eq!(found(&south, Rule::TransferOver), [(2_000 + 1_000 + 4_000, 4)]);
    assert!(found(&south, Rule::TransferShort).is_empty());
    assert_eq!(in_stock(&south, 2, "tea"), (12_000, 0));
    assert_eq!(in_stock(&south, 3, "tea"), (4_000, 0));
}

#[test]
fn a_taking_in_of_what_is_no_dispatch_is_found_whichever_comes_first() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let id = north.sell(1, 100);
    north.commit();
    let mut late = Device::new(3, 3);
    south.append(Payload::GoodsTakenIn(taking(1, id, "tea", 1)));
    south.commit();
    late.pull(&south);
    assert!(found(&late, Rule::BadReference).is_empty(), "it is not known what it is");
    late.pull(&north);
    south.pull(&north);
    assert_eq!(found(&late, Rule::BadReference), [(0, 1)]);
    assert_eq!(late.rows(keys::PROJECTION), south.rows(keys::PROJECTION));
}

#[test]
fn a_reservation_is_let_go_once_however_many_let_go_of_it() {
    let mut stall = Device::new(1, 1);
    let id = stall.append(Payload::GoodsReserved(reserve(1, "tea", 2)));
    stall.commit();
    assert_eq!(in_stock(&stall, 1, "tea"), (0, 2_000));
    let mut twin = stall.cloned(2);
    stall.append(Payload::ReservationReleased(release(2, id)));
    stall.append(Payload::ReservationExpired(ReservationExpired { at_ms: 0, reservation: id }));
    let sold = Sale { reservation: Some(id), ..sale(3, "tea", 2, 500) };
    twin.append(Payload::SaleCompleted(sold));
    let mut devices = [stall, twin, Device::new(3, 3)];
    settle(&mut devices);
    for device in &devices {
        assert_eq!(in_stock(device, 1, "tea"), (-2_000, 0));
        books::check(device);
    }
}

#[test]
fn a_void_does_not_set_aside_again_what_its_sale_let_go() {
    let mut stall = Device::new(1, 1);
    let id = stall.append(Payload::GoodsReserved(reserve(1, "tea", 2)));
    let sold = Sale { reservation: Some(id), ..sale(2, "tea", 2, 100) };
    let sold = stall.append(Payload::SaleCompleted(sold));
    stall.append(Payload::SaleVoided(void(3, sold)));
    stall.commit();
    assert_eq!(in_stock(&stall, 1, "tea"), (0, 0));
    books::check(&stall);
}

#[test]
fn only_what_stands_after_a_reservation_lets_go_of_it() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let id = north.append(Payload::GoodsReserved(reserve(1, "tea", 2)));
    north.commit();
    south.pull(&north);
    south.append(Payload::ReservationReleased(release(1, id)));
    let sold = Sale { reservation: Some(id), ..sale(2, "tea", 2, 500) };
    south.append(Payload::SaleCompleted(sold));
    south.commit();
    assert_eq!(in_stock(&south, 1, "tea"), (0, 2_000));
    assert_eq!(PlainGoods::projected(&south).open, BTreeSet::from([id]));
}

#[test]
fn a_hostile_count_of_dispatches_keeps_rows_small() {
    let mut stall = Device::new(1, 1);
    let nowhere = EventId { seq: 9, ..stall.sell(1, 100) };
    for number in 2..200 {
        stall.append(Payload::GoodsTakenIn(taking(number, nowhere, "tea", 1)));
        let counted = count(number + 1_000, Default::default(), "tea", number, 0);
        stall.append(Payload::StockCounted(counted));
        stall.commit();
    }
    let longest = stall.rows(keys::PROJECTION).iter().map(|(_, value)| value.len()).max();
    assert!(longest.unwrap() < 4 * 1024, "{longest:?}");
    books::check(&stall);
}
