//! What tills ask to be stated, and how it is answered. It decides nothing.

use engine::decide;
use engine::event::sale::{Key, KeyNumber, Sale};
use engine::event::{
    CountLine, FindingResolved, GoodsReceived, Payload, Refund, RightsGranted, RightsRequested,
    Void,
};
use engine::hash::Hash;
use engine::ids::EventId;

use super::cash::CashRequest;
use super::goods::Movement;

/// A fact that a person asked for without a key would never be asked for again.
static NO_KEY: Key = Key { till: String::new(), number: KeyNumber::Counter(0) };

/// A fact that a till asks to be stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A sale, and which of its lines may have quantity zero.
    Sale(Sale, Vec<usize>),
    /// A refund.
    Refund(Refund),
    /// A void.
    Void(Void),
    /// Goods that moved otherwise, or were set aside or counted.
    Goods(Movement),
    /// The settling of a finding.
    Settle(FindingResolved),
    /// Cash, shifts, days, copies of receipts.
    Cash(CashRequest),
    /// Goods received, and the SKUs among them that are promised from now on.
    Promised(GoodsReceived, Vec<String>),
    /// Promise rights given away by hand.
    Grant(RightsGranted),
    /// Promise rights asked for by hand.
    Ask(RightsRequested),
}

/// A fact that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The event.
    pub id: EventId,
    /// Its amounts in minor units, without the tip.
    pub total: i64,
    /// Change due, in minor units.
    pub change: i64,
    /// What a stock-take found, line by line.
    pub counted: Vec<CountLine>,
    /// The number on its receipt; 0 where it has none.
    pub receipt: u64,
    /// Which copy of a receipt this is, from 1; 0 where it is none.
    pub copy: u64,
    /// What the books expected in a drawer or in all, and what was counted, in minor units.
    pub found: Option<(i64, i64)>,
    /// The business day that was closed: days since 1970-01-01.
    pub closed_day: Option<i32>,
    /// The bundle that a sale was priced from.
    pub price_bundle: Option<Hash>,
    /// Whether an earlier request with the same key had stated it.
    pub replayed: bool,
}

impl Request {
    /// The idempotency key.
    pub fn key(&self) -> &Key {
        match self {
            Self::Sale(sale, _) => &sale.key,
            Self::Refund(refund) => &refund.key,
            Self::Void(void) => &void.key,
            Self::Goods(goods) => goods.key(),
            Self::Promised(goods, _) => &goods.key,
            Self::Settle(resolved) => &resolved.key,
            Self::Cash(request) => request.key(),
            Self::Grant(grant) => grant.key.as_ref().unwrap_or(&NO_KEY),
            Self::Ask(asked) => asked.key.as_ref().unwrap_or(&NO_KEY),
        }
    }

    /// The SKUs that are promised from now on.
    pub(super) fn newly(&self) -> &[String] {
        match self {
            Self::Promised(_, newly) => newly,
            _ => &[],
        }
    }

    /// The number on its receipt, for documents that have one.
    pub(super) fn receipt(&mut self) -> Option<&mut u64> {
        match self {
            Self::Sale(sale, _) => Some(&mut sale.receipt),
            Self::Refund(refund) => Some(&mut refund.receipt),
            _ => None,
        }
    }

    /// Takes from an earlier statement of the same request what the stall added to it.
    pub(super) fn restate(&mut self, earlier: &Payload) {
        self.take_time(earlier);
        match (self, earlier) {
            (Self::Sale(asked, _), Payload::SaleCompleted(was)) => asked.fill_from(was),
            (Self::Refund(asked), Payload::SaleRefunded(was)) => asked.fill_from(was),
            (Self::Grant(asked), Payload::RightsGranted(was)) => asked.request = was.request,
            (Self::Cash(asked), was) => asked.fill_from(was),
            (Self::Goods(asked), was) => asked.fill_from(was),
            _ => {}
        }
    }

    pub(super) fn into_payload(self) -> Payload {
        match self {
            Self::Sale(sale, _) => Payload::SaleCompleted(sale),
            Self::Refund(refund) => Payload::SaleRefunded(refund),
            Self::Void(void) => Payload::SaleVoided(void),
            Self::Goods(goods) => goods.into_payload(),
            Self::Promised(goods, _) => Payload::GoodsReceived(goods),
            Self::Settle(resolved) => Payload::FindingResolved(resolved),
            Self::Cash(request) => request.into_payload(),
            Self::Grant(grant) => Payload::RightsGranted(grant),
            Self::Ask(asked) => Payload::RightsRequested(asked),
        }
    }

    pub(super) fn written(&self, id: EventId, copy: u64, replayed: bool) -> Written {
        let (total, change, receipt) = match self {
            Self::Sale(sale, _) => (sale.total().unwrap_or(0), decide::change(sale), sale.receipt),
            Self::Refund(refund) => {
                (refund.lines.iter().map(|line| line.amount).sum(), 0, refund.receipt)
            }
            _ => (0, 0, 0),
        };
        let found = match self {
            Self::Cash(request) => request.found(),
            _ => None,
        };
        let closed_day = match self {
            Self::Cash(CashRequest::CloseDay(closed)) => Some(closed.business_day),
            _ => None,
        };
        let counted = match self {
            Self::Goods(goods) => goods.counted(),
            _ => Vec::new(),
        };
        let price_bundle = if let Self::Sale(sale, _) = self { sale.price_bundle } else { None };
        Written {
            id,
            total,
            change,
            receipt,
            copy,
            found,
            closed_day,
            counted,
            price_bundle,
            replayed,
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::ids::{DeviceId, Epoch, LogId, ShortHash};

    use super::*;

    /// What the till asks again says what the stall made of it the first time.
    #[track_caller]
    fn check(mut asked: Request, stated: Payload) {
        asked.restate(&stated);
        decide::retry(&stated, &asked.into_payload()).unwrap();
    }

    #[test]
    fn a_retry_is_not_held_against_what_the_stall_chose_itself() {
        let log = LogId([1; 16]);
        let place = EventId { log, epoch: Epoch(1), seq: 1, hash: ShortHash([1; 16]) };
        let bare = Sale::default();
        let key = bare.key.clone();
        let sale = |change: fn(&mut Sale)| {
            let mut stated = Sale::default();
            change(&mut stated);
            check(Request::Sale(bare.clone(), Vec::new()), Payload::SaleCompleted(stated));
        };
        sale(|stated| stated.receipt = 7);
        sale(|stated| stated.promised = vec![0]);
        sale(|stated| stated.price_bundle = Some(Hash([1; 32])));
        let (lines, tenders, restored) = Default::default();
        let (at_ms, business_day, currency) = (0, 0, *b"EUR");
        let sale = place;
        let (restock, receipt) = (true, 0);
        let refund = Refund {
            key,
            sale,
            at_ms,
            business_day,
            currency,
            lines,
            tenders,
            restock,
            receipt,
            restored,
        };
        let stated = Refund { receipt: 7, restored: vec![0], ..refund.clone() };
        check(Request::Refund(refund), Payload::SaleRefunded(stated));
        let (to, sku, quantity) = (DeviceId([2; 32]), "tea".to_owned(), 1);
        let grant = RightsGranted { key: None, request: None, to, sku, quantity };
        let stated = RightsGranted { request: Some(place), ..grant.clone() };
        check(Request::Grant(grant), Payload::RightsGranted(stated));
    }
}
