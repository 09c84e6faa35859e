//! The engine's books and the reference's, side by side. The only file here that knows how rows
//! of projections are read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::ops::ControlFlow;

use anyhow::ensure;
use engine::books;
use engine::event::codec;
use engine::event::sale::TenderKind;
use engine::ids::{EventId, Scope};
use engine::keys;
use engine::keys::Range;
use engine::projections::{
    Projection, days, drawers, hours, items, receipts, reversals, sales, stock, tenders, transfers,
};
use engine::replica::Replica;
use engine::replica::rebuild::is_whole;
use engine::store::{Read, Row};

use crate::reference::{
    Balance, Books, Closing, Drawer, Hour, Item, Request, Stock, Sums, TenderName, Tendered,
    Verdict,
};

/// A comparison of one projection.
type Compare = fn(&dyn Read, Scope, &Books) -> anyhow::Result<()>;

/// What is compared.
const COMPARED: &[(Projection, Compare)] = &[
    (Projection::Stock, stock_agrees),
    (Projection::Transfers, transfers_agree),
    (Projection::Drift, drift_agrees),
    (Projection::Sales, sales_agree),
    (Projection::Hours, hours_agree),
    (Projection::Items, items_agree),
    (Projection::Tenders, tenders_agree),
    (Projection::Reversals, reversals_agree),
    (Projection::Receipts, receipts_agree),
    (Projection::Drawers, drawers_agree),
    (Projection::Days, days_agree),
    (Projection::Rights, rights_agree),
    (Projection::Bundles, bundles_agree),
    (Projection::Findings, findings_agree),
];

/// Compares every projection that is whole. Returns how many there were.
pub fn agree(replica: &Replica, scope: Scope, books: &Books) -> anyhow::Result<u64> {
    let view = replica.store().snapshot();
    let mut compared = 0;
    for (projection, compare) in COMPARED {
        if is_whole(view.as_ref(), *projection)? {
            compare(view.as_ref(), scope, books)?;
            compared += 1;
        }
    }
    Ok(compared)
}

fn rows(store: &dyn Read, range: &Range) -> anyhow::Result<Vec<Row>> {
    let mut out = Vec::new();
    store.scan(&range.0, &range.1, &mut |key, value| {
        out.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(out)
}

/// Every row of a projection that `read` takes; helper rows of other shapes it does not.
fn read<T>(
    store: &dyn Read,
    projection: Projection,
    scope: Scope,
    read: impl Fn(&[u8], &[u8]) -> Option<T>,
) -> anyhow::Result<Vec<T>> {
    let range = keys::prefix(keys::row(projection as u8, scope, &[]));
    Ok(rows(store, &range)?.iter().filter_map(|(key, value)| read(key, value)).collect())
}

/// Two maps that must say the same; an entry of nothing but zeros says nothing.
fn same<K: Ord + Debug + Clone, V: PartialEq + Debug + Default>(
    what: &str,
    ours: &BTreeMap<K, V>,
    reference: &BTreeMap<K, V>,
) -> anyhow::Result<()> {
    let keys: BTreeSet<&K> = ours.keys().chain(reference.keys()).collect();
    let (mut off, nothing) = (Vec::new(), V::default());
    for key in keys {
        let (a, b) = (ours.get(key).unwrap_or(&nothing), reference.get(key).unwrap_or(&nothing));
        if a != b {
            off.push(format!("\n  {key:?}:\n    the engine    {a:?}\n    the reference {b:?}"));
        }
    }
    ensure!(off.is_empty(), "{what} differ:{}", off.concat());
    Ok(())
}

fn stock_agrees(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let mut ours = BTreeMap::new();
    for (key, value) in rows(store, &stock::rows(scope))? {
        if let Some((sku, device, held)) = stock::read(&key, &value) {
            let (on_hand, reserved) = (held.on_hand, held.reserved);
            // What is sold out has a row still.
            if (on_hand, reserved) != (0, 0) {
                ours.insert((sku, device), Stock { on_hand, reserved });
            }
        }
    }
    same("stock rows", &ours, &books.stock)?;
    let mut ours = BTreeMap::new();
    for (key, _) in rows(store, &stock::reservations(scope))? {
        if let Some((device, until_ms, id)) = stock::read_reservation(&key) {
            ours.insert(id, Some((device, until_ms)));
        }
    }
    let open = books.reservations.iter().filter(|(_, it)| it.open);
    let reference = open.map(|(id, it)| (*id, Some((it.device, it.until_ms)))).collect();
    same("open reservations", &ours, &reference)
}

fn transfers_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let open = rows(store, &transfers::open_rows(scope, None))?;
    let ours: BTreeMap<EventId, bool> =
        open.iter().filter_map(|(key, _)| Some((transfers::read_open(key)?, true))).collect();
    let open = books.transfers.iter().filter(|(_, it)| !it.settled);
    same("dispatches on the way", &ours, &open.map(|(id, _)| (*id, true)).collect())
}

fn drift_agrees(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let mut ours = BTreeMap::new();
    for (sku, stalls) in books::goods::drifts(store, scope, None, usize::MAX)? {
        for (device, it) in stalls {
            let (variance, missing) = (it.variance, it.missing);
            let drift = crate::reference::Drift {
                counts: it.counts.into(),
                variance,
                missing,
                latest: it.latest,
            };
            ours.insert((sku.clone(), device), drift);
        }
    }
    same("drift rows", &ours, &books.drift)
}

fn sales_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let mut ours = BTreeMap::new();
    for day in read(store, Projection::Sales, scope, sales::read)? {
        let s = day.sums;
        let sums = Sums {
            baskets: s.baskets,
            lines: s.lines,
            quantity: s.quantity,
            amount: s.amount,
            tax: s.tax,
            discount: s.discount,
            tips: s.tips,
            refunds: s.refunds,
            refunded: s.refunded,
            voids: s.voids,
            voided: s.voided,
        };
        ours.insert((day.stall, day.business_day, day.currency), sums);
    }
    same("sales", &ours, &books.sales)
}

fn hours_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let mut ours = BTreeMap::new();
    for (day, hour, sums) in read(store, Projection::Hours, scope, hours::read)? {
        let (baskets, amount) = (sums.baskets, sums.amount);
        ours.insert((day.stall, day.business_day, hour, day.currency), Hour { baskets, amount });
    }
    same("hours", &ours, &books.hours)
}

fn items_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let mut ours = BTreeMap::new();
    for (day, sku, it) in read(store, Projection::Items, scope, items::read)? {
        let item = Item {
            lines: it.lines,
            quantity: it.quantity,
            amount: it.amount,
            discount: it.discount,
            tax: it.tax,
            refunded_quantity: it.refunded_quantity,
            refunded: it.refunded,
            voided_quantity: it.voided_quantity,
            voided: it.voided,
        };
        ours.insert((sku, day.stall, day.business_day, day.currency), item);
    }
    same("items", &ours, &books.items)
}

fn tenders_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let mut ours = BTreeMap::new();
    for (day, kind, it) in read(store, Projection::Tenders, scope, tenders::read)? {
        let kind = match kind {
            TenderKind::Cash => TenderName::Cash,
            TenderKind::Card => TenderName::Card,
            TenderKind::Voucher => TenderName::Voucher,
        };
        let row = Tendered {
            count: it.count,
            amount: it.amount,
            offline_count: it.offline_count,
            offline: it.offline_amount,
            change: it.change,
            refund_count: it.refund_count,
            refunded: it.refunded,
            voided_count: it.void_count,
            voided: it.voided,
            voided_change: it.voided_change,
        };
        ours.insert((day.stall, day.business_day, day.currency, kind), row);
    }
    same("tenders", &ours, &books.tenders)
}

fn reversals_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    for (sale, reference) in &books.reversals {
        let row = store.get(&reversals::key(scope, sale))?;
        let ours: reversals::Reversal = match row {
            Some(row) => codec::decode("a reversal", &row)?,
            None => Default::default(),
        };
        // The engine keeps the lines that a sale can have.
        let lines = reference.lines.iter().filter(|(at, _)| **at < 500);
        let lines: BTreeMap<u16, (i128, i128)> = lines.map(|(at, sums)| (*at, *sums)).collect();
        ensure!(
            (ours.voided, &ours.refunded) == (reference.voided, &lines),
            "the reversal of {sale} differs:\n  the engine    {ours:?}\n  \
             the reference {reference:?}"
        );
    }
    Ok(())
}

fn receipts_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    for ((device, till, number), documents) in &books.receipts {
        let row = store.get(&receipts::key(scope, device, till, *number))?;
        let ids: Vec<EventId> = match row {
            Some(row) => codec::decode("a receipt", &row)?,
            None => Vec::new(),
        };
        let mut ours = BTreeMap::new();
        for id in ids {
            let copies = rows(store, &receipts::copies(scope, &id))?;
            let copies = copies.iter().filter(|(key, _)| receipts::read_copy(key).is_some());
            ours.insert(id, Some(copies.count() as u64));
        }
        let reference = documents.iter().map(|(id, copies)| (*id, Some(*copies))).collect();
        same(&format!("documents of receipt {till} {number}"), &ours, &reference)?;
    }
    Ok(())
}

fn drawers_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let mut ours = BTreeMap::new();
    for (day, till, it) in read(store, Projection::Drawers, scope, drawers::read)? {
        let drawer = Drawer {
            floats: it.floats,
            sales: it.sales,
            refunds: it.refunds,
            voids: it.voids,
            paid_in: it.paid_in,
            paid_out: it.paid_out,
            dropped: it.dropped,
            counted: it.counted,
        };
        ensure!(drawer.expected() == it.expected(), "a drawer expects otherwise than the page");
        ours.insert((day.stall, till, day.business_day, day.currency), drawer);
    }
    same("drawers", &ours, &books.drawers)
}

fn days_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let closed = |it: &Closing| Some((it.currency, it.counted, it.expected));
    let mut ours = BTreeMap::new();
    for (day, id, it) in read(store, Projection::Days, scope, days::read)? {
        ours.insert((day, id), Some((it.currency, it.counted, it.expected)));
    }
    let mut reference = BTreeMap::new();
    for ((_, day), closings) in &books.days {
        reference.extend(closings.iter().map(|(id, it)| ((*day, *id), closed(it))));
    }
    same("closed days", &ours, &reference)
}

fn rights_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let (mut ours, mut exposure) = (BTreeMap::new(), BTreeMap::new());
    for of_sku in books::rights::rights(store, scope, None, usize::MAX)? {
        exposure.insert(of_sku.sku.clone(), of_sku.exposure);
        for (device, it) in of_sku.holders {
            let balance = Balance {
                minted: it.minted,
                accepted: it.accepted,
                returned: it.returned,
                restored: it.restored,
                awarded: it.awarded,
                granted: it.granted,
                spent: it.spent,
                forfeited: it.forfeited,
            };
            ensure!(balance.held() == it.balance(), "a balance is another than the page says");
            ours.insert((of_sku.sku.clone(), device), balance);
        }
    }
    same("balances of rights", &ours, &books.balances)?;
    same("exposures", &exposure, &books.exposure)?;
    let wish = |it: &books::rights::Pending| (it.taker, it.giver, it.sku.clone(), it.quantity);
    let open = books::rights::open_requests(store, scope, usize::MAX)?;
    let ours = open.iter().map(|it| (it.event, Some(wish(it)))).collect();
    let asked = |it: &Request| Some((it.from, it.giver, it.sku.clone(), it.quantity));
    let reference = books.requests.iter().map(|(id, it)| (*id, asked(it))).collect();
    same("open requests", &ours, &reference)?;
    let transit = books::rights::in_transit(store, scope, usize::MAX)?;
    let ours = transit.iter().map(|it| (it.event, Some(wish(it)))).collect();
    let unclaimed = books
        .grants
        .iter()
        .filter(|(_, it)| it.accepted.is_empty() && it.returned.is_empty() && it.quantity > 0);
    let unclaimed =
        unclaimed.map(|(id, it)| (*id, Some((it.to, it.giver, it.sku.clone(), it.quantity))));
    same("grants on the way", &ours, &unclaimed.collect())
}

fn bundles_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    for at_ms in [i64::MIN, -1, 0, 1_000, 2_000, i64::MAX] {
        let ours = books::bundles::in_force(store, scope, at_ms)?;
        let ours = ours.map(|switch| (switch.from_ms, switch.event, switch.bundle));
        let reference = books.in_force(at_ms).map(|it| (it.from_ms, it.event, it.bundle));
        ensure!(
            ours == reference,
            "other prices are in force at {at_ms}:\n  the engine    {ours:?}\n  the reference \
             {reference:?}"
        );
    }
    for (bundle, ..) in books.gatherings.keys() {
        let held = books::bundles::is_held(store, scope, bundle)?;
        ensure!(held == books.is_whole(bundle), "bundle {bundle} is whole: {held}");
    }
    let mut ours = BTreeMap::new();
    for it in books::bundles::false_bundles(store, scope, None, usize::MAX)? {
        ours.insert((it.bundle, it.device, it.parts), it.evidence);
    }
    let lying = books.gatherings.iter().filter(|(_, it)| it.verdict == Verdict::False);
    let first = |events: &BTreeSet<EventId>| events.iter().take(64).copied().collect::<Vec<_>>();
    same("false bundles", &ours, &lying.map(|(at, it)| (*at, first(&it.events))).collect())
}

/// Rule, evidence, money, quantity, open.
type Told = (u8, Vec<EventId>, i128, i128, bool);

fn findings_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let all = books::findings::Which::All;
    let mut ours: BTreeMap<String, Told> = BTreeMap::new();
    for stated in books::findings::findings(store, scope, all, None, usize::MAX)? {
        let (open, it) = (stated.is_open(), stated.finding.clone());
        let told = (it.rule as u8, it.evidence, it.money, it.quantity, open);
        ours.insert(stated.id.to_string(), told);
    }
    let mut reference: BTreeMap<String, Told> = BTreeMap::new();
    for ((rule, subject), it) in &books.findings {
        let evidence = it.evidence.iter().copied().collect();
        let told = (*rule as u8, evidence, it.money, it.quantity, it.open);
        reference.insert(subject.finding(*rule).to_string(), told);
    }
    same("findings", &ours, &reference)
}
