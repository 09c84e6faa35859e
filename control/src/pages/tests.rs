//! The page's parts, each from made-up facts.

use engine::catalogue::{Item, Value};
use engine::hash::Hash;
use engine::ids::{DeviceId, Lane, Log, Scope, TenantId, Tip};
use engine::replica::forks::Fork;
use engine::store::memory::MemoryStore;
use engine::store::{Batch, Store};

use super::*;

const SCRIPT: &str = "\"><script>alert(1)</script>";

fn status() -> Status {
    Status {
        device: DeviceId([1; 32]),
        tenant: TenantId([9; 32]),
        name: "fair".to_owned(),
        vector: Hash([0; 32]),
        events: 7,
        halted: None,
        forks: Vec::new(),
        rebuilding: None,
        disputed: 0,
    }
}

fn stall() -> StallStatus {
    StallStatus {
        stall: DeviceId([2; 32]),
        name: "north".to_owned(),
        merchant: "main".to_owned(),
        events: 40,
        behind: 0,
        connected: true,
        last_seen_ms: Some(1_500),
        revoked: false,
        disputed: 0,
        agreed: None,
    }
}

#[track_caller]
fn check(markup: &Markup, with: &[&str], without: &[&str]) {
    let html = &markup.0;
    for part in with {
        assert!(html.contains(part), "{part:?} is not in {html}");
    }
    for part in without {
        assert!(!html.contains(part), "{part:?} is in {html}");
    }
}

/// A store that holds these items of the merchant `main`.
fn store(items: &[(&str, Item)]) -> MemoryStore {
    let store = MemoryStore::default();
    let mut batch = Batch::default();
    for (sku, item) in items {
        let key = engine::projections::catalogue::item(scope_of("main"), sku);
        batch.put(key, engine::event::codec::encode(item).unwrap());
    }
    store.write(&batch).unwrap();
    store
}

fn item(price: i64, price_conflicts: &[i64]) -> Item {
    let values: Vec<Value> = price_conflicts.iter().map(|price| Value::Number(*price)).collect();
    let conflicts = [("price".to_owned(), values)].into_iter().filter(|(_, v)| !v.is_empty());
    Item { price: Some(price), conflicts: conflicts.collect(), ..Item::default() }
}

#[test]
fn alarms_are_hidden_while_nothing_is_wrong() {
    check(&stalls::alarms(&status()), &["hidden"], &["<p"]);
}

#[test]
fn a_fork_is_told_in_plain_words() {
    let log = Log {
        tenant: TenantId([9; 32]),
        device: DeviceId([0xc5; 32]),
        scope: Scope::Tenant,
        lane: Lane::Ledger,
    };
    let parent = Tip { seq: 6, ..Tip::ROOT };
    let mut status = status();
    status.forks = vec![Fork { id: Hash([3; 32]), log, parent, proven: true }];
    status.disputed = 1;
    let words = ["cloned or restored", "c5c5c5", "after event 6 of its ledger log", "1 event came"];
    check(&stalls::alarms(&status), &words, &["hidden", "not here yet"]);
}

#[test]
fn a_stall_shows_its_lag_and_what_is_wrong_with_it() {
    check(&stalls::section(&[stall()]), &[">connected<", ">0<", "1 s ago"], &["disputed"]);
    let lost = StallStatus {
        name: SCRIPT.to_owned(),
        behind: 3,
        connected: false,
        last_seen_ms: None,
        disputed: 2,
        ..stall()
    };
    let words = ["not connected", "3 events", "not since start", "2 disputed", "&lt;script&gt;"];
    check(&stalls::section(std::slice::from_ref(&lost)), &words, &["<script"]);
    let revoked = StallStatus { revoked: true, ..lost };
    check(&stalls::section(&[revoked]), &[">revoked<"], &["not connected"]);
}

#[test]
fn a_stall_bears_the_badge_of_its_books() {
    let badge = |agreed| stalls::section(&[StallStatus { agreed, ..stall() }]);
    check(&badge(None), &[">no word<"], &["equal", "differ"]);
    check(&badge(Some((true, 2_000))), &["good\">equal<"], &["2 s ago", "differ"]);
    check(&badge(Some((true, 60_000))), &["good\">equal<", "60 s ago"], &[]);
    check(&badge(Some((false, 2_000))), &["alarm\">differ<", "books of north differ"], &["equal"]);
}

#[test]
fn a_price_set_apart_comes_first_and_can_be_settled() {
    let store = store(&[("cake", item(250, &[])), (SCRIPT, item(120, &[100, 120]))]);
    let shown = catalogue::read(store.snapshot().as_ref(), scope_of("main"), None, 10).unwrap();
    let words = [
        "One item was set differently",
        "name=\"field\" value=\"price\"",
        "name=\"value\" value=\"100\"",
        "1.20 (shown now)",
        "2 items in all",
        "&lt;script&gt;",
    ];
    check(&catalogue::section(&shown, "EUR"), &words, &["<script", "1.00 (shown now)", "More"]);
}

#[test]
fn a_long_catalogue_comes_in_pages_and_its_conflicts_do_not_wait() {
    let items = [("a", item(1, &[])), ("b", item(2, &[])), ("c", item(3, &[3, 4]))];
    let store = store(&items);
    let read = |after| {
        let read = catalogue::read(store.snapshot().as_ref(), scope_of("main"), after, 2);
        catalogue::section(&read.unwrap(), "EUR")
    };
    check(&read(None), &["data-item=\"b\"", "data-clash=\"c\"", "after=b"], &["data-item=\"c\""]);
    check(&read(Some("b")), &["data-item=\"c\""], &["data-item=\"b\"", "after="]);
}
