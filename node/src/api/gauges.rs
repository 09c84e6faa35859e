//! What a node's metrics say beside what the shell counts: one line a gauge.

use shell::metrics::Scrape;

use crate::core::Status;

/// Adds how the stall stands.
pub(super) fn fill(scrape: &mut Scrape, status: &Status) {
    let Status { peers, at_risk, .. } = status;
    let connected = peers.iter().filter(|peer| peer.connected).count();
    let behind = peers.iter().map(|peer| (peer.device.to_string(), peer.behind));
    let ahead = peers.iter().map(|peer| (peer.device.to_string(), peer.ahead));
    scrape.gauge("events", "Events held", status.events);
    scrape.gauge(
        "halted",
        "1 when nothing is written any more",
        i64::from(status.halted.is_some()),
    );
    scrape.gauge("link_up", "0 during the link drill", i64::from(status.link_up));
    scrape.gauge("at_risk_events", "Own events that no control has receipted", at_risk.events);
    scrape.gauge("at_risk_minor_units", "What those come to", at_risk.amount);
    scrape.gauge("forks", "Logs with two branches", status.forks.len());
    scrape.gauge("disputed_events", "Events beyond a revocation", status.disputed);
    scrape.gauge("peers_connected", "Peers with an open session", connected);
    scrape.gauges("peer_behind_events", "Events here that a peer lacks", "device", behind);
    scrape.gauges("peer_ahead_logs", "Logs of which a peer has more", "device", ahead);
}
