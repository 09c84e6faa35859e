//! The random numbers of one link.
//!
//! The stream is named after the link, so no other link, and no link more or less, moves it; and
//! each datagram has the same number of draws at a place of its own in it, so a fault that is taken
//! away moves no other fault. It decides nothing.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Draws per datagram.
const DRAWS: usize = 10;

/// What is drawn for one datagram, each evenly from all 32-bit numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Draws {
    /// Lost at random?
    pub lost: u32,
    /// From good to bad, or back?
    pub turn: u32,
    /// Lost while bad?
    pub burst: u32,
    /// Sent twice?
    pub repeated: u32,
    /// Held back?
    pub reordered: u32,
    /// A bit flipped?
    pub corrupted: u32,
    /// Which?
    pub bit: u32,
    /// How much jitter?
    pub jitter: u32,
    /// How much for the second copy?
    pub jitter_of_copy: u32,
}

/// A stream of draws.
#[derive(Debug, Clone)]
pub struct Luck {
    rng: ChaCha8Rng,
    /// Datagrams so far.
    count: u64,
    /// For which of them the generator stands ready.
    ready: u64,
}

impl Luck {
    /// The stream of the link `name` under `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(fnv(name));
        Self { rng, count: 0, ready: 0 }
    }

    /// The draws of the next datagram.
    pub fn draw(&mut self) -> Draws {
        if self.ready != self.count {
            self.rng.set_word_pos(u128::from(self.count) * DRAWS as u128);
        }
        self.count += 1;
        self.ready = self.count;
        let mut words = [0; DRAWS];
        words.fill_with(|| self.rng.next_u32());
        let [lost, turn, burst, repeated, reordered, corrupted, bit, jitter, jitter_of_copy, _] =
            words;
        Draws { lost, turn, burst, repeated, reordered, corrupted, bit, jitter, jitter_of_copy }
    }

    /// The next datagram needs none; the one after it gets the same as if it had.
    pub fn skip(&mut self) {
        self.count += 1;
    }
}

/// True for `permille` thousandths of all draws.
pub fn happens(draw: u32, permille: u16) -> bool {
    below(draw, 1000) < u64::from(permille)
}

/// A number below `bound`, which is below 2^32; 0 when that is 0.
pub fn below(draw: u32, bound: u64) -> u64 {
    (u64::from(draw) * bound) >> 32
}

/// FNV-1a in 64 bits (draft-eastlake-fnv): spreads names over streams.
fn fnv(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_values_of_fnv_come_out() {
        for (text, hash) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(fnv(text), hash, "{text:?}");
        }
    }

    #[test]
    fn a_datagram_that_skips_moves_no_other() {
        let (mut all, mut some) = (Luck::new(7, "lte"), Luck::new(7, "lte"));
        for at in 0..200 {
            let draws = all.draw();
            if at % 3 == 0 || (50..90).contains(&at) {
                some.skip();
            } else {
                assert_eq!(some.draw(), draws, "datagram {at}");
            }
        }
    }

    #[test]
    fn links_and_seeds_have_streams_of_their_own() {
        let first = |seed, name| Luck::new(seed, name).draw();
        assert_ne!(first(7, "lte"), first(7, "dsl"));
        assert_ne!(first(7, "lte"), first(8, "lte"));
        assert_eq!(first(7, "lte"), first(7, "lte"));
    }

    #[test]
    fn permille_are_thousandths() {
        let mut luck = Luck::new(1, "x");
        let draws: Vec<u32> = (0..20_000).map(|_| luck.draw().lost).collect();
        for (permille, least, most) in [(0, 0, 0), (100, 1850, 2150), (1000, 20_000, 20_000)] {
            let count = draws.iter().filter(|draw| happens(**draw, permille)).count();
            assert!((least..=most).contains(&count), "{permille} permille: {count}");
        }
    }
}
