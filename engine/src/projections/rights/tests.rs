//! What lies, doubles and late news come to, one story each.

use crate::authority::{Forfeit, SignedDocument};
use crate::books::rights as reading;
use crate::event::{
    GoodsLine, Payload, RightsAccepted, RightsGranted, RightsMinted, RightsRequested,
    RightsReturned, RightsSpent,
};
use crate::ids::{EventId, Lane, Scope};
use crate::projections::findings::{self, Finding, Rule};
use crate::projections::rights::rows;
use crate::projections::{self, Books};
use crate::replica::Replica;
use crate::testing::*;

fn lines(pieces: u64) -> Vec<GoodsLine> {
    vec![GoodsLine { sku: "tea".to_owned(), quantity: pieces * 1_000 }]
}

fn mint(stall: &mut Device, pieces: u64) -> EventId {
    let goods = stall.append(Payload::GoodsReceived(goods(900, "tea", pieces)));
    stall.append(Payload::RightsMinted(RightsMinted { goods, lines: lines(pieces) }))
}

fn sell(stall: &mut Device, number: u64, pieces: u64) -> EventId {
    let mut sold = sale(number, "tea", pieces, 100);
    sold.promised = vec![0];
    stall.append(Payload::SaleCompleted(sold))
}

fn grant(stall: &mut Device, to: u8, pieces: u64, request: Option<EventId>) -> EventId {
    let (to, quantity) = (keypair(to).device(), pieces * 1_000);
    let grant = RightsGranted { key: None, request, to, sku: "tea".to_owned(), quantity };
    stall.append(Payload::RightsGranted(grant))
}

fn accept(stall: &mut Device, grant: EventId, pieces: u64) -> EventId {
    let (sku, quantity) = ("tea".to_owned(), pieces * 1_000);
    stall.append(Payload::RightsAccepted(RightsAccepted { grant, sku, quantity }))
}

fn give_back(stall: &mut Device, grant: EventId, pieces: u64) -> EventId {
    let (sku, quantity) = ("tea".to_owned(), pieces * 1_000);
    stall.append(Payload::RightsReturned(RightsReturned { grant, sku, quantity }))
}

fn forfeit(signer: u8, device: u8, to: u8, pieces: u64) -> Payload {
    let body = Forfeit {
        tenant: keypair(ROOT).tenant(),
        scope: scope(),
        device: keypair(device).device(),
        leaves: Vec::new(),
        lines: vec![("tea".to_owned(), pieces * 1_000)],
        to: keypair(to).device(),
        at_ms: NOON_MS,
    };
    Payload::RightsForfeited(SignedDocument::sign(&body, &keypair(signer)).unwrap())
}

fn declare(stall: &mut Device, payload: Payload) -> EventId {
    stall.replica.append(Scope::Tenant, Lane::Authority, payload, NOON_MS).unwrap()
}

/// The balance of the device with this seed, in pieces.
fn pieces(replica: &Replica, seed: u8) -> i128 {
    let key = rows::account(scope(), "tea", &keypair(seed).device());
    let account: rows::Account = projections::read(replica.row(&key).unwrap()).unwrap();
    account.balance() / 1_000
}

/// Every device sees these balances of the stalls 1, 2 and 3, in pieces.
#[track_caller]
fn check(devices: &[Device], expected: [i128; 3]) {
    for device in devices {
        let found = [1, 2, 3].map(|seed| pieces(&device.replica, seed));
        assert_eq!(found, expected, "at stall {}", device.seed);
    }
}

fn findings(device: &Device, rule: Rule) -> Vec<Finding> {
    let rows = device.replica.first_rows(&findings::rows(scope(), None), 100).unwrap();
    let found = rows.iter().filter_map(|(_, row)| findings::read(row));
    found.filter(|finding| finding.rule == rule).collect()
}

/// Every device has the one finding of this rule, with so many pieces at stake.
#[track_caller]
fn check_found(devices: &[Device], rule: Rule, pieces: i128, evidence: &[EventId]) {
    let mut evidence = evidence.to_vec();
    evidence.sort_unstable();
    for device in devices {
        let found = findings(device, rule);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].quantity, &found[0].evidence), (pieces * 1_000, &evidence));
    }
}

fn exposure(device: &Device) -> i128 {
    let found = reading::rights_of(device.disk.as_ref(), scope(), "tea").unwrap();
    found.map_or(0, |tea| tea.exposure / 1_000)
}

fn three() -> [Device; 3] {
    [1, 2, 3].map(|seed| Device::new(seed, u64::from(seed)))
}

#[test]
fn rights_move_from_a_giver_to_a_taker_and_only_then_count() {
    let mut all = three();
    mint(&mut all[0], 5);
    let id = grant(&mut all[0], 2, 3, None);
    settle(&mut all);
    check(&all, [2, 0, 0]);
    let on_the_way = reading::in_transit(all[2].disk.as_ref(), scope(), 9).unwrap();
    assert_eq!(on_the_way.len(), 1);
    assert_eq!((on_the_way[0].event, on_the_way[0].quantity), (id, 3_000));
    accept(&mut all[1], id, 3);
    settle(&mut all);
    check(&all, [2, 3, 0]);
    assert!(reading::in_transit(all[2].disk.as_ref(), scope(), 9).unwrap().is_empty());
}

#[test]
fn a_grant_that_is_sent_back_is_the_givers_again() {
    let mut all = three();
    mint(&mut all[0], 5);
    let id = grant(&mut all[0], 2, 3, None);
    settle(&mut all);
    give_back(&mut all[1], id, 3);
    settle(&mut all);
    check(&all, [5, 0, 0]);
    assert_eq!(exposure(&all[2]), 0);
}

#[test]
fn a_request_is_open_until_the_device_that_it_names_answers() {
    let mut all = three();
    mint(&mut all[0], 1);
    let asked = RightsRequested {
        key: None,
        giver: keypair(1).device(),
        sku: "tea".to_owned(),
        quantity: 1_000,
    };
    let id = all[1].append(Payload::RightsRequested(asked));
    settle(&mut all);
    let open = |device: &Device| reading::open_requests(device.disk.as_ref(), scope(), 9).unwrap();
    assert_eq!(open(&all[2])[0].event, id);
    grant(&mut all[2], 2, 0, Some(id));
    settle(&mut all);
    assert_eq!(open(&all[0]).len(), 1, "somebody else's answer answers nothing");
    grant(&mut all[0], 2, 0, Some(id));
    settle(&mut all);
    assert!(all.iter().all(|device| open(device).is_empty()), "a grant of nothing declines");
}

#[test]
fn a_promised_line_that_is_named_twice_spends_once() {
    let mut all = three();
    mint(&mut all[0], 5);
    let mut sold = sale(1, "tea", 2, 100);
    sold.promised = vec![0, 0, 7];
    all[0].append(Payload::SaleCompleted(sold));
    settle(&mut all);
    check(&all, [3, 0, 0]);
}

#[test]
fn a_spend_without_rights_is_found() {
    let mut all = three();
    mint(&mut all[0], 1);
    let first = sell(&mut all[1], 1, 1);
    settle(&mut all);
    check(&all, [1, -1, 0]);
    check_found(&all, Rule::RightsOverdrawn, 1, &[first]);
    let second = all[1].append(Payload::RightsSpent(RightsSpent { cause: first, lines: lines(2) }));
    settle(&mut all);
    check_found(&all, Rule::RightsOverdrawn, 3, &[second]);
    mint(&mut all[1], 3);
    settle(&mut all);
    assert!(findings(&all[0], Rule::RightsOverdrawn).is_empty(), "covered by now");
}

#[test]
fn a_claim_of_another_device_or_amount_credits_nobody_and_is_found() {
    let mut all = three();
    mint(&mut all[0], 5);
    let id = grant(&mut all[0], 2, 3, None);
    settle(&mut all);
    let theft = accept(&mut all[2], id, 3);
    let more = accept(&mut all[1], id, 4);
    settle(&mut all);
    check(&all, [2, 0, 0]);
    check_found(&all, Rule::RightsDoubled, 6, &[id, theft, more]);
    let good = accept(&mut all[1], id, 3);
    settle(&mut all);
    check(&all, [2, 3, 0]);
    check_found(&all, Rule::RightsDoubled, 6, &[id, theft, more, good]);
}

#[test]
fn a_grant_claimed_twice_is_credited_once_and_found() {
    let mut all = three();
    mint(&mut all[0], 5);
    let id = grant(&mut all[0], 2, 3, None);
    settle(&mut all);
    let claims = [accept(&mut all[1], id, 3), accept(&mut all[1], id, 3)];
    settle(&mut all);
    check(&all, [2, 3, 0]);
    check_found(&all, Rule::RightsDoubled, 3, &[id, claims[0], claims[1]]);
    assert_eq!(exposure(&all[0]), 3);
}

#[test]
fn an_acceptance_beats_a_return_whichever_comes_first() {
    let mut all = three();
    mint(&mut all[0], 5);
    let id = grant(&mut all[0], 2, 3, None);
    settle(&mut all);
    let mut twin = all[1].cloned(9);
    give_back(&mut all[1], id, 3);
    accept(&mut twin, id, 3);
    twin.commit();
    all[1].commit();
    let mut reader = Device::new(4, 4);
    reader.pull(&twin);
    reader.pull(&all[1]);
    let [first, second, third] = all;
    let mut all = [first, second, third, twin, reader];
    settle(&mut all);
    check(&all, [2, 3, 0]);
    assert_eq!(exposure(&all[4]), 3);
}

#[test]
fn a_claim_of_what_is_no_grant_is_a_bad_reference() {
    let mut all = three();
    let minted = mint(&mut all[0], 5);
    all[0].commit();
    let claim = accept(&mut all[1], minted, 5);
    all[1].commit();
    // Here the claim is known before what it names.
    let from = all[1].cloned(8);
    all[2].pull(&from);
    assert!(findings(&all[2], Rule::BadReference).is_empty(), "pending");
    settle(&mut all);
    check(&all, [5, 0, 0]);
    check_found(&all, Rule::BadReference, 0, &[claim]);
}

#[test]
fn a_void_restores_the_promise_once_on_two_copies_of_a_disk() {
    let mut all = three();
    mint(&mut all[0], 5);
    let sold = sell(&mut all[0], 1, 5);
    all[0].commit();
    let mut twin = all[0].cloned(9);
    all[0].append(Payload::SaleVoided(void(2, sold)));
    twin.append(Payload::SaleVoided(void(3, sold)));
    sell(&mut all[0], 4, 5);
    sell(&mut twin, 5, 5);
    let [first, second, third] = all;
    let mut all = [first, second, third, twin];
    settle(&mut all);
    check(&all, [-5, 0, 0]);
    assert_eq!(exposure(&all[2]), 5, "both believed that it restored five");
}

#[test]
fn a_fork_exposes_what_the_device_held_there_for_each_branch_beyond_the_first() {
    let mut all = three();
    mint(&mut all[0], 5);
    sell(&mut all[0], 1, 1);
    all[0].commit();
    let mut twin = all[0].cloned(9);
    let mut third = all[0].cloned(10);
    for (number, device) in [(10, &mut all[0]), (20, &mut twin), (30, &mut third)] {
        sell(device, number, 4);
    }
    mint(&mut twin, 100);
    let [first, second, other] = all;
    let mut all = [first, second, other, twin, third];
    settle(&mut all);
    check(&all, [92, 0, 0]);
    assert_eq!(exposure(&all[1]), 8);
}

#[test]
fn a_forfeit_moves_rights_counts_once_and_exposes_them() {
    let mut all = three();
    mint(&mut all[0], 5);
    settle(&mut all);
    let document = forfeit(CONTROL, 1, 2, 5);
    // A copy of the document in another log takes nothing more.
    declare(&mut all[1], document.clone());
    declare(&mut all[2], document);
    settle(&mut all);
    check(&all, [0, 5, 0]);
    assert_eq!(exposure(&all[0]), 5);
    sell(&mut all[0], 1, 2);
    settle(&mut all);
    check(&all, [-2, 5, 0]);
    let found = findings(&all[2], Rule::RightsOverdrawn);
    assert_eq!((found.len(), found[0].quantity), (1, 2_000));
}

#[test]
fn a_forfeit_takes_what_it_says_from_a_device_that_has_less() {
    let mut all = three();
    mint(&mut all[0], 5);
    sell(&mut all[0], 1, 3);
    settle(&mut all);
    let document = forfeit(CONTROL, 1, 2, 4);
    declare(&mut all[1], document);
    settle(&mut all);
    check(&all, [-2, 4, 0]);
    let found = findings(&all[2], Rule::RightsOverdrawn);
    assert_eq!((found.len(), found[0].quantity), (1, 2_000));
}

#[test]
fn a_forfeit_counts_from_the_charter_on_that_names_its_signer() {
    let mut all = three();
    mint(&mut all[0], 5);
    declare(&mut all[1], forfeit(CONTROL + 1, 1, 3, 6));
    settle(&mut all);
    check(&all, [5, 0, 0]);
    for device in &mut all {
        let serial_2 = charter(2, &[CONTROL, CONTROL + 1], &[]);
        device.replica.take_charter(&serial_2).unwrap();
        device.commit();
    }
    check(&all, [-1, 0, 6]);
    check(&[Device::open(1, 50, all[0].disk.clone())], [-1, 0, 6]);
    assert_eq!(findings(&all[2], Rule::RightsOverdrawn)[0].quantity, 1_000);
    let mut late = Device::new(4, 4);
    late.replica.take_charter(&charter(2, &[CONTROL, CONTROL + 1], &[])).unwrap();
    late.pull(&all[0]);
    let scope = scope();
    let digests = |device: &Device| device.replica.digests(scope).unwrap();
    assert_eq!(digests(&late), digests(&all[1]));
}

#[test]
fn a_forfeit_of_another_tenant_or_with_a_broken_signature_changes_nothing() {
    let mut all = three();
    mint(&mut all[0], 5);
    let Payload::RightsForfeited(document) = forfeit(CONTROL, 1, 2, 5) else { panic!() };
    let body: Forfeit = document.reopen().unwrap();
    let elsewhere = Forfeit { tenant: keypair(7).tenant(), ..body };
    let elsewhere = SignedDocument::sign(&elsewhere, &keypair(CONTROL)).unwrap();
    declare(&mut all[1], Payload::RightsForfeited(elsewhere));
    settle(&mut all);
    check(&all, [5, 0, 0]);
}

#[test]
fn rights_in_another_lane_change_nothing() {
    let mut all = three();
    let goods = all[0].append(Payload::GoodsReceived(goods(1, "tea", 5)));
    let minted = Payload::RightsMinted(RightsMinted { goods, lines: lines(5) });
    declare(&mut all[0], minted);
    all[0].append(forfeit(CONTROL, 1, 2, 5));
    settle(&mut all);
    check(&all, [0, 0, 0]);
}

#[test]
fn a_sku_as_long_as_an_event_halts_nobody() {
    let mut stall = Device::new(1, 1);
    let sku = "\u{e9}".repeat(15_000);
    let place = stall.sell(1, 1);
    let lines = vec![GoodsLine { sku: sku.clone(), quantity: 1 }];
    stall.append(Payload::RightsSpent(RightsSpent { cause: place, lines }));
    let giver = keypair(2).device();
    stall.append(Payload::RightsRequested(RightsRequested { key: None, giver, sku, quantity: 1 }));
    stall.commit();
    assert_eq!(findings(&stall, Rule::RightsOverdrawn).len(), 1);
}
