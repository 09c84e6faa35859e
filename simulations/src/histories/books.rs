//! The engine's books and the reference's, side by side. The only file here that knows how rows
//! of projections are read.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::ControlFlow;

use anyhow::ensure;
use engine::ids::{EventId, Scope};
use engine::keys::Range;
use engine::projections::{Projection, findings, reversals, sales, stock};
use engine::replica::Replica;
use engine::replica::rebuild::is_whole;
use engine::store::{Read, Row};

use crate::reference::Books;

/// A comparison of one projection.
type Compare = fn(&dyn Read, Scope, &Books) -> anyhow::Result<()>;

/// What is compared.
pub const COMPARED: &[(Projection, Compare)] = &[
    (Projection::Sales, sales_agree),
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

/// Two maps that must say the same; an entry that is `empty` says nothing.
fn same<K: Ord + Debug + Clone, V: PartialEq + Debug + Clone>(
    what: &str,
    ours: &BTreeMap<K, V>,
    reference: &BTreeMap<K, V>,
    empty: impl Fn(&V) -> bool,
) -> anyhow::Result<()> {
    let keys: std::collections::BTreeSet<&K> = ours.keys().chain(reference.keys()).collect();
    let mut off = Vec::new();
    for key in keys {
        let (a, b) = (ours.get(key), reference.get(key));
        let (a, b) = (a.filter(|v| !empty(v)), b.filter(|v| !empty(v)));
        if a != b {
            off.push(format!("\n  {key:?}:\n    the engine    {a:?}\n    the reference {b:?}"));
        }
    }
    ensure!(off.is_empty(), "{what} differ:{}", off.concat());
    Ok(())
}

fn sales_agree(store: &dyn Read, scope: Scope, books: &Books) -> anyhow::Result<()> {
    let mut ours = BTreeMap::new();
    for (key, value) in rows(store, &sales::rows(scope))? {
        let Some(day) = sales::read(&key, &value) else { anyhow::bail!("a garbled sales row") };
        let s = day.sums;
        let sums = crate::reference::Sums {
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
    same("sales", &ours, &books.sales, |sums| *sums == Default::default())
}
