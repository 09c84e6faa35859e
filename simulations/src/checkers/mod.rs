//! What must hold, looked at from outside while a world runs. One checker a file.
//!
//! A checker looks at disks, glances and tills; it asks no daemon anything, wakes nothing and
//! changes nothing, so that a run with it and one without it are the same run.

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
    let _ = plan;
    Vec::new()
}
