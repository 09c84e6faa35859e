//! Sales, refunds, voids, cash, shifts, days, copies of receipts.

use engine::event::sale::{Line, Sale, Tender, TenderKind};
use engine::event::{
    CashDirection, CashMoved, DayClosed, Payload, ReceiptReprinted, Refund, RefundLine,
    ShiftClosed, ShiftOpened, Void,
};
use engine::ids::EventId;

use super::{PRICE, SKUS, Scene, Told, pieces};

/// The next receipt number of the till on its own branch; a lie's may be any.
fn receipt(scene: &Scene<'_>) -> u64 {
    if scene.lie {
        return u64::from(scene.deed.aim % 4);
    }
    let mine = scene.books.receipts.iter().filter(|((device, till, _), documents)| {
        *device == scene.me
            && *till == scene.till()
            && documents.keys().any(|document| scene.is_own(document))
    });
    mine.map(|((_, _, number), _)| number + 1).max().unwrap_or(1)
}

fn line(sku: &str, quantity: u64, amount: i64) -> Line {
    let (discount, tax) = (3, 7);
    Line { sku: sku.to_owned(), quantity, amount, unit_price: Some(PRICE), discount, tax }
}

fn tenders(scene: &Scene<'_>, total: i64) -> Vec<Tender> {
    let pay = |kind, amount| Tender { kind, amount };
    match scene.deed.twist >> 3 & 3 {
        0 => vec![pay(TenderKind::Cash, total.saturating_add(40))],
        1 => vec![pay(TenderKind::Card, total)],
        2 => vec![pay(TenderKind::Voucher, 50), pay(TenderKind::Cash, total.saturating_sub(50))],
        _ => vec![pay(TenderKind::Card, 30), pay(TenderKind::Cash, total)],
    }
}

pub fn sell(scene: &Scene<'_>) -> Vec<Told> {
    let quantity = scene.quantity();
    let promise = if scene.lie { scene.bit(10) } else { scene.is_promise() };
    if !scene.lie && promise && i128::from(quantity) > scene.held(&scene.sku()) {
        return Vec::new();
    }
    let mut lines = vec![line(&scene.sku(), quantity, scene.amount())];
    if scene.bit(2) {
        lines.push(line(SKUS[0], 250, 25));
    }
    let total = lines.iter().fold(0_i64, |sum, line| sum.saturating_add(line.amount));
    let tip = if scene.bit(1) { 10 } else { 0 };
    let reservation = scene.deed.aim.is_multiple_of(3).then(|| super::goods::reservation(scene));
    let mut sale = Sale {
        key: scene.key(),
        sold_at_ms: scene.at_ms(),
        offset_minutes: 60,
        business_day: scene.day(),
        currency: scene.currency(),
        tenders: tenders(scene, total.saturating_add(tip)),
        lines,
        tip,
        receipt: receipt(scene),
        reservation: reservation.flatten(),
        promised: if promise { vec![0] } else { Vec::new() },
        accepted_offline: if scene.bit(4) { vec![0] } else { Vec::new() },
        ..Sale::default()
    };
    if scene.lie {
        distort(scene, &mut sale);
    }
    let mut words = format!("sells {} {} for {total}", pieces(quantity), scene.sku());
    if promise {
        words.push_str(", promised");
    }
    if let Some(reservation) = sale.reservation {
        words.push_str(&format!(", set aside in {}", scene.call(&reservation)));
    }
    scene.ledger(Payload::SaleCompleted(sale), words)
}

/// What no till would state.
fn distort(scene: &Scene<'_>, sale: &mut Sale) {
    match scene.deed.aim % 16 {
        0 => sale.sold_at_ms = i64::MAX,
        1 => sale.sold_at_ms = i64::MIN,
        2 => sale.sold_at_ms -= 3 * 24 * 3_600_000,
        3 => sale.promised = vec![0, 0, 1, 7],
        4 => sale.accepted_offline = vec![0, 0, 1, 9],
        5 => sale.tenders.truncate(0),
        6 => sale.tip = i64::MIN,
        7 => sale.tenders.iter_mut().for_each(|tender| tender.amount = i64::MIN),
        8 => sale.lines.truncate(0),
        9 => sale.offset_minutes = i16::MIN,
        10 => sale.promised = vec![1],
        _ => {}
    }
}

/// A sale that an honest till may pay back, and what is left of its first line.
fn refundable(scene: &Scene<'_>) -> Option<(EventId, Sale, u64, i64)> {
    let mut those = Vec::new();
    for fact in &scene.facts {
        let Payload::SaleCompleted(sale) = &fact.event.payload else { continue };
        let reversal = scene.books.reversals.get(&fact.id).cloned().unwrap_or_default();
        let (quantity, amount) = reversal.lines.get(&0).copied().unwrap_or_default();
        let Some(first) = sale.lines.first() else { continue };
        let left = i128::from(first.quantity) - quantity;
        let worth = i128::from(first.amount) - amount;
        if let (Ok(left), Ok(worth)) = (u64::try_from(left), i64::try_from(worth))
            && !reversal.voided
            && left > 0
            && worth > 0
        {
            those.push((fact.id, sale.clone(), left, worth));
        }
    }
    scene.choose(&those)
}

pub fn refund(scene: &Scene<'_>) -> Vec<Told> {
    let (sale, mut lines, restored, currency) = if scene.lie {
        let sale = scene.aimed(|past| matches!(past.payload, Payload::SaleCompleted(_)));
        let (sku, quantity, amount) = (scene.sku(), scene.quantity(), scene.amount());
        let line = RefundLine { line: u16::from(scene.deed.pieces) % 3, sku, quantity, amount };
        let restored = if scene.bit(10) { vec![0, 0, 5] } else { Vec::new() };
        (sale, vec![line], restored, scene.currency())
    } else {
        let Some((id, sale, left, worth)) = refundable(scene) else { return Vec::new() };
        let all = scene.bit(1);
        let quantity = if all { left } else { left.div_ceil(2) };
        let amount = if all { worth } else { worth - worth / 2 };
        let line = RefundLine { line: 0, sku: sale.lines[0].sku.clone(), quantity, amount };
        let restored = if sale.promised.contains(&0) { vec![0] } else { Vec::new() };
        (id, vec![line], restored, sale.currency)
    };
    if scene.lie && scene.deed.aim % 16 == 15 {
        lines.push(lines[0].clone());
    }
    let amount = lines.iter().fold(0_i64, |sum, line| sum.saturating_add(line.amount));
    let words = format!(
        "pays back {amount} for {} {} of {}",
        pieces(lines[0].quantity),
        lines[0].sku,
        scene.call(&sale)
    );
    let kind = if scene.bit(3) { TenderKind::Card } else { TenderKind::Cash };
    let refund = Refund {
        key: scene.key(),
        sale,
        at_ms: scene.at_ms(),
        business_day: scene.day(),
        currency,
        lines,
        tenders: vec![Tender { kind, amount }],
        restock: scene.bit(2),
        receipt: receipt(scene),
        restored,
    };
    scene.ledger(Payload::SaleRefunded(refund), words)
}

pub fn void(scene: &Scene<'_>) -> Vec<Told> {
    let sale = if scene.lie {
        Some(scene.aimed(|past| matches!(past.payload, Payload::SaleCompleted(_))))
    } else {
        let own = scene.facts.iter().filter(|fact| {
            matches!(fact.event.payload, Payload::SaleCompleted(_))
                && !scene.books.reversals.contains_key(&fact.id)
                && scene.is_own(&fact.id)
        });
        scene.choose(&own.map(|fact| fact.id).collect::<Vec<_>>())
    };
    let Some(sale) = sale else { return Vec::new() };
    let words = format!("voids {}", scene.call(&sale));
    let (key, at_ms) = (scene.key(), scene.at_ms());
    scene.ledger(Payload::SaleVoided(Void { key, sale, at_ms }), words)
}

pub fn cash(scene: &Scene<'_>) -> Vec<Told> {
    let (direction, word) = match scene.deed.aim % 3 {
        0 => (CashDirection::PaidIn, "pays in"),
        1 => (CashDirection::PaidOut, "pays out"),
        _ => (CashDirection::Dropped, "drops"),
    };
    let words = format!("{word} {}", scene.amount());
    let moved = CashMoved {
        key: scene.key(),
        at_ms: scene.at_ms(),
        business_day: scene.day(),
        currency: scene.currency(),
        direction,
        amount: scene.amount(),
        reason: String::new(),
    };
    scene.ledger(Payload::CashMoved(moved), words)
}

pub fn open_shift(scene: &Scene<'_>) -> Vec<Told> {
    let words = format!("opens a shift with a float of {}", scene.amount());
    let opened = ShiftOpened {
        key: scene.key(),
        at_ms: scene.at_ms(),
        business_day: scene.day(),
        currency: scene.currency(),
        cashier: String::new(),
        float: scene.amount(),
    };
    scene.ledger(Payload::ShiftOpened(opened), words)
}

pub fn close_shift(scene: &Scene<'_>) -> Vec<Told> {
    let shift = if scene.lie {
        Some(scene.aimed(|past| matches!(past.payload, Payload::ShiftOpened(_))))
    } else {
        let own = scene.facts.iter().filter(|fact| {
            matches!(fact.event.payload, Payload::ShiftOpened(_)) && scene.is_own(&fact.id)
        });
        scene.choose(&own.map(|fact| fact.id).collect::<Vec<_>>())
    };
    let Some(shift) = shift else { return Vec::new() };
    let counted = scene.amount();
    let expected = if scene.bit(4) { counted } else { PRICE };
    let words = format!("closes {}: {counted} counted, {expected} expected", scene.call(&shift));
    let (key, at_ms) = (scene.key(), scene.at_ms());
    scene.ledger(Payload::ShiftClosed(ShiftClosed { key, at_ms, shift, counted, expected }), words)
}

pub fn close_day(scene: &Scene<'_>) -> Vec<Told> {
    let words = format!("closes day {}", scene.day());
    let closed = DayClosed {
        key: scene.key(),
        at_ms: scene.at_ms(),
        business_day: scene.day(),
        currency: scene.currency(),
        counted: scene.amount(),
        expected: PRICE,
    };
    scene.ledger(Payload::DayClosed(closed), words)
}

pub fn reprint(scene: &Scene<'_>) -> Vec<Told> {
    let document = if scene.lie {
        Some(scene.aimed(|past| {
            matches!(past.payload, Payload::SaleCompleted(_) | Payload::SaleRefunded(_))
        }))
    } else {
        let known = scene.books.receipts.values().flat_map(|documents| documents.keys().copied());
        scene.choose(&known.collect::<Vec<_>>())
    };
    let Some(document) = document else { return Vec::new() };
    let words = format!("prints the receipt of {} again", scene.call(&document));
    let (key, at_ms) = (scene.key(), scene.at_ms());
    scene.ledger(Payload::ReceiptReprinted(ReceiptReprinted { key, at_ms, document }), words)
}
