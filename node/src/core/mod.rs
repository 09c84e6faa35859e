//! The stall: what tills ask for, decided and appended; what peers bring, left to the device.
//!
//! Pure, like everything below it: `handle_*` in, `poll_*` out. A write is answered once the batch
//! that holds it is durable, and never waits for the network.

mod cash;
mod escrow;
mod goods;
mod prices;
mod receipts;
#[cfg(test)]
mod receipts_tests;
mod request;
mod reservations;
mod status;
mod telemetry;
mod times;

use std::collections::BTreeMap;

use engine::catalogue::{Field, ItemEdit, Policy};
use engine::decide::{self, Refusal, Rules};
use engine::event::Payload;
use engine::hash::Hash;
use engine::ids::{EventId, Lane, MerchantId, Scope};
use engine::keys;
use engine::projections::rights;
use engine::replica::Replica;
use engine::replica::append::AppendError;
use engine::replica::catalogue::{CatalogueError, Settlement};
use engine::replica::own_book::Place;
use engine::replica::query::DigestRow;
use engine::store::{Batch, ReadError, WriteError};
use thiserror::Error;
use transport::device::{CallId, Core, Device, Input, Pending};
use transport::env::{Instant, Now};

pub use cash::{CashRequest, OPEN_SHIFT};
use escrow::Escrow;
pub use escrow::Rebalance;
pub use goods::Movement;
use receipts::Receipts;
pub use request::{Request, Written};
use reservations::Reservations;
pub use status::{PeerStatus, Status};
use telemetry::Telemetry;
pub use times::{STALL_DAY, STALL_TIME};

/// The daemon's own rows.
const TILLS: u8 = 1;

/// What a stall is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The largest amount of a line, a tender or a tip, in minor units.
    pub amount_max: i64,
    /// Whether SKUs that the catalogue does not know may be sold.
    pub open_items: bool,
    /// How promise rights move by themselves.
    pub rebalance: Rebalance,
}

/// What a stall may be asked.
#[derive(Debug)]
pub enum Call {
    /// State a fact for a till.
    Write(Box<Request>),
    /// Edit the catalogue.
    EditCatalogue(Vec<ItemEdit>),
    /// Settle late changes of closed seasons of the catalogue.
    SettleLate(Vec<(u32, Hash)>, Settlement),
    /// Keep a till's token, as its hash.
    AddTill {
        /// The till.
        name: String,
        /// The hash of its token.
        token: [u8; 32],
    },
    /// Where a stock-take would begin now; nothing is written.
    BeginCount,
    /// How things stand.
    Status,
    /// The digests of every scope.
    Digests,
    /// Take sync off or on.
    SetLink(bool),
}

/// What a stall answers.
#[derive(Debug)]
pub enum Answer {
    /// The fact stands, on this disk.
    Written(Written),
    /// The catalogue is edited, on this disk; with how many changes.
    Changed(usize),
    /// Where a stock-take begins.
    Place(Place),
    /// Done.
    Done,
    /// How things stand.
    Status(Box<Status>),
    /// The digests, and the hash of the committed vector that they hold at.
    Digests {
        /// The vector.
        vector: Hash,
        /// The digests.
        rows: Vec<DigestRow>,
    },
    /// Refused; nothing was written.
    Refused(CallError),
}

/// Why a call was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The till is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The event cannot be appended.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The catalogue cannot be edited so.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The device has no charter or grant.
    #[error("this node has not joined a tenant; run `tentpole-node join TOKEN`")]
    NotEnrolled,
    /// The disk failed; nothing more is written until the next start.
    #[error("{0}")]
    Halted(String),
}

impl From<ReadError> for CallError {
    fn from(error: ReadError) -> Self {
        Self::Refused(error.into())
    }
}

/// A stall.
pub struct Stall {
    device: Device,
    settings: Settings,
    pending: Pending<Answer>,
    telemetry: Telemetry,
    reservations: Reservations,
    receipts: Receipts,
    escrow: Escrow,
}

impl Stall {
    /// A stall over an opened replica.
    pub fn new(replica: Replica, settings: Settings) -> Self {
        Self {
            receipts: Receipts::kept(&replica),
            device: Device::new(replica),
            escrow: Escrow::new(settings.rebalance),
            settings,
            pending: Pending::default(),
            telemetry: Telemetry::default(),
            reservations: Reservations::default(),
        }
    }

    /// The merchant that this stall sells for.
    pub fn scope(&self) -> Option<Scope> {
        let replica = &self.device.replica;
        let grant = replica.rights().grant(&replica.device())?;
        Some(Scope::Merchant(MerchantId::from_name(&grant.merchant)))
    }

    /// The tills and the hashes of their tokens.
    pub fn tills(&self) -> Result<BTreeMap<[u8; 32], String>, ReadError> {
        let rows = self.device.replica.local_rows(TILLS)?;
        let read = |(key, token): (Vec<u8>, Vec<u8>)| {
            Some((token.try_into().ok()?, String::from_utf8(key.get(2..)?.to_vec()).ok()?))
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    fn rules(&self) -> Result<(Scope, Rules), CallError> {
        if let Some(reason) = self.device.halted() {
            return Err(CallError::Halted(reason.to_owned()));
        }
        let charter = self.device.replica.rights().charter();
        let (scope, charter) = self.scope().zip(charter).ok_or(CallError::NotEnrolled)?;
        let Settings { amount_max, open_items, .. } = self.settings;
        Ok((scope, Rules { currency: charter.currency, amount_max, open_items }))
    }

    /// Decides about a request and appends it. Where promised goods run short, others are asked.
    fn write(&mut self, request: Request, now: Now) -> Result<Written, CallError> {
        let mut refused = self.decide(request, now);
        if let Err(CallError::Refused(Refusal::RightsShort(short))) = &mut refused {
            self.ask_for(short, now)?;
        }
        refused
    }

    fn decide(&mut self, mut request: Request, now: Now) -> Result<Written, CallError> {
        let (scope, rules) = self.rules()?;
        if let Some(id) = self.device.replica.bearer(scope, request.key())? {
            return self.again(id, scope, request);
        }
        request.fill_time(now);
        if let Request::Grant(grant) = &mut request {
            grant.request = self.open_request(scope, &grant.to, &grant.sku)?;
        }
        check(&mut request, scope, &rules, now, &self.device.replica)?;
        self.promise(&request, scope, now)?;
        self.number(&mut request, scope)?;
        let newly = request.newly().to_vec();
        let payload = request.clone().into_payload();
        let replica = &mut self.device.replica;
        let follow = decide::rights::follow(&payload, &newly, scope, replica)?;
        let id = replica.append(scope, Lane::Ledger, payload, now.wall_ms)?;
        for payload in follow.payloads(id) {
            replica.append(scope, Lane::Ledger, payload, now.wall_ms)?;
        }
        self.stated(&mut request, id, now);
        Ok(request.written(id, self.copy(&request, &id, scope)?, false))
    }

    /// Keeps in mind what a fact that now stands asks of the stall later.
    fn stated(&mut self, request: &mut Request, id: EventId, now: Now) {
        if let Request::Goods(Movement::Reserved(goods)) = request {
            self.reservations.made(goods.until_ms, now);
        }
        if let Request::Sale(sale, _) = request {
            self.escrow.sold(&rights::promised(sale), now);
        }
        if let Some(number) = request.receipt().map(|number| *number) {
            self.receipts.given(&request.key().till, number, id, &mut self.device.replica);
        }
    }

    /// Has the catalogue say that SKUs are promised from now on, so that every stall knows it, also
    /// while its books of rights are being rebuilt.
    fn promise(&mut self, request: &Request, scope: Scope, now: Now) -> Result<(), CallError> {
        let promised =
            |sku: &String| ItemEdit::of(sku).text(Field::Policy, Policy::Promise.as_str());
        let items: Vec<ItemEdit> = request.newly().iter().map(promised).collect();
        if !items.is_empty() {
            self.device.replica.edit_catalogue(scope, &items, now.wall_ms)?;
        }
        Ok(())
    }

    /// Gives a document the next number of its till.
    fn number(&mut self, request: &mut Request, scope: Scope) -> Result<(), ReadError> {
        let till = request.key().till.clone();
        if let Some(number) = request.receipt() {
            *number = self.receipts.next(&till, scope, &self.device.replica)?;
        }
        Ok(())
    }

    fn copy(&self, request: &Request, id: &EventId, scope: Scope) -> Result<u64, ReadError> {
        match request {
            Request::Cash(CashRequest::Reprint(reprint)) => {
                decide::copy_number(id, &reprint.document, scope, &self.device.replica)
            }
            _ => Ok(0),
        }
    }

    fn edit_catalogue(&mut self, items: &[ItemEdit], now: Now) -> Result<usize, CallError> {
        let (scope, _) = self.rules()?;
        Ok(self.device.replica.edit_catalogue(scope, items, now.wall_ms)?.len())
    }

    fn settle_late(
        &mut self,
        late: &[(u32, Hash)],
        settlement: Settlement,
        now: Now,
    ) -> Result<usize, CallError> {
        let (scope, _) = self.rules()?;
        Ok(self.device.replica.settle_late(scope, late, settlement, now.wall_ms)?)
    }

    /// A request whose key is borne by an event: the same one says what it said.
    fn again(&self, id: EventId, scope: Scope, mut request: Request) -> Result<Written, CallError> {
        let bearer = self.device.replica.event(&id)?;
        let Some(bearer) = bearer.map(|event| event.payload) else {
            let lost = format!("event {id}, which bears this key, is not there");
            return Err(ReadError::Device(lost).into());
        };
        request.restate(&bearer);
        decide::retry(&bearer, &request.clone().into_payload())?;
        Ok(request.written(id, self.copy(&request, &id, scope)?, true))
    }

    fn add_till(&mut self, name: &str, token: [u8; 32]) -> Result<(), CallError> {
        self.rules()?;
        let row = keys::local(TILLS, name.as_bytes());
        self.device.replica.set_local(row, Some(token.to_vec()));
        Ok(())
    }

    /// Raises proofs of forks that nobody has proven, for everyone to see.
    fn prove_forks(&mut self, now: Now) {
        let Ok(proofs) = self.device.replica.unproven_forks() else { return };
        for proof in proofs {
            let payload = Payload::ForkProven(Box::new(proof));
            // Without the right to, another replica will raise it.
            self.state(Scope::Tenant, Lane::Authority, payload, now);
        }
    }

    /// Appends a fact that nobody waits for.
    fn state(&mut self, scope: Scope, lane: Lane, payload: Payload, now: Now) -> Option<EventId> {
        let appended = self.device.replica.append(scope, lane, payload, now.wall_ms);
        if let Err(AppendError::Read(cause)) = &appended {
            self.device.halt(cause);
        }
        appended.ok()
    }

    /// Once halted nothing more becomes durable, so nobody should wait for it.
    fn answer_if_halted(&mut self) {
        if self.device.is_committing() {
            return;
        }
        if let Some(reason) = self.device.halted().map(str::to_owned) {
            self.pending.failed(|| Answer::Refused(CallError::Halted(reason.clone())));
        }
    }
}

fn check(
    request: &mut Request,
    scope: Scope,
    rules: &Rules,
    now: Now,
    replica: &Replica,
) -> Result<(), Refusal> {
    match request {
        Request::Sale(sale, zero) => {
            prices::settle(sale, scope, replica, now)?;
            let store = replica.store();
            decide::sale(sale, zero, rules, &|sku| {
                engine::books::is_item(store.as_ref(), scope, sku)
            })?;
            decide::fulfilled(sale, scope, replica)?;
            decide::day_open(sale.business_day, scope, replica)?;
            decide::rights::promise(sale, scope, replica)
        }
        Request::Refund(refund) => {
            decide::refund(refund, scope, rules, replica)?;
            decide::rights::restore(refund, replica)
        }
        Request::Void(void) => decide::void(void, scope, replica),
        Request::Goods(goods) => goods.check(scope, now.wall_ms, replica),
        Request::Settle(resolved) => decide::settle(resolved, scope, replica),
        Request::Cash(request) => request.check(scope, rules, now.wall_ms, replica),
        Request::Promised(goods, newly) => {
            decide::goods(goods)?;
            decide::rights::newly(newly, &goods.lines)
        }
        Request::Grant(grant) => decide::rights::grant(grant, scope, replica),
        Request::Ask(asked) => decide::rights::request(asked, scope, replica),
    }
}

impl Core for Stall {
    type Call = Call;
    type Answer = Answer;

    fn device(&mut self) -> &mut Device {
        &mut self.device
    }

    fn handle_call(&mut self, id: CallId, call: Call, now: Now) {
        let answer = match call {
            Call::Write(request) => self.write(*request, now).map(Answer::Written),
            Call::EditCatalogue(items) => self.edit_catalogue(&items, now).map(Answer::Changed),
            Call::SettleLate(late, settlement) => {
                self.settle_late(&late, settlement, now).map(Answer::Changed)
            }
            Call::BeginCount => {
                self.rules().map(|(scope, _)| Answer::Place(self.device.replica.own_place(scope)))
            }
            Call::AddTill { name, token } => self.add_till(&name, token).map(|()| Answer::Done),
            Call::Status => {
                let status = self.status(now).map(|status| Answer::Status(Box::new(status)));
                let answer = status.unwrap_or_else(|error| Answer::Refused(error.into()));
                return self.pending.answer_now(id, answer);
            }
            Call::Digests => {
                let vector = self.device.replica.vector().hash();
                let digests = self.digests().map(|rows| Answer::Digests { vector, rows });
                let answer = digests.unwrap_or_else(|error| Answer::Refused(error.into()));
                return self.pending.answer_now(id, answer);
            }
            Call::SetLink(up) => {
                self.device.set_link(up);
                return self.pending.answer_now(id, Answer::Done);
            }
        };
        match answer {
            Ok(answer) => self.pending.answer(id, answer, &self.device),
            Err(error) => {
                if let CallError::Append(AppendError::Read(cause))
                | CallError::Catalogue(
                    CatalogueError::Read(cause) | CatalogueError::Append(AppendError::Read(cause)),
                ) = &error
                {
                    self.device.halt(cause);
                }
                self.pending.answer_now(id, Answer::Refused(error));
            }
        }
    }

    fn handle_input(&mut self, input: Input, now: Now) {
        self.device.handle_input(input, now);
    }

    fn handle_committed(&mut self, result: Result<(), WriteError>, now: Now) {
        let failed = result.as_ref().err().map(ToString::to_string);
        let logs = self.device.handle_committed(result, now);
        match failed {
            None => self.pending.committed(),
            Some(reason) => {
                self.pending.failed(|| Answer::Refused(CallError::Halted(reason.clone())));
            }
        }
        self.prove_forks(now);
        self.rights_came(&logs, now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.device.handle_timeout(now);
        self.sample(now);
        self.expire(now);
        self.ask_before_dry(now);
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let own = [self.telemetry.due(), self.reservations.due()];
        let due = self.device.poll_timeout().into_iter().chain(self.escrow.due()).chain(own);
        due.min()
    }

    fn poll_commit(&mut self) -> Option<Batch> {
        let batch = self.device.poll_commit();
        match batch {
            Some(_) => self.pending.closed(),
            None => self.answer_if_halted(),
        }
        batch
    }

    fn poll_answer(&mut self) -> Option<(CallId, Answer)> {
        self.pending.poll()
    }
}
