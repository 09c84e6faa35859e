//! The merchants that are known here. What is stated in the books of one that nobody has cannot be
//! taken back, so a name that was mistyped is refused.

use std::collections::BTreeSet;
use std::fmt;

use engine::ids::{MerchantId, Scope};

use super::{CallError, Hub};
use crate::found;

/// Names that a refusal lists; the rest are counted.
const LISTED_MAX: usize = 8;
/// Characters of a name that a refusal repeats. One that is known has no more.
const NAME_CHARS_MAX: usize = 64;

/// The merchants that are known, as a refusal lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known(BTreeSet<String>);

impl Hub {
    /// The scope of a merchant: this control's own, or one that a grant or an invitation names.
    pub(super) fn merchant(&self, name: &str) -> Result<Scope, CallError> {
        let known = self.merchants()?;
        if known.contains(name) {
            return Ok(Scope::Merchant(MerchantId::from_name(name)));
        }
        let name = name.chars().take(NAME_CHARS_MAX).collect();
        Err(CallError::UnknownMerchant { name, known: Known(known) })
    }

    fn merchants(&self) -> Result<BTreeSet<String>, CallError> {
        let replica = &self.device.replica;
        let mut out = BTreeSet::from([found::merchant(replica)?]);
        out.extend(replica.rights().grants().map(|grant| grant.merchant.clone()));
        // A catalogue is often made before the first stall has joined.
        out.extend(self.invitations()?.into_iter().map(|invitation| invitation.merchant));
        Ok(out)
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().take(LISTED_MAX).enumerate() {
            write!(f, "{}{name:?}", if at == 0 { "" } else { ", " })?;
        }
        match self.0.len().saturating_sub(LISTED_MAX) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
