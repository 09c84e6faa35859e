//! Hybrid logical clock (Kulkarni et al. 2014), for an order that people can read.
//!
//! It takes the wall clock as an argument and never reads one. Correctness never depends on it.

use serde::{Deserialize, Serialize};

use crate::limits::CLOCK_PULL_MS_MAX;

const COUNTER_BITS: u32 = 16;

/// Milliseconds of a day.
pub const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A timestamp: `milliseconds since 1970, 48 bits | counter, 16 bits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Hlc(pub u64);

impl Hlc {
    /// The timestamp's milliseconds since 1970.
    pub fn wall_ms(self) -> u64 {
        self.0 >> COUNTER_BITS
    }

    fn at(wall_ms: u64) -> Self {
        Self(wall_ms.min(u64::MAX >> COUNTER_BITS) << COUNTER_BITS)
    }
}

/// One device's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    last: Hlc,
}

impl Clock {
    /// A clock that continues after `last`.
    pub fn resume(last: Hlc) -> Self {
        Self { last }
    }

    /// Milliseconds since 1970: those of the wall clock, unless it is behind what was stated or
    /// learned.
    pub fn wall_ms(&self, wall_ms: u64) -> u64 {
        self.last.wall_ms().max(wall_ms)
    }

    /// A timestamp for a local event, later than all before it.
    pub fn tick(&mut self, wall_ms: u64) -> Hlc {
        self.last = Hlc::at(wall_ms).max(Hlc(self.last.0.saturating_add(1)));
        self.last
    }

    /// Learns of a foreign timestamp; a clock that is far ahead pulls ours only a little.
    pub fn observe(&mut self, foreign: Hlc, wall_ms: u64) {
        let ceiling = Hlc::at(wall_ms.saturating_add(CLOCK_PULL_MS_MAX));
        self.last = self.last.max(foreign.min(ceiling));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_events_are_ordered_even_when_the_wall_clock_steps_back() {
        let mut clock = Clock::default();
        let first = clock.tick(5_000);
        assert!(clock.tick(1_000) > first);
        assert_eq!((clock.wall_ms(1_000), clock.wall_ms(6_000)), (5_000, 6_000));
    }

    #[test]
    fn a_foreign_clock_years_ahead_pulls_ours_by_a_minute_at_most() {
        let mut clock = Clock::default();
        clock.observe(Hlc::at(1 << 40), 1_000);
        assert!(clock.tick(1_000).wall_ms() <= 1_000 + CLOCK_PULL_MS_MAX);
    }

    #[test]
    fn an_effect_is_stamped_later_than_its_cause() {
        let (mut cause, mut effect) = (Clock::default(), Clock::default());
        let sent = cause.tick(2_000);
        effect.observe(sent, 1_500);
        assert!(effect.tick(1_500) > sent);
    }
}
