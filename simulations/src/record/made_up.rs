//! Runs that nobody ran: what the picture is tried on. Everything that a picture can show is in
//! them, and they are the same for the same seed. They say nothing about the product.

use std::time::Duration;

use super::recorder::{Begin, Recorder, SpanId, Sums, Way};
use super::run::{EventKind, HostKind, Run, SpanKind};

/// What a carrier can be, besides well.
const TROUBLES: [(SpanKind, &str); 4] = [
    (SpanKind::CarrierSilent, "looks up, nothing passes"),
    (SpanKind::CarrierDown, "interface gone"),
    (SpanKind::UplinkSilent, "uplink dead"),
    (SpanKind::Captive, "captive portal"),
];

/// A stall while the run is made up.
#[derive(Default)]
struct Stall {
    backlog: u64,
    lag: u64,
    /// When it starts again.
    down_until: Option<u64>,
    pauses_until: Option<u64>,
    /// By carrier, until when it is in trouble.
    trouble: [Option<(u64, SpanId, SpanKind)>; 2],
    cut_until: u64,
}

/// A run of `stalls` that goes on for `length`.
pub fn run(stalls: usize, length: Duration, seed: u64) -> Run {
    let market = Market {
        recorder: Recorder::new("night-market", seed, &begin(stalls)),
        draw: Draw(seed.wrapping_mul(2).wrapping_add(1)),
        stalls: (0..stalls).map(|_| Stall::default()).collect(),
        money: 0,
        stock: 250 * (stalls as i64) * (length.as_secs() as i64) - 40_000,
        at: 0,
        length: length.as_secs(),
    };
    market.go_on()
}

fn begin(stalls: usize) -> Vec<Begin> {
    let carriers = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let control = Begin {
        name: "control".to_owned(),
        kind: HostKind::Control,
        carriers: carriers(&["fibre"]),
    };
    let stall = |number: usize| Begin {
        name: format!("stall {number}"),
        kind: if number == 13 { HostKind::Hostile } else { HostKind::Stall },
        carriers: carriers(&["lte", "wifi", "lan"]),
    };
    std::iter::once(control).chain((1..=stalls).map(stall)).collect()
}

struct Market {
    recorder: Recorder,
    draw: Draw,
    stalls: Vec<Stall>,
    money: i64,
    stock: i64,
    at: u64,
    length: u64,
}

impl Market {
    fn go_on(mut self) -> Run {
        let healing = self.length * 9 / 10;
        (0..self.stalls.len() + 1).for_each(|host| {
            self.recorder.event(Duration::ZERO, host, EventKind::Start, "first start");
        });
        let mut split = None;
        for at in 0..self.length {
            self.at = at;
            if at == self.length / 3 {
                split = Some(self.split());
            }
            if at == self.length * 9 / 20 {
                split.take().unwrap_or_default().into_iter().for_each(|span| self.ends(span));
            }
            if at == healing {
                self.recorder.heals(self.now());
            }
            (0..self.stalls.len()).for_each(|stall| self.second(stall, at < healing));
            self.look();
        }
        self.recorder.mark("failover during a backlog", 12);
        self.recorder.mark("restore during a partition", 0);
        self.recorder.mark("rights moved over lan while the uplink is dead", 3);
        let hash = "5f3a9c0d71be24e86a55d0f1c2b7e6938f4410ac";
        self.recorder.finish(Duration::from_secs(self.length), hash)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(self.at)
    }

    fn ends(&mut self, span: SpanId) {
        self.recorder.span_ends(self.now(), span);
    }

    /// Two halves that do not hear each other; the lower one has the control.
    fn split(&mut self) -> Vec<SpanId> {
        let half = self.stalls.len() / 2;
        let now = self.now();
        self.recorder.changed(now, &[], Some("lte"), "every lte link slows down to 256 kbit/s");
        let mut spans = Vec::new();
        for a in 0..=half {
            for b in half + 1..=self.stalls.len() {
                let text = format!("{a} and {b} do not hear each other");
                let kind = SpanKind::Partition;
                spans.push(self.recorder.span_begins(now, kind, &[a, b], None, &text));
                self.stalls[b - 1].cut_until = self.length * 9 / 20;
            }
        }
        spans
    }

    fn second(&mut self, index: usize, faults: bool) {
        self.recover(index);
        if faults {
            self.trouble(index);
        }
        let (now, host) = (self.now(), index + 1);
        let sells = self.draw.below(10) == 0;
        let stall = &mut self.stalls[index];
        if stall.down_until.is_some() || stall.pauses_until.is_some() {
            if sells && stall.down_until.is_some() {
                self.recorder.event(now, host, EventKind::Refused, "sale: the stall is down");
            }
            return;
        }
        if sells {
            stall.backlog += 1;
            self.stock -= 1_000 * (1 + self.draw.below(4)) as i64;
            self.money += 300 + self.draw.below(2_000) as i64;
        }
        let well = |trouble: &Option<(u64, SpanId, SpanKind)>| trouble.is_none();
        let stall = &mut self.stalls[index];
        let carrier = stall.trouble.iter().position(well).filter(|_| stall.cut_until <= self.at);
        if let Some(carrier) = carrier {
            let sent = stall.backlog.min(20);
            let got = stall.lag.min(30);
            (stall.backlog, stall.lag) = (stall.backlog - sent, stall.lag - got);
            let up = 90 + self.draw.below(60) + sent * 420;
            let down = 70 + self.draw.below(60) + got * 380;
            self.recorder.passed(now, host, carrier, Way::Up, up);
            self.recorder.passed(now, host, carrier, Way::Down, down);
            self.recorder.passed(now, 0, 0, Way::Down, up);
            self.recorder.passed(now, 0, 0, Way::Up, down);
        } else {
            stall.lag += self.draw.below(3);
        }
        self.recorder.passed(now, host, 2, Way::Up, 30 + self.draw.below(20));
        self.recorder.passed(now, host, 2, Way::Down, 30 + self.draw.below(20));
    }

    fn recover(&mut self, index: usize) {
        let (now, at, host) = (self.now(), self.at, index + 1);
        let stall = &mut self.stalls[index];
        if stall.down_until.is_some_and(|until| until <= at) {
            stall.down_until = None;
            self.recorder.event(now, host, EventKind::Start, "restarted");
        }
        if stall.pauses_until.is_some_and(|until| until <= at) {
            stall.pauses_until = None;
            self.recorder.event(now, host, EventKind::Resume, "lid opened");
        }
        for trouble in &mut stall.trouble {
            if let Some((_, span, _)) = trouble.take_if(|(until, ..)| *until <= at) {
                self.recorder.span_ends(now, span);
            }
        }
    }

    fn trouble(&mut self, index: usize) {
        let (now, host) = (self.now(), index + 1);
        // About fourteen over the whole run.
        let drawn = self.draw.below(self.length.max(1));
        if drawn >= 14 {
            return;
        }
        let until = self.at + 5 + self.draw.below(self.length / 14 + 1);
        match drawn {
            0 | 1 => {
                let torn = "power cut; the last 312 bytes were torn";
                self.recorder.event(now, host, EventKind::Crash, torn);
                self.stalls[index].down_until = Some(until);
            }
            2 if self.stalls[index].down_until.is_none() => {
                self.recorder.event(now, host, EventKind::Pause, "lid closed");
                self.stalls[index].pauses_until = Some(until);
            }
            3 => self.recorder.event(now, host, EventKind::Fault, "clock steps back by 1 h"),
            4 if index == 1 => {
                self.recorder.event(now, host, EventKind::Clone, "runs from stall 1's disk");
            }
            5 => self.recorder.changed(now, &[host], Some("lte"), "NAT mappings rebound"),
            6 => {
                let kind = SpanKind::OneWay;
                let span = self.recorder.span_begins(now, kind, &[host, 0], None, "not heard");
                self.recorder.span_ends(Duration::from_secs(until), span);
            }
            _ => {
                let carrier = self.draw.below(2) as usize;
                let (kind, text) = TROUBLES[self.draw.below(4) as usize];
                if self.stalls[index].trouble[carrier].is_none() {
                    let name = ["lte", "wifi"][carrier];
                    let span = self.recorder.span_begins(now, kind, &[host], Some(name), text);
                    self.stalls[index].trouble[carrier] = Some((until, span, kind));
                }
            }
        }
    }

    fn look(&mut self) {
        let now = self.now();
        for (index, stall) in self.stalls.iter().enumerate() {
            self.recorder.behind(now, index + 1, stall.backlog, stall.lag);
        }
        let at_risk: u64 = self.stalls.iter().map(|stall| stall.backlog).sum();
        self.recorder.sums(
            now,
            Sums {
                stock: Some(self.stock),
                rights: Some(self.stock.max(0) * 2 / 3),
                money: Some(self.money),
                money_at_control: Some(self.money - 1_300 * at_risk as i64),
            },
        );
        if self.at == self.length * 7 / 10 {
            let text = "stall 2 sold 3 pieces of item-17 that it has no rights for: held 2.000, \
                        sold 5.000\n  grant 4 (stall 2): 2.000\n  sale till-2/118: 5.000";
            self.recorder.violated(now, Some(2), "oversold-within-exposure", text);
            self.recorder.violated(now, None, "money-conserved", "follows from the first");
        }
    }
}

/// Numbers that look drawn: Knuth's 64-bit linear congruential generator (MMIX), upper half.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) % bound.max(1)
    }
}
