//! The stall: what tills ask for, decided and appended; what peers bring, left to the device.
//!
//! Pure, like everything below it: `handle_*` in, `poll_*` out. A write is answered once the batch
//! that holds it is durable, and never waits for the network.

mod goods;
mod reservations;
mod status;
mod telemetry;

use std::collections::BTreeMap;

use engine::decide::{self, Refusal, Rules};
use engine::event::sale::{Key, Sale};
use engine::event::{CountLine, FindingResolved, Payload, Refund, Void};
use engine::hash::Hash;
use engine::ids::{EventId, Lane, MerchantId, Scope};
use engine::keys;
use engine::replica::Replica;
use engine::replica::append::AppendError;
use engine::replica::own_book::Place;
use engine::replica::query::DigestRow;
use engine::store::{Batch, ReadError, WriteError};
use thiserror::Error;
use transport::device::{CallId, Core, Device, Input, Pending};
use transport::env::{Instant, Now};

pub use goods::Movement;
use reservations::Reservations;
pub use status::Status;
use telemetry::Telemetry;

/// The daemon's own rows.
const TILLS: u8 = 1;

/// What a stall is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The largest amount of a line, a tender or a tip, in minor units.
    pub amount_max: i64,
    /// Whether SKUs that the catalogue does not know may be sold.
    pub open_items: bool,
}

/// What a stall may be asked.
#[derive(Debug)]
pub enum Call {
    /// State a fact for a till.
    Write(Request),
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

/// A fact that a till asks to be stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A sale, and which of its lines may have quantity zero.
    Sale(Sale, Vec<usize>),
    /// A refund.
    Refund(Refund),
    /// A void.
    Void(Void),
    /// Goods that moved otherwise, or were set aside or counted.
    Goods(Movement),
    /// The settling of a finding.
    Settle(FindingResolved),
}

/// What a stall answers.
#[derive(Debug)]
pub enum Answer {
    /// The fact stands, on this disk.
    Written(Written),
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

/// A fact that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The event.
    pub id: EventId,
    /// Its amounts in minor units, without the tip.
    pub total: i64,
    /// Change due, in minor units.
    pub change: i64,
    /// What a stock-take found, line by line.
    pub counted: Vec<CountLine>,
    /// Whether an earlier request with the same key had stated it.
    pub replayed: bool,
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
}

impl Stall {
    /// A stall over an opened replica.
    pub fn new(replica: Replica, settings: Settings) -> Self {
        Self {
            device: Device::new(replica),
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
        let Settings { amount_max, open_items } = self.settings;
        Ok((scope, Rules { currency: charter.currency, amount_max, open_items }))
    }

    /// Decides about a request and appends it.
    fn write(&mut self, mut request: Request, now: Now) -> Result<Written, CallError> {
        let (scope, rules) = self.rules()?;
        let replica = &mut self.device.replica;
        if let Some(id) = replica.bearer(scope, request.key())? {
            let bearer = replica.event(&id)?.map(|event| event.payload);
            // A retried refund says what it said; the SKUs come from the sale.
            if let (Some(Payload::SaleRefunded(was)), Request::Refund(asked)) =
                (&bearer, &mut request)
            {
                asked.fill_from(was);
            }
            if let (Some(was), Request::Goods(asked)) = (&bearer, &mut request) {
                asked.fill_from(was);
            }
            let payload = request.clone().into_payload();
            if let Some(bearer) = bearer {
                decide::retry(&bearer, &payload)?;
            }
            return Ok(request.written(id, true));
        }
        check(&mut request, scope, &rules, now, replica)?;
        let payload = request.clone().into_payload();
        let id = replica.append(scope, Lane::Ledger, payload, now.wall_ms)?;
        if let Request::Goods(Movement::Reserved(goods)) = &request {
            self.reservations.made(goods.until_ms, now);
        }
        Ok(request.written(id, false))
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
    fn state(&mut self, scope: Scope, lane: Lane, payload: Payload, now: Now) {
        let appended = self.device.replica.append(scope, lane, payload, now.wall_ms);
        if let Err(AppendError::Read(cause)) = appended {
            self.device.halt(&cause);
        }
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
            let store = replica.store();
            decide::sale(sale, zero, rules, &|sku| {
                engine::books::is_item(store.as_ref(), scope, sku)
            })?;
            decide::fulfilled(sale, scope, replica)
        }
        Request::Refund(refund) => decide::refund(refund, scope, rules, replica),
        Request::Void(void) => decide::void(void, scope, replica),
        Request::Goods(goods) => goods.check(scope, now.wall_ms, replica),
        Request::Settle(resolved) => decide::settle(resolved, scope, replica),
    }
}

impl Request {
    fn key(&self) -> &Key {
        match self {
            Self::Sale(sale, _) => &sale.key,
            Self::Refund(refund) => &refund.key,
            Self::Void(void) => &void.key,
            Self::Goods(goods) => goods.key(),
            Self::Settle(resolved) => &resolved.key,
        }
    }

    fn into_payload(self) -> Payload {
        match self {
            Self::Sale(sale, _) => Payload::SaleCompleted(sale),
            Self::Refund(refund) => Payload::SaleRefunded(refund),
            Self::Void(void) => Payload::SaleVoided(void),
            Self::Goods(goods) => goods.into_payload(),
            Self::Settle(resolved) => Payload::FindingResolved(resolved),
        }
    }

    fn written(&self, id: EventId, replayed: bool) -> Written {
        let (total, change) = match self {
            Self::Sale(sale, _) => (sale.total().unwrap_or(0), decide::change(sale)),
            Self::Refund(refund) => (refund.lines.iter().map(|line| line.amount).sum(), 0),
            Self::Void(_) | Self::Goods(_) | Self::Settle(_) => (0, 0),
        };
        let counted = match self {
            Self::Goods(goods) => goods.counted(),
            _ => Vec::new(),
        };
        Written { id, total, change, counted, replayed }
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
            Call::Write(request) => self.write(request, now).map(Answer::Written),
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
                if let CallError::Append(AppendError::Read(cause)) = &error {
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
        self.device.handle_committed(result, now);
        match failed {
            None => self.pending.committed(),
            Some(reason) => {
                self.pending.failed(|| Answer::Refused(CallError::Halted(reason.clone())));
            }
        }
        self.prove_forks(now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.device.handle_timeout(now);
        self.sample(now);
        self.expire(now);
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let own = [self.telemetry.due(), self.reservations.due()];
        self.device.poll_timeout().into_iter().chain(own).min()
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
