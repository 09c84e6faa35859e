//! At risk now: what only this disk is known to hold.
//!
//! A local view, in no digest. An own ledger event is at risk until a receipt of a chartered
//! control covers it.

use std::ops::ControlFlow;

use super::Replica;
use super::lanes::StoredEvent;
use super::span::event_id;
use crate::event::codec;
use crate::ids::{Epoch, Lane, LogId, Tip};
use crate::keys;
use crate::store::ReadError;

/// Own ledger events that no control has receipted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AtRisk {
    /// How many.
    pub events: u64,
    /// Minor units of sales and refunds in them.
    pub amount: i64,
    /// When the oldest of them was stated, by this device's clock: milliseconds since 1970.
    pub since_ms: Option<u64>,
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
                let events = run.to.seq - run.after.seq - u64::from(opens);
                out.events += events;
                if events > 0 {
                    let since = self.stated_ms(&id, run.epoch, run.after.seq + 1)?;
                    out.since_ms = out.since_ms.into_iter().chain(since).min();
                }
                out.amount =
                    out.amount.saturating_add(stake(&run.to)?.saturating_sub(stake(&run.after)?));
            }
        }
        Ok(out)
    }

    /// When the event at this place was stated.
    fn stated_ms(&self, id: &LogId, epoch: Epoch, seq: u64) -> Result<Option<u64>, ReadError> {
        let (from, to) = keys::events(id, epoch, seq, seq);
        let mut found = None;
        self.store().scan(&from, &to, &mut |_, row| {
            let event = StoredEvent::from_bytes(row).map(|row| codec::decode_event(&row.bytes));
            found = event.and_then(Result::ok).map(|event| event.hlc.wall_ms());
            ControlFlow::Break(())
        })?;
        Ok(found)
    }
}
