//! The trace: one hash over everything that happens, to prove that two runs are the same run.
//!
//! In it: time, link and length of every datagram, the plaintext of every message and segment, and
//! every random draw of a daemon. Not in it: what TLS makes of them, which differs run by run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Places of the trace that are kept to find where two runs part.
pub const PLACES_MAX: usize = 65_536;

/// Bytes that are hashed at once: BLAKE3 is several times faster on long inputs.
const BUFFER_BYTES: usize = 64 * 1024;

/// The rolling hash.
#[derive(Debug)]
pub struct Trace {
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
    /// A quick hash over everything, for the places.
    quick: u64,
    events: u64,
    stride: u64,
    places: Vec<u64>,
    /// What is watched, in words, for the event of this number.
    watched: Option<(u64, String)>,
}

impl Default for Trace {
    fn default() -> Self {
        let hasher = blake3::Hasher::new_derive_key("tentpole simulation trace v1");
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Self { hasher, buffer, quick: 0, events: 0, stride: 1, places: Vec::new(), watched: None }
    }
}

/// What a trace has come to, for comparing it with another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceEnd {
    /// The hash over everything, in hex.
    pub hash: String,
    /// How many things happened.
    pub events: u64,
    /// After how many things each time a part of the hash was kept.
    pub stride: u64,
    /// A quick hash over everything until each such place.
    pub places: Vec<u64>,
}

impl Trace {
    /// A datagram left a socket of `host`.
    pub fn sent(&mut self, at: Duration, host: usize, bytes: usize) {
        self.event(1, at, host as u64, &(bytes as u64).to_le_bytes());
    }

    /// A datagram arrived over `link`.
    pub fn arrived(&mut self, at: Duration, link: u32, bytes: usize) {
        self.event(2, at, u64::from(link), &(bytes as u64).to_le_bytes());
    }

    /// A message reached the session of `host`, or a segment did.
    pub fn heard(&mut self, at: Duration, host: usize, plaintext: &[u8]) {
        self.event(3, at, host as u64, plaintext);
    }

    /// A daemon of `host` drew random bytes.
    pub fn drawn(&mut self, at: Duration, host: usize, bytes: &[u8]) {
        self.event(4, at, host as u64, bytes);
    }

    /// Something was done to a host, or answered by it.
    pub fn did(&mut self, at: Duration, host: usize, what: &str) {
        self.event(5, at, host as u64, what.as_bytes());
    }

    /// How many things happened.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Describes the event of this number, from 1, when it comes.
    pub fn watch(&mut self, event: u64) {
        self.watched = Some((event, String::new()));
    }

    /// The description of the event that was watched.
    pub fn watched(&self) -> Option<&str> {
        self.watched.as_ref().map(|(_, words)| words.as_str()).filter(|words| !words.is_empty())
    }

    /// The hash so far, in hex.
    pub fn hash(&self) -> String {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.buffer);
        hasher.finalize().to_hex().to_string()
    }

    /// What it has come to.
    pub fn end(&self) -> TraceEnd {
        let Self { events, stride, places, .. } = self;
        TraceEnd { hash: self.hash(), events: *events, stride: *stride, places: places.clone() }
    }

    fn event(&mut self, kind: u8, at: Duration, place: u64, content: &[u8]) {
        let mut head = [0; 25];
        head[0] = kind;
        let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        head[1..9].copy_from_slice(&nanos.to_le_bytes());
        head[9..17].copy_from_slice(&place.to_le_bytes());
        head[17..].copy_from_slice(&(content.len() as u64).to_le_bytes());
        for bytes in [&head[..], content] {
            self.quick = quick(self.quick, bytes);
            self.buffer.extend_from_slice(bytes);
        }
        if self.buffer.len() >= BUFFER_BYTES {
            self.hasher.update(&self.buffer);
            self.buffer.clear();
        }
        self.events += 1;
        if let Some((event, words)) = &mut self.watched
            && *event == self.events
        {
            let name = ["sent", "arrived", "heard", "drawn", "did"][usize::from(kind) - 1];
            *words = format!("{at:?}: {name} at {place}: {}", shown(kind, content));
        }
        if self.events.is_multiple_of(self.stride) {
            self.keep();
        }
    }

    fn keep(&mut self) {
        if self.places.len() == PLACES_MAX {
            let mut place = 0_usize;
            self.places.retain(|_| {
                place += 1;
                place.is_multiple_of(2)
            });
            self.stride *= 2;
            if !self.events.is_multiple_of(self.stride) {
                return;
            }
        }
        self.places.push(self.quick);
    }
}

/// Mixes bytes into a hash: FNV-1a's steps, on words of eight bytes.
fn quick(mut hash: u64, bytes: &[u8]) -> u64 {
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3);
        hash ^= hash >> 29;
    }
    hash
}

fn shown(kind: u8, content: &[u8]) -> String {
    match kind {
        1 | 2 => {
            let bytes = content.try_into().map_or(0, u64::from_le_bytes);
            format!("a datagram of {bytes} bytes")
        }
        5 => String::from_utf8_lossy(content).into_owned(),
        _ => {
            let hash = blake3::hash(content).to_hex();
            format!("{} bytes with hash {}", content.len(), &hash[..16])
        }
    }
}

/// Between which events two traces part: the last one known to be common, and one by which they
/// differ. None when they are equal.
pub fn parting(one: &TraceEnd, other: &TraceEnd) -> Option<(u64, u64)> {
    if one.hash == other.hash && one.events == other.events {
        return None;
    }
    let stride = one.stride.max(other.stride);
    let at = |end: &TraceEnd, place: u64| {
        let index = usize::try_from(place * stride / end.stride).ok()?.checked_sub(1)?;
        end.places.get(index).copied()
    };
    let shared = one.events.min(other.events) / stride;
    let same = |place: &u64| at(one, *place) == at(other, *place);
    let common = (1..=shared).take_while(same).last().unwrap_or(0);
    let end = if common < shared {
        (common + 1) * stride
    } else {
        one.events.max(other.events).min(one.events.min(other.events) + 1)
    };
    Some((common * stride, end.max(common * stride + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(count: u64, odd: Option<u64>) -> Trace {
        let mut trace = Trace::default();
        for number in 1..=count {
            let bytes = if odd == Some(number) { 999 } else { 100 };
            trace.sent(Duration::from_millis(number), 1, bytes);
        }
        trace
    }

    #[test]
    fn equal_runs_have_equal_hashes_and_do_not_part() {
        let (one, other) = (trace(1000, None).end(), trace(1000, None).end());
        assert_eq!(one, other);
        assert_eq!(parting(&one, &other), None);
    }

    #[test]
    fn the_first_differing_event_is_found_exactly_while_every_place_is_kept() {
        let (one, other) = (trace(1000, None).end(), trace(1000, Some(713)).end());
        assert_eq!(parting(&one, &other), Some((712, 713)));
        let shorter = trace(999, None).end();
        assert_eq!(parting(&one, &shorter), Some((999, 1000)));
    }

    #[test]
    fn a_long_trace_keeps_fewer_places_and_still_brackets_the_difference() {
        let count = 3 * PLACES_MAX as u64;
        let (one, other) = (trace(count, None).end(), trace(count, Some(100_001)).end());
        assert!(one.places.len() <= PLACES_MAX && one.stride > 1);
        let (common, differs) = parting(&one, &other).unwrap();
        assert!(common < 100_001 && 100_001 <= differs, "{common} {differs}");
        assert!(differs - common <= one.stride);
    }

    #[test]
    fn an_event_can_be_described() {
        let mut trace = Trace::default();
        trace.watch(2);
        trace.sent(Duration::from_millis(1), 1, 7);
        assert_eq!(trace.watched(), None);
        trace.arrived(Duration::from_millis(2), 3, 7);
        assert_eq!(trace.watched(), Some("2ms: arrived at 3: a datagram of 7 bytes"));
    }
}
