//! Golden bytes: what is on disks and wires must stay what it is.
//!
//! The files in `engine/golden` hold hexadecimal text; lines that begin with `#` are comments. A
//! test that fails here has found a change of format, which needs a new kind or version, not a new
//! file.

use std::collections::BTreeSet;

use super::codec::{decode_event, encode, encode_event, kind_name};
use super::prices::bundle_name;
use super::sale::{Key, KeyNumber, Line, Quantity, Sale, Tender, TenderKind};
use super::*;
use crate::authority::{
    Charter, Forfeit, ForkProof, ForkSide, Grant, Receipt, Revocation, Role, SignedDocument,
};
use crate::clock::Hlc;
use crate::hash::Hash;
use crate::hex;
use crate::ids::{DeviceId, Epoch, EventId, Lane, Log, MerchantId, Scope, TenantId, Tip};
use crate::log::segment::{self, Codec, Rows};
use crate::log::vector::VersionVector;
use crate::log::{chain, head};
use crate::sign::Keypair;
use crate::store::Store;
use crate::testing::{self, Device};

macro_rules! golden {
    ($name:literal) => {
        (concat!("engine/golden/", $name, ".hex"), {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/", $name, ".hex"))
        })
    };
}

mod rights;

/// The bytes of a golden file, and of each of its lines.
fn lines(text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().filter(|line| !line.starts_with("#") && *line != "-");
    lines.map(|line| hex::decode(line).unwrap()).collect()
}

#[track_caller]
fn check((name, text): (&str, &str), bytes: &[u8]) {
    assert!(text.starts_with("# "), "{name} says what it is");
    assert_eq!(hex::encode(&lines(text).concat()), hex::encode(bytes), "{name}");
}

#[track_caller]
fn check_event(golden: (&str, &str), kind: &str, payload: Payload) {
    let event = Event { hlc: Hlc(0x0123_4567_89ab_cdef), payload, ext: Vec::new() };
    assert_eq!(kind_name(&event.payload), kind);
    check(golden, &encode_event(&event).unwrap());
    assert_eq!(decode_event(&lines(golden.1).concat()).unwrap(), event);
}

fn control() -> Keypair {
    Keypair::from_seed(&[2; 32])
}

fn tenant() -> TenantId {
    Keypair::from_seed(&[1; 32]).tenant()
}

fn stall() -> DeviceId {
    Keypair::from_seed(&[3; 32]).device()
}

fn scope() -> Scope {
    Scope::Merchant(MerchantId::from_name("north"))
}

fn log() -> Log {
    Log { tenant: tenant(), device: stall(), scope: scope(), lane: Lane::Ledger }
}

fn tip() -> Tip {
    Tip { epoch: Epoch(0xfedc_ba98_7654_3210), seq: 70_000, hash: Hash([0x5a; 32]) }
}

fn sale_id() -> EventId {
    EventId { log: log().id(), epoch: Epoch(9), seq: 300, hash: Hash([0x77; 32]).short() }
}

fn counter(number: u64) -> Key {
    Key { till: "till-1".to_owned(), number: KeyNumber::Counter(number) }
}

fn sale() -> Sale {
    let line = |sku: &str, quantity: Quantity, amount, unit_price| Line {
        sku: sku.to_owned(),
        quantity,
        amount,
        unit_price,
        discount: 50,
        tax: 19,
    };
    let tender = |kind, amount| Tender { kind, amount };
    Sale {
        key: counter(1_000),
        cashier: "zoe".to_owned(),
        sold_at_ms: 1_700_000_000_123,
        offset_minutes: -330,
        business_day: -1,
        currency: *b"EUR",
        price_bundle: Some(Hash([0xb0; 32])),
        lines: vec![line("4006381333931", 1_500, 249, Some(199)), line("gift wrap", 0, 100, None)],
        tenders: vec![
            tender(TenderKind::Cash, 200),
            tender(TenderKind::Card, 100),
            tender(TenderKind::Voucher, 80),
        ],
        tip: 31,
        ..Sale::default()
    }
}

fn grant() -> Grant {
    Grant {
        tenant: tenant(),
        device: stall(),
        name: "north 1".to_owned(),
        merchant: "north".to_owned(),
        role: Role::Stall,
        reads: BTreeSet::from([(Scope::Tenant, Lane::Authority), (scope(), Lane::Ledger)]),
        writes: BTreeSet::from([(scope(), Lane::Ledger), (scope(), Lane::Telemetry)]),
        issued_ms: 1_700_000_000_000,
        not_after_ms: 1_800_000_000_000,
    }
}

fn revocation() -> Revocation {
    let leaves = vec![(log(), vec![tip(), Tip::ROOT])];
    Revocation { tenant: tenant(), device: stall(), at_ms: 1_700_000_000_000, leaves }
}

fn signed<D: crate::authority::document::Document>(body: &D) -> SignedDocument {
    SignedDocument::sign(body, &control()).unwrap()
}

#[test]
fn an_epoch_opened() {
    let Tip { epoch, seq, hash } = tip();
    let opened = EpochOpened { parent_epoch: epoch, parent_seq: seq, parent_hash: hash };
    let first = EpochOpened { parent_epoch: Epoch(0), parent_seq: 0, parent_hash: Hash::default() };
    check_event(golden!("event-01-v1"), "epoch-opened", Payload::EpochOpened(opened));
    check_event(golden!("event-01-v1-first"), "epoch-opened", Payload::EpochOpened(first));
}

#[test]
fn a_catalogue_changed() {
    let change = CatalogueChanged { season: 0, change: (0..=255).collect() };
    check_event(golden!("event-02-v1"), "catalogue-changed", Payload::CatalogueChanged(change));
}

#[test]
fn goods_received() {
    let line = |sku: &str, quantity| GoodsLine { sku: sku.to_owned(), quantity };
    let goods = GoodsReceived {
        key: Key { till: "till-1".to_owned(), number: KeyNumber::Text("note 7".to_owned()) },
        at_ms: -1,
        reference: "DN 0042".to_owned(),
        lines: vec![line("4006381333931", 24_000), line("tea", u64::MAX)],
    };
    check_event(golden!("event-03-v1"), "goods-received", Payload::GoodsReceived(goods));
}

/// A dispatch, a reservation: some event of the log of the other goldens.
fn earlier() -> EventId {
    EventId { seq: 301, ..sale_id() }
}

fn goods_lines() -> Vec<GoodsLine> {
    let line = |sku: &str, quantity| GoodsLine { sku: sku.to_owned(), quantity };
    vec![line("4006381333931", 24_000), line("tea", 1)]
}

#[test]
fn goods_on_their_way() {
    let dispatched = GoodsDispatched {
        key: counter(7),
        at_ms: 1_700_000_000_000,
        to: stall(),
        reference: "TN 7".to_owned(),
        lines: goods_lines(),
    };
    let taken = GoodsTakenIn {
        key: counter(8),
        at_ms: 1_700_000_000_000,
        dispatch: earlier(),
        lines: goods_lines(),
    };
    check_event(golden!("event-11-v1"), "goods-dispatched", Payload::GoodsDispatched(dispatched));
    check_event(golden!("event-12-v1"), "goods-taken-in", Payload::GoodsTakenIn(taken));
}

#[test]
fn goods_returned_counted_and_spoiled() {
    let returned = GoodsReturned {
        key: counter(9),
        at_ms: 1_700_000_000_000,
        reference: "exchange".to_owned(),
        lines: goods_lines(),
        resaleable: true,
    };
    let line = |sku: &str, counted, book| CountLine { sku: sku.to_owned(), counted, book };
    let counted = StockCounted {
        key: counter(10),
        at_ms: 1_700_000_000_000,
        start_epoch: Epoch(7),
        start_seq: 300,
        lines: vec![line("4006381333931", 24_000, 25_000), line("tea", 0, -1)],
    };
    let spoiled = GoodsSpoiled {
        key: counter(11),
        at_ms: 1_700_000_000_000,
        reason: "rain".to_owned(),
        lines: goods_lines(),
    };
    check_event(golden!("event-13-v1"), "goods-returned", Payload::GoodsReturned(returned));
    check_event(golden!("event-14-v1"), "stock-counted", Payload::StockCounted(counted));
    check_event(golden!("event-15-v1"), "goods-spoiled", Payload::GoodsSpoiled(spoiled));
}

#[test]
fn goods_reserved_and_let_go() {
    let reserved = GoodsReserved {
        key: counter(12),
        at_ms: 1_700_000_000_000,
        until_ms: 1_700_000_900_000,
        reference: "Zoe".to_owned(),
        lines: goods_lines(),
    };
    let released =
        ReservationReleased { key: counter(13), at_ms: 1_700_000_000_000, reservation: earlier() };
    let expired = ReservationExpired { at_ms: 1_700_000_900_001, reservation: earlier() };
    check_event(golden!("event-16-v1"), "goods-reserved", Payload::GoodsReserved(reserved));
    check_event(
        golden!("event-17-v1"),
        "reservation-released",
        Payload::ReservationReleased(released),
    );
    check_event(
        golden!("event-18-v1"),
        "reservation-expired",
        Payload::ReservationExpired(expired),
    );
}

#[test]
fn a_sale_completed() {
    check_event(golden!("event-04-v1"), "sale-completed", Payload::SaleCompleted(sale()));
}

#[test]
fn a_sale_and_a_refund_in_version_2() {
    let sale = Sale {
        receipt: 70_000,
        reservation: Some(sale_id()),
        promised: vec![0, 1],
        line_bundles: vec![(1, Hash([0xb1; 32]))],
        accepted_offline: vec![1],
        ..sale()
    };
    check_event(golden!("event-04-v2"), "sale-completed", Payload::SaleCompleted(sale));
    let refund = Refund { receipt: 251, restored: vec![0], ..refund() };
    check_event(golden!("event-05-v2"), "sale-refunded", Payload::SaleRefunded(refund));
}

#[test]
fn cash_shifts_days_and_reprints() {
    let (at_ms, business_day, currency) = (1_700_000_500_000, 19_675, *b"EUR");
    let reprint = ReceiptReprinted { key: counter(26), at_ms, document: sale_id() };
    check_event(golden!("event-26-v1"), "receipt-reprinted", Payload::ReceiptReprinted(reprint));
    let (direction, amount, reason) = (CashDirection::PaidOut, 1_250, "ice".to_owned());
    let key = counter(27);
    let cash = CashMoved { key, at_ms, business_day, currency, direction, amount, reason };
    check_event(golden!("event-27-v1"), "cash-moved", Payload::CashMoved(cash));
    let (key, cashier, float) = (counter(28), "zoe".to_owned(), 10_000);
    let opened = ShiftOpened { key, at_ms, business_day, currency, cashier, float };
    check_event(golden!("event-28-v1"), "shift-opened", Payload::ShiftOpened(opened));
    let (key, shift, counted, expected) = (counter(29), sale_id(), 12_345, -1);
    let closed = ShiftClosed { key, at_ms, shift, counted, expected };
    check_event(golden!("event-29-v1"), "shift-closed", Payload::ShiftClosed(closed));
    let (key, business_day, expected) = (counter(30), -1, 12_346);
    let closed = DayClosed { key, at_ms, business_day, currency, counted, expected };
    check_event(golden!("event-30-v1"), "day-closed", Payload::DayClosed(closed));
}

#[test]
fn a_sale_refunded() {
    check_event(golden!("event-05-v1"), "sale-refunded", Payload::SaleRefunded(refund()));
}

fn refund() -> Refund {
    let line = RefundLine { line: 1, sku: "tea".to_owned(), quantity: 500, amount: 83 };
    Refund {
        key: counter(1_001),
        sale: sale_id(),
        at_ms: 1_700_000_100_000,
        business_day: 19_675,
        currency: *b"EUR",
        lines: vec![line],
        tenders: vec![Tender { kind: TenderKind::Card, amount: 83 }],
        restock: true,
        receipt: 0,
        restored: Vec::new(),
    }
}

#[test]
fn a_sale_voided() {
    let void = Void { key: counter(0), sale: sale_id(), at_ms: 1_700_000_200_000 };
    check_event(golden!("event-06-v1"), "sale-voided", Payload::SaleVoided(void));
}

#[test]
fn a_telemetry_sample() {
    let metrics = vec![("fridge_mdegc".to_owned(), -4_250), ("power_mw".to_owned(), i64::MAX)];
    let sample = TelemetrySample { at_ms: 1_700_000_300_000, overwritten: 251, metrics };
    check_event(golden!("event-07-v1"), "telemetry-sampled", Payload::TelemetrySampled(sample));
}

#[test]
fn a_grant_issued_and_a_device_revoked() {
    let (grant, revocation) = (signed(&grant()), signed(&revocation()));
    check_event(golden!("event-08-v1"), "grant-issued", Payload::GrantIssued(grant));
    check_event(golden!("event-09-v1"), "device-revoked", Payload::DeviceRevoked(revocation));
}

#[test]
fn a_fork_proven() {
    let side = |epoch, contents: &[u8]| ForkSide {
        epoch: Epoch(epoch),
        contents: contents.iter().map(|byte| Hash([*byte; 32])).collect(),
        signature: control().sign(&[epoch as u8]),
    };
    let proof = ForkProof { log: log(), parent: tip(), a: side(1, &[1, 2]), b: side(2, &[3]) };
    check_event(golden!("event-10-v1"), "fork-proven", Payload::ForkProven(Box::new(proof)));
}

#[test]
fn a_piece_of_a_bundle_and_when_it_holds() {
    let price = |sku: &str, price| BundlePrice { sku: sku.to_owned(), price };
    let prices = vec![price("4006381333931", 199), price("tea", 0)];
    let bundle = bundle_name(&prices).unwrap();
    let piece = BundlePublished { bundle, part: 0, parts: 1, prices };
    check_event(golden!("event-34-v1"), "bundle-published", Payload::BundlePublished(piece));
    let switch = PricesScheduled { bundle, from_ms: 1_700_000_500_000 };
    check_event(golden!("event-35-v1"), "prices-scheduled", Payload::PricesScheduled(switch));
}

#[test]
fn an_event_of_a_newer_program() {
    let unknown = Unknown { kind: 40_000, version: 2, body: vec![1, 2, 3] };
    let payload = Payload::Unknown(unknown);
    let event = Event { hlc: Hlc(1), payload, ext: vec![0xee; 300] };
    let golden = golden!("event-unknown");
    check(golden, &encode_event(&event).unwrap());
    assert_eq!(decode_event(&lines(golden.1).concat()).unwrap(), event);
}

#[test]
fn signed_documents() {
    let charter = Charter {
        tenant: tenant(),
        serial: 2,
        name: "market".to_owned(),
        currency: *b"EUR",
        controls: BTreeSet::from([control().device()]),
        removed: vec![(stall(), vec![(log(), vec![tip()])])],
    };
    let charter = SignedDocument::sign(&charter, &Keypair::from_seed(&[1; 32])).unwrap();
    check(golden!("document-charter"), &encode(&charter).unwrap());
    check(golden!("document-grant"), &encode(&signed(&grant())).unwrap());
    check(golden!("document-revocation"), &encode(&signed(&revocation())).unwrap());
    let (control, leaves) = (control().device(), vec![tip()]);
    let receipt = Receipt { control, log: log(), leaves, at_ms: 1_700_000_400_000 };
    check(golden!("document-receipt"), &encode(&signed(&receipt)).unwrap());
}

/// Log id, base, content, link, vector hash, head signature: one a line.
#[test]
fn chain_head_and_vector() {
    let base = chain::base(&log(), Epoch(7), &tip());
    let first = chain::base(&log(), Epoch(7), &Tip::ROOT);
    let content = chain::content(b"canonical bytes");
    let vector = VersionVector([(log(), vec![tip()])].into()).hash();
    let signature = head::sign(&Keypair::from_seed(&[3; 32]), &log(), &tip());
    let found: Vec<Vec<u8>> = vec![
        log().to_bytes().to_vec(),
        log().id().0.to_vec(),
        base.0.to_vec(),
        first.0.to_vec(),
        content.0.to_vec(),
        chain::link(&base, &content).0.to_vec(),
        vector.0.to_vec(),
        signature.0.to_vec(),
    ];
    check(golden!("chain"), &found.concat());
    assert_eq!(lines(golden!("chain").1), found);
    assert!(head::verify(&log(), &tip(), &signature));
}

#[test]
fn a_segment() {
    let events = [b"one".to_vec(), b"two".to_vec()];
    let hashes = events.iter().scan(tip().hash, |at, event| {
        *at = chain::link(at, &chain::content(event));
        Some(*at)
    });
    let tips = (tip().seq + 1..).zip(hashes).map(|(seq, hash)| Tip { seq, hash, ..tip() });
    let key = Keypair::from_seed(&[3; 32]);
    let heads = (1..).zip(tips).map(|(at, tip)| (at, head::sign(&key, &log(), &tip))).collect();
    let epoch = tip().epoch;
    let rows = Rows { log: log(), epoch, after: tip(), events: events.to_vec(), heads };
    let golden = golden!("segment-plain");
    check(golden, &segment::pack(&rows, Codec::Plain).unwrap());
    let out = segment::unpack(&lines(golden.1).concat()).unwrap();
    assert_eq!(out.links.len(), 2);
    // What zstd writes may change with its version; what it once wrote must stay readable.
    let packed = segment::unpack(&lines(golden!("segment-zstd").1).concat()).unwrap();
    assert_eq!(packed, out);
}

/// A disk with two epochs and a fork, a line for each key and each value.
#[test]
fn a_whole_log() {
    let mut stall = Device::new(1, 0x11);
    let id = stall.append(Payload::SaleCompleted(testing::sale(1, "tea", 2, 500)));
    stall.append(Payload::GoodsReceived(testing::goods(2, "tea", 9)));
    stall.commit();
    stall.restart(0x22);
    stall.append(Payload::SaleRefunded(testing::refund(3, id, "tea", 1, 250)));
    stall.commit();
    let mut twin = stall.cloned(0x33);
    twin.append(Payload::SaleCompleted(testing::sale(4, "cup", 1, 70)));
    twin.commit();
    stall.append(Payload::SaleVoided(testing::void(5, id)));
    stall.commit();
    stall.pull(&twin);
    let (_, text) = golden!("log");
    // The rows of the log are what they were; those of projections have versions of their own.
    let kept = [0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x20];
    let rows: Vec<_> = kept.iter().flat_map(|ordinal| stall.rows(*ordinal)).collect();
    let found: Vec<Vec<u8>> =
        rows.iter().flat_map(|(key, row)| [key.clone(), row.clone()]).collect();
    let golden = lines_and_blanks(text);
    let of_log = golden.chunks(2).filter(|pair| kept.contains(&pair[0][0])).flatten();
    assert_eq!(found, of_log.cloned().collect::<Vec<_>>(), "engine/golden/log.hex");

    // The disk of the first program opens, verifies, and says the same once it is rebuilt.
    let old = Device::new(1, 0x44);
    let mut batch = crate::store::Batch::default();
    for pair in lines_and_blanks(text).chunks(2) {
        batch.put(pair[0].clone(), pair[1].clone());
    }
    old.disk.write(&batch).unwrap();
    let mut old = old.cloned(0x55);
    assert!(old.replica.digests(testing::scope()).unwrap().is_empty(), "it is not whole yet");
    old.rebuild();
    assert!(old.verified().ok());
    let books = |device: &Device| device.rows(crate::keys::PROJECTION);
    assert_eq!(books(&old), books(&stall));
    assert_eq!(old.leaves(1), stall.leaves(1));
    assert_eq!(old.leaves(1).len(), 2);
    assert_eq!(old.replica.forks().unwrap(), stall.replica.forks().unwrap());
    let digests = |device: &Device| device.replica.digests(testing::scope()).unwrap();
    assert_eq!(digests(&old), digests(&stall));
}

/// As [`lines`], where `-` stands for a value of no bytes.
fn lines_and_blanks(text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| if line == "-" { Vec::new() } else { hex::decode(line).unwrap() }).collect()
}

#[test]
fn whatever_is_encoded_can_be_decoded_up_to_the_last_line() {
    for sku_bytes in 1..=64 {
        let mut sale = sale();
        let line = Line { sku: "s".repeat(sku_bytes), ..sale.lines[0].clone() };
        sale.lines = vec![line; crate::limits::SALE_LINES_MAX];
        let event = Event { hlc: Hlc(1), payload: Payload::SaleCompleted(sale), ext: Vec::new() };
        let Ok(bytes) = encode_event(&event) else { continue };
        assert_eq!(decode_event(&bytes), Ok(event), "{sku_bytes} bytes a SKU");
    }
}
