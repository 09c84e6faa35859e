//! One zstd frame (RFC 8878) in or out, with contexts that are made once a thread.
//!
//! A context costs more to make than a short segment to pack. It carries nothing from one frame to
//! the next.

use std::cell::RefCell;
use std::io;

use zstd::bulk::{Compressor, Decompressor};

const LEVEL: i32 = 3;

thread_local! {
    static PACKING: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKING: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// The frame that holds `raw`.
pub(super) fn pack(raw: &[u8]) -> io::Result<Vec<u8>> {
    PACKING.with_borrow_mut(|kept| match kept {
        Some(context) => context.compress(raw),
        None => kept.insert(Compressor::new(LEVEL)?).compress(raw),
    })
}

/// What a frame holds; an error if that is more than `bytes_max`.
pub(super) fn unpack(frame: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    UNPACKING.with_borrow_mut(|kept| match kept {
        Some(context) => context.decompress(frame, bytes_max),
        None => kept.insert(Decompressor::new()?).decompress(frame, bytes_max),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_before_leaves_no_trace_in_the_next_frame() {
        let raw = b"tea, tea, tea, tea, tea, tea, tea, cake".repeat(9);
        let frame = pack(&raw).unwrap();
        assert_eq!(pack(&raw).unwrap(), frame);
        for cut in [1, frame.len() / 2, frame.len() - 1] {
            unpack(&frame[..cut], raw.len()).expect_err("a frame cut short");
            unpack(&frame, raw.len() - 1).expect_err("more than was allowed");
            assert_eq!(unpack(&frame, raw.len()).unwrap(), raw);
        }
    }
}
