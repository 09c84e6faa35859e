//! The smallest worlds that run end to end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use engine::event::sale::{Key, KeyNumber, Line, Sale, Tender, TenderKind};
use node::core::Request;

use super::World;
use super::stage::Options;
use crate::net::{CarrierSpec, Change, HostNet, LinkSpec, Topology};
use crate::scenario::{Deed, Machine, Plan};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn plan(stalls: usize, seed: u64) -> Plan {
    let link = LinkSpec { delay_ms: 25, rate_kbit: Some(10_000), ..LinkSpec::default() };
    let lte = CarrierSpec { up: link.clone(), down: link, nat: None };
    let net = HostNet { carriers: vec!["lte".into()], lans: vec![] };
    let mut hosts = vec![net; stalls + 1];
    hosts[0].carriers.clear();
    let carriers = BTreeMap::from([("lte".to_owned(), lte)]);
    let topology = Topology { hosts, carriers, lans: BTreeMap::new() };
    let mut machines = vec![Machine::Stall; stalls + 1];
    machines[0] = Machine::Control;
    Plan {
        name: "small".into(),
        seed,
        length: s(60),
        settle: s(60),
        topology,
        machines,
        dials: BTreeSet::new(),
        items: vec![],
    }
}

fn sale(number: u64) -> Request {
    let line = Line {
        sku: "bratwurst".into(),
        quantity: 1000,
        amount: 450,
        unit_price: None,
        discount: 0,
        tax: 0,
    };
    let sale = Sale {
        key: Key { till: "till".into(), number: KeyNumber::Counter(number) },
        business_day: 20_454,
        currency: *b"USD",
        lines: vec![line],
        tenders: vec![Tender { kind: TenderKind::Cash, amount: 450 }],
        ..Sale::default()
    };
    Request::Sale(sale, vec![])
}

fn world(stalls: usize, seed: u64, options: Options) -> World {
    let mut world = World::new(&plan(stalls, seed), &BTreeMap::new(), options).unwrap();
    (0..=stalls).for_each(|host| world.start(host));
    world
}

fn sell(world: &mut World, stalls: usize, from: u64, seconds: u64) {
    for second in from..from + seconds {
        for host in 1..=stalls {
            world.ask(host, sale(second));
        }
        world.run_until(s(second + 1)).unwrap();
    }
}

#[track_caller]
fn check_converged(world: &World, stalls: usize) {
    let vector = |host| engine::books::vector(world.store(host).as_ref()).unwrap();
    let own = |host: usize| {
        let mut own = vector(host);
        own.0.retain(|log, _| Some(log.device) == world.device(host));
        own
    };
    let control = vector(0);
    for host in 1..=stalls {
        for (log, leaves) in own(host).0 {
            assert_eq!(control.0.get(&log), Some(&leaves), "host {host}");
        }
    }
}

#[test]
fn a_control_and_two_stalls_sell_and_converge() {
    let mut world = world(2, 7, Options::default());
    sell(&mut world, 2, 0, 10);
    world.run_until(s(20)).unwrap();
    assert_eq!(world.tills.acknowledged.len(), 20, "{:?}", world.tills.refused);
    check_converged(&world, 2);
}

#[test]
fn a_stall_that_crashes_and_one_that_is_cut_off_catch_up() {
    let mut world = world(2, 8, Options { shuffle: true });
    sell(&mut world, 2, 0, 5);
    world.change(&Change::Cut { a: 0, b: 2 });
    sell(&mut world, 2, 5, 5);
    world.deed(1, &Deed::PowerCut { torn_permille: Some(500) });
    world.run_until(s(15)).unwrap();
    world.deed(1, &Deed::Start);
    sell(&mut world, 2, 15, 5);
    world.change(&Change::HealAll);
    world.run_until(s(60)).unwrap();
    assert!(world.tills.acknowledged.len() >= 29);
    check_converged(&world, 2);
}

#[test]
fn one_seed_gives_one_run() {
    let run = |seed| {
        let mut world = world(3, seed, Options { shuffle: true });
        sell(&mut world, 3, 0, 10);
        world.run_until(s(20)).unwrap();
        world.trace()
    };
    let (one, other) = (run(5), run(5));
    assert_eq!(crate::record::hash::parting(&one, &other), None);
    assert_ne!(one.hash, run(6).hash);
}

#[test]
fn speed() {
    let stalls = 7;
    let started = Instant::now();
    let mut world = world(stalls, 1, Options::default());
    for minute in 0..30_u64 {
        for host in 1..=stalls {
            world.ask(host, sale(minute));
        }
        world.run_until(s(10 * (minute + 1))).unwrap();
    }
    let wall = started.elapsed();
    let datagrams = world.state().datagrams;
    eprintln!(
        "300 s in {wall:?}: {} x; {datagrams} datagrams, {} polls",
        300_000 / wall.as_millis().max(1),
        world.polls()
    );
}

/// Set in the other process: where it writes what its trace has come to.
const ELSEWHERE: &str = "TENTPOLE_TRACE_TO";

fn long_run() -> crate::record::hash::TraceEnd {
    let mut world = world(4, 11, Options { shuffle: true });
    sell(&mut world, 4, 0, 5);
    world.change(&Change::Cut { a: 0, b: 2 });
    world.deed(3, &Deed::PowerCut { torn_permille: Some(500) });
    sell(&mut world, 4, 5, 20);
    world.deed(3, &Deed::Start);
    world.change(&Change::HealAll);
    sell(&mut world, 4, 25, 20);
    world.trace()
}

#[test]
fn one_seed_gives_one_run_in_another_process_too() {
    let trace = long_run();
    if let Ok(path) = std::env::var(ELSEWHERE) {
        std::fs::write(path, serde_json::to_vec(&trace).unwrap()).unwrap();
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let name = "world::tests::one_seed_gives_one_run_in_another_process_too";
    let other = std::process::Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact"])
        .env(ELSEWHERE, file.path())
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    assert!(other.status.success(), "{}", String::from_utf8_lossy(&other.stdout));
    let there = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
    assert_eq!(crate::record::hash::parting(&trace, &there), None);
}
