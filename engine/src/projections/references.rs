//! References between ledger events that name an event of another kind than they should.
//!
//! What an event names may come after it, so that the references wait in rows of their own; they
//! are part of the findings, and of no other books.
//!
//! ```text
//! row     2 | event named 48      value  for each kind expected, the events that name it
//! ```

use std::collections::BTreeMap;

use super::findings::{self, Finding, Rule};
use super::{Books, Origin, Projection, event_key};
use crate::event::{Event, Payload};
use crate::ids::{EventId, Lane, Scope};
use crate::limits::EVIDENCE_MAX;
use crate::store::ReadError;

/// Begins the row; findings and what is settled of them have other tags.
const NAMED: u8 = 2;

/// By the ordinal of [`Kind`], the first [`EVIDENCE_MAX`] in order of id.
type Namers = BTreeMap<u8, Vec<EventId>>;

/// The kind that a reference expects. The numbers are in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sale = 0,
    Dispatch = 1,
    Grant = 2,
    Shift = 3,
}

impl Kind {
    fn of(payload: &Payload) -> Option<Self> {
        match payload {
            Payload::SaleCompleted(_) => Some(Self::Sale),
            Payload::GoodsDispatched(_) => Some(Self::Dispatch),
            Payload::RightsGranted(_) => Some(Self::Grant),
            Payload::ShiftOpened(_) => Some(Self::Shift),
            _ => None,
        }
    }
}

/// What an event names, and as what.
fn reference(payload: &Payload) -> Option<(EventId, Kind)> {
    match payload {
        Payload::SaleRefunded(refund) => Some((refund.sale, Kind::Sale)),
        Payload::GoodsTakenIn(taken) => Some((taken.dispatch, Kind::Dispatch)),
        Payload::RightsAccepted(claim) => Some((claim.grant, Kind::Grant)),
        Payload::RightsReturned(claim) => Some((claim.grant, Kind::Grant)),
        Payload::ShiftClosed(closed) => Some((closed.shift, Kind::Shift)),
        _ => None,
    }
}

/// Takes a reference in, and looks again at what it names and at what names this event.
pub fn judge(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    let scope = origin.log.scope;
    if origin.log.lane != Lane::Ledger {
        return Ok(());
    }
    let key = key(scope, &origin.id);
    if books.row(&key)?.is_some() {
        judge_named(books, scope, &origin.id, event)?;
    }
    let Some((named, kind)) = reference(&event.payload) else { return Ok(()) };
    let key = self::key(scope, &named);
    super::update(books, key, |namers: &mut Namers| {
        let namers = namers.entry(kind as u8).or_default();
        namers.push(origin.id);
        namers.sort_unstable();
        namers.truncate(EVIDENCE_MAX);
    })?;
    match books.event(&named)? {
        Some((log, event)) if log.scope == scope && log.lane == Lane::Ledger => {
            judge_named(books, scope, &named, &event)
        }
        _ => Ok(()),
    }
}

fn judge_named(
    books: &mut dyn Books,
    scope: Scope,
    named: &EventId,
    event: &Event,
) -> Result<(), ReadError> {
    let namers: Namers = super::read(books.row(&key(scope, named))?)?;
    let right = Kind::of(&event.payload).map(|kind| kind as u8);
    for (kind, wrong) in namers.into_iter().filter(|(kind, _)| Some(*kind) != right) {
        let finding = Finding::new(Rule::BadReference, named.to_string(), wrong);
        let subject = subject(named, kind);
        findings::put(books, scope, Rule::BadReference, &subject, Some(finding))?;
    }
    Ok(())
}

/// The event named, and the kind of event that names it so: a refund, a taking-in, an acceptance
/// for both claims of a grant, a shift's close.
fn subject(named: &EventId, kind: u8) -> Vec<u8> {
    let by_kind: u16 = [5, 12, 22, 29][usize::from(kind) % 4];
    [event_key(named).as_slice(), &by_kind.to_be_bytes()].concat()
}

fn key(scope: Scope, named: &EventId) -> Vec<u8> {
    super::row(Projection::Findings, scope, &[[NAMED].as_slice(), &event_key(named)].concat())
}
