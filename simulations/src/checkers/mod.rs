//! What must hold, looked at from outside while a world runs. One checker a file.
//!
//! A checker looks at disks, glances and tills; it asks no daemon anything, wakes nothing and
//! changes nothing, so that a run with it and one without it are the same run.

pub mod bounds;
pub mod chains;
pub mod conserved;
pub mod digests;
pub mod disks;
pub mod limits;
pub mod liveness;
pub mod local_sale;
pub mod oversold;
pub mod receipts;
pub mod storm;
pub mod survives;
#[cfg(test)]
pub mod testing;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::scenario::Plan;
use crate::world::World;

/// When a checker looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A virtual second has passed; more, while nothing happens.
    Tick,
    /// Tills were told that something stands; it is at the end of
    /// [`crate::world::tills::Tills::acknowledged`].
    Acknowledged,
    /// Something was done to the network or to a host.
    Fault,
    /// Faults have stopped: links are whole, hosts run.
    Healed,
    /// The run is over. It has converged, or its time was up.
    End,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// When it was found, in virtual time.
    #[serde(skip)]
    pub at: Duration,
    /// By whom.
    pub checker: &'static str,
    /// What, and where.
    pub text: String,
}

impl Violation {
    /// Found now.
    pub fn new(checker: &'static str, world: &World, text: String) -> Self {
        Self { at: world.now(), checker, text }
    }
}

/// Something that must hold.
pub trait Checker {
    /// What it is called: a-z and `-`.
    fn name(&self) -> &'static str;

    /// Looks, and says what does not hold. It is not asked again after that. An error means that it
    /// cannot look, such as at a disk that is garbled; that ends the run.
    fn look(&mut self, world: &mut World, moment: Moment) -> anyhow::Result<Option<Violation>>;

    /// Adds what it has counted to the measures of the run, once, at its end.
    fn measure(&self, measures: &mut BTreeMap<&'static str, i64>) {
        let _ = measures;
    }
}

/// All checkers of a plan.
pub fn all(plan: &Plan) -> Vec<Box<dyn Checker>> {
    vec![
        Box::new(survives::Survives::new(plan)),
        Box::new(digests::Digests::new(plan)),
        Box::new(chains::Chains::new(plan)),
        Box::new(conserved::Conserved::new(plan)),
        Box::new(oversold::Oversold::new(plan)),
        Box::new(receipts::Receipts::new(plan)),
        Box::new(bounds::Bounds::default()),
        Box::new(storm::Storm::new(plan)),
        Box::new(local_sale::LocalSale::default()),
        Box::new(liveness::Liveness::new(plan)),
    ]
}
