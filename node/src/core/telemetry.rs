//! Telemetry: samples wait in a bounded ring and become events only when they can be sent.
//!
//! What was overwritten while nothing could be sent is counted in the next event, so that a gap is
//! known exactly and telemetry never outgrows the disk.

use std::collections::VecDeque;
use std::time::Duration;

use engine::event::{Payload, TelemetrySample};
use engine::ids::Lane;
use transport::env::{Instant, Now};

use super::Stall;

/// Between two samples.
const SAMPLE_EVERY: Duration = Duration::from_secs(60);
/// Samples that wait; at one a minute, four hours.
const RING_MAX: usize = 240;

const _: () = assert!(RING_MAX > 0);

/// Samples that wait to become events.
#[derive(Debug)]
pub(super) struct Telemetry {
    ring: VecDeque<TelemetrySample>,
    overwritten: u64,
    due: Instant,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { ring: VecDeque::new(), overwritten: 0, due: Instant(SAMPLE_EVERY) }
    }
}

impl Telemetry {
    /// When the next sample is taken.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    fn push(&mut self, sample: TelemetrySample) {
        if self.ring.len() == RING_MAX {
            self.ring.pop_front();
            self.overwritten += 1;
        }
        self.ring.push_back(sample);
    }

    fn drain(&mut self) -> Vec<TelemetrySample> {
        let mut samples: Vec<TelemetrySample> = self.ring.drain(..).collect();
        if let Some(first) = samples.first_mut() {
            first.overwritten = std::mem::take(&mut self.overwritten);
        }
        samples
    }
}

impl Stall {
    /// Takes a sample when it is due, and appends what waits when some session is open.
    pub(super) fn sample(&mut self, now: Now) {
        if now.instant < self.telemetry.due {
            return;
        }
        self.telemetry.due = now.instant.after(SAMPLE_EVERY);
        let at_risk = self.device.replica.at_risk().unwrap_or_default();
        let open = self.device.router.sessions().filter(|session| session.is_open()).count();
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.telemetry.push(TelemetrySample {
            at_ms: count(now.wall_ms),
            overwritten: 0,
            metrics: vec![
                ("at_risk_amount".to_owned(), at_risk.amount),
                ("at_risk_events".to_owned(), count(at_risk.events)),
                ("peer_faults_total".to_owned(), count(self.device.router.faults())),
                ("sessions_open".to_owned(), count(open as u64)),
            ],
        });
        let Some(scope) = self.scope().filter(|_| open > 0 && self.device.halted().is_none())
        else {
            return;
        };
        for sample in self.telemetry.drain() {
            let payload = Payload::TelemetrySampled(sample);
            // A stall that is not granted the lane keeps its measurements to itself.
            self.state(scope, Lane::Telemetry, payload, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_ms: i64) -> TelemetrySample {
        TelemetrySample { at_ms, overwritten: 0, metrics: Vec::new() }
    }

    #[test]
    fn a_full_ring_forgets_the_oldest_and_counts_it() {
        let mut telemetry = Telemetry::default();
        for at in 0..RING_MAX as i64 + 7 {
            telemetry.push(sample(at));
        }
        let samples = telemetry.drain();
        assert_eq!(samples.len(), RING_MAX);
        assert_eq!((samples[0].at_ms, samples[0].overwritten), (7, 7));
        assert!(telemetry.drain().is_empty());
    }
}
