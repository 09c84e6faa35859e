//! The books of money: held against each other and against a plain loop over the events, whatever
//! the order of delivery.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::books::{Held, held};
use crate::event::sale::{Line, Sale, Tender, TenderKind};
use crate::event::{
    CashDirection, CashMoved, DayClosed, Payload, ReceiptReprinted, Refund, ShiftClosed,
    ShiftOpened,
};
use crate::ids::{DeviceId, EventId, Lane};
use crate::keys;
use crate::projections::findings::{self, Finding, Rule};
use crate::projections::{DayKey, days, drawers, hours, items, receipts, sales, tenders};
use crate::testing::*;

/// A device, a business day and a currency.
type Place = (DeviceId, i32, [u8; 3]);

const TILLS: [&str; 2] = ["till", "bar"];

/// An event about money, chosen by `luck`; `known` are events that it may name, rightly or not.
pub fn event(number: u64, luck: u64, currency: [u8; 3], known: &[EventId]) -> Payload {
    let pick = |shift: u32, bound: u64| (luck >> shift) % bound;
    let mut key = key(number);
    key.till = TILLS[pick(3, 2) as usize].to_owned();
    let at_ms = NOON_MS as i64;
    let business_day = 19_675 + pick(5, 2) as i32;
    let amount = [0, 1, 250, 9_999, i64::MAX][pick(8, 5) as usize];
    let nowhere = EventId { seq: 999, ..known.first().copied().unwrap_or(NOWHERE) };
    let named = match known.len() {
        0 => nowhere,
        count => known[pick(12, count as u64) as usize],
    };
    match pick(24, 8) {
        0 => {
            let direction = [CashDirection::PaidIn, CashDirection::PaidOut, CashDirection::Dropped]
                [pick(28, 3) as usize];
            let reason = String::new();
            Payload::CashMoved(CashMoved {
                key,
                at_ms,
                business_day,
                currency,
                direction,
                amount,
                reason,
            })
        }
        1 => {
            let (cashier, float) = (String::new(), amount);
            Payload::ShiftOpened(ShiftOpened { key, at_ms, business_day, currency, cashier, float })
        }
        2 => Payload::ShiftClosed(ShiftClosed {
            key,
            at_ms,
            shift: named,
            counted: amount,
            expected: 250,
        }),
        3 => Payload::DayClosed(DayClosed {
            key,
            at_ms,
            business_day,
            currency,
            counted: amount,
            expected: 250,
        }),
        4 => Payload::ReceiptReprinted(ReceiptReprinted { key, at_ms, document: named }),
        5 => {
            let tenders = vec![Tender { kind: TenderKind::Cash, amount: 60 }];
            let receipt = pick(28, 4);
            let refund = refund(number, named, "tea", 1, 60);
            Payload::SaleRefunded(Refund {
                key,
                tenders,
                receipt,
                business_day,
                currency,
                ..refund
            })
        }
        _ => Payload::SaleCompleted(Sale {
            key,
            business_day,
            currency,
            receipt: pick(28, 4),
            ..mixed(number, luck, amount)
        }),
    }
}

const NOWHERE: EventId = EventId {
    log: crate::ids::LogId([9; 16]),
    epoch: crate::ids::Epoch(9),
    seq: 9,
    hash: crate::ids::ShortHash([9; 16]),
};

/// A sale of two lines at some hour, paid by card, voucher and cash, or not enough.
fn mixed(number: u64, luck: u64, amount: i64) -> Sale {
    let pick = |shift: u32, bound: u64| (luck >> shift) % bound;
    let mut sale = sale(number, "tea", 1, 100);
    let sku = ["tea", "cup", "", "\0"][pick(32, 4) as usize].to_owned();
    sale.lines.push(Line { sku, amount, ..sale.lines[0].clone() });
    sale.sold_at_ms += pick(34, 48) as i64 * 3_600_000 - 86_400_000;
    sale.tip = pick(40, 3) as i64;
    let tender = |kind, amount| Tender { kind, amount };
    sale.tenders = vec![
        tender(TenderKind::Card, 70),
        tender(TenderKind::Voucher, 30),
        tender(TenderKind::Cash, amount.saturating_add(pick(42, 9) as i64)),
        tender(TenderKind::Card, 5),
    ];
    sale.accepted_offline = [vec![], vec![3], vec![0, 2, 9], vec![1]][pick(46, 4) as usize].clone();
    sale
}

/// What the books of money say, and what a plain loop makes of the events, in one shape.
#[derive(Debug, Default, PartialEq)]
struct Plain {
    hours: BTreeMap<(Place, u8), hours::Hour>,
    items: BTreeMap<(Place, String), items::Item>,
    tenders: BTreeMap<(Place, TenderKind), tenders::Paid>,
    receipts: BTreeMap<(DeviceId, Vec<u8>), Vec<EventId>>,
    copies: BTreeMap<EventId, usize>,
    drawers: BTreeMap<(Place, String), drawers::Drawer>,
    shifts: BTreeMap<EventId, (i64, BTreeSet<EventId>)>,
    open: BTreeSet<EventId>,
    closes: BTreeSet<EventId>,
    late: BTreeMap<DeviceId, (BTreeSet<EventId>, i128)>,
    off: BTreeMap<EventId, i128>,
    bad: BTreeMap<String, BTreeSet<EventId>>,
}

fn place(key: DayKey) -> Place {
    (key.stall, key.business_day, key.currency)
}

impl Plain {
    /// The rows of the device's projections.
    fn read(device: &Device) -> Self {
        let mut out = Self::default();
        for (key, value) in device.rows(keys::PROJECTION) {
            let (projection, _, rest) = keys::read_row(&key).unwrap();
            match projection {
                5 => {
                    let (day, hour, sums) = hours::read(&key, &value).unwrap();
                    out.hours.insert((place(day), hour), sums);
                }
                6 => {
                    let Some((day, sku, item)) = items::read(&key, &value) else { continue };
                    out.items.insert((place(day), sku), item);
                }
                7 => {
                    let Some((day, kind, paid)) = tenders::read(&key, &value) else { continue };
                    out.tenders.insert((place(day), kind), paid);
                }
                8 if rest[0] == 0 => {
                    let device = DeviceId(rest[1..33].try_into().unwrap());
                    let documents = crate::projections::read(Some(value)).unwrap();
                    out.receipts.insert((device, rest[33..].to_vec()), documents);
                }
                8 => {
                    let document = [[keys::EVENT].as_slice(), &rest[1..49]].concat();
                    let document = keys::read_event_id(&document).unwrap();
                    assert!(receipts::read_copy(&key).is_some());
                    *out.copies.entry(document).or_default() += 1;
                }
                9 => out.read_drawers(&key, &value),
                10 => out.closes.extend(days::read(&key, &value).map(|(_, id, _)| id)),
                13 => out.read_finding(&value, rest),
                _ => {}
            }
        }
        // Other kinds name events too; here it is about money.
        let held = held(device);
        let money = |id: &EventId| {
            let payload = &held[id].event.payload;
            matches!(payload, Payload::SaleRefunded(_) | Payload::ShiftClosed(_))
        };
        out.bad.values_mut().for_each(|events| events.retain(money));
        out.bad.retain(|_, events| !events.is_empty());
        out
    }

    fn read_drawers(&mut self, key: &[u8], value: &[u8]) {
        if let Some((day, till, drawer)) = drawers::read(key, value) {
            self.drawers.insert((place(day), till), drawer);
        } else if let Some((_, _, id, shift)) = drawers::read_shift(key, value) {
            let closes = shift.closes.iter().map(|close| close.event).collect();
            self.shifts.insert(id, (shift.float, closes));
        } else if keys::read_row(key).unwrap().2[0] == 3 {
            self.open.insert(drawers::read_open(key).unwrap());
        }
    }

    fn read_finding(&mut self, value: &[u8], rest: &[u8]) {
        if rest[0] != 0 {
            return;
        }
        let Finding { rule, subject, evidence, money, .. } = findings::read(value).unwrap();
        let evidence: BTreeSet<EventId> = evidence.into_iter().collect();
        match rule {
            Rule::LateSale => {
                let device = subject.rsplit(' ').next().unwrap().parse().unwrap();
                let late = self.late.entry(device).or_default();
                late.0.extend(evidence);
                late.1 += money;
            }
            Rule::DrawerOff => {
                self.off.extend(evidence.into_iter().map(|id| (id, money)));
            }
            Rule::BadReference => {
                self.bad.entry(subject).or_default().extend(evidence);
            }
            _ => {}
        }
    }

    /// The same from the events, by a loop that looks everything up.
    fn of(device: &Device) -> Self {
        let held = held(device);
        let mut out = Self::default();
        let mut undone = BTreeSet::new();
        let ledger = held.iter().filter(|(_, row)| row.log.lane == Lane::Ledger);
        for (id, row) in ledger {
            let stall = row.log.device;
            match &row.event.payload {
                Payload::SaleCompleted(sale) => {
                    out.sold(stall, sale);
                    out.numbered(stall, &sale.key.till, sale.receipt, *id);
                    let closed = ancestors(&held, id).any(|(_, row)| {
                        matches!(&row.event.payload, Payload::DayClosed(day)
                            if day.business_day == sale.business_day)
                    });
                    if closed {
                        let late = out.late.entry(stall).or_default();
                        late.0.insert(*id);
                        late.1 += sale.lines.iter().map(|l| i128::from(l.amount)).sum::<i128>();
                    }
                }
                Payload::SaleRefunded(refund) => {
                    out.refunded(stall, refund);
                    out.numbered(stall, &refund.key.till, refund.receipt, *id);
                    out.names(&held, *id, refund.sale, "sale-completed");
                }
                Payload::SaleVoided(void) => {
                    let found = ancestors(&held, id).find(|(above, _)| *above == void.sale);
                    if let Some(Payload::SaleCompleted(sale)) =
                        found.map(|(_, row)| &row.event.payload)
                        && undone.insert(void.sale)
                    {
                        out.undone(stall, sale);
                    }
                }
                Payload::ReceiptReprinted(reprint) => {
                    *out.copies.entry(reprint.document).or_default() += 1;
                }
                _ => out.counted(&held, id, row),
            }
        }
        out.tidied()
    }

    /// Cash, shifts and days.
    fn counted(&mut self, held: &BTreeMap<EventId, Held>, id: &EventId, row: &Held) {
        let (id, stall) = (*id, row.log.device);
        match &row.event.payload {
            Payload::CashMoved(cash) => {
                let place = (stall, cash.business_day, cash.currency);
                let drawer = self.drawer(place, &cash.key.till);
                let sum = match cash.direction {
                    CashDirection::PaidIn => &mut drawer.paid_in,
                    CashDirection::PaidOut => &mut drawer.paid_out,
                    CashDirection::Dropped => &mut drawer.dropped,
                };
                *sum += i128::from(cash.amount);
            }
            Payload::ShiftOpened(opened) => {
                let place = (stall, opened.business_day, opened.currency);
                self.drawer(place, &opened.key.till).floats += i128::from(opened.float);
                self.shifts.entry(id).or_default().0 = opened.float;
            }
            Payload::ShiftClosed(closed) => {
                self.names(held, id, closed.shift, "shift-opened");
                if closed.counted != closed.expected {
                    let off = i128::from(closed.counted) - i128::from(closed.expected);
                    self.off.insert(id, off);
                }
                let found = ancestors(held, &id).find(|(above, _)| *above == closed.shift);
                if let Some(Payload::ShiftOpened(opened)) = found.map(|(_, row)| &row.event.payload)
                {
                    let place = (stall, opened.business_day, opened.currency);
                    let drawer = self.drawer(place, &opened.key.till);
                    drawer.counted += i128::from(closed.counted);
                    self.shifts.entry(closed.shift).or_default().1.insert(id);
                }
            }
            Payload::DayClosed(_) => {
                self.closes.insert(id);
            }
            _ => {}
        }
    }

    /// Without what reads as nothing, which has no rows.
    fn tidied(mut self) -> Self {
        let shifts = self.shifts.iter();
        self.open =
            shifts.filter(|(_, (_, closes))| closes.is_empty()).map(|(id, _)| *id).collect();
        self.tenders.retain(|_, paid| *paid != tenders::Paid::default());
        self.drawers.retain(|_, drawer| *drawer != drawers::Drawer::default());
        self
    }

    fn drawer(&mut self, place: Place, till: &str) -> &mut drawers::Drawer {
        self.drawers.entry((place, till.to_owned())).or_default()
    }

    fn sold(&mut self, stall: DeviceId, sale: &Sale) {
        let place = (stall, sale.business_day, sale.currency);
        let minutes = sale.sold_at_ms.div_euclid(60_000) + i64::from(sale.offset_minutes);
        let hour = minutes.rem_euclid(1_440) / 60;
        let sums = self.hours.entry((place, hour as u8)).or_default();
        sums.baskets += 1;
        let mut due = i128::from(sale.tip);
        for line in &sale.lines {
            due += i128::from(line.amount);
            sums.amount += i128::from(line.amount);
            let item = self.items.entry((place, line.sku.clone())).or_default();
            item.lines += 1;
            item.quantity += i128::from(line.quantity);
            item.amount += i128::from(line.amount);
            item.discount += i128::from(line.discount);
            item.tax += i128::from(line.tax);
        }
        let mut cash = 0;
        for (at, tender) in sale.tenders.iter().enumerate() {
            let paid = self.tenders.entry((place, tender.kind)).or_default();
            due -= i128::from(tender.amount);
            paid.count += 1;
            paid.amount += i128::from(tender.amount);
            match tender.kind {
                TenderKind::Cash => cash += i128::from(tender.amount),
                TenderKind::Card if sale.accepted_offline.contains(&(at as u8)) => {
                    paid.offline_count += 1;
                    paid.offline_amount += i128::from(tender.amount);
                }
                _ => {}
            }
        }
        self.tenders.entry((place, TenderKind::Cash)).or_default().change += -due;
        self.drawer(place, &sale.key.till).sales += cash + due;
    }

    fn refunded(&mut self, stall: DeviceId, refund: &Refund) {
        let place = (stall, refund.business_day, refund.currency);
        for line in &refund.lines {
            let item = self.items.entry((place, line.sku.clone())).or_default();
            item.refunded_quantity += i128::from(line.quantity);
            item.refunded += i128::from(line.amount);
        }
        for tender in &refund.tenders {
            let amount = i128::from(tender.amount);
            let paid = self.tenders.entry((place, tender.kind)).or_default();
            paid.refund_count += 1;
            paid.refunded += amount;
            if tender.kind == TenderKind::Cash {
                self.drawer(place, &refund.key.till).refunds += amount;
            }
        }
    }

    /// Books a sale again elsewhere, and takes it from there as undone.
    fn undone(&mut self, stall: DeviceId, sale: &Sale) {
        let mut again = Self::default();
        again.sold(stall, sale);
        for (key, item) in again.items {
            let undone = self.items.entry(key).or_default();
            undone.voided_quantity += item.quantity;
            undone.voided += item.amount;
        }
        for (key, paid) in again.tenders {
            let undone = self.tenders.entry(key).or_default();
            undone.void_count += paid.count;
            undone.voided += paid.amount;
            undone.voided_change += paid.change;
        }
        for ((place, till), drawer) in again.drawers {
            self.drawer(place, &till).voids += drawer.sales;
        }
    }

    fn numbered(&mut self, stall: DeviceId, till: &str, number: u64, id: EventId) {
        if number > 0 {
            let key = [till.as_bytes(), &[0], &number.to_be_bytes()].concat();
            self.receipts.entry((stall, key)).or_default().push(id);
        }
    }

    fn names(&mut self, all: &BTreeMap<EventId, Held>, id: EventId, named: EventId, kind: &str) {
        let Some(row) = all.get(&named).filter(|row| row.log.lane == Lane::Ledger) else { return };
        if crate::event::codec::kind_name(&row.event.payload) != kind {
            self.bad.entry(named.to_string()).or_default().insert(id);
        }
    }
}

/// What stands before an event on its branch, nearest first.
fn ancestors<'a>(
    held: &'a BTreeMap<EventId, Held>,
    id: &EventId,
) -> impl Iterator<Item = (EventId, &'a Held)> {
    std::iter::successors(held[id].parent, |above| held[above].parent)
        .map(|above| (above, &held[&above]))
}

/// Holds the books of money against the plain loop and against each other.
#[track_caller]
pub fn check(device: &Device) {
    let books = Plain::read(device);
    assert_eq!(books, Plain::of(device));
    let mut sums: BTreeMap<Place, sales::Sums> = BTreeMap::new();
    for (key, value) in device.rows(keys::PROJECTION) {
        if keys::read_row(&key).unwrap().0 == 2
            && let Some(day) = sales::read(&key, &value)
        {
            sums.insert((day.stall, day.business_day, day.currency), day.sums);
        }
    }
    for (place, sums) in &sums {
        let hours = books.hours.iter().filter(|((at, _), _)| at == place);
        let items = books.items.iter().filter(|((at, _), _)| at == place);
        let tenders = books.tenders.iter().filter(|((at, _), _)| at == place);
        let drawers = books.drawers.iter().filter(|((at, _), _)| at == place);
        assert_eq!(hours.clone().map(|(_, hour)| hour.amount).sum::<i128>(), sums.amount);
        assert_eq!(hours.map(|(_, hour)| hour.baskets).sum::<i128>(), sums.baskets);
        assert_eq!(items.clone().map(|(_, item)| item.amount).sum::<i128>(), sums.amount);
        assert_eq!(items.clone().map(|(_, item)| item.net()).sum::<i128>(), sums.net());
        assert_eq!(items.map(|(_, item)| item.quantity).sum::<i128>(), sums.quantity);
        let paid = tenders.clone().map(|(_, paid)| paid.amount - paid.change);
        assert_eq!(paid.sum::<i128>(), sums.amount + sums.tips, "tenders less change");
        let cash = tenders.filter(|((_, kind), _)| *kind == TenderKind::Cash);
        let cash: i128 = cash.map(|(_, paid)| paid.net()).sum();
        let moved = drawers.map(|(_, drawer)| drawer.sales - drawer.refunds - drawer.voids);
        assert_eq!(moved.sum::<i128>(), cash, "cash lies in the drawers");
    }
}

fn found(device: &Device, rule: Rule) -> Vec<Finding> {
    let (from, to) = findings::rows(scope(), None);
    let mut out = Vec::new();
    let rows = device.rows(keys::PROJECTION);
    for (_, row) in rows.iter().filter(|(key, _)| (from.clone()..to.clone()).contains(key)) {
        out.extend(findings::read(row).filter(|finding| finding.rule == rule));
    }
    out
}

#[test]
fn two_branches_of_a_clone_that_bear_one_receipt_number_are_a_finding_and_one_branch_is_not() {
    let mut stall = Device::new(1, 1);
    let numbered =
        |number, receipt| Payload::SaleCompleted(Sale { receipt, ..sale(number, "tea", 1, 100) });
    stall.append(numbered(1, 1));
    stall.commit();
    let mut twin = stall.cloned(2);
    let mut bar = sale(2, "tea", 1, 100);
    (bar.key.till, bar.receipt) = ("bar".to_owned(), 1);
    stall.append(Payload::SaleCompleted(bar));
    let a = stall.append(numbered(3, 2));
    let b = twin.append(numbered(4, 2));
    let mut devices = [stall, twin, Device::new(3, 3)];
    settle(&mut devices);
    for device in &devices {
        let doubled = found(device, Rule::ReceiptDoubled);
        assert_eq!(doubled.len(), 1, "{doubled:?}");
        assert_eq!(doubled[0].subject, "receipt 2 of till till");
        assert_eq!(device.rows(keys::PROJECTION), devices[0].rows(keys::PROJECTION));
        assert_eq!(doubled[0].evidence, BTreeSet::from([a, b]).into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_sale_after_its_days_close_is_late_and_one_beside_it_is_not() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let mut twin = stall.cloned(2);
    let day = DayClosed {
        key: key(2),
        at_ms: NOON_MS as i64,
        business_day: 19_675,
        currency: *b"EUR",
        counted: 0,
        expected: 0,
    };
    stall.append(Payload::DayClosed(day.clone()));
    let first = stall.sell(3, 40);
    stall.append(Payload::DayClosed(DayClosed { key: key(4), ..day }));
    let second = stall.sell(5, 2);
    stall.append(Payload::SaleCompleted(Sale { business_day: 19_676, ..sale(6, "tea", 1, 9) }));
    twin.sell(7, 7);
    let mut devices = [twin, stall];
    settle(&mut devices);
    for device in &devices {
        let late = found(device, Rule::LateSale);
        assert_eq!(late.len(), 1, "{late:?}");
        assert_eq!((late[0].money, &late[0].evidence), (42, &vec![first, second]));
    }
}

#[test]
fn a_day_that_both_copies_of_a_disk_closed_makes_the_sales_of_both_late() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let mut devices = [stall.cloned(2), stall];
    let mut late = Vec::new();
    for (device, number) in devices.iter_mut().zip([2, 4]) {
        device.append(Payload::DayClosed(DayClosed {
            key: key(number),
            at_ms: NOON_MS as i64,
            business_day: 19_675,
            currency: *b"EUR",
            counted: 0,
            expected: 0,
        }));
        late.push(device.sell(number + 1, 40));
    }
    late.sort_unstable();
    settle(&mut devices);
    for device in &devices {
        let found = found(device, Rule::LateSale);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].money, &found[0].evidence), (80, &late));
    }
}

#[test]
fn a_shift_close_is_judged_by_what_it_states_and_by_what_it_names() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let close = |number, shift, counted| {
        let at_ms = NOON_MS as i64;
        Payload::ShiftClosed(ShiftClosed { key: key(number), at_ms, shift, counted, expected: 500 })
    };
    let sold = north.sell(1, 100);
    north.commit();
    south.pull(&north);
    let off = south.append(close(2, sold, 480));
    let fair = south.append(close(3, sold, 500));
    let refunded = south.append(Payload::SaleRefunded(refund(4, off, "tea", 1, 1)));
    south.commit();
    // One that hears of the closes before it hears of the sale that they name.
    let mut late = Device::new(3, 3);
    let only = |segment: &crate::log::segment::Verified| segment.log == ledger(2);
    for segment in unpacked(&south).into_iter().filter(only) {
        late.replica.admit(segment, NOON_MS).unwrap();
    }
    late.commit();
    let bad = found(&late, Rule::BadReference);
    assert_eq!(bad.len(), 1, "the sale is not known yet: {bad:?}");
    late.pull(&north);
    for device in [&south, &late] {
        let drawer = found(device, Rule::DrawerOff);
        assert_eq!((drawer.len(), drawer[0].money), (1, -20), "{drawer:?}");
        assert_eq!(drawer[0].evidence, [off]);
        let mut bad = found(device, Rule::BadReference);
        bad.sort_by_key(|finding| finding.evidence.len());
        assert_eq!(
            bad.iter().map(|finding| finding.evidence.clone()).collect::<Vec<_>>(),
            [vec![refunded], vec![off, fair]]
        );
        check(device);
    }
}

#[test]
fn a_tills_name_as_long_as_an_event_stops_nobody() {
    let mut stall = Device::new(1, 1);
    let mut long = sale(1, "tea", 1, 100);
    long.key.till = "\u{e9}".repeat(16_000);
    (long.receipt, long.sold_at_ms) = (1, 0);
    stall.append(Payload::SaleCompleted(long.clone()));
    stall.append(Payload::SaleCompleted(long));
    stall.commit();
    for rule in [Rule::OddTime, Rule::KeyDoubled, Rule::ReceiptDoubled] {
        let found = found(&stall, rule);
        assert_eq!(found.len(), 1, "{rule:?}");
        assert!(found[0].subject.len() <= crate::limits::SUBJECT_BYTES_MAX);
    }
}

#[test]
fn a_clock_that_is_days_off_is_found_whichever_way() {
    let mut stall = Device::new(1, 1);
    let at = |number, sold_at_ms, business_day| {
        Payload::SaleCompleted(Sale { sold_at_ms, business_day, ..sale(number, "tea", 1, 100) })
    };
    let (now, limit) = (NOON_MS as i64, crate::limits::CLOCK_ODD_MS as i64);
    stall.append(at(1, now - limit, 1));
    stall.append(at(2, now + limit, 1));
    let odd = [
        stall.append(at(3, now - limit - 1, 2)),
        stall.append(at(4, now + limit + 2, 2)),
        stall.append(at(5, i64::MAX, 2)),
        stall.append(at(6, i64::MIN, 2)),
    ];
    stall.commit();
    let found = found(&stall, Rule::OddTime);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].evidence, odd);
    check(&stall);
}

#[derive(Debug, Clone)]
enum Step {
    Money(usize, u64, bool),
    Void(usize, usize),
    CopyDisk(usize, u64),
    Pull(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..5_usize, any::<u64>(), any::<bool>())
            .prop_map(|(at, luck, euro)| Step::Money(at, luck, euro)),
        2 => (0..5_usize, 0..64_usize).prop_map(|(at, sale)| Step::Void(at, sale)),
        1 => (0..5_usize, 10..u64::MAX).prop_map(|(at, epoch)| Step::CopyDisk(at, epoch)),
        3 => (0..5_usize, 0..5_usize).prop_map(|(from, to)| Step::Pull(from, to)),
    ];
    vec(step, 5..50)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_books_of_money_add_up_and_agree(steps in steps(), turn in 0..9_usize) {
        let mut machines = vec![Device::new(1, 1), Device::new(2, 2)];
        let mut known: Vec<EventId> = Vec::new();
        for (number, step) in (1..).zip(&steps) {
            let count = machines.len();
            match *step {
                Step::Money(at, luck, euro) => {
                    let currency = if euro { *b"EUR" } else { *b"USD" };
                    known.push(machines[at % count].append(event(number, luck, currency, &known)));
                }
                Step::Void(at, sale) if !known.is_empty() => {
                    let sale = known[sale % known.len()];
                    let voided = Payload::SaleVoided(void(number, sale));
                    known.push(machines[at % count].append(voided));
                }
                Step::CopyDisk(at, epoch) if count < 5 => {
                    machines[at % count].commit();
                    let copy = machines[at % count].cloned(epoch);
                    machines.push(copy);
                }
                Step::Pull(from, to) if from % count != to % count => {
                    machines[from % count].commit();
                    machines[to % count].commit();
                    let image = machines[from % count].cloned(3);
                    machines[to % count].pull(&image);
                }
                _ => {}
            }
        }
        settle(&mut machines);
        check(&machines[0]);
        let first = machines[0].rows(keys::PROJECTION);
        for machine in &machines {
            prop_assert_eq!(machine.rows(keys::PROJECTION), first.clone());
        }
        // A newcomer hears of it in another order.
        let mut late = Device::new(4, 4);
        let mut segments = unpacked(&machines[0]);
        let by = turn % segments.len().max(1);
        segments.rotate_left(by);
        for segment in segments {
            late.replica.admit(segment, NOON_MS).unwrap();
        }
        late.commit();
        prop_assert_eq!(late.rows(keys::PROJECTION), first);
    }
}
