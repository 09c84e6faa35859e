//! What a till is refused for, and what it is not.

use crate::decide::{self, Refusal, Rules};
use crate::event::sale::{Key, KeyNumber, Sale, Tender, TenderKind};
use crate::event::{GoodsReceived, GoodsReserved, Payload, Refund, Void};
use crate::limits::{NAME_BYTES_MAX, QUANTITY_MAX, SALE_LINES_MAX, SKU_BYTES_MAX, TENDERS_MAX};
use crate::testing::*;

mod cash;

fn rules() -> Rules {
    Rules { currency: *b"EUR", amount_max: 10_000, open_items: true }
}

/// A sale of two lines: 500 and 100, with a tip of 1.
fn good() -> Sale {
    let mut sale = sale(1, "tea", 2, 500);
    sale.lines.push(crate::testing::sale(1, "cup", 1, 100).lines.remove(0));
    sale.tenders = vec![tender(TenderKind::Card, 300), tender(TenderKind::Cash, 301)];
    sale
}

fn tender(kind: TenderKind, amount: i64) -> Tender {
    Tender { kind, amount }
}

fn judge(sale: &Sale) -> Result<(), Refusal> {
    decide::sale(sale, &[], &rules(), &|_| Ok(true))
}

/// The sale, changed so, is refused with a text that contains `expected`.
#[track_caller]
fn check_refused(change: impl FnOnce(&mut Sale), expected: &str) {
    let mut sale = good();
    change(&mut sale);
    check_says(judge(&sale), expected);
}

#[track_caller]
fn check_says(refused: Result<(), Refusal>, expected: &str) {
    let text = refused.expect_err("accepted").to_string();
    assert!(text.contains(expected), "{text}");
}

#[track_caller]
fn check_accepted(change: impl FnOnce(&mut Sale)) {
    let mut sale = good();
    change(&mut sale);
    judge(&sale).unwrap();
}

#[test]
fn a_plain_sale_is_accepted() {
    check_accepted(|_| {});
}

#[test]
fn another_currency_is_refused() {
    check_refused(|sale| sale.currency = *b"USD", "currency USD is not the market's");
}

#[test]
fn texts_are_present_short_and_printable() {
    check_refused(|sale| sale.key.till.clear(), "the till's name must have 1 to 64 bytes");
    check_refused(|sale| sale.key.till = "t".repeat(NAME_BYTES_MAX + 1), "the till's name");
    check_refused(|sale| sale.cashier = "Ann\n".to_owned(), "cashier");
    check_refused(|sale| sale.cashier = "A".repeat(NAME_BYTES_MAX + 1), "cashier");
    check_refused(|sale| sale.lines[1].sku.clear(), "lines[1].sku");
    check_refused(|sale| sale.lines[0].sku = "s".repeat(SKU_BYTES_MAX + 1), "lines[0].sku");
    check_refused(|sale| sale.lines[0].sku = "a\0b".to_owned(), "lines[0].sku");
    let number = |text: &str| KeyNumber::Text(text.to_owned());
    check_refused(|sale| sale.key.number = number(""), "the idempotency key");
    check_refused(|sale| sale.key.number = number(&"k".repeat(65)), "the idempotency key");
    check_accepted(|sale| sale.key.number = number(&"k".repeat(64)));
    check_accepted(|sale| sale.cashier = "Zoe".to_owned());
}

#[test]
fn amounts_are_neither_negative_nor_over_the_maximum() {
    for (amount, text) in [(-1, "0 to 10000 minor units"), (10_001, "0 to 10000 minor units")] {
        check_refused(
            |sale| sale.lines[0].amount = amount,
            &format!("lines[0].amount must be {text}"),
        );
        check_refused(|sale| sale.lines[1].unit_price = Some(amount), "lines[1].unit_price");
        check_refused(|sale| sale.lines[1].discount = amount, "lines[1].discount");
        check_refused(|sale| sale.lines[0].tax = amount, "lines[0].tax");
        check_refused(|sale| sale.tip = amount, "tip must be");
        check_refused(|sale| sale.tenders[1].amount = amount, "tenders[1].amount");
    }
    check_accepted(|sale| sale.lines[0].unit_price = None);
}

#[test]
fn a_quantity_of_zero_must_be_meant() {
    check_refused(|sale| sale.lines[1].quantity = 0, "lines[1].quantity must be 1 to");
    check_refused(|sale| sale.lines[0].quantity = QUANTITY_MAX + 1, "lines[0].quantity");
    let mut sale = good();
    sale.lines[1].quantity = 0;
    decide::sale(&sale, &[1], &rules(), &|_| Ok(true)).unwrap();
    check_says(decide::sale(&sale, &[0], &rules(), &|_| Ok(true)), "lines[1].quantity");
}

#[test]
fn there_is_at_least_one_line_and_tender_and_not_too_many() {
    check_refused(|sale| sale.lines.clear(), "lines must have 1 to 500 entries");
    check_refused(
        |sale| sale.lines = vec![sale.lines[0].clone(); SALE_LINES_MAX + 1],
        "lines must have",
    );
    check_refused(|sale| sale.tenders.clear(), "tenders must have 1 to 16 entries");
    check_refused(
        |sale| sale.tenders = vec![tender(TenderKind::Cash, 100); TENDERS_MAX + 1],
        "tenders must have",
    );
}

#[test]
fn tenders_cover_the_total_and_the_tip_and_only_cash_gives_change() {
    check_refused(|sale| sale.tenders[1].amount = 300, "the tenders are 600 and 601 is due");
    check_accepted(|sale| sale.tenders[1].amount = 5_000);
    check_refused(|sale| sale.tenders[0].amount = 700, "only cash may exceed");
    check_accepted(|sale| sale.tenders[0].amount = 601);
    let over = Sale { tenders: vec![tender(TenderKind::Cash, 1_000)], ..good() };
    assert_eq!(decide::change(&over), 399);
    assert_eq!(decide::change(&good()), 0);
}

#[test]
fn an_unknown_sku_is_sold_only_where_open_items_are() {
    let known = |sku: &str| Ok(sku == "tea");
    decide::sale(&good(), &[], &rules(), &known).unwrap();
    let strict = Rules { open_items: false, ..rules() };
    check_says(decide::sale(&good(), &[], &strict, &known), "lines[1].sku \"cup\" is not in");
}

#[test]
fn goods_have_a_key_and_lines_of_some_quantity() {
    let good = goods(1, "tea", 5);
    decide::goods(&good).unwrap();
    let mut none = good.clone();
    none.lines[0].quantity = 0;
    check_says(decide::goods(&none), "lines[0].quantity");
    check_says(decide::goods(&GoodsReceived { lines: vec![], ..good.clone() }), "lines must have");
    let reference = "\u{7}".to_owned();
    check_says(decide::goods(&GoodsReceived { reference, ..good.clone() }), "reference");
    let key = Key { till: String::new(), ..key(1) };
    check_says(decide::goods(&GoodsReceived { key, ..good }), "till");
}

/// A stall that sold two pieces for 500 and one for 100, and the sale's id.
fn sold() -> (Device, crate::ids::EventId) {
    let mut stall = Device::new(1, 1);
    let id = stall.append(Payload::SaleCompleted(good()));
    stall.commit();
    (stall, id)
}

fn judge_refund(stall: &Device, refund: &mut Refund) -> Result<(), Refusal> {
    decide::refund(refund, scope(), &rules(), &stall.replica)
}

#[test]
fn a_refund_takes_its_skus_from_the_sale() {
    let (stall, id) = sold();
    let mut asked = refund(2, id, "", 2, 500);
    judge_refund(&stall, &mut asked).unwrap();
    assert_eq!(asked.lines[0].sku, "tea");
}

#[test]
fn no_more_is_refunded_than_was_sold_over_all_refunds() {
    let (mut stall, id) = sold();
    check_says(
        judge_refund(&stall, &mut refund(2, id, "", 3, 500)),
        "more of line 0 than was sold",
    );
    check_says(
        judge_refund(&stall, &mut refund(2, id, "", 2, 501)),
        "more of line 0 than was sold",
    );
    let mut twice = refund(2, id, "", 1, 300);
    twice.lines.push(twice.lines[0].clone());
    twice.tenders[0].amount = 600;
    check_says(judge_refund(&stall, &mut twice), "lines[1] would refund more");
    stall.append(Payload::SaleRefunded(refund(2, id, "tea", 1, 250)));
    judge_refund(&stall, &mut refund(3, id, "", 1, 250)).unwrap();
    check_says(judge_refund(&stall, &mut refund(3, id, "", 1, 251)), "refunds before this one");
    let mut elsewhere = refund(3, id, "", 1, 1);
    elsewhere.lines[0].line = 2;
    check_says(judge_refund(&stall, &mut elsewhere), "line 2 is not a line of the sale");
}

#[test]
fn a_refund_pays_back_exactly_its_lines_in_the_markets_currency() {
    let (stall, id) = sold();
    for amount in [249, 251] {
        let mut asked = refund(2, id, "", 1, 250);
        asked.tenders = vec![tender(TenderKind::Cash, amount)];
        check_says(judge_refund(&stall, &mut asked), "250 is due");
    }
    let mut dollars = Refund { currency: *b"USD", ..refund(2, id, "", 1, 250) };
    check_says(judge_refund(&stall, &mut dollars), "currency USD");
}

#[test]
fn what_is_no_sale_or_not_known_is_not_reversed() {
    let (mut stall, id) = sold();
    let goods = stall.append(Payload::GoodsReceived(goods(2, "tea", 1)));
    check_says(judge_refund(&stall, &mut refund(3, goods, "", 1, 1)), "is not a sale but goods");
    let nowhere = crate::ids::EventId { seq: 99, ..id };
    check_says(judge_refund(&stall, &mut refund(3, nowhere, "", 1, 1)), "is not known here");
    check_says(decide::void(&void(3, nowhere), scope(), &stall.replica), "is not known here");
}

fn judge_void(stall: &Device, void: &Void) -> Result<(), Refusal> {
    decide::void(void, scope(), &stall.replica)
}

#[test]
fn a_sale_is_voided_once_and_not_after_a_refund() {
    let (mut stall, id) = sold();
    judge_void(&stall, &void(2, id)).unwrap();
    stall.append(Payload::SaleVoided(void(2, id)));
    check_says(judge_void(&stall, &void(3, id)), "was voided before");
    check_says(judge_refund(&stall, &mut refund(3, id, "", 1, 1)), "the sale was voided");
    let (mut stall, id) = sold();
    stall.append(Payload::SaleRefunded(refund(2, id, "tea", 1, 1)));
    check_says(judge_void(&stall, &void(3, id)), "part of the sale was refunded");
}

#[test]
fn only_the_branch_that_made_a_sale_voids_it() {
    let (stall, id) = sold();
    let mut other = Device::new(2, 2);
    other.pull(&stall);
    check_says(judge_void(&other, &void(2, id)), "only the stall that made the sale");
    judge_refund(&other, &mut refund(2, id, "", 2, 500)).unwrap();

    let mut twin = stall.cloned(3);
    let apart = twin.sell(7, 100);
    twin.commit();
    let mut stall = stall;
    stall.pull(&twin);
    judge_void(&stall, &void(2, id)).unwrap();
    check_says(judge_void(&stall, &void(2, apart)), "a copy of this stall's disk");
    judge_void(&twin, &void(2, apart)).unwrap();
}

#[test]
fn goods_are_sent_to_another_stall_of_the_merchant() {
    let stall = Device::new(1, 1);
    let judge = |to: u8| decide::dispatched(&dispatch(1, to, "tea", 5), scope(), &stall.replica);
    judge(2).unwrap();
    check_says(judge(1), "to is this stall itself");
    check_says(judge(CONTROL), "is not a stall of this merchant");
    check_says(judge(STALLS + 1), "is not a stall of this merchant");
}

#[test]
fn a_dispatch_is_taken_in_once_by_the_stall_that_it_goes_to() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let sent = north.append(Payload::GoodsDispatched(dispatch(1, 2, "tea", 5)));
    let sale = north.sell(2, 100);
    north.commit();
    let judge = |stall: &Device, id, pieces| {
        decide::taken_in(&taking(1, id, "tea", pieces), scope(), &stall.replica)
    };
    check_says(judge(&south, sent, 5), "is not known here; wait for sync");
    south.pull(&north);
    check_says(judge(&north, sent, 5), "only that stall takes it in");
    check_says(judge(&south, sale, 5), "is not a dispatch but sale-completed");
    for pieces in [0, 5, 6] {
        judge(&south, sent, pieces).unwrap();
    }
    let mut none = taking(1, sent, "tea", 1);
    none.lines.clear();
    decide::taken_in(&none, scope(), &south.replica).unwrap();
    check_says(judge(&south, sent, u64::MAX / 1_000), "lines[0].quantity");
    south.append(Payload::GoodsTakenIn(none));
    check_says(judge(&south, sent, 5), "was taken in before");
}

#[test]
fn only_an_open_reservation_of_the_own_branch_is_released_or_sold() {
    let mut stall = Device::new(1, 1);
    let id = stall.append(Payload::GoodsReserved(reserve(1, "tea", 1)));
    let sold = stall.sell(2, 100);
    stall.commit();
    let judge = |stall: &Device, id| {
        let sale = Sale { reservation: Some(id), ..good() };
        let sold = decide::fulfilled(&sale, scope(), &stall.replica);
        (decide::released(&release(3, id), scope(), &stall.replica), sold)
    };
    let (released, fulfilled) = judge(&stall, id);
    released.and(fulfilled).unwrap();
    let mut other = Device::new(2, 2);
    other.pull(&stall);
    let nowhere = crate::ids::EventId { seq: 99, ..id };
    for (at, id, says) in [
        (&other, id, "was made by another stall"),
        (&stall, sold, "is not a reservation"),
        (&stall, nowhere, "is not known here"),
    ] {
        let (released, fulfilled) = judge(at, id);
        check_says(released, says);
        check_says(fulfilled, says);
    }
    stall.append(Payload::ReservationReleased(release(3, id)));
    let (released, fulfilled) = judge(&stall, id);
    check_says(released, "is no longer open");
    fulfilled.unwrap();
}

#[test]
fn a_reservation_adds_up_its_lines_before_it_is_held_against_the_stock() {
    let mut stall = Device::new(1, 1);
    stall.append(Payload::GoodsReceived(goods(1, "tea", 3)));
    let judge = |asked: &GoodsReserved| decide::reserved(asked, scope(), NOON_MS, &stall.replica);
    let mut twice = reserve(2, "tea", 2);
    judge(&twice).unwrap();
    twice.lines.push(twice.lines[0].clone());
    check_says(judge(&twice), "4000 thousandths are asked for and 3000 are available");
}

#[test]
fn a_retry_with_another_body_is_refused() {
    let first = Payload::SaleCompleted(good());
    decide::retry(&first, &first.clone()).unwrap();
    let other = Payload::SaleCompleted(Sale { tip: 2, ..good() });
    check_says(decide::retry(&first, &other), "idempotency key 1 was used with another body");
    let goods = Payload::GoodsReceived(goods(1, "tea", 5));
    check_says(decide::retry(&first, &goods), "needs a new key");
}

#[test]
fn only_a_card_is_accepted_offline() {
    check_accepted(|sale| sale.accepted_offline = vec![0]);
    check_refused(|sale| sale.accepted_offline = vec![1], "tenders[1].offline is for cards");
    check_refused(|sale| sale.accepted_offline = vec![2], "tenders[2].offline is for cards");
}
