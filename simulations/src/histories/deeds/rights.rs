//! Promise rights: asked for, given, accepted, sent back, used up, forfeited.

use engine::authority::{Forfeit, SignedDocument};
use engine::event::{
    GoodsLine, Payload, RightsAccepted, RightsGranted, RightsMinted, RightsRequested,
    RightsReturned, RightsSpent,
};
use engine::ids::{EventId, Lane, Scope};

use super::super::world::scope;
use super::{Scene, Told, list, pieces};

/// Rights without goods: honest tills mint when they receive.
pub fn mint(scene: &Scene<'_>) -> Vec<Told> {
    if !scene.lie {
        return Vec::new();
    }
    let goods = scene.aimed(|past| matches!(past.payload, Payload::GoodsReceived(_)));
    let lines = scene.lines();
    let words = format!("mints rights to {} for {}", list(&lines), scene.call(&goods));
    scene.ledger(Payload::RightsMinted(RightsMinted { goods, lines }), words)
}

pub fn request(scene: &Scene<'_>) -> Vec<Told> {
    let (giver, sku, quantity) = (scene.other(), scene.sku(), scene.quantity());
    let words = format!("asks {} for rights to {} {sku}", scene.name(&giver), pieces(quantity));
    let key = scene.bit(4).then(|| scene.key());
    scene.ledger(Payload::RightsRequested(RightsRequested { key, giver, sku, quantity }), words)
}

pub fn grant(scene: &Scene<'_>) -> Vec<Told> {
    let requests = scene.books.requests.iter();
    let mine: Vec<_> = requests.filter(|(_, request)| request.giver == scene.me).collect();
    let (request, to, sku, mut quantity) = match scene.choose(&mine) {
        Some((id, asked)) => (Some(*id), asked.from, asked.sku.clone(), asked.quantity),
        None if scene.lie && scene.bit(5) => {
            let asked = scene.aimed(|past| matches!(past.payload, Payload::RightsRequested(_)));
            (Some(asked), scene.other(), scene.sku(), scene.quantity())
        }
        None => (None, scene.other(), scene.sku(), scene.quantity()),
    };
    if !scene.lie {
        let held = u64::try_from(scene.held(&sku)).unwrap_or(0);
        quantity = quantity.min(held);
        // Nothing to give: a request is declined, and nobody else is given nothing.
        if quantity == 0 && request.is_none() {
            return Vec::new();
        }
    }
    let words = format!("grants {} rights to {} {sku}", scene.name(&to), pieces(quantity));
    let key = scene.bit(4).then(|| scene.key());
    scene.ledger(Payload::RightsGranted(RightsGranted { key, request, to, sku, quantity }), words)
}

/// A grant to claim, with the item and quantity to name: honestly one to this device that is not
/// claimed yet.
fn claim(scene: &Scene<'_>) -> Option<(EventId, String, u64)> {
    if scene.lie {
        let grant = scene.aimed(|past| matches!(past.payload, Payload::RightsGranted(_)));
        let granted = scene.past.iter().find(|past| past.id == grant).map(|past| &past.payload);
        return match granted {
            Some(Payload::RightsGranted(it)) if scene.bit(6) => {
                Some((grant, it.sku.clone(), it.quantity))
            }
            _ => Some((grant, scene.sku(), scene.quantity())),
        };
    }
    let open = scene.books.grants.iter().filter(|(_, grant)| {
        grant.to == scene.me && grant.accepted.is_empty() && grant.returned.is_empty()
    });
    let open = open.map(|(id, grant)| (*id, grant.sku.clone(), grant.quantity));
    scene.choose(&open.collect::<Vec<_>>())
}

pub fn accept(scene: &Scene<'_>) -> Vec<Told> {
    let Some((grant, sku, quantity)) = claim(scene) else { return Vec::new() };
    let words = format!("accepts {} {sku} of {}", pieces(quantity), scene.call(&grant));
    scene.ledger(Payload::RightsAccepted(RightsAccepted { grant, sku, quantity }), words)
}

pub fn send_back(scene: &Scene<'_>) -> Vec<Told> {
    let Some((grant, sku, quantity)) = claim(scene) else { return Vec::new() };
    let words = format!("sends {} {sku} of {} back", pieces(quantity), scene.call(&grant));
    scene.ledger(Payload::RightsReturned(RightsReturned { grant, sku, quantity }), words)
}

pub fn spend(scene: &Scene<'_>) -> Vec<Told> {
    let line = GoodsLine { sku: scene.sku(), quantity: scene.quantity() };
    if !scene.lie && i128::from(line.quantity) > scene.held(&line.sku) {
        return Vec::new();
    }
    let cause = scene.aimed(|past| matches!(past.payload, Payload::GoodsSpoiled(_)));
    let words = format!("uses up rights to {} {}", pieces(line.quantity), line.sku);
    scene.ledger(Payload::RightsSpent(RightsSpent { cause, lines: vec![line] }), words)
}

/// Only a control forfeits honestly: what it knows a device to hold.
pub fn forfeit(scene: &Scene<'_>) -> Vec<Told> {
    if !scene.forfeits || !scene.lie && !scene.is_control {
        return Vec::new();
    }
    let (device, sku) = (scene.other(), scene.sku());
    let held = scene.books.balances.get(&(sku.clone(), device)).map_or(0, |it| it.held());
    let quantity = if scene.lie { scene.quantity() } else { u64::try_from(held).unwrap_or(0) };
    if quantity == 0 {
        return Vec::new();
    }
    let devices: Vec<_> = scene.machines[..2].iter().map(|machine| machine.device()).collect();
    let to = devices.into_iter().find(|to| *to != device).unwrap_or(scene.me);
    let forfeit = Forfeit {
        tenant: scene.tenant,
        scope: if scene.lie && scene.bit(1) { Scope::Tenant } else { scope() },
        device,
        leaves: Vec::new(),
        lines: vec![(sku.clone(), quantity)],
        to,
        at_ms: scene.now_ms,
    };
    let mine = scene.machines.iter().find(|machine| machine.device() == scene.me);
    let key = if scene.lie && scene.bit(2) { mine.map(|it| &it.key) } else { None };
    let Ok(document) = SignedDocument::sign(&forfeit, key.unwrap_or(scene.control)) else {
        return Vec::new();
    };
    let words = format!("forfeits {} {sku} of {}", pieces(quantity), scene.name(&device));
    let payload = Payload::RightsForfeited(document);
    vec![Told { scope: Scope::Tenant, lane: Lane::Authority, payload, words }]
}
