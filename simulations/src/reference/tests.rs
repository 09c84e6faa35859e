//! The reference against numbers worked out by hand: who checks the checker.

use std::collections::BTreeSet;

use engine::clock::Hlc;
use engine::event::sale::{Key, Line, Sale, Tender, TenderKind};
use engine::event::{
    CountLine, Event, GoodsLine, GoodsReceived, Payload, Refund, RefundLine, RightsAccepted,
    RightsGranted, RightsMinted, StockCounted, Void,
};
use engine::hash::Hash;
use engine::ids::{DeviceId, Epoch, EventId, Lane, Log, MerchantId, Scope, ShortHash, TenantId};

use super::{Books, Fact, Rule, fold};

const SCOPE: Scope = Scope::Merchant(MerchantId([9; 16]));

/// One branch after another; each event follows the one before it on its branch.
#[derive(Default)]
struct Logs(Vec<Fact>);

impl Logs {
    fn says(&mut self, device: u8, epoch: u64, payload: Payload) -> EventId {
        let parent =
            self.0.iter().rev().find(|fact| {
                fact.device() == DeviceId([device; 32]) && fact.id.epoch == Epoch(epoch)
            });
        let parent = parent.map(|fact| fact.id);
        self.follows(device, epoch, parent, payload)
    }

    fn follows(
        &mut self,
        device: u8,
        epoch: u64,
        parent: Option<EventId>,
        payload: Payload,
    ) -> EventId {
        let (tenant, device) = (TenantId([7; 32]), DeviceId([device; 32]));
        let log = Log { tenant, device, scope: SCOPE, lane: Lane::Ledger };
        let number = self.0.len() as u8;
        let (seq, hash) = (parent.map_or(0, |it| it.seq) + 1, Hash([number; 32]));
        let id = EventId { log: log.id(), epoch: Epoch(epoch), seq, hash: ShortHash([number; 16]) };
        let event = Event { hlc: Hlc(u64::from(number) << 16), payload, ext: Vec::new() };
        self.0.push(Fact { log, id, hash, parent, event });
        id
    }

    fn books(&self) -> Books {
        fold(SCOPE, &BTreeSet::new(), &self.0)
    }
}

fn tea(quantity: u64) -> Vec<GoodsLine> {
    vec![GoodsLine { sku: "tea".to_owned(), quantity }]
}

fn received(quantity: u64) -> Payload {
    let (key, lines) = (Key::default(), tea(quantity));
    Payload::GoodsReceived(GoodsReceived { key, at_ms: 0, reference: String::new(), lines })
}

fn sold(quantity: u64, amount: i64) -> Payload {
    let line =
        Line { sku: "tea".to_owned(), quantity, amount, unit_price: None, discount: 0, tax: 0 };
    Payload::SaleCompleted(Sale {
        lines: vec![line],
        tenders: vec![Tender { kind: TenderKind::Cash, amount: amount + 5 }],
        promised: vec![0, 0, 7],
        ..Sale::default()
    })
}

fn refunded(sale: EventId, amount: i64) -> Payload {
    let line = RefundLine { line: 0, sku: "tea".to_owned(), quantity: 1_000, amount };
    Payload::SaleRefunded(Refund {
        key: Key::default(),
        sale,
        at_ms: 0,
        business_day: 0,
        currency: [0; 3],
        lines: vec![line],
        tenders: Vec::new(),
        restock: true,
        receipt: 0,
        restored: Vec::new(),
    })
}

fn on_hand(books: &Books, device: u8) -> i128 {
    books.stock[&("tea".to_owned(), DeviceId([device; 32]))].on_hand
}

#[test]
fn sales_made_while_people_count_are_not_swallowed() {
    let mut logs = Logs::default();
    logs.says(1, 1, received(10_000));
    logs.says(1, 1, sold(2_000, 10));
    // Counting began before the sale: the book said 10, 9 lay there.
    let line = CountLine { sku: "tea".to_owned(), counted: 9_000, book: 10_000 };
    logs.says(
        1,
        1,
        Payload::StockCounted(StockCounted {
            key: Key::default(),
            at_ms: 0,
            start_epoch: Epoch(1),
            start_seq: 1,
            lines: vec![line],
        }),
    );
    assert_eq!(on_hand(&logs.books(), 1), 7_000);
}

#[test]
fn a_sale_is_undone_once_by_voids_on_two_branches_and_never_from_elsewhere() {
    let mut logs = Logs::default();
    let sale = logs.says(1, 1, sold(1_000, 100));
    let void = || Payload::SaleVoided(Void { key: Key::default(), sale, at_ms: 0 });
    logs.follows(1, 2, Some(sale), void());
    logs.follows(1, 3, Some(sale), void());
    let elsewhere = logs.says(2, 4, void());
    let books = logs.books();
    assert_eq!(on_hand(&books, 1), 0);
    let sums = books.sales.values().next().copied().unwrap_or_default();
    assert_eq!((sums.amount, sums.voids, sums.voided), (100, 1, 100));
    let found: Vec<_> =
        books.findings.iter().filter(|((r, _), _)| *r == Rule::VoidElsewhere).collect();
    assert_eq!(found.len(), 1);
    assert!(found[0].1.evidence.contains(&elsewhere));
    // Two branches with one parent, and the promised quantity given back twice.
    assert!(books.findings.keys().any(|(rule, _)| *rule == Rule::Fork));
    assert_eq!(books.exposure["tea"], 1_000);
}

#[test]
fn a_refund_waits_for_its_sale_and_two_of_them_are_one_too_many() {
    let mut logs = Logs::default();
    let sale = logs.says(1, 1, sold(1_000, 100));
    logs.says(2, 2, refunded(sale, 100));
    logs.says(3, 3, refunded(sale, 100));
    let whole = logs.books();
    let over: Vec<_> = whole.findings.iter().filter(|((r, _), _)| *r == Rule::OverRefund).collect();
    assert_eq!((over[0].1.money, over[0].1.quantity), (100, 1_000));
    logs.0.remove(0);
    let without = logs.books();
    assert!(without.findings.keys().all(|(rule, _)| *rule != Rule::OverRefund));
    assert_eq!((on_hand(&without, 2), on_hand(&without, 3)), (1_000, 1_000));
}

#[test]
fn a_grant_is_credited_once_and_a_promised_line_spends_once() {
    let mut logs = Logs::default();
    let goods = logs.says(1, 1, received(5_000));
    logs.says(1, 1, Payload::RightsMinted(RightsMinted { goods, lines: tea(5_000) }));
    let (sku, to) = ("tea".to_owned(), DeviceId([2; 32]));
    let granted = RightsGranted { key: None, request: None, to, sku: sku.clone(), quantity: 2_000 };
    let grant = logs.says(1, 1, Payload::RightsGranted(granted));
    let accepted = RightsAccepted { grant, sku: sku.clone(), quantity: 2_000 };
    logs.says(2, 2, Payload::RightsAccepted(accepted.clone()));
    logs.says(2, 2, Payload::RightsAccepted(accepted));
    logs.says(2, 2, sold(500, 10));
    let books = logs.books();
    assert_eq!(books.balances[&(sku.clone(), DeviceId([1; 32]))].held(), 3_000);
    assert_eq!(books.balances[&(sku, to)].held(), 1_500);
    assert!(books.findings.keys().any(|(rule, _)| *rule == Rule::RightsDoubled));
}

#[test]
fn the_order_of_the_facts_does_not_matter() {
    let mut logs = Logs::default();
    let sale = logs.says(1, 1, sold(1_000, 100));
    logs.says(2, 2, refunded(sale, 120));
    logs.says(1, 1, Payload::SaleVoided(Void { key: Key::default(), sale, at_ms: 0 }));
    let books = logs.books();
    logs.0.reverse();
    assert_eq!(logs.books(), books);
}
