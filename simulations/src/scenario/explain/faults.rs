//! Faults in plain words.

use super::{hosts, links, seconds};
use crate::net::{Change, LinkSpec};
use crate::scenario::fault::{Broad, Fault, HostFault, Hostility, Point, What};
use crate::scenario::hosts::HostSet;
use crate::scenario::ids::Id;
use crate::scenario::spec::Scenario;

/// All faults in the order of time, one a line.
pub(super) fn time_line(scenario: &Scenario) -> Vec<String> {
    let mut faults: Vec<(usize, &Fault)> = scenario.faults.iter().enumerate().collect();
    faults.sort_by_key(|(place, fault)| (fault.at, *place));
    let line = |(place, fault): (usize, &Fault)| {
        let name = fault.name(place);
        let at = seconds(fault.at);
        let lasts = match fault.lasts {
            Some(lasts) => format!(", for {}", seconds(lasts)),
            None if fault.what.has_end() && is_open(&fault.what) => ", to the end".to_owned(),
            None => String::new(),
        };
        let is_out = scenario.without.contains(&Id::Fault(name.clone()));
        let out = if is_out { " (left out)" } else { "" };
        format!("at {at}{lasts}: {} [{name}]{out}", words(&fault.what))
    };
    faults.into_iter().map(line).collect()
}

/// Whether it goes on to the end of the market where no other end is given.
fn is_open(what: &What) -> bool {
    !matches!(
        what,
        What::Host(
            HostFault::Restart { .. }
                | HostFault::RestartFromBackup { .. }
                | HostFault::Wipe { .. }
                | HostFault::ClockStep { .. }
        )
    )
}

fn words(what: &What) -> String {
    match what {
        What::Network(change) => network(change),
        What::Host(fault) => host(fault),
        What::Broad(broad) => many(broad),
    }
}

fn one(host: usize) -> String {
    hosts(&HostSet::one(host))
}

fn network(change: &Change) -> String {
    match change {
        Change::Cut { a, b } => format!("nothing passes between {} and {}", one(*a), one(*b)),
        Change::Heal { a, b } => format!("{} and {} reach each other again", one(*a), one(*b)),
        Change::CutOneWay { from, to } => {
            format!("nothing passes from {} to {}, only back", one(*from), one(*to))
        }
        Change::HealOneWay { from, to } => format!("{} reaches {} again", one(*from), one(*to)),
        Change::CarrierDown { host, carrier } => format!("{} loses {carrier}", one(*host)),
        Change::CarrierUp { host, carrier } => format!("{} has {carrier} again", one(*host)),
        Change::CarrierSilent { host, carrier, silent } => {
            let now = if *silent { "looks up and carries nothing" } else { "carries again" };
            format!("{carrier} of {} {now}", one(*host))
        }
        Change::Captive { host, carrier, captive } => {
            let now = if *captive { "is behind a login page" } else { "is logged in" };
            format!("{carrier} of {} {now}", one(*host))
        }
        Change::SilentUp { host, carrier, silent } => {
            let now = if *silent { "carries nothing up, only down" } else { "carries both ways" };
            format!("{carrier} of {} {now}", one(*host))
        }
        Change::Rebind { host, carrier } => {
            format!("the NAT of {carrier} at {} takes other ports", one(*host))
        }
        Change::Readdress { host, carrier } => {
            format!("{} gets another address on {carrier}", one(*host))
        }
        Change::Prefer { host, carrier } => format!("{} moves over to {carrier}", one(*host)),
        Change::LanDown { lan, down } => {
            format!("the LAN {lan} is {}", if *down { "down" } else { "up again" })
        }
        Change::Respec { carrier, up, down } => {
            let way = |name: &str, link: &Option<LinkSpec>| {
                link.as_ref().map(|link| format!(" {name} {}", links::link(link)))
            };
            let ways: Vec<String> =
                [way("up", up), way("down", down)].into_iter().flatten().collect();
            format!("{carrier} is for everybody{}", ways.join(";"))
        }
        Change::HealAll => "the whole network is well again".to_owned(),
    }
}

fn host(fault: &HostFault) -> String {
    let who = hosts(fault.hosts());
    match fault {
        HostFault::Crash { point, .. } => {
            let place = match point {
                Point::Now => "",
                Point::Write => " at a write to the disk",
                Point::Await => " at some await point",
            };
            format!("{who} crashes{place}, and starts again at the end")
        }
        HostFault::Restart { .. } => format!("{who} is stopped in order and started again"),
        HostFault::PowerCut { torn, .. } => {
            let torn = if *torn { ", and a write is torn" } else { "" };
            format!("power fails at {who}: what is not synced is lost{torn}")
        }
        HostFault::Pause { .. } => format!("{who} stands still, like a laptop with its lid closed"),
        HostFault::RestartFromBackup { taken_seconds, .. } => {
            format!("{who} goes on from a copy of its disk made at {}", seconds(*taken_seconds))
        }
        HostFault::Clone { sells, .. } => {
            let sells = if *sells { ", with customers of its own" } else { "" };
            format!("a second machine runs a copy of the disk of {who}{sells}")
        }
        HostFault::Wipe { .. } => format!("the disk of {who} is empty"),
        HostFault::ClockStep { by_seconds, .. } => {
            format!("the clock of {who} jumps by {by_seconds} s")
        }
        HostFault::ClockDrift { ppm, .. } => {
            format!("the clock of {who} gains {ppm} millionths")
        }
        HostFault::Clock1970 { .. } => format!("the clock of {who} says 1970"),
        HostFault::DiskEio { .. } => format!("a write of {who} fails with an I/O error"),
        HostFault::DiskEnospc { .. } => format!("the disk of {who} is full"),
        HostFault::DiskSlow { ms, .. } => format!("each sync of {who} takes {ms} ms more"),
        HostFault::BitRot { bits, .. } => format!("{bits} bits flip on the disk of {who}"),
        HostFault::HostilePeer { sends, per_second, .. } => {
            let what = match sends {
                Hostility::All => "garbage, oversized and unauthorized messages",
                Hostility::Garbage => "garbage",
                Hostility::Oversized => "oversized messages",
                Hostility::Unauthorized => "unauthorized messages",
            };
            format!("a stranger sends {who} {what}, {per_second} a second")
        }
        HostFault::LinkOff { .. } => format!("the operator of {who} takes sync off"),
        HostFault::LinkOn { .. } => format!("the operator of {who} takes sync on"),
    }
}

fn many(broad: &Broad) -> String {
    let looks = |silent: bool| if silent { "looks up and carries nothing" } else { "is down" };
    match broad {
        Broad::CarrierOutage { carrier, silent } => {
            format!("{carrier} {} for everybody", looks(*silent))
        }
        Broad::Blackout { carriers, silent } if carriers.is_empty() => {
            format!("every carrier {} for everybody", looks(*silent))
        }
        Broad::Blackout { carriers, silent } => {
            format!("each of {} {} for everybody", carriers.join(", "), looks(*silent))
        }
        Broad::Partition { sides } => {
            let sides: Vec<String> = sides.iter().map(hosts).collect();
            format!("nothing passes between {}", sides.join(" | "))
        }
        Broad::Flapping { host, carrier, down_seconds, up_seconds } => {
            let times = format!("{down_seconds} s down, {up_seconds} s up");
            format!("{carrier} of {} comes and goes: {times}", hosts(host))
        }
    }
}
