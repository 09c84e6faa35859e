//! Random numbers of a scenario: a stream for each purpose, and shapes made of integers alone, so
//! that a seed means the same on every machine.

use crate::protocol::world::Draw;

/// What a stream of random numbers is for. The numbers never change: a seed would mean another run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// When customers come to a stall.
    Arrivals = 100,
    /// What is in their baskets.
    Baskets = 101,
    /// Which of them want a promised item.
    Promises = 102,
    /// Which of them bring things back.
    Refunds = 103,
    /// What a fault leaves open.
    Fault = 104,
    /// Which kinds of faults a seed has at all.
    Kinds = 105,
    /// How many faults, and of which of these kinds.
    Choice = 106,
    /// When and whom a drawn fault hits.
    Drawn = 107,
}

/// The stream of a purpose for a host, or for the nth of something.
pub(super) fn stream(seed: u64, purpose: Purpose, number: usize) -> Draw {
    Draw::new(seed, ((purpose as u64) << 48) | (number as u64 & MASK))
}

/// The stream of a purpose for something with a name.
pub(super) fn named(seed: u64, purpose: Purpose, name: &str) -> Draw {
    Draw::new(seed, ((purpose as u64) << 48) | (fnv1a(name) & MASK))
}

/// A number for something with a name, the same whatever else there is.
pub(super) fn number_of(name: &str) -> u32 {
    let hash = fnv1a(name);
    u32::try_from((hash >> 32) ^ (hash & u64::from(u32::MAX))).unwrap_or(0)
}

const MASK: u64 = (1 << 48) - 1;

/// The hash FNV-1a (G. Fowler, L. C. Noll, P. Vo), of 64 bits.
fn fnv1a(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Bits behind the point of the numbers below.
const FRACTION: u32 = 24;
/// One.
pub(super) const ONE: u64 = 1 << FRACTION;
/// The natural logarithm of two.
const LN_2: u64 = 11_629_080;

/// The logarithm to the base of two of a number from 1 on, with [`FRACTION`] bits behind the
/// point: its integer part is the highest bit, each further bit comes of squaring.
fn log2(number: u64) -> u64 {
    let whole = number.max(1).ilog2();
    let mut mantissa = u128::from(number.max(1)) << (63 - whole);
    let mut log = u64::from(whole);
    for _ in 0..FRACTION {
        mantissa = (mantissa * mantissa) >> 63;
        log <<= 1;
        if mantissa >> 64 > 0 {
            mantissa >>= 1;
            log |= 1;
        }
    }
    log
}

/// Two to the power of minus `exponent` / [`ONE`], with 32 bits behind the point.
fn exp2_minus(exponent: u64) -> u64 {
    let mut power: u64 = 1 << 32;
    // The square root of one half, then the root of that, and so on: one for each bit.
    let mut root: u64 = 1 << 31;
    for bit in (0..FRACTION).rev() {
        root = (root << 32).isqrt();
        if exponent >> bit & 1 == 1 {
            power = (power * root) >> 32;
        }
    }
    power.checked_shr(u32::try_from(exponent >> FRACTION).unwrap_or(u32::MAX)).unwrap_or(0)
}

/// A time to wait for something that happens at random, one on average: exponentially
/// distributed, with [`FRACTION`] bits behind the point; at most 22.2.
pub(super) fn wait(draw: &mut Draw) -> u64 {
    let uniform = draw.below(1 << 32) + 1;
    ((32 << FRACTION) - log2(uniform)) * LN_2 / ONE
}

/// Ranks that differ in popularity: the nth is taken in proportion to 1 / n^skew (G. K. Zipf,
/// "Human Behavior and the Principle of Least Effort", 1949).
#[derive(Debug, Clone)]
pub(super) struct Zipf {
    sums: Vec<u64>,
}

impl Zipf {
    /// Ranks from 0 to `ranks` - 1, with a skew in thousandths; a skew of 0 makes all equal.
    pub(super) fn new(ranks: u32, skew: u64) -> Self {
        let mut sum = 0;
        let weight = |rank: u32| {
            sum += exp2_minus(log2(u64::from(rank)) * skew / 1_000).max(1);
            sum
        };
        Self { sums: (1..=ranks.max(1)).map(weight).collect() }
    }

    /// A rank.
    pub(super) fn draw(&self, draw: &mut Draw) -> u32 {
        let at = draw.below(self.sums.last().copied().unwrap_or(1));
        u32::try_from(self.sums.partition_point(|sum| *sum <= at)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two numbers that should be the same but for a thousandth.
    #[track_caller]
    fn check(found: u64, expected: u64) {
        assert!(found.abs_diff(expected) <= expected / 1_000 + 1, "{found}, not {expected}");
    }

    #[test]
    fn logarithms_are_right() {
        check(log2(1), 0);
        check(log2(8), 3 * ONE);
        check(log2(10), 55_732_705);
        check(log2(u64::MAX), 64 * ONE);
    }

    #[test]
    fn powers_are_right() {
        check(exp2_minus(0), 1 << 32);
        check(exp2_minus(3 * ONE), 1 << 29);
        check(exp2_minus(ONE / 2), 3_037_000_500);
        check(exp2_minus(log2(10)), (1 << 32) / 10);
        check(exp2_minus(u64::MAX), 0);
    }

    #[test]
    fn waits_are_one_on_average_and_a_third_of_them_are_longer() {
        let mut draw = stream(7, Purpose::Arrivals, 0);
        let waits: Vec<u64> = (0..40_000).map(|_| wait(&mut draw)).collect();
        let mean = waits.iter().sum::<u64>() / waits.len() as u64;
        let longer = waits.iter().filter(|wait| **wait > ONE).count();
        assert!(mean.abs_diff(ONE) < ONE / 50, "{mean}");
        // 1 / e of them: 14,715.
        assert!(longer.abs_diff(14_715) < 400, "{longer}");
    }

    #[test]
    fn the_second_item_sells_half_as_often_as_the_first() {
        let zipf = Zipf::new(100, 1_000);
        let mut draw = stream(7, Purpose::Baskets, 0);
        let mut counts = vec![0_u64; 100];
        (0..200_000).for_each(|_| counts[zipf.draw(&mut draw) as usize] += 1);
        // The harmonic number of 100 is 5.187.
        assert!(counts[0].abs_diff(38_555) < 1_000, "{counts:?}");
        assert!(counts[1].abs_diff(19_277) < 700, "{counts:?}");
        assert!(counts[99].abs_diff(386) < 100, "{counts:?}");
    }

    #[test]
    fn without_skew_all_items_sell_alike() {
        let zipf = Zipf::new(4, 0);
        let mut draw = stream(7, Purpose::Baskets, 0);
        let mut counts = [0_u64; 4];
        (0..40_000).for_each(|_| counts[zipf.draw(&mut draw) as usize] += 1);
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 400), "{counts:?}");
    }

    #[test]
    fn streams_of_other_purposes_hosts_and_names_differ() {
        let mut firsts = vec![
            stream(1, Purpose::Arrivals, 1).below(u64::MAX),
            stream(1, Purpose::Arrivals, 2).below(u64::MAX),
            stream(1, Purpose::Baskets, 1).below(u64::MAX),
            stream(2, Purpose::Arrivals, 1).below(u64::MAX),
            named(1, Purpose::Fault, "fault-1").below(u64::MAX),
            named(1, Purpose::Fault, "fault-2").below(u64::MAX),
        ];
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 6);
    }
}
