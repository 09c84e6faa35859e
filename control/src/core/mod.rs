//! The hub: enrols stalls, keeps what they send, and signs receipts for it.
//!
//! Pure: `handle_*` in, `poll_*` out. A join or a call is answered, and a receipt is sent, once
//! the batch that it rests on is durable.

mod enrol;
mod forfeit;
mod merchants;
mod prices;
mod receipts;
mod settle;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use engine::catalogue::ItemEdit;
use engine::decide::{Bundle, Refusal};
use engine::event::FindingResolved;
use engine::hash::Hash;
use engine::ids::{DeviceId, EventId, Lane, Log, Scope};
use engine::replica::Replica;
use engine::replica::append::AppendError;
use engine::replica::catalogue::{CatalogueError, Settlement};
use engine::replica::query::DigestRow;
use engine::store::{Batch, ReadError, WriteError};
use thiserror::Error;
use transport::device::{CallId, Core, Device, Input, Pending};
use transport::env::{Instant, Now};
use transport::session::PathId;
use transport::wire::Message;

pub use enrol::Invitation;
pub use forfeit::{ForfeitAsked, ForfeitError};
pub use merchants::Known;
pub use prices::Published;
pub use status::{StallStatus, Status};

/// What a control may be asked.
#[derive(Debug)]
pub enum Call {
    /// Keep an invitation.
    Invite(Invitation),
    /// End a device's rights.
    Revoke(DeviceId),
    /// Take a lost device's promise rights for another.
    Forfeit(ForfeitAsked),
    /// Edit a merchant's catalogue.
    EditCatalogue(Scope, Vec<ItemEdit>),
    /// Settle late changes of a merchant's closed seasons.
    SettleLate(Scope, Vec<(u32, Hash)>, Settlement),
    /// Open a merchant's next season.
    OpenSeason {
        /// The merchant.
        scope: Scope,
        /// What people call the season.
        name: String,
        /// Whether of values in conflict those shown win; else conflicts refuse it.
        winners: bool,
    },
    /// State that a finding is settled.
    Settle(FindingResolved),
    /// Publish a price bundle of a merchant, in force from an instant (milliseconds since 1970).
    PublishPrices(Scope, Bundle, i64),
    /// Whose scope a merchant's name stands for, if the merchant is known here.
    Merchant(String),
    /// How things stand.
    Status,
    /// Every stall, with its lag.
    Stalls,
    /// The digests of every scope.
    Digests,
}

impl Call {
    /// Whether its answer rests on a batch.
    fn writes(&self) -> bool {
        !matches!(self, Self::Merchant(_) | Self::Status | Self::Stalls | Self::Digests)
    }
}

/// What a control answers.
#[derive(Debug)]
pub enum Answer {
    /// Done, and durable; with how many events.
    Done(usize),
    /// A season was opened, and that is durable.
    Season(u32),
    /// The fact stands, durably.
    Written(EventId),
    /// The merchant's scope.
    Merchant(Scope),
    /// How things stand.
    Status(Box<Status>),
    /// What was forfeited: SKU and thousandths.
    Forfeited(Vec<(String, u64)>),
    /// Every stall.
    Stalls(Vec<StallStatus>),
    /// The digests, and the hash of the committed vector that they hold at.
    Digests {
        /// The vector.
        vector: Hash,
        /// The digests.
        rows: Vec<DigestRow>,
    },
    /// The prices are published; what of it was new.
    Published(Published),
    /// Refused; nothing was written.
    Refused(CallError),
}

/// Why a call was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The device is not known, or cannot be revoked.
    #[error("device {0} has no grant here; `status` lists the stalls")]
    UnknownDevice(DeviceId),
    /// Nobody here sells for the merchant.
    #[error(
        "merchant {name:?} is not known here; invite a stall of a new one first, or write one \
         that is known: {known}"
    )]
    UnknownMerchant {
        /// What was asked for.
        name: String,
        /// Those that are known.
        known: Known,
    },
    /// The catalogue cannot be edited so.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The fact may not be stated.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nothing can be forfeited so.
    #[error(transparent)]
    Forfeit(#[from] ForfeitError),
    /// The event cannot be appended.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A document cannot be signed.
    #[error(transparent)]
    Document(#[from] engine::authority::DocumentError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The disk failed; nothing more is written until the next start.
    #[error("{0}")]
    Halted(String),
}

/// A control.
pub struct Hub {
    device: Device,
    pending: Pending<Answer>,
    joins: enrol::Joins,
    last_receipt_ms: u64,
    receipts_due: BTreeSet<Log>,
    receipts_from: Instant,
}

/// An answer to a device that joins, waiting for its batch.
type JoinAnswer = (PathId, Message);

impl Hub {
    /// A control over an opened replica.
    pub fn new(replica: Replica) -> Self {
        Self {
            device: Device::new(replica),
            pending: Pending::default(),
            joins: enrol::Joins::default(),
            last_receipt_ms: 0,
            receipts_due: BTreeSet::new(),
            receipts_from: Instant::default(),
        }
    }

    fn decide(&mut self, call: Call, now: Now) -> Result<Answer, CallError> {
        if let Some(reason) = self.device.halted()
            && call.writes()
        {
            return Err(CallError::Halted(reason.to_owned()));
        }
        match call {
            Call::Invite(invitation) => self.invite(&invitation).map(|()| Answer::Done(0)),
            Call::Revoke(device) => self.revoke(device, now).map(|()| Answer::Done(1)),
            Call::Forfeit(asked) => self.forfeit(&asked, now).map(Answer::Forfeited),
            Call::EditCatalogue(scope, items) => {
                let replica = &mut self.device.replica;
                let events = replica.edit_catalogue(scope, &items, now.wall_ms)?;
                Ok(Answer::Done(events.len()))
            }
            Call::SettleLate(scope, late, settlement) => {
                let replica = &mut self.device.replica;
                let events = replica.settle_late(scope, &late, settlement, now.wall_ms)?;
                Ok(Answer::Done(events))
            }
            Call::OpenSeason { scope, name, winners } => {
                let replica = &mut self.device.replica;
                Ok(Answer::Season(replica.open_season(scope, &name, winners, now.wall_ms)?))
            }
            Call::Settle(resolved) => self.settle(resolved, now).map(Answer::Written),
            Call::PublishPrices(scope, bundle, from_ms) => {
                self.publish(scope, bundle, from_ms, now).map(Answer::Published)
            }
            Call::Merchant(name) => self.merchant(&name).map(Answer::Merchant),
            Call::Status => Ok(Answer::Status(Box::new(self.status()?))),
            Call::Stalls => Ok(Answer::Stalls(self.stalls(now)?)),
            Call::Digests => {
                let vector = self.device.replica.vector().hash();
                Ok(Answer::Digests { vector, rows: self.digests()? })
            }
        }
    }

    /// A fact may have been folded by half: nothing more is written.
    fn halt_if_broken(&mut self, error: &CallError) {
        match error {
            // Books that are being rebuilt are not broken.
            CallError::Read(ReadError::NotWhole(_)) => {}
            CallError::Read(cause)
            | CallError::Append(AppendError::Read(cause))
            | CallError::Catalogue(
                CatalogueError::Read(cause) | CatalogueError::Append(AppendError::Read(cause)),
            ) => self.device.halt(cause),
            _ => {}
        }
    }

    /// Once halted nothing more becomes durable, so nobody should wait for it.
    fn answer_if_halted(&mut self) {
        if self.device.is_committing() {
            return;
        }
        if let Some(reason) = self.device.halted().map(str::to_owned) {
            self.pending.failed(|| Answer::Refused(CallError::Halted(reason.clone())));
            self.joins.failed(&mut self.device.router);
        }
    }

    /// Raises proofs of forks that nobody has proven, for everyone to see.
    fn prove_forks(&mut self, now: Now) -> Result<(), CallError> {
        for proof in self.device.replica.unproven_forks()? {
            let payload = engine::event::Payload::ForkProven(Box::new(proof));
            let replica = &mut self.device.replica;
            replica.append(Scope::Tenant, Lane::Authority, payload, now.wall_ms)?;
        }
        Ok(())
    }
}

impl Core for Hub {
    type Call = Call;
    type Answer = Answer;

    fn device(&mut self) -> &mut Device {
        &mut self.device
    }

    fn handle_call(&mut self, id: CallId, call: Call, now: Now) {
        let rests_on_batch = call.writes();
        match self.decide(call, now) {
            Ok(answer) if rests_on_batch => self.pending.answer(id, answer, &self.device),
            Ok(answer) => self.pending.answer_now(id, answer),
            Err(error) => {
                self.halt_if_broken(&error);
                self.pending.answer_now(id, Answer::Refused(error));
            }
        }
    }

    fn handle_input(&mut self, input: Input, now: Now) {
        self.device.handle_input(input, now);
        self.handle_joins(now);
        self.receipt_greeted(now);
    }

    fn handle_committed(&mut self, result: Result<(), WriteError>, now: Now) {
        let failed = result.as_ref().err().map(ToString::to_string);
        let logs = self.device.handle_committed(result, now);
        match failed {
            None => {
                self.pending.committed();
                self.joins.committed(&mut self.device.router);
            }
            Some(reason) => {
                self.pending.failed(|| Answer::Refused(CallError::Halted(reason.clone())));
                self.joins.failed(&mut self.device.router);
            }
        }
        self.receipt_committed(&logs, now);
        if let Err(error) = self.prove_forks(now) {
            self.halt_if_broken(&error);
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        self.device.handle_timeout(now);
        self.send_due_receipts(now);
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        [self.device.poll_timeout(), self.receipts_timeout()].into_iter().flatten().min()
    }

    fn poll_commit(&mut self) -> Option<Batch> {
        let batch = self.device.poll_commit();
        match batch {
            Some(_) => {
                self.pending.closed();
                self.joins.closed();
            }
            None => self.answer_if_halted(),
        }
        batch
    }

    fn poll_answer(&mut self) -> Option<(CallId, Answer)> {
        self.pending.poll()
    }
}
