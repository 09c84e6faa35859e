//! When to dial again: doubling, with full jitter, so that a market does not come back in step.
//!
//! It is handed its randomness and never waits itself.

use std::time::Duration;

use crate::limits::{BACKOFF_MAX, BACKOFF_MIN};

/// The state of dialling one address.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    ceiling: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { ceiling: BACKOFF_MIN }
    }
}

impl Backoff {
    /// The attempt failed: how long to wait, between half the ceiling and all of it, drawn by
    /// `random`.
    pub fn failed(&mut self, random: u64) -> Duration {
        let half = self.ceiling / 2;
        let span = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.ceiling = (self.ceiling * 2).min(BACKOFF_MAX);
        half + Duration::from_nanos(random % span)
    }

    /// The attempt succeeded: the next failure waits shortly again.
    pub fn succeeded(&mut self) {
        self.ceiling = BACKOFF_MIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_ceiling_and_start_short_again() {
        let mut backoff = Backoff::default();
        let first = backoff.failed(0);
        for _ in 0..20 {
            assert!(backoff.failed(u64::MAX) <= BACKOFF_MAX);
        }
        assert!(backoff.failed(0) >= BACKOFF_MAX / 2);
        backoff.succeeded();
        assert_eq!(backoff.failed(0), first);
    }

    #[test]
    fn two_devices_that_failed_together_do_not_come_back_together() {
        let (mut a, mut b) = (Backoff::default(), Backoff::default());
        assert_ne!(a.failed(1), b.failed(12_345_678));
    }
}
