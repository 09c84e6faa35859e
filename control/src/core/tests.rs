//! The hub asked without a network: settlements that are repeated, merchants that are mistyped.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::authority::{Charter, SignedDocument};
use engine::books;
use engine::event::sale::{Key, KeyNumber};
use engine::event::{GoodsDispatched, GoodsLine, GoodsTakenIn, Payload};
use engine::ids::{Epoch, MerchantId};
use engine::sign::Keypair;
use engine::store::Store;
use engine::store::memory::MemoryStore;
use transport::device::{CallId, Core};

use super::*;

const NOW: Now = Now { instant: Instant(std::time::Duration::ZERO), wall_ms: 1_700_000_000_000 };

fn scope(merchant: &str) -> Scope {
    Scope::Merchant(MerchantId::from_name(merchant))
}

/// A hub and the disk below.
struct Centre {
    disk: Arc<MemoryStore>,
    hub: Hub,
    calls: u64,
}

impl Centre {
    fn new() -> Self {
        let (root, control) = (Keypair::from_seed(&[1; 32]), Keypair::from_seed(&[2; 32]));
        let disk = Arc::new(MemoryStore::default());
        let charter = Charter {
            tenant: root.tenant(),
            serial: 1,
            name: "fair".to_owned(),
            currency: *b"EUR",
            controls: BTreeSet::from([control.device()]),
            removed: Vec::new(),
        };
        let store: Arc<dyn Store> = disk.clone();
        let mut replica = Replica::open(control, root.tenant(), Epoch(7), store).unwrap();
        replica.take_charter(&SignedDocument::sign(&charter, &root).unwrap()).unwrap();
        let mut centre = Self { disk, hub: Hub::new(replica), calls: 0 };
        centre.commit();
        centre
    }

    /// Writes what is open to the disk.
    fn commit(&mut self) {
        while let Some(batch) = self.hub.poll_commit() {
            self.disk.write(&batch).unwrap();
            self.hub.handle_committed(Ok(()), NOW);
        }
    }

    fn ask(&mut self, call: Call) -> Result<Answer, CallError> {
        self.calls += 1;
        self.hub.handle_call(CallId(self.calls), call, NOW);
        self.commit();
        match self.hub.poll_answer() {
            Some((_, Answer::Refused(error))) => Err(error),
            Some((_, answer)) => Ok(answer),
            None => panic!("no answer"),
        }
    }

    fn state(&mut self, merchant: &str, payload: Payload) -> EventId {
        let replica = &mut self.hub.device.replica;
        let id = replica.append(scope(merchant), Lane::Ledger, payload, NOW.wall_ms).unwrap();
        self.commit();
        id
    }

    /// Goods that this device sends to itself.
    fn dispatch(&mut self, merchant: &str) -> EventId {
        let to = self.hub.device.replica.device();
        let (key, reference) = (key(1), String::new());
        let sent = GoodsDispatched { key, at_ms: 0, to, reference, lines: pieces(2) };
        self.state(merchant, Payload::GoodsDispatched(sent))
    }

    fn take_in(&mut self, merchant: &str, dispatch: EventId, number: u64) -> EventId {
        let taken = GoodsTakenIn { key: key(number), at_ms: 0, dispatch, lines: pieces(1) };
        self.state(merchant, Payload::GoodsTakenIn(taken))
    }

    fn findings(&self, merchant: &str) -> Vec<books::findings::Stated> {
        let which = books::findings::Which::All;
        let store = self.disk.as_ref();
        books::findings::findings(store, scope(merchant), which, None, 9).unwrap()
    }

    fn settle(&mut self, resolved: &FindingResolved) -> Result<EventId, CallError> {
        match self.ask(Call::Settle(resolved.clone()))? {
            Answer::Written(id) => Ok(id),
            other => panic!("{other:?}"),
        }
    }
}

fn pieces(count: u64) -> Vec<GoodsLine> {
    vec![GoodsLine { sku: "tea".to_owned(), quantity: count * 1_000 }]
}

fn key(number: u64) -> Key {
    Key { till: "operator".to_owned(), number: KeyNumber::Counter(number) }
}

#[test]
fn a_settlement_that_is_repeated_finds_its_event_after_the_finding_has_gone() {
    let mut centre = Centre::new();
    let dispatch = centre.dispatch("north");
    centre.take_in("north", dispatch, 2);
    let found = centre.findings("north");
    let [short] = found.as_slice() else { panic!("{found:?}") };
    let evidence = short.finding.evidence.clone();
    let note = "asked the driver".to_owned();
    let resolved = FindingResolved { key: key(9), finding: short.id, evidence, note };
    let settled = centre.settle(&resolved).unwrap();
    assert_eq!(centre.settle(&resolved).unwrap(), settled);
    centre.take_in("north", dispatch, 3);
    assert_eq!(centre.findings("north"), [], "the rest came");
    assert_eq!(centre.settle(&resolved).unwrap(), settled);
    let other = FindingResolved { note: "forgot".to_owned(), ..resolved.clone() };
    let refused = centre.settle(&other).unwrap_err();
    assert!(matches!(refused, CallError::Refused(Refusal::KeyReused { .. })), "{refused:?}");
    let new = FindingResolved { key: key(10), ..resolved };
    assert!(centre.settle(&new).is_err(), "there is nothing left to settle");
}

#[test]
fn a_key_names_one_settlement_in_whichever_merchants_books_it_is() {
    let mut centre = Centre::new();
    let mut resolved = Vec::new();
    for merchant in ["north", "south"] {
        let dispatch = centre.dispatch(merchant);
        centre.take_in(merchant, dispatch, 2);
        let short = centre.findings(merchant).remove(0);
        let (finding, evidence) = (short.id, short.finding.evidence);
        let note = "looked".to_owned();
        resolved.push(FindingResolved { key: key(9), finding, evidence, note });
    }
    let first = centre.settle(&resolved[0]).unwrap();
    let refused = centre.settle(&resolved[1]).unwrap_err();
    assert!(matches!(refused, CallError::Refused(Refusal::KeyReused { .. })), "{refused:?}");
    assert_eq!(centre.settle(&resolved[0]).unwrap(), first);
}

fn invitation(merchant: &str, at: u8) -> Invitation {
    Invitation {
        id: engine::authority::join::InviteId([at; 8]),
        proof_key: Hash::default(),
        name: format!("stall {at}"),
        merchant: merchant.to_owned(),
        expires_ms: u64::MAX,
        used_by: None,
        wrong_proofs: 0,
    }
}

#[track_caller]
fn check(centre: &mut Centre, merchant: &str, expected: Result<Scope, &[&str]>) {
    let found = match centre.ask(Call::Merchant(merchant.to_owned())) {
        Ok(Answer::Merchant(scope)) => Ok(scope),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    };
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(words), Err(parts)) => {
            for part in parts {
                assert!(words.contains(part), "{part:?} is not in {words}");
            }
        }
        (found, expected) => panic!("{merchant}: {found:?}, not {expected:?}"),
    }
}

#[test]
fn a_merchant_is_known_from_the_founding_a_grant_or_an_invitation_and_no_other_way() {
    let mut centre = Centre::new();
    check(&mut centre, "main", Ok(scope("main")));
    check(&mut centre, "bakery", Err(&["\"bakery\" is not known", "invite", ": \"main\""]));
    centre.ask(Call::Invite(invitation("bakery", 1))).unwrap();
    check(&mut centre, "bakery", Ok(scope("bakery")));
    let grant = invitation("kiosk", 2);
    centre.hub.grant(&grant, Keypair::from_seed(&[3; 32]).device(), NOW).unwrap();
    check(&mut centre, "kiosk", Ok(scope("kiosk")));
    let wrong = Err(["\"bakary\" is", ": \"bakery\", \"kiosk\", \"main\""].as_slice());
    check(&mut centre, "bakary", wrong);
}

#[test]
fn a_refusal_of_a_merchant_is_short_however_many_there_are_and_however_long_the_name() {
    let mut centre = Centre::new();
    for at in 0..20 {
        centre.ask(Call::Invite(invitation(&format!("m{at:02}"), at))).unwrap();
    }
    let long = "x".repeat(100_000);
    check(&mut centre, &long, Err(&["\"m06\", \"m07\" and 13 more"]));
    let words = centre.ask(Call::Merchant(long)).unwrap_err().to_string();
    assert!(words.len() < 300, "{words}");
}
