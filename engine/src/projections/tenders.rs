//! Payments by stall, business day and kind.

use super::{Books, Origin};
use crate::event::Event;
use crate::store::ReadError;

/// Takes an event in.
pub fn fold(_books: &mut dyn Books, _origin: &Origin, _event: &Event) -> Result<(), ReadError> {
    Ok(())
}
