//! The documents of one merchant that are in memory. It reads no store and writes no row.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::Catalogue;
use crate::catalogue::limits::PAST_SEASONS_KEPT_MAX;

/// A merchant's documents, by season.
#[derive(Default)]
pub(in crate::replica) struct Shelf {
    /// The season that items are read from.
    pub current: u32,
    /// The documents in memory.
    seasons: BTreeMap<u32, Held>,
    /// Counts uses, to tell which document was used last.
    uses: u64,
    /// What the rows do not show yet.
    pub due: Due,
}

/// What is to be done for the rows.
#[derive(Default)]
pub(in crate::replica) struct Due {
    /// Seasons that an event was folded for.
    pub folded: BTreeSet<u32>,
    /// Whether a season was opened.
    pub opened: bool,
    /// Closed seasons whose late changes are to be found anew.
    pub late: BTreeSet<u32>,
}

impl Due {
    pub fn is_empty(&self) -> bool {
        self.folded.is_empty() && self.late.is_empty() && !self.opened
    }
}

struct Held {
    catalogue: Catalogue,
    used: u64,
}

impl Shelf {
    /// No documents yet, at this season.
    pub fn at(current: u32) -> Self {
        Shelf { current, ..Self::default() }
    }

    /// Whether a season's document is in memory.
    pub fn has(&self, season: u32) -> bool {
        self.seasons.contains_key(&season)
    }

    /// The seasons whose documents are in memory.
    #[cfg(test)]
    pub fn held(&self) -> Vec<u32> {
        self.seasons.keys().copied().collect()
    }

    /// A season's document, if it is in memory.
    pub fn get(&mut self, season: u32) -> Option<&mut Catalogue> {
        self.uses += 1;
        let held = self.seasons.get_mut(&season)?;
        held.used = self.uses;
        Some(&mut held.catalogue)
    }

    /// Puts a document into memory.
    pub fn put(&mut self, season: u32, catalogue: Catalogue) {
        self.uses += 1;
        self.seasons.insert(season, Held { catalogue, used: self.uses });
    }

    /// Takes a document out of memory.
    pub fn take(&mut self, season: u32) -> Option<Catalogue> {
        self.seasons.remove(&season).map(|held| held.catalogue)
    }

    /// Lets go of all documents but the current one and those that were used last.
    pub fn trim(&mut self) {
        let mut others: Vec<_> =
            self.seasons.iter().map(|(season, held)| (held.used, *season)).collect();
        others.retain(|(_, season)| *season != self.current);
        others.sort_unstable();
        let surplus = others.len().saturating_sub(PAST_SEASONS_KEPT_MAX);
        for (_, season) in &others[..surplus] {
            self.seasons.remove(season);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_document_and_those_used_last_are_kept() {
        let mut shelf = Shelf::at(1);
        for season in 0..6 {
            shelf.put(season, Catalogue::new());
        }
        shelf.get(0);
        shelf.trim();
        let kept: Vec<_> = (0..6).filter(|season| shelf.has(*season)).collect();
        assert_eq!(kept, [0, 1, 5]);
    }
}
