//! What tills ask for, as the stall's API has it. Pure.

use std::time::Duration;

use engine::event::goods::{GoodsLine, GoodsReceived};
use engine::event::reversal::{Refund, RefundLine};
use engine::event::sale::{Key, KeyNumber, Line, Sale, Tender, TenderKind};
use engine::ids::EventId;
use node::core::Request;

use super::limits::DELIVERY_LINES_MAX;
use crate::protocol::tenant::START_MS;
use crate::scenario;

/// 2026-01-01 as days since 1970.
const FIRST_DAY: u64 = START_MS / MS_A_DAY;
const MS_A_DAY: u64 = 86_400_000;
const THOUSANDTHS: u64 = 1_000;

/// The key of a sale; `round` counts how often lines were taken out of it, each time it is another
/// request.
pub fn sale_key(host: usize, number: u32, round: u32) -> Key {
    let till = format!("till-{host}");
    match round {
        0 => Key { till, number: KeyNumber::Counter(u64::from(number)) },
        _ => Key { till, number: KeyNumber::Text(format!("{number}/{round}")) },
    }
}

/// A basket that is sold now.
pub fn sale(planned: &scenario::Sale, now: Duration) -> Sale {
    let lines: Vec<Line> = planned.lines.iter().map(line).collect();
    let kind = if planned.card { TenderKind::Card } else { TenderKind::Cash };
    let amount = lines.iter().map(|line| line.amount).sum();
    Sale {
        key: sale_key(planned.host, planned.number, 0),
        sold_at_ms: at_ms(now),
        business_day: day(now),
        currency: *b"USD",
        lines,
        tenders: vec![Tender { kind, amount }],
        ..Sale::default()
    }
}

fn line(planned: &scenario::Line) -> Line {
    Line {
        sku: planned.sku.to_string(),
        quantity: u64::from(planned.pieces) * THOUSANDTHS,
        amount: planned.amount,
        unit_price: None,
        discount: 0,
        tax: 0,
    }
}

/// Everything of a sale comes back.
pub fn refund(planned: scenario::Refund, id: EventId, sale: &Sale, now: Duration) -> Request {
    let back = |(place, line): (usize, &Line)| RefundLine {
        line: u16::try_from(place).unwrap_or(u16::MAX),
        sku: line.sku.clone(),
        quantity: line.quantity,
        amount: line.amount,
    };
    let amount = sale.lines.iter().map(|line| line.amount).sum();
    let number = KeyNumber::Text(format!("back-{}", planned.number));
    Request::Refund(Refund {
        key: Key { till: format!("till-{}", planned.host), number },
        sale: id,
        at_ms: at_ms(now),
        business_day: day(now),
        currency: *b"USD",
        lines: sale.lines.iter().enumerate().map(back).collect(),
        tenders: vec![Tender { kind: TenderKind::Cash, amount }],
        restock: true,
        receipt: 0,
        restored: Vec::new(),
    })
}

/// What a stall opens with, in as many deliveries as it takes.
pub fn stock(planned: &scenario::Stock, now: Duration) -> Vec<Request> {
    let delivery = |(number, goods): (usize, &[scenario::Goods])| {
        let line = |goods: &scenario::Goods| GoodsLine {
            sku: goods.sku.to_string(),
            quantity: u64::from(goods.pieces) * THOUSANDTHS,
        };
        let number = KeyNumber::Counter(number as u64);
        let received = GoodsReceived {
            key: Key { till: format!("dock-{}", planned.host), number },
            at_ms: at_ms(now),
            reference: String::new(),
            lines: goods.iter().map(line).collect(),
        };
        let newly = goods.iter().filter(|goods| goods.promised);
        Request::Promised(received, newly.map(|goods| goods.sku.to_string()).collect())
    };
    planned.goods.chunks(DELIVERY_LINES_MAX).enumerate().map(delivery).collect()
}

fn at_ms(now: Duration) -> i64 {
    let since = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    i64::try_from(START_MS.saturating_add(since)).unwrap_or(i64::MAX)
}

fn day(now: Duration) -> i32 {
    let since = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    i32::try_from(FIRST_DAY + since / MS_A_DAY).unwrap_or(i32::MAX)
}
