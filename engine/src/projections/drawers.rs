//! Cash drawers by till and business day, and shifts.

use super::{Books, Origin};
use crate::event::Event;
use crate::store::ReadError;

/// Takes an event in.
pub fn fold(_books: &mut dyn Books, _origin: &Origin, _event: &Event) -> Result<(), ReadError> {
    Ok(())
}
