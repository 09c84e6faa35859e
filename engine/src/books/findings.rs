//! Reading findings: what does not fit together, and what of it somebody has settled.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::whole;
use crate::hash::Hash;
use crate::ids::{EventId, Scope};
use crate::projections::Projection;
use crate::projections::findings::{self, Finding};
use crate::store::{Read, ReadError};

/// Which findings are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Which {
    /// Those with evidence that nobody has settled.
    #[default]
    Open,
    /// Those whose evidence is settled to the last event.
    Settled,
    /// All.
    All,
}

/// A finding, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// The same on every replica.
    pub id: Hash,
    /// Whose books it is in.
    pub scope: Scope,
    /// What it says.
    pub finding: Finding,
    /// The settled part of its evidence, with the event that settled it.
    pub settled: BTreeMap<EventId, EventId>,
}

impl Stated {
    /// Whether some of its evidence is not settled.
    pub fn is_open(&self) -> bool {
        self.finding.evidence.iter().any(|evidence| !self.settled.contains_key(evidence))
    }
}

/// The findings of a scope whose ids follow `after`, in order of id, at most `limit` of them.
pub fn findings(
    store: &dyn Read,
    scope: Scope,
    which: Which,
    after: Option<&Hash>,
    limit: usize,
) -> Result<Vec<Stated>, ReadError> {
    whole(store, Projection::Findings)?;
    let mut out = Vec::new();
    let (from, to) = findings::rows(scope, after);
    let mut failed = None;
    store.scan(&from, &to, &mut |key, value| {
        if out.len() == limit {
            return ControlFlow::Break(());
        }
        let row = findings::read_id(key).zip(findings::read(value));
        let Some((id, finding)) = row else { return ControlFlow::Continue(()) };
        match settled(store, scope, &id) {
            Ok(settled) => {
                let stated = Stated { id, scope, finding, settled };
                let wanted = match which {
                    Which::Open => stated.is_open(),
                    Which::Settled => !stated.is_open(),
                    Which::All => true,
                };
                out.extend(wanted.then_some(stated));
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    failed.map_or(Ok(out), Err)
}

/// One finding; `None` when nothing of that id is wrong.
pub fn finding(store: &dyn Read, scope: Scope, id: &Hash) -> Result<Option<Stated>, ReadError> {
    whole(store, Projection::Findings)?;
    let row = store.get(&findings::key(scope, id))?;
    let Some(finding) = row.as_deref().and_then(findings::read) else { return Ok(None) };
    let settled = settled(store, scope, id)?;
    Ok(Some(Stated { id: *id, scope, finding, settled }))
}

/// How many findings of a scope are open, counted up to `limit`, and the money at stake in them.
pub fn open_count(
    store: &dyn Read,
    scope: Scope,
    limit: usize,
) -> Result<(usize, i128), ReadError> {
    let open = findings(store, scope, Which::Open, None, limit)?;
    let money = open.iter().fold(0_i128, |sum, stated| sum.saturating_add(stated.finding.money));
    Ok((open.len(), money))
}

fn settled(
    store: &dyn Read,
    scope: Scope,
    id: &Hash,
) -> Result<BTreeMap<EventId, EventId>, ReadError> {
    let mut out = BTreeMap::new();
    let (from, to) = findings::covered(scope, id);
    store.scan(&from, &to, &mut |key, value| {
        out.extend(findings::read_covered(key, value));
        ControlFlow::Continue(())
    })?;
    Ok(out)
}
