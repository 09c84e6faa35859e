//! What a drawn fault is: the fields of each kind, from a stream of random numbers.

use crate::net::{Change, LinkSpec};
use crate::protocol::world::Draw;
use crate::scenario::decimal::Decimal;
use crate::scenario::fault::{self, Broad, HostFault, Hostility, Point, What};
use crate::scenario::hosts::HostSet;
use crate::scenario::plan::carriers_of_stalls;
use crate::scenario::spec::Scenario;

/// What only undoes another fault: a drawn one ends by itself.
const UNDOING: &[&str] = &["heal", "heal-one-way", "carrier-up", "heal-all", "link-on"];

/// Every kind that can be drawn.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    fault::kinds().filter(|kind| !UNDOING.contains(kind))
}

/// A fault of this kind that begins at `at_ms`; `None` where the venue has no room for it.
pub(super) fn draw(scenario: &Scenario, kind: &str, at_ms: u64, draw: &mut Draw) -> Option<What> {
    let mut venue = Venue { scenario, draw };
    match kind {
        "cut" | "cut-one-way" | "lan-down" | "respec" => venue.network(kind).map(What::Network),
        "carrier-down" | "carrier-silent" | "captive" | "silent-up" | "rebind" | "readdress"
        | "prefer" => venue.interface(kind).map(What::Network),
        "carrier-outage" | "blackout" | "partition" | "flapping" => {
            venue.broad(kind).map(What::Broad)
        }
        "clock-step" | "clock-drift" | "clock-1970" => venue.clock(kind).map(What::Host),
        "disk-eio" | "disk-enospc" | "disk-slow" | "bit-rot" => venue.disk(kind).map(What::Host),
        _ => venue.machine(kind, at_ms).map(What::Host),
    }
}

struct Venue<'a> {
    scenario: &'a Scenario,
    draw: &'a mut Draw,
}

impl Venue<'_> {
    fn number(&mut self, from: u32, to: u32) -> u32 {
        let below = self.draw.below(u64::from(to - from) + 1);
        from + u32::try_from(below).unwrap_or(0)
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        let at = usize::try_from(self.draw.below(all.len() as u64)).unwrap_or(0);
        all.get(at).cloned()
    }

    /// A host that is there: a stall, or the control too.
    fn host(&mut self, first: usize) -> Option<usize> {
        let scenario = self.scenario;
        let hosts: Vec<usize> =
            (first..=scenario.stalls).filter(|host| scenario.is_present(*host)).collect();
        self.one_of(&hosts)
    }

    /// Two hosts that are there.
    fn pair(&mut self) -> Option<(usize, usize)> {
        let scenario = self.scenario;
        let present = (0..=scenario.stalls).filter(|host| scenario.is_present(*host));
        let mut hosts: Vec<usize> = present.collect();
        let from = self.one_of(&hosts)?;
        hosts.retain(|host| *host != from);
        Some((from, self.one_of(&hosts)?))
    }

    /// A carrier of a host; the control's too, where it names one.
    fn carrier(&mut self) -> Option<(usize, String)> {
        let scenario = self.scenario;
        let present = (0..=scenario.stalls).filter(|host| scenario.is_present(*host));
        let of = |host: usize| {
            scenario.carriers_of(host).iter().map(move |carrier| (host, carrier.clone()))
        };
        let all: Vec<(usize, String)> = present.flat_map(of).collect();
        self.one_of(&all)
    }

    fn interface(&mut self, kind: &str) -> Option<Change> {
        let (host, carrier) = self.carrier()?;
        Some(match kind {
            "carrier-down" => Change::CarrierDown { host, carrier },
            "carrier-silent" => Change::CarrierSilent { host, carrier, silent: true },
            "captive" => Change::Captive { host, carrier, captive: true },
            "silent-up" => Change::SilentUp { host, carrier, silent: true },
            "rebind" => Change::Rebind { host, carrier },
            "readdress" => Change::Readdress { host, carrier },
            _ => Change::Prefer { host, carrier },
        })
    }

    fn network(&mut self, kind: &str) -> Option<Change> {
        match kind {
            "cut" | "cut-one-way" => {
                let (from, to) = self.pair()?;
                Some(match kind {
                    "cut" => Change::Cut { a: from, b: to },
                    _ => Change::CutOneWay { from, to },
                })
            }
            "lan-down" => {
                let lans: Vec<String> = self.scenario.lans.keys().cloned().collect();
                Some(Change::LanDown { lan: self.one_of(&lans)?, down: true })
            }
            "respec" => {
                let carriers = carriers_of_stalls(self.scenario);
                let carrier = self.one_of(&carriers)?;
                let spec = self.scenario.carriers.get(&carrier)?.clone();
                let up = Some(self.worse(spec.up));
                let down = Some(self.worse(spec.down));
                Some(Change::Respec { carrier, up, down })
            }
            _ => None,
        }
    }

    /// The same link on a bad evening.
    fn worse(&mut self, link: LinkSpec) -> LinkSpec {
        match self.draw.below(4) {
            0 => LinkSpec {
                lost_permille: u16::try_from(self.number(100, 400)).unwrap_or(400),
                ..link
            },
            // Too little for what is sent, and a queue that holds it for a long time.
            1 => LinkSpec {
                rate_kbit: Some(self.number(32, 256)),
                trace: None,
                queue_bytes: 1024 * 1024,
                ..link
            },
            2 => LinkSpec { delay_ms: self.number(500, 2_000), ..link },
            // The least that QUIC needs (RFC 9000, section 14) still passes.
            _ => LinkSpec { mtu: 1_280, ..link },
        }
    }

    fn broad(&mut self, kind: &str) -> Option<Broad> {
        let silent = |draw: &mut Draw| draw.permille(500);
        match kind {
            "carrier-outage" => {
                let carriers = carriers_of_stalls(self.scenario);
                let carrier = self.one_of(&carriers)?;
                Some(Broad::CarrierOutage { carrier, silent: silent(self.draw) })
            }
            "blackout" => Some(Broad::Blackout { carriers: Vec::new(), silent: silent(self.draw) }),
            "partition" => {
                let mut sides = [HostSet::default(), HostSet::default()];
                for host in 0..=self.scenario.stalls {
                    sides[usize::from(self.draw.permille(500))].insert(host);
                }
                let whole = sides.iter().any(HostSet::is_empty);
                (!whole).then(|| Broad::Partition { sides: sides.to_vec() })
            }
            "flapping" => {
                let (host, carrier) = self.carrier()?;
                let down_seconds = Decimal::whole(self.number(1, 10));
                let up_seconds = Decimal::whole(self.number(1, 20));
                let host = HostSet::one(host);
                Some(Broad::Flapping { host, carrier, down_seconds, up_seconds })
            }
            _ => None,
        }
    }

    fn machine(&mut self, kind: &str, at_ms: u64) -> Option<HostFault> {
        let any = HostSet::one(self.host(0)?);
        let stall = HostSet::one(self.host(1)?);
        Some(match kind {
            "crash" => {
                let point = self.one_of(&[Point::Write, Point::Await, Point::Now])?;
                HostFault::Crash { host: any, point, nth: None }
            }
            "restart" => HostFault::Restart { host: any },
            "power-cut" => {
                // One plug, or the fuse of the venue.
                let all = (1..=self.scenario.stalls).collect();
                let host = if self.draw.permille(250) { all } else { any };
                HostFault::PowerCut { host, torn: self.draw.permille(500) }
            }
            "pause" => HostFault::Pause { host: any },
            "restart-from-backup" => {
                let taken_seconds = Decimal::thousandths(self.draw.below(at_ms));
                HostFault::RestartFromBackup { host: stall, taken_seconds }
            }
            "clone" => HostFault::Clone { host: stall, sells: self.draw.permille(700) },
            "wipe" => HostFault::Wipe { host: stall },
            "hostile-peer" => {
                let per_second = self.number(1, 50);
                HostFault::HostilePeer { host: any, sends: Hostility::All, per_second }
            }
            "link-off" => HostFault::LinkOff { host: stall },
            _ => return None,
        })
    }

    fn clock(&mut self, kind: &str) -> Option<HostFault> {
        let host = HostSet::one(self.host(1)?);
        let sign = if self.draw.permille(500) { 1 } else { -1 };
        Some(match kind {
            "clock-step" => {
                // An hour, as daylight saving has it, or any.
                let hour = self.draw.permille(300);
                let far = if hour { 3_600 } else { self.number(1, 100_000).cast_signed() };
                HostFault::ClockStep { host, by_seconds: sign * far }
            }
            "clock-drift" => {
                HostFault::ClockDrift { host, ppm: sign * self.number(10, 5_000).cast_signed() }
            }
            _ => HostFault::Clock1970 { host },
        })
    }

    fn disk(&mut self, kind: &str) -> Option<HostFault> {
        let any = HostSet::one(self.host(0)?);
        Some(match kind {
            "disk-eio" => HostFault::DiskEio { host: any },
            "disk-enospc" => HostFault::DiskEnospc { host: any },
            "disk-slow" => HostFault::DiskSlow { host: any, ms: self.number(20, 2_000) },
            _ => {
                let host = HostSet::one(self.host(1)?);
                HostFault::BitRot { host, bits: self.number(1, 8) }
            }
        })
    }
}
