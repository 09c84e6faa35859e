//! Makes spans of a picture from changes of the network: what one change begins, another ends. It
//! follows what is said and asks no network.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use super::recorder::{Recorder, SpanId};
use super::run::SpanKind;
use crate::net::{Change, LinkSpec};

/// What is the case once: of which kind, for which hosts, on which carrier or LAN.
type Key = (SpanKind, Vec<usize>, String);

/// What has begun and not ended.
#[derive(Debug, Default)]
pub struct Changes(BTreeMap<Key, SpanId>);

impl Changes {
    /// The network changed. What was the case already goes on, and what was not does not end.
    pub fn record(&mut self, recorder: &mut Recorder, at: Duration, change: &Change) {
        let (key, begins) = match change {
            Change::Cut { a, b } => (pair(SpanKind::Partition, *a.min(b), *a.max(b)), true),
            Change::Heal { a, b } => (pair(SpanKind::Partition, *a.min(b), *a.max(b)), false),
            Change::CutOneWay { from, to } => (pair(SpanKind::OneWay, *from, *to), true),
            Change::HealOneWay { from, to } => (pair(SpanKind::OneWay, *from, *to), false),
            Change::CarrierDown { host, carrier } => {
                (on(SpanKind::CarrierDown, *host, carrier), true)
            }
            Change::CarrierUp { host, carrier } => {
                (on(SpanKind::CarrierDown, *host, carrier), false)
            }
            Change::CarrierSilent { host, carrier, silent } => {
                (on(SpanKind::CarrierSilent, *host, carrier), *silent)
            }
            Change::SilentUp { host, carrier, silent } => {
                (on(SpanKind::UplinkSilent, *host, carrier), *silent)
            }
            Change::Captive { host, carrier, captive } => {
                (on(SpanKind::Captive, *host, carrier), *captive)
            }
            Change::LanDown { lan, down } => ((SpanKind::LanDown, Vec::new(), lan.clone()), *down),
            Change::HealAll => {
                for (_, span) in std::mem::take(&mut self.0) {
                    recorder.span_ends(at, span);
                }
                return;
            }
            Change::Rebind { .. }
            | Change::Readdress { .. }
            | Change::Prefer { .. }
            | Change::Respec { .. } => return moment(recorder, at, change),
        };
        if !begins {
            if let Some(span) = self.0.remove(&key) {
                recorder.span_ends(at, span);
            }
        } else if let Entry::Vacant(entry) = self.0.entry(key) {
            let (kind, hosts, carrier) = entry.key();
            let carrier = Some(carrier.as_str()).filter(|name| !name.is_empty());
            let span = recorder.span_begins(at, *kind, hosts, carrier, "");
            entry.insert(span);
        }
    }
}

fn pair(kind: SpanKind, a: usize, b: usize) -> Key {
    (kind, vec![a, b], String::new())
}

fn on(kind: SpanKind, host: usize, carrier: &str) -> Key {
    (kind, vec![host], carrier.to_owned())
}

/// Records what takes no time.
fn moment(recorder: &mut Recorder, at: Duration, change: &Change) {
    let (hosts, carrier, words) = match change {
        Change::Rebind { host, carrier } => {
            (vec![*host], carrier, "its translator gives new ports".to_owned())
        }
        Change::Readdress { host, carrier } => {
            (vec![*host], carrier, "has a new address".to_owned())
        }
        Change::Prefer { host, carrier } => {
            (vec![*host], carrier, "handover: the route is over this now".to_owned())
        }
        Change::Respec { carrier, up, down } => {
            let sides = [("up", up), ("down", down)];
            let words = sides.iter().filter_map(|(side, link)| {
                link.as_ref().map(|link| format!("{side} {}", in_words(link)))
            });
            (Vec::new(), carrier, words.collect::<Vec<_>>().join("; "))
        }
        _ => return,
    };
    recorder.changed(at, &hosts, Some(carrier), &words);
}

/// What one feels of a link.
fn in_words(link: &LinkSpec) -> String {
    let rate = match (&link.rate_kbit, &link.trace) {
        (_, Some(trace)) => format!("trace {trace}"),
        (Some(rate), None) => format!("{rate} kbit/s"),
        (None, None) => "no limit".to_owned(),
    };
    let burst = if link.burst.is_some() { " and in bursts" } else { "" };
    format!("{rate}, {} ms, {} of 1000 lost{burst}", link.delay_ms, link.lost_permille)
}

#[cfg(test)]
mod tests {
    use super::super::recorder::Begin;
    use super::super::run::{HostKind, Run};
    use super::*;

    fn lte() -> String {
        "lte".to_owned()
    }

    fn run(changes: &[(u64, Change)]) -> Run {
        let host = |name: &str| Begin {
            name: name.to_owned(),
            kind: HostKind::Stall,
            carriers: vec![lte()],
        };
        let mut recorder = Recorder::new("m", 0, &["control", "stall 1", "stall 2"].map(host));
        let mut open = Changes::default();
        for (at, change) in changes {
            open.record(&mut recorder, Duration::from_secs(*at), change);
        }
        recorder.finish(Duration::from_secs(100), "")
    }

    /// Compares spans by seconds, kind, hosts and carrier.
    #[track_caller]
    fn check(changes: &[(u64, Change)], expected: &[(u64, u64, SpanKind, &[u32], &str)]) {
        let run = run(changes);
        let spans: Vec<_> = run
            .spans
            .iter()
            .map(|span| {
                let carrier = span.carrier.as_deref().unwrap_or_default();
                (span.from_ms / 1_000, span.to_ms / 1_000, span.kind, &span.hosts[..], carrier)
            })
            .collect();
        assert_eq!(spans, expected);
    }

    #[test]
    fn a_cut_lasts_until_it_is_healed_from_either_side() {
        let changes = [(1, Change::Cut { a: 2, b: 1 }), (5, Change::Heal { a: 1, b: 2 })];
        check(&changes, &[(1, 5, SpanKind::Partition, &[1, 2], "")]);
        let changes = [(1, Change::Cut { a: 1, b: 2 }), (5, Change::Heal { a: 2, b: 1 })];
        check(&changes, &[(1, 5, SpanKind::Partition, &[1, 2], "")]);
    }

    #[test]
    fn a_cut_of_one_way_is_not_one_of_the_other() {
        let changes =
            [(1, Change::CutOneWay { from: 2, to: 1 }), (5, Change::HealOneWay { from: 1, to: 2 })];
        check(&changes, &[(1, 100, SpanKind::OneWay, &[2, 1], "")]);
    }

    #[test]
    fn carriers_and_lans_are_in_trouble_until_they_are_not() {
        let (host, lan) = (1, "lan".to_owned());
        let changes = [
            (1, Change::CarrierDown { host, carrier: lte() }),
            (2, Change::CarrierUp { host, carrier: lte() }),
            (3, Change::CarrierSilent { host, carrier: lte(), silent: true }),
            (4, Change::CarrierSilent { host, carrier: lte(), silent: false }),
            (5, Change::SilentUp { host, carrier: lte(), silent: true }),
            (6, Change::SilentUp { host, carrier: lte(), silent: false }),
            (7, Change::Captive { host, carrier: lte(), captive: true }),
            (8, Change::Captive { host, carrier: lte(), captive: false }),
            (9, Change::LanDown { lan: lan.clone(), down: true }),
            (10, Change::LanDown { lan, down: false }),
        ];
        let expected: [(u64, u64, SpanKind, &[u32], &str); 5] = [
            (1, 2, SpanKind::CarrierDown, &[1], "lte"),
            (3, 4, SpanKind::CarrierSilent, &[1], "lte"),
            (5, 6, SpanKind::UplinkSilent, &[1], "lte"),
            (7, 8, SpanKind::Captive, &[1], "lte"),
            (9, 10, SpanKind::LanDown, &[], "lan"),
        ];
        check(&changes, &expected);
    }

    #[test]
    fn what_is_the_case_already_goes_on_and_ends_once() {
        let down = Change::CarrierDown { host: 1, carrier: lte() };
        let up = Change::CarrierUp { host: 1, carrier: lte() };
        let changes = [(1, up.clone()), (2, down.clone()), (3, down), (4, up.clone()), (5, up)];
        check(&changes, &[(2, 4, SpanKind::CarrierDown, &[1], "lte")]);
    }

    #[test]
    fn healing_all_ends_whatever_is_the_case() {
        let changes = [
            (1, Change::Cut { a: 0, b: 1 }),
            (2, Change::CarrierDown { host: 2, carrier: lte() }),
            (9, Change::HealAll),
        ];
        let expected: [(u64, u64, SpanKind, &[u32], &str); 2] =
            [(1, 9, SpanKind::Partition, &[0, 1], ""), (2, 9, SpanKind::CarrierDown, &[2], "lte")];
        check(&changes, &expected);
    }

    #[test]
    fn what_takes_no_time_is_named() {
        let link = LinkSpec { rate_kbit: Some(256), delay_ms: 90, ..LinkSpec::default() };
        let run = run(&[
            (1, Change::Rebind { host: 1, carrier: lte() }),
            (2, Change::Readdress { host: 1, carrier: lte() }),
            (3, Change::Prefer { host: 1, carrier: lte() }),
            (4, Change::Respec { carrier: lte(), up: Some(link), down: None }),
        ]);
        let all = run.spans.iter().all(|span| {
            span.kind == SpanKind::Changed
                && span.from_ms == span.to_ms
                && span.carrier == Some(lte())
        });
        assert!(all, "{:?}", run.spans);
        let words: Vec<&str> = run.spans.iter().map(|span| span.text.as_str()).collect();
        let slow = "up 256 kbit/s, 90 ms, 0 of 1000 lost";
        let expected = [
            "its translator gives new ports",
            "has a new address",
            "handover: the route is over this now",
            slow,
        ];
        assert_eq!(words, expected);
        assert!(run.spans[3].hosts.is_empty(), "for everybody");
    }
}
