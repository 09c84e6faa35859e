//! Forfeits: a control takes a lost device's rights and awards them to another.
//!
//! Each document counts once, however many events carry it: any device may copy one into its own
//! log. Whether its signer is a control is a matter of the charter, which may come later.

use super::rows::{self, Account, Forfeited};
use crate::authority::{Forfeit, SignedDocument};
use crate::event::{Payload, codec};
use crate::hash::{self, Hash};
use crate::ids::{EventId, Lane};
use crate::projections::{self, Books, Origin};
use crate::store::ReadError;

/// Takes a forfeit in. One that does not hold, or is another tenant's, changes nothing.
pub(super) fn fold(
    books: &mut dyn Books,
    origin: &Origin,
    document: &SignedDocument,
) -> Result<(), ReadError> {
    let Ok((forfeit, signer)) = document.open::<Forfeit>() else { return Ok(()) };
    if forfeit.tenant != origin.log.tenant {
        return Ok(());
    }
    let name = name(document)?;
    let held = read(books, &name)?;
    let counts = held.map_or_else(|| books.is_control(&signer), |held| held.counts);
    let event = held.map_or(origin.id, |held| held.event.min(origin.id));
    if held.is_some_and(|held| held.event == event) {
        return Ok(());
    }
    set(books, &name, Forfeited { event, counts })?;
    match held {
        // The same document in an event with a lower id.
        Some(_) if counts => witness(books, &name, &forfeit, Some(event)),
        None if counts => apply(books, &name, &forfeit, event, 1),
        _ => Ok(()),
    }
}

/// Looks again at every forfeit: a charter came, and may have named or forgotten a signer. Returns
/// those that began or ceased to count.
pub fn recount(books: &mut dyn Books) -> Result<Vec<Forfeit>, ReadError> {
    let mut moved = Vec::new();
    for (key, _) in books.rows(&rows::forfeits())? {
        let name = key.last_chunk::<32>().map(|name| Hash(*name));
        let Some((name, held)) = name.map(|name| Ok((name, read(books, &name)?))).transpose()?
        else {
            continue;
        };
        let Some(held) = held else { continue };
        let Some((log, event)) = books.event(&held.event)? else { continue };
        let (Payload::RightsForfeited(document), Lane::Authority) = (&event.payload, log.lane)
        else {
            continue;
        };
        let Ok((forfeit, signer)) = document.open::<Forfeit>() else { continue };
        let counts = books.is_control(&signer);
        if counts == held.counts {
            continue;
        }
        set(books, &name, Forfeited { counts, ..held })?;
        apply(books, &name, &forfeit, held.event, if counts { 1 } else { -1 })?;
        moved.push(forfeit);
    }
    Ok(moved)
}

fn name(document: &SignedDocument) -> Result<Hash, ReadError> {
    let bytes = codec::encode(document).map_err(|error| ReadError::Device(error.to_string()))?;
    Ok(hash::FORFEIT.of(&[&bytes]))
}

fn read(books: &dyn Books, name: &Hash) -> Result<Option<Forfeited>, ReadError> {
    projections::read(books.row(&rows::forfeit(name))?)
}

fn set(books: &mut dyn Books, name: &Hash, held: Forfeited) -> Result<(), ReadError> {
    projections::set(books, rows::forfeit(name), &Some(held))
}

/// Adds a forfeit to the accounts, or takes it out again.
fn apply(
    books: &mut dyn Books,
    name: &Hash,
    forfeit: &Forfeit,
    event: EventId,
    sign: i128,
) -> Result<(), ReadError> {
    let Forfeit { scope, device, to, lines, .. } = forfeit;
    for (sku, quantity) in lines.iter().filter(|(_, quantity)| *quantity > 0) {
        let more = sign * i128::from(*quantity);
        let lost = rows::account(*scope, sku, device);
        projections::update(books, lost, |account: &mut Account| account.forfeited += more)?;
        let won = rows::account(*scope, sku, to);
        projections::update(books, won, |account: &mut Account| account.awarded += more)?;
    }
    witness(books, name, forfeit, (sign > 0).then_some(event))
}

/// Notes at the accounts that lost rights which event took them.
fn witness(
    books: &mut dyn Books,
    name: &Hash,
    forfeit: &Forfeit,
    event: Option<EventId>,
) -> Result<(), ReadError> {
    for (sku, _) in forfeit.lines.iter().filter(|(_, quantity)| *quantity > 0) {
        let key = rows::forfeit_of(forfeit.scope, sku, &forfeit.device, name);
        books.set_row(key, event.as_ref().map(projections::event_key))?;
    }
    Ok(())
}
