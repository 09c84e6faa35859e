//! Promise rights: who may sell how much, what was asked and granted, what a fork may cost.

use std::collections::{BTreeMap, BTreeSet};

use engine::authority::Forfeit;
use engine::event::{Payload, RightsGranted};
use engine::ids::{DeviceId, EventId};

use super::facts::named;
use super::{Books, Fact, Facts};

/// What a device holds of a SKU's rights, and how it came to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Came with goods.
    pub minted: i128,
    /// Grants of others, credited.
    pub accepted: i128,
    /// Own grants, sent back.
    pub returned: i128,
    /// Refunds and voids.
    pub restored: i128,
    /// Of lost devices.
    pub awarded: i128,
    /// Given away.
    pub granted: i128,
    /// Sold, or used up otherwise.
    pub spent: i128,
    /// Taken by a control.
    pub forfeited: i128,
}

impl Balance {
    /// What may be sold.
    pub fn held(&self) -> i128 {
        self.minted + self.accepted + self.returned + self.restored + self.awarded
            - self.granted
            - self.spent
            - self.forfeited
    }
}

/// An open request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub from: DeviceId,
    /// Who is asked.
    pub giver: DeviceId,
    /// The item.
    pub sku: String,
    /// How much.
    pub quantity: u64,
}

/// A grant, and the claims of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who gave.
    pub giver: DeviceId,
    /// Who may accept.
    pub to: DeviceId,
    /// The item.
    pub sku: String,
    /// How much.
    pub quantity: u64,
    /// Acceptances that count.
    pub accepted: Vec<EventId>,
    /// Returns that count.
    pub returned: Vec<EventId>,
    /// Claims by others, or of other items or amounts.
    pub wrong: Vec<EventId>,
}

impl Grant {
    /// Claims that count beyond the first.
    pub fn surplus(&self) -> i128 {
        (self.accepted.len() + self.returned.len()).saturating_sub(1) as i128
    }

    /// The claims that are one too many, for whatever reason.
    pub fn doubled(&self) -> i128 {
        self.surplus() + self.wrong.len() as i128
    }
}

pub(super) fn fold(facts: &Facts<'_>, controls: &BTreeSet<DeviceId>, books: &mut Books) {
    for fact in &facts.ledger {
        match fact.payload() {
            Payload::RightsGranted(it) => {
                books.grants.insert(fact.id, claims(facts, fact, it));
            }
            Payload::RightsRequested(it) if is_open(facts, fact, &it.giver) => {
                let (giver, sku, quantity) = (it.giver, it.sku.clone(), it.quantity);
                let request = Request { from: fact.device(), giver, sku, quantity };
                books.requests.insert(fact.id, request);
            }
            _ => {}
        }
    }
    let every: Vec<&Fact> = facts.ledger.clone();
    books.balances = own_movements(facts, &every);
    for grant in books.grants.clone().values() {
        let (to, quantity) = credit(grant);
        let Some(to) = to else { continue };
        let balance = books.balances.entry((grant.sku.clone(), to)).or_default();
        if grant.accepted.is_empty() { balance.returned += quantity } else { balance.accepted += quantity }
    }
    for forfeit in forfeits(facts, controls) {
        for (sku, quantity) in &forfeit.lines {
            let quantity = i128::from(*quantity);
            books.balances.entry((sku.clone(), forfeit.device)).or_default().forfeited += quantity;
            books.balances.entry((sku.clone(), forfeit.to)).or_default().awarded += quantity;
            *books.exposure.entry(sku.clone()).or_default() += quantity;
        }
    }
    expose(facts, books);
}

/// Who is credited a grant's quantity: the taker if it accepted, else the giver if it came back.
fn credit(grant: &Grant) -> (Option<DeviceId>, i128) {
    let quantity = i128::from(grant.quantity);
    if !grant.accepted.is_empty() {
        (Some(grant.to), quantity)
    } else if !grant.returned.is_empty() {
        (Some(grant.giver), quantity)
    } else {
        (None, quantity)
    }
}

fn claims(facts: &Facts<'_>, granted: &Fact, grant: &RightsGranted) -> Grant {
    let mut out = Grant {
        giver: granted.device(),
        to: grant.to,
        sku: grant.sku.clone(),
        quantity: grant.quantity,
        accepted: Vec::new(),
        returned: Vec::new(),
        wrong: Vec::new(),
    };
    for fact in &facts.ledger {
        let (named, sku, quantity, accepts) = match fact.payload() {
            Payload::RightsAccepted(it) => (it.grant, &it.sku, it.quantity, true),
            Payload::RightsReturned(it) => (it.grant, &it.sku, it.quantity, false),
            _ => continue,
        };
        if named != granted.id {
            continue;
        }
        let right = fact.device() == grant.to && *sku == grant.sku && quantity == grant.quantity;
        match (right, accepts) {
            (false, _) => out.wrong.push(fact.id),
            (true, true) => out.accepted.push(fact.id),
            (true, false) => out.returned.push(fact.id),
        }
    }
    out
}

fn is_open(facts: &Facts<'_>, request: &Fact, giver: &DeviceId) -> bool {
    !facts.ledger.iter().any(|fact| {
        let answers =
            matches!(fact.payload(), Payload::RightsGranted(it) if it.request == Some(request.id));
        answers && fact.device() == *giver
    })
}

/// What these events change in their own devices' balances, claims and forfeits aside.
fn own_movements(facts: &Facts<'_>, those: &[&Fact]) -> BTreeMap<(String, DeviceId), Balance> {
    let mut out: BTreeMap<(String, DeviceId), Balance> = BTreeMap::new();
    for fact in those {
        for (sku, change) in movements(facts, fact, those) {
            let at = out.entry((sku, fact.device())).or_default();
            at.minted += change.minted;
            at.restored += change.restored;
            at.granted += change.granted;
            at.spent += change.spent;
        }
    }
    out
}

/// The lines of one event that change its device's rights. Of several voids of one sale the first
/// of `those` counts, so that it counts once.
fn movements(facts: &Facts<'_>, fact: &Fact, those: &[&Fact]) -> Vec<(String, Balance)> {
    let mut out = Vec::new();
    let mut add = |sku: &str, change: Balance| out.push((sku.to_owned(), change));
    let zero = Balance::default();
    match fact.payload() {
        Payload::RightsMinted(it) => {
            for line in &it.lines {
                add(&line.sku, Balance { minted: line.quantity.into(), ..zero });
            }
        }
        Payload::RightsGranted(it) => {
            add(&it.sku, Balance { granted: it.quantity.into(), ..zero });
        }
        Payload::RightsSpent(it) => {
            for line in &it.lines {
                add(&line.sku, Balance { spent: line.quantity.into(), ..zero });
            }
        }
        Payload::SaleCompleted(it) => {
            for at in named(&it.promised, &it.lines) {
                let line = &it.lines[at];
                add(&line.sku, Balance { spent: line.quantity.into(), ..zero });
            }
        }
        Payload::SaleRefunded(it) => {
            for at in named(&it.restored, &it.lines) {
                let line = &it.lines[at];
                add(&line.sku, Balance { restored: line.quantity.into(), ..zero });
            }
        }
        Payload::SaleVoided(it) => {
            let voids = facts.voids_of(&it.sale);
            let first = voids.iter().find(|void| those.iter().any(|fact| fact.id == void.id));
            let counts = first.is_some_and(|first| first.id == fact.id);
            if let Some((_, sale)) = facts.sale(&it.sale).filter(|_| counts) {
                for at in named(&sale.promised, &sale.lines) {
                    let line = &sale.lines[at];
                    add(&line.sku, Balance { restored: line.quantity.into(), ..zero });
                }
            }
        }
        _ => {}
    }
    out
}

/// The SKUs of which an event of a device's ledger changes, or claims, rights.
pub(super) fn touches(facts: &Facts<'_>, fact: &Fact) -> BTreeSet<String> {
    match fact.payload() {
        Payload::RightsAccepted(it) => BTreeSet::from([it.sku.clone()]),
        // Any void of the sale, not the first alone: which one is first is not the point here.
        Payload::SaleVoided(it) if facts.is_ancestor(&it.sale, fact) => {
            let Some((_, sale)) = facts.sale(&it.sale) else { return BTreeSet::new() };
            let lines = named(&sale.promised, &sale.lines).into_iter();
            lines.map(|at| sale.lines[at].sku.clone()).collect()
        }
        _ => movements(facts, fact, &[fact]).into_iter().map(|(sku, _)| sku).collect(),
    }
}

/// The forfeits that count: signed by a control, for this scope.
pub(super) fn forfeits(facts: &Facts<'_>, controls: &BTreeSet<DeviceId>) -> Vec<Forfeit> {
    let mut out = Vec::new();
    for fact in &facts.authority {
        let Payload::RightsForfeited(document) = fact.payload() else { continue };
        let Ok((forfeit, signer)) = document.open::<Forfeit>() else { continue };
        if controls.contains(&signer) && forfeit.scope == facts.scope {
            out.push(forfeit);
        }
    }
    out
}

/// What forks add: for each branch beyond the first, what the device held where they part.
fn expose(facts: &Facts<'_>, books: &mut Books) {
    for grant in books.grants.clone().values() {
        let cost = i128::from(grant.quantity) * grant.surplus();
        *books.exposure.entry(grant.sku.clone()).or_default() += cost;
    }
    for (log, parent, sides) in super::findings::forks(facts) {
        let Some(parent) = parent.and_then(|parent| facts.get(&parent)) else { continue };
        let above: Vec<&Fact> = facts
            .ledger
            .iter()
            .filter(|fact| {
                fact.log == log && (fact.id == parent.id || facts.is_ancestor(&fact.id, parent))
            })
            .copied()
            .collect();
        let mut held: BTreeMap<String, i128> = BTreeMap::new();
        for ((sku, _), balance) in own_movements(facts, &above) {
            *held.entry(sku).or_default() += balance.held();
        }
        for (id, grant) in &books.grants {
            let quantity = i128::from(grant.quantity);
            let taken = grant.accepted.iter().any(|claim| above.iter().any(|f| f.id == *claim));
            if grant.to == log.device && taken {
                *held.entry(grant.sku.clone()).or_default() += quantity;
            }
            // It came back, perhaps to both sides.
            let back = grant.accepted.is_empty() && !grant.returned.is_empty();
            if back && above.iter().any(|fact| fact.id == *id) {
                *held.entry(grant.sku.clone()).or_default() += quantity;
            }
        }
        for (sku, held) in held {
            let beyond = sides.len() as i128 - 1;
            *books.exposure.entry(sku).or_default() += held.max(0) * beyond;
        }
    }
}
