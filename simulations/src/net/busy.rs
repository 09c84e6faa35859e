//! What of a link's capacity is taken already.
//!
//! A datagram's way is worked out when it is sent, so a link in the middle of a way meets datagrams
//! in another order than that of their arrival there: the one from afar is known before the one
//! from nearby that comes first. So a link keeps the stretches that are taken, and each datagram
//! takes the first gap that holds it. It knows neither time nor bytes, only places on a line.

use std::collections::VecDeque;

/// Stretches of a line, in order, with gaps between them.
#[derive(Debug, Clone, Default)]
pub struct Busy {
    taken: VecDeque<(u64, u64)>,
}

impl Busy {
    /// Where the first gap of `length` at or after `earliest` begins.
    pub fn find(&self, earliest: u64, length: u64) -> u64 {
        let mut place = earliest;
        let from = self.taken.partition_point(|(_, end)| *end <= earliest);
        for (start, end) in self.taken.range(from..) {
            if place.saturating_add(length) <= *start {
                break;
            }
            place = *end;
        }
        place
    }

    /// Takes what [`Self::find`] found.
    pub fn take(&mut self, start: u64, length: u64) {
        let end = start.saturating_add(length);
        let at = self.taken.partition_point(|(_, end)| *end < start);
        let joins_before = self.taken.get(at).is_some_and(|before| before.1 == start);
        let next = at + usize::from(joins_before);
        let joins_after = self.taken.get(next).is_some_and(|after| after.0 == end);
        match (joins_before, joins_after) {
            (true, true) => {
                self.taken[at].1 = self.taken[next].1;
                self.taken.remove(next);
            }
            (true, false) => self.taken[at].1 = end,
            (false, true) => self.taken[next].0 = start,
            (false, false) => self.taken.insert(at, (start, end)),
        }
    }

    /// Nothing will be asked about what is before `place` any more.
    pub fn forget(&mut self, place: u64) {
        while self.taken.front().is_some_and(|(_, end)| *end <= place) {
            self.taken.pop_front();
        }
    }

    /// How many stretches there are.
    pub fn len(&self) -> usize {
        self.taken.len()
    }

    /// Everything is free.
    pub fn clear(&mut self) {
        self.taken.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_touches_becomes_one_stretch() {
        let mut busy = Busy::default();
        for start in [0, 20, 10] {
            assert_eq!(busy.find(start, 10), start);
            busy.take(start, 10);
        }
        assert_eq!(busy.taken, [(0, 30)]);
        assert_eq!(busy.find(5, 1), 30);
    }

    #[test]
    fn a_gap_is_used_by_what_fits_into_it() {
        let mut busy = Busy::default();
        busy.take(0, 10);
        busy.take(15, 10);
        assert_eq!(busy.find(0, 6), 25);
        assert_eq!(busy.find(0, 5), 10);
        busy.forget(10);
        assert_eq!(busy.taken, [(15, 25)]);
    }

    proptest! {
        #[test]
        fn the_place_is_the_one_that_a_walk_over_a_map_of_it_finds(
            asks in prop::collection::vec((0_u64..150, 1_u64..9), 1..60),
        ) {
            let mut busy = Busy::default();
            let mut map = [false; 1000];
            for (earliest, length) in asks {
                let part = |place: u64| place as usize..(place + length) as usize;
                let free = |place: &u64| map[part(*place)].iter().all(|taken| !taken);
                let walked = (earliest..).find(free).unwrap();
                prop_assert_eq!(busy.find(earliest, length), walked);
                busy.take(walked, length);
                map[part(walked)].fill(true);
                prop_assert!(busy.taken.iter().all(|(start, end)| start < end));
                let mut pairs = busy.taken.iter().zip(busy.taken.iter().skip(1));
                prop_assert!(pairs.all(|(one, next)| one.1 < next.0), "{:?}", busy.taken);
            }
        }
    }
}
