//! Rows on their way to the disk: what the next batches will write, on top of what is committed.
//!
//! The replica decides against this view; peers are shown the committed one. A generation is what
//! one batch holds; batches commit in order.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::keys::{self, Range};
use crate::projections::digest::Digest;
use crate::store::{self, Batch, ReadError, Store};

type Row = Option<Vec<u8>>;

/// The store with pending rows on top.
pub struct Overlay {
    store: Arc<dyn Store>,
    pending: BTreeMap<Vec<u8>, (u64, Row)>,
    generation: u64,
    /// Whether the open generation holds any row.
    open: bool,
    /// Projection rows as they were before this generation, for the digests.
    before: BTreeMap<Vec<u8>, Row>,
}

impl Overlay {
    /// Nothing is pending.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            pending: BTreeMap::new(),
            generation: 1,
            open: false,
            before: BTreeMap::new(),
        }
    }

    /// The committed state.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The row at `key`, pending or committed.
    pub fn get(&self, key: &[u8]) -> Result<Row, ReadError> {
        match self.pending.get(key) {
            Some((_, row)) => Ok(row.clone()),
            None => self.store.get(key),
        }
    }

    /// Every row of a range, pending or committed, in key order.
    pub fn collect(&self, range: &Range) -> Result<Vec<store::Row>, ReadError> {
        let mut rows = BTreeMap::new();
        self.store.scan(&range.0, &range.1, &mut |key, value| {
            rows.insert(key.to_vec(), value.to_vec());
            ControlFlow::Continue(())
        })?;
        for (key, (_, row)) in self.pending.range(range.0.clone()..range.1.clone()) {
            match row {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(rows.into_iter().collect())
    }

    /// The first rows of a range, pending or committed, in key order: at most `limit`.
    pub fn first(&self, range: &Range, limit: usize) -> Result<Vec<store::Row>, ReadError> {
        let mut rows = BTreeMap::new();
        if limit == 0 {
            return Ok(Vec::new());
        }
        let removed = self.pending.range(range.0.clone()..range.1.clone());
        let removed = removed.filter(|(_, (_, row))| row.is_none()).count();
        self.store.scan(&range.0, &range.1, &mut |key, value| {
            rows.insert(key.to_vec(), value.to_vec());
            if rows.len() < limit + removed {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        for (key, (_, row)) in self.pending.range(range.0.clone()..range.1.clone()) {
            match row {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(rows.into_iter().take(limit).collect())
    }

    /// Sets a row in the open generation; `None` removes it.
    pub fn set(&mut self, key: Vec<u8>, row: Row) {
        self.pending.insert(key, (self.generation, row));
        self.open = true;
    }

    /// Whether a batch would hold anything.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Sets a projection's row and remembers what it was, for the digest.
    pub fn set_projection(&mut self, key: Vec<u8>, row: Row) -> Result<(), ReadError> {
        if !self.before.contains_key(&key) {
            let before = self.get(&key)?;
            self.before.insert(key.clone(), before);
        }
        self.set(key, row);
        Ok(())
    }

    /// Closes the open generation: brings the digests up to date and returns its batch.
    pub fn close(&mut self) -> Result<(u64, Batch), ReadError> {
        self.update_digests()?;
        let mut batch = Batch::default();
        for (key, (generation, row)) in &self.pending {
            match row {
                _ if *generation != self.generation => {}
                Some(value) => batch.put(key.clone(), value.clone()),
                None => batch.delete(key.clone()),
            }
        }
        self.generation += 1;
        self.open = false;
        Ok((self.generation - 1, batch))
    }

    /// Forgets the rows of a generation that the store now has.
    pub fn committed(&mut self, generation: u64) {
        self.pending.retain(|_, (written, _)| *written > generation);
    }

    fn update_digests(&mut self) -> Result<(), ReadError> {
        let mut digests: BTreeMap<Vec<u8>, Digest> = BTreeMap::new();
        for (key, before) in std::mem::take(&mut self.before) {
            let Some((projection, scope, _)) = keys::read_row(&key) else { continue };
            let after = self.get(&key)?;
            if before == after {
                continue;
            }
            let row = keys::digest(projection, scope);
            if !digests.contains_key(&row) {
                let held = self.get(&row)?.unwrap_or_default();
                digests.insert(row.clone(), Digest::from_bytes(&held));
            }
            let digest = digests.entry(row).or_default();
            before.iter().for_each(|value| digest.remove(&key, value));
            after.iter().for_each(|value| digest.add(&key, value));
        }
        for (row, digest) in digests {
            self.set(row, Some(digest.to_hash().0.to_vec()));
        }
        Ok(())
    }
}
