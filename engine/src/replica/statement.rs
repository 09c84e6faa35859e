//! What the books of a scope come to, in two hashes. A stall says so to its control, and where both
//! hold the same events the hashes must be equal: a difference is a fault of a program or a disk.
//!
//! ```text
//! at       H("tentpole v1 statement at", scope 17 | for each: projection u8, version u32 LE,
//!          vector 32)
//! books    H("tentpole v1 statement books", for each: digest 32)
//! ```

use serde::{Deserialize, Serialize};

use super::Replica;
use crate::hash::{self, Hash};
use crate::ids::Scope;
use crate::projections::Projection;
use crate::store::ReadError;

/// What some books come to, and what they hold at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The projections that it covers, each the bit of its ordinal.
    pub projections: u32,
    /// Their versions, and the vectors over the logs that they read.
    pub at: Hash,
    /// Their digests.
    pub books: Hash,
}

impl Replica {
    /// States the books of a scope, of those projections in `among` that are whole here.
    pub fn statement(&self, scope: Scope, among: u32) -> Result<Statement, ReadError> {
        let (mut projections, mut at, mut books) = (0, scope.to_bytes().to_vec(), Vec::new());
        for row in self.digests(scope)? {
            if among & bit(row.projection) == 0 {
                continue;
            }
            projections |= bit(row.projection);
            at.push(row.projection as u8);
            at.extend_from_slice(&row.projection.version().to_le_bytes());
            at.extend_from_slice(&row.vector.0);
            books.extend_from_slice(&row.digest.0);
        }
        let (at, books) = (hash::STATED_AT.of(&[&at]), hash::STATED_BOOKS.of(&[&books]));
        Ok(Statement { projections, at, books })
    }

    /// Whether the books here come to what another states; `None` where the two cannot be compared.
    pub fn agrees(&self, scope: Scope, theirs: &Statement) -> Result<Option<bool>, ReadError> {
        let ours = self.statement(scope, theirs.projections)?;
        let same = ours.projections == theirs.projections && ours.at == theirs.at;
        Ok((same && ours.projections != 0).then_some(ours.books == theirs.books))
    }
}

fn bit(projection: Projection) -> u32 {
    1 << (projection as u8)
}
