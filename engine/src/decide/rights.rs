//! Whether promised goods may be sold: at most what this device holds rights for.
//!
//! It marks what spends rights and what gives them back; a till has no say in it. Nothing here asks
//! anybody for more: see `crate::escrow`.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

pub use crate::catalogue::Policy;

use super::{Refusal, count, needs, quantity, text};
use crate::event::sale::{Key, Quantity, Sale};
use crate::event::{
    GoodsLine, Payload, Refund, RightsGranted, RightsMinted, RightsRequested, RightsSpent,
};
use crate::ids::{DeviceId, EventId, Lane, Scope};
use crate::limits::{MINT_LINES_MAX, SALE_LINES_MAX, SKU_BYTES_MAX};
use crate::projections::rights::rows::{self, Account, Totals};
use crate::projections::{self, Books, Projection, catalogue, rights};
use crate::replica::Replica;
use crate::store::ReadError;

/// Promised goods are wanted beyond the rights held here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct Short {
    /// The item.
    pub sku: String,
    /// Thousandths wanted.
    pub wanted: i128,
    /// Thousandths that may be sold here.
    pub held: i128,
    /// Whether this ledger has a copy that sells too, so that none may be sold here.
    pub forked: bool,
    /// Who was asked for the rest, and for how many thousandths.
    pub asked: Vec<(String, Quantity)>,
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sku, wanted, held, .. } = self;
        write!(f, "{wanted} thousandths of {sku:?} are wanted and {held} may be promised here; ")?;
        if self.forked {
            return f.write_str(
                "this stall's ledger has forked, so a copy of its disk may sell the same; join \
                 anew with an empty directory and let the control move the rights there",
            );
        }
        if self.asked.is_empty() {
            return f.write_str(
                "nobody within reach is known to have more; receive goods, or sell less",
            );
        }
        f.write_str("asked for the rest: ")?;
        for (at, (name, quantity)) in self.asked.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{name} ({quantity})")?;
        }
        f.write_str("; repeat the request with the same key in a moment")
    }
}

/// How the stock of a SKU is kept: as the catalogue says, and promised as soon as any rights to it
/// were minted in the scope. While those books are being rebuilt the catalogue alone is asked, so
/// that stalls go on selling from their own custody.
pub fn policy(replica: &Replica, scope: Scope, sku: &str) -> Result<Policy, Refusal> {
    let item = catalogue::item_of(replica.store().as_ref(), scope, sku)?;
    if item.is_some_and(|item| item.policy == Policy::Promise) {
        return Ok(Policy::Promise);
    }
    if !replica.is_whole(Projection::Rights) {
        return Ok(Policy::Custody);
    }
    let totals: Totals = projections::read(replica.row(&rows::totals(scope, sku))?)?;
    Ok(if totals.minted > 0 { Policy::Promise } else { Policy::Custody })
}

/// What this device may sell or give away of a SKU, in thousandths.
pub fn available(replica: &Replica, scope: Scope, sku: &str) -> Result<i128, Refusal> {
    needs(replica, Projection::Rights)?;
    if !replica.is_alone(scope) {
        return Ok(0);
    }
    Ok(balance(replica, scope, sku, &replica.device())?.max(0))
}

/// The balance of any device, as far as this replica knows.
pub fn balance(
    replica: &Replica,
    scope: Scope,
    sku: &str,
    device: &DeviceId,
) -> Result<i128, ReadError> {
    let row = replica.row(&rows::account(scope, sku, device))?;
    Ok(projections::read::<Account>(row)?.balance())
}

/// Marks the promised lines of a sale, and refuses what they lack.
pub fn promise(sale: &mut Sale, scope: Scope, replica: &Replica) -> Result<(), Refusal> {
    sale.promised.clear();
    for (at, line) in sale.lines.iter().enumerate().take(SALE_LINES_MAX) {
        if line.quantity > 0 && policy(replica, scope, &line.sku)? == Policy::Promise {
            sale.promised.extend(u16::try_from(at));
        }
    }
    for (sku, wanted) in rights::promised(sale) {
        let held = available(replica, scope, &sku)?;
        if wanted > held {
            let forked = !replica.is_alone(scope);
            return Err(Short { sku, wanted, held, forked, asked: Vec::new() }.into());
        }
    }
    Ok(())
}

/// Marks the lines of a refund that give rights back: goods on the shelf again, of lines that spent
/// some.
pub fn restore(refund: &mut Refund, replica: &Replica) -> Result<(), Refusal> {
    refund.restored.clear();
    if !refund.restock {
        return Ok(());
    }
    let original = replica.event(&refund.sale)?.map(|event| event.payload);
    let Some(Payload::SaleCompleted(sale)) = original else { return Ok(()) };
    let lines = refund.lines.iter().enumerate().take(SALE_LINES_MAX);
    let restored =
        lines.filter(|(_, line)| line.quantity > 0 && sale.promised.contains(&line.line));
    refund.restored = restored.filter_map(|(at, _)| u16::try_from(at).ok()).collect();
    Ok(())
}

/// What follows from goods that come or go at this stall, to be appended right after their event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Follow {
    /// Nothing.
    Nothing,
    /// Rights come with the goods.
    Mint(Vec<GoodsLine>),
    /// Rights go with the goods.
    Spend(Vec<GoodsLine>),
}

/// What a fact of this stall does to its rights: what came of promised SKUs, and of the SKUs that
/// are `newly` promised, is minted; what was lost is spent, as far as this stall has it. A dispatch
/// to another stall changes no rights: the goods are still there to be sold.
pub fn follow(
    payload: &Payload,
    newly: &[String],
    scope: Scope,
    replica: &Replica,
) -> Result<Follow, Refusal> {
    let (lines, mint) = match payload {
        Payload::GoodsReceived(goods) => (&goods.lines, true),
        Payload::GoodsSpoiled(goods) => (&goods.lines, false),
        _ => return Ok(Follow::Nothing),
    };
    let mut amounts: BTreeMap<&str, u64> = BTreeMap::new();
    for line in lines {
        let sum = amounts.entry(&line.sku).or_default();
        *sum = sum.saturating_add(line.quantity);
    }
    let mut moved = Vec::new();
    for (sku, mut quantity) in amounts {
        let new = newly.iter().any(|new| new == sku);
        if !new && policy(replica, scope, sku)? == Policy::Custody {
            continue;
        }
        if !mint {
            let held = available(replica, scope, sku)?;
            quantity = quantity.min(u64::try_from(held).unwrap_or(u64::MAX));
        }
        if quantity > 0 {
            moved.push(GoodsLine { sku: sku.to_owned(), quantity });
        }
    }
    Ok(match (moved.is_empty(), mint) {
        (true, _) => Follow::Nothing,
        (false, true) => Follow::Mint(moved),
        (false, false) => Follow::Spend(moved),
    })
}

impl Follow {
    /// The facts to append after the event of the goods.
    pub fn payloads(&self, goods: EventId) -> Vec<Payload> {
        let chunks = |lines: &[GoodsLine], state: fn(EventId, Vec<GoodsLine>) -> Payload| {
            lines.chunks(MINT_LINES_MAX).map(|lines| state(goods, lines.to_vec())).collect()
        };
        match self {
            Self::Nothing => Vec::new(),
            Self::Mint(lines) => {
                chunks(lines, |goods, lines| Payload::RightsMinted(RightsMinted { goods, lines }))
            }
            Self::Spend(lines) => {
                chunks(lines, |cause, lines| Payload::RightsSpent(RightsSpent { cause, lines }))
            }
        }
    }
}

/// Checks rights that an operator gives away by hand.
pub fn grant(grant: &RightsGranted, scope: Scope, replica: &Replica) -> Result<(), Refusal> {
    asked(replica, scope, grant.key.as_ref(), &grant.sku, grant.quantity)?;
    other(replica, scope, "to", &grant.to)?;
    let held = available(replica, scope, &grant.sku)?;
    if i128::from(grant.quantity) > held {
        let wanted = i128::from(grant.quantity);
        let forked = !replica.is_alone(scope);
        let sku = grant.sku.clone();
        return Err(Short { sku, wanted, held, forked, asked: Vec::new() }.into());
    }
    Ok(())
}

/// Checks a wish for rights that an operator states by hand.
pub fn request(request: &RightsRequested, scope: Scope, replica: &Replica) -> Result<(), Refusal> {
    asked(replica, scope, request.key.as_ref(), &request.sku, request.quantity)?;
    other(replica, scope, "from", &request.giver)
}

fn asked(
    replica: &Replica,
    scope: Scope,
    key: Option<&Key>,
    sku: &str,
    amount: Quantity,
) -> Result<(), Refusal> {
    key.map_or(Ok(()), super::key)?;
    text("sku", sku, SKU_BYTES_MAX)?;
    quantity("quantity".to_owned(), amount, false)?;
    if policy(replica, scope, sku)? == Policy::Promise {
        return Ok(());
    }
    Err(Refusal::BadReference(format!(
        "sku {sku:?} is not promised: nobody has rights to it; receive it as promised first"
    )))
}

/// Another device that may write this scope's ledger.
fn other(replica: &Replica, scope: Scope, field: &str, device: &DeviceId) -> Result<(), Refusal> {
    let what = if *device == replica.device() {
        "is this stall itself"
    } else if !writes(replica, scope, device) {
        "is no stall of this merchant that is known here"
    } else {
        return Ok(());
    };
    Err(Refusal::BadReference(format!("{field} {device} {what}; name another stall's device")))
}

/// Whether a device has ledger events here. A stall knows no other stall's grant, only its log.
fn writes(replica: &Replica, scope: Scope, device: &DeviceId) -> bool {
    let ledger = crate::ids::Log { device: *device, ..replica.own_log(scope, Lane::Ledger) };
    let granted = replica.rights().grant(device);
    granted.is_some_and(|grant| grant.writes.contains(&(scope, Lane::Ledger)))
        || !replica.vector().leaves(&ledger).is_empty()
}

/// Checks the SKUs that goods are to be promised of from now on: they are among the goods.
pub fn newly(newly: &[String], goods: &[GoodsLine]) -> Result<(), Refusal> {
    if newly.is_empty() {
        return Ok(());
    }
    count("promised lines", newly.len(), SALE_LINES_MAX)?;
    match newly.iter().find(|sku| goods.iter().all(|line| line.sku != **sku)) {
        None => Ok(()),
        Some(sku) => {
            Err(Refusal::BadReference(format!("{sku:?} is promised but not among the lines")))
        }
    }
}
