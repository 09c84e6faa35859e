//! Closed business days.

use super::{Books, Origin};
use crate::event::Event;
use crate::store::ReadError;

/// Takes an event in.
pub fn fold(_books: &mut dyn Books, _origin: &Origin, _event: &Event) -> Result<(), ReadError> {
    Ok(())
}

/// Re-examines what an event could have made a finding.
pub fn judge(_books: &mut dyn Books, _origin: &Origin, _event: &Event) -> Result<(), ReadError> {
    Ok(())
}
