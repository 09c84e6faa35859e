//! Grants and what claims them: acceptances and returns.
//!
//! Whom a grant credits depends on the claims of the one device that it names, and on nothing else:
//! the taker once if any of them accepts, else the giver once if any returns.

use super::rows::{self, Claim, Named, Wish};
use super::{Account, Held, double, held, own};
use crate::event::sale::Quantity;
use crate::event::{Payload, RightsGranted, RightsRequested};
use crate::ids::{DeviceId, EventId, Scope};
use crate::projections::{self, Books, Origin};
use crate::store::ReadError;

/// A claim, whichever way it goes.
pub(super) struct Claimed<'a> {
    pub how: Claim,
    pub grant: EventId,
    pub sku: &'a str,
    pub quantity: Quantity,
}

/// The claim that a payload makes.
pub(super) fn of(payload: &Payload) -> Option<Claimed<'_>> {
    let (how, grant, sku, quantity) = match payload {
        Payload::RightsAccepted(claim) => (Claim::Accept, claim.grant, &claim.sku, claim.quantity),
        Payload::RightsReturned(claim) => (Claim::Return, claim.grant, &claim.sku, claim.quantity),
        _ => return None,
    };
    Some(Claimed { how, grant, sku, quantity })
}

/// How often the device that a grant names accepted it and sent it back, as it was granted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub accepts: u64,
    pub returns: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Credit {
    Nobody,
    Taker,
    Giver,
}

impl Tally {
    pub(super) fn of(
        books: &dyn Books,
        scope: Scope,
        id: &EventId,
        grant: &RightsGranted,
    ) -> Result<Self, ReadError> {
        let count = |how| projections::read(books.row(&rows::good_claim(scope, id, grant, how))?);
        Ok(Self { accepts: count(Claim::Accept)?, returns: count(Claim::Return)? })
    }

    pub(super) fn sum(self) -> u64 {
        self.accepts.saturating_add(self.returns)
    }

    fn credit(self) -> Credit {
        match (self.accepts, self.returns) {
            (0, 0) => Credit::Nobody,
            (0, _) => Credit::Giver,
            _ => Credit::Taker,
        }
    }

    /// How many claims are too many.
    fn beyond(self) -> i128 {
        i128::from(self.sum().saturating_sub(1))
    }
}

/// Takes a grant in: it lowers the giver's balance, answers a request, and may have been claimed
/// before it came.
pub(super) fn grant(
    books: &mut dyn Books,
    origin: &Origin,
    grant: &RightsGranted,
) -> Result<(), ReadError> {
    let scope = origin.log.scope;
    if let Some(request) = &grant.request {
        answer(books, scope, &origin.log.device, request)?;
    }
    if grant.quantity == 0 {
        return Ok(());
    }
    books.set_row(rows::folded(scope, &origin.id), Some(vec![1]))?;
    let quantity = i128::from(grant.quantity);
    own(books, origin, &grant.sku, |account| account.granted += quantity)?;
    let tally = Tally::of(books, scope, &origin.id, grant)?;
    if tally.sum() == 0 {
        return wait(books, origin, grant);
    }
    let grant = Granted { by: origin.log.device, grant };
    grant.move_credit(books, scope, Tally::default(), tally)
}

/// The grant is on the way until its taker claims it.
fn wait(books: &mut dyn Books, origin: &Origin, grant: &RightsGranted) -> Result<(), ReadError> {
    let RightsGranted { to, sku, quantity, .. } = grant;
    let wish = Wish { other: origin.log.device, sku: sku.clone(), quantity: *quantity };
    let key = rows::unclaimed(origin.log.scope, to, &origin.id);
    projections::set(books, key, &Some(wish))
}

/// Notes that a device answered a request, which may be yet to come.
fn answer(
    books: &mut dyn Books,
    scope: Scope,
    by: &DeviceId,
    request: &EventId,
) -> Result<(), ReadError> {
    books.set_row(rows::answered(scope, request, by), Some(vec![1]))?;
    let asked = held(books, scope, request)?;
    if let Some(Held { by: taker, payload: Payload::RightsRequested(asked) }) = asked {
        let RightsRequested { giver, .. } = asked;
        if giver == *by {
            books.set_row(rows::open_at(scope, &giver, request), None)?;
            books.set_row(rows::open_by(scope, &taker, request), None)?;
        }
    }
    Ok(())
}

/// Takes a claim in. Until its grant is folded it is only counted: what is held and not folded, as
/// while the rows are rebuilt, finds the claims when its turn comes.
pub(super) fn claim(
    books: &mut dyn Books,
    origin: &Origin,
    claim: &Claimed<'_>,
) -> Result<(), ReadError> {
    let (scope, by) = (origin.log.scope, origin.log.device);
    let Claimed { how, grant: id, sku, quantity } = claim;
    if *quantity > 0 {
        own(books, origin, sku, |_| {})?;
    }
    let key = rows::named(scope, id);
    projections::update(books, key, |named: &mut Named| named.count(origin.id))?;
    let folded = books.row(&rows::folded(scope, id))?.is_some();
    let found = if folded { held(books, scope, id)? } else { None };
    let Some(Held { by: giver, payload: Payload::RightsGranted(grant) }) = found else {
        return count(books, rows::claim(scope, id, *how, &by, (sku, *quantity)));
    };
    let before = Tally::of(books, scope, id, &grant)?;
    count(books, rows::claim(scope, id, *how, &by, (sku, *quantity)))?;
    let after = Tally::of(books, scope, id, &grant)?;
    if before == after || grant.quantity == 0 {
        return Ok(());
    }
    books.set_row(rows::unclaimed(scope, &grant.to, id), None)?;
    Granted { by: giver, grant: &grant }.move_credit(books, scope, before, after)
}

fn count(books: &mut dyn Books, key: Vec<u8>) -> Result<(), ReadError> {
    projections::update(books, key, |times: &mut u64| *times = times.saturating_add(1))
}

/// A grant that is held, and who gave it.
struct Granted<'a> {
    by: DeviceId,
    grant: &'a RightsGranted,
}

impl Granted<'_> {
    /// Brings the accounts from what one tally says to what another does.
    fn move_credit(
        &self,
        books: &mut dyn Books,
        scope: Scope,
        from: Tally,
        to: Tally,
    ) -> Result<(), ReadError> {
        let quantity = i128::from(self.grant.quantity);
        if from.credit() != to.credit() {
            self.add_credit(books, scope, from.credit(), -quantity)?;
            self.add_credit(books, scope, to.credit(), quantity)?;
        }
        let more = (to.beyond() - from.beyond()).saturating_mul(quantity);
        if more == 0 { Ok(()) } else { double(books, scope, &self.grant.sku, more) }
    }

    fn add_credit(
        &self,
        books: &mut dyn Books,
        scope: Scope,
        credit: Credit,
        quantity: i128,
    ) -> Result<(), ReadError> {
        let sku = &self.grant.sku;
        let (device, change): (_, fn(&mut Account) -> &mut i128) = match credit {
            Credit::Nobody => return Ok(()),
            Credit::Taker => (&self.grant.to, |account| &mut account.accepted),
            Credit::Giver => (&self.by, |account| &mut account.returned),
        };
        let key = rows::account(scope, sku, device);
        projections::update(books, key, |account: &mut Account| *change(account) += quantity)
    }
}
