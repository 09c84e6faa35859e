//! Whatever a scenario says, its file says it too.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::net::{Burst, CarrierSpec, Change, LanSpec, LinkSpec, NatSpec};

fn number() -> impl Strategy<Value = Decimal> {
    (1_u64..59_999).prop_map(Decimal::thousandths)
}

fn link() -> impl Strategy<Value = LinkSpec> {
    let rate = (option::of(1_u32..1_000_000), 0_u32..1_000_000, 0_u32..1_000, 0_u32..1_000);
    let luck = (0_u16..=1_000, 0_u16..=1_000, option::of(0_u16..=1_000));
    (rate, luck, 68_u16..=1_500, option::of(0_u64..1 << 40)).prop_map(
        |((rate_kbit, queue_bytes, delay_ms, jitter_ms), luck, mtu, cap_bytes)| {
            let (lost_permille, repeated_permille, burst) = luck;
            let burst = burst.map(|part| Burst {
                enter_permille: part,
                leave_permille: 500,
                lost_permille: 1_000 - part,
            });
            LinkSpec {
                rate_kbit,
                queue_bytes,
                delay_ms,
                jitter_ms,
                lost_permille,
                repeated_permille,
                burst,
                mtu,
                cap_bytes,
                ..LinkSpec::default()
            }
        },
    )
}

fn carriers() -> impl Strategy<Value = BTreeMap<String, CarrierSpec>> {
    let carrier = (link(), link(), option::of(1_u32..=86_400)).prop_map(|(up, down, nat)| {
        CarrierSpec { up, down, nat: nat.map(|expires_s| NatSpec { expires_s }) }
    });
    btree_map("c[a-z0-9]{1,4}", carrier, 1..4)
}

fn workload() -> impl Strategy<Value = Workload> {
    let promise = ("[a-h]{1,8}", 1_u32..500, vec(1_u32..9, 0..3), 0_u16..=1_000);
    (number(), 1_u32..20, 1_u32..1_000, 0_u64..4_000, 0_u16..=1_000, option::of(promise)).prop_map(
        |(mean_seconds, lines, skus, zipf, refunds_permille, promise)| Workload {
            mean_seconds: Decimal::thousandths(mean_seconds.get().max(1_000)),
            lines,
            skus,
            zipf: Decimal::thousandths(zipf),
            refunds_permille,
            promises: promise
                .map(|(sku, stock, shares, wanted_permille)| Promise {
                    sku,
                    stock,
                    shares,
                    wanted_permille,
                })
                .into_iter()
                .collect(),
            surges: vec![Surge {
                from_seconds: Decimal::whole(1),
                to_seconds: mean_seconds.max(Decimal::whole(2)),
                factor: Decimal::thousandths(zipf),
            }],
            ..Workload::default()
        },
    )
}

fn hosts() -> impl Strategy<Value = HostSet> {
    proptest::collection::btree_set(1_usize..=3, 1..=3).prop_map(HostSet::from_iter)
}

fn what() -> impl Strategy<Value = What> {
    let host = || hosts().boxed();
    let host_fault = prop_oneof![
        (host(), option::of(1_u32..99))
            .prop_map(|(host, nth)| { HostFault::Crash { host, point: Point::Await, nth } }),
        (host(), any::<bool>()).prop_map(|(host, torn)| HostFault::PowerCut { host, torn }),
        host().prop_map(|host| HostFault::Clock1970 { host }),
        (host(), 1_i32..99).prop_map(|(host, n)| HostFault::ClockStep { host, by_seconds: -n }),
        (host(), any::<bool>()).prop_map(|(host, sells)| HostFault::Clone { host, sells }),
        (host(), 1_u32..99).prop_map(|(host, per_second)| {
            HostFault::HostilePeer { host, sends: Hostility::Oversized, per_second }
        }),
    ];
    let change = prop_oneof![
        (1_usize..3).prop_map(|a| Change::Cut { a, b: 3 }),
        Just(Change::LanDown { lan: "hall".to_owned(), down: true }),
    ];
    let broad = prop_oneof![
        any::<bool>().prop_map(|silent| Broad::Blackout { carriers: Vec::new(), silent }),
        Just(Broad::Partition { sides: vec![HostSet::one(0), HostSet::from_iter([1, 2])] }),
    ];
    prop_oneof![
        host_fault.prop_map(What::Host),
        change.prop_map(What::Network),
        broad.prop_map(What::Broad),
    ]
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let fault = (number(), option::of(number()), what());
    vec(fault, 0..8).prop_map(|faults| {
        let named = |(place, (at, lasts, what)): (usize, _)| {
            let id = (place % 2 == 0).then(|| format!("the-{place}"));
            Fault { id, at, lasts, what }
        };
        faults.into_iter().enumerate().map(named).collect()
    })
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let swarm = (1_u32..9, number()).prop_map(|(most, shortest_seconds)| Swarm {
        most,
        shortest_seconds,
        longest_seconds: Decimal::whole(60),
        kinds: BTreeMap::from([("crash".to_owned(), Share { weight: 2, most: 3 })]),
    });
    let rest = (option::of(swarm), option::of(0..=i64::MAX.cast_unsigned()), link());
    (carriers(), workload(), faults(), rest, "[ -~]{1,60}[!-~]").prop_map(
        |(carriers, workload, faults, (swarm, seed, lan), about)| {
            let names: Vec<String> = carriers.keys().cloned().collect();
            let ids = [Id::Sale(1, 4), Id::Sale(1, 5), Id::Stock(2)];
            Scenario {
                marks: Vec::new(),
                name: "made-up".to_owned(),
                about,
                minutes: 1,
                seconds: Decimal::thousandths(1),
                settle_seconds: 77,
                seed,
                stalls: 3,
                absent: HostSet::default(),
                without: ids.into_iter().collect(),
                peers: Peers::All,
                control: Control { lans: vec!["hall".to_owned()], ..Control::default() },
                carriers,
                lans: BTreeMap::from([("hall".to_owned(), LanSpec { link: lan })]),
                group: vec![Group { stalls: None, carriers: names, lans: vec!["hall".to_owned()] }],
                workload,
                faults,
                swarm,
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(scenario in scenario()) {
        prop_assert_eq!(check(&scenario), []);
        let text = to_toml(&scenario).unwrap();
        let again = read("made-up.toml", &text, &[]);
        prop_assert_eq!(again.map_err(|error| error.to_string()), Ok(scenario.clone()), "{}", text);
        let json = serde_json::to_string(&scenario).unwrap();
        let again = read("made-up.json", &json, &[]);
        prop_assert_eq!(again.map_err(|error| error.to_string()), Ok(scenario));
    }

    #[test]
    fn a_possible_scenario_is_planned_within_its_length(scenario in scenario(), seed: u64) {
        let plan = plan(&scenario, seed);
        prop_assert!(plan.topology.check(&|_| true).is_ok());
        prop_assert!(plan.items.iter().all(|item| item.at <= plan.length));
        prop_assert!(explain(&scenario).is_ascii());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[ -~\n]{0,200}") {
        let _ = read("any.toml", &text, &[]);
        let _ = read("any.json", &text, &[]);
        let broken = VENUE.replacen("stalls = 3", &text, 1);
        let _ = read("any.toml", &broken, &[]);
        let _ = read("any.toml", VENUE, &[text]);
    }
}
