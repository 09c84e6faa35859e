//! Clones of disks and machines: forks are listed, proven, and the proof is taken elsewhere.

use crate::event::Payload;
use crate::ids::{Lane, Scope, Tip};
use crate::limits::FORKS_PROVEN_MAX;
use crate::replica::forks::Fork;
use crate::testing::*;

fn forks(device: &Device) -> Vec<Fork> {
    device.replica.forks().unwrap()
}

fn prove(device: &mut Device) -> usize {
    let proofs = device.replica.unproven_forks().unwrap();
    let count = proofs.len();
    for proof in proofs {
        proof.verify().unwrap();
        let payload = Payload::ForkProven(Box::new(proof));
        device.replica.append(Scope::Tenant, Lane::Authority, payload, NOON_MS).unwrap();
    }
    device.commit();
    count
}

/// Stall 1 after three sales, and a copy of it that runs in `epoch`; each then sells once more.
fn cloned(epoch: u64) -> (Device, Device) {
    let mut stall = Device::new(1, 11);
    for number in 1..=3 {
        stall.sell(number, 100);
        stall.commit();
    }
    let mut twin = stall.cloned(epoch);
    for device in [&mut stall, &mut twin] {
        device.sell(4, 100);
        device.commit();
    }
    (stall, twin)
}

#[track_caller]
fn check_forked_at(epoch: u64, seq: u64) {
    let (stall, twin) = cloned(epoch);
    let (mut stall, mut twin) = (stall, twin);
    if epoch == 11 {
        // The same sale at the same time is the same event; another one is not.
        twin.sell(5, 70);
        stall.sell(6, 80);
        twin.commit();
        stall.commit();
    }
    assert!(forks(&stall).is_empty(), "nobody can know yet");
    let mut witness = Device::new(2, 2);
    witness.pull(&twin);
    assert!(forks(&witness).is_empty());
    witness.pull(&stall);
    let found = forks(&witness);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].log, found[0].parent.seq, found[0].proven), (ledger(1), seq, false));
    assert_eq!(prove(&mut witness), 1);
    assert!(forks(&witness)[0].proven);
    assert_eq!(prove(&mut witness), 0, "one proof is enough");

    stall.pull(&witness);
    assert_eq!(forks(&stall), forks(&witness));
    let mut far = Device::new(3, 3);
    far.pull(&witness);
    assert_eq!(forks(&far), forks(&witness));
    far.restart(4);
    assert_eq!(forks(&far), forks(&witness));
}

#[test]
fn a_cloned_disk_is_a_fork_where_the_copy_was_made() {
    check_forked_at(5, 4);
    check_forked_at(55, 4);
}

#[test]
fn a_copied_machine_is_a_fork_where_the_two_first_differ() {
    check_forked_at(11, 5);
}

#[test]
fn a_machine_copied_before_its_first_sale_forks_at_the_beginning_or_after_the_opening() {
    let mut stall = Device::new(1, 11);
    let mut twin = stall.cloned(11);
    stall.sell(1, 100);
    twin.replica
        .append(scope(), Lane::Ledger, Payload::SaleCompleted(sale(2, "tea", 1, 7)), NOON_MS + 9)
        .unwrap();
    let mut devices = [stall, twin, Device::new(2, 2)];
    settle(&mut devices);
    let found = forks(&devices[2]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].parent, Tip::ROOT);
    assert_eq!(devices[2].replica.event_count().unwrap(), 4);
    devices[2].restart(3);
    assert_eq!(prove(&mut devices[2]), 1);
    let mut late = Device::new(3, 3);
    late.pull(&devices[2]);
    assert_eq!(late.leaves(1), devices[2].leaves(1));
    assert!(forks(&late)[0].proven);
}

#[test]
fn a_machine_copied_twice_between_two_heads_is_proven_at_both_places() {
    // Which side has the lower hash is luck, so every order gets its turn.
    for amount in 0..8 {
        let mut stall = Device::new(1, 11);
        stall.sell(1, amount);
        stall.commit();
        let mut first = stall.cloned(11);
        stall.sell(2, 200);
        stall.commit();
        let mut second = stall.cloned(11);
        stall.sell(3, 300);
        first.sell(4, 400);
        second.sell(5, 500);
        let mut devices = [stall, first, second, Device::new(2, 2)];
        settle(&mut devices);
        assert_eq!(forks(&devices[3]).len(), 2);
        assert_eq!(prove(&mut devices[3]), 2);
        assert!(forks(&devices[3]).iter().all(|fork| fork.proven));
    }
}

#[test]
fn an_epoch_that_leaves_a_forked_one_between_two_heads_is_carried_on() {
    for epoch in [5, 55] {
        let mut stall = Device::new(1, 11);
        stall.sell(1, 100);
        stall.commit();
        let mut live = stall.cloned(11);
        live.sell(2, 20);
        stall.sell(3, 30);
        stall.commit();
        let mut twin = stall.cloned(epoch);
        twin.sell(4, 40);
        // Its head takes the place of the one that stood where the twin left.
        stall.sell(5, 50);
        let mut witness = Device::new(2, 2);
        for device in [&mut stall, &mut live] {
            device.commit();
            witness.pull(device);
        }
        twin.commit();
        for segment in unpacked(&twin).into_iter().filter(|segment| segment.epoch.0 == epoch) {
            witness.replica.admit(segment, NOON_MS).unwrap();
        }
        witness.commit();
        witness.restart(3);
        let mut late = Device::new(3, 3);
        late.pull(&witness);
        assert_eq!(late.leaves(1).len(), 3);
        assert_eq!(late.leaves(1), witness.leaves(1));
        assert_eq!(late.replica.event_count().unwrap(), 7);
    }
}

#[test]
fn a_device_that_forks_again_and_again_is_proven_a_bounded_number_of_times() {
    let mut stall = Device::new(1, 11);
    let mut witness = Device::new(2, 2);
    for round in 0..FORKS_PROVEN_MAX as u64 + 4 {
        stall.sell(round, 100);
        stall.commit();
        let mut twin = stall.cloned(500 + round);
        twin.sell(900 + round, 100);
        twin.commit();
        witness.pull(&twin);
    }
    stall.sell(99, 100);
    stall.commit();
    witness.pull(&stall);
    assert_eq!(forks(&witness).len(), FORKS_PROVEN_MAX + 4);
    assert_eq!(prove(&mut witness), FORKS_PROVEN_MAX);
    assert_eq!(prove(&mut witness), 0);
}

#[test]
fn a_proof_that_was_tampered_with_proves_nothing_wherever_it_arrives() {
    let (stall, twin) = cloned(5);
    let mut witness = Device::new(2, 2);
    witness.pull(&stall);
    witness.pull(&twin);
    let mut proof = witness.replica.unproven_forks().unwrap().remove(0);
    proof.b.contents[0].0[0] ^= 1;
    let payload = Payload::ForkProven(Box::new(proof));
    witness.replica.append(Scope::Tenant, Lane::Authority, payload, NOON_MS).unwrap();
    witness.commit();
    assert!(!forks(&witness)[0].proven);
    let mut far = Device::new(3, 3);
    far.pull(&witness);
    assert!(!forks(&far)[0].proven);
    assert!(far.verified().ok(), "the lying event itself is kept");
}
