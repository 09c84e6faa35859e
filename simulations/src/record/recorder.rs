//! Writes down a run while it goes on, within bounds. It looks at nothing by itself: the world says
//! what happens and when, in order of time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::bins::{Bins, Fold};
use super::limits::{
    BIN_MS_MIN, BINS_MAX, CARRIERS_MAX, EVENTS_PER_KIND_MAX, HOSTS_MAX, MARKS_MAX, NAME_BYTES_MAX,
    SPAN_HOSTS_MAX, SPANS_MAX, TEXT_BYTES_MAX, VIOLATION_BYTES_MAX,
};
use super::run::{
    Carrier, Currency, Event, EventKind, Host, HostKind, Omitted, Run, Span, SpanKind, Totals,
    Violation,
};

/// A host as a run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: HostKind,
    /// Names of its carriers in order of preference, then of its LANs.
    pub carriers: Vec<String>,
}

/// The direction of a datagram, seen from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the host.
    Up,
    /// To the host.
    Down,
}

/// Sums over all hosts at an instant; what is none is not known now. Units as in [`Totals`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Goods there, in thousandths.
    pub stock: Option<i64>,
    /// Promise rights held, in thousandths.
    pub rights: Option<i64>,
    /// Money acknowledged, in minor units.
    pub money: Option<i64>,
    /// Money in the control's books, in minor units.
    pub money_at_control: Option<i64>,
}

/// A span that has not ended; or one that the limits left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanId(Option<u64>);

/// A run that goes on.
#[derive(Debug)]
pub struct Recorder {
    run: Run,
    events: BTreeMap<EventKind, usize>,
    /// In order of their beginning.
    spans: BTreeMap<u64, Span>,
    next_span: u64,
    /// Those that have not ended.
    open: BTreeSet<u64>,
    /// By host, the span in which it is down or stands still.
    halted: Vec<Option<SpanId>>,
}

impl Recorder {
    /// Begins a run.
    pub fn new(scenario: &str, seed: u64, hosts: &[Begin]) -> Self {
        let carriers = hosts.iter().map(|host| past(host.carriers.len(), CARRIERS_MAX));
        let omitted = Omitted {
            hosts: past(hosts.len(), HOSTS_MAX),
            carriers: carriers.take(HOSTS_MAX).sum(),
            ..Omitted::default()
        };
        let run = Run {
            scenario: cut(scenario, NAME_BYTES_MAX),
            seed,
            length_ms: 0,
            healing_ms: None,
            trace_hash: String::new(),
            bin_ms: BIN_MS_MIN,
            hosts: hosts.iter().take(HOSTS_MAX).map(lane).collect(),
            events: Vec::new(),
            spans: Vec::new(),
            totals: Totals::default(),
            currency: Currency { code: "USD".to_owned(), digits: 2 },
            violation: None,
            violations: 0,
            marks: BTreeMap::new(),
            omitted,
        };
        let halted = vec![None; run.hosts.len()];
        Self {
            run,
            events: BTreeMap::new(),
            spans: BTreeMap::new(),
            next_span: 0,
            open: BTreeSet::new(),
            halted,
        }
    }

    /// Something happened on a host. One that stops or crashes is down until it starts; one that
    /// pauses stands still until it resumes.
    pub fn event(&mut self, at: Duration, host: usize, kind: EventKind, text: &str) {
        if host < self.run.hosts.len() {
            self.keep(Event {
                at_ms: millis(at),
                host: index(host),
                kind,
                text: cut(text, TEXT_BYTES_MAX),
            });
        } else {
            self.run.omitted.events += 1;
        }
        let halts = match kind {
            EventKind::Stop | EventKind::Crash => Some(SpanKind::HostDown),
            EventKind::Pause => Some(SpanKind::HostPaused),
            EventKind::Start | EventKind::Resume => None,
            _ => return,
        };
        let Some(halted) = self.halted.get_mut(host) else { return };
        if let Some(span) = halted.take() {
            self.span_ends(at, span);
        }
        if let Some(kind) = halts {
            let span = self.span_begins(at, kind, &[host], None, text);
            self.halted[host] = Some(span);
        }
    }

    /// Something is the case from now on: for `hosts`, or for the whole network if there are none;
    /// on `carrier`, or on all.
    pub fn span_begins(
        &mut self,
        at: Duration,
        kind: SpanKind,
        hosts: &[usize],
        carrier: Option<&str>,
        text: &str,
    ) -> SpanId {
        let lanes = self.run.hosts.len();
        let shown = hosts.iter().filter(|host| **host < lanes).take(SPAN_HOSTS_MAX);
        let shown: Vec<u32> = shown.map(|host| index(*host)).collect();
        // Without its hosts a span would speak of the whole network.
        let is_lost = shown.is_empty() && !hosts.is_empty();
        if is_lost || !self.has_room_for_a_span() {
            self.run.omitted.spans += 1;
            return SpanId(None);
        }
        let from_ms = millis(at);
        let span = Span {
            from_ms,
            to_ms: from_ms,
            kind,
            hosts: shown,
            carrier: carrier.map(|name| cut(name, NAME_BYTES_MAX)),
            text: cut(text, TEXT_BYTES_MAX),
        };
        let id = self.next_span;
        self.next_span += 1;
        self.spans.insert(id, span);
        self.open.insert(id);
        SpanId(Some(id))
    }

    /// It is not the case any more. Ending a span twice changes nothing.
    pub fn span_ends(&mut self, at: Duration, span: SpanId) {
        let Some(id) = span.0.filter(|id| self.open.remove(id)) else { return };
        if let Some(span) = self.spans.get_mut(&id) {
            span.to_ms = millis(at).max(span.from_ms);
        }
    }

    /// The network changed, in no time.
    pub fn changed(&mut self, at: Duration, hosts: &[usize], carrier: Option<&str>, text: &str) {
        let span = self.span_begins(at, SpanKind::Changed, hosts, carrier, text);
        self.span_ends(at, span);
    }

    /// Bytes of datagrams passed over a carrier or LAN of a host, by its place in
    /// [`Begin::carriers`].
    pub fn passed(&mut self, at: Duration, host: usize, carrier: usize, way: Way, bytes: u64) {
        let bin = self.bin(at);
        let host = self.run.hosts.get_mut(host);
        let Some(carrier) = host.and_then(|host| host.carriers.get_mut(carrier)) else { return };
        let bins = match way {
            Way::Up => &mut carrier.up,
            Way::Down => &mut carrier.down,
        };
        bins.put(bin, signed(bytes), Fold::Sum);
    }

    /// A host has `backlog` events at risk, and lacks `lag` events of those that the control holds
    /// for it.
    pub fn behind(&mut self, at: Duration, host: usize, backlog: u64, lag: u64) {
        let bin = self.bin(at);
        let Some(host) = self.run.hosts.get_mut(host) else { return };
        host.backlog.put(bin, signed(backlog), Fold::Most);
        host.lag.put(bin, signed(lag), Fold::Most);
    }

    /// All hosts together have this.
    pub fn sums(&mut self, at: Duration, sums: Sums) {
        let bin = self.bin(at);
        let totals = &mut self.run.totals;
        let known = [
            (&mut totals.stock, sums.stock),
            (&mut totals.rights, sums.rights),
            (&mut totals.money, sums.money),
            (&mut totals.money_at_control, sums.money_at_control),
        ];
        for (bins, value) in known {
            if let Some(value) = value {
                bins.put(bin, value, Fold::Last);
            }
        }
    }

    /// A checker did not hold, at one host or for all of them. The first is kept whole.
    pub fn violated(&mut self, at: Duration, host: Option<usize>, checker: &str, text: &str) {
        self.run.violations += 1;
        if let Some(host) = host {
            self.event(at, host, EventKind::Violation, &format!("{checker}: {text}"));
        }
        let host = host.filter(|host| *host < self.run.hosts.len()).map(index);
        self.run.violation.get_or_insert_with(|| Violation {
            at_ms: millis(at),
            host,
            checker: cut(checker, NAME_BYTES_MAX),
            text: cut(text, VIOLATION_BYTES_MAX),
        });
    }

    /// Faults stopped; the liveness phase begins.
    pub fn heals(&mut self, at: Duration) {
        self.run.healing_ms = Some(millis(at));
    }

    /// A state that a healthy sweep reaches was reached so often; 0 says that it was not.
    pub fn mark(&mut self, name: &str, count: u64) {
        let name = cut(name, NAME_BYTES_MAX);
        if self.run.marks.len() == MARKS_MAX && !self.run.marks.contains_key(&name) {
            self.run.omitted.marks += 1;
        } else {
            self.run.marks.insert(name, count);
        }
    }

    /// What the money is in; US cents unless said.
    pub fn currency(&mut self, code: &str, digits: u8) {
        self.run.currency = Currency { code: cut(code, NAME_BYTES_MAX), digits };
    }

    /// The run is over; what is still the case lasts until now.
    pub fn finish(mut self, at: Duration, trace_hash: &str) -> Run {
        self.bin(at);
        for id in std::mem::take(&mut self.open) {
            if let Some(span) = self.spans.get_mut(&id) {
                span.to_ms = millis(at).max(span.from_ms);
            }
        }
        self.run.spans = std::mem::take(&mut self.spans).into_values().collect();
        self.run.length_ms = millis(at);
        self.run.trace_hash = cut(trace_hash, TEXT_BYTES_MAX);
        self.run
    }

    /// Keeps an event. Where its kind is full, every second one of the kind goes, so that what is
    /// long past is thinned out and what was just now is whole.
    fn keep(&mut self, event: Event) {
        let held = self.events.entry(event.kind).or_default();
        if *held == EVENTS_PER_KIND_MAX {
            let mut place = 0_usize;
            self.run.events.retain(|other| {
                place += usize::from(other.kind == event.kind);
                other.kind != event.kind || place.is_multiple_of(2)
            });
            *held = EVENTS_PER_KIND_MAX / 2;
            self.run.omitted.events += past(EVENTS_PER_KIND_MAX, *held);
        }
        *held += 1;
        self.run.events.push(event);
    }

    /// Whether one more span fits, after every second one that has ended went if none did.
    fn has_room_for_a_span(&mut self) -> bool {
        if self.spans.len() == SPANS_MAX {
            let mut place = 0_usize;
            let open = &self.open;
            self.spans.retain(|id, _| {
                let has_ended = !open.contains(id);
                place += usize::from(has_ended);
                !has_ended || place.is_multiple_of(2)
            });
            self.run.omitted.spans += past(SPANS_MAX, self.spans.len());
        }
        self.spans.len() < SPANS_MAX
    }

    /// The bin of a time, after bins were made long enough for it.
    fn bin(&mut self, at: Duration) -> usize {
        loop {
            let bin = usize::try_from(millis(at) / self.run.bin_ms).unwrap_or(usize::MAX);
            if bin < BINS_MAX {
                return bin;
            }
            self.run.bin_ms = self.run.bin_ms.saturating_mul(2);
            for host in &mut self.run.hosts {
                for carrier in &mut host.carriers {
                    carrier.up.merge_pairs(Fold::Sum);
                    carrier.down.merge_pairs(Fold::Sum);
                }
                host.backlog.merge_pairs(Fold::Most);
                host.lag.merge_pairs(Fold::Most);
            }
            let totals = &mut self.run.totals;
            for bins in [
                &mut totals.stock,
                &mut totals.rights,
                &mut totals.money,
                &mut totals.money_at_control,
            ] {
                bins.merge_pairs(Fold::Last);
            }
        }
    }
}

fn lane(host: &Begin) -> Host {
    let carrier = |name: &String| Carrier {
        name: cut(name, NAME_BYTES_MAX),
        up: Bins::default(),
        down: Bins::default(),
    };
    Host {
        name: cut(&host.name, NAME_BYTES_MAX),
        kind: host.kind,
        carriers: host.carriers.iter().take(CARRIERS_MAX).map(carrier).collect(),
        backlog: Bins::default(),
        lag: Bins::default(),
    }
}

/// The text in at most so many bytes, with dots where it was cut.
fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let mut end = bytes_max - 3;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end])
}

fn past(count: usize, max: usize) -> u64 {
    count.saturating_sub(max) as u64
}

fn index(host: usize) -> u32 {
    u32::try_from(host).expect("invariant: a lane's place is below HOSTS_MAX")
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn millis(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
