//! Every stall with its lag; forks and disputed events in words that need no manual.

use std::time::Duration;

use maud::{Markup, html};
use shell::page::words::{age, count};

use crate::core::{StallStatus, Status};

/// An agreement as old as this says when it was.
const BOOKS_STALE_MS: u64 = 10_000;

/// What is wrong with the whole, first; nothing when nothing is.
pub(super) fn alarms(status: &Status) -> Markup {
    let wrong = status.halted.is_some() || !status.forks.is_empty() || status.disputed > 0;
    html! {
        section #alarms hidden[!wrong] {
            @if let Some(reason) = &status.halted {
                p .alarm role="alert" { "HALTED. Nothing more is written here: " (reason) }
            }
            @for fork in &status.forks {
                p .warn {
                    "A disk was cloned or restored: device " code { (fork.log.device) }
                    " has two histories after event " (fork.parent.seq) " of its "
                    (format!("{:?}", fork.log.lane).to_lowercase())
                    " log. Both count, each sale once. If nobody restored a backup there, somebody \
                     runs a copy of that disk: find it, and revoke the device."
                    @if !fork.proven { " The proof is not here yet." }
                }
            }
            @if status.disputed > 0 {
                p .warn {
                    (count(i128::from(status.disputed), "event"))
                    " came from devices after their rights had ended. They are kept and counted, \
                     and shown as disputed at their stall."
                }
            }
        }
    }
}

/// The table of stalls.
pub(super) fn section(stalls: &[StallStatus]) -> Markup {
    html! {
        section #stalls {
            h2 { "Stalls" }
            div .scroll {
                table {
                    thead {
                        tr {
                            th { "Stall" }
                            th { "Link" }
                            th .number { "Behind" }
                            th .number { "Last seen" }
                            th .number { "Events here" }
                            th { "Books" }
                        }
                    }
                    tbody { @for stall in stalls { (row(stall)) } }
                }
            }
            @for stall in stalls.iter().filter(|stall| matches!(stall.agreed, Some((false, _)))) {
                p .alarm role="alert" {
                    "The books of " (stall.name) " differ from these over the same events. A \
                     program or a disk is at fault: run `verify` at both, and ask for help."
                }
            }
            @if stalls.is_empty() {
                p .note { "No stall has joined yet; `tentpole-control invite` makes a token." }
            }
        }
    }
}

fn row(stall: &StallStatus) -> Markup {
    let (class, word) = match (stall.revoked, stall.connected) {
        (true, _) => ("alarm", "revoked"),
        (false, true) => ("good", "connected"),
        (false, false) => ("warn", "not connected"),
    };
    html! {
        tr data-stall=(stall.name) {
            th scope="row" {
                (stall.name) " " small { (stall.merchant) }
                @if stall.disputed > 0 {
                    br;
                    span .badge .warn { (count(i128::from(stall.disputed), "disputed event")) }
                }
            }
            td { span .badge .(class) { (word) } }
            td .number { (behind(stall)) }
            td .number { (seen(stall)) }
            td .number { (stall.events) }
            td { (books(stall)) }
        }
    }
}

/// What it has announced and is not here. Of what it has not announced nobody here can know.
fn behind(stall: &StallStatus) -> Markup {
    html! {
        @match stall.behind {
            0 => "0",
            behind => span .badge .warn { (count(i128::from(behind), "event")) },
        }
    }
}

/// The digests of both, compared when both last held the same events.
fn books(stall: &StallStatus) -> Markup {
    html! {
        @match stall.agreed {
            None => span .badge { "no word" },
            Some((true, ms)) => {
                span .badge .good { "equal" } " "
                @if ms > BOOKS_STALE_MS { small { (age(Duration::from_millis(ms))) " ago" } }
            }
            Some((false, _)) => span .badge .alarm { "differ" },
        }
    }
}

fn seen(stall: &StallStatus) -> String {
    match stall.last_seen_ms {
        Some(ms) => format!("{} ago", age(Duration::from_millis(ms))),
        None => "not since start".to_owned(),
    }
}
