//! Whether the customers are possible, and few enough.

use std::collections::BTreeSet;

use super::Found;
use crate::scenario::limits::{
    FACTOR_MAX, LINES_MAX, PIECES_MAX, PROMISES_MAX, SALES_MAX, SKUS_MAX, SURGES_MAX, ZIPF_MAX,
};
use crate::scenario::spec::{Promise, Scenario};

pub(super) fn check(scenario: &Scenario, found: &mut Found) {
    let workload = &scenario.workload;
    found.bound(["workload", "lines"], u64::from(workload.lines), 1, u64::from(LINES_MAX));
    found.bound(["workload", "skus"], u64::from(workload.skus), 1, u64::from(SKUS_MAX));
    if workload.zipf.get() > ZIPF_MAX * 1_000 {
        let words = format!("is {}; write 0 to {ZIPF_MAX}", workload.zipf);
        found.add(["workload", "zipf"], words);
    }
    let permille = u64::from(workload.refunds_permille);
    found.bound(["workload", "refunds-permille"], permille, 0, 1_000);
    let pieces = u64::from(workload.opening_stock);
    found.bound(["workload", "opening-stock"], pieces, 0, u64::from(PIECES_MAX));
    promises(scenario, found);
    surges(scenario, found);
    let sales = expected_sales(scenario);
    if sales > u128::from(SALES_MAX) {
        let words = format!(
            "some {sales} customers would come, and {SALES_MAX} are the most; write more seconds, \
             fewer stalls or a shorter market"
        );
        found.add(["workload", "mean-seconds"], words);
    }
}

fn promises(scenario: &Scenario, found: &mut Found) {
    let all = &scenario.workload.promises;
    found.bound(["workload", "promises"], all.len() as u64, 0, PROMISES_MAX as u64);
    let mut seen = BTreeSet::new();
    for (place, promise) in all.iter().enumerate() {
        let place = place.to_string();
        let Promise { sku, stock, shares, wanted_permille } = promise;
        let field = |field| ["workload", "promises", place.as_str(), field];
        found.name(field("sku"), sku);
        if sku.starts_with("item-") {
            found.add(field("sku"), format!("{sku:?} is one of the plain items; rename it"));
        }
        if !seen.insert(sku) {
            found.add(field("sku"), format!("{sku:?} is promised twice; write it once"));
        }
        found.bound(field("stock"), u64::from(*stock), 1, u64::from(PIECES_MAX));
        found.bound(field("wanted-permille"), u64::from(*wanted_permille), 0, 1_000);
        if shares.len() > scenario.stalls {
            let words = format!("has {} shares for {} stalls", shares.len(), scenario.stalls);
            found.add(field("shares"), format!("{words}; write one a stall at the most"));
        }
        if !shares.is_empty() && shares.iter().all(|share| *share == 0) {
            found.add(field("shares"), "nobody gets any; write at least one that is not 0");
        }
    }
}

fn surges(scenario: &Scenario, found: &mut Found) {
    let all = &scenario.workload.surges;
    found.bound(["workload", "surges"], all.len() as u64, 0, SURGES_MAX as u64);
    for (place, surge) in all.iter().enumerate() {
        let name = place.to_string();
        let field = |field| ["workload", "surges", name.as_str(), field];
        if surge.from_seconds >= surge.to_seconds {
            let words = format!("ends before it begins; write more than {}", surge.from_seconds);
            found.add(field("to-seconds"), words);
        }
        if surge.from_seconds.span() >= scenario.length() {
            found.add(field("from-seconds"), "the market is over by then; write less");
        }
        if surge.factor.get() > FACTOR_MAX * 1_000 {
            found.add(field("factor"), format!("is {}; write 0 to {FACTOR_MAX}", surge.factor));
        }
        let overlaps = |other: &&crate::scenario::spec::Surge| {
            surge.from_seconds < other.to_seconds && other.from_seconds < surge.to_seconds
        };
        if all[..place].iter().any(|other| overlaps(&other)) {
            found.add(field("from-seconds"), "two surges overlap; write them one after the other");
        }
    }
}

/// Customers of all stalls on average; those of copies, at the most one copy for each that may
/// join, included.
fn expected_sales(scenario: &Scenario) -> u128 {
    let workload = &scenario.workload;
    let mean = u128::from(workload.mean_seconds.get());
    if mean == 0 {
        return 0;
    }
    let length = scenario.length().as_millis();
    let extra: u128 = workload
        .surges
        .iter()
        .map(|surge| {
            let end = length.min(u128::from(surge.to_seconds.get()));
            let span = end.saturating_sub(u128::from(surge.from_seconds.get()));
            span * u128::from(surge.factor.get().saturating_sub(1_000)) / 1_000
        })
        .sum();
    (length + extra) * scenario.stalls as u128 / mean
}
