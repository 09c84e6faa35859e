//! What a control's metrics say beside what the shell counts: one line a gauge.

use shell::metrics::Scrape;

use crate::core::{StallStatus, Status};

/// Adds how the market stands.
pub(super) fn fill(scrape: &mut Scrape, status: &Status, stalls: &[StallStatus]) {
    let connected = stalls.iter().filter(|stall| stall.connected).count();
    let events = stalls.iter().map(|stall| (stall.stall.to_string(), stall.events));
    let behind = stalls.iter().map(|stall| (stall.stall.to_string(), stall.behind));
    scrape.gauge("events", "Events held", status.events);
    scrape.gauge(
        "halted",
        "1 when nothing is written any more",
        i64::from(status.halted.is_some()),
    );
    scrape.gauge("forks", "Logs with two branches", status.forks.len());
    scrape.gauge("disputed_events", "Events beyond a revocation", status.disputed);
    scrape.gauge("stalls", "Stalls that were let in", stalls.len());
    scrape.gauge("stalls_connected", "Stalls with an open session", connected);
    scrape.gauges("stall_events", "Events of a stall held here", "device", events);
    scrape.gauges("stall_behind_events", "Events of a stall not yet here", "device", behind);
}
