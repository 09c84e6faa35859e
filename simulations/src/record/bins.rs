//! A number over time in bins of equal length. It knows no time: whoever fills it says which bin,
//! and bounds that number.

use serde::{Deserialize, Serialize};

/// How two numbers of one bin become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Added: what passed.
    Sum,
    /// The greater: peaks must not vanish.
    Most,
    /// The later: what stood at the end.
    Last,
}

impl Fold {
    fn of(self, earlier: i64, later: i64) -> i64 {
        match self {
            Self::Sum => earlier.saturating_add(later),
            Self::Most => earlier.max(later),
            Self::Last => later,
        }
    }
}

/// Numbers by bin. A bin into which nothing was put is none, which is not 0; bins after the last
/// one that was put into are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bins(pub Vec<Option<i64>>);

impl Bins {
    /// Puts a number into a bin.
    pub fn put(&mut self, bin: usize, value: i64, fold: Fold) {
        if self.0.len() <= bin {
            self.0.resize(bin + 1, None);
        }
        let held = &mut self.0[bin];
        *held = Some(held.map_or(value, |earlier| fold.of(earlier, value)));
    }

    /// Makes one bin of each two.
    pub fn merge_pairs(&mut self, fold: Fold) {
        let pair = |pair: &[Option<i64>]| match *pair {
            [Some(earlier), Some(later)] => Some(fold.of(earlier, later)),
            [earlier, later] => earlier.or(later),
            [earlier] => earlier,
            _ => None,
        };
        self.0 = self.0.chunks(2).map(pair).collect();
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(fold: Fold, puts: &[(usize, i64)], expected: &[Option<i64>], merged: &[Option<i64>]) {
        let mut bins = Bins::default();
        puts.iter().for_each(|(bin, value)| bins.put(*bin, *value, fold));
        assert_eq!(bins.0, expected);
        bins.merge_pairs(fold);
        assert_eq!(bins.0, merged);
    }

    #[test]
    fn a_bin_into_which_nothing_was_put_is_not_zero() {
        check(Fold::Sum, &[(2, 0)], &[None, None, Some(0)], &[None, Some(0)]);
    }

    #[test]
    fn each_fold_keeps_what_it_says() {
        let puts = [(0, 5), (0, 2), (1, 1), (2, 7)];
        check(Fold::Sum, &puts, &[Some(7), Some(1), Some(7)], &[Some(8), Some(7)]);
        check(Fold::Most, &puts, &[Some(5), Some(1), Some(7)], &[Some(5), Some(7)]);
        check(Fold::Last, &puts, &[Some(2), Some(1), Some(7)], &[Some(1), Some(7)]);
    }

    #[test]
    fn a_sum_stops_at_its_bound_and_does_not_wrap() {
        check(Fold::Sum, &[(0, i64::MAX), (0, 1)], &[Some(i64::MAX)], &[Some(i64::MAX)]);
    }

    proptest! {
        #[test]
        fn merging_later_or_earlier_gives_the_same(puts in vec((0..40_usize, -9..9_i64), 0..60)) {
            // In order of time, as a run goes.
            let mut puts = puts;
            puts.sort_by_key(|(bin, _)| *bin);
            for fold in [Fold::Sum, Fold::Most, Fold::Last] {
                let (mut late, mut early) = (Bins::default(), Bins::default());
                puts.iter().for_each(|(bin, value)| late.put(*bin, *value, fold));
                late.merge_pairs(fold);
                puts.iter().for_each(|(bin, value)| early.put(bin / 2, *value, fold));
                prop_assert_eq!(&late, &early);
            }
        }
    }
}
