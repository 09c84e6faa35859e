//! A small tenant for tests: its keys, its rights, its devices over memory stores.
//!
//! Nothing is committed or carried from one device to another unless a test says so.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::authority::{Charter, Grant, Role, SignedDocument};
use crate::event::sale::{Key, KeyNumber, Line, Sale, Tender, TenderKind};
use crate::event::{
    CountLine, GoodsDispatched, GoodsLine, GoodsReceived, GoodsReserved, GoodsSpoiled,
    GoodsTakenIn, Payload, Refund, RefundLine, ReservationReleased, StockCounted, Void,
};
use crate::ids::{Epoch, EventId, Lane, Log, MerchantId, Scope, Tip};
use crate::log::segment::{self, Codec, Verified};
use crate::log::vector::VersionVector;
use crate::replica::Replica;
use crate::replica::admit::{AdmitError, Admitted};
use crate::replica::verify::{self, Report};
use crate::sign::Keypair;
use crate::store::memory::MemoryStore;
use crate::store::{Read, Row, Store};

/// The stalls that every device knows the grants of; their seeds count from 1.
pub const STALLS: u8 = 4;
/// The seed of the control.
pub const CONTROL: u8 = 100;
/// The seed of the tenant's root.
pub const ROOT: u8 = 200;
/// What a wall clock says, unless a test turns it.
pub const NOON_MS: u64 = 1_700_000_000_000;

pub fn keypair(seed: u8) -> Keypair {
    Keypair::from_seed(&[seed; 32])
}

pub fn scope() -> Scope {
    Scope::Merchant(MerchantId::from_name("north"))
}

/// The log of the device with this seed in a lane of the merchant, or of the tenant.
pub fn log_of(seed: u8, lane: Lane) -> Log {
    let scope = if lane == Lane::Authority { Scope::Tenant } else { scope() };
    Log { tenant: keypair(ROOT).tenant(), device: keypair(seed).device(), scope, lane }
}

pub fn ledger(seed: u8) -> Log {
    log_of(seed, Lane::Ledger)
}

pub fn charter(serial: u64, controls: &[u8], removed: &[u8]) -> SignedDocument {
    let device = |seed: &u8| keypair(*seed).device();
    let charter = Charter {
        tenant: keypair(ROOT).tenant(),
        serial,
        name: "market".to_owned(),
        currency: *b"EUR",
        controls: controls.iter().map(device).collect(),
        removed: removed.iter().map(|seed| (device(seed), Vec::new())).collect(),
    };
    SignedDocument::sign(&charter, &keypair(ROOT)).unwrap()
}

/// What a stall is granted: to write its four lanes and to read all but telemetry.
pub fn grant(seed: u8) -> Grant {
    let authority = (Scope::Tenant, Lane::Authority);
    let (ledger, catalogue) = ((scope(), Lane::Ledger), (scope(), Lane::Catalogue));
    Grant {
        tenant: keypair(ROOT).tenant(),
        device: keypair(seed).device(),
        name: format!("stall {seed}"),
        merchant: "north".to_owned(),
        role: Role::Stall,
        reads: BTreeSet::from([authority, ledger, catalogue]),
        writes: BTreeSet::from([authority, ledger, catalogue, (scope(), Lane::Telemetry)]),
        issued_ms: NOON_MS,
        not_after_ms: NOON_MS + 1_000_000,
    }
}

pub fn signed_grant(grant: &Grant) -> SignedDocument {
    SignedDocument::sign(grant, &keypair(CONTROL)).unwrap()
}

pub fn key(number: u64) -> Key {
    Key { till: "till".to_owned(), number: KeyNumber::Counter(number) }
}

/// A sale of `pieces` of one SKU for `amount`.
pub fn sale(number: u64, sku: &str, pieces: u64, amount: i64) -> Sale {
    let line = Line {
        sku: sku.to_owned(),
        quantity: pieces * 1_000,
        amount,
        unit_price: Some(amount),
        discount: 3,
        tax: 7,
    };
    Sale {
        key: key(number),
        cashier: String::new(),
        sold_at_ms: NOON_MS as i64,
        offset_minutes: 60,
        business_day: 19_675,
        currency: *b"EUR",
        price_bundle: None,
        lines: vec![line],
        tenders: vec![Tender { kind: TenderKind::Cash, amount: amount + 1 }],
        tip: 1,
        ..Sale::default()
    }
}

pub fn goods(number: u64, sku: &str, pieces: u64) -> GoodsReceived {
    let lines = pieces_of(sku, pieces);
    GoodsReceived { key: key(number), at_ms: NOON_MS as i64, reference: String::new(), lines }
}

fn pieces_of(sku: &str, pieces: u64) -> Vec<GoodsLine> {
    vec![GoodsLine { sku: sku.to_owned(), quantity: pieces * 1_000 }]
}

/// A dispatch to the stall with this seed.
pub fn dispatch(number: u64, to: u8, sku: &str, pieces: u64) -> GoodsDispatched {
    let (to, lines) = (keypair(to).device(), pieces_of(sku, pieces));
    let at_ms = NOON_MS as i64;
    GoodsDispatched { key: key(number), at_ms, to, reference: String::new(), lines }
}

pub fn taking(number: u64, dispatch: EventId, sku: &str, pieces: u64) -> GoodsTakenIn {
    let lines = pieces_of(sku, pieces);
    GoodsTakenIn { key: key(number), at_ms: NOON_MS as i64, dispatch, lines }
}

pub fn spoiled(number: u64, sku: &str, pieces: u64) -> GoodsSpoiled {
    let lines = pieces_of(sku, pieces);
    GoodsSpoiled { key: key(number), at_ms: NOON_MS as i64, reason: String::new(), lines }
}

/// A reservation that ends a minute after noon.
pub fn reserve(number: u64, sku: &str, pieces: u64) -> GoodsReserved {
    let (at_ms, lines) = (NOON_MS as i64, pieces_of(sku, pieces));
    let until_ms = at_ms + 60_000;
    GoodsReserved { key: key(number), at_ms, until_ms, reference: String::new(), lines }
}

pub fn release(number: u64, reservation: EventId) -> ReservationReleased {
    ReservationReleased { key: key(number), at_ms: NOON_MS as i64, reservation }
}

/// A count of one SKU that began at a place and is held against a book.
pub fn count(number: u64, start: (Epoch, u64), sku: &str, pieces: u64, book: i64) -> StockCounted {
    let line = CountLine { sku: sku.to_owned(), counted: pieces * 1_000, book };
    let (start_epoch, start_seq) = start;
    StockCounted {
        key: key(number),
        at_ms: NOON_MS as i64,
        start_epoch,
        start_seq,
        lines: vec![line],
    }
}

pub fn refund(number: u64, sale: EventId, sku: &str, pieces: u64, amount: i64) -> Refund {
    let line = RefundLine { line: 0, sku: sku.to_owned(), quantity: pieces * 1_000, amount };
    Refund {
        key: key(number),
        sale,
        at_ms: NOON_MS as i64,
        business_day: 19_676,
        currency: *b"EUR",
        lines: vec![line],
        tenders: vec![Tender { kind: TenderKind::Card, amount }],
        restock: true,
        receipt: 0,
        restored: Vec::new(),
    }
}

pub fn void(number: u64, sale: EventId) -> Void {
    Void { key: key(number), sale, at_ms: NOON_MS as i64 }
}

/// A device: its replica and the disk below.
pub struct Device {
    pub seed: u8,
    pub disk: Arc<MemoryStore>,
    pub replica: Replica,
}

impl Device {
    /// Opens the device with this seed on `disk`, as a start that drew `epoch`.
    pub fn open(seed: u8, epoch: u64, disk: Arc<MemoryStore>) -> Self {
        let store: Arc<dyn Store> = Arc::clone(&disk) as Arc<dyn Store>;
        let tenant = keypair(ROOT).tenant();
        let replica = Replica::open(keypair(seed), tenant, Epoch(epoch), store).unwrap();
        Self { seed, disk, replica }
    }

    /// An empty device that knows the charter and every stall's grant.
    pub fn new(seed: u8, epoch: u64) -> Self {
        let mut device = Self::open(seed, epoch, Arc::default());
        device.replica.take_charter(&charter(1, &[CONTROL], &[])).unwrap();
        for stall in 1..=STALLS {
            device.replica.take_grant(&signed_grant(&grant(stall))).unwrap();
        }
        device.commit();
        device
    }

    /// Loses what is not committed and starts again.
    pub fn restart(&mut self, epoch: u64) {
        *self = Self::open(self.seed, epoch, Arc::clone(&self.disk));
    }

    /// A second machine with a copy of the disk. With the epoch that the first one runs in it is a
    /// copy of the running machine.
    pub fn cloned(&self, epoch: u64) -> Self {
        Self::open(self.seed, epoch, Arc::new(MemoryStore::from_image(&self.disk.image())))
    }

    pub fn append(&mut self, payload: Payload) -> EventId {
        self.replica.append(scope(), Lane::Ledger, payload, NOON_MS).unwrap()
    }

    /// Sells one tea for `amount` under a key of this number.
    pub fn sell(&mut self, number: u64, amount: i64) -> EventId {
        self.append(Payload::SaleCompleted(sale(number, "tea", 1, amount)))
    }

    pub fn commit(&mut self) -> Vec<Log> {
        let batch = self.replica.close().unwrap();
        self.disk.write(&batch).unwrap();
        self.replica.committed()
    }

    pub fn admit(&mut self, bytes: &[u8]) -> Result<Admitted, AdmitError> {
        self.replica.admit(segment::unpack(bytes).unwrap(), NOON_MS)
    }

    /// Takes all that `from` has and this device lacks, and commits.
    pub fn pull(&mut self, from: &Self) {
        for bytes in segments(from, self.replica.vector(), Codec::Zstd) {
            assert!(!matches!(self.admit(&bytes).unwrap(), Admitted::Dropped));
        }
        self.commit();
    }

    /// Rebuilds what is not whole, a batch for each step.
    pub fn rebuild(&mut self) {
        while self.replica.rebuilding().is_some() {
            self.replica.rebuild_step().unwrap();
            self.commit();
        }
    }

    pub fn leaves(&self, seed: u8) -> Vec<Tip> {
        self.replica.vector().leaves(&ledger(seed)).to_vec()
    }

    pub fn verified(&self) -> Report {
        verify::verify(self.disk.as_ref()).unwrap()
    }

    /// The committed rows whose keys begin with `ordinal`.
    pub fn rows(&self, ordinal: u8) -> Vec<Row> {
        let mut rows = Vec::new();
        self.disk
            .scan(&[ordinal], &[ordinal + 1], &mut |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
                ControlFlow::Continue(())
            })
            .unwrap();
        rows
    }
}

/// The segments of all that `from` has and someone with `known` lacks.
pub fn segments(from: &Device, known: &VersionVector, codec: Codec) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for log in from.replica.vector().0.keys() {
        for mut run in from.replica.missing(log, known.leaves(log)).unwrap() {
            while run.after.seq < run.to.seq {
                let (bytes, to) = from.replica.cut(log, &run, codec).unwrap();
                out.push(bytes);
                run.after = to;
            }
        }
    }
    out
}

/// The segments of everything that `from` has, unpacked.
pub fn unpacked(from: &Device) -> Vec<Verified> {
    let all = segments(from, &VersionVector::default(), Codec::Zstd);
    all.iter().map(|bytes| segment::unpack(bytes).unwrap()).collect()
}

/// Carries everything everywhere until nothing moves.
pub fn settle(devices: &mut [Device]) {
    devices.iter_mut().for_each(|device| {
        device.commit();
    });
    for _ in 0..2 {
        for to in 0..devices.len() {
            for from in (0..devices.len()).filter(|from| *from != to) {
                let segments = segments(&devices[from], devices[to].replica.vector(), Codec::Zstd);
                for bytes in segments {
                    devices[to].admit(&bytes).unwrap();
                }
                devices[to].commit();
            }
        }
    }
}
