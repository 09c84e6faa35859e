//! Goods: what lies where, what is set aside, what is on the way, what counting found.

use std::collections::{BTreeMap, BTreeSet};

use engine::clock::Hlc;
use engine::event::{GoodsLine, Payload};
use engine::ids::{DeviceId, EventId};

use super::{Books, Fact, Facts};

/// What a stall's book says of a SKU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stock {
    /// Lies there.
    pub on_hand: i128,
    /// Of that, set aside.
    pub reserved: i128,
}

/// Goods set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Where.
    pub device: DeviceId,
    /// Until when: milliseconds since 1970.
    pub until_ms: i64,
    /// What.
    pub lines: Vec<GoodsLine>,
    /// Whether nobody let go of it.
    pub open: bool,
}

/// Goods between two stalls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transfer {
    /// Whether the stall that they go to took them in.
    pub settled: bool,
    /// Sent, by SKU.
    pub sent: BTreeMap<String, i128>,
    /// Taken in by the stall that they go to, by SKU.
    pub taken: BTreeMap<String, i128>,
    /// Taken in by others, by SKU.
    pub strayed: BTreeMap<String, i128>,
    /// The taking-ins by the stall that they go to.
    pub takings: Vec<EventId>,
    /// The taking-ins by others.
    pub stray_takings: Vec<EventId>,
}

impl Transfer {
    /// What is still on the way, and after a taking-in is missing.
    pub fn outstanding(&self) -> i128 {
        let rest = |(sku, sent): (&String, &i128)| sent - self.taken.get(sku).unwrap_or(&0);
        self.sent.iter().map(rest).filter(|rest| *rest > 0).sum()
    }

    /// What was taken in and should not have been.
    pub fn excess(&self) -> i128 {
        let over = |(sku, taken): (&String, &i128)| taken - self.sent.get(sku).unwrap_or(&0);
        let own: i128 = self.taken.iter().map(over).filter(|over| *over > 0).sum();
        own + self.strayed.values().sum::<i128>()
    }
}

/// What counting a SKU at a stall found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift {
    /// Lines counted.
    pub counts: i128,
    /// Counted less book, over all of them.
    pub variance: i128,
    /// Those below zero, as a positive number.
    pub missing: i128,
    /// The last eight that are not zero, by clock and event.
    pub latest: BTreeSet<(Hlc, EventId, i128)>,
}

pub(super) fn fold(facts: &Facts<'_>, books: &mut Books) {
    for fact in &facts.ledger {
        move_goods(fact, books);
    }
    for (fact, sale) in facts.voided() {
        for line in &sale.lines {
            stock(books, &line.sku, fact).on_hand += i128::from(line.quantity);
        }
    }
    reserve(facts, books);
    transfer(facts, books);
}

fn stock<'a>(books: &'a mut Books, sku: &str, fact: &Fact) -> &'a mut Stock {
    books.stock.entry((sku.to_owned(), fact.device())).or_default()
}

fn move_goods(fact: &Fact, books: &mut Books) {
    let mut moved = |lines: &[GoodsLine], sign: i128| {
        for line in lines {
            stock(books, &line.sku, fact).on_hand += sign * i128::from(line.quantity);
        }
    };
    match fact.payload() {
        Payload::GoodsReceived(it) => moved(&it.lines, 1),
        Payload::GoodsDispatched(it) => moved(&it.lines, -1),
        Payload::GoodsTakenIn(it) => moved(&it.lines, 1),
        Payload::GoodsReturned(it) if it.resaleable => moved(&it.lines, 1),
        Payload::GoodsSpoiled(it) => moved(&it.lines, -1),
        Payload::StockCounted(it) => {
            for line in &it.lines {
                let variance = i128::from(line.counted) - i128::from(line.book);
                stock(books, &line.sku, fact).on_hand += variance;
                let drift = books.drift.entry((line.sku.clone(), fact.device())).or_default();
                drift.counts += 1;
                drift.variance += variance;
                drift.missing += (-variance).max(0);
                if variance != 0 {
                    drift.latest.insert((fact.event.hlc, fact.id, variance));
                }
                while drift.latest.len() > 8 {
                    drift.latest.pop_first();
                }
            }
        }
        Payload::SaleCompleted(it) => {
            for line in &it.lines {
                stock(books, &line.sku, fact).on_hand -= i128::from(line.quantity);
            }
        }
        Payload::SaleRefunded(it) if it.restock => {
            for line in &it.lines {
                stock(books, &line.sku, fact).on_hand += i128::from(line.quantity);
            }
        }
        _ => {}
    }
}

fn reserve(facts: &Facts<'_>, books: &mut Books) {
    for fact in &facts.ledger {
        let Payload::GoodsReserved(it) = fact.payload() else { continue };
        let open = !facts.ledger.iter().any(|other| {
            let names = match other.payload() {
                Payload::ReservationReleased(release) => Some(release.reservation),
                Payload::ReservationExpired(expiry) => Some(expiry.reservation),
                Payload::SaleCompleted(sale) => sale.reservation,
                _ => None,
            };
            names == Some(fact.id) && facts.is_ancestor(&fact.id, other)
        });
        if open {
            for line in &it.lines {
                stock(books, &line.sku, fact).reserved += i128::from(line.quantity);
            }
        }
        let (device, until_ms, lines) = (fact.device(), it.until_ms, it.lines.clone());
        books.reservations.insert(fact.id, Reservation { device, until_ms, lines, open });
    }
}

fn transfer(facts: &Facts<'_>, books: &mut Books) {
    for fact in &facts.ledger {
        let Payload::GoodsDispatched(sent) = fact.payload() else { continue };
        let mut transfer = Transfer::default();
        add(&mut transfer.sent, &sent.lines);
        for other in &facts.ledger {
            let Payload::GoodsTakenIn(taking) = other.payload() else { continue };
            if taking.dispatch != fact.id {
                continue;
            }
            if other.device() == sent.to {
                transfer.settled = true;
                transfer.takings.push(other.id);
                add(&mut transfer.taken, &taking.lines);
            } else {
                transfer.stray_takings.push(other.id);
                add(&mut transfer.strayed, &taking.lines);
            }
        }
        books.transfers.insert(fact.id, transfer);
    }
}

fn add(sums: &mut BTreeMap<String, i128>, lines: &[GoodsLine]) {
    for line in lines {
        *sums.entry(line.sku.clone()).or_default() += i128::from(line.quantity);
    }
}
