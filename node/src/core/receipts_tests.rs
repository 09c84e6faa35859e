//! Receipt numbers through crashes, clones, retries and the loss of a disk.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use engine::authority::{Charter, Grant, Role, SignedDocument};
use engine::event::sale::{Key, KeyNumber, Line, Sale, Tender, TenderKind};
use engine::event::{GoodsLine, GoodsReceived, Refund, RefundLine};
use engine::ids::{Epoch, EventId, Lane, MerchantId, Scope};
use engine::log::segment::{self, Codec};
use engine::projections::receipts::number_of;
use engine::replica::Replica;
use engine::sign::Keypair;
use engine::store::Store;
use engine::store::memory::MemoryStore;
use proptest::prelude::*;
use transport::device::{CallId, Core};
use transport::env::{Instant, Now};

use super::{Answer, Call, Request, Settings, Stall, Written};

const NOW: Now = Now { instant: Instant(std::time::Duration::ZERO), wall_ms: 1_700_000_000_000 };
const TILLS: [&str; 2] = ["till", "bar"];

fn keypair(seed: u8) -> Keypair {
    Keypair::from_seed(&[seed; 32])
}

fn scope() -> Scope {
    Scope::Merchant(MerchantId::from_name("north"))
}

/// A stall and the disk below.
struct Shop {
    disk: Arc<MemoryStore>,
    stall: Stall,
    calls: u64,
    /// The number that each acknowledged request was told.
    told: BTreeMap<Key, u64>,
    waiting: BTreeMap<u64, Key>,
    sales: Vec<EventId>,
}

impl Shop {
    fn open(epoch: u64, disk: Arc<MemoryStore>) -> Self {
        let store: Arc<dyn Store> = Arc::clone(&disk) as Arc<dyn Store>;
        let replica = Replica::open(keypair(3), keypair(1).tenant(), Epoch(epoch), store).unwrap();
        let settings =
            Settings { amount_max: 10_000, open_items: true, rebalance: Default::default() };
        let stall = Stall::new(replica, settings);
        let (told, waiting) = Default::default();
        Self { disk, stall, calls: 0, told, waiting, sales: Vec::new() }
    }

    /// A stall on an empty disk that knows what it is.
    fn new(epoch: u64) -> Self {
        let mut shop = Self::open(epoch, Arc::default());
        let charter = Charter {
            tenant: keypair(1).tenant(),
            serial: 1,
            name: "fair".to_owned(),
            currency: *b"EUR",
            controls: BTreeSet::from([keypair(2).device()]),
            removed: Vec::new(),
        };
        let lanes = [(Scope::Tenant, Lane::Authority), (scope(), Lane::Ledger)];
        let grant = Grant {
            tenant: keypair(1).tenant(),
            device: keypair(3).device(),
            name: "north".to_owned(),
            merchant: "north".to_owned(),
            role: Role::Stall,
            reads: lanes.into(),
            writes: lanes.into(),
            issued_ms: 0,
            not_after_ms: u64::MAX,
        };
        let replica = &mut shop.stall.device.replica;
        replica.take_charter(&SignedDocument::sign(&charter, &keypair(1)).unwrap()).unwrap();
        replica.take_grant(&SignedDocument::sign(&grant, &keypair(2)).unwrap()).unwrap();
        shop.commit();
        shop
    }

    fn ask(&mut self, request: Request) {
        self.calls += 1;
        self.waiting.insert(self.calls, request.key().clone());
        self.stall.handle_call(CallId(self.calls), Call::Write(Box::new(request)), NOW);
    }

    /// Writes what is open to the disk, and hears the answers.
    fn commit(&mut self) {
        while let Some(batch) = self.stall.poll_commit() {
            self.disk.write(&batch).unwrap();
            self.stall.handle_committed(Ok(()), NOW);
        }
        while let Some((CallId(call), answer)) = self.stall.poll_answer() {
            let Answer::Written(Written { id, receipt, replayed, .. }) = answer else {
                panic!("{answer:?}")
            };
            let Some(key) = self.waiting.remove(&call) else { panic!("answered twice") };
            if let Some(told) = self.told.get(&key) {
                assert_eq!((replayed, receipt), (true, *told), "a retry of {key:?}");
            }
            self.told.insert(key, receipt);
            self.sales.push(id);
        }
    }

    /// The power fails; what was not committed is gone, and nobody was told of it.
    fn crash(&mut self, epoch: u64) {
        let (told, sales) = (std::mem::take(&mut self.told), std::mem::take(&mut self.sales));
        *self = Self { told, sales, ..Self::open(epoch, Arc::clone(&self.disk)) };
    }

    /// Another machine goes on with a copy of the disk.
    fn cloned(&self, epoch: u64) -> Self {
        let disk = Arc::new(MemoryStore::from_image(&self.disk.image()));
        let (told, sales) = (self.told.clone(), self.sales.clone());
        Self { told, sales, ..Self::open(epoch, disk) }
    }

    /// A new disk gets back what a peer held of the old one.
    fn restored(&mut self, epoch: u64) {
        self.commit();
        let mut shop = Self::new(epoch);
        let old = &self.stall.device.replica;
        for log in old.vector().0.keys() {
            for mut run in old.missing(log, &[]).unwrap() {
                while run.after.seq < run.to.seq {
                    let (bytes, to) = old.cut(log, &run, Codec::Zstd).unwrap();
                    let segment = segment::unpack(&bytes).unwrap();
                    shop.stall.device.replica.admit(segment, NOW.wall_ms).unwrap();
                    run.after = to;
                }
            }
        }
        shop.commit();
        let (told, sales) = (std::mem::take(&mut self.told), std::mem::take(&mut self.sales));
        *self = Self { told, sales, ..shop };
    }

    /// The numbers on the own branch, oldest first, by till.
    fn numbers(&self) -> BTreeMap<String, Vec<u64>> {
        let mut out: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let replica = &self.stall.device.replica;
        let mut visit = |_: &EventId, event: engine::event::Event| {
            if let Some((till, number)) = number_of(&event) {
                out.entry(till.to_owned()).or_default().insert(0, number);
            }
            ControlFlow::Continue(())
        };
        replica.own_events(scope(), &mut visit).unwrap();
        out
    }

    #[track_caller]
    fn check_no_gap(&self) {
        for (till, numbers) in self.numbers() {
            let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
            assert_eq!(numbers, expected, "till {till}");
        }
    }
}

fn key(till: usize, number: u64) -> Key {
    Key { till: TILLS[till].to_owned(), number: KeyNumber::Counter(number) }
}

fn sale(till: usize, number: u64) -> Request {
    let line = Line {
        sku: "tea".to_owned(),
        quantity: 1_000,
        amount: 100,
        unit_price: None,
        discount: 0,
        tax: 0,
    };
    let tenders = vec![Tender { kind: TenderKind::Cash, amount: 100 }];
    let (currency, lines) = (*b"EUR", vec![line]);
    let sale = Sale { key: key(till, number), currency, lines, tenders, ..Sale::default() };
    Request::Sale(sale, Vec::new())
}

fn refund(till: usize, number: u64, sale: EventId) -> Request {
    let line = RefundLine { line: 0, sku: String::new(), quantity: 0, amount: 0 };
    Request::Refund(Refund {
        key: key(till, number),
        sale,
        at_ms: 0,
        business_day: 1,
        currency: *b"EUR",
        lines: vec![line],
        tenders: vec![Tender { kind: TenderKind::Cash, amount: 0 }],
        restock: false,
        receipt: 0,
        restored: Vec::new(),
    })
}

fn goods(number: u64) -> Request {
    let lines = vec![GoodsLine { sku: "tea".to_owned(), quantity: 1_000 }];
    let (at_ms, reference) = (0, String::new());
    Request::Goods(super::Movement::Received(GoodsReceived {
        key: key(0, number),
        at_ms,
        reference,
        lines,
    }))
}

#[derive(Debug, Clone)]
enum Step {
    Sell(usize, usize),
    /// Asks again, under a key that may have been used.
    Again(usize, usize, u64),
    Refund(usize, usize),
    Receive(usize),
    Commit(usize),
    Crash(usize),
    Clone(usize),
    Restore(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let shop = || 0..3_usize;
    let step = prop_oneof![
        8 => (shop(), 0..2_usize).prop_map(|(at, till)| Step::Sell(at, till)),
        2 => (shop(), 0..2_usize, 0..40_u64).prop_map(|(at, till, n)| Step::Again(at, till, n)),
        2 => (shop(), 0..2_usize).prop_map(|(at, till)| Step::Refund(at, till)),
        1 => shop().prop_map(Step::Receive),
        5 => shop().prop_map(Step::Commit),
        2 => shop().prop_map(Step::Crash),
        1 => shop().prop_map(Step::Clone),
        1 => shop().prop_map(Step::Restore),
    ];
    prop::collection::vec(step, 10..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_crash_leaves_a_gap_and_a_retry_gets_the_same_number(steps in steps()) {
        let mut shops = vec![Shop::new(1)];
        for (number, step) in (1..).zip(steps) {
            let count = shops.len();
            let epoch = 1_000 + number;
            match step {
                Step::Sell(at, till) => shops[at % count].ask(sale(till, number)),
                Step::Again(at, till, n) => {
                    // Only what sold: another body under the key would be refused.
                    let shop = &mut shops[at % count];
                    let sold = shop.told.keys().filter(|key| key.till == TILLS[till]);
                    let again: Vec<Key> = sold.cloned().collect();
                    let Some(key) = again.get(n as usize % again.len().max(1)) else { continue };
                    let KeyNumber::Counter(n) = key.number else { continue };
                    if shop.told[key] > 0 && n % 2 == 1 {
                        shop.ask(sale(till, n));
                    }
                }
                Step::Refund(at, till) => {
                    let shop = &mut shops[at % count];
                    let sold = shop.sales.iter().find(|id| {
                        let event = shop.stall.device.replica.event(id).unwrap().unwrap();
                        matches!(event.payload, engine::event::Payload::SaleCompleted(_))
                    });
                    if let Some(id) = sold.copied() {
                        // Even, so that it is not asked again as a sale.
                        shop.ask(refund(till, 1_000_000 + 2 * number, id));
                    }
                }
                Step::Receive(at) => shops[at % count].ask(goods(2_000_000 + 2 * number)),
                Step::Commit(at) => shops[at % count].commit(),
                Step::Crash(at) => shops[at % count].crash(epoch),
                Step::Clone(at) if count < 3 => {
                    let clone = shops[at % count].cloned(epoch);
                    shops.push(clone);
                }
                Step::Restore(at) => shops[at % count].restored(epoch),
                Step::Clone(_) => {}
            }
            shops.iter().for_each(Shop::check_no_gap);
        }
        for shop in &mut shops {
            shop.commit();
            shop.check_no_gap();
        }
    }
}

#[test]
fn tills_count_apart_and_refunds_count_with_sales() {
    let mut shop = Shop::new(1);
    for number in 1..=3 {
        shop.ask(sale(0, number));
    }
    shop.commit();
    let first = shop.sales[0];
    shop.ask(sale(1, 1));
    shop.ask(refund(0, 4, first));
    shop.ask(sale(0, 5));
    shop.commit();
    let told = |till, number| shop.told[&key(till, number)];
    assert_eq!([told(0, 3), told(1, 1), told(0, 4), told(0, 5)], [3, 1, 4, 5]);
}

#[test]
fn a_start_reads_no_more_of_the_branch_than_was_appended_since() {
    let mut shop = Shop::new(1);
    (1..=9).for_each(|number| shop.ask(sale(0, number)));
    shop.commit();
    let kept = super::Receipts::kept(&shop.stall.device.replica);
    assert_eq!(kept, shop.stall.receipts, "the row went to the disk with the sales");
    shop.crash(2);
    shop.ask(sale(0, 10));
    shop.commit();
    assert_eq!(shop.told[&key(0, 10)], 10);
}
