//! Whether a finding may be settled so.

use super::{Refusal, key, needs, text};
use crate::books::findings::finding;
use crate::event::FindingResolved;
use crate::ids::Scope;
use crate::limits::{EVIDENCE_MAX, NOTE_BYTES_MAX};
use crate::projections::Projection;
use crate::replica::Replica;

/// Checks a settlement against the finding as it stands here: whoever settles must have seen what
/// it covers.
pub fn settle(resolved: &FindingResolved, scope: Scope, replica: &Replica) -> Result<(), Refusal> {
    key(&resolved.key)?;
    text("note", &resolved.note, NOTE_BYTES_MAX)?;
    super::count("evidence", resolved.evidence.len(), EVIDENCE_MAX)?;
    needs(replica, Projection::Findings)?;
    let id = resolved.finding;
    let Some(stated) = finding(replica.store().as_ref(), scope, &id)? else {
        return Err(Refusal::BadReference(format!(
            "finding {id} is not known here; `findings` lists those that are"
        )));
    };
    match resolved.evidence.iter().find(|named| !stated.finding.evidence.contains(named)) {
        None => Ok(()),
        Some(other) => Err(Refusal::BadReference(format!(
            "event {other} is no evidence of finding {id}; read the finding again"
        ))),
    }
}
