//! What can happen to machines, their disks and their clocks. Data only.

use serde::{Deserialize, Serialize};

use crate::scenario::decimal::Decimal;
use crate::scenario::hosts::HostSet;
use crate::scenario::spec::is_default;

/// What can happen to a machine. `host` may name several, as in `"1..4"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum HostFault {
    /// The process dies at some write or await point soon; it starts again at the end.
    Crash {
        /// Which.
        host: HostSet,
        /// Where in the code.
        #[serde(default, skip_serializing_if = "is_default")]
        point: Point,
        /// How many such points after the beginning; drawn by the seed if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nth: Option<u32>,
    },
    /// The process stops in order, and starts again at the end.
    Restart {
        /// Which.
        host: HostSet,
    },
    /// Power fails: what was not synced is gone. It is back at the end.
    PowerCut {
        /// Which, all at the same instant.
        host: HostSet,
        /// Whether the write under way leaves a part of itself behind.
        #[serde(default = "yes")]
        torn: bool,
    },
    /// The machine stands still and its clocks go on: a laptop with its lid closed.
    Pause {
        /// Which.
        host: HostSet,
    },
    /// The disk is replaced by a copy of itself that was made earlier.
    RestartFromBackup {
        /// Which.
        host: HostSet,
        /// When the copy was made: seconds from the start.
        taken_seconds: Decimal,
    },
    /// A second machine runs a copy of the disk beside the first.
    Clone {
        /// Which.
        host: HostSet,
        /// Whether it has customers of its own.
        #[serde(default = "yes")]
        sells: bool,
    },
    /// The disk is empty all at once; the key is still known.
    Wipe {
        /// Which.
        host: HostSet,
    },
    /// The clock jumps, and back at the end if there is one.
    ClockStep {
        /// Which.
        host: HostSet,
        /// How far; backwards if negative.
        by_seconds: i32,
    },
    /// The clock runs fast, or slow if negative.
    ClockDrift {
        /// Which.
        host: HostSet,
        /// By so many millionths.
        ppm: i32,
    },
    /// The clock says 1970, as after an empty battery.
    #[serde(rename = "clock-1970")]
    Clock1970 {
        /// Which.
        host: HostSet,
    },
    /// A write fails: an input/output error.
    DiskEio {
        /// Which.
        host: HostSet,
    },
    /// The disk is full.
    DiskEnospc {
        /// Which.
        host: HostSet,
    },
    /// A sync takes long.
    DiskSlow {
        /// Which.
        host: HostSet,
        /// Milliseconds for each.
        ms: u32,
    },
    /// Bits of the disk flip.
    BitRot {
        /// Which.
        host: HostSet,
        /// How many.
        #[serde(default = "one")]
        bits: u32,
    },
    /// A machine nobody knows talks to these.
    HostilePeer {
        /// Which.
        host: HostSet,
        /// What it sends.
        #[serde(default, skip_serializing_if = "is_default")]
        sends: Hostility,
        /// How many a second.
        #[serde(default = "ten")]
        per_second: u32,
    },
    /// The operator takes sync off, and on again at the end.
    LinkOff {
        /// Which.
        host: HostSet,
    },
    /// The operator takes sync on.
    LinkOn {
        /// Which.
        host: HostSet,
    },
}

/// Where in the code a machine crashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Wherever it is.
    Now,
    /// At a write to the disk: all, nothing or a part of it stays.
    #[default]
    Write,
    /// At an await point.
    Await,
}

/// What a hostile peer sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hostility {
    /// Each of those below in turn.
    #[default]
    All,
    /// Bytes that mean nothing.
    Garbage,
    /// Messages that are larger than they may be.
    Oversized,
    /// Messages in order from a device without a grant.
    Unauthorized,
}

/// Every kind of [`HostFault`].
pub(super) const KINDS: &[&str] = &[
    "crash",
    "restart",
    "power-cut",
    "pause",
    "restart-from-backup",
    "clone",
    "wipe",
    "clock-step",
    "clock-drift",
    "clock-1970",
    "disk-eio",
    "disk-enospc",
    "disk-slow",
    "bit-rot",
    "hostile-peer",
    "link-off",
    "link-on",
];

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn ten() -> u32 {
    10
}

impl HostFault {
    /// Which hosts it hits.
    pub fn hosts(&self) -> &HostSet {
        match self {
            Self::Crash { host, .. }
            | Self::Restart { host }
            | Self::PowerCut { host, .. }
            | Self::Pause { host }
            | Self::RestartFromBackup { host, .. }
            | Self::Clone { host, .. }
            | Self::Wipe { host }
            | Self::ClockStep { host, .. }
            | Self::ClockDrift { host, .. }
            | Self::Clock1970 { host }
            | Self::DiskEio { host }
            | Self::DiskEnospc { host }
            | Self::DiskSlow { host, .. }
            | Self::BitRot { host, .. }
            | Self::HostilePeer { host, .. }
            | Self::LinkOff { host }
            | Self::LinkOn { host } => host,
        }
    }

    /// What it is called in a file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::Restart { .. } => "restart",
            Self::PowerCut { .. } => "power-cut",
            Self::Pause { .. } => "pause",
            Self::RestartFromBackup { .. } => "restart-from-backup",
            Self::Clone { .. } => "clone",
            Self::Wipe { .. } => "wipe",
            Self::ClockStep { .. } => "clock-step",
            Self::ClockDrift { .. } => "clock-drift",
            Self::Clock1970 { .. } => "clock-1970",
            Self::DiskEio { .. } => "disk-eio",
            Self::DiskEnospc { .. } => "disk-enospc",
            Self::DiskSlow { .. } => "disk-slow",
            Self::BitRot { .. } => "bit-rot",
            Self::HostilePeer { .. } => "hostile-peer",
            Self::LinkOff { .. } => "link-off",
            Self::LinkOn { .. } => "link-on",
        }
    }
}
