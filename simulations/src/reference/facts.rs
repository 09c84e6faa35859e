//! The events that a replica holds, as the reference looks at them.

use engine::event::sale::Sale;
use engine::event::{Event, Payload, Refund, Void};
use engine::hash::Hash;
use engine::ids::{DeviceId, EventId, Lane, Log, Scope};

/// One event and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its log.
    pub log: Log,
    /// Its name.
    pub id: EventId,
    /// Its whole chain hash.
    pub hash: Hash,
    /// The event before it on its branch; none at the beginning of the log.
    pub parent: Option<EventId>,
    /// What it states.
    pub event: Event,
}

impl Fact {
    /// The device that wrote it.
    pub fn device(&self) -> DeviceId {
        self.log.device
    }

    /// What it states.
    pub fn payload(&self) -> &Payload {
        &self.event.payload
    }
}

/// The facts of one scope, by lane.
pub struct Facts<'a> {
    /// Whose books these are.
    pub scope: Scope,
    /// The scope's ledgers.
    pub ledger: Vec<&'a Fact>,
    /// The scope's catalogue lanes.
    pub catalogue: Vec<&'a Fact>,
    /// The tenant's authority lanes.
    pub authority: Vec<&'a Fact>,
}

impl<'a> Facts<'a> {
    /// Sorts `all` out.
    pub fn new(scope: Scope, all: &'a [Fact]) -> Self {
        let of = |scope: Scope, lane: Lane| -> Vec<&'a Fact> {
            let mut out: Vec<&Fact> = all
                .iter()
                .filter(|fact| fact.log.scope == scope && fact.log.lane == lane)
                .collect();
            out.sort_by_key(|fact| fact.id);
            out.dedup_by_key(|fact| fact.id);
            out
        };
        Self {
            scope,
            ledger: of(scope, Lane::Ledger),
            catalogue: of(scope, Lane::Catalogue),
            authority: of(Scope::Tenant, Lane::Authority),
        }
    }

    /// A ledger event of this scope, if it is held.
    pub fn get(&self, id: &EventId) -> Option<&'a Fact> {
        self.ledger.iter().find(|fact| fact.id == *id).copied()
    }

    /// A sale of this scope, if it is held.
    pub fn sale(&self, id: &EventId) -> Option<(&'a Fact, &'a Sale)> {
        let fact = self.get(id)?;
        if let Payload::SaleCompleted(sale) = fact.payload() { Some((fact, sale)) } else { None }
    }

    /// Whether `id` stands before `fact` on its branch.
    pub fn is_ancestor(&self, id: &EventId, fact: &Fact) -> bool {
        let mut at = fact.parent;
        while let Some(parent) = at {
            if parent == *id {
                return true;
            }
            at = self.get(&parent).and_then(|fact| fact.parent);
        }
        false
    }

    /// Every sale.
    pub fn sales(&self) -> Vec<(&'a Fact, &'a Sale)> {
        self.ledger.iter().filter_map(|fact| self.sale(&fact.id)).collect()
    }

    /// Every refund.
    pub fn refunds(&self) -> Vec<(&'a Fact, &'a Refund)> {
        let mut out = Vec::new();
        for fact in &self.ledger {
            if let Payload::SaleRefunded(refund) = fact.payload() {
                out.push((*fact, refund));
            }
        }
        out
    }

    /// Every void.
    pub fn voids(&self) -> Vec<(&'a Fact, &'a Void)> {
        let mut out = Vec::new();
        for fact in &self.ledger {
            if let Payload::SaleVoided(void) = fact.payload() {
                out.push((*fact, void));
            }
        }
        out
    }

    /// The voids that undo this sale: those after it on their branch.
    pub fn voids_of(&self, sale: &EventId) -> Vec<&'a Fact> {
        let all = self.voids().into_iter();
        let those = all.filter(|(fact, void)| void.sale == *sale && self.is_ancestor(sale, fact));
        those.map(|(fact, _)| fact).collect()
    }

    /// Every sale that is voided, once each.
    pub fn voided(&self) -> Vec<(&'a Fact, &'a Sale)> {
        self.sales().into_iter().filter(|(fact, _)| !self.voids_of(&fact.id).is_empty()).collect()
    }
}

/// The places of a list that `indices` name, each once; one beyond the list names nothing.
pub fn named<T: Copy + Into<usize>, L>(indices: &[T], list: &[L]) -> Vec<usize> {
    let mut out: Vec<usize> = indices.iter().map(|index| (*index).into()).collect();
    out.sort_unstable();
    out.dedup();
    out.retain(|index| *index < list.len());
    out
}
