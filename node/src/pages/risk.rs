//! What only this disk holds, and whether anything can be done about it now.

use std::time::Duration;

use maud::{Markup, html};
use shell::page::words::{age, count, money};

use crate::core::Status;

/// The banner: green when nothing is at risk; what halts the node comes before everything.
pub(super) fn banner(status: &Status, wall_ms: u64, currency: &str) -> Markup {
    let risk = status.at_risk;
    let class = if risk.events == 0 { "good" } else { "warn" };
    html! {
        section #risk .(class) data-events=(risk.events) {
            @if let Some(reason) = &status.halted {
                p .alarm role="alert" { "HALTED. Nothing more can be sold here: " (reason) }
            }
            @if risk.events == 0 {
                div .big { "Nothing at risk" }
                small { "Every sale made here is safe at the centre as well." }
            } @else {
                div .big {
                    "At risk now: " (money(i128::from(risk.amount), currency)) " in "
                    (count(i128::from(risk.events), "event"))
                }
                small {
                    "Kept on this disk alone"
                    @if let Some(since) = risk.since_ms {
                        @let oldest = Duration::from_millis(wall_ms.saturating_sub(since));
                        ", the oldest for " (age(oldest))
                    }
                    ". Go on selling, and keep this machine until they are safe."
                }
            }
            p { (link(status)) }
        }
    }
}

fn link(status: &Status) -> Markup {
    let open = status.peers.iter().filter(|peer| peer.connected).count();
    html! {
        @if !status.link_up {
            span .badge .alarm { "Link off (drill)" }
        } @else if open == 0 {
            span .badge .alarm { "No link" }
        } @else {
            span .badge .good { "Link up" }
            " " small { "to " (count(open as i128, "peer")) }
        }
    }
}

/// Every peer with its lag, and what people must know of forks.
pub(super) fn peers(status: &Status) -> Markup {
    html! {
        section #peers {
            h2 { "Peers" }
            div .scroll {
                table {
                    thead {
                        tr {
                            th { "Peer" }
                            th { "Link" }
                            th .number { "Lacks of ours" }
                            th .number { "Heard" }
                        }
                    }
                    tbody {
                        @for peer in &status.peers {
                            @let (class, word) = match peer.connected {
                                true => ("good", "connected"),
                                false => ("alarm", "not connected"),
                            };
                            @let heard = age(Duration::from_millis(peer.last_seen_ms));
                            tr {
                                th scope="row" { (peer.name) }
                                td { span .badge .(class) { (word) } }
                                td .number { (count(i128::from(peer.behind), "event")) }
                                td .number { (heard) " ago" }
                            }
                        }
                    }
                }
            }
            @if status.peers.is_empty() {
                p .note { "No peer was heard since this node started." }
            }
            @for fork in &status.forks {
                p .warn {
                    "A disk was cloned or restored: device "
                    code { (fork.log.device) }
                    " has two histories after event " (fork.parent.seq)
                    ". Both count, each sale once. Tell the operator."
                }
            }
            @if status.disputed > 0 {
                p .warn {
                    (count(i128::from(status.disputed), "event"))
                    " came from a device after its rights had ended. They are kept and disputed."
                }
            }
        }
    }
}
