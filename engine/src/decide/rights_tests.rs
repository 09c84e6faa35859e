//! What a till is refused of promised goods, and what the stall adds to what a till asks.

use crate::decide::rights::{self, Follow, Policy, Short};
use crate::decide::{Refusal, void};
use crate::event::{
    GoodsDispatched, GoodsLine, GoodsSpoiled, Payload, RightsGranted, RightsMinted, RightsRequested,
};
use crate::ids::EventId;
use crate::limits::MINT_LINES_MAX;
use crate::testing::*;

fn lines(pieces: u64) -> Vec<GoodsLine> {
    vec![GoodsLine { sku: "tea".to_owned(), quantity: pieces * 1_000 }]
}

/// A stall that may sell so many teas.
fn stall(pieces: u64) -> Device {
    let mut stall = Device::new(1, 1);
    let goods = stall.append(Payload::GoodsReceived(goods(900, "tea", pieces)));
    stall.append(Payload::RightsMinted(RightsMinted { goods, lines: lines(pieces) }));
    stall.commit();
    stall
}

fn short(refused: Result<(), Refusal>) -> Short {
    match refused {
        Err(Refusal::RightsShort(short)) => short,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sku_is_promised_once_rights_to_it_were_minted_by_anybody() {
    let other = stall(1);
    let mut stall = Device::new(2, 2);
    let policy = |stall: &Device, sku| rights::policy(&stall.replica, scope(), sku).unwrap();
    assert_eq!(policy(&stall, "tea"), Policy::Custody);
    stall.pull(&other);
    assert_eq!((policy(&stall, "tea"), policy(&stall, "cup")), (Policy::Promise, Policy::Custody));
}

#[test]
fn the_stall_marks_promised_lines_and_sums_them() {
    let stall = stall(3);
    let mut sold = sale(1, "cup", 9, 100);
    sold.promised = vec![0];
    for pieces in [1, 2] {
        sold.lines.extend(sale(1, "tea", pieces, 100).lines);
    }
    rights::promise(&mut sold, scope(), &stall.replica).unwrap();
    assert_eq!(sold.promised, [1, 2], "a till has no say in it");
    sold.lines.extend(sale(1, "tea", 1, 100).lines);
    let short = short(rights::promise(&mut sold, scope(), &stall.replica));
    assert_eq!((short.wanted, short.held, short.forked), (4_000, 3_000, false));
    let text = short.to_string();
    assert!(text.contains("4000 thousandths of \"tea\" are wanted and 3000 may"), "{text}");
    assert!(text.contains("nobody within reach"), "{text}");
    let asked = vec![("north".to_owned(), 700), ("east".to_owned(), 300)];
    let text = Short { asked, ..short }.to_string();
    assert!(text.contains("asked for the rest: north (700), east (300); repeat"), "{text}");
}

#[test]
fn what_is_not_on_the_disk_yet_is_spent_all_the_same() {
    let mut stall = stall(1);
    let mut sold = sale(1, "tea", 1, 100);
    rights::promise(&mut sold, scope(), &stall.replica).unwrap();
    stall.append(Payload::SaleCompleted(sold.clone()));
    assert_eq!(short(rights::promise(&mut sold, scope(), &stall.replica)).held, 0);
}

#[test]
fn a_stall_whose_ledger_has_a_copy_promises_nothing() {
    let mut stall = stall(5);
    let mut twin = stall.cloned(2);
    twin.sell(1, 100);
    twin.commit();
    let mut sold = sale(2, "tea", 1, 100);
    rights::promise(&mut sold, scope(), &stall.replica).unwrap();
    // Nobody forked yet: the copy is only ahead. What comes from here would fork.
    stall.pull(&twin);
    assert!(stall.replica.forks().unwrap().is_empty());
    let refused = short(rights::promise(&mut sold, scope(), &stall.replica));
    assert!(refused.forked && refused.held == 0);
    assert!(refused.to_string().contains("ledger has forked"), "{refused}");
    stall.sell(3, 100);
    assert!(short(rights::promise(&mut sold, scope(), &stall.replica)).forked);
}

#[test]
fn a_refund_restores_what_is_back_on_the_shelf_of_promised_lines() {
    let mut stall = stall(5);
    let mut sold = sale(1, "cup", 1, 100);
    sold.lines.extend(sale(1, "tea", 2, 100).lines);
    rights::promise(&mut sold, scope(), &stall.replica).unwrap();
    let id = stall.append(Payload::SaleCompleted(sold));
    let mut back = refund(2, id, "cup", 1, 10);
    back.lines.push(back.lines[0].clone());
    back.lines[1].line = 1;
    back.restored = vec![0, 7];
    rights::restore(&mut back, &stall.replica).unwrap();
    assert_eq!(back.restored, [1]);
    back.restock = false;
    rights::restore(&mut back, &stall.replica).unwrap();
    assert!(back.restored.is_empty());
}

#[test]
fn a_void_gives_the_promise_back() {
    let mut stall = stall(1);
    let mut sold = sale(1, "tea", 1, 100);
    rights::promise(&mut sold, scope(), &stall.replica).unwrap();
    let id = stall.append(Payload::SaleCompleted(sold.clone()));
    let undone = crate::testing::void(2, id);
    void(&undone, scope(), &stall.replica).unwrap();
    stall.append(Payload::SaleVoided(undone));
    rights::promise(&mut sold, scope(), &stall.replica).unwrap();
}

fn follow(stall: &Device, payload: &Payload, newly: &[&str]) -> Follow {
    let newly: Vec<String> = newly.iter().map(|sku| (*sku).to_owned()).collect();
    rights::follow(payload, &newly, scope(), &stall.replica).unwrap()
}

#[test]
fn goods_of_promised_skus_mint_and_lost_ones_spend_what_there_is() {
    let stall = stall(3);
    let came = |sku| Payload::GoodsReceived(goods(1, sku, 2));
    assert_eq!(follow(&stall, &came("tea"), &[]), Follow::Mint(lines(2)));
    assert_eq!(follow(&stall, &came("cup"), &[]), Follow::Nothing);
    let cups = vec![GoodsLine { sku: "cup".to_owned(), quantity: 2_000 }];
    assert_eq!(follow(&stall, &came("cup"), &["cup"]), Follow::Mint(cups));
    let (key, at_ms, reason) = (key(1), 0, String::new());
    let spoiled = GoodsSpoiled { key: key.clone(), at_ms, reason, lines: lines(4) };
    assert_eq!(follow(&stall, &Payload::GoodsSpoiled(spoiled), &[]), Follow::Spend(lines(3)));
    let (to, reference) = (keypair(2).device(), String::new());
    let sent = GoodsDispatched { key, at_ms, to, reference, lines: lines(1) };
    assert_eq!(follow(&stall, &Payload::GoodsDispatched(sent), &[]), Follow::Nothing);
}

#[test]
fn more_lines_than_fit_in_one_event_take_another() {
    let id = stall(1).sell(1, 1);
    let line = |at: usize| GoodsLine { sku: format!("{at:064}"), quantity: u64::MAX };
    let lines: Vec<GoodsLine> = (0..=MINT_LINES_MAX).map(line).collect();
    let events = Follow::Mint(lines).payloads(id);
    assert_eq!(events.len(), 2);
    for payload in events {
        let event = crate::event::Event { hlc: crate::clock::Hlc(u64::MAX), payload, ext: vec![] };
        crate::event::codec::encode_event(&event).unwrap();
    }
}

fn given(to: u8, sku: &str, quantity: u64) -> RightsGranted {
    let to = keypair(to).device();
    RightsGranted { key: Some(key(1)), request: None, to, sku: sku.to_owned(), quantity }
}

#[test]
fn nobody_gives_more_than_it_has_or_to_a_stranger() {
    let stall = stall(3);
    let judge = |grant: RightsGranted| rights::grant(&grant, scope(), &stall.replica);
    judge(given(2, "tea", 3_000)).unwrap();
    assert_eq!(short(judge(given(2, "tea", 3_001))).held, 3_000);
    for (grant, words) in [
        (given(1, "tea", 1), "is this stall itself"),
        (given(9, "tea", 1), "is no stall of this merchant"),
        (given(2, "cup", 1), "is not promised"),
        (given(2, "tea", 0), "quantity must be"),
    ] {
        let text = judge(grant).unwrap_err().to_string();
        assert!(text.contains(words), "{text}");
    }
    let asked = |giver: u8| RightsRequested {
        key: None,
        giver: keypair(giver).device(),
        sku: "tea".to_owned(),
        quantity: 9_000,
    };
    rights::request(&asked(2), scope(), &stall.replica).unwrap();
    rights::request(&asked(1), scope(), &stall.replica).unwrap_err();
}

#[test]
fn what_is_newly_promised_is_among_the_goods() {
    rights::newly(&[], &lines(1)).unwrap();
    rights::newly(&["tea".to_owned()], &lines(1)).unwrap();
    let text = rights::newly(&["cup".to_owned()], &lines(1)).unwrap_err().to_string();
    assert!(text.contains("\"cup\" is promised but not among the lines"), "{text}");
}

#[test]
fn a_place_that_is_known_to_nobody_restores_nothing() {
    let stall = stall(1);
    let nowhere = EventId { seq: 99, ..place(&stall) };
    let mut back = refund(2, nowhere, "tea", 1, 10);
    back.restored = vec![0];
    rights::restore(&mut back, &stall.replica).unwrap();
    assert!(back.restored.is_empty());
}

fn place(stall: &Device) -> EventId {
    let tip = stall.leaves(1)[0];
    EventId { log: ledger(1).id(), epoch: tip.epoch, seq: tip.seq, hash: tip.hash.short() }
}
