//! Findings: what does not fit together, until somebody settles it.
//!
//! Nothing signed is refused, so a lie or an accident shows here: a rule, its subject, the events
//! that prove it and what is at stake. A finding is a function of the set of events: each time an
//! event could have changed a subject, the rule looks at the subject again and writes what is so
//! now. It is open while some of its evidence is not covered by a settlement.
//!
//! ```text
//! row     0 | finding id 32                        value  [`Finding`]
//! row     1 | finding id 32 | evidence event 48    value  the event that settled it
//! row     2 | event named 48                       value  what names it; see `references`
//!
//! finding id      H("tentpole v1 finding", rule u8 | subject)
//! ```

use serde::{Deserialize, Serialize};

use super::{Books, Origin, Projection, event_key, read_event_key};
use crate::authority::{Forfeit, Grant, Revocation, SignedDocument};
use crate::event::{Event, FindingResolved, Payload};
use crate::hash::{self, Hash};
use crate::ids::{EventId, Scope};
use crate::keys::{self, Range};
use crate::limits::{CLOCK_ODD_MS, EVIDENCE_MAX, SUBJECT_BYTES_MAX};
use crate::store::ReadError;

/// What is wrong. The numbers are part of a finding's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// More was refunded of a sale than was sold, or some of a sale that was voided.
    OverRefund = 1,
    /// A void names no sale that stands before it on its branch; it changes nothing.
    VoidElsewhere = 2,
    /// An event names another that is not what it should be.
    BadReference = 3,
    /// Two events of one log bear one idempotency key: a sale may be counted twice.
    KeyDoubled = 4,
    /// A log has two branches with one parent: a disk was cloned or restored.
    Fork = 5,
    /// Two receipts of one till bear one number.
    ReceiptDoubled = 6,
    /// A till left numbers out.
    ReceiptGap = 7,
    /// A sale was made for a business day that its stall had closed.
    LateSale = 8,
    /// A device spent or gave away promise rights that it did not have.
    RightsOverdrawn = 9,
    /// A grant of rights was claimed twice, or by another device than it was made to.
    RightsDoubled = 10,
    /// Less was taken in than was dispatched.
    TransferShort = 11,
    /// More was taken in than was dispatched, or by another stall, or twice.
    TransferOver = 12,
    /// A signed document in the authority lane does not hold.
    FalseDocument = 13,
    /// A till's clock and its stall's are days apart.
    OddTime = 14,
    /// A shift closed with another amount of cash than the book says.
    DrawerOff = 15,
    /// A price bundle's pieces do not add up to the hash that names it.
    FalseBundle = 16,
}

/// One finding, as every replica with the same events states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub rule: Rule,
    /// With what, for people: an event, a SKU at a stall, a till.
    pub subject: String,
    /// The events that prove it, the first [`EVIDENCE_MAX`] in order.
    pub evidence: Vec<EventId>,
    /// Minor units at stake.
    pub money: i128,
    /// Thousandths at stake.
    pub quantity: i128,
}

impl Finding {
    /// A finding with nothing at stake yet.
    pub fn new(rule: Rule, subject: String, evidence: impl IntoIterator<Item = EventId>) -> Self {
        let mut evidence: Vec<EventId> = evidence.into_iter().collect();
        evidence.sort_unstable();
        evidence.dedup();
        evidence.truncate(EVIDENCE_MAX);
        // A till's name in a hostile event is as long as events are, and this must be a row.
        let mut subject = subject;
        let mut end = subject.len().min(SUBJECT_BYTES_MAX);
        while !subject.is_char_boundary(end) {
            end -= 1;
        }
        subject.truncate(end);
        Self { rule, subject, evidence, money: 0, quantity: 0 }
    }
}

/// The id of the finding of a rule about a subject.
pub fn id(rule: Rule, subject: &[u8]) -> Hash {
    hash::FINDING.of(&[&[rule as u8], subject])
}

/// Writes what a rule says of a subject now; `None` when nothing is wrong.
pub fn put(
    books: &mut dyn Books,
    scope: Scope,
    rule: Rule,
    subject: &[u8],
    finding: Option<Finding>,
) -> Result<(), ReadError> {
    let key = key(scope, &id(rule, subject));
    let value = finding.map(|finding| crate::event::codec::encode(&finding)).transpose();
    let value = value.map_err(|error| ReadError::Device(error.to_string()))?;
    // Most subjects are fine, before and after.
    if value.is_none() && books.row(&key)?.is_none() {
        return Ok(());
    }
    books.set_row(key, value)
}

/// Takes an event in: every rule that it may concern looks again.
pub fn fold(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    super::reversals::judge(books, origin, event)?;
    super::receipts::judge(books, origin, event)?;
    super::drawers::judge(books, origin, event)?;
    super::days::judge(books, origin, event)?;
    super::references::judge(books, origin, event)?;
    super::rights::judge(books, origin, event)?;
    super::transfers::judge(books, origin, event)?;
    judge_key(books, origin, event)?;
    judge_time(books, origin, event)?;
    match &event.payload {
        Payload::GrantIssued(document) => judge_document(books, origin, holds::<Grant>(document)),
        Payload::DeviceRevoked(document) => {
            judge_document(books, origin, holds::<Revocation>(document))
        }
        Payload::RightsForfeited(document) => {
            judge_document(books, origin, holds::<Forfeit>(document))
        }
        Payload::ForkProven(proof) => judge_document(books, origin, proof.verify().is_ok()),
        Payload::FindingResolved(resolved) => settle(books, origin, resolved),
        _ => Ok(()),
    }
}

fn holds<D: crate::authority::document::Document>(document: &SignedDocument) -> bool {
    document.open::<D>().is_ok()
}

fn judge_document(books: &mut dyn Books, origin: &Origin, holds: bool) -> Result<(), ReadError> {
    let rule = Rule::FalseDocument;
    let finding = Finding::new(rule, origin.log.device.to_string(), [origin.id]);
    let finding = (!holds).then_some(finding);
    put(books, origin.log.scope, rule, &event_key(&origin.id), finding)
}

/// One key in two events of a log. Which of them is the doubled one nobody can know, so all but the
/// largest amount is at stake.
fn judge_key(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    let Some(key) = event.payload.key() else { return Ok(()) };
    let bearers = books.bearers(origin, event)?;
    if bearers.len() < 2 {
        return Ok(());
    }
    let mut stakes = Vec::new();
    for bearer in &bearers {
        let stake = books.event(bearer)?.map_or(0, |(_, event)| event.payload.stake());
        stakes.push(i128::from(stake));
    }
    let largest = stakes.iter().max().copied().unwrap_or(0);
    let rule = Rule::KeyDoubled;
    let number = key.number.to_string();
    // As in the bearer's row: a counter and the text that it prints as are two keys.
    let subject = &keys::bearers(&origin.id.log, key).0[1..];
    let mut finding = Finding::new(rule, format!("{} {number}", key.till), bearers);
    finding.money = stakes.iter().sum::<i128>() - largest;
    put(books, origin.log.scope, rule, subject, Some(finding))
}

/// A sale whose till and stall disagree by days about the time: one of the clocks is wrong, and the
/// business day may be too.
fn judge_time(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    let Payload::SaleCompleted(sale) = &event.payload else { return Ok(()) };
    let wall = i128::from(event.hlc.wall_ms());
    if (i128::from(sale.sold_at_ms) - wall).abs() <= i128::from(CLOCK_ODD_MS) {
        return Ok(());
    }
    // One finding for a till and day: a clock that is off is off for every sale.
    let till = [origin.log.device.0.as_slice(), sale.key.till.as_bytes()].concat();
    let subject = [till.as_slice(), &sale.business_day.to_be_bytes()].concat();
    let rule = Rule::OddTime;
    let held = books.row(&key(origin.log.scope, &id(rule, &subject)))?;
    let mut evidence = match held {
        Some(row) => read(&row).map(|finding| finding.evidence).unwrap_or_default(),
        None => Vec::new(),
    };
    evidence.push(origin.id);
    let finding = Finding::new(rule, format!("till {}", sale.key.till), evidence);
    put(books, origin.log.scope, rule, &subject, Some(finding))
}

/// Covers the evidence that a settlement names. Of two settlements the lower event id is shown.
fn settle(
    books: &mut dyn Books,
    origin: &Origin,
    resolved: &FindingResolved,
) -> Result<(), ReadError> {
    for evidence in &resolved.evidence {
        let rest = [[COVERED].as_slice(), &resolved.finding.0, &event_key(evidence)].concat();
        let key = super::row(Projection::Findings, origin.log.scope, &rest);
        let held = books.row(&key)?.as_deref().and_then(read_event_key);
        let by = held.map_or(origin.id, |held| held.min(origin.id));
        books.set_row(key, Some(event_key(&by)))?;
    }
    Ok(())
}

const STATED: u8 = 0;
const COVERED: u8 = 1;

/// The key of a finding's row.
pub fn key(scope: Scope, id: &Hash) -> Vec<u8> {
    super::row(Projection::Findings, scope, &[[STATED].as_slice(), &id.0].concat())
}

/// The rows of a scope's findings whose ids follow `after`.
pub fn rows(scope: Scope, after: Option<&Hash>) -> Range {
    let (first, end) = keys::prefix(super::row(Projection::Findings, scope, &[STATED]));
    let first = after.map_or(first, |after| [key(scope, after).as_slice(), &[0]].concat());
    (first, end)
}

/// The id of the finding in a row's key.
pub fn read_id(row: &[u8]) -> Option<Hash> {
    let (_, _, rest) = keys::read_row(row)?;
    Some(Hash(rest.strip_prefix(&[STATED])?.try_into().ok()?))
}

/// The finding in a row's value.
pub fn read(row: &[u8]) -> Option<Finding> {
    crate::event::codec::decode("a finding row", row).ok()
}

/// The rows that say what of a finding's evidence is settled.
pub fn covered(scope: Scope, id: &Hash) -> Range {
    keys::prefix(super::row(Projection::Findings, scope, &[[COVERED].as_slice(), &id.0].concat()))
}

/// The evidence, and the event that settled it, in a row of [`covered`].
pub fn read_covered(row: &[u8], value: &[u8]) -> Option<(EventId, EventId)> {
    let (_, _, rest) = keys::read_row(row)?;
    Some((read_event_key(rest.get(33..)?)?, read_event_key(value)?))
}
