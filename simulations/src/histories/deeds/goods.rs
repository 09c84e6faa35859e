//! Goods: received, sent, taken in, counted, lost, set aside.

use engine::event::{
    CountLine, GoodsDispatched, GoodsReceived, GoodsReserved, GoodsReturned, GoodsSpoiled,
    GoodsTakenIn, Payload, ReservationExpired, ReservationReleased, RightsMinted, StockCounted,
};
use engine::ids::Epoch;

use super::super::world::scope;
use super::{Scene, Told, list, nothing, pieces};
use engine::ids::Lane;

/// Goods, and with promise stock the rights that come with them.
pub fn receive(scene: &Scene<'_>) -> Vec<Told> {
    let lines = scene.lines();
    let words = format!("receives {}", list(&lines));
    let promised: Vec<_> =
        lines.iter().filter(|line| line.sku != super::SKUS[0]).cloned().collect();
    let received =
        GoodsReceived { key: scene.key(), at_ms: scene.at_ms(), reference: String::new(), lines };
    let mut out = scene.ledger(Payload::GoodsReceived(received), words);
    if !promised.is_empty() {
        let words = format!("mints rights to {}", list(&promised));
        // The world fills in the goods before it.
        let minted = RightsMinted { goods: nothing(), lines: promised };
        let payload = Payload::RightsMinted(minted);
        out.push(Told { scope: scope(), lane: Lane::Ledger, payload, words });
    }
    out
}

pub fn bring_back(scene: &Scene<'_>) -> Vec<Told> {
    let (lines, resaleable) = (scene.lines(), scene.bit(1));
    let fit = if resaleable { "fit for sale" } else { "unfit for sale" };
    let words = format!("takes back {}, {fit}", list(&lines));
    let (key, at_ms, reference) = (scene.key(), scene.at_ms(), String::new());
    let returned = GoodsReturned { key, at_ms, reference, lines, resaleable };
    scene.ledger(Payload::GoodsReturned(returned), words)
}

pub fn spoil(scene: &Scene<'_>) -> Vec<Told> {
    let lines = scene.lines();
    let words = format!("loses {}", list(&lines));
    let (key, at_ms, reason) = (scene.key(), scene.at_ms(), String::new());
    scene.ledger(Payload::GoodsSpoiled(GoodsSpoiled { key, at_ms, reason, lines }), words)
}

pub fn count(scene: &Scene<'_>) -> Vec<Told> {
    let stock = scene.books.stock.get(&(scene.sku(), scene.me)).copied().unwrap_or_default();
    let book = match scene.deed.twist >> 12 {
        0 if scene.lie => i64::MIN,
        1 if scene.lie => i64::MAX,
        _ => i64::try_from(stock.on_hand).unwrap_or(i64::MAX),
    };
    let (start_epoch, start_seq) = scene.own_end.map_or((Epoch(0), 0), |end| (end.epoch, end.seq));
    let line = CountLine { sku: scene.sku(), counted: scene.quantity(), book };
    let words = format!("counts {} {}, the book says {book}", pieces(line.counted), line.sku);
    let counted = StockCounted {
        key: scene.key(),
        at_ms: scene.at_ms(),
        start_epoch,
        start_seq,
        lines: vec![line],
    };
    scene.ledger(Payload::StockCounted(counted), words)
}

pub fn dispatch(scene: &Scene<'_>) -> Vec<Told> {
    let (lines, to) = (scene.lines(), scene.other());
    let words = format!("sends {} to {}", list(&lines), scene.name(&to));
    let (key, at_ms, reference) = (scene.key(), scene.at_ms(), String::new());
    let sent = GoodsDispatched { key, at_ms, to, reference, lines };
    scene.ledger(Payload::GoodsDispatched(sent), words)
}

pub fn take_in(scene: &Scene<'_>) -> Vec<Told> {
    let dispatch = if scene.lie {
        Some(scene.aimed(|past| matches!(past.payload, Payload::GoodsDispatched(_))))
    } else {
        let open = scene.books.transfers.iter().filter(|(id, transfer)| {
            let sent = scene.fact(id).map(|fact| &fact.event.payload);
            let mine = matches!(sent, Some(Payload::GoodsDispatched(it)) if it.to == scene.me);
            mine && !transfer.settled
        });
        scene.choose(&open.map(|(id, _)| *id).collect::<Vec<_>>())
    };
    let Some(dispatch) = dispatch else { return Vec::new() };
    let sent = scene.past.iter().find(|past| past.id == dispatch).map(|past| &past.payload);
    let lines = match sent {
        Some(Payload::GoodsDispatched(sent)) if !scene.lie || scene.bit(2) => {
            let mut lines = sent.lines.clone();
            if scene.bit(3) {
                lines[0].quantity /= 2;
            }
            lines
        }
        _ => scene.lines(),
    };
    let words = format!("takes in {} of {}", list(&lines), scene.call(&dispatch));
    let (key, at_ms) = (scene.key(), scene.at_ms());
    scene.ledger(Payload::GoodsTakenIn(GoodsTakenIn { key, at_ms, dispatch, lines }), words)
}

pub fn reserve(scene: &Scene<'_>) -> Vec<Told> {
    let lines = scene.lines();
    let words = format!("sets {} aside", list(&lines));
    let reserved = GoodsReserved {
        key: scene.key(),
        at_ms: scene.at_ms(),
        until_ms: scene.at_ms().saturating_add(3_600_000),
        reference: String::new(),
        lines,
    };
    scene.ledger(Payload::GoodsReserved(reserved), words)
}

/// A reservation to let go of: for an honest till an open one of its own branch.
pub fn reservation(scene: &Scene<'_>) -> Option<engine::ids::EventId> {
    if scene.lie {
        return Some(scene.aimed(|past| matches!(past.payload, Payload::GoodsReserved(_))));
    }
    let open = scene.books.reservations.iter().filter(|(id, it)| it.open && scene.is_own(id));
    scene.choose(&open.map(|(id, _)| *id).collect::<Vec<_>>())
}

pub fn release(scene: &Scene<'_>) -> Vec<Told> {
    let Some(reservation) = reservation(scene) else { return Vec::new() };
    let words = format!("lets go of the goods of {}", scene.call(&reservation));
    let (key, at_ms) = (scene.key(), scene.at_ms());
    let released = ReservationReleased { key, at_ms, reservation };
    scene.ledger(Payload::ReservationReleased(released), words)
}

pub fn expire(scene: &Scene<'_>) -> Vec<Told> {
    let Some(reservation) = reservation(scene) else { return Vec::new() };
    let words = format!("sees the time of {} run out", scene.call(&reservation));
    let expired = ReservationExpired { at_ms: scene.at_ms(), reservation };
    scene.ledger(Payload::ReservationExpired(expired), words)
}
