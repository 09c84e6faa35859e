//! Keys: each comes back as it went in, sorts as it means, and lies in its own range.

use proptest::prelude::*;

use crate::event::sale::{Key, KeyNumber};
use crate::hash::Hash;
use crate::ids::{
    DeviceId, Epoch, EventId, Lane, Log, LogId, MerchantId, Scope, ShortHash, TenantId, Tip,
};
use crate::keys::{self, Range};

fn scopes() -> impl Strategy<Value = Scope> {
    prop_oneof![
        Just(Scope::Tenant),
        any::<[u8; 16]>().prop_map(|id| Scope::Merchant(MerchantId(id)))
    ]
}

prop_compose! {
    fn tips()(epoch: u64, seq: u64, hash: [u8; 32]) -> Tip {
        Tip { epoch: Epoch(epoch), seq, hash: Hash(hash) }
    }
}

prop_compose! {
    fn ids()(log: [u8; 16], tip in tips()) -> EventId {
        EventId { log: LogId(log), epoch: tip.epoch, seq: tip.seq, hash: tip.hash.short() }
    }
}

prop_compose! {
    fn requests()(till in "[ab]{0,2}", counter: u64, text in prop::option::of("[ab]{0,2}")) -> Key {
        Key { till, number: text.map_or(KeyNumber::Counter(counter), KeyNumber::Text) }
    }
}

fn holds(range: &Range, key: &[u8]) -> bool {
    range.0.as_slice() <= key && key < range.1.as_slice()
}

proptest! {
    #[test]
    fn an_events_key_comes_back_and_sorts_by_log_epoch_and_seq(a in ids(), b in ids()) {
        let (key_a, key_b) = (keys::event(&a), keys::event(&b));
        prop_assert_eq!(keys::read_event_id(&key_a), Some(a));
        prop_assert_eq!(keys::read_event(&key_a), Some((a.epoch, a.seq, a.hash)));
        prop_assert_eq!(key_a.cmp(&key_b), a.cmp(&b));
        prop_assert!(holds(&keys::log_events(&a.log), &key_a));
        prop_assert!(holds(&keys::all_events(), &key_a));
        prop_assert_eq!(holds(&keys::log_events(&a.log), &key_b), a.log == b.log);
        prop_assert_eq!(keys::read_event_id(&keys::head(&a)), None);
        prop_assert_eq!(&keys::head(&a)[1..], &key_a[1..]);
        prop_assert_eq!(keys::read_arrived(&keys::arrived(&a)), Some(a));
    }

    #[test]
    fn a_range_of_seqs_holds_just_those(id in ids(), from: u64, to: u64) {
        let id = EventId { seq: id.seq % 1_000, ..id };
        let (from, to) = (from % 1_000, to % 1_000);
        let within = from <= id.seq && id.seq <= to;
        let range = keys::events(&id.log, id.epoch, from, to);
        prop_assert_eq!(holds(&range, &keys::event(&id)), within);
        prop_assert_eq!(holds(&keys::heads(&id.log, id.epoch, from, to), &keys::head(&id)), within);
        let next = Epoch(id.epoch.0.wrapping_add(1));
        prop_assert!(!holds(&keys::events(&id.log, next, 0, 1_000), &keys::event(&id)));
    }

    #[test]
    fn arrivals_sort_by_their_count(a: u64, b: u64) {
        let row = keys::arrival(a);
        prop_assert_eq!(keys::read_arrival(&row), Some(a));
        prop_assert_eq!(row.cmp(&keys::arrival(b)), a.cmp(&b));
        prop_assert_eq!(holds(&keys::arrivals_after(b), &row), a > b);
        prop_assert_eq!(keys::read_arrival(&keys::feed()), None);
    }

    #[test]
    fn a_tip_comes_back_and_sorts_as_it_means(a in tips(), b in tips()) {
        prop_assert_eq!(keys::read_tip(&keys::tip_bytes(&a)), Some(a));
        prop_assert_eq!(keys::tip_bytes(&a).cmp(&keys::tip_bytes(&b)), a.cmp(&b));
        prop_assert_eq!(keys::read_tip(&keys::tip_bytes(&a)[1..]), None);
    }

    #[test]
    fn a_bearer_is_found_under_its_own_request_only(
        id in ids(), one in requests(), other in requests()
    ) {
        let row = keys::bearer(&one, &id);
        prop_assert_eq!(keys::read_bearer(&id.log, &row), Some(id));
        prop_assert!(holds(&keys::bearers(&id.log, &one), &row));
        prop_assert_eq!(holds(&keys::bearers(&id.log, &other), &row), one == other);
    }

    #[test]
    fn a_projections_row_comes_back(projection: u8, scope in scopes(), rest: Vec<u8>) {
        let row = keys::row(projection, scope, &rest);
        prop_assert_eq!(keys::read_row(&row), Some((projection, scope, rest.as_slice())));
    }

    #[test]
    fn a_prefix_holds_all_that_begins_with_it_and_no_more(
        prefix in prop::collection::vec(prop_oneof![any::<u8>(), Just(255)], 1..5),
        rest: Vec<u8>,
        other: Vec<u8>,
    ) {
        let mut prefix = prefix;
        prefix[0] %= 255;
        let range = keys::prefix(prefix.clone());
        prop_assert!(holds(&range, &[prefix.clone(), rest].concat()));
        prop_assert_eq!(holds(&range, &other), other.starts_with(&prefix));
    }

    #[test]
    fn logs_scopes_and_ids_come_back(
        device: [u8; 32], scope in scopes(), lane in 0_u8..4, id in ids()
    ) {
        let lane = Lane::from_ordinal(lane).unwrap();
        let log = Log { tenant: TenantId([3; 32]), device: DeviceId(device), scope, lane };
        prop_assert_eq!(Log::from_bytes(&log.to_bytes()), Some(log));
        prop_assert_eq!(Scope::from_bytes(&scope.to_bytes()), Some(scope));
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        let mut bytes = log.to_bytes();
        bytes[81] = 4;
        prop_assert_eq!(Log::from_bytes(&bytes), None);
        bytes[64] = 2;
        prop_assert_eq!(Log::from_bytes(&bytes), None);
    }
}

#[test]
fn no_row_lies_in_the_range_of_another_kind() {
    let log = LogId([0xff; 16]);
    let tip = Tip { epoch: Epoch(u64::MAX), seq: u64::MAX, hash: Hash([0xff; 32]) };
    let id = EventId { log, epoch: tip.epoch, seq: tip.seq, hash: ShortHash([0xff; 16]) };
    let device = DeviceId([0xff; 32]);
    let request = Key { till: "t".to_owned(), number: KeyNumber::Counter(u64::MAX) };
    let rows = [
        (keys::log(&log), keys::logs()),
        (keys::event(&id), keys::all_events()),
        (keys::head(&id), (vec![0x12], vec![0x13])),
        (keys::leaf(&log, &tip), keys::leaves(&log)),
        (keys::base(&log, tip.epoch, &tip.hash), keys::bases(&log)),
        (keys::own(&log), (vec![0x15], vec![0x16])),
        (keys::fork(&log, &tip), keys::forks()),
        (keys::proven(&tip.hash), (vec![0x17], vec![0x18])),
        (keys::feed(), (vec![0x18], vec![0x18, 0])),
        (keys::arrival(u64::MAX), keys::arrivals_after(0)),
        (keys::bearer(&request, &id), keys::bearers(&log, &request)),
        (keys::row(1, Scope::Tenant, &[0xff]), keys::prefix(vec![keys::PROJECTION])),
        (keys::digest(1, Scope::Tenant), (vec![0x31], vec![0x32])),
        (keys::receipt(&log, &device), keys::receipts(&log)),
        (keys::charter(), (vec![0x41], vec![0x42])),
        (keys::grant(&device), keys::grants()),
        (keys::revocation(&device), keys::revocations()),
        (keys::clock(), (vec![0x44], vec![0x45])),
        (keys::local(0xff, b"x"), keys::local_table(0xff)),
    ];
    for (at, (row, range)) in rows.iter().enumerate() {
        assert!(holds(range, row), "row {at} lies in its own range");
        let elsewhere = rows.iter().enumerate().filter(|(other, _)| *other != at);
        for (other, (_, range)) in elsewhere {
            assert!(!holds(range, row), "row {at} lies in range {other}");
        }
    }
    assert_eq!(keys::read_base(&keys::base(&log, tip.epoch, &tip.hash)), Some(tip.epoch));
    assert!(holds(&keys::forks_of(&log), &keys::fork(&log, &tip)));
}
