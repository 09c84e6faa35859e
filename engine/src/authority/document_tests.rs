//! Signed documents: nothing but what was signed, by whom it was signed.

use super::{DocumentError, Grant, Receipt, Revocation, SignedDocument};
use crate::event::codec;
use crate::ids::Tip;
use crate::limits::DOCUMENT_BYTES_MAX;
use crate::testing::*;

#[test]
fn a_document_comes_back_with_its_signer() {
    let document = signed_grant(&grant(1));
    assert_eq!(document.open::<Grant>().unwrap(), (grant(1), keypair(CONTROL).device()));
    assert_eq!(document.reopen::<Grant>().unwrap(), grant(1));
    let bytes = codec::encode(&document).unwrap();
    assert_eq!(codec::decode::<SignedDocument>("a document", &bytes).unwrap(), document);
}

#[test]
fn a_flipped_bit_anywhere_in_a_document_is_refused() {
    let good = codec::encode(&signed_grant(&grant(1))).unwrap();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let document = codec::decode::<SignedDocument>("a document", &bytes);
        assert!(document.ok().is_none_or(|document| document.open::<Grant>().is_err()), "{bit}");
    }
}

#[test]
fn no_kind_passes_for_another() {
    let document = signed_grant(&grant(1));
    assert_eq!(document.open::<Receipt>(), Err(DocumentError::OtherKind("receipt")));
    assert_eq!(document.reopen::<Revocation>(), Err(DocumentError::OtherKind("revocation")));
}

#[test]
fn a_document_that_names_too_much_is_not_signed() {
    let tip = Tip { seq: u64::MAX, ..Tip::ROOT };
    let leaves = vec![tip; DOCUMENT_BYTES_MAX / 40];
    let receipt = Receipt { control: keypair(CONTROL).device(), log: ledger(1), leaves, at_ms: 1 };
    let refused = SignedDocument::sign(&receipt, &keypair(CONTROL));
    assert_eq!(refused, Err(DocumentError::TooLarge("receipt")));
}

#[test]
fn the_largest_document_still_fits_in_an_event() {
    let tip = Tip { seq: 1, ..Tip::ROOT };
    let leaves = vec![tip; DOCUMENT_BYTES_MAX / 34 - 8];
    let receipt = Receipt { control: keypair(CONTROL).device(), log: ledger(1), leaves, at_ms: 1 };
    let document = SignedDocument::sign(&receipt, &keypair(CONTROL)).unwrap();
    let event = crate::event::Event {
        hlc: crate::clock::Hlc(u64::MAX),
        payload: crate::event::Payload::GrantIssued(document),
        ext: Vec::new(),
    };
    let bytes = codec::encode_event(&event).unwrap();
    assert!(bytes.len() > DOCUMENT_BYTES_MAX - 200);
    assert_eq!(codec::decode_event(&bytes).unwrap(), event);
}
