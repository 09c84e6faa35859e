//! What promise rights need of a replica: whether its own ledger is one path, and forfeits looked
//! at again when a charter comes.

use super::Replica;
use crate::ids::{Lane, Scope};
use crate::keys::Range;
use crate::projections::{Projection, rights};
use crate::store::{ReadError, Row};

impl Replica {
    /// Whether this disk holds every event of its own ledger on its own branch. If not, a copy of
    /// it sells too, and promise rights may no longer be spent here: the copy may spend the same.
    pub fn is_alone(&self, scope: Scope) -> bool {
        let id = self.own_log(scope, Lane::Ledger).id();
        self.logs.get(&id).is_none_or(|state| {
            state.leaves.len() <= 1 && state.own.is_none_or(|own| state.leaves.contains_key(&own))
        })
    }

    /// The first rows of a range, pending or committed, in key order: at most `limit`.
    pub fn first_rows(&self, range: &Range, limit: usize) -> Result<Vec<Row>, ReadError> {
        self.rows.first(range, limit)
    }

    /// Looks again at forfeits if a charter came since.
    pub(super) fn recount_forfeits(&mut self) -> Result<(), ReadError> {
        // What is being rebuilt is looked at when it is whole.
        if !self.recount_due || !self.is_whole(Projection::Rights) {
            return Ok(());
        }
        self.recount_due = false;
        for forfeit in rights::recount(self)? {
            rights::judge_forfeit(self, &forfeit)?;
        }
        Ok(())
    }
}
