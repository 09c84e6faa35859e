//! The catalogue of one merchant and season: one Automerge document, replicated by our log.
//!
//! ```text
//! edit ---------> raw changes --(append as events)--> apply
//!                                                       |
//! frame     bounds the bytes before automerge reads them
//! change    what a change alone can tell              quarantined
//! graph     pending, standing, quarantined            pending
//! document  the standing changes, applied             items
//! ```
//!
//! - What a change has become ([`Status`]) and every [`Item`] are functions of the set of
//!   changes seen: any order, any repetition gives the same.
//! - [`Catalogue::apply`] only decides. The document follows in one batch when it is next
//!   read, because automerge takes a thousand changes in hardly more time than one.
//! - A caller that mirrors items or statuses into rows needs to look only at what
//!   [`Catalogue::take_touched`] names.
//! - Automerge drops a second change of one actor and sequence number without a word, so
//!   whichever came first would stay. Here both are quarantined with all that depends on
//!   them; when one of them stood before, the document is rebuilt without it.
//! - The catalogue replicates nothing, stores nothing, and has no clock. Prices bind nobody:
//!   a sale names an immutable price bundle.
//!
//! Unwinding must stay on (`panic = "unwind"`): it guards against panics inside automerge.

mod change;
mod document;
mod edit;
mod frame;
mod graph;
#[cfg(test)]
mod hostile;
mod item;
pub mod limits;
mod names;
#[cfg(test)]
mod properties;
mod quarantine;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use edit::{Edit, EditError};
pub use graph::Status;
pub use item::{Item, ItemEdit};
pub use quarantine::Quarantine;

use document::Document;
use graph::{Graph, NodeIndex};

/// Names a change as it came by a branch; see [`change_id`].
pub type ChangeId = [u8; 32];

/// What [`Catalogue::apply`] made of a change. A later change can turn `Pending` into
/// either of the others, and `Applied` into `Quarantined`; `take_touched` names it then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It stands.
    Applied,
    /// It waits for a change it depends on.
    Pending,
    /// The same change came by the same branch before; nothing is new.
    Duplicate,
    /// It is set aside for good.
    Quarantined(Quarantine),
}

/// What is no longer as it was; see [`Catalogue::take_touched`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Items to read again; some may read the same as before.
    pub skus: BTreeSet<String>,
    /// Changes to ask the status of again.
    pub changes: BTreeSet<ChangeId>,
}

/// The Automerge document of one merchant and season, in memory.
pub struct Catalogue {
    graph: Graph,
    /// Changes that never came into the graph.
    rejected: BTreeMap<ChangeId, Quarantine>,
    document: Document,
    /// Standing changes that the document lacks, ancestors first.
    due: Vec<NodeIndex>,
    /// Whether the document holds a change that fell.
    stale: bool,
    touched: Touched,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::new()
    }
}

impl Catalogue {
    /// An empty catalogue. It is rebuilt by applying all changes, in any order.
    pub fn new() -> Self {
        Catalogue {
            graph: Graph::default(),
            rejected: BTreeMap::new(),
            document: Document::new(),
            due: Vec::new(),
            stale: false,
            touched: Touched::default(),
        }
    }

    /// Writes an edit of some items as changes of `actor`, the id that the caller derives
    /// from device and epoch. Large edits become several changes, and an edit that sets
    /// nothing new becomes none.
    ///
    /// The catalogue stays as it is. The caller appends the changes in the order given, and
    /// applies each before it edits again as the same actor.
    ///
    /// # Errors
    /// When a SKU or a value is out of bounds, or the actor cannot write any more.
    pub fn edit(&mut self, actor: &[u8], items: &[ItemEdit]) -> Result<Vec<Edit>, EditError> {
        if !(limits::ACTOR_BYTES_MIN..=limits::ACTOR_BYTES_MAX).contains(&actor.len()) {
            return Err(EditError::ActorLength(actor.len()));
        }
        let items = edit::checked(items)?;
        self.settle();
        if self.graph.has_others_of(actor) {
            return Err(EditError::ActorNotInStep);
        }
        edit::write(&self.document, actor, self.graph.last_of(actor), items)
    }

    /// Takes in a raw change that came by the branch of `actor`. The bytes may be hostile.
    pub fn apply(&mut self, bytes: &[u8], actor: &[u8]) -> Applied {
        let id = change_id(bytes, actor);
        if self.status(&id).is_some() {
            return Applied::Duplicate;
        }
        match change::parse(bytes, actor) {
            Ok(parsed) => self.graph.insert(id, bytes, parsed),
            Err(reason) => {
                self.rejected.insert(id, reason);
                self.touched.changes.insert(id);
            }
        }
        self.collect();
        match self.status(&id) {
            Some(Status::Applied) => Applied::Applied,
            Some(Status::Quarantined(reason)) => Applied::Quarantined(reason),
            Some(Status::Pending) | None => Applied::Pending,
        }
    }

    /// What has changed since the last call, after all changes so far. Reading again just
    /// these items and statuses keeps a mirror complete.
    pub fn take_touched(&mut self) -> Touched {
        self.settle();
        std::mem::take(&mut self.touched)
    }

    /// Names everything as changed: a mirror is to be written anew.
    pub fn touch_all(&mut self) {
        self.settle();
        self.touched.skus.extend(self.document.items().into_keys());
        self.touched.changes.extend(self.statuses().into_keys());
    }

    /// One item; `None` if no standing change sets a field of it.
    pub fn item(&mut self, sku: &str) -> Option<Item> {
        self.settle();
        self.document.item(sku)
    }

    /// All items by SKU.
    pub fn items(&mut self) -> BTreeMap<String, Item> {
        self.settle();
        self.document.items()
    }

    /// What a change has become; `None` if it has not come.
    pub fn status(&self, id: &ChangeId) -> Option<Status> {
        let rejected = self.rejected.get(id).copied().map(Status::Quarantined);
        rejected.or_else(|| self.graph.status(id))
    }

    /// Every change that came and what it has become, by id.
    pub fn statuses(&self) -> BTreeMap<ChangeId, Status> {
        let rejected = self.rejected.iter();
        let rejected = rejected.map(|(id, reason)| (*id, Status::Quarantined(*reason)));
        self.graph.statuses().chain(rejected).collect()
    }

    /// Notes what the last insertion has changed.
    fn collect(&mut self) {
        let (effects, keys) = self.graph.take_effects();
        self.touched.changes.extend(effects.changed);
        let skus = keys.iter().filter_map(|key| item::split_key(key));
        self.touched.skus.extend(skus.map(|(_, sku)| sku.to_owned()));
        self.due.extend(effects.stood);
        self.stale |= effects.fell;
    }

    /// Brings the document up to what stands.
    fn settle(&mut self) {
        if self.stale {
            self.document = Document::new();
            self.due = self.graph.in_order();
            self.stale = false;
        }
        let due = std::mem::take(&mut self.due);
        if due.is_empty() {
            return;
        }
        if !self.document.extend(due.iter().map(|index| self.graph.body(*index))) {
            self.salvage();
        }
    }

    /// Builds the document anew and sets aside what automerge will not take, halving until
    /// it is found. The rules leave nothing to find here; this is for defects.
    fn salvage(&mut self) {
        let mut sound = Document::new();
        let mut runs = vec![self.graph.in_order()];
        while let Some(mut run) = runs.pop() {
            run.retain(|index| self.graph.stands(*index));
            let mut trial = sound.clone();
            if trial.extend(run.iter().map(|index| self.graph.body(*index))) {
                sound = trial;
            } else if let [alone] = run[..] {
                self.graph.refuse(alone);
            } else {
                runs.push(run.split_off(run.len() / 2));
                runs.push(run);
            }
        }
        self.document = sound;
        self.collect();
        self.stale = false;
    }
}

/// The id of a change that came by the branch of `actor`: BLAKE3, in derive-key mode, over
/// the length of the actor id in one byte, the actor id and the raw bytes.
pub fn change_id(bytes: &[u8], actor: &[u8]) -> ChangeId {
    let mut hasher = blake3::Hasher::new_derive_key("tentpole catalogue change id v1");
    hasher.update(&[u8::try_from(actor.len()).unwrap_or(u8::MAX)]);
    hasher.update(actor);
    hasher.update(bytes);
    *hasher.finalize().as_bytes()
}
