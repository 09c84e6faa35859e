//! "Sometimes" marks: states that many seeds together must reach, or else they test little. Who
//! counts them looks at the world from outside; here they only have names.

use std::collections::BTreeMap;

use serde::Serialize;

/// A state that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// The network of a host changed while events waited there for another disk.
    FailoverDuringBacklog,
    /// A host went back to an older disk while others could not be reached.
    RestoreDuringPartition,
    /// A host started while others could not be reached.
    StartDuringPartition,
    /// A fork stands in the control's books.
    ForkFound,
    /// A stall got promise rights while its uplink was dead.
    RightsOverLan,
    /// A stall sold while its uplink was dead.
    SoldCutOff,
    /// A host died with a batch on its way to the disk.
    CrashWithBatch,
    /// A host died with segments on their way to a peer.
    CrashWithSegments,
    /// A host died at a write or an await point that it was armed for.
    CrashAtPoint,
    /// A till asked again after its stall went down.
    AskedAgain,
    /// A till got promised goods from other stalls after it had waited.
    RightsFetched,
    /// A customer went without promised goods.
    RightsShort,
    /// A daemon took no more writes, because its disk had failed.
    Halted,
    /// Segments waited for their parents.
    Staged,
    /// A copy ran beside its original.
    CopyBesideOriginal,
    /// A host had an empty disk again.
    Wiped,
    /// Bits of a disk flipped.
    Rotted,
    /// A stall sold while its clock was wrong.
    SoldWithWrongClock,
    /// A machine slept through something.
    Slept,
    /// A stranger's datagrams reached a host.
    Attacked,
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::FailoverDuringBacklog,
        Self::RestoreDuringPartition,
        Self::StartDuringPartition,
        Self::ForkFound,
        Self::RightsOverLan,
        Self::SoldCutOff,
        Self::CrashWithBatch,
        Self::CrashWithSegments,
        Self::CrashAtPoint,
        Self::AskedAgain,
        Self::RightsFetched,
        Self::RightsShort,
        Self::Halted,
        Self::Staged,
        Self::CopyBesideOriginal,
        Self::Wiped,
        Self::Rotted,
        Self::SoldWithWrongClock,
        Self::Slept,
        Self::Attacked,
    ];

    /// What it is called in scenarios and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::FailoverDuringBacklog => "failover-during-backlog",
            Self::RestoreDuringPartition => "restore-during-partition",
            Self::StartDuringPartition => "start-during-partition",
            Self::ForkFound => "fork-found",
            Self::RightsOverLan => "rights-over-lan",
            Self::SoldCutOff => "sold-cut-off",
            Self::CrashWithBatch => "crash-with-batch",
            Self::CrashWithSegments => "crash-with-segments",
            Self::CrashAtPoint => "crash-at-point",
            Self::AskedAgain => "asked-again",
            Self::RightsFetched => "rights-fetched",
            Self::RightsShort => "rights-short",
            Self::Halted => "halted",
            Self::Staged => "staged",
            Self::CopyBesideOriginal => "copy-beside-original",
            Self::Wiped => "wiped",
            Self::Rotted => "rotted",
            Self::SoldWithWrongClock => "sold-with-wrong-clock",
            Self::Slept => "slept",
            Self::Attacked => "attacked",
        }
    }

    /// The one that is called so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mark| mark.name() == name)
    }
}

/// How often each was reached; those that never were are there with 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Marks(BTreeMap<&'static str, u64>);

impl Default for Marks {
    fn default() -> Self {
        Self(Mark::ALL.into_iter().map(|mark| (mark.name(), 0)).collect())
    }
}

impl Marks {
    /// A state was reached.
    pub fn reach(&mut self, mark: Mark) {
        self.reach_times(mark, 1);
    }

    /// A state was reached so often.
    pub fn reach_times(&mut self, mark: Mark, times: u64) {
        *self.0.entry(mark.name()).or_default() += times;
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (name, times) in &other.0 {
            *self.0.entry(name).or_default() += times;
        }
    }

    /// How often one was reached.
    pub fn times(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(name, times)| (*name, *times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_has_a_name_of_its_own_and_is_there_before_it_is_reached() {
        let marks = Marks::default();
        assert_eq!(marks.iter().count(), Mark::ALL.len());
        for mark in Mark::ALL {
            assert_eq!(Mark::named(mark.name()), Some(mark));
            assert_eq!(marks.times(mark.name()), 0);
        }
    }

    #[test]
    fn the_marks_of_many_runs_add_up() {
        let (mut all, mut one) = (Marks::default(), Marks::default());
        one.reach(Mark::Staged);
        all.add(&one);
        all.add(&one);
        assert_eq!((all.times("staged"), all.times("halted")), (2, 0));
    }
}
