//! The clocks of one host: they drift, stand still and jump, as the world's own time never does.

use std::time::Duration;

use crate::protocol::tenant::START_MS;

const MILLION: i128 = 1_000_000;

/// A clock: what it showed at an instant of the world, and how fast it runs since.
#[derive(Debug, Clone, Copy)]
struct Line {
    since: Duration,
    /// Nanoseconds.
    shown: i128,
    /// How much faster than the world, in millionths.
    ppm: i32,
    stands: bool,
}

impl Line {
    fn at(&self, world: Duration) -> i128 {
        if self.stands {
            return self.shown;
        }
        let passed = nanos(world) - nanos(self.since);
        self.shown + passed * (MILLION + i128::from(self.ppm)) / MILLION
    }

    /// When it shows `shown`.
    fn when(&self, shown: i128) -> Duration {
        let left = (shown - self.shown).max(0);
        let rate = MILLION + i128::from(self.ppm);
        let passed = (left * MILLION + rate - 1) / rate;
        self.since.saturating_add(duration(passed))
    }

    /// Goes on from what it shows at `world`.
    fn anchor(&mut self, world: Duration) -> &mut Self {
        self.shown = self.at(world);
        self.since = world;
        self
    }
}

/// Both clocks of a host.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    monotonic: Line,
    wall: Line,
}

impl Default for Clocks {
    /// Right clocks, as the world begins.
    fn default() -> Self {
        let monotonic = Line { since: Duration::ZERO, shown: 0, ppm: 0, stands: false };
        Self { monotonic, wall: Line { shown: i128::from(START_MS) * MILLION, ..monotonic } }
    }
}

impl Clocks {
    /// Time since the machine was switched on, without the time that it slept.
    pub fn monotonic(&self, world: Duration) -> Duration {
        duration(self.monotonic.at(world))
    }

    /// When the monotonic clock shows `shown`; in the past if it has, and never while it stands.
    pub fn when(&self, shown: Duration) -> Duration {
        self.monotonic.when(nanos(shown))
    }

    /// Milliseconds since 1970, as the machine believes.
    pub fn wall_ms(&self, world: Duration) -> u64 {
        u64::try_from(self.wall.at(world) / MILLION).unwrap_or(0)
    }

    /// From now on both run faster by so many millionths, or slower.
    pub fn drift(&mut self, world: Duration, ppm: i32) {
        // A clock that stands or runs backwards is not a drift.
        let ppm = ppm.clamp(-900_000, 900_000);
        self.monotonic.anchor(world).ppm = ppm;
        self.wall.anchor(world).ppm = ppm;
    }

    /// The wall clock jumps by so many milliseconds.
    pub fn step(&mut self, world: Duration, by_ms: i64) {
        self.wall.anchor(world).shown += i128::from(by_ms) * MILLION;
    }

    /// The wall clock is put right.
    pub fn correct(&mut self, world: Duration) {
        self.wall.anchor(world).shown = i128::from(START_MS) * MILLION + nanos(world);
    }

    /// The wall clock says 1970.
    pub fn reset(&mut self, world: Duration) {
        self.wall.anchor(world).shown = 0;
    }

    /// The machine falls asleep: the monotonic clock stands (as `CLOCK_MONOTONIC` does), the wall
    /// clock goes on.
    pub fn sleep(&mut self, world: Duration) {
        self.monotonic.anchor(world).stands = true;
    }

    /// It wakes.
    pub fn wake(&mut self, world: Duration) {
        self.monotonic.anchor(world).stands = false;
    }
}

fn nanos(span: Duration) -> i128 {
    i128::try_from(span.as_nanos()).unwrap_or(i128::MAX)
}

fn duration(nanos: i128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_fast_clock_shows_more_and_is_early() {
        let mut clocks = Clocks::default();
        clocks.drift(s(10), 100_000);
        assert_eq!(clocks.monotonic(s(20)), s(21));
        assert_eq!(clocks.wall_ms(s(20)), START_MS + 21_000);
        assert_eq!(clocks.when(s(21)), s(20));
    }

    #[test]
    fn at_the_time_that_was_worked_out_the_clock_has_got_there() {
        let mut clocks = Clocks::default();
        for ppm in [-37, 0, 1, 333] {
            clocks.drift(s(1), ppm);
            for target in [1_000_000_007, 5_123_456_789] {
                let target = Duration::from_nanos(target);
                let when = clocks.when(target);
                assert!(clocks.monotonic(when) >= target, "{ppm} {target:?}");
                let before = when - Duration::from_nanos(2);
                assert!(clocks.monotonic(before) < target, "{ppm} {target:?}");
            }
        }
    }

    #[test]
    fn sleep_stops_the_monotonic_clock_alone() {
        let mut clocks = Clocks::default();
        clocks.sleep(s(5));
        clocks.wake(s(65));
        assert_eq!(clocks.monotonic(s(70)), s(10));
        assert_eq!(clocks.wall_ms(s(70)), START_MS + 70_000);
    }

    #[test]
    fn the_wall_clock_jumps_and_is_put_right() {
        let mut clocks = Clocks::default();
        clocks.step(s(1), -3_600_000);
        assert_eq!(clocks.wall_ms(s(2)), START_MS - 3_600_000 + 2_000);
        clocks.reset(s(3));
        assert_eq!(clocks.wall_ms(s(4)), 1_000);
        clocks.correct(s(5));
        assert_eq!(clocks.wall_ms(s(6)), START_MS + 6_000);
        assert_eq!(clocks.monotonic(s(6)), s(6));
    }
}
