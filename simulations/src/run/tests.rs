//! Small venues that run from their text to their outcome.

use super::sweep::sweep;
use super::{Finished, Options, run};
use crate::scenario::{Scenario, read};

/// Three stalls, little time, everything that can go wrong written beside it.
fn venue(more: &str) -> Scenario {
    let text = format!(
        r#"
name = "small"
about = "three stalls for a minute"
minutes = 1
settle-seconds = 300
stalls = 3

[carriers.lte]
nat = {{ expires-s = 30 }}
up = {{ rate-kbit = 3000, delay-ms = 40, lost-permille = 10 }}
down = {{ rate-kbit = 9000, delay-ms = 40, lost-permille = 10 }}

[lans.venue]
link = {{ rate-kbit = 50000, delay-ms = 1 }}

[[group]]
carriers = ["lte"]
lans = ["venue"]

[workload]
mean-seconds = 5
skus = 10
refunds-permille = 1000
{more}
"#
    );
    read("small.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}"))
}

const FAULTS: &str = r#"
[[workload.promises]]
sku = "wristband"
stock = 4
wanted-permille = 900

[[faults]]
what = "carrier-outage"
carrier = "lte"
at-seconds = 10
for-seconds = 20

[[faults]]
what = "power-cut"
host = 2
at-seconds = 35
for-seconds = 5
"#;

#[track_caller]
fn check(scenario: &Scenario, seed: u64, options: &Options) -> Finished {
    let finished = run(scenario, seed, options).unwrap_or_else(|error| panic!("{error:#}"));
    let outcome = &finished.outcome;
    assert!(outcome.held(), "{}", outcome.in_words());
    assert!(outcome.healing_ms.is_some(), "{}", outcome.in_words());
    assert_eq!(outcome.promised.oversold, 0, "{}", outcome.in_words());
    finished
}

#[test]
fn a_quiet_venue_sells_to_everybody() {
    let outcome = check(&venue(""), 3, &Options::default()).outcome;
    let sales = outcome.sales;
    assert!(sales.asked > 20 && sales.refunds > 0, "{sales:?}");
    assert_eq!((sales.acknowledged, sales.refused, sales.lost), (sales.asked, 0, 0));
    assert_eq!(sales.unanswered, 0);
    assert_eq!(sales.money, sales.money_at_control);
    assert!(outcome.network.bytes_sent > 0 && outcome.datagrams > 0);
}

#[test]
fn promised_goods_run_short_and_are_not_oversold() {
    let outcome = check(&venue(FAULTS), 4, &Options::default()).outcome;
    let promised = outcome.promised;
    assert_eq!(promised.stock, 4);
    assert!(promised.sold > 0 && promised.sold <= 4, "{promised:?}");
    assert!(promised.refused > 0, "{promised:?}");
    assert!(outcome.marks.times("sold-cut-off") > 0, "{:?}", outcome.marks);
}

#[test]
fn a_run_that_is_drawn_and_captured_is_the_same_run() {
    let scenario = venue(FAULTS);
    let plain = check(&scenario, 5, &Options::default()).outcome;
    let file = tempfile::NamedTempFile::new().unwrap();
    let capture = Some(file.path().to_owned());
    let seen = check(&scenario, 5, &Options { picture: true, capture, ..Options::default() });
    assert_eq!(plain.trace_hash, seen.outcome.trace_hash);
    let drawn = seen.run.expect("a picture was asked for");
    assert_eq!((drawn.scenario.as_str(), drawn.hosts.len()), ("small", 4));
    assert!(drawn.events.iter().any(|event| event.host == 2), "a power cut");
    assert!(!drawn.spans.is_empty(), "an outage");
    let bytes = std::fs::read(file.path()).unwrap();
    assert!(bytes.len() > 10_000, "{}", bytes.len());
}

#[test]
fn a_sweep_runs_every_seed_and_adds_up_its_marks() {
    let scenario = Scenario { marks: vec!["sold-cut-off".into()], ..venue(FAULTS) };
    let mut done = Vec::new();
    let sum = sweep(&scenario, 0..4, 2, &mut |seed| done.push(seed.seed));
    done.sort_unstable();
    assert_eq!(done, [0, 1, 2, 3]);
    let failed: Vec<_> = sum.failed.iter().filter_map(super::sweep::Seed::failure).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(sum.unreached(&scenario), Vec::<String>::new());
    let scenario = Scenario { marks: vec!["fork-found".into()], ..scenario };
    assert_eq!(sum.unreached(&scenario), ["fork-found"]);
}

#[test]
fn a_venue_that_cannot_converge_in_time_is_a_violation() {
    let cut = "[[faults]]\nwhat = \"carrier-outage\"\ncarrier = \"lte\"\nat-seconds = 5\n";
    let cut = Scenario { settle_seconds: 1, lans: Default::default(), ..venue(cut) };
    let group = vec![crate::scenario::Group { lans: vec![], ..cut.group[0].clone() }];
    let outcome = run(&Scenario { group, ..cut }, 1, &Options::default()).unwrap().outcome;
    assert_eq!(outcome.violations[0].checker, "converges", "{}", outcome.in_words());
    assert_eq!(outcome.healing_ms, None);
}
