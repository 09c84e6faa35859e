//! What does not fit together is found on every replica alike, and stays found until it is settled.

use crate::books::findings::{Stated, Which, findings};
use crate::event::sale::Sale;
use crate::event::{FindingResolved, Payload};
use crate::ids::{EventId, Lane, Scope};
use crate::projections::findings::Rule;
use crate::testing::*;

fn all(device: &Device) -> Vec<Stated> {
    findings(device.disk.as_ref(), scope(), Which::All, None, usize::MAX).unwrap()
}

/// The only finding of a rule.
#[track_caller]
fn only(device: &Device, rule: Rule) -> Stated {
    let mut found: Vec<Stated> = all(device);
    found.retain(|stated| stated.finding.rule == rule);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn rules(device: &Device) -> Vec<Rule> {
    all(device).iter().map(|stated| stated.finding.rule).collect()
}

fn settle(device: &mut Device, number: u64, stated: &Stated) {
    let resolved = FindingResolved {
        key: key(number),
        finding: stated.id,
        evidence: stated.finding.evidence.clone(),
        note: "the customer was right".to_owned(),
    };
    device.append(Payload::FindingResolved(resolved));
    device.commit();
}

/// Two stalls that know each other's one sale of 900.
fn two_with_a_sale() -> (Device, Device, EventId) {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let id = north.append(Payload::SaleCompleted(sale(1, "tea", 3, 900)));
    north.commit();
    south.pull(&north);
    (north, south, id)
}

#[test]
fn two_full_refunds_made_apart_are_one_finding_with_both_as_evidence() {
    let (mut north, mut south, id) = two_with_a_sale();
    let first = north.append(Payload::SaleRefunded(refund(2, id, "tea", 3, 900)));
    let second = south.append(Payload::SaleRefunded(refund(2, id, "tea", 3, 900)));
    north.commit();
    south.commit();
    assert!(rules(&north).is_empty(), "each alone is in order");
    north.pull(&south);
    south.pull(&north);
    let found = only(&north, Rule::OverRefund);
    assert_eq!((found.finding.money, found.finding.quantity), (900, 3_000));
    let mut evidence = vec![first, second];
    evidence.sort_unstable();
    assert_eq!(found.finding.evidence, evidence);
    assert_eq!(all(&north), all(&south));
}

#[test]
fn a_refund_of_too_much_money_for_less_than_was_sold_is_found() {
    let (mut north, _, id) = two_with_a_sale();
    north.append(Payload::SaleRefunded(refund(2, id, "tea", 1, 950)));
    north.commit();
    let found = only(&north, Rule::OverRefund);
    assert_eq!((found.finding.money, found.finding.quantity), (50, 0));
}

#[test]
fn a_third_refund_opens_a_settled_finding_again() {
    let (mut north, mut south, id) = two_with_a_sale();
    north.append(Payload::SaleRefunded(refund(2, id, "tea", 3, 900)));
    north.append(Payload::SaleRefunded(refund(3, id, "tea", 1, 300)));
    north.commit();
    let found = only(&north, Rule::OverRefund);
    assert!(found.is_open());
    settle(&mut north, 4, &found);
    assert!(!only(&north, Rule::OverRefund).is_open());
    south.append(Payload::SaleRefunded(refund(2, id, "tea", 1, 300)));
    south.commit();
    north.pull(&south);
    south.pull(&north);
    let again = only(&north, Rule::OverRefund);
    assert!(again.is_open());
    assert_eq!((again.finding.money, again.finding.evidence.len()), (600, 3));
    assert_eq!(all(&north), all(&south));
    settle(&mut south, 5, &again);
    north.pull(&south);
    assert!(!only(&north, Rule::OverRefund).is_open());
}

#[test]
fn a_refund_that_comes_before_its_sale_is_judged_when_the_sale_comes() {
    let (north, mut south, id) = two_with_a_sale();
    south.append(Payload::SaleRefunded(refund(2, id, "tea", 4, 950)));
    south.commit();
    let mut late = Device::new(3, 3);
    let everything = unpacked(&south);
    let of_south = everything.iter().filter(|segment| segment.log == ledger(2));
    for segment in of_south {
        late.replica.admit(segment.clone(), NOON_MS).unwrap();
    }
    late.commit();
    assert!(rules(&late).is_empty(), "the sale is not here yet");
    late.pull(&north);
    assert_eq!(only(&late, Rule::OverRefund).finding.money, 50);
    assert_eq!(all(&late), all(&south));
}

#[test]
fn a_refund_of_goods_received_is_a_bad_reference_in_either_order() {
    let (mut north, mut south) = (Device::new(1, 1), Device::new(2, 2));
    let goods = north.append(Payload::GoodsReceived(goods(1, "tea", 5)));
    north.commit();
    south.append(Payload::SaleRefunded(refund(1, goods, "tea", 1, 100)));
    south.commit();
    let before = all(&south);
    assert!(before.is_empty());
    south.pull(&north);
    north.pull(&south);
    assert_eq!(only(&north, Rule::BadReference).finding.evidence.len(), 1);
    assert_eq!(all(&north), all(&south));
}

#[test]
fn a_void_of_another_stalls_sale_changes_nothing_and_is_found() {
    let (_, mut south, id) = two_with_a_sale();
    let made = south.append(Payload::SaleVoided(void(2, id)));
    south.commit();
    assert_eq!(only(&south, Rule::VoidElsewhere).finding.evidence, [made]);
}

#[test]
fn one_key_in_two_branches_of_a_clone_counts_twice_and_is_found() {
    let mut stall = Device::new(1, 1);
    stall.sell(1, 100);
    stall.commit();
    let mut twin = stall.cloned(2);
    stall.restart(3);
    stall.sell(7, 500);
    twin.sell(7, 300);
    stall.commit();
    twin.commit();
    stall.pull(&twin);
    twin.pull(&stall);
    let found = only(&stall, Rule::KeyDoubled);
    assert_eq!((found.finding.money, found.finding.evidence.len()), (300, 2));
    assert_eq!(only(&stall, Rule::Fork).finding.evidence.len(), 2);
    assert_eq!(all(&stall), all(&twin));
}

#[test]
fn a_sale_stamped_far_from_its_stalls_clock_counts_and_is_found() {
    let mut stall = Device::new(1, 1);
    let far = Sale { sold_at_ms: 0, ..sale(1, "tea", 1, 100) };
    stall.append(Payload::SaleCompleted(far));
    stall.append(Payload::SaleCompleted(sale(2, "tea", 1, 100)));
    stall.commit();
    assert_eq!(only(&stall, Rule::OddTime).finding.evidence.len(), 1);
}

#[test]
fn a_document_that_does_not_hold_is_found_in_the_tenants_books() {
    let mut stall = Device::new(1, 1);
    let forfeit = crate::authority::Grant { name: "other".to_owned(), ..grant(2) };
    let document = signed_grant(&forfeit);
    // A grant where a revocation should be.
    let payload = Payload::DeviceRevoked(document);
    stall.replica.append(Scope::Tenant, Lane::Authority, payload, NOON_MS).unwrap();
    stall.commit();
    let found =
        findings(stall.disk.as_ref(), Scope::Tenant, Which::Open, None, usize::MAX).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].finding.rule, Rule::FalseDocument);
}

#[test]
fn pages_of_findings_miss_none_and_repeat_none() {
    let mut stall = Device::new(1, 1);
    for number in 0..9 {
        let id = stall.append(Payload::SaleCompleted(sale(number, "tea", 1, 100)));
        stall.append(Payload::SaleRefunded(refund(100 + number, id, "tea", 2, 200)));
    }
    stall.commit();
    let mut paged = Vec::new();
    loop {
        let after = paged.last().map(|stated: &Stated| stated.id);
        let page = findings(stall.disk.as_ref(), scope(), Which::Open, after.as_ref(), 4).unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all(&stall));
    assert_eq!(paged.len(), 9);
}
