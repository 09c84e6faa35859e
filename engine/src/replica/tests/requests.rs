//! Idempotency keys: which event bears one, after restarts, rebuilds and clones.

use crate::event::Payload;
use crate::event::sale::{Key, KeyNumber};
use crate::testing::*;

#[track_caller]
fn check_bearer(device: &Device, number: u64, expected: Option<crate::ids::EventId>) {
    assert_eq!(device.replica.bearer(scope(), &key(number)).unwrap(), expected);
}

#[test]
fn a_key_is_found_before_and_after_the_commit_and_after_a_restart() {
    let mut stall = Device::new(1, 1);
    check_bearer(&stall, 7, None);
    let id = stall.sell(7, 100);
    check_bearer(&stall, 7, Some(id));
    check_bearer(&stall, 8, None);
    stall.commit();
    check_bearer(&stall, 7, Some(id));
    stall.restart(2);
    check_bearer(&stall, 7, Some(id));
    stall.sell(8, 100);
    stall.commit();
    stall.restart(3);
    check_bearer(&stall, 7, Some(id));
}

#[test]
fn a_key_whose_sale_was_lost_with_the_power_is_free_again() {
    let mut stall = Device::new(1, 1);
    stall.sell(7, 100);
    stall.restart(2);
    check_bearer(&stall, 7, None);
    let id = stall.sell(7, 100);
    stall.commit();
    check_bearer(&stall, 7, Some(id));
}

#[test]
fn a_key_survives_the_loss_of_the_disk_when_peers_have_its_sale() {
    let (mut stall, mut peer) = (Device::new(1, 1), Device::new(2, 2));
    let id = stall.sell(7, 100);
    stall.commit();
    peer.pull(&stall);
    check_bearer(&peer, 7, None);

    let mut rebuilt = Device::new(1, 9);
    check_bearer(&rebuilt, 7, None);
    rebuilt.pull(&peer);
    check_bearer(&rebuilt, 7, Some(id));
    rebuilt.sell(8, 100);
    rebuilt.commit();
    check_bearer(&rebuilt, 7, Some(id));
    assert!(rebuilt.replica.forks().unwrap().is_empty(), "it went on where the lost disk ended");
}

#[test]
fn a_key_used_on_another_branch_of_a_clone_is_not_this_branchs() {
    let mut stall = Device::new(1, 1);
    let shared = stall.sell(1, 100);
    stall.commit();
    let mut twin = stall.cloned(2);
    let mut live = stall.cloned(1);
    let ids = [stall.sell(7, 100), twin.sell(7, 100), live.sell(7, 200)];
    let mut devices = [stall, twin, live];
    settle(&mut devices);
    for (device, id) in devices.iter().zip(ids) {
        check_bearer(device, 7, Some(id));
        check_bearer(device, 1, Some(shared));
        assert_eq!(crate::books::summary(device.disk.as_ref(), scope()).unwrap().len(), 1);
    }
    devices[2].restart(5);
    check_bearer(&devices[2], 7, Some(ids[2]));
    let sums = crate::books::summary(devices[0].disk.as_ref(), scope()).unwrap();
    let baskets = sums.into_values().next().unwrap().baskets;
    assert_eq!(baskets, 4, "one key in three branches counts three times");
}

#[test]
fn keys_that_look_alike_are_told_apart() {
    let mut stall = Device::new(1, 1);
    let named = |till: &str, number: KeyNumber| Key { till: till.to_owned(), number };
    let text = |text: &str| KeyNumber::Text(text.to_owned());
    let asked = [
        named("a", text("bc")),
        named("ab", text("c")),
        named("ab", text("cd")),
        named("a", KeyNumber::Counter(1)),
        named("a", text("01")),
        named("a", text("\0\0\0\0\0\0\0\u{1}")),
    ];
    let ids: Vec<_> = asked
        .iter()
        .map(|key| {
            let sale = crate::event::sale::Sale { key: key.clone(), ..sale(0, "tea", 1, 100) };
            stall.append(Payload::SaleCompleted(sale))
        })
        .collect();
    stall.commit();
    for (key, id) in asked.iter().zip(ids) {
        assert_eq!(stall.replica.bearer(scope(), key).unwrap(), Some(id));
    }
    assert_eq!(stall.replica.bearer(scope(), &named("a", text("b"))).unwrap(), None);
}

#[test]
fn a_machine_copied_before_its_first_sale_goes_on_after_its_twins() {
    let mut stall = Device::new(1, 1);
    let mut live = stall.cloned(1);
    let id = stall.sell(1, 100);
    stall.commit();
    live.pull(&stall);
    check_bearer(&live, 1, Some(id));
    live.sell(2, 100);
    live.commit();
    stall.sell(3, 100);
    let mut devices = [stall, live, Device::new(2, 2)];
    settle(&mut devices);
    assert_eq!(devices[2].leaves(1).len(), 2);
    assert_eq!(devices[2].replica.event_count().unwrap(), 4);
}
