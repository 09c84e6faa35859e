//! The page's parts, each from made-up facts.

use engine::hash::Hash;
use engine::ids::{DeviceId, TenantId};
use engine::projections::sales::Sums;
use engine::replica::at_risk::AtRisk;
use maud::Markup;
use shell::read::{ItemStock, StallStock, StallTotals};

use super::shelf::{Button, Shelf};
use super::*;
use crate::core::PeerStatus;

const HERE: DeviceId = DeviceId([1; 32]);
const THERE: DeviceId = DeviceId([2; 32]);

fn status() -> Status {
    Status {
        device: HERE,
        name: "north".to_owned(),
        tenant: TenantId([9; 32]),
        vector: Hash([0; 32]),
        events: 7,
        link_up: true,
        halted: None,
        peers: Vec::new(),
        at_risk: AtRisk::default(),
        forks: Vec::new(),
        rebuilding: None,
        disputed: 0,
    }
}

fn at(stall: DeviceId, on_hand: i128, reserved: i128) -> StallStock {
    let available = on_hand - reserved;
    StallStock { stall, name: None, quantity: on_hand, on_hand, reserved, available }
}

fn item(sku: &str, stalls: Vec<StallStock>) -> ItemStock {
    let sum = |of: fn(&StallStock) -> i128| stalls.iter().map(of).sum();
    let (on_hand, reserved) = (sum(|at| at.on_hand), sum(|at| at.reserved));
    let (quantity, available) = (on_hand, on_hand - reserved);
    let sku = sku.to_owned();
    ItemStock { sku, name: None, quantity, on_hand, reserved, available, stalls }
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

#[test]
fn the_banner_is_green_only_when_nothing_is_at_risk() {
    check(&risk::banner(&status(), 0, "EUR"), &["class=\"good\"", "Nothing at risk"], &["Kept on"]);
    let mut status = status();
    status.at_risk = AtRisk { events: 3, amount: 1_050, since_ms: Some(60_000) };
    let banner = risk::banner(&status, 360_000, "EUR");
    check(
        &banner,
        &["class=\"warn\"", "10.50 EUR", "3 events", "oldest for 5 min"],
        &["class=\"good"],
    );
}

#[test]
fn a_clock_that_stepped_back_makes_no_vast_age() {
    let mut status = status();
    status.at_risk = AtRisk { events: 1, amount: 0, since_ms: Some(60_000) };
    check(&risk::banner(&status, 0, "EUR"), &["1 event<", "for 0 s"], &[]);
}

#[test]
fn the_banner_tells_a_drill_from_a_link_that_is_gone() {
    let mut status = status();
    check(&risk::banner(&status, 0, "EUR"), &["No link"], &["drill", "Link up"]);
    let peer = |connected| PeerStatus {
        device: THERE,
        name: "south".to_owned(),
        connected,
        behind: 0,
        ahead: 0,
        last_seen_ms: 0,
    };
    status.peers = vec![peer(true), peer(false)];
    check(&risk::banner(&status, 0, "EUR"), &["Link up", "to 1 peer"], &["No link"]);
    status.link_up = false;
    check(&risk::banner(&status, 0, "EUR"), &["Link off (drill)"], &["Link up"]);
}

#[test]
fn a_halted_node_says_so_before_everything() {
    let mut status = status();
    status.halted = Some("no space <left>".to_owned());
    check(&risk::banner(&status, 0, "EUR"), &["HALTED", "no space &lt;left&gt;"], &[]);
}

#[test]
fn a_name_that_is_a_script_is_shown_as_text() {
    let name = "\"><script>alert(1)</script>";
    let button =
        |price| Button { name: name.to_owned(), sku: name.to_owned(), price, bundle: None };
    let shelf = Shelf { buttons: vec![button(Some(5)), button(None)], found: 2 };
    check(&shop::counter(&shelf, "EUR"), &["&quot;&gt;&lt;script&gt;"], &["<script", "\">alert"]);
    let item = ItemStock { name: Some(name.to_owned()), ..item(name, vec![at(HERE, 2_000, 0)]) };
    let stock = StockPage { vector: String::new(), items: vec![item], next: Some(name.to_owned()) };
    check(&stock::section(&stock, &HERE), &["&lt;script&gt;", "%3Cscript%3E"], &["<script"]);
    let mut status = status();
    status.peers = vec![PeerStatus {
        device: THERE,
        name: name.to_owned(),
        connected: true,
        behind: 0,
        ahead: 0,
        last_seen_ms: 0,
    }];
    check(&risk::peers(&status), &["&lt;script&gt;"], &["<script"]);
}

#[test]
fn an_item_without_a_price_cannot_be_touched() {
    let (name, sku) = ("Tea".to_owned(), "tea".to_owned());
    let button = Button { name, sku, price: None, bundle: None };
    let shelf = Shelf { buttons: vec![button], found: 61 };
    let buttons = shelf::buttons(&shelf, "EUR");
    check(&buttons, &["disabled", "no price", "and 60 more"], &["data-sku"]);
}

#[test]
fn stock_shows_what_lies_here_beside_what_lies_everywhere() {
    let item = item("tea", vec![at(HERE, -500, 250), at(THERE, 3_500, 0)]);
    let stock = StockPage { vector: String::new(), items: vec![item], next: None };
    let section = stock::section(&stock, &HERE);
    check(&section, &["badge warn\">-0.5<", ">0.25<", ">3<"], &["More stock", "3.5"]);
}

#[test]
fn the_running_total_is_this_stalls_alone() {
    let sums = |amount| Sums { baskets: 2, amount, refunds: 1, refunded: 50, ..Sums::default() };
    let stall = |stall, amount| StallTotals { stall, name: None, totals: sums(amount).into() };
    let summary = Summary {
        vector: String::new(),
        currency: "EUR".to_owned(),
        total: sums(9_999).into(),
        stalls: vec![stall(THERE, 777), stall(HERE, 1_000)],
    };
    let so_far = sold::so_far(&summary, &HERE);
    check(&so_far, &["9.50 EUR", "data-net=\"950\"", "2 sales", "1 refund"], &["7.77", "void"]);
}
