//! The read calls over a real replica: sums beyond 64 bits, several merchants, and a stall that
//! joined again for another one.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use engine::authority::{Charter, Grant, Role, SignedDocument};
use engine::catalogue::Item;
use engine::event::sale::{Key, KeyNumber, Line, Sale, Tender, TenderKind};
use engine::event::{
    CountLine, DayClosed, GoodsDispatched, GoodsLine, GoodsReceived, GoodsReserved, Payload,
    Refund, RefundLine, RightsMinted, ShiftClosed, ShiftOpened, StockCounted, codec,
};
use engine::ids::{Epoch, EventId, Lane};
use engine::projections::catalogue;
use engine::replica::Replica;
use engine::sign::Keypair;
use engine::store::Batch;
use engine::store::memory::MemoryStore;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::prices::WallClock;
use super::*;
use crate::auth::Token;
use crate::catalogue::Desk;

const NOW_MS: u64 = 1_700_000_000_000;
/// 2023-11-14, the day of [`NOW_MS`].
const DAY: i32 = 19_675;
const TOKEN: &str = "secret";

/// What handlers share.
#[derive(Clone)]
struct App(Library);

impl FromRef<App> for Access {
    fn from_ref(_: &App) -> Self {
        let token = Token::parse(TOKEN).unwrap();
        Self::new(token.hash(), BTreeMap::default())
    }
}

impl FromRef<App> for Library {
    fn from_ref(app: &App) -> Self {
        app.0.clone()
    }
}

impl FromRef<App> for WallClock {
    fn from_ref(_: &App) -> Self {
        Self::new(|| NOW_MS)
    }
}

impl FromRef<App> for Desk {
    fn from_ref(_: &App) -> Self {
        Self { home: None, past: |_, _, _| Ok(BTreeMap::default()) }
    }
}

/// A stall's replica, and what reads its store.
struct World {
    store: Arc<MemoryStore>,
    replica: Replica,
    next_key: u64,
    joined: u64,
}

impl World {
    /// A stall of the merchant `north`.
    fn new() -> Self {
        let (root, control) = (Keypair::from_seed(&[1; 32]), Keypair::from_seed(&[2; 32]));
        let charter = Charter {
            tenant: root.tenant(),
            serial: 1,
            name: "market".to_owned(),
            currency: *b"EUR",
            controls: BTreeSet::from([control.device()]),
            removed: Vec::new(),
        };
        let store = Arc::new(MemoryStore::default());
        let stall = Keypair::from_seed(&[3; 32]);
        let mut replica = Replica::open(stall, root.tenant(), Epoch(7), store.clone()).unwrap();
        replica.take_charter(&SignedDocument::sign(&charter, &root).unwrap()).unwrap();
        let mut world = Self { store, replica, next_key: 1, joined: 0 };
        world.join("north");
        world
    }

    /// The stall sells for this merchant from now on.
    fn join(&mut self, merchant: &str) {
        let scope = scope_of(merchant);
        self.joined += 1;
        let lanes = BTreeSet::from([Lane::Ledger, Lane::Catalogue].map(|lane| (scope, lane)));
        let grant = Grant {
            tenant: self.replica.tenant(),
            device: self.replica.device(),
            name: "stall".to_owned(),
            merchant: merchant.to_owned(),
            role: Role::Stall,
            reads: lanes.clone(),
            writes: lanes,
            issued_ms: NOW_MS + self.joined,
            not_after_ms: u64::MAX,
        };
        let control = Keypair::from_seed(&[2; 32]);
        self.replica.take_grant(&SignedDocument::sign(&grant, &control).unwrap()).unwrap();
        self.commit();
    }

    fn commit(&mut self) {
        let batch = self.replica.close().unwrap();
        self.store.write(&batch).unwrap();
        self.replica.committed();
    }

    fn key(&mut self) -> Key {
        self.next_key += 1;
        Key { till: "t".to_owned(), number: KeyNumber::Counter(self.next_key) }
    }

    /// States a fact in a merchant's books.
    fn state(&mut self, merchant: &str, payload: Payload) -> EventId {
        let scope = scope_of(merchant);
        let id = self.replica.append(scope, Lane::Ledger, payload, NOW_MS).unwrap();
        self.commit();
        id
    }

    /// Sells pieces of a SKU, each for `amount`, on one receipt.
    fn sell(&mut self, merchant: &str, sku: &str, amounts: &[i64]) -> EventId {
        let line = |amount: &i64| Line {
            sku: sku.to_owned(),
            quantity: 1_000,
            amount: *amount,
            unit_price: None,
            discount: 0,
            tax: 0,
        };
        let tender = |amount: &i64| Tender { kind: TenderKind::Cash, amount: *amount };
        let sale = Sale {
            key: self.key(),
            sold_at_ms: NOW_MS as i64,
            business_day: DAY,
            currency: *b"EUR",
            lines: amounts.iter().map(line).collect(),
            tenders: amounts.iter().map(tender).collect(),
            receipt: self.next_key,
            ..Sale::default()
        };
        self.state(merchant, Payload::SaleCompleted(sale))
    }

    fn receive(&mut self, merchant: &str, sku: &str, quantity: u64) -> EventId {
        let goods = GoodsReceived {
            key: self.key(),
            at_ms: NOW_MS as i64,
            reference: String::new(),
            lines: lines(sku, quantity),
        };
        self.state(merchant, Payload::GoodsReceived(goods))
    }

    /// Has a merchant's catalogue call a SKU so.
    fn call(&mut self, merchant: &str, sku: &str, name: &str) {
        let item = Item { name: Some(name.to_owned()), ..Item::default() };
        let mut batch = Batch::default();
        let row = catalogue::item(scope_of(merchant), sku);
        batch.put(row, codec::encode(&item).unwrap());
        self.store.write(&batch).unwrap();
    }

    /// Asks as a control does, which shows every merchant.
    async fn centre(&self, path: &str) -> (StatusCode, String) {
        self.ask(path, None).await
    }

    /// Asks as the stall's own daemon does.
    async fn stall(&self, path: &str) -> (StatusCode, String) {
        self.ask(path, Some(self.replica.device())).await
    }

    async fn ask(&self, path: &str, stall: Option<DeviceId>) -> (StatusCode, String) {
        let store: Arc<dyn Store> = self.store.clone();
        let app = App(Library { store, currency: "EUR".to_owned(), stall });
        let routes = routes().merge(prices::routes()).merge(crate::catalogue::routes());
        let routes = routes.merge(crate::rights::routes());
        let router: Router = routes.into_router("test").with_state(app);
        let request = Request::get(path).header("authorization", format!("Bearer {TOKEN}"));
        let answer = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn centre_json(&self, path: &str) -> Value {
        let (status, text) = self.centre(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn lines(sku: &str, quantity: u64) -> Vec<GoodsLine> {
    vec![GoodsLine { sku: sku.to_owned(), quantity }]
}

/// Expects a call to answer with each of these parts, to the digit.
async fn check(world: &World, path: &str, parts: &[&str]) {
    let (status, text) = world.centre(path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {text}");
    for part in parts {
        assert!(text.contains(part), "{path}: {part} is not in {text}");
    }
}

#[tokio::test]
async fn sums_beyond_64_bits_are_answered_to_the_cent() {
    let mut world = World::new();
    // Three times the largest amount, of which 1 is taken back; a till may not, a hostile device
    // may.
    let sale = world.sell("north", "tea", &[i64::MAX; 3]);
    let refund = Refund {
        key: world.key(),
        sale,
        at_ms: NOW_MS as i64,
        business_day: DAY,
        currency: *b"EUR",
        lines: [i64::MAX, i64::MAX, 1].map(refunded).into(),
        tenders: vec![Tender { kind: TenderKind::Cash, amount: i64::MAX }; 2],
        restock: false,
        receipt: 77,
        restored: Vec::new(),
    };
    world.state("north", Payload::SaleRefunded(refund));
    let opened = ShiftOpened {
        key: world.key(),
        at_ms: NOW_MS as i64,
        business_day: DAY,
        currency: *b"EUR",
        cashier: String::new(),
        float: i64::MAX,
    };
    let shift = world.state("north", Payload::ShiftOpened(opened));
    let (counted, expected) = (i64::MAX, i64::MIN);
    let (key, at_ms) = (world.key(), NOW_MS as i64);
    let closed = ShiftClosed { key, at_ms, shift, counted, expected };
    world.state("north", Payload::ShiftClosed(closed));
    let (key, business_day, currency) = (world.key(), DAY, *b"EUR");
    let closed = DayClosed { key, at_ms, business_day, currency, counted, expected };
    world.state("north", Payload::DayClosed(closed));

    let sold = "27670116110564327421";
    let (amount, total) = (format!("\"amount\":{sold}"), format!("\"total\":{sold}"));
    let refunded = "18446744073709551615";
    let back = format!("\"refunded\":{refunded}");
    let net = "\"net\":9223372036854775806";
    let difference = "\"difference\":18446744073709551615";
    check(&world, "/v1/sales/by-hour", &[&amount]).await;
    check(&world, "/v1/sales/by-sku", &[&amount, &back, net]).await;
    check(&world, "/v1/sales/by-tender", &[&amount, "\"refunded\":18446744073709551614"]).await;
    check(&world, "/v1/sales/by-stall", &[&amount, &back, net]).await;
    check(&world, "/v1/sales/summary", &[&amount, &back, net]).await;
    check(&world, "/v1/drawers", &["\"sales\":27670116110564327421", "\"expected\":"]).await;
    check(&world, "/v1/shifts", &[difference]).await;
    check(&world, "/v1/days", &[difference, &amount, net]).await;
    check(&world, "/v1/receipts/t/2", &[&total]).await;
    check(&world, "/v1/receipts/t/77", &[&format!("\"total\":{refunded}")]).await;
    check(&world, &format!("/v1/sales/{sale}"), &[&total, "\"state\":\"partly-refunded\""]).await;
    check(&world, "/v1/findings", &["\"money\":18446744073709551615"]).await;
}

fn refunded(amount: i64) -> RefundLine {
    RefundLine { line: 0, sku: "tea".to_owned(), quantity: 0, amount }
}

#[tokio::test]
async fn the_stock_of_a_sku_is_of_every_merchant_that_has_it_or_of_the_one_asked_for() {
    let mut world = World::new();
    world.receive("north", "tea", 5_000);
    world.call("north", "tea", "Black tea");
    world.join("bakery");
    world.receive("bakery", "tea", 300);
    world.receive("bakery", "bun", 70);
    let of = |merchant: &str| format!("/v1/stock/tea?merchant={merchant}");
    for (path, quantity) in
        [("/v1/stock/tea".to_owned(), 5_300), (of("north"), 5_000), (of("bakery"), 300)]
    {
        assert_eq!(world.centre_json(&path).await["quantity"], quantity, "{path}");
    }
    assert_eq!(world.centre_json(&of("north")).await["name"], "Black tea");
    assert_eq!(world.centre(&of("nobody")).await.0, StatusCode::NOT_FOUND);
    let page = world.centre_json("/v1/stock?merchant=north").await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page}");
    assert_eq!(page["items"][0]["quantity"], 5_000);
    let page = world.centre_json("/v1/stock").await;
    assert_eq!(page["items"][1]["quantity"], 5_300, "{page}");
}

#[tokio::test]
async fn a_receipt_names_what_was_sold_as_its_own_merchants_catalogue_does() {
    let mut world = World::new();
    let teas = [("north", "Black tea"), ("bakery", "Tea cake"), ("kiosk", "Iced tea")];
    let mut sold = Vec::new();
    for (merchant, name) in teas {
        world.join(merchant);
        world.call(merchant, "tea", name);
        sold.push((world.sell(merchant, "tea", &[100]), world.next_key, name));
    }
    for (sale, receipt, name) in sold {
        let shown = world.centre_json(&format!("/v1/receipts/t/{receipt}")).await;
        assert_eq!(shown["receipts"][0]["lines"][0]["name"], name, "{shown}");
        let shown = world.centre_json(&format!("/v1/sales/{sale}")).await;
        assert_eq!(shown["lines"][0]["name"], name, "{shown}");
    }
}

/// Puts something about `sku` into every book of a merchant. Returns the sale.
fn fill(world: &mut World, merchant: &str, sku: &str) -> EventId {
    let goods = world.receive(merchant, sku, 9_000);
    let at_ms = NOW_MS as i64;
    let to = Keypair::from_seed(&[4; 32]).device();
    let (key, reference) = (world.key(), sku.to_owned());
    let sent = GoodsDispatched { key, at_ms, to, reference, lines: lines(sku, 1_000) };
    world.state(merchant, Payload::GoodsDispatched(sent));
    let (key, reference) = (world.key(), sku.to_owned());
    let (until_ms, lines_aside) = (i64::MAX, lines(sku, 1_000));
    let aside = GoodsReserved { key, at_ms, until_ms, reference, lines: lines_aside };
    world.state(merchant, Payload::GoodsReserved(aside));
    let counted = CountLine { sku: sku.to_owned(), counted: 1, book: 2 };
    let counted = StockCounted {
        key: world.key(),
        at_ms,
        start_epoch: Epoch(7),
        start_seq: 1,
        lines: vec![counted],
    };
    world.state(merchant, Payload::StockCounted(counted));
    let minted = RightsMinted { goods, lines: lines(sku, 9_000) };
    world.state(merchant, Payload::RightsMinted(minted));
    let shift = ShiftOpened {
        key: world.key(),
        at_ms,
        business_day: DAY,
        currency: *b"EUR",
        cashier: sku.to_owned(),
        float: 0,
    };
    world.state(merchant, Payload::ShiftOpened(shift));
    world.call(merchant, sku, sku);
    world.sell(merchant, sku, &[100])
}

#[tokio::test]
async fn a_stall_that_joined_again_for_another_merchant_shows_that_ones_books_alone() {
    let mut world = World::new();
    let old = fill(&mut world, "north", "tea");
    world.join("bakery");
    let new = fill(&mut world, "bakery", "bun");
    for path in [
        "/v1/stock",
        "/v1/transfers",
        "/v1/reservations",
        "/v1/counts",
        "/v1/sales/by-sku",
        "/v1/shifts",
        "/v1/rights",
        "/v1/catalogue/items",
    ] {
        let (status, shown) = world.stall(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {shown}");
        assert!(shown.contains("\"bun\"") && !shown.contains("\"tea\""), "{path}: {shown}");
    }
    for path in ["/v1/sales/summary", "/v1/sales/by-hour", "/v1/sales/by-stall"] {
        let (_, shown) = world.stall(path).await;
        assert!(shown.contains("\"baskets\":1,"), "{path}: {shown}");
    }
    let statuses = [
        (format!("/v1/sales/{new}"), StatusCode::OK),
        (format!("/v1/sales/{old}"), StatusCode::NOT_FOUND),
        ("/v1/stock/bun".to_owned(), StatusCode::OK),
        ("/v1/stock/tea".to_owned(), StatusCode::NOT_FOUND),
        ("/v1/stock/bun?merchant=bakery".to_owned(), StatusCode::OK),
        ("/v1/stock/tea?merchant=north".to_owned(), StatusCode::BAD_REQUEST),
        ("/v1/catalogue/items?merchant=north".to_owned(), StatusCode::BAD_REQUEST),
        ("/v1/prices".to_owned(), StatusCode::OK),
        ("/v1/prices?merchant=north".to_owned(), StatusCode::BAD_REQUEST),
    ];
    for (path, status) in statuses {
        assert_eq!(world.stall(&path).await.0, status, "{path}");
    }
    let (_, tenders) = world.stall("/v1/sales/by-tender").await;
    assert!(tenders.contains("\"count\":1,"), "{tenders}");
    // The centre goes on showing both.
    let all = world.centre_json("/v1/sales/summary").await;
    assert_eq!(all["total"]["baskets"], json!(2));
}
