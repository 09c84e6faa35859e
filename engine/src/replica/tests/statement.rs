//! What replicas state of their books, and when two of them can be compared.

use crate::hash::Hash;
use crate::replica::statement::Statement;
use crate::testing::*;

fn state(device: &Device) -> Statement {
    device.replica.statement(scope(), u32::MAX).unwrap()
}

#[track_caller]
fn check(device: &Device, theirs: &Statement, expected: Option<bool>) {
    assert_eq!(device.replica.agrees(scope(), theirs).unwrap(), expected);
}

#[test]
fn books_over_the_same_events_agree_and_over_others_are_not_compared() {
    let (mut here, mut there) = (Device::new(1, 1), Device::new(2, 2));
    here.sell(1, 500);
    here.commit();
    let early = state(&here);
    check(&there, &early, None);
    there.pull(&here);
    check(&there, &early, Some(true));
    here.sell(2, 700);
    here.commit();
    check(&there, &state(&here), None);
    check(&here, &early, None);
}

#[test]
fn other_digests_at_the_same_events_are_a_difference() {
    let mut here = Device::new(1, 1);
    here.sell(1, 500);
    here.commit();
    let stated = state(&here);
    check(&here, &Statement { books: Hash([1; 32]), ..stated }, Some(false));
    check(&here, &Statement { at: Hash([1; 32]), ..stated }, None);
}

#[test]
fn only_what_both_have_is_compared_and_nothing_is_no_agreement() {
    let mut here = Device::new(1, 1);
    here.sell(1, 500);
    here.commit();
    let few = here.replica.statement(scope(), 0b110).unwrap();
    assert_eq!(few.projections, 0b110);
    check(&here, &few, Some(true));
    check(&here, &here.replica.statement(scope(), 0).unwrap(), None);
    check(&here, &Statement { projections: u32::MAX, ..state(&here) }, None);
}
