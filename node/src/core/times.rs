//! Times that a till leaves to the stall. Values that no till can write stand for them; the stall's
//! clock fills them in when the fact is first stated, and whoever asks again takes that time over.

use engine::clock;
use engine::event::Payload;
use transport::env::Now;

use super::cash::CashRequest;
use super::goods::Movement;
use super::request::Request;

/// The stall's own time, in milliseconds since 1970. No RFC 3339 time is so far back.
pub const STALL_TIME: i64 = i64::MIN;
/// The day of the stall's own time in UTC, in days since 1970. No date is so far back.
pub const STALL_DAY: i32 = i32::MIN;

const DAY_MS: i64 = clock::DAY_MS.cast_signed();

impl Request {
    /// Fills in the stall's time.
    pub(super) fn fill_time(&mut self, now: Now) {
        let at_ms = i64::try_from(now.wall_ms).unwrap_or(i64::MAX);
        let day = i32::try_from(at_ms.div_euclid(DAY_MS)).unwrap_or(i32::MAX);
        self.put_time(at_ms, Some(day));
    }

    /// Takes over the time of an earlier statement of the same request.
    pub(super) fn take_time(&mut self, earlier: &Payload) {
        if let (Self::Sale(asked, _), Payload::SaleCompleted(was)) = (&mut *self, earlier)
            && asked.sold_at_ms == STALL_TIME
        {
            asked.offset_minutes = was.offset_minutes;
        }
        if let Some((at_ms, day)) = stated(earlier) {
            self.put_time(at_ms, day);
        }
    }

    /// Puts a time and a day where they were left out.
    fn put_time(&mut self, at_ms: i64, day: Option<i32>) {
        let Some((asked_ms, asked_day)) = self.time() else { return };
        if *asked_ms == STALL_TIME {
            *asked_ms = at_ms;
        }
        if let (Some(asked_day), Some(day)) = (asked_day, day)
            && *asked_day == STALL_DAY
        {
            *asked_day = day;
        }
    }

    /// When it happened, and for which day it counts.
    fn time(&mut self) -> Option<(&mut i64, Option<&mut i32>)> {
        Some(match self {
            Self::Sale(sale, _) => (&mut sale.sold_at_ms, Some(&mut sale.business_day)),
            Self::Refund(refund) => (&mut refund.at_ms, Some(&mut refund.business_day)),
            Self::Void(void) => (&mut void.at_ms, None),
            Self::Promised(goods, _) => (&mut goods.at_ms, None),
            Self::Goods(goods) => (at_ms(goods), None),
            Self::Cash(request) => return Some(cash_time(request)),
            Self::Settle(_) | Self::Grant(_) | Self::Ask(_) => return None,
        })
    }
}

fn at_ms(goods: &mut Movement) -> &mut i64 {
    match goods {
        Movement::Received(goods) => &mut goods.at_ms,
        Movement::Dispatched(goods) => &mut goods.at_ms,
        Movement::TakenIn(goods) => &mut goods.at_ms,
        Movement::Returned(goods) => &mut goods.at_ms,
        Movement::Spoiled(goods) => &mut goods.at_ms,
        Movement::Reserved(goods) => &mut goods.at_ms,
        Movement::Released(release) => &mut release.at_ms,
        Movement::Counted(take) => &mut take.at_ms,
    }
}

fn cash_time(request: &mut CashRequest) -> (&mut i64, Option<&mut i32>) {
    match request {
        CashRequest::Moved(cash) => (&mut cash.at_ms, Some(&mut cash.business_day)),
        CashRequest::OpenShift(opened) => (&mut opened.at_ms, Some(&mut opened.business_day)),
        CashRequest::CloseShift(closed) => (&mut closed.at_ms, None),
        CashRequest::CloseDay(closed) => (&mut closed.at_ms, Some(&mut closed.business_day)),
        CashRequest::Reprint(reprint) => (&mut reprint.at_ms, None),
    }
}

/// When a fact that a till asked for happened, and for which day it counts.
fn stated(fact: &Payload) -> Option<(i64, Option<i32>)> {
    Some(match fact {
        Payload::SaleCompleted(sale) => (sale.sold_at_ms, Some(sale.business_day)),
        Payload::SaleRefunded(refund) => (refund.at_ms, Some(refund.business_day)),
        Payload::SaleVoided(void) => (void.at_ms, None),
        Payload::GoodsReceived(goods) => (goods.at_ms, None),
        Payload::GoodsDispatched(goods) => (goods.at_ms, None),
        Payload::GoodsTakenIn(goods) => (goods.at_ms, None),
        Payload::GoodsReturned(goods) => (goods.at_ms, None),
        Payload::GoodsSpoiled(goods) => (goods.at_ms, None),
        Payload::GoodsReserved(goods) => (goods.at_ms, None),
        Payload::ReservationReleased(release) => (release.at_ms, None),
        Payload::StockCounted(take) => (take.at_ms, None),
        Payload::CashMoved(cash) => (cash.at_ms, Some(cash.business_day)),
        Payload::ShiftOpened(opened) => (opened.at_ms, Some(opened.business_day)),
        Payload::ShiftClosed(closed) => (closed.at_ms, None),
        Payload::DayClosed(closed) => (closed.at_ms, Some(closed.business_day)),
        Payload::ReceiptReprinted(reprint) => (reprint.at_ms, None),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engine::decide;
    use engine::event::sale::{Key, Sale};
    use engine::event::{CashDirection, CashMoved, GoodsReceived, ReceiptReprinted};
    use transport::env::Instant;

    use super::super::cash::OPEN_SHIFT;
    use super::*;

    /// Just before midnight, in UTC.
    const FIRST_MS: i64 = 20_000 * DAY_MS - 1;

    fn at(wall_ms: i64) -> Now {
        Now { instant: Instant(Duration::ZERO), wall_ms: u64::try_from(wall_ms).unwrap() }
    }

    /// States a request; one that is asked again two days later is the same.
    #[track_caller]
    fn check(asked: &Request, expected: (i64, Option<i32>)) {
        let mut first = asked.clone();
        first.fill_time(at(FIRST_MS));
        let stands = first.into_payload();
        assert_eq!(stated(&stands), Some(expected));
        let mut again = asked.clone();
        again.take_time(&stands);
        again.fill_time(at(FIRST_MS + 2 * DAY_MS));
        decide::retry(&stands, &again.into_payload()).unwrap();
    }

    fn sale(sold_at_ms: i64, business_day: i32) -> Request {
        Request::Sale(Sale { sold_at_ms, business_day, ..Sale::default() }, Vec::new())
    }

    #[test]
    fn a_time_left_out_is_that_of_the_first_statement() {
        check(&sale(STALL_TIME, STALL_DAY), (FIRST_MS, Some(19_999)));
        check(&sale(STALL_TIME, 7), (FIRST_MS, Some(7)));
        check(&sale(5, 7), (5, Some(7)));
        let goods = GoodsReceived {
            key: Key::default(),
            at_ms: STALL_TIME,
            reference: String::new(),
            lines: Vec::new(),
        };
        check(&Request::Goods(Movement::Received(goods.clone())), (FIRST_MS, None));
        check(&Request::Promised(goods, Vec::new()), (FIRST_MS, None));
        let cash = CashMoved {
            key: Key::default(),
            at_ms: STALL_TIME,
            business_day: STALL_DAY,
            currency: *b"EUR",
            direction: CashDirection::PaidIn,
            amount: 1,
            reason: String::new(),
        };
        check(&Request::Cash(CashRequest::Moved(cash)), (FIRST_MS, Some(19_999)));
        let (key, at_ms, document) = (Key::default(), STALL_TIME, OPEN_SHIFT);
        let reprint = CashRequest::Reprint(ReceiptReprinted { key, at_ms, document });
        check(&Request::Cash(reprint), (FIRST_MS, None));
    }

    #[test]
    fn a_retry_without_its_time_is_the_sale_that_a_till_timed_by_its_own_clock() {
        let stands = Sale { sold_at_ms: 5, offset_minutes: 60, business_day: 7, ..Sale::default() };
        let stands = Payload::SaleCompleted(stands);
        let mut again = sale(STALL_TIME, STALL_DAY);
        again.take_time(&stands);
        decide::retry(&stands, &again.into_payload()).unwrap();
        let mut other = sale(6, 7);
        other.take_time(&stands);
        assert!(decide::retry(&stands, &other.into_payload()).is_err(), "a time given is held to");
    }
}
