//! What does not fit together, and who has looked at it.

use std::collections::{BTreeMap, BTreeSet};

use engine::authority::{Forfeit, Grant, Revocation};
use engine::event::Payload;
use engine::event::sale::{Key, KeyNumber};
use engine::hash::Hash;
use engine::ids::{DeviceId, EventId, Log};

use super::money::amount;
use super::{Books, Day, Fact, Facts};

/// Milliseconds that a till's and its stall's clock may be apart: two days.
const CLOCKS_APART_MS: i128 = 2 * 24 * 3_600_000;
/// Events that evidence lists.
const EVIDENCE: usize = 64;
/// Epochs whose latest events prove an overdrawn balance, and forfeits that do.
const LATEST: usize = 8;

/// The numbers that rules have on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Rule {
    OverRefund = 1,
    VoidElsewhere = 2,
    BadReference = 3,
    KeyDoubled = 4,
    Fork = 5,
    ReceiptDoubled = 6,
    LateSale = 8,
    RightsOverdrawn = 9,
    RightsDoubled = 10,
    TransferShort = 11,
    TransferOver = 12,
    FalseDocument = 13,
    OddTime = 14,
    DrawerOff = 15,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Subject {
    Event(EventId),
    Reference(EventId, u16),
    Key(Log, Key),
    Fork(Log, Hash),
    Receipt(DeviceId, String, u64),
    Day(DeviceId, Day),
    Rights(String, DeviceId),
    Clock(DeviceId, String, Day),
}

impl Subject {
    /// The name of the finding of `rule` about this.
    pub fn finding(&self, rule: Rule) -> Hash {
        let mut hasher = blake3::Hasher::new_derive_key("tentpole v1 finding");
        hasher.update(&[rule as u8]).update(&self.to_bytes());
        Hash(*hasher.finalize().as_bytes())
    }

    fn to_bytes(&self) -> Vec<u8> {
        let day = |day: &Day| (*day as u32 ^ 1 << 31).to_be_bytes().to_vec();
        let text = |text: &String| [text.as_bytes(), &[0]].concat();
        match self {
            Self::Event(id) => event_bytes(id),
            Self::Reference(id, kind) => [event_bytes(id).as_slice(), &kind.to_be_bytes()].concat(),
            Self::Key(log, key) => {
                let (tag, number) = match &key.number {
                    KeyNumber::Counter(counter) => (0_u8, counter.to_be_bytes().to_vec()),
                    KeyNumber::Text(text) => (1, text.as_bytes().to_vec()),
                };
                let length = |bytes: &[u8]| (bytes.len() as u32).to_be_bytes();
                let till = key.till.as_bytes();
                let (till_length, number_length) = (length(till), length(&number));
                [&log.id().0, &till_length[..], till, &[tag], &number_length, &number].concat()
            }
            Self::Fork(log, parent) => {
                let mut hasher = blake3::Hasher::new_derive_key("tentpole v1 fork");
                hasher.update(&log.id().0).update(&parent.0);
                hasher.finalize().as_bytes().to_vec()
            }
            Self::Receipt(device, till, number) => {
                [&device.0, text(till).as_slice(), &number.to_be_bytes()].concat()
            }
            Self::Day(device, at) => [&device.0, day(at).as_slice()].concat(),
            Self::Rights(sku, device) => [text(sku).as_slice(), &device.0].concat(),
            Self::Clock(device, till, at) => {
                [&device.0, till.as_bytes(), &at.to_be_bytes()].concat()
            }
        }
    }
}

/// An event id as in its key: log 16, epoch 8, seq 8, short hash 16, big-endian.
fn event_bytes(id: &EventId) -> Vec<u8> {
    [&id.log.0[..], &id.epoch.0.to_be_bytes(), &id.seq.to_be_bytes(), &id.hash.0].concat()
}

/// The events that prove a finding, in order of id.
pub type Evidence = BTreeSet<EventId>;

/// One finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// What proves it.
    pub evidence: Evidence,
    /// Minor units at stake.
    pub money: i128,
    /// Thousandths at stake.
    pub quantity: i128,
    /// Whether some of its evidence is not covered.
    pub open: bool,
}

type Found = BTreeMap<(Rule, Subject), Finding>;

pub(super) fn fold(facts: &Facts<'_>, controls: &BTreeSet<DeviceId>, books: &mut Books) {
    let mut found = Found::new();
    reversals(facts, &mut found);
    references(facts, &mut found);
    doubles(facts, books, &mut found);
    days(facts, &mut found);
    rights(facts, books, &super::rights::forfeits(facts, controls), &mut found);
    transfers(books, &mut found);
    documents(facts, &mut found);
    for finding in found.values_mut() {
        finding.evidence = finding.evidence.iter().take(EVIDENCE).copied().collect();
    }
    settle(facts, &mut found);
    books.findings = found;
}

/// Closes what resolutions cover: the evidence that they name, of the finding that they name.
fn settle(facts: &Facts<'_>, found: &mut Found) {
    for ((rule, subject), finding) in found {
        let id = subject.finding(*rule);
        let mut covered = Evidence::new();
        for fact in &facts.ledger {
            if let Payload::FindingResolved(it) = fact.payload()
                && it.finding == id
            {
                covered.extend(&it.evidence);
            }
        }
        finding.open = !finding.evidence.is_subset(&covered);
    }
}

fn put(
    found: &mut Found,
    rule: Rule,
    subject: Subject,
    evidence: Evidence,
    money: i128,
    quantity: i128,
) {
    found.insert((rule, subject), Finding { evidence, money, quantity, open: true });
}

/// Refunds beyond their sale, and voids of what is no sale before them.
fn reversals(facts: &Facts<'_>, found: &mut Found) {
    for (fact, sale) in facts.sales() {
        let refunds: Vec<_> =
            facts.refunds().into_iter().filter(|(_, refund)| refund.sale == fact.id).collect();
        let voids = facts.voids_of(&fact.id);
        let mut paid: BTreeMap<u16, (i128, i128)> = BTreeMap::new();
        for (_, refund) in &refunds {
            for line in &refund.lines {
                let sums = paid.entry(line.line).or_default();
                sums.0 += i128::from(line.quantity);
                sums.1 += i128::from(line.amount);
            }
        }
        let (mut quantity, mut money, mut beyond) = (0, 0, false);
        for (at, sums) in &paid {
            let line = sale.lines.get(usize::from(*at)).filter(|_| voids.is_empty());
            let sold = line.map_or((0, 0), |line| (line.quantity.into(), line.amount.into()));
            quantity += (sums.0 - sold.0).max(0);
            money += (sums.1 - sold.1).max(0);
            beyond |= line.is_none() || sums.0 > sold.0 || sums.1 > sold.1;
        }
        if beyond || !refunds.is_empty() && !voids.is_empty() {
            let mut evidence: Evidence = refunds.iter().map(|(fact, _)| fact.id).collect();
            evidence.extend(voids.iter().map(|fact| fact.id));
            put(found, Rule::OverRefund, Subject::Event(fact.id), evidence, money, quantity);
        }
    }
    for (fact, void) in facts.voids() {
        let good = facts.sale(&void.sale).is_some() && facts.is_ancestor(&void.sale, fact);
        if !good {
            let evidence = Evidence::from([fact.id]);
            put(found, Rule::VoidElsewhere, Subject::Event(fact.id), evidence, 0, 0);
        }
    }
}

/// References to ledger events of another kind.
fn references(facts: &Facts<'_>, found: &mut Found) {
    let mut wrong: BTreeMap<(EventId, u16), Evidence> = BTreeMap::new();
    for fact in &facts.ledger {
        let (named, kind) = match fact.payload() {
            Payload::SaleRefunded(it) => (it.sale, 5),
            Payload::GoodsTakenIn(it) => (it.dispatch, 12),
            Payload::RightsAccepted(it) => (it.grant, 22),
            Payload::RightsReturned(it) => (it.grant, 22),
            Payload::ShiftClosed(it) => (it.shift, 29),
            _ => continue,
        };
        let Some(target) = facts.get(&named) else { continue };
        let fits = match target.payload() {
            Payload::SaleCompleted(_) => kind == 5,
            Payload::GoodsDispatched(_) => kind == 12,
            Payload::RightsGranted(_) => kind == 22,
            Payload::ShiftOpened(_) => kind == 29,
            _ => false,
        };
        if !fits {
            wrong.entry((named, kind)).or_default().insert(fact.id);
        }
    }
    for ((named, kind), evidence) in wrong {
        let subject = Subject::Reference(named, kind);
        put(found, Rule::BadReference, subject, evidence, 0, 0);
    }
}

/// The forks of the scope's ledgers: the log, the place where it parts, the first of each side.
pub(super) fn forks<'a>(facts: &Facts<'a>) -> Vec<(Log, Option<EventId>, Vec<&'a Fact>)> {
    let mut sides: BTreeMap<(Log, Option<EventId>), Vec<&'a Fact>> = BTreeMap::new();
    for fact in &facts.ledger {
        sides.entry((fact.log, fact.parent)).or_default().push(fact);
    }
    sides.retain(|_, sides| sides.len() > 1);
    sides.into_iter().map(|((log, parent), sides)| (log, parent, sides)).collect()
}

/// What two branches of a clone do twice: keys, places, receipt numbers.
fn doubles(facts: &Facts<'_>, books: &Books, found: &mut Found) {
    let mut bearers: BTreeMap<(Log, &Key), Vec<&Fact>> = BTreeMap::new();
    for fact in &facts.ledger {
        if let Some(key) = fact.payload().key() {
            bearers.entry((fact.log, key)).or_default().push(fact);
        }
    }
    for ((log, key), those) in bearers.into_iter().filter(|(_, those)| those.len() > 1) {
        let stakes: Vec<i128> = those.iter().map(|f| i128::from(f.payload().stake())).collect();
        let money = stakes.iter().sum::<i128>() - stakes.iter().max().copied().unwrap_or(0);
        let evidence = those.iter().map(|fact| fact.id).collect();
        put(found, Rule::KeyDoubled, Subject::Key(log, key.clone()), evidence, money, 0);
    }
    for (log, parent, sides) in forks(facts) {
        let place = parent.and_then(|parent| facts.get(&parent)).map(|fact| fact.hash);
        let evidence = sides.iter().map(|fact| fact.id).collect();
        let subject = Subject::Fork(log, place.unwrap_or_default());
        put(found, Rule::Fork, subject, evidence, 0, 0);
    }
    for ((device, till, number), documents) in &books.receipts {
        if documents.len() > 1 {
            let evidence = documents.keys().copied().collect();
            let subject = Subject::Receipt(*device, till.clone(), *number);
            put(found, Rule::ReceiptDoubled, subject, evidence, 0, 0);
        }
    }
}

/// Sales after the close of their day, clocks that are far apart, drawers that are off.
fn days(facts: &Facts<'_>, found: &mut Found) {
    let mut late: BTreeMap<(DeviceId, Day), (Evidence, i128)> = BTreeMap::new();
    let mut odd: BTreeMap<(DeviceId, String, Day), Evidence> = BTreeMap::new();
    for (fact, sale) in facts.sales() {
        for close in &facts.ledger {
            let Payload::DayClosed(day) = close.payload() else { continue };
            let same = day.business_day == sale.business_day;
            if same && facts.is_ancestor(&close.id, fact) {
                let at = late.entry((fact.device(), sale.business_day)).or_default();
                if at.0.insert(fact.id) {
                    at.1 += amount(sale);
                }
            }
        }
        let apart = i128::from(sale.sold_at_ms) - i128::from(fact.event.hlc.wall_ms());
        if apart.abs() > CLOCKS_APART_MS {
            let place = (fact.device(), sale.key.till.clone(), sale.business_day);
            odd.entry(place).or_default().insert(fact.id);
        }
    }
    for ((device, day), (evidence, money)) in late {
        put(found, Rule::LateSale, Subject::Day(device, day), evidence, money, 0);
    }
    for ((device, till, day), evidence) in odd {
        put(found, Rule::OddTime, Subject::Clock(device, till, day), evidence, 0, 0);
    }
    for fact in &facts.ledger {
        let Payload::ShiftClosed(it) = fact.payload() else { continue };
        if it.counted != it.expected {
            let (evidence, subject) = (Evidence::from([fact.id]), Subject::Event(fact.id));
            let money = i128::from(it.counted) - i128::from(it.expected);
            put(found, Rule::DrawerOff, subject, evidence, money, 0);
        }
    }
}

/// Balances below zero, grants that were claimed too often.
fn rights(facts: &Facts<'_>, books: &Books, forfeits: &[(EventId, Forfeit)], found: &mut Found) {
    for ((sku, device), balance) in &books.balances {
        if balance.held() < 0 {
            let subject = Subject::Rights(sku.clone(), *device);
            let evidence = overdrawn(facts, forfeits, sku, device);
            put(found, Rule::RightsOverdrawn, subject, evidence, 0, -balance.held());
        }
    }
    for (id, grant) in &books.grants {
        if grant.doubled() > 0 {
            let mut claims = Evidence::new();
            for those in [&grant.accepted, &grant.returned, &grant.wrong] {
                claims.extend(those);
            }
            let mut evidence: Evidence = claims.into_iter().take(EVIDENCE).collect();
            evidence.insert(*id);
            let quantity = i128::from(grant.quantity) * grant.doubled();
            put(found, Rule::RightsDoubled, Subject::Event(*id), evidence, 0, quantity);
        }
    }
}

/// Of each epoch of the device the latest event that touches its rights, the eight highest of
/// them; and the first eight forfeits that took from it.
fn overdrawn(
    facts: &Facts<'_>,
    forfeits: &[(EventId, Forfeit)],
    sku: &str,
    device: &DeviceId,
) -> Evidence {
    let mut latest: BTreeMap<engine::ids::Epoch, EventId> = BTreeMap::new();
    for fact in facts.ledger.iter().filter(|fact| fact.device() == *device) {
        if super::rights::touches(facts, fact).contains(sku) {
            let last = latest.entry(fact.id.epoch).or_insert(fact.id);
            *last = (*last).max(fact.id);
        }
    }
    let mut latest: Vec<EventId> = latest.into_values().collect();
    latest.sort_by_key(|id| std::cmp::Reverse((id.seq, *id)));
    let mut evidence: Evidence = latest.into_iter().take(LATEST).collect();
    let taken =
        |it: &Forfeit| it.device == *device && it.lines.iter().any(|(of, q)| of == sku && *q > 0);
    let mut took: Vec<EventId> =
        forfeits.iter().filter(|(_, it)| taken(it)).map(|(id, _)| *id).collect();
    took.sort_unstable();
    evidence.extend(took.into_iter().take(LATEST));
    evidence
}

fn transfers(books: &Books, found: &mut Found) {
    for (id, transfer) in &books.transfers {
        let mut evidence = Evidence::from([*id]);
        evidence.extend(transfer.takings.iter().chain(&transfer.stray_takings));
        if transfer.settled && transfer.outstanding() > 0 {
            let (subject, short) = (Subject::Event(*id), transfer.outstanding());
            put(found, Rule::TransferShort, subject, evidence.clone(), 0, short);
        }
        if transfer.excess() > 0 {
            let (subject, excess) = (Subject::Event(*id), transfer.excess());
            put(found, Rule::TransferOver, subject, evidence, 0, excess);
        }
    }
}

/// Documents and proofs that do not hold by themselves: of the tenant.
fn documents(facts: &Facts<'_>, found: &mut Found) {
    if facts.scope != engine::ids::Scope::Tenant {
        return;
    }
    for fact in &facts.authority {
        let holds = match fact.payload() {
            Payload::GrantIssued(document) => document.open::<Grant>().is_ok(),
            Payload::DeviceRevoked(document) => document.open::<Revocation>().is_ok(),
            Payload::RightsForfeited(document) => document.open::<Forfeit>().is_ok(),
            Payload::ForkProven(proof) => proof.verify().is_ok(),
            _ => true,
        };
        if !holds {
            let evidence = Evidence::from([fact.id]);
            put(found, Rule::FalseDocument, Subject::Event(fact.id), evidence, 0, 0);
        }
    }
}
