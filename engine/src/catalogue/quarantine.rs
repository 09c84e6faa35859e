//! Why a change is set aside. A reason is derived from the set of changes seen, never from
//! the order they came in.

/// Why a change never reaches the document.
///
/// The numbers are stable: they may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[repr(u8)]
pub enum Quarantine {
    /// More bytes than [`super::limits::CHANGE_BYTES_MAX`].
    #[error("the change is larger than the limit for one change")]
    TooLarge = 1,
    /// Wrong magic, chunk type or checksum, or not parsable at all.
    #[error("the bytes are not one uncompressed automerge change")]
    NotAChange = 2,
    /// The change bears another actor than the branch that carries it.
    #[error("the change bears another actor than the branch that carries it")]
    ForeignActor = 3,
    /// A change that automerge can read and the catalogue does not write: nested objects,
    /// deletions, a message, a value out of bounds, a second encoding of the same change.
    #[error("the change is outside of what a catalogue change may hold")]
    OutsideProfile = 4,
    /// Another change bears the same actor and sequence number.
    #[error("another change bears the same actor and sequence number")]
    Forked = 5,
    /// A change it depends on is quarantined.
    #[error("a change it depends on is quarantined")]
    Dependent = 6,
    /// It does not name the change that its actor made before.
    #[error("it does not depend on its actor's change before")]
    BrokenChain = 7,
    /// Its operation numbers do not continue those of its dependencies.
    #[error("its operations are not numbered on from its dependencies")]
    BrokenNumbers = 8,
    /// It supersedes an operation that its dependencies do not hold, or of another key.
    #[error("it supersedes an operation that its dependencies do not hold")]
    BrokenPredecessor = 9,
    /// Automerge refused it or panicked, though it passed every rule: a defect.
    #[error("automerge did not take the change")]
    Refused = 10,
}

impl Quarantine {
    /// Every reason.
    pub const ALL: [Quarantine; 10] = [
        Quarantine::TooLarge,
        Quarantine::NotAChange,
        Quarantine::ForeignActor,
        Quarantine::OutsideProfile,
        Quarantine::Forked,
        Quarantine::Dependent,
        Quarantine::BrokenChain,
        Quarantine::BrokenNumbers,
        Quarantine::BrokenPredecessor,
        Quarantine::Refused,
    ];

    /// The reason of a stable number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The stable number of this reason.
    pub const fn code(self) -> u8 {
        self as u8
    }
}
