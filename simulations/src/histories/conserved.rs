//! What no history may create or destroy: goods, money, rights.
//!
//! Looked at in the reference's books, with which the machine's were compared just before.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use engine::event::Payload;
use engine::ids::{EventId, Scope};

use super::steps::Flavour;
use super::world::World;
use crate::reference::{Books, Currency, Fact, Rule, TenderName};

/// Checks one machine's books of a scope.
pub fn check(world: &World, at: usize, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let facts = world.machines[at].facts()?;
    let ledger: Vec<&Fact> = facts
        .iter()
        .filter(|fact| fact.log.scope == scope && fact.log.lane == engine::ids::Lane::Ledger)
        .collect();
    money(&ledger, books)?;
    goods(&ledger, books)?;
    if world.is_honest() {
        rights(world, &facts, books)?;
    }
    Ok(())
}

/// One sum, looked at from several sides, is one sum.
fn money(ledger: &[&Fact], books: &Books) -> anyhow::Result<()> {
    let mut sides: [BTreeMap<Currency, i128>; 4] = Default::default();
    for fact in ledger {
        if let Payload::SaleCompleted(sale) = fact.payload() {
            let amount: i128 = sale.lines.iter().map(|line| i128::from(line.amount)).sum();
            *sides[0].entry(sale.currency).or_default() += amount;
        }
    }
    for ((_, _, currency), sums) in &books.sales {
        *sides[1].entry(*currency).or_default() += sums.amount;
    }
    for ((_, _, _, currency), hour) in &books.hours {
        *sides[2].entry(*currency).or_default() += hour.amount;
    }
    for ((_, _, _, currency), item) in &books.items {
        *sides[3].entry(*currency).or_default() += item.amount;
    }
    for side in &mut sides {
        side.retain(|_, amount| *amount != 0);
    }
    ensure!(sides.iter().all(|side| *side == sides[0]), "one amount has four values: {sides:?}");
    let mut cash: BTreeMap<Currency, i128> = BTreeMap::new();
    for ((_, _, currency, kind), row) in &books.tenders {
        if *kind == TenderName::Cash {
            *cash.entry(*currency).or_default() +=
                row.amount - row.change - row.refunded - (row.voided - row.voided_change);
        }
    }
    for ((_, _, _, currency), drawer) in &books.drawers {
        *cash.entry(*currency).or_default() -= drawer.sales - drawer.refunds - drawer.voids;
    }
    ensure!(cash.values().all(|off| *off == 0), "drawers and tenders differ by {cash:?}");
    Ok(())
}

/// What lies anywhere is what came less what went.
fn goods(ledger: &[&Fact], books: &Books) -> anyhow::Result<()> {
    let mut off: BTreeMap<&str, i128> = BTreeMap::new();
    for fact in ledger {
        let (lines, sign) = match fact.payload() {
            Payload::GoodsReceived(it) => (&it.lines, 1),
            Payload::GoodsTakenIn(it) => (&it.lines, 1),
            Payload::GoodsReturned(it) if it.resaleable => (&it.lines, 1),
            Payload::GoodsDispatched(it) => (&it.lines, -1),
            Payload::GoodsSpoiled(it) => (&it.lines, -1),
            Payload::SaleRefunded(it) if it.restock => {
                for line in &it.lines {
                    *off.entry(&line.sku).or_default() += i128::from(line.quantity);
                }
                continue;
            }
            _ => continue,
        };
        for line in lines {
            *off.entry(&line.sku).or_default() += sign * i128::from(line.quantity);
        }
    }
    for ((sku, _), drift) in &books.drift {
        *off.entry(sku).or_default() += drift.variance;
    }
    for ((sku, ..), item) in &books.items {
        *off.entry(sku).or_default() += item.voided_quantity - item.quantity;
    }
    for ((sku, _), stock) in &books.stock {
        *off.entry(sku).or_default() -= stock.on_hand;
    }
    ensure!(off.values().all(|off| *off == 0), "goods came from nowhere, or went there: {off:?}");
    Ok(())
}

/// With honest tills: no more is sold than was minted and what is declared may be oversold; and
/// without forks and forfeits no balance is negative where every cause is known.
fn rights(world: &World, facts: &[Fact], books: &Books) -> anyhow::Result<()> {
    let mut sold: BTreeMap<&str, i128> = BTreeMap::new();
    for ((sku, _), balance) in &books.balances {
        *sold.entry(sku).or_default() += balance.spent - balance.restored - balance.minted;
    }
    for (sku, over) in sold {
        let exposure = books.exposure.get(sku).copied().unwrap_or(0);
        ensure!(over <= exposure, "{over} of {sku} are oversold, {exposure} are declared");
    }
    if world.flavour != Flavour::Plain {
        return Ok(());
    }
    ensure!(books.exposure.values().all(|exposure| *exposure == 0), "exposed without a fork");
    let held: BTreeSet<EventId> = facts.iter().map(|fact| fact.id).collect();
    let closed = held.iter().all(|id| {
        let causes = world.seen.causes.get(id);
        causes.is_none_or(|causes| causes.is_subset(&held))
    });
    if closed {
        for ((sku, device), balance) in &books.balances {
            let held = balance.held();
            ensure!(held >= 0, "{device} holds {held} rights to {sku}");
        }
        let forked = books.findings.keys().any(|(rule, _)| *rule == Rule::Fork);
        ensure!(!forked, "a log forked without a copy");
    }
    Ok(())
}
