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
        if grant.accepted.is_empty() {
            balance.returned += quantity
        } else {
            balance.accepted += quantity
        }
    }
    for (_, forfeit) in forfeits(facts, controls) {
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

/// The SKUs of which an event of a device's ledger states rights, credited or not.
pub(super) fn touches(facts: &Facts<'_>, fact: &Fact) -> BTreeSet<String> {
    let one = |sku: &String, quantity: u64| {
        let some = (quantity > 0).then(|| sku.clone());
        some.into_iter().collect::<BTreeSet<_>>()
    };
    match fact.payload() {
        Payload::RightsAccepted(it) => one(&it.sku, it.quantity),
        Payload::RightsReturned(it) => one(&it.sku, it.quantity),
        // Any void of the sale, not the first alone.
        Payload::SaleVoided(it) if facts.is_ancestor(&it.sale, fact) => {
            let Some((_, sale)) = facts.sale(&it.sale) else { return BTreeSet::new() };
            let lines = named(&sale.promised, &sale.lines).into_iter().map(|at| &sale.lines[at]);
            lines.filter(|line| line.quantity > 0).map(|line| line.sku.clone()).collect()
        }
        _ => {
            let moved = movements(facts, fact, &[fact]).into_iter();
            moved.filter(|(_, it)| *it != Balance::default()).map(|(sku, _)| sku).collect()
        }
    }
}

/// The forfeits that count: of this tenant and scope, signed by a control; each document once, with
/// the lowest event that carries it.
pub(super) fn forfeits(
    facts: &Facts<'_>,
    controls: &BTreeSet<DeviceId>,
) -> Vec<(EventId, Forfeit)> {
    let mut out: Vec<(EventId, Forfeit)> = Vec::new();
    let mut seen = Vec::new();
    for fact in &facts.authority {
        let Payload::RightsForfeited(document) = fact.payload() else { continue };
        let Ok((forfeit, signer)) = document.open::<Forfeit>() else { continue };
        let ours = forfeit.scope == facts.scope && forfeit.tenant == fact.log.tenant;
        if ours && controls.contains(&signer) && !seen.contains(document) {
            seen.push(document.clone());
            out.push((fact.id, forfeit));
        }
    }
    out
}

/// What forks and doubled undoing add to the exposure.
fn expose(facts: &Facts<'_>, books: &mut Books) {
    let mut exposed: BTreeMap<String, i128> = BTreeMap::new();
    for grant in books.grants.values() {
        let cost = i128::from(grant.quantity) * grant.surplus();
        *exposed.entry(grant.sku.clone()).or_default() += cost;
    }
    for (fact, sale) in facts.voided() {
        let beyond = facts.voids_of(&fact.id).len() as i128 - 1;
        for at in named(&sale.promised, &sale.lines) {
            let line = &sale.lines[at];
            *exposed.entry(line.sku.clone()).or_default() += i128::from(line.quantity) * beyond;
        }
    }
    for (log, parent, sides) in super::findings::forks(facts) {
        let above: Vec<&Fact> = match parent.and_then(|parent| facts.get(&parent)) {
            Some(parent) => {
                let ledger = facts.ledger.iter().copied();
                ledger.filter(|f| f.id == parent.id || facts.is_ancestor(&f.id, parent)).collect()
            }
            None => Vec::new(),
        };
        let beyond = sides.len() as i128 - 1;
        for (sku, held) in held_at(facts, books, log.device, &above) {
            *exposed.entry(sku).or_default() += held.max(0) * beyond;
        }
    }
    for (sku, cost) in exposed {
        *books.exposure.entry(sku).or_default() += cost;
    }
}

/// What a device held after these events of its ledger, and whatever came back to it or was
/// awarded to it at any time: every branch believes that.
fn held_at(
    facts: &Facts<'_>,
    books: &Books,
    device: DeviceId,
    above: &[&Fact],
) -> BTreeMap<String, i128> {
    let mut held: BTreeMap<String, i128> = BTreeMap::new();
    for ((sku, _), balance) in own_movements(facts, above) {
        *held.entry(sku).or_default() += balance.held();
    }
    for grant in books.grants.values().filter(|grant| grant.to == device) {
        if grant.accepted.iter().any(|claim| above.iter().any(|fact| fact.id == *claim)) {
            *held.entry(grant.sku.clone()).or_default() += i128::from(grant.quantity);
        }
    }
    for ((sku, holder), balance) in &books.balances {
        if *holder == device {
            *held.entry(sku.clone()).or_default() += balance.returned + balance.awarded;
        }
    }
    held
}
