//! Gives long names small numbers, in order of appearance. The numbers differ from one
//! replica to the next and never leave the memory of a process.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A two-way table between names and numbers.
pub(super) struct Names<T: ?Sized> {
    index: BTreeMap<Arc<T>, u32>,
    names: Vec<Arc<T>>,
}

impl<T: ?Sized> Default for Names<T> {
    fn default() -> Self {
        Names { index: BTreeMap::new(), names: Vec::new() }
    }
}

impl<T: ?Sized + Ord> Names<T>
where
    Arc<T>: Borrow<T> + for<'a> From<&'a T>,
{
    /// The number of a name, new or known.
    pub(super) fn index(&mut self, name: &T) -> u32 {
        if let Some(index) = self.index.get(name) {
            return *index;
        }
        let index = self.names.len() as u32;
        let name = Arc::<T>::from(name);
        self.names.push(Arc::clone(&name));
        self.index.insert(name, index);
        index
    }

    /// The number of a known name.
    pub(super) fn get(&self, name: &T) -> Option<u32> {
        self.index.get(name).copied()
    }

    /// The name of a number that [`Names::index`] gave.
    pub(super) fn name(&self, index: u32) -> &T {
        &self.names[index as usize]
    }
}
