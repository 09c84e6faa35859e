//! What promise rights make a finding: a balance below zero, a grant that was claimed too often or
//! by the wrong device, a claim of something that is no grant.

use std::collections::BTreeSet;

use super::claims::{self, Tally};
use super::rows::{self, Account, Named};
use super::{Held, held, of_sale, undone};
use crate::authority::Forfeit;
use crate::event::{Event, Payload};
use crate::ids::{DeviceId, EventId, Lane, Scope};
use crate::limits::{ACCOUNT_EVIDENCE_MAX, SKU_BYTES_MAX};
use crate::projections::findings::{self, Finding, Rule};
use crate::projections::{self, Books, Origin, event_key, read_event_key};
use crate::store::ReadError;

/// Re-examines what an event could have made a finding.
pub fn judge(books: &mut dyn Books, origin: &Origin, event: &Event) -> Result<(), ReadError> {
    if origin.log.lane == Lane::Authority {
        return match &event.payload {
            Payload::RightsForfeited(document) => match document.reopen::<Forfeit>() {
                Ok(forfeit) => judge_forfeit(books, &forfeit),
                Err(_) => Ok(()),
            },
            _ => Ok(()),
        };
    }
    let scope = origin.log.scope;
    // A claim may have come before what it names.
    judge_named(books, scope, &origin.id)?;
    for sku in skus(books, origin, &event.payload)? {
        judge_account(books, scope, &sku, &origin.log.device)?;
    }
    if let Some(claim) = claims::of(&event.payload) {
        judge_account(books, scope, claim.sku, &origin.log.device)?;
        judge_named(books, scope, &claim.grant)?;
    }
    Ok(())
}

/// Re-examines the accounts that a forfeit names.
pub fn judge_forfeit(books: &mut dyn Books, forfeit: &Forfeit) -> Result<(), ReadError> {
    for (sku, _) in &forfeit.lines {
        judge_account(books, forfeit.scope, sku, &forfeit.device)?;
        judge_account(books, forfeit.scope, sku, &forfeit.to)?;
    }
    Ok(())
}

/// The SKUs of which an event may have changed its own device's account.
fn skus(
    books: &dyn Books,
    origin: &Origin,
    payload: &Payload,
) -> Result<BTreeSet<String>, ReadError> {
    let stated = match payload {
        Payload::SaleVoided(void) => match undone(books, origin, void)? {
            Some(sale) => of_sale(&sale).into_keys().collect(),
            None => BTreeSet::new(),
        },
        _ => super::stated(payload).into_iter().map(|(sku, _)| sku).collect(),
    };
    Ok(stated)
}

/// What is claimed as a grant: is it one, and who claimed it?
fn judge_named(books: &mut dyn Books, scope: Scope, id: &EventId) -> Result<(), ReadError> {
    let Some(row) = books.row(&rows::named(scope, id))? else { return Ok(()) };
    let named: Named = projections::read(Some(row))?;
    let mut doubled = None;
    // Claims of another kind of event are a bad reference; see `references`.
    if let Some(Held { by, payload: Payload::RightsGranted(grant) }) = held(books, scope, id)? {
        judge_account(books, scope, &grant.sku, &by)?;
        judge_account(books, scope, &grant.sku, &grant.to)?;
        let good = Tally::of(books, scope, id, &grant)?.sum();
        let wrong = named.claims.saturating_sub(good);
        let many = good.saturating_sub(1).saturating_add(wrong);
        if many > 0 {
            let evidence = named.first.iter().copied().chain([*id]);
            let mut finding = Finding::new(Rule::RightsDoubled, id.to_string(), evidence);
            finding.quantity = i128::from(grant.quantity).saturating_mul(i128::from(many));
            doubled = Some(finding);
        }
    }
    findings::put(books, scope, Rule::RightsDoubled, &event_key(id), doubled)
}

fn judge_account(
    books: &mut dyn Books,
    scope: Scope,
    sku: &str,
    device: &DeviceId,
) -> Result<(), ReadError> {
    let account: Account = projections::read(books.row(&rows::account(scope, sku, device))?)?;
    let balance = account.balance();
    let rule = Rule::RightsOverdrawn;
    let finding = if balance < 0 {
        let evidence = evidence(books, scope, sku, device, account)?;
        let subject = format!("{} at {device}", short(sku));
        let mut finding = Finding::new(rule, subject, evidence);
        finding.quantity = -balance;
        Some(finding)
    } else {
        None
    };
    let subject = [sku.as_bytes(), &[0], &device.0].concat();
    findings::put(books, scope, rule, &subject, finding)
}

/// The device's own latest events, and the first forfeits that took from it.
fn evidence(
    books: &dyn Books,
    scope: Scope,
    sku: &str,
    device: &DeviceId,
    account: Account,
) -> Result<Vec<EventId>, ReadError> {
    let forfeits = books.rows(&rows::forfeits_of(scope, sku, device))?;
    let mut forfeits: Vec<EventId> =
        forfeits.iter().filter_map(|(_, event)| read_event_key(event)).collect();
    forfeits.sort_unstable();
    forfeits.truncate(ACCOUNT_EVIDENCE_MAX);
    Ok(account.latest.into_iter().chain(forfeits).collect())
}

/// A SKU of a hostile event may be as long as the event; a finding has to fit into one.
fn short(sku: &str) -> &str {
    let mut end = sku.len().min(SKU_BYTES_MAX);
    while !sku.is_char_boundary(end) {
        end -= 1;
    }
    &sku[..end]
}
