//! What a scenario may say, and what it is told otherwise.

use super::*;

const VENUE: &str = r#"
[[hosts]]
[[hosts]]
carriers = ["lte", "dsl"]
lans = ["market"]
[[hosts]]
lans = ["market"]

[carriers.lte]
nat = { expires-s = 60 }
[carriers.lte.up]
trace = "lte-up"
lost-permille = 5
burst = { enter-permille = 1, leave-permille = 50, lost-permille = 900 }
[carriers.lte.down]
rate-kbit = 8000
queue-bytes = 4_000_000
[carriers.dsl]

[lans.market.link]
delay-ms = 1
"#;

fn venue() -> Topology {
    toml::from_str(VENUE).unwrap()
}

fn is_lte(name: &str) -> bool {
    name == "lte-up"
}

#[test]
fn a_venue_is_read_with_what_it_does_not_say_filled_in() {
    let venue = venue();
    venue.check(&is_lte).unwrap();
    let lte = &venue.carriers["lte"];
    assert_eq!(lte.nat, Some(NatSpec { expires_s: 60 }));
    assert_eq!((lte.up.trace.as_deref(), lte.up.lost_permille), (Some("lte-up"), 5));
    assert_eq!((lte.down.rate_kbit, lte.down.queue_bytes), (Some(8000), 4_000_000));
    assert_eq!((lte.down.mtu, lte.up.queue_bytes), (1500, 262_144));
    assert_eq!(venue.carriers["dsl"], CarrierSpec::default());
    assert_eq!(venue.hosts[0], HostNet::default());
}

#[test]
fn a_venue_that_is_written_is_read_back_the_same() {
    let venue = venue();
    assert_eq!(toml::from_str::<Topology>(&toml::to_string(&venue).unwrap()).unwrap(), venue);
    let json = serde_json::to_string(&venue).unwrap();
    assert_eq!(serde_json::from_str::<Topology>(&json).unwrap(), venue);
}

#[test]
fn a_word_that_nobody_knows_is_named() {
    for (text, word) in [
        ("[carriers.lte.up]\nlatency = 5", "latency"),
        ("[carriers.lte.up]\ndelay_ms = 5", "delay_ms"),
        ("[carriers.lte.nat]\nexpiry = 5", "expiry"),
        ("[[hosts]]\nlan = []", "lan"),
        ("[lans.a]\nlinks = {}", "links"),
        ("wires = 3", "wires"),
    ] {
        let error = toml::from_str::<Topology>(text).unwrap_err().to_string();
        assert!(error.contains(&format!("unknown field `{word}`")), "{error}");
    }
    let change = r#"{"what": "cut", "a": 0, "b": 1, "c": 2}"#;
    let error = serde_json::from_str::<Change>(change).unwrap_err().to_string();
    assert!(error.contains("unknown field `c`"), "{error}");
}

fn every_change() -> Vec<Change> {
    let (host, carrier) = (1, name("lte"));
    let spec = LinkSpec { rate_kbit: Some(64), ..LinkSpec::default() };
    vec![
        Change::Cut { a: 0, b: 1 },
        Change::Heal { a: 0, b: 1 },
        Change::CutOneWay { from: 0, to: 1 },
        Change::HealOneWay { from: 0, to: 1 },
        Change::CarrierDown { host, carrier: carrier.clone() },
        Change::CarrierUp { host, carrier: carrier.clone() },
        Change::CarrierSilent { host, carrier: carrier.clone(), silent: true },
        Change::Captive { host, carrier: carrier.clone(), captive: true },
        Change::SilentUp { host, carrier: carrier.clone(), silent: true },
        Change::Rebind { host, carrier: carrier.clone() },
        Change::Readdress { host, carrier: carrier.clone() },
        Change::Prefer { host, carrier: carrier.clone() },
        Change::LanDown { lan: name("market"), down: true },
        Change::Respec { carrier, up: Some(spec), down: None },
        Change::HealAll,
    ]
}

#[test]
fn every_change_is_called_what_its_type_calls_it_and_passes_the_check() {
    for change in every_change() {
        let json = serde_json::to_value(&change).unwrap();
        assert_eq!(json["what"], change.name());
        assert_eq!(serde_json::from_value::<Change>(json).unwrap(), change);
        let toml = toml::to_string(&change).unwrap();
        assert_eq!(toml::from_str::<Change>(&toml).unwrap(), change);
        venue().check_change(&change, &is_lte).unwrap();
    }
}

#[track_caller]
fn check(spoil: impl FnOnce(&mut Topology), expected: &str) {
    let mut topology = venue();
    spoil(&mut topology);
    assert_eq!(topology.check(&is_lte).unwrap_err().to_string(), expected);
}

#[test]
fn a_venue_that_cannot_be_is_refused_with_the_place() {
    check(|it| it.hosts.clear(), "hosts is empty; give at least the control, which is host 0");
    check(
        |it| it.hosts.resize(257, HostNet::default()),
        "hosts: 257 are too many; 256 is the limit",
    );
    check(
        |it| it.hosts.push(HostNet::default()),
        "host 3: it is on no carrier and on no lan; give it one",
    );
    check(
        |it| it.hosts[0].carriers.push(name("lte")),
        "host 0: carrier \"lte\" has a nat, and the control needs a public address; take another",
    );
    check(
        |it| it.carriers.extend([(name(INTERNET), hidden(5))]),
        "host 0: carrier \"internet\" has a nat, and the control needs a public address; \
         take another",
    );
    check(
        |it| it.hosts[2].carriers.push(name("5g")),
        "host 2: there is no carrier called \"5g\"; define it or mend the name",
    );
    check(
        |it| it.hosts[2].lans.push(name("market")),
        "host 2: it is on \"market\" twice; name each carrier and LAN once",
    );
    check(
        |it| it.lans.extend([(name("dsl"), LanSpec::default())]),
        "lan \"dsl\": a carrier is called so too; rename one of them",
    );
    check(
        |it| it.carriers.extend([(String::new(), CarrierSpec::default())]),
        "carriers: a name has 1 to 64 bytes, not 0; rename it",
    );
}

#[test]
fn a_link_that_cannot_be_is_refused_with_the_field() {
    let down = |what: fn(&mut LinkSpec)| {
        move |it: &mut Topology| what(&mut it.carriers.get_mut("dsl").unwrap().down)
    };
    check(
        down(|link| link.lost_permille = 1001),
        "carrier \"dsl\", down: lost-permille is 1001; it must be 0 to 1000",
    );
    check(
        down(|link| link.rate_kbit = Some(0)),
        "carrier \"dsl\", down: rate-kbit is 0; it must be 1 to 100000000",
    );
    check(down(|link| link.mtu = 0), "carrier \"dsl\", down: mtu is 0; it must be 68 to 65535");
    check(
        down(|link| link.delay_ms = 60_001),
        "carrier \"dsl\", down: delay-ms is 60001; it must be 0 to 60000",
    );
    check(
        down(|link| link.trace = Some(name("x"))),
        "carrier \"dsl\", down: there is no trace called \"x\"; define it or mend the name",
    );
    check(
        down(|link| (link.trace, link.rate_kbit) = (Some(name("lte-up")), Some(1))),
        "carrier \"dsl\", down: rate-kbit and trace exclude each other; give one of them",
    );
    check(
        |it| it.carriers.get_mut("lte").unwrap().nat = Some(NatSpec { expires_s: 0 }),
        "carrier \"lte\", nat: expires-s is 0; it must be 1 to 86400",
    );
    let burst = Burst { enter_permille: 0, leave_permille: 2000, lost_permille: 0 };
    check(
        |it| it.lans.get_mut("market").unwrap().link.burst = Some(burst),
        "lan \"market\", link: burst.leave-permille is 2000; it must be 0 to 1000",
    );
}

#[test]
fn a_change_that_cannot_be_is_refused_and_does_nothing_but_be_counted() {
    let dsl = name("dsl");
    let bad = Some(LinkSpec { mtu: 1, ..LinkSpec::default() });
    let mut network = Bed::with(&venue(), &[("lte-up", "1\n")], 1).network;
    for (change, expected) in [
        (Change::Cut { a: 0, b: 9 }, "cut: there is no host 9; hosts are 0 to 2"),
        (Change::Cut { a: 1, b: 1 }, "cut: host 1 is named twice; a cut is between two hosts"),
        (
            Change::CarrierDown { host: 2, carrier: dsl.clone() },
            "carrier-down of host 2: there is no carrier called \"dsl\"; \
             define it or mend the name",
        ),
        (
            Change::LanDown { lan: dsl.clone(), down: true },
            "lan-down: there is no lan called \"dsl\"; define it or mend the name",
        ),
        (
            Change::Respec { carrier: dsl, up: bad, down: None },
            "respec of carrier \"dsl\", up: mtu is 1; it must be 68 to 65535",
        ),
        (
            Change::Respec { carrier: name("5g"), up: None, down: None },
            "respec: there is no carrier called \"5g\"; define it or mend the name",
        ),
    ] {
        let error = venue().check_change(&change, &is_lte).unwrap_err();
        assert_eq!(error.to_string(), expected);
        if !matches!(error, TopologyError::Bound { .. } | TopologyError::Itself { .. }) {
            let before = network.stats().void_changes;
            network.change(Duration::ZERO, &change);
            assert_eq!(network.stats().void_changes, before + 1, "{change:?}");
        }
    }
    let implied = Change::CarrierDown { host: 0, carrier: name(INTERNET) };
    venue().check_change(&implied, &is_lte).unwrap();
}
