//! What a till may state about goods, besides selling them.

use engine::decide::{self, Refusal};
use engine::event::sale::Key;
use engine::event::{
    CountLine, GoodsDispatched, GoodsReceived, GoodsReserved, GoodsReturned, GoodsSpoiled,
    GoodsTakenIn, Payload, ReservationReleased, StockCounted,
};
use engine::ids::Scope;
use engine::replica::Replica;

/// A fact about goods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Movement {
    /// Came in.
    Received(GoodsReceived),
    /// Sent to another stall.
    Dispatched(GoodsDispatched),
    /// Taken in of a dispatch.
    TakenIn(GoodsTakenIn),
    /// Brought back by customers.
    Returned(GoodsReturned),
    /// Lost.
    Spoiled(GoodsSpoiled),
    /// Set aside.
    Reserved(GoodsReserved),
    /// No longer set aside.
    Released(ReservationReleased),
    /// Counted; the books of its lines are filled in when it is decided.
    Counted(StockCounted),
}

impl Movement {
    pub(super) fn key(&self) -> &Key {
        match self {
            Self::Received(goods) => &goods.key,
            Self::Dispatched(goods) => &goods.key,
            Self::TakenIn(goods) => &goods.key,
            Self::Returned(goods) => &goods.key,
            Self::Spoiled(goods) => &goods.key,
            Self::Reserved(goods) => &goods.key,
            Self::Released(release) => &release.key,
            Self::Counted(take) => &take.key,
        }
    }

    pub(super) fn into_payload(self) -> Payload {
        match self {
            Self::Received(goods) => Payload::GoodsReceived(goods),
            Self::Dispatched(goods) => Payload::GoodsDispatched(goods),
            Self::TakenIn(goods) => Payload::GoodsTakenIn(goods),
            Self::Returned(goods) => Payload::GoodsReturned(goods),
            Self::Spoiled(goods) => Payload::GoodsSpoiled(goods),
            Self::Reserved(goods) => Payload::GoodsReserved(goods),
            Self::Released(release) => Payload::ReservationReleased(release),
            Self::Counted(take) => Payload::StockCounted(take),
        }
    }

    /// Whether it may be stated. A count learns what the book said.
    pub(super) fn check(
        &mut self,
        scope: Scope,
        now_ms: u64,
        replica: &Replica,
    ) -> Result<(), Refusal> {
        match self {
            Self::Received(goods) => decide::goods(goods),
            Self::Dispatched(goods) => decide::dispatched(goods, scope, replica),
            Self::TakenIn(goods) => decide::taken_in(goods, scope, replica),
            Self::Returned(goods) => decide::returned(goods),
            Self::Spoiled(goods) => decide::spoiled(goods),
            Self::Reserved(goods) => decide::reserved(goods, scope, now_ms, replica),
            Self::Released(release) => decide::released(release, scope, replica),
            Self::Counted(take) => decide::counted(take, scope, replica),
        }
    }

    /// A retried count says what it said; the books come from the first time.
    pub(super) fn fill_from(&mut self, earlier: &Payload) {
        if let (Self::Counted(take), Payload::StockCounted(was)) = (self, earlier) {
            take.fill_from(was);
        }
    }

    /// What a count found.
    pub(super) fn counted(&self) -> Vec<CountLine> {
        match self {
            Self::Counted(take) => take.lines.clone(),
            _ => Vec::new(),
        }
    }
}
