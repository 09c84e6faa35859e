//! What happens to the network while datagrams are on their way, and how it ends.

use super::*;

/// A control and two stalls with two carriers each, on a LAN; everything takes 10 ms each way.
fn venue() -> Topology {
    let stall: (&[&str], &[&str]) = (&["lte", "dsl"], &["market"]);
    let mut topology = topology(&[(&[], &[]), stall, stall]);
    topology.carriers.get_mut("dsl").unwrap().nat = Some(NatSpec::default());
    for link in topology.carriers.values_mut().flat_map(|it| [&mut it.up, &mut it.down]) {
        link.delay_ms = 10;
    }
    topology.lans.get_mut("market").unwrap().link.delay_ms = 10;
    topology
}

fn lte(host: usize) -> (usize, String) {
    (host, name("lte"))
}

/// Who reaches whom: a pair of hosts and whether what the first sends arrives.
#[track_caller]
fn check(bed: &mut Bed, expected: &[(usize, usize, bool)]) {
    for (from, to, arrives) in expected {
        assert_eq!(bed.reaches(*from, *to), *arrives, "from {from} to {to}");
    }
}

const ALL: [(usize, usize, bool); 6] =
    [(0, 1, true), (1, 0, true), (0, 2, true), (2, 0, true), (1, 2, true), (2, 1, true)];

#[track_caller]
fn check_ends(begin: Change, during: &[(usize, usize, bool)], end: Change) {
    for last in [end, Change::HealAll] {
        let mut bed = Bed::new(&venue());
        check(&mut bed, &ALL);
        bed.change(begin.clone());
        check(&mut bed, during);
        bed.change(last);
        check(&mut bed, &ALL);
    }
}

#[test]
fn a_cut_is_both_ways_over_every_link_and_leaves_the_others() {
    let apart = [(1, 2, false), (2, 1, false), (1, 0, true), (2, 0, true), (0, 1, true)];
    check_ends(Change::Cut { a: 2, b: 1 }, &apart, Change::Heal { a: 1, b: 2 });
}

#[test]
fn a_cut_of_one_way_leaves_the_other() {
    let apart = [(1, 0, false), (0, 1, true), (1, 2, true), (2, 0, true)];
    check_ends(Change::CutOneWay { from: 1, to: 0 }, &apart, Change::HealOneWay { from: 1, to: 0 });
}

#[test]
fn what_is_sent_during_a_cut_does_not_arrive_after_it() {
    let mut bed = Bed::new(&venue());
    bed.change(Change::Cut { a: 0, b: 1 });
    bed.change(Change::CutOneWay { from: 1, to: 2 });
    assert!(bed.send(1, 0, b"x").is_empty());
    assert!(bed.send(1, 2, b"x").is_empty());
    bed.check_drops(1, "lte", true, &[("cut", 1)]);
    bed.check_drops(1, "market", true, &[("cut", 1)]);
    check_sums(&bed.network, 0);
}

#[test]
fn cuts_of_both_kinds_do_not_end_each_other() {
    let mut bed = Bed::new(&venue());
    bed.change(Change::Cut { a: 0, b: 1 });
    bed.change(Change::CutOneWay { from: 0, to: 1 });
    bed.change(Change::CutOneWay { from: 2, to: 1 });
    bed.change(Change::Heal { a: 0, b: 1 });
    check(&mut bed, &[(0, 1, false), (1, 0, true)]);
    bed.change(Change::HealOneWay { from: 2, to: 1 });
    check(&mut bed, &[(0, 1, false), (2, 1, true)]);
}

#[test]
fn a_carrier_that_is_silent_stays_the_route() {
    let (host, carrier) = lte(1);
    let on = Change::CarrierSilent { host, carrier: carrier.clone(), silent: true };
    let off = Change::CarrierSilent { host, carrier, silent: false };
    check_ends(on, &[(1, 0, false), (0, 1, false), (1, 2, true), (2, 0, true)], off);
}

#[test]
fn a_portal_lets_nothing_to_the_internet_and_leaves_the_lan() {
    let (host, carrier) = lte(1);
    let on = Change::Captive { host, carrier: carrier.clone(), captive: true };
    let off = Change::Captive { host, carrier, captive: false };
    check_ends(on, &[(1, 0, false), (0, 1, false), (1, 2, true), (2, 1, true)], off);
}

#[test]
fn a_dead_uplink_leaves_the_downlink() {
    let (host, carrier) = lte(1);
    let on = Change::SilentUp { host, carrier: carrier.clone(), silent: true };
    let off = Change::SilentUp { host, carrier, silent: false };
    check_ends(on, &[(1, 0, false), (0, 1, true), (1, 2, true)], off);
}

#[test]
fn a_lan_that_is_down_is_down_for_its_hosts_alone() {
    let on = Change::LanDown { lan: name("market"), down: true };
    let off = Change::LanDown { lan: name("market"), down: false };
    check_ends(on, &[(1, 2, false), (2, 1, false), (1, 0, true), (2, 0, true)], off);
}

#[test]
fn a_carrier_that_is_down_hands_its_route_to_the_next() {
    let (host, carrier) = lte(1);
    let mut bed = Bed::new(&venue());
    let before = bed.send(1, 0, b"x").remove(0).from;
    bed.change(Change::CarrierDown { host, carrier: carrier.clone() });
    let after = bed.send(1, 0, b"x").remove(0).from;
    assert_ne!(before.ip(), after.ip());
    assert!(bed.send_to(0, before, b"x").is_empty());
    assert_eq!(bed.send_to(0, after, b"x").len(), 1);
    bed.check_drops(1, "lte", false, &[("down", 1)]);

    bed.change(Change::CarrierDown { host, carrier: name("dsl") });
    assert_eq!(bed.network.route_of(1), None);
    check(&mut bed, &[(1, 0, false), (1, 2, true)]);
    assert_eq!(bed.network.stats().unsent, [0, 1, 0]);

    bed.change(Change::CarrierUp { host, carrier });
    assert_eq!(bed.send(1, 0, b"x").remove(0).from, before);
}

#[test]
fn a_handover_moves_the_route_and_keeps_the_other_carrier() {
    let mut bed = Bed::new(&venue());
    let before = bed.send(1, 0, b"x").remove(0).from;
    bed.change(Change::Prefer { host: 1, carrier: name("dsl") });
    let after = bed.send(1, 0, b"x").remove(0).from;
    assert_eq!(bed.network.route_of(1), Some("dsl"));
    for from in [before, after] {
        assert_eq!(bed.send_to(0, from, b"x").len(), 1, "{from}");
    }
    bed.change(Change::HealAll);
    assert_eq!(bed.network.route_of(1), Some("dsl"));
}

#[test]
fn rebinding_changes_the_port_alone_and_readdressing_the_address() {
    let mut bed = Bed::new(&venue());
    let carrier = name("dsl");
    bed.change(Change::Prefer { host: 1, carrier: carrier.clone() });
    let first = bed.send(1, 0, b"x").remove(0).from;
    bed.change(Change::Rebind { host: 1, carrier: carrier.clone() });
    let second = bed.send(1, 0, b"x").remove(0).from;
    assert_eq!(first.ip(), second.ip());
    assert_ne!(first.port(), second.port());
    let own = bed.send_to(0, second, b"x").remove(0).to;
    bed.change(Change::Readdress { host: 1, carrier });
    let third = bed.send(1, 0, b"x").remove(0).from;
    assert_ne!(second.ip(), third.ip());
    assert_ne!(second.port(), third.port());
    assert_ne!(bed.send_to(0, third, b"x").remove(0).to.ip(), own.ip());
    for from in [first, second] {
        assert!(bed.send_to(0, from, b"x").is_empty(), "{from}");
    }
}

#[test]
fn a_control_with_another_address_is_found_under_that_alone() {
    let mut bed = Bed::new(&venue());
    let before = bed.dial(0, 1);
    bed.change(Change::Readdress { host: 0, carrier: name(INTERNET) });
    assert_ne!(bed.dial(0, 1), before);
    check(&mut bed, &[(1, 0, true)]);
    assert!(bed.send_to(1, before, b"x").is_empty());
}

/// Whether something that is sent from `from` to `to` lands, if this happens 5 ms later.
#[track_caller]
fn check_lands(topology: &Topology, (from, to): (usize, usize), change: Change, expected: bool) {
    let mut bed = Bed::new(topology);
    let delivery = bed.send(from, to, &[0; 1000]).remove(0);
    bed.now = ms(5);
    bed.change(change.clone());
    assert_eq!(bed.network.lands(&delivery), expected, "{change:?}");
    let down = bed.network.stats().interfaces.iter().map(|it| it.down.dropped_by(Cause::Flight));
    assert_eq!(down.sum::<u64>(), u64::from(!expected));
    check_sums(&bed.network, 1);
}

#[test]
fn what_is_on_its_way_to_what_goes_away_is_lost() {
    let venue = venue();
    let (host, carrier) = lte(1);
    for change in [
        Change::CarrierDown { host, carrier: carrier.clone() },
        Change::CarrierSilent { host, carrier: carrier.clone(), silent: true },
        Change::Captive { host, carrier: carrier.clone(), captive: true },
        Change::Readdress { host, carrier: carrier.clone() },
        Change::Cut { a: 0, b: 1 },
        Change::CutOneWay { from: 0, to: 1 },
    ] {
        check_lands(&venue, (0, 1), change, false);
    }
    for change in [
        Change::SilentUp { host, carrier, silent: true },
        Change::CutOneWay { from: 1, to: 0 },
        Change::LanDown { lan: name("market"), down: true },
        Change::CarrierDown { host, carrier: name("dsl") },
        Change::Cut { a: 0, b: 2 },
    ] {
        check_lands(&venue, (0, 1), change, true);
    }
    check_lands(&venue, (1, 2), Change::LanDown { lan: name("market"), down: true }, false);
}

#[test]
fn what_waits_in_a_queue_that_goes_away_is_lost_and_what_is_on_the_wire_is_not() {
    let (host, carrier) = lte(1);
    let down = Change::CarrierDown { host, carrier: carrier.clone() };
    let respec =
        Change::Respec { carrier: carrier.clone(), up: Some(LinkSpec::default()), down: None };
    // 1,028 bytes are 4 ms of this rate, and 13 ms of a third of it.
    for (rate_kbit, lands) in [(2056, true), (632, false)] {
        let mut venue = venue();
        venue.carriers.get_mut(&carrier).unwrap().up.rate_kbit = Some(rate_kbit);
        check_lands(&venue, (1, 0), down.clone(), lands);
        check_lands(&venue, (1, 0), respec.clone(), lands);
    }
}

#[test]
fn a_queue_that_went_away_for_a_moment_comes_back_empty() {
    let (host, carrier) = lte(1);
    let slow = LinkSpec { rate_kbit: Some(100), ..LinkSpec::default() };
    let mut venue = venue();
    venue.carriers.get_mut(&carrier).unwrap().up = slow.clone();
    venue.carriers.get_mut(&carrier).unwrap().down = slow.clone();
    venue.lans.get_mut("market").unwrap().link = slow;
    let lan = |down| Change::LanDown { lan: name("market"), down };
    let down = Change::CarrierDown { host, carrier: carrier.clone() };
    let up = Change::CarrierUp { host, carrier };
    for ((from, to), changes) in [
        ((0, 1), [down.clone(), up.clone()]),
        ((1, 0), [down, up]),
        ((1, 2), [lan(true), lan(false)]),
    ] {
        let mut bed = Bed::new(&venue);
        let before = bed.send(from, to, &[0; 1000]).remove(0);
        bed.now = ms(5);
        changes.into_iter().for_each(|change| bed.change(change));
        let after = bed.send(from, to, &[0; 1000]).remove(0);
        assert_eq!(after.at - bed.now, before.at, "from {from} to {to}");
        assert!(!bed.network.lands(&before), "from {from} to {to}");
        assert!(bed.network.lands(&after), "from {from} to {to}");
    }
}

#[test]
fn another_kind_of_link_is_so_for_everybody_and_at_once() {
    let mut bed = Bed::new(&venue());
    let slow = LinkSpec { delay_ms: 500, rate_kbit: Some(1), ..LinkSpec::default() };
    bed.change(Change::Respec { carrier: name("lte"), up: Some(slow), down: None });
    for host in [1, 2] {
        assert!(bed.send(host, 0, b"x")[0].at > ms(700), "host {host}");
        assert_eq!(bed.send(0, host, b"x")[0].at, ms(10));
    }
    let fast = LinkSpec { rate_kbit: Some(100_000), ..LinkSpec::default() };
    bed.change(Change::Respec { carrier: name("lte"), up: Some(fast), down: None });
    assert!(bed.send(1, 0, b"x")[0].at < ms(1));
}

#[test]
fn a_metered_plan_stays_used_up_until_it_is_a_larger_one() {
    let plan = |cap| LinkSpec { cap_bytes: cap, ..LinkSpec::default() };
    let mut bed = Bed::new(&uplink(plan(Some(40))));
    let respec = |cap| Change::Respec { carrier: name("lte"), up: Some(plan(cap)), down: None };
    check(&mut bed, &[(1, 0, true), (1, 0, false)]);
    bed.change(respec(Some(40)));
    check(&mut bed, &[(1, 0, false)]);
    bed.change(respec(Some(60)));
    check(&mut bed, &[(1, 0, true), (1, 0, false)]);
    bed.change(respec(None));
    check(&mut bed, &[(1, 0, true)]);
}
