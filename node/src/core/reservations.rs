//! Letting go of reservations whose time ran out.
//!
//! The rows of the stock are the schedule: they stand in the order in which reservations end, and
//! survive a restart, so nothing is kept here but when to look next. It never waits for anybody.

use std::time::Duration;

use engine::event::{Payload, ReservationExpired};
use engine::ids::{Lane, Scope};
use engine::projections::{Books, Projection, stock};
use engine::store::ReadError;
use transport::env::{Instant, Now};

use super::Stall;

/// The longest time between two looks: a wall clock that was set forward is noticed by then.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// While the stock is being rebuilt.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Reservations let go of in one turn, so that a till waits for no more.
const EXPIRED_A_TURN_MAX: usize = 64;

const _: () = assert!(EXPIRED_A_TURN_MAX > 0);

/// When to look for reservations that ran out; at the start at once.
#[derive(Debug, Default)]
pub(super) struct Reservations {
    due: Instant,
}

impl Reservations {
    /// When to look next.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// A reservation was made that ends at `until_ms`, milliseconds since 1970.
    pub(super) fn made(&mut self, until_ms: i64, now: Now) {
        self.due = self.due.min(now.instant.after(left(until_ms, now)));
    }
}

impl Stall {
    /// Lets go of what ran out, when it is time to look.
    pub(super) fn expire(&mut self, now: Now) {
        if now.instant < self.reservations.due {
            return;
        }
        let next = match self.scope().filter(|_| self.device.halted().is_none()) {
            None => LOOK_EVERY,
            Some(_) if !self.device.replica.is_whole(Projection::Stock) => LOOK_AGAIN,
            Some(scope) => match self.expire_due(scope, now) {
                Ok(next) => next,
                Err(cause) => {
                    self.device.halt(&cause);
                    LOOK_EVERY
                }
            },
        };
        self.reservations.due = now.instant.after(next.min(LOOK_EVERY));
    }

    /// Returns how long the next one has left.
    fn expire_due(&mut self, scope: Scope, now: Now) -> Result<Duration, ReadError> {
        let replica = &self.device.replica;
        let rows = replica.rows(&stock::reservations_of(scope, &replica.device()))?;
        let mut ran_out = Vec::new();
        let mut next = LOOK_EVERY;
        for (row, _) in rows {
            let Some((_, until_ms, id)) = stock::read_reservation(&row) else { continue };
            // What a copy of this disk set aside is the copy's to let go of.
            if !replica.is_own(scope, &id)? {
                continue;
            }
            next = left(until_ms, now);
            if !next.is_zero() || ran_out.len() == EXPIRED_A_TURN_MAX {
                break;
            }
            ran_out.push(id);
            next = LOOK_EVERY;
        }
        let at_ms = i64::try_from(now.wall_ms).unwrap_or(i64::MAX);
        for reservation in ran_out {
            let expired = ReservationExpired { at_ms, reservation };
            self.state(scope, Lane::Ledger, Payload::ReservationExpired(expired), now);
        }
        Ok(next)
    }
}

/// How long until a wall clock time; zero when it has passed.
fn left(until_ms: i64, now: Now) -> Duration {
    let now_ms = i64::try_from(now.wall_ms).unwrap_or(i64::MAX);
    Duration::from_millis(u64::try_from(until_ms.saturating_sub(now_ms)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use engine::authority::{Charter, Grant, Role, SignedDocument};
    use engine::event::sale::{Key, KeyNumber};
    use engine::event::{GoodsLine, GoodsReceived, GoodsReserved};
    use engine::ids::{Epoch, EventId, MerchantId};
    use engine::replica::Replica;
    use engine::sign::Keypair;
    use engine::store::Store;
    use engine::store::memory::MemoryStore;
    use transport::device::{CallId, Core};

    use super::*;
    use crate::core::{Answer, Call, CallError, Movement, Request, Settings};

    const NOON_MS: u64 = 1_700_000_000_000;

    fn merchant() -> Scope {
        Scope::Merchant(MerchantId::from_name("north"))
    }

    fn stall(epoch: u64, disk: &Arc<MemoryStore>) -> Stall {
        let [root, control, me] = [1, 2, 3].map(|seed| Keypair::from_seed(&[seed; 32]));
        let charter = Charter {
            tenant: root.tenant(),
            serial: 1,
            name: "market".to_owned(),
            currency: *b"EUR",
            controls: BTreeSet::from([control.device()]),
            removed: Vec::new(),
        };
        let ledger = BTreeSet::from([(merchant(), Lane::Ledger)]);
        let grant = Grant {
            tenant: root.tenant(),
            device: me.device(),
            name: "stall".to_owned(),
            merchant: "north".to_owned(),
            role: Role::Stall,
            reads: ledger.clone(),
            writes: ledger,
            issued_ms: NOON_MS,
            not_after_ms: u64::MAX,
        };
        let store: Arc<dyn Store> = Arc::clone(disk) as Arc<dyn Store>;
        let mut replica = Replica::open(me, root.tenant(), Epoch(epoch), store).unwrap();
        replica.take_charter(&SignedDocument::sign(&charter, &root).unwrap()).unwrap();
        replica.take_grant(&SignedDocument::sign(&grant, &control).unwrap()).unwrap();
        Stall::new(
            replica,
            Settings { amount_max: 1_000, open_items: true, rebalance: Default::default() },
        )
    }

    /// So many milliseconds after noon.
    fn at(ms: u64) -> Now {
        Now { instant: Instant(Duration::from_millis(ms)), wall_ms: NOON_MS + ms }
    }

    fn commit(stall: &mut Stall, disk: &MemoryStore, now: Now) {
        while let Some(batch) = stall.poll_commit() {
            disk.write(&batch).unwrap();
            stall.handle_committed(Ok(()), now);
        }
    }

    fn ask(
        stall: &mut Stall,
        disk: &MemoryStore,
        movement: Movement,
        now: Now,
    ) -> Result<EventId, CallError> {
        stall.handle_call(CallId(1), Call::Write(Box::new(Request::Goods(movement))), now);
        commit(stall, disk, now);
        match stall.poll_answer() {
            Some((_, Answer::Written(written))) => Ok(written.id),
            Some((_, Answer::Refused(error))) => Err(error),
            other => panic!("{other:?}"),
        }
    }

    fn key(number: u64) -> Key {
        Key { till: "till".to_owned(), number: KeyNumber::Counter(number) }
    }

    fn tea(quantity: u64) -> Vec<GoodsLine> {
        vec![GoodsLine { sku: "tea".to_owned(), quantity }]
    }

    fn reserve(number: u64, quantity: u64, until_ms: u64) -> Movement {
        Movement::Reserved(GoodsReserved {
            key: key(number),
            at_ms: 0,
            until_ms: i64::try_from(NOON_MS + until_ms).unwrap(),
            reference: String::new(),
            lines: tea(quantity),
        })
    }

    /// A stall with ten teas, of which six are set aside until a minute after noon, and two for
    /// half an hour.
    fn with_reservations() -> (Stall, Arc<MemoryStore>) {
        let disk = Arc::new(MemoryStore::default());
        let mut stall = stall(1, &disk);
        let (reference, lines) = (String::new(), tea(10));
        let came = GoodsReceived { key: key(1), at_ms: 0, reference, lines };
        ask(&mut stall, &disk, Movement::Received(came), at(0)).unwrap();
        stall.handle_timeout(at(0));
        ask(&mut stall, &disk, reserve(2, 2, 1_800_000), at(1)).unwrap();
        ask(&mut stall, &disk, reserve(3, 6, 60_000), at(1)).unwrap();
        (stall, disk)
    }

    fn reserved(stall: &Stall) -> i128 {
        let replica = &stall.device.replica;
        let store = replica.store().as_ref();
        engine::books::stock_of(store, merchant(), "tea").unwrap().unwrap().held.reserved
    }

    #[track_caller]
    fn check(stall: &mut Stall, disk: &MemoryStore, now: Now, expect: i128) {
        stall.handle_timeout(now);
        commit(stall, disk, now);
        assert_eq!(reserved(stall), expect);
    }

    #[test]
    fn a_reservation_is_let_go_when_its_time_is_over_and_not_before() {
        let (mut stall, disk) = with_reservations();
        check(&mut stall, &disk, at(59_999), 8);
        assert_eq!(stall.reservations.due(), at(60_000).instant);
        check(&mut stall, &disk, at(60_000), 2);
        check(&mut stall, &disk, at(1_799_999), 2);
        check(&mut stall, &disk, at(1_800_000), 0);
    }

    #[test]
    fn what_ran_out_while_the_stall_was_off_is_let_go_at_its_start() {
        let (_, disk) = with_reservations();
        let mut stall = stall(2, &disk);
        assert_eq!(stall.poll_timeout(), Some(Instant::default()));
        check(&mut stall, &disk, at(60_000), 2);
    }

    #[test]
    fn a_wall_clock_that_was_set_forward_is_noticed_within_a_minute() {
        let (mut stall, disk) = with_reservations();
        check(&mut stall, &disk, at(60_000), 2);
        assert_eq!(stall.reservations.due(), at(120_000).instant);
        check(&mut stall, &disk, Now { wall_ms: NOON_MS + 1_800_000, ..at(120_000) }, 0);
    }

    #[test]
    fn no_more_is_set_aside_than_is_available_and_no_longer_than_a_month() {
        let (mut stall, disk) = with_reservations();
        let mut refused = |movement| match ask(&mut stall, &disk, movement, at(2)) {
            Ok(id) => panic!("{id} was stated"),
            Err(error) => error.to_string(),
        };
        let text = refused(reserve(4, 3, 5));
        assert!(text.contains("3 thousandths are asked for and 2 are available"), "{text}");
        for until in [2, 32 * 24 * 60 * 60 * 1000] {
            let text = refused(reserve(4, 1, until));
            assert!(text.contains("by 31 days at most"), "{text}");
        }
        ask(&mut stall, &disk, reserve(4, 2, 5), at(2)).unwrap();
    }
}
