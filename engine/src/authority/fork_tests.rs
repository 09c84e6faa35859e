//! Fork proofs: anyone can check one, and nobody can make one of an honest device.

use super::fork::{self, ForkProofError};
use super::{ForkProof, ForkSide};
use crate::hash::Hash;
use crate::ids::{Epoch, Tip};
use crate::limits::GROUP_EVENTS_MAX;
use crate::log::{chain, head};
use crate::testing::*;

const PARENT: Tip = Tip { epoch: Epoch(3), seq: 7, hash: Hash([5; 32]) };

/// A side that `signer` signed for stall 1's ledger, with its first chain hash.
fn side(signer: u8, epoch: u64, contents: &[u8]) -> (Hash, ForkSide) {
    let (log, epoch) = (ledger(1), Epoch(epoch));
    let contents: Vec<Hash> = contents.iter().map(|byte| chain::content(&[*byte])).collect();
    let start = chain::start(&log, epoch, &PARENT);
    let hashes: Vec<Hash> = contents
        .iter()
        .scan(start, |at, content| {
            *at = chain::link(at, content);
            Some(*at)
        })
        .collect();
    let seq = PARENT.seq + contents.len() as u64;
    let tip = Tip { epoch, seq, hash: hashes.last().copied().unwrap_or(start) };
    let signature = head::sign(&keypair(signer), &log, &tip);
    (hashes.first().copied().unwrap_or(start), ForkSide { epoch, contents, signature })
}

fn proof(one: (Hash, ForkSide), other: (Hash, ForkSide)) -> ForkProof {
    let mut sides = [one, other];
    sides.sort_by_key(|(first, _)| *first);
    let [(_, a), (_, b)] = sides;
    ForkProof { log: ledger(1), parent: PARENT, a, b }
}

fn good() -> ForkProof {
    proof(side(1, 3, &[1, 2, 3]), side(1, 9, &[4]))
}

#[test]
fn a_proof_holds_and_every_proof_of_one_fork_has_one_id() {
    let id = fork::id(&ledger(1), &PARENT);
    assert_eq!(good().verify(), Ok(id));
    assert_eq!(proof(side(1, 3, &[1]), side(1, 3, &[2])).verify(), Ok(id));
    assert_eq!(proof(side(1, 8, &[1]), side(1, 9, &[1])).verify(), Ok(id));
    assert_ne!(fork::id(&ledger(2), &PARENT), id);
}

#[test]
fn two_heads_of_one_branch_are_no_fork() {
    let same = proof(side(1, 3, &[1, 2]), side(1, 3, &[1, 2, 3]));
    assert_eq!(same.verify(), Err(ForkProofError::NoFork));
    let mut order = good();
    std::mem::swap(&mut order.a, &mut order.b);
    assert_eq!(order.verify(), Err(ForkProofError::NoFork), "one spelling only");
}

#[test]
fn a_side_that_the_device_did_not_sign_proves_nothing() {
    let framed = proof(side(1, 3, &[1]), side(2, 9, &[4]));
    assert_eq!(framed.verify(), Err(ForkProofError::BadSignature));
    let bad = Err(ForkProofError::BadSignature);
    assert_eq!(ForkProof { log: ledger(2), ..good() }.verify(), bad);
    assert_eq!(ForkProof { parent: Tip { seq: 8, ..PARENT }, ..good() }.verify(), bad);
    assert_eq!(ForkProof { parent: Tip { hash: Hash([6; 32]), ..PARENT }, ..good() }.verify(), bad);
    let mut moved = good();
    moved.a.contents.swap_remove(0);
    assert!(moved.verify().is_err());
}

#[test]
fn a_side_has_at_least_one_event_and_at_most_a_commit_group() {
    let longest: Vec<u8> = (0..GROUP_EVENTS_MAX as u8).collect();
    assert!(proof(side(1, 3, &longest), side(1, 9, &[4])).verify().is_ok());
    let too_long: Vec<u8> = (0..=GROUP_EVENTS_MAX as u8).collect();
    let refused = Err(ForkProofError::BadLength);
    assert_eq!(proof(side(1, 3, &too_long), side(1, 9, &[4])).verify(), refused);
    assert_eq!(proof(side(1, 3, &[]), side(1, 9, &[4])).verify(), refused);
}
