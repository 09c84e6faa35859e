//! Golden bytes of promise rights.

use super::*;

#[test]
fn rights_minted_and_spent() {
    let lines = vec![
        GoodsLine { sku: "4006381333931".to_owned(), quantity: 24_000 },
        GoodsLine { sku: "tea".to_owned(), quantity: 250 },
    ];
    let minted = RightsMinted { goods: sale_id(), lines: lines.clone() };
    check_event(golden!("event-19-v1"), "rights-minted", Payload::RightsMinted(minted));
    let spent = RightsSpent { cause: sale_id(), lines };
    check_event(golden!("event-24-v1"), "rights-spent", Payload::RightsSpent(spent));
}

#[test]
fn rights_requested_and_granted() {
    let (giver, sku) = (stall(), "tea".to_owned());
    let requested = RightsRequested { key: None, giver, sku: sku.clone(), quantity: 2_000 };
    check_event(golden!("event-20-v1"), "rights-requested", Payload::RightsRequested(requested));
    let (to, request) = (control().device(), Some(sale_id()));
    let granted = RightsGranted { key: Some(counter(7)), request, to, sku, quantity: 1_000 };
    check_event(golden!("event-21-v1"), "rights-granted", Payload::RightsGranted(granted));
}

#[test]
fn rights_accepted_and_returned() {
    let (grant, sku, quantity) = (sale_id(), "tea".to_owned(), 1_000);
    let accepted = RightsAccepted { grant, sku: sku.clone(), quantity };
    check_event(golden!("event-22-v1"), "rights-accepted", Payload::RightsAccepted(accepted));
    let returned = RightsReturned { grant, sku, quantity };
    check_event(golden!("event-23-v1"), "rights-returned", Payload::RightsReturned(returned));
}

#[test]
fn rights_forfeited() {
    let forfeit = Forfeit {
        tenant: tenant(),
        scope: scope(),
        device: stall(),
        leaves: vec![(log(), vec![tip()])],
        lines: vec![("4006381333931".to_owned(), 24_000), ("tea".to_owned(), 250)],
        to: control().device(),
        at_ms: 1_700_000_500_000,
    };
    let document = signed(&forfeit);
    check(golden!("document-forfeit"), &encode(&document).unwrap());
    check_event(golden!("event-25-v1"), "rights-forfeited", Payload::RightsForfeited(document));
}
