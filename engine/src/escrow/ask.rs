//! Whom to ask for rights, and for how much.

use super::{Strategy, whole};
use crate::ids::DeviceId;
use crate::limits::ASKED_MAX;

/// A device that may have rights to give, as far as is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The device.
    pub device: DeviceId,
    /// Its balance, in thousandths.
    pub balance: u64,
    /// Whether an answer can be expected soon: it can be reached and has not declined lately.
    pub answers: bool,
    /// Whether a request to it is open already, and for how many thousandths.
    pub open: u64,
}

/// A request to be stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Whom to ask.
    pub giver: DeviceId,
    /// Thousandths.
    pub quantity: u64,
}

/// Whom `me` asks so that `short` thousandths come together, and `more` on top if somebody has
/// them.
///
/// Those who can answer come first, then those who have most; each is asked for no more than it
/// has. Of equals each stall begins with another (the XOR metric, Maymounkov & Mazieres 2002), so
/// that not all of them ask one for its last piece. So one right here and one there make two. What
/// is asked for already is not asked for again, and somebody who was asked is left alone until it
/// answers.
///
/// What is only for later is at most half of what the other has more than the `own` balance: two
/// stalls that both sell then come to the same, and do not send rights back and forth.
pub fn ask(me: &DeviceId, (short, more): (u64, u64), own: u64, holders: &[Holder]) -> Vec<Wanted> {
    let coming = holders.iter().filter(|holder| holder.answers);
    let coming = coming.fold(0_u64, |sum, holder| sum.saturating_add(holder.open));
    let mut missing = short.saturating_sub(coming);
    let mut spare = more.saturating_sub(coming.saturating_sub(short));
    let mut order: Vec<&Holder> =
        holders.iter().filter(|holder| holder.balance > 0 && holder.open == 0).collect();
    order.sort_by_key(|holder| {
        (!holder.answers, std::cmp::Reverse(holder.balance), distance(me, &holder.device))
    });
    let mut out = Vec::new();
    for holder in order {
        // What is only for later is worth no request to somebody who does not answer.
        let half = whole(holder.balance.saturating_sub(own) / 2);
        let later = if holder.answers { spare.min(half) } else { 0 };
        let quantity = missing.saturating_add(later).min(holder.balance);
        if quantity == 0 || out.len() == ASKED_MAX {
            break;
        }
        out.push(Wanted { giver: holder.device, quantity });
        // One who has most is enough for later; a customer who waits is worth asking everybody.
        spare = 0;
        // Somebody who may not answer is asked in addition, not instead.
        if holder.answers {
            missing -= missing.min(quantity);
        }
    }
    out
}

fn distance(a: &DeviceId, b: &DeviceId) -> [u8; 32] {
    std::array::from_fn(|at| a.0[at] ^ b.0[at])
}

/// How much to ask for before the shelf is dry: `recent` is what was wanted here in the last
/// window. Below a half of it the stall asks for what fills it up, in whole units.
pub fn low(strategy: Strategy, balance: u64, recent: u64) -> u64 {
    match strategy {
        Strategy::LowWater if balance < recent / 2 => whole(recent - balance),
        _ => 0,
    }
}
