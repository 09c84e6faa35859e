//! The catalogue's place in the replica: changes fold into documents, documents into rows.
//!
//! ```text
//! event --> fold ---> shelf: the documents in memory, the current season's and a few others
//!                       |
//!           mirror <----+  once for each batch: rows of what changed
//! edit ---> changes, appended as events of our own
//! ```
//!
//! - A merchant has one document for each season. Items are those of the current one; a change
//!   of a closed season is kept, and is *late* if the next season did not begin with it.
//! - Documents are rebuilt from the log when they are needed: the current one at the start,
//!   others when something comes for them. The rows are what tills look items up in.
//!
//! Without the feature `catalogue` changes are kept unfolded.

#[cfg(feature = "catalogue")]
mod edit;
#[cfg(feature = "catalogue")]
mod fold;
#[cfg(feature = "catalogue")]
mod late;
#[cfg(feature = "catalogue")]
mod load;
#[cfg(feature = "catalogue")]
mod shelf;

#[cfg(feature = "catalogue")]
pub use edit::{CatalogueError, Settlement};
#[cfg(feature = "catalogue")]
pub use load::past_items;
#[cfg(feature = "catalogue")]
pub(super) use shelf::Shelf;

#[cfg(not(feature = "catalogue"))]
mod unfolded {
    use crate::event::Payload;
    use crate::projections::Origin;
    use crate::replica::Replica;
    use crate::store::ReadError;

    impl Replica {
        pub(in crate::replica) fn fold_into_catalogue(
            &mut self,
            _origin: &Origin,
            _payload: &Payload,
        ) -> Result<(), ReadError> {
            Ok(())
        }

        pub(in crate::replica) fn mirror_catalogues(&mut self) -> Result<(), ReadError> {
            Ok(())
        }

        pub(in crate::replica) fn finish_catalogues(&mut self) -> Result<(), ReadError> {
            Ok(())
        }

        pub(in crate::replica) fn load_catalogues(&mut self) -> Result<(), ReadError> {
            Ok(())
        }
    }
}
