//! What is refused about cash, shifts, the close of a day, copies of a receipt.

use super::*;
use crate::event::{
    CashDirection, CashMoved, DayClosed, ReceiptReprinted, ShiftClosed, ShiftOpened,
};

/// Business day of all that follows.
const DAY: i32 = 19_675;

fn moved(number: u64, direction: CashDirection, amount: i64) -> CashMoved {
    let (at_ms, currency, reason) = (NOON_MS as i64, *b"EUR", String::new());
    CashMoved { key: key(number), at_ms, business_day: DAY, currency, direction, amount, reason }
}

fn opened(number: u64, float: i64) -> ShiftOpened {
    let (at_ms, currency, cashier) = (NOON_MS as i64, *b"EUR", String::new());
    ShiftOpened { key: key(number), at_ms, business_day: DAY, currency, cashier, float }
}

fn closed(number: u64, shift: crate::ids::EventId, counted: i64) -> ShiftClosed {
    ShiftClosed { key: key(number), at_ms: NOON_MS as i64, shift, counted, expected: 0 }
}

fn day_closed(number: u64, business_day: i32) -> DayClosed {
    let (at_ms, currency) = (NOON_MS as i64, *b"EUR");
    DayClosed { key: key(number), at_ms, business_day, currency, counted: 0, expected: 0 }
}

#[test]
fn cash_that_moves_is_some_in_the_markets_currency() {
    let stall = Device::new(1, 1);
    let judge = |cash: &CashMoved| decide::cash(cash, scope(), &rules(), &stall.replica);
    let good = moved(1, CashDirection::Dropped, 1);
    judge(&good).unwrap();
    for amount in [0, -1, i64::MAX] {
        check_says(judge(&CashMoved { amount, ..good.clone() }), "amount must be");
    }
    check_says(judge(&CashMoved { currency: *b"USD", ..good.clone() }), "currency USD");
    let reason = "x".repeat(NAME_BYTES_MAX + 1);
    check_says(judge(&CashMoved { reason, ..good }), "reason must have");
}

#[test]
fn a_shift_is_told_what_moved_in_its_drawer_since_it_opened() {
    let mut stall = Device::new(1, 1);
    let before = stall.sell(1, 700);
    let shift = stall.append(Payload::ShiftOpened(opened(2, 1_000)));
    let judge = |stall: &Device, shift, counted| {
        let mut closed = closed(9, shift, counted);
        decide::close_shift(&mut closed, scope(), &rules(), &stall.replica)?;
        Ok::<i64, Refusal>(closed.expected)
    };
    assert_eq!(judge(&stall, shift, 0).unwrap(), 1_000, "a float and nothing else");
    // Cash of the amount and the tip of 1; then another till's, and a card's.
    stall.sell(3, 500);
    let mut other = sale(4, "tea", 1, 90);
    other.key.till = "bar".to_owned();
    stall.append(Payload::SaleCompleted(other));
    let mut card = sale(5, "tea", 1, 90);
    card.tenders[0] = tender(TenderKind::Card, 91);
    stall.append(Payload::SaleCompleted(card));
    stall.append(Payload::CashMoved(moved(6, CashDirection::PaidIn, 40)));
    stall.append(Payload::CashMoved(moved(7, CashDirection::PaidOut, 300)));
    stall.commit();
    stall.restart(2);
    stall.append(Payload::SaleVoided(void(8, before)));
    assert_eq!(judge(&stall, shift, 0).unwrap(), 1_000 + 501 + 40 - 300 - 701);

    check_says(judge(&stall, before, 0).map(|_| ()), "opened no shift of this stall");
    check_says(judge(&stall, shift, -1).map(|_| ()), "counted must be");
    let again = decide::open_shift(&opened(10, 0), scope(), &rules(), &stall.replica);
    check_says(again, "is open; close it first");
    let till = |stall: &Device| decide::shift_of("till", scope(), &stall.replica).unwrap();
    assert_eq!(till(&stall), Some(shift));
    stall.append(Payload::ShiftClosed(closed(11, shift, 540)));
    assert_eq!(till(&stall), None);
    check_says(judge(&stall, shift, 0).map(|_| ()), "closed the shift before");
    decide::open_shift(&opened(12, 0), scope(), &rules(), &stall.replica).unwrap();
}

#[test]
fn a_clone_expects_what_its_own_branch_took() {
    let mut stall = Device::new(1, 1);
    let shift = stall.append(Payload::ShiftOpened(opened(1, 0)));
    stall.commit();
    let mut twin = stall.cloned(2);
    stall.sell(2, 500);
    twin.sell(2, 70);
    let mut devices = [stall, twin];
    settle(&mut devices);
    for (device, expected) in devices.iter().zip([501, 71]) {
        let mut closed = closed(3, shift, 0);
        decide::close_shift(&mut closed, scope(), &rules(), &device.replica).unwrap();
        assert_eq!(closed.expected, expected);
    }
}

fn close_day(close: &mut DayClosed, stall: &Device) -> Result<(), Refusal> {
    decide::close_day(close, scope(), &rules(), NOON_MS, &stall.replica)
}

#[test]
fn a_day_that_has_not_begun_anywhere_is_not_closed() {
    let mut stall = Device::new(1, 1);
    // In the evening by UTC the next day has begun in the east.
    close_day(&mut day_closed(1, DAY + 1), &stall).unwrap();
    for day in [DAY + 2, i32::MAX] {
        check_says(close_day(&mut day_closed(1, day), &stall), "business_day has not begun");
    }
    stall.sell(1, 500);
    stall.commit();
    let at_1970 = |day| {
        let mut close = day_closed(2, day);
        decide::close_day(&mut close, scope(), &rules(), 0, &stall.replica)
    };
    at_1970(DAY).unwrap();
    check_says(at_1970(DAY + 2), "set the clock right");
}

#[test]
fn nothing_counts_for_a_day_that_was_closed_on_this_branch() {
    let mut stall = Device::new(1, 1);
    let id = stall.sell(1, 500);
    stall.commit();
    let mut twin = stall.cloned(2);
    let mut close = day_closed(2, DAY);
    close_day(&mut close, &stall).unwrap();
    assert_eq!(close.expected, 501, "what the drawers should hold");
    stall.append(Payload::DayClosed(close.clone()));
    stall.commit();
    twin.pull(&stall);

    let replica = &stall.replica;
    let says = "the business day was closed by event";
    check_says(decide::day_open(DAY, scope(), replica), says);
    check_says(close_day(&mut close, &stall), says);
    let cash = moved(3, CashDirection::PaidIn, 1);
    check_says(decide::cash(&cash, scope(), &rules(), replica), says);
    check_says(decide::open_shift(&opened(3, 1), scope(), &rules(), replica), says);
    let mut back = Refund { business_day: DAY, ..refund(3, id, "", 1, 1) };
    check_says(judge_refund(&stall, &mut back), says);
    check_says(judge_void(&stall, &void(3, id)), "business day was closed; refund it instead");
    decide::day_open(DAY + 1, scope(), replica).unwrap();
    judge_refund(&stall, &mut refund(3, id, "", 1, 1)).unwrap();
    decide::day_open(DAY, scope(), &twin.replica).unwrap();
}

#[test]
fn a_receipt_is_printed_again_of_a_known_document_and_copies_count() {
    let mut stall = Device::new(1, 1);
    let id = stall.sell(1, 500);
    let asked =
        |number, document| ReceiptReprinted { key: key(number), at_ms: NOON_MS as i64, document };
    let judge = |stall: &Device, reprint: &ReceiptReprinted| {
        decide::reprint(reprint, scope(), &stall.replica)
    };
    judge(&stall, &asked(2, id)).unwrap();
    let copies: Vec<_> =
        (2..5).map(|n| stall.append(Payload::ReceiptReprinted(asked(n, id)))).collect();
    let number = |id, document| decide::copy_number(id, document, scope(), &stall.replica).unwrap();
    assert_eq!(copies.iter().map(|copy| number(copy, &id)).collect::<Vec<_>>(), [1, 2, 3]);
    check_says(judge(&stall, &asked(9, copies[0])), "neither a sale nor a refund");
    let nowhere = crate::ids::EventId { seq: 99, ..id };
    check_says(judge(&stall, &asked(9, nowhere)), "is not known here");
}
