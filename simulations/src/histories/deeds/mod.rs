//! What a deed becomes: the payload, the lane, and the words of the story.
//!
//! An honest deed looks at the reference's books of the machine and does what a till may do, or
//! nothing. A lie states whatever it was drawn to.

mod goods;
mod money;
mod other;
mod rights;

use engine::event::sale::{Key, KeyNumber};
use engine::event::{GoodsLine, Payload};
use engine::ids::{DeviceId, Epoch, EventId, Lane, LogId, Scope, ShortHash, TenantId};
use engine::sign::Keypair;

use super::machine::Machine;
use super::steps::{Deed, What};
use super::world::scope;
use crate::reference::{Books, Fact};

/// SKUs; all but the first are sold by promise rights.
pub const SKUS: [&str; 3] = ["tea", "cup", "jam"];
/// Minor units for a piece.
const PRICE: i64 = 100;
/// The business day of most things.
const DAY: i32 = 20_454;

/// A fact that was appended, whether or not it survived.
#[derive(Debug, Clone)]
pub struct Past {
    /// Its name.
    pub id: EventId,
    /// What it states.
    pub payload: Payload,
}

/// A fact to append.
pub struct Told {
    /// Whose.
    pub scope: Scope,
    /// Where.
    pub lane: Lane,
    /// What.
    pub payload: Payload,
    /// In words, after the machine's name.
    pub words: String,
}

/// What a deed may look at.
pub struct Scene<'a> {
    /// The deed.
    pub deed: Deed,
    /// Whether it lies.
    pub lie: bool,
    /// Whether rights may be forfeited.
    pub forfeits: bool,
    /// Counts facts.
    pub number: u64,
    /// Now.
    pub now_ms: u64,
    /// The device that acts.
    pub me: DeviceId,
    /// Whether it is the control.
    pub is_control: bool,
    /// The control's key.
    pub control: &'a Keypair,
    /// The tenant.
    pub tenant: TenantId,
    /// All machines.
    pub machines: &'a [Machine],
    /// Every fact so far.
    pub past: &'a [Past],
    /// What the machine holds; nothing for a lie.
    pub facts: Vec<Fact>,
    /// Its books.
    pub books: Books,
    /// Where its own ledger ends.
    pub own_end: Option<EventId>,
}

/// The facts that a deed becomes; none where an honest till may not do it.
pub fn build(scene: &Scene<'_>) -> Vec<Told> {
    let mut told = match scene.deed.what {
        What::Receive => goods::receive(scene),
        What::Return => goods::bring_back(scene),
        What::Spoil => goods::spoil(scene),
        What::Count => goods::count(scene),
        What::Dispatch => goods::dispatch(scene),
        What::TakeIn => goods::take_in(scene),
        What::Reserve => goods::reserve(scene),
        What::Release => goods::release(scene),
        What::Expire => goods::expire(scene),
        What::Sell => money::sell(scene),
        What::Refund => money::refund(scene),
        What::Void => money::void(scene),
        What::Cash => money::cash(scene),
        What::OpenShift => money::open_shift(scene),
        What::CloseShift => money::close_shift(scene),
        What::CloseDay => money::close_day(scene),
        What::Reprint => money::reprint(scene),
        What::Mint => rights::mint(scene),
        What::Request => rights::request(scene),
        What::Grant => rights::grant(scene),
        What::Accept => rights::accept(scene),
        What::SendBack => rights::send_back(scene),
        What::Spend => rights::spend(scene),
        What::Forfeit => rights::forfeit(scene),
        What::Resolve => other::resolve(scene),
        What::Publish => other::publish(scene),
        What::Schedule => other::schedule(scene),
        What::Season => other::season(scene),
        What::Telemetry => other::telemetry(scene),
        What::Link => other::link(scene),
        What::Document => other::document(scene),
        What::Unknown => other::unknown(scene),
    };
    // Now and then a lie stands in a lane that its kind does not belong to.
    if scene.lie && scene.deed.twist % 23 == 22 {
        for told in told.iter_mut().filter(|told| told.lane == Lane::Ledger) {
            told.lane = Lane::Catalogue;
            told.words.push_str(", in the catalogue lane");
        }
    }
    told
}

/// A name that no event has.
pub fn nothing() -> EventId {
    EventId { log: LogId([0; 16]), epoch: Epoch(0), seq: 0, hash: ShortHash([0; 16]) }
}

impl Scene<'_> {
    /// A fact of the merchant's ledger.
    fn ledger(&self, payload: Payload, words: String) -> Vec<Told> {
        vec![Told { scope: scope(), lane: Lane::Ledger, payload, words }]
    }

    fn till(&self) -> String {
        if self.bit(0) { "t2".to_owned() } else { "t1".to_owned() }
    }

    /// A key of its own; a lie may bear one that was used.
    fn key(&self) -> Key {
        let reuses = self.lie && self.deed.twist % 5 == 4;
        let number = if reuses { u64::from(self.deed.aim % 4) } else { self.number };
        // What prints alike is not the same key.
        let text = self.lie && self.bit(13);
        let number = KeyNumber::Counter(number);
        let number = if text { KeyNumber::Text(number.to_string()) } else { number };
        Key { till: self.till(), number }
    }

    fn bit(&self, at: u32) -> bool {
        self.deed.twist >> at & 1 == 1
    }

    fn sku(&self) -> String {
        SKUS[usize::from(self.deed.sku) % SKUS.len()].to_owned()
    }

    fn is_promise(&self) -> bool {
        !usize::from(self.deed.sku).is_multiple_of(SKUS.len())
    }

    fn at_ms(&self) -> i64 {
        self.now_ms as i64
    }

    /// Thousandths; a lie's may be anything.
    fn quantity(&self) -> u64 {
        match self.deed.twist >> 8 & 15 {
            0 if self.lie => u64::MAX,
            1 if self.lie => 0,
            2 if self.lie => 1,
            _ => (u64::from(self.deed.pieces) % 5 + 1) * 1_000,
        }
    }

    /// Minor units; a lie's may be anything.
    fn amount(&self) -> i64 {
        match self.deed.twist >> 12 & 15 {
            0 if self.lie => i64::MAX,
            1 if self.lie => i64::MIN,
            2 if self.lie => -PRICE,
            _ => (i64::from(self.deed.pieces) % 5 + 1) * PRICE,
        }
    }

    fn day(&self) -> i32 {
        match self.deed.twist >> 5 & 7 {
            0 if self.lie => i32::MIN,
            1 => DAY + 1,
            _ => DAY,
        }
    }

    fn currency(&self) -> [u8; 3] {
        if self.lie && self.deed.twist % 7 == 6 { *b"CHF" } else { *b"USD" }
    }

    fn lines(&self) -> Vec<GoodsLine> {
        let line = GoodsLine { sku: self.sku(), quantity: self.quantity() };
        let more = GoodsLine { sku: SKUS[0].to_owned(), quantity: 500 };
        if self.deed.aim.is_multiple_of(4) { vec![line] } else { vec![line, more] }
    }

    /// One of the facts ever stated that `fits`; now and then, any.
    fn aimed(&self, fits: impl Fn(&Past) -> bool) -> EventId {
        let any = self.deed.twist % 11 == 10;
        let fitting: Vec<&Past> = self.past.iter().filter(|past| any || fits(past)).collect();
        if fitting.is_empty() {
            return nothing();
        }
        fitting[usize::from(self.deed.aim) % fitting.len()].id
    }

    /// One of the places that an honest deed may choose.
    fn choose<T: Clone>(&self, those: &[T]) -> Option<T> {
        let at = usize::from(self.deed.aim).checked_rem(those.len())?;
        those.get(at).cloned()
    }

    /// Another device, or for a lie perhaps this one.
    fn other(&self) -> DeviceId {
        let devices: Vec<DeviceId> = self.machines[..3]
            .iter()
            .map(Machine::device)
            .filter(|device| self.lie || *device != self.me)
            .collect();
        devices[usize::from(self.deed.aim) % devices.len()]
    }

    fn name(&self, device: &DeviceId) -> String {
        let machine = self.machines.iter().find(|machine| machine.device() == *device);
        machine.map_or_else(|| "somebody".to_owned(), |machine| machine.name.clone())
    }

    /// What the story calls an event.
    fn call(&self, id: &EventId) -> String {
        let place = self.past.iter().position(|past| past.id == *id);
        place.map_or_else(|| "an unknown event".to_owned(), |place| format!("#{}", place + 1))
    }

    fn fact(&self, id: &EventId) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.id == *id)
    }

    /// Whether an event lies on this machine's own branch of its ledger.
    fn is_own(&self, id: &EventId) -> bool {
        let mut at = self.own_end;
        while let Some(place) = at {
            if place == *id {
                return true;
            }
            at = self.fact(&place).and_then(|fact| fact.parent);
        }
        false
    }

    /// Rights that an honest till may sell or give away: nothing where it knows of a copy of its
    /// disk, which may spend the same.
    fn held(&self, sku: &str) -> i128 {
        let mine = |fact: &&Fact| self.own_end.is_some_and(|end| end.log == fact.id.log);
        if self.facts.iter().filter(mine).any(|fact| !self.is_own(&fact.id)) {
            return 0;
        }
        let balance = self.books.balances.get(&(sku.to_owned(), self.me));
        balance.map_or(0, |balance| balance.held())
    }
}

/// Quantity in the story.
fn pieces(quantity: u64) -> String {
    if quantity.is_multiple_of(1_000) {
        (quantity / 1_000).to_string()
    } else {
        format!("{quantity}/1000")
    }
}

/// Lines in the story.
fn list(lines: &[GoodsLine]) -> String {
    let each = lines.iter().map(|line| format!("{} {}", pieces(line.quantity), line.sku));
    each.collect::<Vec<_>>().join(" and ")
}
