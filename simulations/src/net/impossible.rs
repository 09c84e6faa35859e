//! What is impossible in a topology or a change, in words that name the place and the mend.
//!
//! [`super::check`] finds it.

use thiserror::Error;

use super::limits::NAME_BYTES_MAX;

/// Why a topology, or a change to it, is impossible.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// Nobody is there.
    #[error("hosts is empty; give at least the control, which is host 0")]
    NoHosts,
    /// More of something than a run can hold.
    #[error("{what}: {found} are too many; {max} is the limit")]
    TooMany {
        /// The field.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        max: usize,
    },
    /// A name that is empty or too long.
    #[error("{what}: a name has 1 to {NAME_BYTES_MAX} bytes, not {found}; rename it")]
    Name {
        /// The field.
        what: &'static str,
        /// How many bytes it has.
        found: usize,
    },
    /// A number outside its bounds.
    #[error("{at}: {field} is {found}; it must be {min} to {max}")]
    Bound {
        /// The link, carrier or LAN.
        at: String,
        /// The field.
        field: &'static str,
        /// What it says.
        found: u64,
        /// The least it may say.
        min: u64,
        /// The most it may say.
        max: u64,
    },
    /// Two things that exclude each other.
    #[error("{at}: rate-kbit and trace exclude each other; give one of them")]
    RateAndTrace {
        /// The link.
        at: String,
    },
    /// A name that is not there.
    #[error("{at}: there is no {kind} called {name:?}; define it or mend the name")]
    Unknown {
        /// The host, link or change.
        at: String,
        /// A carrier, a LAN or a trace.
        kind: &'static str,
        /// What it is called.
        name: String,
    },
    /// A host is on something twice.
    #[error("host {host}: it is on {name:?} twice; name each carrier and LAN once")]
    Twice {
        /// The host.
        host: usize,
        /// The carrier or the LAN.
        name: String,
    },
    /// Reports could not tell them apart.
    #[error("lan {0:?}: a carrier is called so too; rename one of them")]
    SameName(String),
    /// A host that nobody could ever reach.
    #[error("host {0}: it is on no carrier and on no lan; give it one")]
    Alone(usize),
    /// A control that nobody could dial.
    #[error(
        "host 0: carrier {0:?} has a nat, and the control needs a public address; take another"
    )]
    HiddenControl(String),
    /// A host that is not there.
    #[error("{at}: there is no host {host}; hosts are 0 to {last}")]
    NoHost {
        /// The change.
        at: String,
        /// The host that it names.
        host: usize,
        /// The last one.
        last: usize,
    },
    /// A cut between a host and itself.
    #[error("{at}: host {host} is named twice; a cut is between two hosts")]
    Itself {
        /// The change.
        at: String,
        /// The host.
        host: usize,
    },
}
