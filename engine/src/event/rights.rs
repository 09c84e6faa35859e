//! Promise rights: escrow over stock that several stalls sell from.
//!
//! A bounded counter after Balegas et al., "Extending Eventual Consistency with Numeric Invariants"
//! (SRDS 2015). A right to sell is minted where goods come in, moves by a grant in the giver's
//! ledger and an acceptance in the taker's, and is spent by a sale. Who holds it is a device. Every
//! quantity is in thousandths. Nothing here knows a balance.

use serde::{Deserialize, Serialize};

use super::goods::GoodsLine;
use super::sale::{Key, Quantity};
use crate::ids::{DeviceId, EventId};

/// Rights that come with goods received, for the stall that received them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsMinted {
    /// The goods: an ancestor of this event, or the event before it.
    pub goods: EventId,
    /// What may be sold on the strength of them.
    pub lines: Vec<GoodsLine>,
}

/// A wish for rights of another device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsRequested {
    /// Who asked for it, when a person did.
    pub key: Option<Key>,
    /// The device that is asked to give.
    pub giver: DeviceId,
    /// The item.
    pub sku: String,
    /// How much is wished for.
    pub quantity: Quantity,
}

/// Rights given away. The giver cannot spend them from here on, the taker once it has accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsGranted {
    /// Who asked for it, when a person did.
    pub key: Option<Key>,
    /// The request that this answers, if one does.
    pub request: Option<EventId>,
    /// The device that may accept.
    pub to: DeviceId,
    /// The item.
    pub sku: String,
    /// How much; 0 declines the request.
    pub quantity: Quantity,
}

/// A grant, accepted by the device that it was made to. Only now can it be spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsAccepted {
    /// The grant, in the giver's ledger.
    pub grant: EventId,
    /// Its item, so that this reads without it.
    pub sku: String,
    /// Its quantity.
    pub quantity: Quantity,
}

/// A grant, sent back unaccepted: the giver has the rights again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsReturned {
    /// The grant, in the giver's ledger.
    pub grant: EventId,
    /// Its item.
    pub sku: String,
    /// Its quantity.
    pub quantity: Quantity,
}

/// Rights used up by something other than a sale: promised goods spoiled or left the promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsSpent {
    /// What used them up: an ancestor of this event.
    pub cause: EventId,
    /// What can no longer be promised.
    pub lines: Vec<GoodsLine>,
}
