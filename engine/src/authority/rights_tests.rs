//! Rights: what charter, grants and revocations add up to, in whatever order they are seen.

use super::{Charter, DocumentError, Grant, Revocation, Rights, SignedDocument};
use crate::ids::{Lane, Log, Scope, Tip};
use crate::sign::Keypair;
use crate::testing::*;

fn rights() -> Rights {
    let mut rights = Rights::new(keypair(ROOT).tenant());
    rights.charter_seen(&charter(1, &[CONTROL], &[])).unwrap();
    rights
}

fn granted(seed: u8) -> Rights {
    let mut rights = rights();
    assert!(rights.grant_seen(&signed_grant(&grant(seed))).unwrap());
    rights
}

fn by(key: u8, grant: &Grant) -> SignedDocument {
    SignedDocument::sign(grant, &keypair(key)).unwrap()
}

fn revocation(at_ms: u64, leaves: Vec<(Log, Vec<Tip>)>) -> SignedDocument {
    let (tenant, device) = (keypair(ROOT).tenant(), keypair(1).device());
    let revocation = Revocation { tenant, device, at_ms, leaves };
    SignedDocument::sign(&revocation, &keypair(CONTROL)).unwrap()
}

#[test]
fn nobody_has_a_right_before_a_charter() {
    let mut rights = Rights::new(keypair(ROOT).tenant());
    let refused = rights.grant_seen(&signed_grant(&grant(1)));
    assert_eq!(refused, Err(DocumentError::OtherSigner("grant")));
    assert!(!rights.may_write(&ledger(1)));
    assert!(!rights.may_sync(&keypair(CONTROL).device(), 0));
}

#[test]
fn a_grant_gives_what_it_names_and_no_more() {
    let rights = granted(1);
    let me = keypair(1).device();
    for lane in Lane::ALL {
        assert!(rights.may_write(&log_of(1, lane)), "{lane:?}");
        assert!(!rights.may_write(&log_of(2, lane)), "another device's");
    }
    let mut elsewhere = ledger(1);
    elsewhere.scope = Scope::Tenant;
    assert!(!rights.may_write(&elsewhere));
    let other_tenant = Log { tenant: keypair(9).tenant(), ..ledger(1) };
    assert!(!rights.may_write(&other_tenant));
    assert!(!rights.may_read(&me, &other_tenant));
    assert!(rights.may_read(&me, &ledger(2)));
    assert!(rights.may_read(&me, &log_of(2, Lane::Authority)));
    assert!(!rights.may_read(&me, &log_of(2, Lane::Telemetry)));
    assert!(rights.may_read(&me, &log_of(1, Lane::Telemetry)), "its own");
    assert!(!rights.may_read(&keypair(2).device(), &ledger(1)), "no grant");
}

#[test]
fn everyone_with_a_grant_reads_the_authority_lane_whatever_the_grant_names() {
    let mut rights = rights();
    let bare = Grant { reads: [].into(), writes: [].into(), ..grant(1) };
    rights.grant_seen(&signed_grant(&bare)).unwrap();
    assert!(rights.may_read(&keypair(1).device(), &log_of(2, Lane::Authority)));
    assert!(!rights.may_read(&keypair(1).device(), &ledger(2)));
}

#[test]
fn an_expired_grant_stops_sync_and_not_selling() {
    let rights = granted(1);
    let me = keypair(1).device();
    let end = grant(1).not_after_ms;
    assert!(rights.may_sync(&me, end));
    assert!(!rights.may_sync(&me, end + 1));
    assert!(rights.may_write(&ledger(1)));
    assert!(rights.may_sync(&keypair(CONTROL).device(), u64::MAX), "a control has no end");
}

#[test]
fn a_revocation_stops_sync_for_good_and_keeps_what_was_signed() {
    let mut rights = granted(1);
    assert!(rights.revocation_seen(&revocation(5, vec![])).unwrap());
    assert!(!rights.may_sync(&keypair(1).device(), 0));
    assert!(rights.may_write(&ledger(1)));
    let later = Grant { issued_ms: NOON_MS + 9, ..grant(1) };
    rights.grant_seen(&signed_grant(&later)).unwrap();
    assert!(!rights.may_sync(&keypair(1).device(), 0));
}

#[test]
fn the_later_grant_holds_in_whatever_order_they_come() {
    let old = grant(1);
    let new = Grant { name: "moved".to_owned(), issued_ms: NOON_MS + 1, ..grant(1) };
    let twin = Grant { name: "zz".to_owned(), issued_ms: NOON_MS + 1, ..grant(1) };
    let orders =
        [[&old, &new, &twin], [&twin, &new, &old], [&new, &twin, &old], [&old, &twin, &new]];
    for order in orders {
        let mut rights = rights();
        for grant in order {
            rights.grant_seen(&signed_grant(grant)).unwrap();
        }
        assert_eq!(rights.grant(&keypair(1).device()), Some(&twin));
        assert!(!rights.grant_seen(&signed_grant(&old)).unwrap());
    }
}

#[test]
fn the_earliest_revocation_holds_in_whatever_order_they_come() {
    let named = |seq| vec![(ledger(1), vec![Tip { seq, ..Tip::ROOT }])];
    let all = [revocation(7, named(1)), revocation(5, named(9)), revocation(5, named(3))];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]] {
        let mut rights = granted(1);
        for at in order {
            rights.revocation_seen(&all[at]).unwrap();
        }
        let held = rights.revocation(&keypair(1).device()).unwrap();
        assert_eq!((held.at_ms, &held.leaves), (5, &named(3)));
    }
}

#[test]
fn the_highest_charter_holds_and_only_the_root_signs_one() {
    let mut rights = granted(1);
    assert!(rights.charter_seen(&charter(3, &[101], &[CONTROL])).unwrap());
    assert!(!rights.charter_seen(&charter(2, &[CONTROL], &[])).unwrap());
    assert!(rights.is_control(&keypair(101).device()));
    assert!(!rights.is_control(&keypair(CONTROL).device()));
    assert!(rights.may_write(&log_of(CONTROL, Lane::Authority)), "what it signed stays good");
    assert!(!rights.may_sync(&keypair(CONTROL).device(), 0));

    let forged = Charter {
        tenant: keypair(ROOT).tenant(),
        serial: 9,
        name: String::new(),
        currency: *b"EUR",
        controls: [keypair(2).device()].into(),
        removed: Vec::new(),
    };
    for signer in [2, CONTROL] {
        let forged = SignedDocument::sign(&forged, &keypair(signer)).unwrap();
        assert_eq!(rights.charter_seen(&forged), Err(DocumentError::OtherSigner("charter")));
    }
    let foreign = Charter { tenant: keypair(9).tenant(), ..forged };
    let foreign = SignedDocument::sign(&foreign, &keypair(9)).unwrap();
    assert_eq!(rights.charter_seen(&foreign), Err(DocumentError::OtherTenant("charter")));
}

#[test]
fn a_grant_or_revocation_that_no_control_signed_is_refused() {
    let mut rights = rights();
    for signer in [1, ROOT, 101] {
        let refused = rights.grant_seen(&by(signer, &grant(1)));
        assert_eq!(refused, Err(DocumentError::OtherSigner("grant")), "{signer}");
    }
    let foreign = Grant { tenant: keypair(9).tenant(), ..grant(1) };
    assert_eq!(rights.grant_seen(&by(CONTROL, &foreign)), Err(DocumentError::OtherTenant("grant")));
    let revocation = Revocation {
        tenant: keypair(ROOT).tenant(),
        device: keypair(1).device(),
        at_ms: 1,
        leaves: vec![],
    };
    let revocation = SignedDocument::sign(&revocation, &keypair(2)).unwrap();
    assert!(rights.revocation_seen(&revocation).is_err());
    assert!(rights.revocation(&keypair(1).device()).is_none());
}

#[test]
fn devices_are_called_by_their_grants() {
    let rights = granted(1);
    assert_eq!(rights.name_of(&keypair(1).device()), "stall 1");
    assert_eq!(rights.name_of(&keypair(CONTROL).device()), "control");
    assert_eq!(rights.name_of(&Keypair::from_seed(&[77; 32]).device()), "unknown");
}

#[test]
fn a_stall_starts_again_under_a_charter_that_forgot_the_control_that_granted_it() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.replica.take_charter(&charter(2, &[101], &[])).unwrap();
    stall.commit();
    let leaves = stall.leaves(1);
    stall.restart(2);
    assert_eq!(stall.leaves(1), leaves);
    stall.sell(2, 100);
    stall.commit();
    assert!(stall.replica.rights().is_control(&keypair(101).device()));
}
