//! Digests: one incremental hash over all rows of a projection, whatever order they came in.
//!
//! The digest is the sum, modulo 2^256, of a BLAKE3 hash of each row (an additive multiset hash,
//! after Bellare and Micciancio 1997). It finds accidents and divergence; it is no proof against
//! someone who chooses rows.

use crate::hash::{self, Hash};

/// A running digest, little-endian limbs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest([u64; 4]);

impl Digest {
    /// The digest stored as 32 bytes; zero when they are not.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut limbs = [0; 4];
        for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
            *limb = u64::from_le_bytes(chunk.try_into().expect("invariant: chunks of eight"));
        }
        Self(limbs)
    }

    /// Its 32 bytes.
    pub fn to_hash(self) -> Hash {
        let mut out = [0; 32];
        for (chunk, limb) in out.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        Hash(out)
    }

    /// Adds a row.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        let mut carry = false;
        for (limb, more) in self.0.iter_mut().zip(Self::of(key, value).0) {
            let (sum, over) = limb.overflowing_add(more);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = over || again;
        }
    }

    /// Takes a row out again.
    pub fn remove(&mut self, key: &[u8], value: &[u8]) {
        let mut borrow = false;
        for (limb, less) in self.0.iter_mut().zip(Self::of(key, value).0) {
            let (rest, under) = limb.overflowing_sub(less);
            let (rest, again) = rest.overflowing_sub(u64::from(borrow));
            *limb = rest;
            borrow = under || again;
        }
    }

    fn of(key: &[u8], value: &[u8]) -> Self {
        let length = (key.len() as u32).to_le_bytes();
        Self::from_bytes(&hash::ROW.of(&[&length, key, value]).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Row = (Vec<u8>, Vec<u8>);

    fn total(rows: &[Row]) -> Digest {
        let mut digest = Digest::default();
        rows.iter().for_each(|(key, value)| digest.add(key, value));
        digest
    }

    proptest! {
        #[test]
        fn the_order_of_rows_does_not_matter(rows: Vec<Row>, by in 0_usize..8) {
            let mut other = rows.clone();
            let by = by.min(other.len());
            other.rotate_left(by);
            prop_assert_eq!(total(&rows), total(&other));
        }

        #[test]
        fn a_row_taken_out_leaves_no_trace(rows: Vec<Row>, key: Vec<u8>, value: Vec<u8>) {
            let mut digest = total(&rows);
            digest.add(&key, &value);
            prop_assert_ne!(digest, total(&rows));
            digest.remove(&key, &value);
            prop_assert_eq!(digest, total(&rows));
        }
    }
}
