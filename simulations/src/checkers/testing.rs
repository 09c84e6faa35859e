//! Tiny worlds for the tests of checkers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use engine::event::goods::{GoodsLine, GoodsReceived};
use engine::event::sale::{Key, KeyNumber, Line, Sale, Tender, TenderKind};
use node::core::Request;

use super::{Checker, Moment};
use crate::net::{CarrierSpec, HostNet, LinkSpec, Topology};
use crate::scenario::{Deed, Happening, Id, Item, Machine, Plan};
use crate::world::World;
use crate::world::stage::Options;

/// Seconds.
pub const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A control and some stalls on one carrier; nothing happens in it.
pub fn plan(stalls: usize) -> Plan {
    let link = LinkSpec { delay_ms: 25, rate_kbit: Some(10_000), ..LinkSpec::default() };
    let lte = CarrierSpec { up: link.clone(), down: link, nat: None };
    let net = HostNet { carriers: vec!["lte".into()], lans: vec![] };
    let mut hosts = vec![net; stalls + 1];
    hosts[0].carriers.clear();
    let carriers = BTreeMap::from([("lte".to_owned(), lte)]);
    let mut machines = vec![Machine::Stall; stalls + 1];
    machines[0] = Machine::Control;
    Plan {
        name: "tiny".into(),
        seed: 3,
        length: s(60),
        settle: s(60),
        topology: Topology { hosts, carriers, lans: BTreeMap::new() },
        machines,
        dials: BTreeSet::new(),
        items: vec![],
    }
}

/// The same with a deed in it, so that checkers know of it.
pub fn plan_with(stalls: usize, host: usize, deed: Deed) -> Plan {
    let what = Happening::Host { host, deed };
    let items = vec![Item { id: Id::Fault("planted".into()), at: s(0), what }];
    Plan { items, ..plan(stalls) }
}

/// Its world, in which everybody of the market has started.
pub fn world(plan: &Plan) -> World {
    let mut world = World::new(plan, &BTreeMap::new(), Options::default()).unwrap();
    let ours = (0..plan.machines.len()).filter(|host| world.device(*host).is_some());
    ours.collect::<Vec<_>>().into_iter().for_each(|host| world.start(host));
    world
}

/// One bratwurst for 4.50, and as many rights to promised wristbands as that.
pub fn sale(number: u64, wristbands: u64) -> Request {
    let line = |sku: &str, pieces: u64| Line {
        sku: sku.into(),
        quantity: pieces * 1000,
        amount: 450,
        unit_price: None,
        discount: 0,
        tax: 0,
    };
    let mut lines = vec![line("bratwurst", 1)];
    if wristbands > 0 {
        lines.push(line("wristband", wristbands));
    }
    let amount = lines.iter().map(|line| line.amount).sum();
    Request::Sale(
        Sale {
            key: Key { till: "till".into(), number: KeyNumber::Counter(number) },
            business_day: 20_454,
            currency: *b"USD",
            lines,
            tenders: vec![Tender { kind: TenderKind::Cash, amount }],
            ..Sale::default()
        },
        vec![],
    )
}

/// Promised wristbands come in.
pub fn wristbands(pieces: u64) -> Request {
    let line = GoodsLine { sku: "wristband".into(), quantity: pieces * 1000 };
    let received = GoodsReceived {
        key: Key { till: "dock".into(), number: KeyNumber::Counter(0) },
        at_ms: 0,
        reference: String::new(),
        lines: vec![line],
    };
    Request::Promised(received, vec!["wristband".into()])
}

/// A stall sells once a second, from the next second on.
pub fn sell(world: &mut World, host: usize, sales: u64) {
    for _ in 0..sales {
        let second = world.now().as_secs();
        world.ask(host, sale(second, 0));
        world.run_until(s(second + 1)).unwrap();
    }
}

/// What a checker says, in words.
#[track_caller]
pub fn look(checker: &mut dyn Checker, world: &mut World, moment: Moment) -> Option<String> {
    checker.look(world, moment).unwrap().map(|violation| violation.text)
}
