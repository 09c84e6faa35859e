//! Messages out of the bytes of the control stream.
//!
//! ```text
//! +----------------+--------------------+
//! | length: u32 LE | body: length bytes |
//! +----------------+--------------------+
//! ```
//!
//! The first frame of each direction's opener is empty: it only makes the stream visible. This
//! module never reads a socket and never looks into a body.

use thiserror::Error;

/// Bytes of the length before a body.
const HEAD_BYTES: usize = 4;
/// The most asked for in one read, so that memory follows what arrives, not what is announced.
const READ_BYTES_MAX: usize = 16 * 1024;

/// A frame announces a body over the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a message of {length} bytes is over the bound of {bound}")]
pub struct TooLong {
    /// Announced bytes.
    pub length: usize,
    /// Allowed bytes.
    pub bound: usize,
}

/// The frame of a message.
pub fn encode(body: &[u8], bound: usize) -> Result<Vec<u8>, TooLong> {
    let too_long = TooLong { length: body.len(), bound };
    if body.len() > bound {
        return Err(too_long);
    }
    let length = u32::try_from(body.len()).map_err(|_| too_long)?;
    let mut out = Vec::with_capacity(HEAD_BYTES + body.len());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(body);
    Ok(out)
}

/// A frame that is being read. Between reads it holds only what has arrived.
#[derive(Debug, Default)]
pub struct Decoder {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Decoder {
    /// Bytes of a body that lie here.
    pub fn held(&self) -> usize {
        self.body.len()
    }

    /// How many bytes it takes next, at most; never zero, never beyond the current frame.
    pub fn wanted(&self) -> usize {
        match self.length() {
            None => HEAD_BYTES - self.head.len(),
            Some(length) => (length - self.body.len()).min(READ_BYTES_MAX),
        }
    }

    /// Takes at most [`Decoder::wanted`] bytes; gives the body once it is whole. The length is
    /// compared with `bound` before any of the body is stored.
    pub fn push(&mut self, bytes: &[u8], bound: usize) -> Result<Option<Vec<u8>>, TooLong> {
        if self.length().is_some() {
            self.body.extend_from_slice(bytes);
        } else {
            self.head.extend_from_slice(bytes);
        }
        match self.length() {
            Some(length) if length > bound => Err(TooLong { length, bound }),
            Some(length) if length == self.body.len() => {
                self.head.clear();
                Ok(Some(std::mem::take(&mut self.body)))
            }
            _ => Ok(None),
        }
    }

    fn length(&self) -> Option<usize> {
        let head = <[u8; HEAD_BYTES]>::try_from(self.head.as_slice()).ok()?;
        usize::try_from(u32::from_le_bytes(head)).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUND: usize = 40_000;

    /// Feeds `wire` in pieces of the given sizes, as a stream would give them.
    fn decode(mut wire: &[u8], sizes: &[usize]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut decoder = Decoder::default();
        let mut sizes = sizes.iter().cycle();
        let mut out = Vec::new();
        while !wire.is_empty() {
            let size = sizes.next().copied().unwrap_or(1).min(decoder.wanted()).min(wire.len());
            let (piece, rest) = wire.split_at(size);
            out.extend(decoder.push(piece, BOUND)?);
            wire = rest;
        }
        Ok(out)
    }

    proptest! {
        #[test]
        fn messages_survive_any_split(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
            sizes in prop::collection::vec(1_usize..300, 1..10),
        ) {
            let wire: Vec<u8> =
                messages.iter().flat_map(|body| encode(body, BOUND).expect("short")).collect();
            prop_assert_eq!(decode(&wire, &sizes), Ok(messages));
        }

        #[test]
        fn no_input_makes_it_hold_more_than_arrived(
            wire in prop::collection::vec(any::<u8>(), 0..400),
            sizes in prop::collection::vec(1_usize..300, 1..10),
        ) {
            let mut decoder = Decoder::default();
            let mut rest = wire.as_slice();
            for size in sizes {
                let (piece, tail) = rest.split_at(size.min(decoder.wanted()).min(rest.len()));
                rest = tail;
                if decoder.push(piece, BOUND).is_err() {
                    break;
                }
                prop_assert!(decoder.body.capacity() <= 2 * wire.len().max(16));
            }
        }
    }

    #[test]
    fn an_announced_giant_is_refused_before_its_body() {
        let giant = u32::MAX.to_le_bytes();
        let length = u32::MAX as usize;
        assert_eq!(decode(&giant, &[4]), Err(TooLong { length, bound: BOUND }));
    }

    #[test]
    fn the_bound_itself_is_allowed() {
        let body = vec![7; BOUND];
        let wire = encode(&body, BOUND).expect("at the bound");
        assert_eq!(decode(&wire, &[1_000]), Ok(vec![body]));
        assert!(encode(&vec![7; BOUND + 1], BOUND).is_err());
    }
}
