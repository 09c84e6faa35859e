//! The effects of faults of one machine, its disk and its clock.

use std::time::Duration;

use super::{Effect, Key, Maker};
use crate::protocol::world::Draw;
use crate::scenario::chance::{self, Purpose};
use crate::scenario::fault::{HostFault, Point};
use crate::scenario::plan::{Deed, Happening};

/// A crash is drawn at one of so many writes from its beginning on.
const WRITES: u64 = 12;
/// A crash is drawn at one of so many await points from its beginning on.
const AWAITS: u64 = 200;
/// What a process gets to end in order, before it is started again.
const IN_ORDER: Duration = Duration::from_secs(5);

impl Maker<'_> {
    /// The effects of a fault on one of its hosts.
    pub(super) fn host(&self, fault: &HostFault, host: usize) -> Vec<Effect> {
        let name = format!("{} {host}", self.name);
        let mut draw = chance::named(self.seed, Purpose::Fault, &name);
        let one = Host { maker: self, host };
        match fault {
            HostFault::Crash { .. }
            | HostFault::Restart { .. }
            | HostFault::PowerCut { .. }
            | HostFault::Pause { .. }
            | HostFault::Wipe { .. } => vec![one.power(fault, &mut draw)],
            HostFault::RestartFromBackup { taken_seconds, .. } => {
                let image = chance::number_of(self.name);
                let taken = one.make(&[Deed::TakeImage(image)], &[], None);
                let taken = Effect { from: taken_seconds.span(), ..taken };
                vec![taken, one.replaced(Deed::PutImage(image))]
            }
            HostFault::ClockStep { .. }
            | HostFault::ClockDrift { .. }
            | HostFault::Clock1970 { .. } => vec![one.clock(fault)],
            HostFault::DiskEio { .. }
            | HostFault::DiskEnospc { .. }
            | HostFault::DiskSlow { .. }
            | HostFault::BitRot { .. } => one.disk(fault, &mut draw),
            HostFault::LinkOff { .. } => {
                vec![one.make(&[Deed::LinkOff], &[Deed::LinkOn], one.key("link"))]
            }
            HostFault::LinkOn { .. } => vec![one.make(&[Deed::LinkOn], &[], None)],
            HostFault::Clone { .. } => self.copy(host).into_iter().collect(),
            HostFault::HostilePeer { .. } => Vec::new(),
        }
    }

    /// A hostile machine begins, and ends.
    pub(super) fn attack(&self) -> Option<Effect> {
        let host = self.extras.get(&(self.name.to_owned(), 0))?.0;
        let one = Host { maker: self, host };
        Some(one.make(&[Deed::Attack], &[Deed::EndAttack], None))
    }

    /// A copy of a machine starts, and ends.
    fn copy(&self, of: usize) -> Option<Effect> {
        let (to, _) = self.extras.get(&(self.name.to_owned(), of))?;
        let start = Happening::Host { host: of, deed: Deed::Copy { to: *to } };
        let end = Happening::Host { host: *to, deed: Deed::Stop };
        Some(self.effect(vec![start], vec![end], None))
    }
}

/// One of the hosts of a fault.
struct Host<'a> {
    maker: &'a Maker<'a>,
    host: usize,
}

impl Host<'_> {
    fn key(&self, name: &'static str) -> Option<Key> {
        Some((name, self.host, 0, String::new()))
    }

    fn make(&self, start: &[Deed], end: &[Deed], key: Option<Key>) -> Effect {
        let happening = |deed: &Deed| Happening::Host { host: self.host, deed: deed.clone() };
        let deeds = |deeds: &[Deed]| deeds.iter().map(happening).collect();
        self.maker.effect(deeds(start), deeds(end), key)
    }

    /// Holds a level: of two that overlap, the later one is what counts.
    fn level(&self, start: Deed, end: Deed, name: &'static str) -> Effect {
        Effect { is_level: true, ..self.make(&[start], &[end], self.key(name)) }
    }

    /// Off by this deed for as long as the fault goes on, or started again at once.
    fn replaced(&self, deed: Deed) -> Effect {
        match self.maker.fault.lasts {
            Some(_) => self.make(&[deed], &[Deed::Start], self.key("power")),
            None => self.make(&[deed, Deed::Start], &[], None),
        }
    }

    fn power(&self, fault: &HostFault, draw: &mut Draw) -> Effect {
        let number = |draw: &mut Draw, bound| u32::try_from(1 + draw.below(bound)).unwrap_or(1);
        match fault {
            HostFault::Crash { point, nth, .. } => {
                let bound = if *point == Point::Await { AWAITS } else { WRITES };
                let nth = nth.unwrap_or_else(|| number(draw, bound));
                let crash = Deed::Crash { point: *point, nth };
                self.make(&[crash], &[Deed::Start], self.key("power"))
            }
            HostFault::PowerCut { torn, .. } => {
                let part = u16::try_from(draw.below(1_000)).unwrap_or(0);
                let cut = Deed::PowerCut { torn_permille: torn.then_some(part) };
                self.make(&[cut], &[Deed::Start], self.key("power"))
            }
            HostFault::Pause { .. } => {
                self.make(&[Deed::Pause], &[Deed::Resume], self.key("pause"))
            }
            HostFault::Wipe { .. } => self.replaced(Deed::Wipe),
            _ => {
                let from = self.maker.from();
                self.off(from, self.maker.to().unwrap_or(from.saturating_add(IN_ORDER)))
            }
        }
    }

    /// Stopped in order, and started again.
    fn off(&self, from: Duration, to: Duration) -> Effect {
        let off = self.make(&[Deed::Stop], &[Deed::Start], self.key("power"));
        Effect { from, to: Some(to), ..off }
    }

    fn clock(&self, fault: &HostFault) -> Effect {
        match fault {
            HostFault::ClockStep { by_seconds, .. } => {
                let back = Deed::ClockStep(by_seconds.saturating_neg());
                self.make(&[Deed::ClockStep(*by_seconds)], &[back], None)
            }
            HostFault::ClockDrift { ppm, .. } => {
                self.level(Deed::ClockDrift(*ppm), Deed::ClockDrift(0), "drift")
            }
            _ => self.make(&[Deed::Clock1970], &[Deed::ClockRight], self.key("1970")),
        }
    }

    fn disk(&self, fault: &HostFault, draw: &mut Draw) -> Vec<Effect> {
        let broken = match fault {
            HostFault::DiskSlow { ms, .. } => {
                return vec![self.level(Deed::DiskSlow(*ms), Deed::DiskSlow(0), "slow")];
            }
            HostFault::BitRot { bits, .. } => {
                let luck = draw.below(u64::MAX);
                return vec![self.make(&[Deed::BitRot { bits: *bits, luck }], &[], None)];
            }
            HostFault::DiskEio { .. } => Deed::DiskEio,
            _ => Deed::DiskFull,
        };
        let broken = self.make(&[broken], &[Deed::DiskWell], self.key("disk"));
        // A store takes no more after a failed write, until its process starts anew.
        let anew = self.maker.to().map(|to| self.off(to, to.saturating_add(IN_ORDER)));
        [broken].into_iter().chain(anew).collect()
    }
}
