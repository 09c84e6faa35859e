//! Promise rights at a stall: asking for them, giving them, taking them.
//!
//! Everything here is an event in the stall's own ledger; peers learn of it as they learn of sales,
//! over whatever network there is. How much to ask and to give is decided in `engine::escrow`, what
//! may be sold in `engine::decide::rights`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use engine::decide::rights::{Policy, Short, available, policy};
use engine::decide::{self, Refusal};
use engine::escrow::{self, Holder, Rates, Strategy, Taken};
use engine::event::{Payload, RightsAccepted, RightsGranted, RightsRequested, RightsReturned};
use engine::ids::{DeviceId, EventId, Lane, Log, Scope};
use engine::projections::Projection;
use engine::projections::rights::rows::{self, Wish};
use engine::store::ReadError;
use transport::env::{Instant, Now};

use super::Stall;

/// Requests of this stall that may be open at a time.
const OPEN_MAX: usize = 256;
/// Requests and grants that are answered in one go; what is left waits for the next batch.
const AT_ONCE: usize = 64;
/// Devices that may have rights of one SKU and are looked at.
const HOLDERS_MAX: usize = 1_024;
/// SKUs looked at in one round of asking before they run dry.
const LOW_AT_ONCE: usize = 256;
/// Of a window: how often the stall looks whether it runs dry.
const PART: u64 = 8;
/// How long a stall counts on an answer before it asks others too, in milliseconds: a few round
/// trips, because a customer waits.
const ANSWER_MS: u64 = 1_500;
/// The shortest time between two looks.
const LOOK_MIN_MS: u64 = 100;

/// How a stall moves rights on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebalance {
    /// The strategy.
    pub strategy: Strategy,
    /// Over which time sales are expected to go on as they did, in milliseconds.
    pub window_ms: u64,
    /// How long an answer is counted on before others are asked too, in milliseconds.
    pub answer_ms: u64,
}

impl Rebalance {
    /// A strategy over a window, on a network as venues have it.
    pub fn new(strategy: Strategy, window_ms: u64) -> Self {
        Self { strategy, window_ms, answer_ms: ANSWER_MS }
    }
}

impl Default for Rebalance {
    fn default() -> Self {
        Self::new(Strategy::LowWater, 3_600_000)
    }
}

/// What a stall keeps in mind to move rights well. It is lost with the process.
pub(super) struct Escrow {
    rebalance: Rebalance,
    rates: Rates,
    /// Requests of this run that were open when it last looked, and when they were stated.
    waiting: BTreeMap<EventId, (RightsRequested, u64)>,
    /// Who gave less of a SKU than asked for: when, and what it had left.
    spent: BTreeMap<(String, DeviceId), (u64, u64)>,
    /// When it looks next whether it runs dry.
    due: Instant,
    /// Whether requests or grants may have come.
    look: bool,
}

impl Escrow {
    pub(super) fn new(rebalance: Rebalance) -> Self {
        Self {
            rebalance,
            rates: Rates::new(rebalance.window_ms),
            waiting: BTreeMap::new(),
            spent: BTreeMap::new(),
            due: Instant::default(),
            look: true,
        }
    }

    /// When the stall looks next whether it runs dry; never, if it does not ask by itself.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.rebalance.strategy == Strategy::LowWater).then_some(self.due)
    }

    /// Notes that so much was sold.
    pub(super) fn sold(&mut self, amounts: &BTreeMap<String, i128>, now: Now) {
        for (sku, quantity) in amounts {
            let quantity = u64::try_from(*quantity).unwrap_or_default();
            self.rates.note(sku, quantity, millis(now));
        }
    }

    fn recent(&self, sku: &str, now: Now) -> u64 {
        self.rates.recent(sku, millis(now))
    }

    /// How long somebody is left alone who gave less than asked for.
    fn rest_ms(&self) -> u64 {
        (self.rebalance.window_ms / 2).max(LOOK_MIN_MS)
    }

    fn part_ms(&self) -> u64 {
        (self.rebalance.window_ms / PART).max(LOOK_MIN_MS)
    }
}

/// Milliseconds since the start, which never run back.
fn millis(now: Now) -> u64 {
    u64::try_from(now.instant.0.as_millis()).unwrap_or(u64::MAX)
}

impl Stall {
    /// Logs moved: somebody may have asked for rights, or given some.
    pub(super) fn rights_came(&mut self, logs: &[Log], now: Now) {
        let me = self.device.replica.device();
        self.escrow.look |= logs.iter().any(|log| log.lane == Lane::Ledger && log.device != me);
        if !self.escrow.look {
            return;
        }
        let Some(scope) = self.rights_scope() else { return };
        self.escrow.look = false;
        if let Err(error) = self.move_rights(scope, now) {
            self.device.halt(&error);
        }
    }

    /// The scope, if rights may be moved now.
    fn rights_scope(&self) -> Option<Scope> {
        let replica = &self.device.replica;
        let scope = self.scope()?;
        let ready = self.device.halted().is_none()
            && replica.is_whole(Projection::Rights)
            && replica.is_alone(scope);
        ready.then_some(scope)
    }

    fn move_rights(&mut self, scope: Scope, now: Now) -> Result<(), ReadError> {
        let me = self.device.replica.device();
        let grants = self.wishes(&rows::unclaimed_by(scope, &me), AT_ONCE)?;
        self.note_answers(scope, &grants, now)?;
        for (grant, wish) in &grants {
            self.take(scope, *grant, wish, now)?;
        }
        let asked = match self.escrow.rebalance.strategy {
            // Requests stay open for a person to answer.
            Strategy::None => Vec::new(),
            _ => self.wishes(&rows::all_open_at(scope, &me), AT_ONCE)?,
        };
        for (request, wish) in &asked {
            self.give(scope, *request, wish, now)?;
        }
        self.escrow.look = grants.len().max(asked.len()) == AT_ONCE;
        Ok(())
    }

    fn wishes(
        &self,
        range: &engine::keys::Range,
        limit: usize,
    ) -> Result<Vec<(EventId, Wish)>, ReadError> {
        let rows = self.device.replica.first_rows(range, limit)?;
        let read = |(key, row): &(Vec<u8>, Vec<u8>)| {
            rows::read_wish(key, row).map(|(_, event, wish)| (event, wish))
        };
        Ok(rows.iter().filter_map(read).collect())
    }

    /// Notes who answered with less than was asked for, so that it is left alone for a while.
    fn note_answers(
        &mut self,
        scope: Scope,
        grants: &[(EventId, Wish)],
        now: Now,
    ) -> Result<(), ReadError> {
        if self.escrow.waiting.is_empty() {
            return Ok(());
        }
        let replica = &self.device.replica;
        let open = self.wishes(&rows::all_open_by(scope, &replica.device()), OPEN_MAX)?;
        let open: BTreeSet<EventId> = open.into_iter().map(|(request, _)| request).collect();
        let mut given = BTreeMap::new();
        for (grant, wish) in grants {
            let event = replica.event(grant)?.map(|event| event.payload);
            if let Some(Payload::RightsGranted(RightsGranted { request: Some(id), .. })) = event {
                given.insert(id, wish.quantity);
            }
        }
        let waiting = std::mem::take(&mut self.escrow.waiting);
        let (waiting, answered): (BTreeMap<_, _>, BTreeMap<_, _>) =
            waiting.into_iter().partition(|(id, _)| open.contains(id));
        self.escrow.waiting = waiting;
        let at = millis(now);
        for (id, (asked, _)) in answered {
            if given.get(&id).is_none_or(|given| *given < asked.quantity) {
                let left = decide::rights::balance(replica, scope, &asked.sku, &asked.giver)?;
                let left = u64::try_from(left).unwrap_or_default();
                self.escrow.spent.insert((asked.sku, asked.giver), (at, left));
            }
        }
        let keep = self.escrow.rest_ms();
        self.escrow.spent.retain(|_, (since, _)| at.saturating_sub(*since) <= keep);
        Ok(())
    }

    fn take(
        &mut self,
        scope: Scope,
        grant: EventId,
        Wish { sku, quantity, .. }: &Wish,
        now: Now,
    ) -> Result<(), ReadError> {
        let replica = &self.device.replica;
        let request = match replica.event(&grant)?.map(|event| event.payload) {
            Some(Payload::RightsGranted(granted)) => granted.request,
            _ => return Ok(()),
        };
        let asked = request.map(|request| replica.event(&request)).transpose()?.flatten();
        let age = asked.map_or(0, |asked| now.wall_ms.saturating_sub(asked.hlc.wall_ms()));
        let balance = decide::rights::balance(replica, scope, sku, &replica.device())?;
        let balance = u64::try_from(balance).unwrap_or_default();
        let recent = self.escrow.recent(sku, now);
        let window = self.escrow.rebalance.window_ms;
        let (sku, quantity) = (sku.clone(), *quantity);
        let payload = match escrow::take(balance, recent, age, window) {
            Taken::Accepted => Payload::RightsAccepted(RightsAccepted { grant, sku, quantity }),
            Taken::Returned => Payload::RightsReturned(RightsReturned { grant, sku, quantity }),
        };
        self.state(scope, Lane::Ledger, payload, now);
        Ok(())
    }

    fn give(
        &mut self,
        scope: Scope,
        request: EventId,
        Wish { other: to, sku, quantity }: &Wish,
        now: Now,
    ) -> Result<(), ReadError> {
        let replica = &self.device.replica;
        let balance = decide::rights::balance(replica, scope, sku, &replica.device())?;
        let balance = u64::try_from(balance).unwrap_or_default();
        let recent = self.escrow.recent(sku, now);
        let quantity = escrow::give(self.escrow.rebalance.strategy, balance, recent, *quantity);
        let (to, sku, request) = (*to, sku.clone(), Some(request));
        let grant = RightsGranted { key: None, request, to, sku, quantity };
        self.state(scope, Lane::Ledger, Payload::RightsGranted(grant), now);
        Ok(())
    }

    /// A customer wants more than may be sold here: asks those who may have it.
    pub(super) fn ask_for(&mut self, short: &mut Short, now: Now) -> Result<(), ReadError> {
        let Some(scope) = self.rights_scope() else { return Ok(()) };
        if self.escrow.rebalance.strategy == Strategy::None || short.forked {
            return Ok(());
        }
        let missing = u64::try_from(short.wanted - short.held).unwrap_or_default();
        let recent = self.escrow.recent(&short.sku, now);
        let more = escrow::low(self.escrow.rebalance.strategy, 0, recent);
        let waits = self.escrow.waiting.values().any(|(asked, _)| asked.sku == short.sku);
        let waiting = self.escrow.waiting.len();
        let asked = self.ask_holders(scope, &short.sku, (missing, more), now)?;
        // A till that asks again and again for one customer counts once, however many are asked.
        if !waits && self.escrow.waiting.len() > waiting {
            self.escrow.rates.note(&short.sku, missing, millis(now));
        }
        for RightsRequested { giver, quantity, .. } in asked {
            let name = self.device.replica.rights().name_of(&giver);
            short.asked.push((name, quantity));
        }
        Ok(())
    }

    /// Asks for what will be wanted before it runs out.
    pub(super) fn ask_before_dry(&mut self, now: Now) {
        if self.escrow.due().is_none_or(|due| now.instant < due) {
            return;
        }
        self.escrow.due = now.instant.after(Duration::from_millis(self.escrow.part_ms()));
        let Some(scope) = self.rights_scope() else { return };
        if let Err(error) = self.fill_up(scope, now) {
            self.device.halt(&error);
        }
    }

    fn fill_up(&mut self, scope: Scope, now: Now) -> Result<(), ReadError> {
        let skus: Vec<String> = self.escrow.rates.skus().map(str::to_owned).collect();
        let mut asked = 0;
        for sku in skus {
            let replica = &self.device.replica;
            let balance = decide::rights::balance(replica, scope, &sku, &replica.device())?;
            let balance = u64::try_from(balance).unwrap_or_default();
            let recent = self.escrow.recent(&sku, now);
            let more = escrow::low(self.escrow.rebalance.strategy, balance, recent);
            if more > 0 && asked < LOW_AT_ONCE {
                asked += 1;
                self.ask_holders(scope, &sku, (0, more), now)?;
            }
        }
        Ok(())
    }

    /// States requests to those who may have what is missing, and returns those that are open.
    fn ask_holders(
        &mut self,
        scope: Scope,
        sku: &str,
        (missing, more): (u64, u64),
        now: Now,
    ) -> Result<Vec<RightsRequested>, ReadError> {
        // Alone on a dead network nobody answers before it is too late.
        if !self.device.router.sessions().any(|session| session.is_open()) {
            return Ok(Vec::new());
        }
        let me = self.device.replica.device();
        let open = self.wishes(&rows::all_open_by(scope, &me), OPEN_MAX)?;
        let holders = self.holders(scope, sku, &open, now)?;
        let mut asked: Vec<RightsRequested> = open
            .iter()
            .filter(|(_, wish)| wish.sku == sku)
            .map(|(_, wish)| RightsRequested {
                key: None,
                giver: wish.other,
                sku: sku.to_owned(),
                quantity: wish.quantity,
            })
            .collect();
        let own = decide::rights::balance(&self.device.replica, scope, sku, &me)?;
        let own = u64::try_from(own).unwrap_or_default();
        let room = OPEN_MAX.saturating_sub(open.len());
        for wanted in escrow::ask(&me, (missing, more), own, &holders).into_iter().take(room) {
            let request = RightsRequested {
                key: None,
                giver: wanted.giver,
                sku: sku.to_owned(),
                quantity: wanted.quantity,
            };
            let payload = Payload::RightsRequested(request.clone());
            if let Some(id) = self.state(scope, Lane::Ledger, payload, now) {
                self.escrow.waiting.insert(id, (request.clone(), millis(now)));
            }
            asked.push(request);
        }
        Ok(asked)
    }

    fn holders(
        &self,
        scope: Scope,
        sku: &str,
        open: &[(EventId, Wish)],
        now: Now,
    ) -> Result<Vec<Holder>, ReadError> {
        let replica = &self.device.replica;
        let (me, at) = (replica.device(), millis(now));
        let rows = replica.first_rows(&rows::accounts_of(scope, sku), HOLDERS_MAX)?;
        let mut holders = Vec::new();
        for (key, row) in &rows {
            let Some((_, device, account)) = rows::read_account(key, row) else { continue };
            let balance = u64::try_from(account.balance()).unwrap_or_default();
            if device == me || balance == 0 {
                continue;
            }
            let (mut asked, mut silent) = (0_u64, false);
            for (request, wish) in open.iter().filter(|(_, wish)| wish.other == device) {
                if wish.sku == sku {
                    asked = asked.saturating_add(wish.quantity);
                    // By the clock that does not step. What an earlier run asked is long past.
                    let since = self.escrow.waiting.get(request).map(|(_, since)| *since);
                    silent |= since.is_none_or(|since| {
                        at.saturating_sub(since) > self.escrow.rebalance.answer_ms
                    });
                }
            }
            let spent = self.escrow.spent.get(&(sku.to_owned(), device));
            // Who gave what it could spare is left alone until it has more.
            let refused = spent.is_some_and(|(since, left)| {
                balance <= *left && at.saturating_sub(*since) <= self.escrow.rest_ms()
            });
            if refused && asked == 0 {
                continue;
            }
            holders.push(Holder { device, balance, answers: !silent, open: asked });
        }
        Ok(holders)
    }

    /// The oldest open request of a device to this stall for a SKU: what an operator's grant
    /// answers.
    pub(super) fn open_request(
        &self,
        scope: Scope,
        from: &DeviceId,
        sku: &str,
    ) -> Result<Option<EventId>, ReadError> {
        let me = self.device.replica.device();
        let open = self.wishes(&rows::all_open_at(scope, &me), OPEN_MAX)?;
        let mine = open.into_iter().filter(|(_, wish)| wish.other == *from && wish.sku == sku);
        Ok(mine.map(|(request, _)| request).min_by_key(|request| request.seq))
    }

    /// What this stall may sell of a SKU, in thousandths; `None` when it is not promised.
    pub fn may_sell(&self, sku: &str) -> Result<Option<i128>, Refusal> {
        let Some(scope) = self.scope() else { return Ok(None) };
        let replica = &self.device.replica;
        match policy(replica, scope, sku)? {
            Policy::Custody => Ok(None),
            Policy::Promise => available(replica, scope, sku).map(Some),
        }
    }
}
