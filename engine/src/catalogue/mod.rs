//! The catalogue of one merchant and season: one Automerge document, replicated by our log.
//!
//! ```text
//! edit ---------> raw changes --(append as events)--> apply
//!                                                       |
//! frame     bounds the bytes before automerge reads them
//! change    what a change alone can tell              quarantined
//! graph     pending, standing, quarantined            pending
//! document  the standing changes, applied             items, marks
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
//! What an item is and may hold (`field`, `item`) needs no Automerge; everything else is behind
//! the feature `catalogue`. Unwinding must stay on (`panic = "unwind"`): it guards against
//! panics inside automerge.

#[cfg(feature = "catalogue")]
mod change;
#[cfg(feature = "catalogue")]
mod document;
#[cfg(feature = "catalogue")]
mod edit;
pub mod field;
#[cfg(feature = "catalogue")]
mod frame;
#[cfg(feature = "catalogue")]
mod graph;
mod gtin;
#[cfg(feature = "catalogue")]
#[cfg(test)]
mod hostile;
mod item;
mod language;
pub mod limits;
#[cfg(feature = "catalogue")]
mod mark;
#[cfg(feature = "catalogue")]
mod merged;
#[cfg(feature = "catalogue")]
mod names;
#[cfg(feature = "catalogue")]
#[cfg(test)]
mod properties;
mod quarantine;
mod status;
#[cfg(feature = "catalogue")]
#[cfg(test)]
mod tests;

pub use field::{Field, Value};
pub use gtin::is_gtin;
pub use item::{Item, ItemEdit, Policy};
pub use language::Language;
pub use quarantine::Quarantine;
pub use status::Status;

#[cfg(feature = "catalogue")]
pub use edit::{Edit, EditError};
#[cfg(feature = "catalogue")]
pub use mark::Marks;
#[cfg(feature = "catalogue")]
pub use merged::{Applied, Catalogue, ChangeId, Touched, change_id, edits_of};
