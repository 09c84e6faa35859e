//! One direction of one link: what becomes of a datagram on it.
//!
//! In this order: MTU, metered plan, queue, rate or trace, loss, delay. A datagram that is lost has
//! used the link all the same, as on the air. A link knows no hosts and no addresses.
//!
//! Times are nanoseconds since the run began; bytes are those of the IPv4 packet.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::busy::Busy;
use super::limits::TRACE_LINE_BYTES;
use super::luck::{Draws, Luck, below, happens};
use super::spec::LinkSpec;
use super::stats::Cause;
use super::trace::Trace;

/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;
/// From so many stretches on, what is past is forgotten.
const STRETCHES_KEPT: usize = 16;

/// One direction of one link.
#[derive(Debug)]
pub struct Link {
    spec: LinkSpec,
    pace: Pace,
    /// Whether anything is drawn at all.
    drawn: bool,
    luck: Luck,
    /// In the bad state of the loss model.
    bad: bool,
    used_bytes: u64,
    busy: Busy,
    flows: BTreeMap<u32, Flow>,
    flushed: Option<u64>,
}

/// How fast it is. A place on the line of [`Busy`] is a nanosecond of a rate and a byte of a trace.
#[derive(Debug)]
enum Pace {
    Unlimited,
    Kbit(u64),
    Trace(Arc<Trace>),
}

/// The latest datagram that came to a link from one other link.
#[derive(Debug, Clone, Copy)]
struct Flow {
    arrived: u64,
    place: u64,
}

/// A datagram that comes to a link.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When the sender sent it.
    pub now: u64,
    /// When it comes to this link; not before `now`.
    pub at: u64,
    /// The link that it comes from, if not from the sender.
    pub flow: Option<u32>,
    /// Bytes of the IPv4 packet.
    pub bytes: u64,
}

/// A stay in a link, for whoever asks whether it was flushed meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pass {
    /// When it came to the link.
    pub entered: u64,
    /// When it left the queue and was on the wire.
    pub left: u64,
    /// When it is at the other end.
    pub arrives: u64,
    /// Draws the bit that is flipped, if one is.
    pub flip: Option<u32>,
}

/// What becomes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    /// How it passes, or why it does not.
    pub first: Result<Pass, Cause>,
    /// A copy that the link made of it, likewise.
    pub copy: Option<Result<Pass, Cause>>,
}

impl Link {
    /// A link of that kind whose random numbers are those of `name`. A trace takes the place of a
    /// rate.
    pub fn new(spec: &LinkSpec, trace: Option<&Arc<Trace>>, luck: Luck) -> Self {
        let mut link = Self {
            spec: LinkSpec::default(),
            pace: Pace::Unlimited,
            drawn: false,
            luck,
            bad: false,
            used_bytes: 0,
            busy: Busy::default(),
            flows: BTreeMap::new(),
            flushed: None,
        };
        link.set(spec, trace);
        link
    }

    /// Makes it another kind of link. What a metered plan has used up stays used; what waits is
    /// lost, as when a modem negotiates anew.
    pub fn respec(&mut self, now: u64, spec: &LinkSpec, trace: Option<&Arc<Trace>>) {
        self.set(spec, trace);
        self.flush(now);
    }

    /// Loses what waits in the queue.
    pub fn flush(&mut self, now: u64) {
        self.busy.clear();
        self.flows.clear();
        self.flushed = Some(now);
    }

    /// Whether a datagram was in the queue when that was flushed last.
    pub fn has_flushed(&self, pass: &Pass) -> bool {
        self.flushed.is_some_and(|at| pass.entered < at && at < pass.left)
    }

    /// What becomes of a datagram.
    pub fn carry(&mut self, arrival: Arrival) -> Fate {
        let draws = if self.drawn {
            self.luck.draw()
        } else {
            self.luck.skip();
            Draws::default()
        };
        let first = self.carry_first(arrival, &draws);
        let repeats = first.is_ok() && happens(draws.repeated, self.spec.repeated_permille);
        let copy = repeats.then(|| {
            let left = self.admit(arrival)?;
            Ok(self.on_the_wire(arrival.at, left, draws.jitter_of_copy))
        });
        Fate { first, copy }
    }

    fn carry_first(&mut self, arrival: Arrival, draws: &Draws) -> Result<Pass, Cause> {
        let burst = self.steps_into_burst(draws);
        let left = self.admit(arrival)?;
        if happens(draws.lost, self.spec.lost_permille) {
            return Err(Cause::Lost);
        }
        if burst {
            return Err(Cause::Burst);
        }
        let mut pass = self.on_the_wire(arrival.at, left, draws.jitter);
        if happens(draws.reordered, self.spec.reordered_permille) {
            pass.arrives = pass.arrives.saturating_add(u64::from(self.spec.reorder_ms) * MS);
        }
        if happens(draws.corrupted, self.spec.corrupted_permille) {
            pass.flip = Some(draws.bit);
        }
        Ok(pass)
    }

    fn on_the_wire(&self, entered: u64, left: u64, jitter: u32) -> Pass {
        let jitter = below(jitter, u64::from(self.spec.jitter_ms) * 1000 + 1) * 1000;
        let delay = u64::from(self.spec.delay_ms) * MS;
        Pass { entered, left, arrives: left.saturating_add(delay + jitter), flip: None }
    }

    /// Takes a datagram into the queue; returns when it leaves that.
    fn admit(&mut self, arrival: Arrival) -> Result<u64, Cause> {
        let Arrival { bytes, .. } = arrival;
        if bytes > u64::from(self.spec.mtu) {
            return Err(Cause::Mtu);
        }
        let used = self.used_bytes.saturating_add(bytes);
        if self.spec.cap_bytes.is_some_and(|cap| used > cap) {
            return Err(Cause::Cap);
        }
        let left = self.queue(arrival)?;
        self.used_bytes = used;
        Ok(left)
    }

    fn queue(&mut self, arrival: Arrival) -> Result<u64, Cause> {
        let Arrival { now, at, flow, bytes } = arrival;
        let Some(length) = self.pace.length(bytes) else { return Ok(at) };
        if self.busy.len() > STRETCHES_KEPT {
            self.busy.forget(self.pace.place(now));
        }
        let free = self.pace.place(at);
        // One that comes after another of its flow does not slip into a gap before that.
        let before = flow.and_then(|flow| self.flows.get(&flow)).filter(|flow| flow.arrived <= at);
        let earliest = before.map_or(free, |flow| flow.place.max(free));
        let start = self.busy.find(earliest, length);
        let waiting = self.pace.bytes(start - free);
        if start > free && waiting + bytes > u64::from(self.spec.queue_bytes) {
            return Err(Cause::Queue);
        }
        self.busy.take(start, length);
        if let Some(flow) = flow {
            self.flows.insert(flow, Flow { arrived: at, place: start + length });
        }
        Ok(self.pace.time(start + length))
    }

    /// Moves the model of Gilbert and Elliott one step; whether this datagram is lost by it.
    fn steps_into_burst(&mut self, draws: &Draws) -> bool {
        let Some(burst) = self.spec.burst else { return false };
        let turns = if self.bad { burst.leave_permille } else { burst.enter_permille };
        self.bad ^= happens(draws.turn, turns);
        self.bad && happens(draws.burst, burst.lost_permille)
    }

    fn set(&mut self, spec: &LinkSpec, trace: Option<&Arc<Trace>>) {
        self.pace = match (trace, spec.rate_kbit) {
            (Some(trace), _) => Pace::Trace(trace.clone()),
            (None, Some(kbit)) => Pace::Kbit(u64::from(kbit.max(1))),
            (None, None) => Pace::Unlimited,
        };
        let permille = [
            spec.lost_permille,
            spec.repeated_permille,
            spec.reordered_permille,
            spec.corrupted_permille,
        ];
        self.drawn =
            spec.jitter_ms > 0 || spec.burst.is_some() || permille.iter().any(|of| *of > 0);
        self.bad &= spec.burst.is_some();
        self.spec = spec.clone();
    }
}

impl Pace {
    /// The stretch that so many bytes take; none if nothing ever waits.
    fn length(&self, bytes: u64) -> Option<u64> {
        match self {
            Self::Unlimited => None,
            // A rate of 1 kbit/s is one bit in a millisecond. Rounded up, never to go faster.
            Self::Kbit(kbit) => Some((bytes * 8 * MS).div_ceil(*kbit)),
            Self::Trace(_) => Some(bytes),
        }
    }

    /// The first place at or after a time.
    fn place(&self, at: u64) -> u64 {
        match self {
            Self::Unlimited | Self::Kbit(_) => at,
            Self::Trace(trace) => trace.first_at(at.div_ceil(MS)) * TRACE_LINE_BYTES,
        }
    }

    /// When what ends at a place has passed.
    fn time(&self, end: u64) -> u64 {
        match self {
            Self::Unlimited | Self::Kbit(_) => end,
            Self::Trace(trace) => trace.ms_of(end.saturating_sub(1) / TRACE_LINE_BYTES) * MS,
        }
    }

    /// How many bytes a stretch holds.
    fn bytes(&self, length: u64) -> u64 {
        match self {
            Self::Unlimited => 0,
            Self::Kbit(kbit) => {
                let bytes = u128::from(length) * u128::from(*kbit) / u128::from(8 * MS);
                u64::try_from(bytes).unwrap_or(u64::MAX)
            }
            Self::Trace(_) => length,
        }
    }
}
