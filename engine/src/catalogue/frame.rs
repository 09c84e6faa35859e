//! Looks over the raw bytes of a change before automerge may read them, and bounds what
//! they can unfold to. Columns are run-length coded: thirty bytes can claim 2^60
//! operations, and a decoder that believes them never returns.
//!
//! ```text
//! 85 6f 4a 83 | checksum 4 | type 1 = 01 | length uleb | body
//!
//! body   dependencies  uleb n, n * 32 bytes
//!        actor         uleb n, n bytes
//!        seq           uleb
//!        start op      uleb
//!        time          sleb = 0
//!        message       uleb = 0
//!        other actors  uleb n, n * (uleb m, m bytes)
//!        columns       uleb n, n * (uleb spec, uleb length)
//!        column data
//! ```
//!
//! The format is automerge's binary format, chunk type 1
//! (<https://automerge.org/automerge-binary-format-spec/>). Only the columns that changes of a
//! flat root map need are let through: no nested object, list, text or mark. This file checks
//! extent, not meaning, never allocates, and does not compute the checksum.

use super::limits::{
    ACTOR_BYTES_MAX, ACTOR_BYTES_MIN, CHANGE_BYTES_MAX, OPS_PER_CHANGE_MAX,
    PREDECESSORS_PER_CHANGE_MAX,
};
use super::quarantine::Quarantine;

/// Where the four bytes of the checksum lie.
pub(super) const CHECKSUM: std::ops::Range<usize> = 4..8;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const TYPE_CHANGE: u8 = 1;

const KEY_TEXT: u64 = 0x15;
const INSERT: u64 = 0x34;
const ACTION: u64 = 0x42;
const VALUE_META: u64 = 0x56;
const VALUE: u64 = 0x57;
const PREDECESSOR_COUNT: u64 = 0x70;
const PREDECESSOR_ACTOR: u64 = 0x71;
const PREDECESSOR_COUNTER: u64 = 0x73;

/// Widest step between two operation counters, which are 32 bits wide.
const COUNTER_STEP_MAX: u64 = 1 << 32;

/// Checks the extent of a raw change and returns the actor it bears.
pub(super) fn actor_of(bytes: &[u8]) -> Result<&[u8], Quarantine> {
    if bytes.len() > CHANGE_BYTES_MAX {
        return Err(Quarantine::TooLarge);
    }
    let mut reader = Reader(body(bytes).ok_or(Quarantine::NotAChange)?);
    let head = head(&mut reader).ok_or(Quarantine::NotAChange)?;
    let actor_fits = (ACTOR_BYTES_MIN..=ACTOR_BYTES_MAX).contains(&head.actor.len());
    if !actor_fits || head.time != 0 || head.message_bytes != 0 {
        return Err(Quarantine::OutsideProfile);
    }
    columns(reader, head.actors).ok_or(Quarantine::OutsideProfile)?;
    Ok(head.actor)
}

struct Head<'a> {
    actor: &'a [u8],
    time: i64,
    message_bytes: u64,
    /// The own and all others.
    actors: u64,
}

fn body(bytes: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader(bytes);
    let magic = reader.take(4)?;
    reader.take(4)?;
    let chunk_type = reader.take(1)?;
    let length = reader.uleb()?;
    let fits = magic == MAGIC && chunk_type == [TYPE_CHANGE] && length == reader.0.len() as u64;
    fits.then_some(reader.0)
}

fn head<'a>(reader: &mut Reader<'a>) -> Option<Head<'a>> {
    let dependencies = reader.uleb()?;
    reader.take(dependencies.checked_mul(32)?)?;
    let actor_bytes = reader.uleb()?;
    let actor = reader.take(actor_bytes)?;
    let _seq = reader.uleb()?;
    let _start_op = reader.uleb()?;
    let time = reader.sleb()?;
    let message_bytes = reader.uleb()?;
    reader.take(message_bytes)?;
    let others = reader.uleb()?;
    for _ in 0..others {
        let other_bytes = reader.uleb()?;
        reader.take(other_bytes)?;
    }
    Some(Head { actor, time, message_bytes, actors: 1 + others })
}

/// Walks the column table and each column's runs; `None` when one is unknown, too long or
/// broken, or when bytes are left over.
fn columns(mut table: Reader<'_>, actors: u64) -> Option<()> {
    let count = table.uleb()?;
    let mut specs = table.clone();
    for _ in 0..count {
        table.uleb()?;
        table.uleb()?;
    }
    let mut data = table;
    let mut last_spec = 0;
    for _ in 0..count {
        let spec = specs.uleb()?;
        let length = specs.uleb()?;
        if spec <= last_spec {
            return None;
        }
        last_spec = spec;
        column(spec, Reader(data.take(length)?), actors)?;
    }
    data.0.is_empty().then_some(())
}

fn column(spec: u64, data: Reader<'_>, actors: u64) -> Option<()> {
    match spec {
        // A key stands once in a change, so a run of equal keys is none of ours.
        KEY_TEXT => runs(data, OPS_PER_CHANGE_MAX, |cell, times| {
            let bytes = cell.uleb()?;
            cell.take(bytes)?;
            (times == 1).then_some(())
        }),
        ACTION | VALUE_META => runs(data, OPS_PER_CHANGE_MAX, |cell, _| cell.uleb().map(drop)),
        PREDECESSOR_COUNT => {
            let mut sum = 0_u64;
            runs(data, OPS_PER_CHANGE_MAX, |cell, times| {
                sum = sum.checked_add(cell.uleb()?.checked_mul(times)?)?;
                (sum <= PREDECESSORS_PER_CHANGE_MAX).then_some(())
            })
        }
        // Automerge looks the actor up and panics if there is none.
        PREDECESSOR_ACTOR => {
            runs(data, PREDECESSORS_PER_CHANGE_MAX, |cell, _| (cell.uleb()? < actors).then_some(()))
        }
        PREDECESSOR_COUNTER => runs(data, PREDECESSORS_PER_CHANGE_MAX, |cell, _| {
            (cell.sleb()?.unsigned_abs() <= COUNTER_STEP_MAX).then_some(())
        }),
        INSERT | VALUE => Some(()),
        _ => None,
    }
}

/// Walks one run-length coded column: `n > 0` repeats the next cell n times, `n < 0` is
/// followed by -n cells. `0`, a run of nulls, has no place in the columns let through.
fn runs(
    mut data: Reader<'_>,
    rows_max: u64,
    mut cell: impl FnMut(&mut Reader<'_>, u64) -> Option<()>,
) -> Option<()> {
    let mut rows = 0_u64;
    while !data.0.is_empty() {
        let run = data.sleb()?;
        rows = rows.checked_add(run.unsigned_abs())?;
        if run == 0 || rows > rows_max {
            return None;
        }
        if run > 0 {
            cell(&mut data, run.unsigned_abs())?;
        } else {
            for _ in 0..run.unsigned_abs() {
                cell(&mut data, 1)?;
            }
        }
    }
    Some(())
}

/// What is left to read.
#[derive(Clone)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    /// LEB128, unsigned, at most 63 bits.
    fn uleb(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// LEB128, signed, at most 63 bits.
    fn sleb(&mut self) -> Option<i64> {
        let mut value = 0_i64;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let unused = 64 - 7 - shift;
                return Some(value << unused >> unused);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTOR: [u8; 16] = [7; 16];

    /// A change with the given columns and no operations that make sense.
    fn framed(columns: &[(u8, &[u8])]) -> Vec<u8> {
        let mut body = vec![0, 16];
        body.extend(ACTOR);
        body.extend([1, 1, 0, 0, 0]);
        body.push(columns.len() as u8);
        for (spec, data) in columns {
            body.extend([*spec, data.len() as u8]);
        }
        for (_, data) in columns {
            body.extend(*data);
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend([0, 0, 0, 0, TYPE_CHANGE]);
        assert!(body.len() < 0x80, "one byte of length");
        bytes.push(body.len() as u8);
        bytes.extend(body);
        bytes
    }

    fn check(columns: &[(u8, &[u8])], expected: Result<(), Quarantine>) {
        let bytes = framed(columns);
        assert_eq!(actor_of(&bytes).map(|actor| assert_eq!(actor, ACTOR)), expected);
    }

    /// 2^41 as the length of a run.
    const ENDLESS: [u8; 6] = [0x80, 0x80, 0x80, 0x80, 0x80, 0xc0];

    #[test]
    fn an_empty_change_and_a_plain_one_pass() {
        check(&[], Ok(()));
        check(&[(0x15, &[0x7f, 3, b'a', b'/', b'b']), (0x42, &[1, 1])], Ok(()));
    }

    #[test]
    fn a_run_that_would_unfold_without_end_is_refused() {
        for spec in [0x15, 0x42, 0x56, 0x70, 0x71, 0x73] {
            let mut run = ENDLESS.to_vec();
            run.extend([0x00, 0x01]);
            check(&[(spec, &run)], Err(Quarantine::OutsideProfile));
        }
    }

    #[test]
    fn an_actor_that_the_change_does_not_list_is_refused() {
        check(&[(0x71, &[0x7f, 0])], Ok(()));
        check(&[(0x71, &[0x7f, 1])], Err(Quarantine::OutsideProfile));
    }

    #[test]
    fn a_run_of_one_key_and_a_wide_step_of_counters_are_refused() {
        check(&[(0x15, &[2, 3, b'a', b'/', b'b'])], Err(Quarantine::OutsideProfile));
        check(&[(0x73, &[1, 0x80, 0x80, 0x80, 0x80, 0x10])], Ok(())); // 2^32
        check(&[(0x73, &[1, 0x81, 0x80, 0x80, 0x80, 0x10])], Err(Quarantine::OutsideProfile));
    }

    #[test]
    fn predecessors_are_bounded_in_sum() {
        let count = |times: u8, each: [u8; 2]| [times, each[0], each[1]];
        check(&[(0x70, &count(1, [0x80, 0x40]))], Ok(())); // 8,192
        check(&[(0x70, &count(2, [0x80, 0x40]))], Ok(()));
        check(&[(0x70, &count(3, [0x80, 0x40]))], Err(Quarantine::OutsideProfile));
    }

    #[test]
    fn columns_of_nested_objects_lists_and_marks_are_refused() {
        for spec in [0x01, 0x02, 0x11, 0x13, 0x94, 0xa5, 0x4a] {
            check(&[(spec, &[1, 1])], Err(Quarantine::OutsideProfile));
        }
        check(&[(0x42, &[1, 1]), (0x15, &[])], Err(Quarantine::OutsideProfile));
        check(&[(0x42, &[]), (0x42, &[])], Err(Quarantine::OutsideProfile));
    }

    #[test]
    fn every_cut_of_a_change_is_refused() {
        let bytes = framed(&[(0x15, &[0x7f, 3, b'a', b'/', b'b']), (0x42, &[1, 1])]);
        for length in 0..bytes.len() {
            assert_eq!(actor_of(&bytes[..length]), Err(Quarantine::NotAChange), "{length}");
        }
    }

    #[test]
    fn other_chunks_are_refused() {
        let whole = framed(&[]);
        for (at, value) in [(0, 0), (3, 0), (8, 0), (8, 2), (8, 3), (9, 0x19)] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            assert_eq!(actor_of(&bytes), Err(Quarantine::NotAChange), "byte {at}");
        }
        assert_eq!(actor_of(&vec![0; CHANGE_BYTES_MAX + 1]), Err(Quarantine::TooLarge));
    }

    #[test]
    fn signed_numbers_keep_their_sign() {
        let read = |bytes: &[u8]| Reader(bytes).sleb();
        assert_eq!(read(&[0x7f]), Some(-1));
        assert_eq!(read(&[0x3f]), Some(63));
        assert_eq!(read(&[0x80, 0x7f]), Some(-128));
        assert_eq!(read(&[0x80, 0x01]), Some(128));
        assert_eq!(read(&[0x80; 10]), None);
    }
}
