//! At risk now, receipts, revocations and what they leave disputed.

use crate::authority::{DocumentError, Receipt, Revocation, SignedDocument};
use crate::event::Payload;
use crate::ids::{Lane, Tip};
use crate::replica::documents::ReceiptError;
use crate::testing::*;

fn receipt(control: u8, leaves: Vec<Tip>, at_ms: u64) -> SignedDocument {
    let receipt = Receipt { control: keypair(control).device(), log: ledger(1), leaves, at_ms };
    SignedDocument::sign(&receipt, &keypair(control)).unwrap()
}

#[track_caller]
fn check_risk(device: &Device, events: u64, amount: i64) {
    let found = device.replica.at_risk().unwrap();
    assert_eq!((found.events, found.amount), (events, amount));
    assert_eq!(found.since_ms.is_some(), events > 0);
}

#[test]
fn own_sales_are_at_risk_until_a_receipt_covers_them() {
    let mut stall = Device::new(1, 1);
    check_risk(&stall, 0, 0);
    let id = stall.sell(1, 500);
    check_risk(&stall, 0, 0);
    stall.commit();
    check_risk(&stall, 1, 500);
    let first = stall.leaves(1);
    stall.append(Payload::SaleRefunded(refund(2, id, "tea", 1, 200)));
    stall.append(Payload::GoodsReceived(goods(3, "tea", 9)));
    stall.commit();
    check_risk(&stall, 3, 700);

    assert!(stall.replica.take_receipt(&receipt(CONTROL, first, 1)).unwrap());
    check_risk(&stall, 2, 200);
    let leaves = stall.leaves(1);
    assert!(stall.replica.take_receipt(&receipt(CONTROL, leaves, 2)).unwrap());
    check_risk(&stall, 0, 0);
    stall.commit();
    stall.restart(9);
    check_risk(&stall, 0, 0);

    stall.replica.drop_receipt(&ledger(1), &keypair(CONTROL).device());
    check_risk(&stall, 3, 700);
    stall.commit();
    stall.restart(10);
    check_risk(&stall, 3, 700);
}

#[test]
fn risk_is_as_old_as_its_oldest_event() {
    let mut stall = Device::new(1, 1);
    for (number, after_ms) in [(1, 0), (2, 5_000), (3, 9_000)] {
        let payload = Payload::SaleCompleted(sale(number, "tea", 1, 500));
        stall.replica.append(scope(), Lane::Ledger, payload, NOON_MS + after_ms).unwrap();
        stall.commit();
        if number == 1 {
            assert_eq!(stall.replica.at_risk().unwrap().since_ms, Some(NOON_MS));
            let leaves = stall.leaves(1);
            assert!(stall.replica.take_receipt(&receipt(CONTROL, leaves, 1)).unwrap());
        }
    }
    assert_eq!(stall.replica.at_risk().unwrap().since_ms, Some(NOON_MS + 5_000));
}

#[test]
fn sales_of_other_stalls_are_not_this_stalls_risk() {
    let (mut stall, mut other) = (Device::new(1, 1), Device::new(2, 2));
    stall.sell(1, 500);
    stall.commit();
    other.pull(&stall);
    check_risk(&other, 0, 0);
}

#[test]
fn events_of_both_branches_of_a_clone_are_at_risk_once() {
    for epoch in [0, 99, 11] {
        let mut stall = Device::new(1, 11);
        stall.sell(1, 100);
        stall.commit();
        let mut twin = stall.cloned(epoch);
        stall.sell(2, 20);
        stall.commit();
        twin.sell(3, 3);
        twin.commit();
        stall.pull(&twin);
        check_risk(&stall, 3, 123);
        let of_twin = twin.leaves(1);
        stall.replica.take_receipt(&receipt(CONTROL, of_twin, 1)).unwrap();
        check_risk(&stall, 1, 20);
    }
}

#[test]
fn an_older_receipt_does_not_replace_a_newer_one_unless_it_covers_it() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 500);
    stall.commit();
    let first = stall.leaves(1);
    stall.sell(2, 500);
    stall.commit();
    let second = stall.leaves(1);
    stall.sell(3, 500);
    stall.commit();
    let third = stall.leaves(1);
    let mut take = |leaves: &[Tip], at| {
        stall.replica.take_receipt(&receipt(CONTROL, leaves.to_vec(), at)).unwrap()
    };
    assert!(take(&second, 10));
    assert!(!take(&first, 5), "older, and says less");
    assert!(!take(&second, 5), "older, and says the same");
    assert!(take(&third, 5), "a control whose clock was set back");
    assert!(take(&first, 6), "newer: a control that was restored says less");
    check_risk(&stall, 2, 1_000);
}

#[test]
fn a_receipt_that_no_chartered_control_signed_is_refused() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 500);
    stall.commit();
    let leaves = stall.leaves(1);
    let refused = stall.replica.take_receipt(&receipt(2, leaves.clone(), 1));
    assert!(matches!(refused, Err(ReceiptError::Document(DocumentError::OtherSigner("receipt")))));
    let of_control = Receipt {
        control: keypair(CONTROL).device(),
        log: ledger(1),
        leaves: leaves.clone(),
        at_ms: 1,
    };
    let lent = SignedDocument::sign(&of_control, &keypair(2)).unwrap();
    assert!(stall.replica.take_receipt(&lent).is_err());
    check_risk(&stall, 1, 500);

    // Another control may not speak for this one either.
    stall.replica.take_charter(&charter(2, &[CONTROL, 101], &[])).unwrap();
    let lent = SignedDocument::sign(&of_control, &keypair(101)).unwrap();
    assert!(stall.replica.take_receipt(&lent).is_err());
    check_risk(&stall, 1, 500);

    stall.replica.take_receipt(&receipt(CONTROL, leaves, 1)).unwrap();
    check_risk(&stall, 0, 0);
    stall.replica.take_charter(&charter(3, &[101], &[CONTROL])).unwrap();
    check_risk(&stall, 1, 500);
}

fn revocation(leaves: Vec<Tip>) -> SignedDocument {
    let revocation = Revocation {
        tenant: keypair(ROOT).tenant(),
        device: keypair(1).device(),
        at_ms: NOON_MS,
        leaves: vec![(ledger(1), leaves)],
    };
    SignedDocument::sign(&revocation, &keypair(CONTROL)).unwrap()
}

#[test]
fn what_a_revoked_device_signed_beyond_its_last_leaves_is_kept_and_disputed() {
    let (mut stall, mut peer) = (Device::new(1, 1), Device::new(2, 2));
    stall.sell(1, 100);
    stall.commit();
    peer.pull(&stall);
    let accepted = peer.leaves(1);
    assert!(peer.replica.take_revocation(&revocation(accepted)).unwrap());
    peer.commit();
    assert_eq!(peer.replica.disputed().unwrap(), 0);
    assert!(!peer.replica.rights().may_sync(&keypair(1).device(), NOON_MS));

    (2..=4).for_each(|number| {
        stall.sell(number, 100);
    });
    stall.commit();
    peer.pull(&stall);
    assert_eq!(peer.replica.disputed().unwrap(), 3);
    assert_eq!(peer.leaves(1), stall.leaves(1), "kept, not dropped");
    assert_eq!(peer.rows(0x30), stall.rows(0x30), "and counted");
    peer.restart(9);
    assert_eq!(peer.replica.disputed().unwrap(), 3);
}

#[test]
fn a_log_that_the_revocation_does_not_name_is_disputed_as_a_whole() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let bare = Revocation {
        tenant: keypair(ROOT).tenant(),
        device: keypair(1).device(),
        at_ms: NOON_MS,
        leaves: Vec::new(),
    };
    let bare = SignedDocument::sign(&bare, &keypair(CONTROL)).unwrap();
    stall.replica.take_revocation(&bare).unwrap();
    assert_eq!(stall.replica.disputed().unwrap(), 2);
}

#[test]
fn a_branch_that_left_before_the_named_leaf_is_disputed_once() {
    for epoch in [0, 99] {
        let mut stall = Device::new(1, 11);
        stall.sell(1, 100);
        stall.commit();
        let mut twin = stall.cloned(epoch);
        stall.sell(2, 100);
        stall.commit();
        let named = stall.leaves(1);
        twin.sell(3, 100);
        twin.commit();
        stall.pull(&twin);
        stall.replica.take_revocation(&revocation(named)).unwrap();
        assert_eq!(stall.replica.disputed().unwrap(), 2, "the twin's opening and its sale");
    }
}
