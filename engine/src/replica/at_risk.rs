//! At risk now: what only this disk is known to hold.
//!
//! A local view, in no digest. An own ledger event is at risk until a receipt of a chartered
//! control covers it.

use super::Replica;
use crate::ids::{Lane, Tip};
use crate::store::ReadError;

use super::span::event_id;

/// Own ledger events that no control has receipted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AtRisk {
    /// How many.
    pub events: u64,
    /// Minor units of sales and refunds in them.
    pub amount: i64,
}

impl Replica {
    /// What is at risk now, over the device's own ledger logs.
    pub fn at_risk(&self) -> Result<AtRisk, ReadError> {
        let mut out = AtRisk::default();
        for (log, leaves) in &self.vector.0 {
            if log.device != self.device() || log.lane != Lane::Ledger {
                continue;
            }
            let mut covered = Vec::new();
            for (_, receipt) in self.receipts(log)? {
                covered.extend(receipt.leaves);
            }
            if leaves.iter().all(|leaf| covered.contains(leaf)) {
                continue;
            }
            let id = log.id();
            for run in self.missing(log, &covered)? {
                let stake = |tip| {
                    let stored = self.stored(&event_id(&id, tip))?;
                    Ok::<i64, ReadError>(stored.map_or(0, |stored| stored.stake))
                };
                // The opening of an epoch is nobody's sale.
                let opens = run.after.epoch != run.epoch || run.after == Tip::ROOT;
                out.events += run.to.seq - run.after.seq - u64::from(opens);
                out.amount =
                    out.amount.saturating_add(stake(&run.to)?.saturating_sub(stake(&run.after)?));
            }
        }
        Ok(out)
    }
}
