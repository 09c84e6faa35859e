//! One season's document in memory: what came, what stands of it, and what it shows.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{self, Hash};
use super::document::Document;
use super::edit::{self, Edit, EditError};
use super::field;
use super::graph::{Graph, NodeIndex};
use super::item::{Item, ItemEdit};
use super::limits;
use super::mark::{self, Marks};
use super::quarantine::Quarantine;
use super::status::Status;

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
    /// Changes of other seasons to ask the marks of again.
    pub marks: BTreeSet<Hash>,
}

/// The Automerge document of one merchant and season, in memory.
pub struct Catalogue {
    graph: Graph,
    /// Changes that never came into the graph.
    rejected: BTreeMap<ChangeId, Quarantine>,
    document: Document,
    /// Standing changes that the document lacks, ancestors first.
    due: Vec<NodeIndex>,
    /// Changes that were written on the document and have not come by [`Catalogue::apply`].
    ahead: BTreeSet<Hash>,
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
            ahead: BTreeSet::new(),
            stale: false,
            touched: Touched::default(),
        }
    }

    /// Writes an edit of some items as changes of `actor`, the id that the caller derives
    /// from device and epoch. Large edits become several changes, and an edit that sets
    /// nothing new becomes none.
    ///
    /// The catalogue shows what it showed. The caller appends the changes in the order given
    /// and applies each before it reads or edits; what it does not apply is forgotten, which
    /// takes as long as reading the catalogue anew.
    ///
    /// # Errors
    /// When a SKU or a value is out of bounds, or the actor cannot write any more.
    pub fn edit(&mut self, actor: &[u8], items: &[ItemEdit]) -> Result<Vec<Edit>, EditError> {
        if !(limits::ACTOR_BYTES_MIN..=limits::ACTOR_BYTES_MAX).contains(&actor.len()) {
            return Err(EditError::ActorLength(actor.len()));
        }
        let items = edit::checked(items)?;
        self.settle();
        for item in &items {
            edit::check_languages(item, || self.document.item(&item.sku))?;
        }
        self.write(actor, edit::puts(items))
    }

    /// Writes, as changes of `actor` in this document, what stands in the season before it:
    /// the items that are not withdrawn, whole and without history, and marks of where that
    /// season ended. What stands here already makes no change.
    ///
    /// # Errors
    /// As [`Catalogue::edit`].
    pub fn carry(&mut self, actor: &[u8], before: &mut Catalogue) -> Result<Vec<Edit>, EditError> {
        before.settle();
        self.settle();
        let mut puts = before.document.standing();
        puts.extend(before.document.heads().iter().map(edit::carried));
        self.write(actor, puts)
    }

    /// Writes, as changes of `actor`, that late changes of a closed season are done with.
    ///
    /// # Errors
    /// As [`Catalogue::edit`].
    pub fn mark_settled(
        &mut self,
        actor: &[u8],
        late: &[(u32, Hash)],
    ) -> Result<Vec<Edit>, EditError> {
        self.settle();
        self.write(actor, late.iter().map(|(season, hash)| edit::settled(*season, hash)).collect())
    }

    fn write(&mut self, actor: &[u8], puts: Vec<edit::Puts>) -> Result<Vec<Edit>, EditError> {
        if self.graph.has_others_of(actor) {
            return Err(EditError::ActorNotInStep);
        }
        let last = self.graph.last_of(actor);
        match edit::write(&mut self.document, actor, last, puts) {
            Ok((edits, in_place)) => {
                self.ahead.extend(edits.iter().filter(|_| in_place).map(|edit| edit.hash));
                Ok(edits)
            }
            Err(error) => {
                self.stale = true;
                Err(error)
            }
        }
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

    /// What stands here about a change of another season.
    pub fn marks(&mut self, hash: &Hash) -> Marks {
        self.settle();
        let carried = self.document.values(&mark::carried_key(hash));
        mark::read(&carried, &self.document.values(&mark::settled_key(hash)))
    }

    /// The standing changes that are none of `carried` and none that those build on, with
    /// their hashes, by id.
    pub fn beyond(&mut self, carried: &BTreeSet<Hash>) -> BTreeMap<ChangeId, Hash> {
        self.settle();
        self.graph.beyond(carried)
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
        for key in &keys {
            let Some((field, sku)) = field::split_key(key) else { continue };
            match mark::read_key(field, sku) {
                Some(hash) => drop(self.touched.marks.insert(hash)),
                None => drop(self.touched.skus.insert(sku.to_owned())),
            }
            self.document.note(field, sku);
        }
        self.due.extend(effects.stood);
        self.stale |= effects.fell;
    }

    /// Brings the document up to what stands.
    fn settle(&mut self) {
        let ahead = std::mem::take(&mut self.ahead);
        let held = |index: &NodeIndex| ahead.contains(&self.graph.hash(*index));
        let came = self.due.iter().filter(|index| held(index)).count();
        // What was written and never came would be there and nowhere else.
        if self.stale || came < ahead.len() {
            self.document = self.document.emptied();
            self.due = self.graph.in_order();
            self.stale = false;
        } else if came > 0 {
            self.due.retain(|index| !ahead.contains(&self.graph.hash(*index)));
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
        let mut sound = self.document.emptied();
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

/// What a change did to items, as an edit that would do it again; fields of later versions are
/// left out, and so is everything when the bytes are no change that may stand.
pub fn edits_of(bytes: &[u8], actor: &[u8]) -> Vec<ItemEdit> {
    if change::parse(bytes, actor).is_err() {
        return Vec::new();
    }
    change::edits(bytes).unwrap_or_default()
}
