//! Which changes stand, wait or are set aside: a function of the set of changes.
//!
//! For each change that is sound by itself, the first rule that holds decides:
//!
//! 1. another change bears the same actor and sequence number: quarantined, both of them;
//! 2. a dependency is quarantined: quarantined;
//! 3. a dependency is not there, or waits: pending;
//! 4. it does not fit its dependencies ([`Graph::misfit`]): quarantined;
//! 5. otherwise it stands, and belongs into the document.
//!
//! Rules 1 and 2 can overtake what was decided before, so a change that stands may fall, and
//! its descendants with it; nothing that fell ever stands again. The rules look only at the
//! change, its ancestors and the changes of the same number, all of which are the same on
//! every replica that has the same set.
//!
//! The graph holds no document and knows nothing of automerge.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::change::{Hash, Parsed, ParsedOp};
use super::merged::ChangeId;
use super::names::Names;
use super::quarantine::Quarantine;
use super::status::Status;

/// Index of a change in the graph, in order of arrival.
pub(super) type NodeIndex = u32;
/// Index of an actor, in order of appearance.
type ActorIndex = u32;
/// Index of a key, in order of appearance.
type KeyIndex = u32;
/// Per actor, the highest sequence number among some ancestors.
type Clock = BTreeMap<ActorIndex, u32>;

/// One change and where it stands.
struct Node {
    id: ChangeId,
    hash: Hash,
    body: Box<[u8]>,
    status: Status,
    actor: ActorIndex,
    seq: u32,
    start_op: u64,
    ops: Box<[Op]>,
    dependencies: Box<[Hash]>,
    /// Dependencies that do not stand, while the change waits.
    unmet: u32,
    children: Vec<NodeIndex>,
    /// The clock of all ancestors, without the own actor; shared along an actor's run.
    others: Arc<Clock>,
}

struct Op {
    key: KeyIndex,
    sets: bool,
    predecessors: Box<[(u64, ActorIndex)]>,
}

/// What insertions have changed since [`Graph::take_effects`].
#[derive(Default)]
pub(super) struct Effects {
    /// Changes whose status is new.
    pub changed: BTreeSet<ChangeId>,
    /// Keys that a standing change set, or set no longer.
    keys: BTreeSet<KeyIndex>,
    /// Changes that came to stand, ancestors first; some may have fallen since.
    pub stood: Vec<NodeIndex>,
    /// Whether a change fell that stood before.
    pub fell: bool,
}

/// The changes, linked by their dependencies.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    by_hash: BTreeMap<Hash, NodeIndex>,
    by_id: BTreeMap<ChangeId, NodeIndex>,
    /// Who bears which actor and sequence number.
    by_number: BTreeMap<(ActorIndex, u32), Vec<NodeIndex>>,
    /// Who waits for a change that has not come.
    awaited: BTreeMap<Hash, Vec<NodeIndex>>,
    /// The standing changes of each actor; `standing[a][s - 1]` has sequence number s.
    standing: Vec<Vec<NodeIndex>>,
    actors: Names<[u8]>,
    keys: Names<str>,
    effects: Effects,
}

impl Graph {
    /// Takes in a change that has not come before, and decides all that it decides.
    pub(super) fn insert(&mut self, id: ChangeId, body: &[u8], parsed: Parsed) {
        let index = self.add(id, body, parsed);
        self.link(index);
        let node = &self.nodes[index as usize];
        let number = (node.actor, node.seq);
        let claimants = self.by_number.entry(number).or_default();
        claimants.push(index);
        if claimants.len() > 1 {
            // With the third, the two before have fallen already.
            let falling = if claimants.len() == 2 { claimants.clone() } else { vec![index] };
            for claimant in falling {
                self.quarantine(claimant, Quarantine::Forked);
            }
        } else if self.depends_on_quarantined(index) {
            self.quarantine(index, Quarantine::Dependent);
        } else if self.nodes[index as usize].unmet == 0 {
            self.decide(index);
        }
    }

    /// Sets a change aside that passed every rule and yet cannot be applied.
    pub(super) fn refuse(&mut self, index: NodeIndex) {
        self.quarantine(index, Quarantine::Refused);
    }

    /// What has changed since the last call.
    pub(super) fn take_effects(&mut self) -> (Effects, Vec<String>) {
        let effects = std::mem::take(&mut self.effects);
        let keys = effects.keys.iter().map(|key| self.keys.name(*key).to_owned()).collect();
        (effects, keys)
    }

    pub(super) fn status(&self, id: &ChangeId) -> Option<Status> {
        self.by_id.get(id).map(|index| self.nodes[*index as usize].status)
    }

    /// Every change and its status, by id.
    pub(super) fn statuses(&self) -> impl Iterator<Item = (ChangeId, Status)> {
        self.by_id.iter().map(|(id, index)| (*id, self.nodes[*index as usize].status))
    }

    pub(super) fn stands(&self, index: NodeIndex) -> bool {
        self.nodes[index as usize].status == Status::Applied
    }

    pub(super) fn hash(&self, index: NodeIndex) -> Hash {
        self.nodes[index as usize].hash
    }

    pub(super) fn body(&self, index: NodeIndex) -> &[u8] {
        &self.nodes[index as usize].body
    }

    /// The standing changes that are none of `carried` and none that those build on.
    pub(super) fn beyond(&self, carried: &BTreeSet<Hash>) -> BTreeMap<ChangeId, Hash> {
        let mut within = vec![false; self.nodes.len()];
        let mut left: Vec<_> =
            carried.iter().filter_map(|hash| self.by_hash.get(hash).copied()).collect();
        while let Some(index) = left.pop() {
            if !std::mem::replace(&mut within[index as usize], true) {
                let parents = self.nodes[index as usize].dependencies.iter();
                left.extend(parents.filter_map(|hash| self.by_hash.get(hash).copied()));
            }
        }
        let beyond = self
            .nodes
            .iter()
            .zip(within)
            .filter(|(node, within)| !within && node.status == Status::Applied);
        beyond.map(|(node, _)| (node.id, node.hash)).collect()
    }

    /// The standing changes, ancestors first.
    pub(super) fn in_order(&self) -> Vec<NodeIndex> {
        let mut order: Vec<_> = self.standing.iter().flatten().copied().collect();
        // An operation number is above those of all ancestors.
        order.sort_unstable_by_key(|index| {
            let node = &self.nodes[*index as usize];
            (node.start_op, node.hash)
        });
        order
    }

    /// The last change of an actor that stands.
    pub(super) fn last_of(&self, actor: &[u8]) -> Option<Hash> {
        let standing = &self.standing[self.actors.get(actor)? as usize];
        standing.last().map(|index| self.nodes[*index as usize].hash)
    }

    /// Whether an actor has changes that do not stand.
    pub(super) fn has_others_of(&self, actor: &[u8]) -> bool {
        let Some(actor) = self.actors.get(actor) else { return false };
        let standing = self.standing[actor as usize].len() as u32;
        let mut claims = self.by_number.range((actor, 0)..=(actor, u32::MAX));
        claims.next_back().is_some_and(|((_, seq), _)| *seq > standing)
    }

    fn add(&mut self, id: ChangeId, body: &[u8], parsed: Parsed) -> NodeIndex {
        let index = self.nodes.len() as NodeIndex;
        let actor = self.actor_index(&parsed.actor);
        let ops = parsed.ops.into_iter().map(|op| self.op(op)).collect();
        self.by_hash.insert(parsed.hash, index);
        self.by_id.insert(id, index);
        self.effects.changed.insert(id);
        self.nodes.push(Node {
            id,
            hash: parsed.hash,
            body: body.into(),
            status: Status::Pending,
            actor,
            seq: parsed.seq,
            start_op: parsed.start_op,
            ops,
            dependencies: parsed.dependencies.into(),
            unmet: 0,
            children: Vec::new(),
            others: Arc::default(),
        });
        index
    }

    fn op(&mut self, op: ParsedOp) -> Op {
        let key = self.keys.index(&op.key);
        let named = |(counter, actor): (u64, Vec<u8>)| (counter, self.actor_index(&actor));
        let predecessors = op.predecessors.into_iter().map(named).collect();
        Op { key, sets: op.sets, predecessors }
    }

    fn actor_index(&mut self, actor: &[u8]) -> ActorIndex {
        let index = self.actors.index(actor);
        if index as usize == self.standing.len() {
            self.standing.push(Vec::new());
        }
        index
    }

    /// Ties a new change to its dependencies and to those that waited for it.
    fn link(&mut self, index: NodeIndex) {
        let dependencies = self.nodes[index as usize].dependencies.clone();
        let mut unmet = 0;
        for hash in &dependencies {
            match self.by_hash.get(hash) {
                Some(parent) => {
                    let parent = &mut self.nodes[*parent as usize];
                    parent.children.push(index);
                    unmet += u32::from(parent.status != Status::Applied);
                }
                None => {
                    self.awaited.entry(*hash).or_default().push(index);
                    unmet += 1;
                }
            }
        }
        let hash = self.nodes[index as usize].hash;
        let waiting = self.awaited.remove(&hash).unwrap_or_default();
        let node = &mut self.nodes[index as usize];
        node.unmet = unmet;
        node.children.extend(waiting);
    }

    fn depends_on_quarantined(&self, index: NodeIndex) -> bool {
        let mut parents = self.parents(index);
        parents.any(|parent| matches!(parent.status, Status::Quarantined(_)))
    }

    /// The dependencies that have come.
    fn parents(&self, index: NodeIndex) -> impl Iterator<Item = &Node> {
        let dependencies = self.nodes[index as usize].dependencies.iter();
        dependencies.filter_map(|hash| self.by_hash.get(hash)).map(|at| &self.nodes[*at as usize])
    }

    /// Decides a change whose dependencies all stand, and then whatever waited only for it.
    fn decide(&mut self, index: NodeIndex) {
        let mut ready = VecDeque::from([index]);
        while let Some(index) = ready.pop_front() {
            if self.nodes[index as usize].status != Status::Pending {
                continue;
            }
            let others = self.ancestry(index);
            if let Some(reason) = self.misfit(index, &others) {
                self.quarantine(index, reason);
                continue;
            }
            self.stand(index, others);
            for child in self.nodes[index as usize].children.clone() {
                let child_node = &mut self.nodes[child as usize];
                child_node.unmet -= 1;
                if child_node.unmet == 0 {
                    ready.push_back(child);
                }
            }
        }
    }

    /// The clock of everything a change with standing dependencies descends from, without
    /// its own actor. The changes that an actor makes in a row share one.
    fn ancestry(&self, index: NodeIndex) -> Arc<Clock> {
        let own = self.nodes[index as usize].actor;
        let parents: Vec<_> = self.parents(index).collect();
        if let [parent] = parents[..]
            && parent.actor == own
        {
            return Arc::clone(&parent.others);
        }
        let mut clock = Clock::new();
        for parent in parents {
            for (actor, seq) in parent.others.iter() {
                raise(&mut clock, *actor, *seq);
            }
            raise(&mut clock, parent.actor, parent.seq);
        }
        clock.remove(&own);
        Arc::new(clock)
    }

    /// Why a change does not fit its dependencies, if it does not.
    ///
    /// An edit depends on its actor's edit before, numbers its operations on from the
    /// highest it has seen, and supersedes values it has seen of the key it sets.
    fn misfit(&self, index: NodeIndex, others: &Clock) -> Option<Quarantine> {
        let node = &self.nodes[index as usize];
        let before = |parent: &Node| parent.actor == node.actor && parent.seq + 1 == node.seq;
        if node.seq > 1 && !self.parents(index).any(before) {
            return Some(Quarantine::BrokenChain);
        }
        let highest = self.parents(index).map(|parent| parent.start_op + parent.ops.len() as u64);
        if node.start_op != highest.max().unwrap_or(1) {
            return Some(Quarantine::BrokenNumbers);
        }
        let mut predecessors =
            node.ops.iter().flat_map(|op| op.predecessors.iter().map(|at| (op.key, *at)));
        let sound = predecessors.all(|(key, (counter, actor))| {
            let own = (actor == node.actor).then_some(node.seq - 1);
            let seen = own.or_else(|| others.get(&actor).copied());
            seen.is_some_and(|seq| self.sets_key(actor, seq, counter, key))
        });
        (!sound).then_some(Quarantine::BrokenPredecessor)
    }

    /// Whether an actor's operation, in a change up to `seq`, sets a key.
    fn sets_key(&self, actor: ActorIndex, seq: u32, counter: u64, key: KeyIndex) -> bool {
        let seen = &self.standing[actor as usize][..seq as usize];
        let upto = seen.partition_point(|at| self.nodes[*at as usize].start_op <= counter);
        let Some(change) = upto.checked_sub(1).map(|at| &self.nodes[seen[at] as usize]) else {
            return false;
        };
        let op = change.ops.get((counter - change.start_op) as usize);
        op.is_some_and(|op| op.sets && op.key == key)
    }

    fn stand(&mut self, index: NodeIndex, others: Arc<Clock>) {
        let node = &mut self.nodes[index as usize];
        node.others = others;
        node.status = Status::Applied;
        self.standing[node.actor as usize].push(index);
        self.effects.changed.insert(node.id);
        self.effects.stood.push(index);
        self.effects.keys.extend(node.ops.iter().map(|op| op.key));
    }

    /// Sets a change aside, and its descendants with it.
    fn quarantine(&mut self, index: NodeIndex, reason: Quarantine) {
        let mut falling = VecDeque::from([(index, reason)]);
        while let Some((index, reason)) = falling.pop_front() {
            let node = &mut self.nodes[index as usize];
            let before = node.status;
            node.status = match before {
                Status::Quarantined(known) => Status::Quarantined(prevailing(known, reason)),
                _ => Status::Quarantined(reason),
            };
            if node.status != before {
                self.effects.changed.insert(node.id);
            }
            if matches!(before, Status::Quarantined(_)) {
                continue;
            }
            falling.extend(node.children.iter().map(|child| (*child, Quarantine::Dependent)));
            if before == Status::Applied {
                self.withdraw(index);
            }
            // It never stands again, so nobody asks for its contents.
            let node = &mut self.nodes[index as usize];
            (node.body, node.ops) = Default::default();
        }
    }

    /// Takes a change that fell out of what stands.
    fn withdraw(&mut self, index: NodeIndex) {
        let node = &self.nodes[index as usize];
        // Whatever the actor did later descends from this change and falls with it.
        self.standing[node.actor as usize].truncate(node.seq as usize - 1);
        self.effects.keys.extend(node.ops.iter().map(|op| op.key));
        self.effects.fell = true;
    }
}

/// Which of two reasons a change is shown with, by the order of the rules.
fn prevailing(known: Quarantine, other: Quarantine) -> Quarantine {
    let rank = |reason| match reason {
        Quarantine::Forked => 0,
        Quarantine::Dependent => 1,
        _ => 2,
    };
    if rank(other) < rank(known) { other } else { known }
}

fn raise(clock: &mut Clock, actor: ActorIndex, seq: u32) {
    let entry = clock.entry(actor).or_default();
    *entry = seq.max(*entry);
}
