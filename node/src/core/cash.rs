//! What tills ask for beside sales: cash that moved, shifts, the close of a day, another copy of a
//! receipt. The refusals are the engine's.

use engine::decide::{self, Refusal, Rules};
use engine::event::sale::Key;
use engine::event::{CashMoved, DayClosed, Payload, ReceiptReprinted, ShiftClosed, ShiftOpened};
use engine::ids::{Epoch, EventId, LogId, Scope, ShortHash};
use engine::replica::Replica;

/// A fact about cash or receipts that a till asks to be stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CashRequest {
    /// Cash moved outside of sales and refunds.
    Moved(CashMoved),
    /// A shift opens.
    OpenShift(ShiftOpened),
    /// A shift closes; [`OPEN_SHIFT`] stands for the one that is open at the till.
    CloseShift(ShiftClosed),
    /// A business day closes.
    CloseDay(DayClosed),
    /// A receipt is printed again.
    Reprint(ReceiptReprinted),
}

/// The shift that is open at the till that asks. No event has this id.
pub const OPEN_SHIFT: EventId =
    EventId { log: LogId([0; 16]), epoch: Epoch(0), seq: 0, hash: ShortHash([0; 16]) };

impl CashRequest {
    pub(super) fn key(&self) -> &Key {
        match self {
            Self::Moved(cash) => &cash.key,
            Self::OpenShift(opened) => &opened.key,
            Self::CloseShift(closed) => &closed.key,
            Self::CloseDay(closed) => &closed.key,
            Self::Reprint(reprint) => &reprint.key,
        }
    }

    /// Takes what the stall chose when it stated the same before.
    pub(super) fn fill_from(&mut self, earlier: &Payload) {
        match (self, earlier) {
            (Self::CloseShift(asked), Payload::ShiftClosed(was)) => {
                asked.expected = was.expected;
                if asked.shift == OPEN_SHIFT {
                    asked.shift = was.shift;
                }
            }
            (Self::CloseDay(asked), Payload::DayClosed(was)) => asked.expected = was.expected,
            _ => {}
        }
    }

    /// Decides whether it may be stated, and fills in what the stall's books say.
    pub(super) fn check(
        &mut self,
        scope: Scope,
        rules: &Rules,
        now_ms: u64,
        replica: &Replica,
    ) -> Result<(), Refusal> {
        match self {
            Self::Moved(cash) => decide::cash(cash, scope, rules, replica),
            Self::OpenShift(opened) => decide::open_shift(opened, scope, rules, replica),
            Self::CloseShift(closed) => {
                if closed.shift == OPEN_SHIFT {
                    let till = &closed.key.till;
                    let open = decide::shift_of(till, scope, replica)?;
                    closed.shift = open.ok_or_else(|| {
                        Refusal::BadReference(format!(
                            "no shift is open at till {till}; name the one to close"
                        ))
                    })?;
                }
                decide::close_shift(closed, scope, rules, replica)
            }
            Self::CloseDay(closed) => decide::close_day(closed, scope, rules, now_ms, replica),
            Self::Reprint(reprint) => decide::reprint(reprint, scope, replica),
        }
    }

    pub(super) fn into_payload(self) -> Payload {
        match self {
            Self::Moved(cash) => Payload::CashMoved(cash),
            Self::OpenShift(opened) => Payload::ShiftOpened(opened),
            Self::CloseShift(closed) => Payload::ShiftClosed(closed),
            Self::CloseDay(closed) => Payload::DayClosed(closed),
            Self::Reprint(reprint) => Payload::ReceiptReprinted(reprint),
        }
    }

    /// What a close of a drawer or a day found: expected and counted, in minor units.
    pub(super) fn found(&self) -> Option<(i64, i64)> {
        match self {
            Self::CloseShift(closed) => Some((closed.expected, closed.counted)),
            Self::CloseDay(closed) => Some((closed.expected, closed.counted)),
            _ => None,
        }
    }
}
